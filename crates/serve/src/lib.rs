//! Pages, their data, and the HTTP server.
//!
//! In: a [`Lake`](crowsnest_lake::Lake), asked through its questions. Out: HTML pages that work without JavaScript,
//! and the same addresses as `.json`, `.csv` and `.parquet`.
//!
//! Invariants:
//! - Looking changes nothing. What people decide, and their own accounts, are changed by forms that [`access`] lists, after
//!   [`guard`] has seen who it is, and told in the audit log. Nothing is fetched from elsewhere, by the server or its pages.
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
mod assets;
mod bars;
mod cache;
mod caller;
mod chart;
pub mod credentials;
mod deciding;
mod error;
mod frame;
mod guard;
mod guesses;
mod login;
mod metrics;
mod names;
mod numbers;
mod page;
mod pages;
mod raw;
mod reconcile;
mod redistribution;
mod request;
mod router;
mod routes;
mod rows;
mod runs;
mod security;
mod server;
mod site;
mod words;

pub use accounts::Accounts;
pub use caller::{Caller, Role};
pub use error::ServeError;
pub use metrics::serve_metrics;
pub use router::router;
pub use server::{ServeOptions, serve};

/// The result of everything in this crate.
pub type Result<T, E = ServeError> = std::result::Result<T, E>;
