//! Pages, their data, and the HTTP server.
//!
//! In: a [`Lake`](crowsnest_lake::Lake), asked through its questions. Out: HTML pages that work without JavaScript,
//! and the same addresses as `.json`, `.csv` and `.parquet`.
//!
//! Invariants:
//! - Reads only: no request changes anything but the log of bandits ([`allocate`]); no request fetches anything from elsewhere.
//! - Connects outward for deliveries alone, to channels that the market's own file names, under the rules of [`deliver`].
//! - Every number on a page links to its claim, a claim to its document, a document to its bytes.
//! - Names and texts come from strangers: templates escape them, chart data is escaped for scripts, CSV guards
//!   formulas, and raw documents are never served as HTML.
//! - What sources' servers said (errors, differences, addresses) is shown on the owner's machine only.
//! - Few questions a page, asked at once; nothing is computed per request that the lake could have answered.
//! - Prints nothing.
//!
//! A request goes [`router`] → `request` (parts, language, as-of) → `page` (time limit, format) → `pages/NAME.rs`
//! (question, view) → `templates/NAME.html`, with `numbers`, `words` and `chart` for what people read.
//!
//! To add a page: one file in `pages/`, one template, one line in `routes.rs`. To add a phrase: one line in
//! `words.tsv`.

mod agents;
mod allocate;
mod api;
mod assets;
mod bars;
mod cache;
pub mod caller;
mod chart;
mod curves;
pub mod deliver;
mod digests;
mod error;
mod feed;
mod frame;
mod message;
mod metrics;
mod names;
mod numbers;
mod page;
mod pages;
mod plan_report;
mod raw;
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
mod telling;
mod wire;
mod words;

pub use agents::{AgentOptions, serve_agent};
pub use digests::{Audience, digest_mail, digest_markdown, digest_text, in_a_line};
pub use error::ServeError;
pub use metrics::serve_metrics;
pub use pages::alerts::{alerts_answer, raised_alerts};
pub use pages::digest::happenings_answer;
pub use router::router;
pub use server::{ServeOptions, serve};
pub use wire::{SqlLimits, SqlOptions, TlsFiles, serve_sql, serve_sql_to};

/// The result of everything in this crate.
pub type Result<T, E = ServeError> = std::result::Result<T, E>;
