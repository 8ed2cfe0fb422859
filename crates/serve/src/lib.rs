//! Pages, their data, and the HTTP server.
//!
//! In: a [`Lake`](crowsnest_lake::Lake), asked through its questions. Out: HTML pages that work without JavaScript,
//! and the same addresses as `.json`, `.csv` and `.parquet`; reports and digests also as `.pdf`.
//!
//! Invariants:
//! - Looking changes nothing. What people decide, accounts, and the log of bandits are changed by what [`access`]
//!   lists, after [`guard`] has seen who it is; decisions are told in the audit log. No request fetches anything from elsewhere,
//!   but for logging in by the provider that the market's file names ([`oidc`]).
//! - Connects outward else for deliveries alone, to channels that the market's own file names, under the rules of [`deliver`].
//! - Every number on a page links to its claim, a claim to its document, a document to its bytes.
//! - Names and texts come from strangers: templates escape them, chart data is escaped for scripts, CSV guards
//!   formulas, and raw documents are never served as HTML.
//! - What sources' servers said (errors, differences, addresses) is shown to the owner and to analysts only.
//! - Few questions a page, asked at once; nothing is computed per request that the lake could have answered.
//! - Prints nothing.
//!
//! A request goes [`router`] → `guard` (who asks, whether they may) → `request` (parts, language, as-of) → `page` (time limit, format) → `pages/NAME.rs`
//! (question, view) → `templates/NAME.html`, with `numbers`, `words` and `chart` for what people read.
//!
//! To add a page: one file in `pages/`, one template, one line in `routes.rs`. To add a phrase: one line in
//! `words.tsv`.

mod access;
mod account;
mod accounts;
mod agents;
mod allocate;
mod api;
mod assets;
mod bars;
mod cache;
pub mod caller;
mod chart;
mod chart_file;
mod compared;
mod counts;
pub mod credentials;
mod curves;
mod deciding;
pub mod deliver;
mod digests;
mod error;
mod feed;
mod form;
mod frame;
mod guard;
mod guesses;
mod login;
mod message;
mod metrics;
mod names;
mod notes;
mod numbers;
mod oidc;
mod packed;
mod page;
mod pages;
mod palette;
mod plan_report;
mod raw;
mod ready;
mod reconcile;
mod redistribution;
pub mod reports;
mod request;
mod router;
mod routes;
mod rows;
mod runs;
mod security;
mod server;
mod signal_marks;
mod site;
mod span;
mod telling;
mod users;
mod views;
mod wire;
mod words;
mod work;

pub use accounts::Accounts;
pub use agents::{AgentOptions, serve_agent};
pub use caller::{Caller, Role};
pub use digests::{Audience, digest_mail, digest_markdown, digest_paper, digest_text, in_a_line};
pub use error::ServeError;
pub use metrics::serve_metrics;
pub use pages::alerts::{alerts_answer, raised_alerts};
pub use pages::digest::happenings_answer;
pub use router::router;
pub use server::{ServeOptions, serve};
pub use wire::{SqlLimits, SqlOptions, TlsFiles, serve_sql, serve_sql_to};

/// The result of everything in this crate.
pub type Result<T, E = ServeError> = std::result::Result<T, E>;
