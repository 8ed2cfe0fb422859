//! The lake: the market's tables, the engine over them, and the questions people ask of them.
//!
//! In: batches of claims, events, mentions … from the steps ([`Lake::append`]); document bodies ([`DocumentStore`]).
//! Out: Arrow batches for any SQL ([`Lake::query`]) and the shaped answers of [`questions`].
//!
//! Invariants:
//! - Tables are Delta tables and only grow; a row is never changed. Rewriting files ([`maintain`]) keeps every row.
//! - [`Lake::append`] is atomic, adds each row once by the table's `unique_by` columns, and holds against other writers.
//! - This is the only crate that writes to disk, names deltalake, object_store or rusqlite, or builds sessions.
//! - It speaks to object stores, to no other place of the network, and prints nothing.
//!
//! To add a table or column: describe it in `model::tables` (and write the ADR); lakes made before get it on opening.
//! To add a SQL function: one file in `functions/` and one line in [`functions::FUNCTIONS`].
//! To add a question: one file in `questions/` and one line in `questions/mod.rs`.

mod among;
pub mod answer;
mod append;
mod arranged;
pub mod backup;
mod by_name;
#[cfg(feature = "cluster")]
pub mod cluster;
mod coded;
mod commit;
mod distinct;
pub mod documents;
pub mod encode;
mod engine;
mod error;
pub mod files;
mod footers;
pub mod foreign;
pub mod functions;
mod identity;
mod keyed;
mod lake;
pub mod login;
pub mod maintain;
mod market;
pub mod noting;
pub mod objects;
pub mod own_rows;
mod parts;
mod provider;
pub mod questions;
mod recut;
pub mod retention;
mod run;
pub mod schema;
mod scratch;
pub mod sealed;
pub mod sessions;
mod sort;
mod source_card;
mod source_files;
#[cfg(unix)]
mod spill;
pub mod sql;
pub mod state;
mod statistics;
mod step;
mod stores;
mod table;
mod views;

pub use answer::Answer;
pub use append::Appended;
pub use documents::DocumentStore;
pub use engine::LakeOptions;
pub use error::LakeError;
pub use identity::{Entity, Identity, Language, Relation, entity_hex};
pub use lake::Lake;
pub use login::{LoginConfig, OidcConfig};
pub use market::{Breaks, Market, MarketConfig, ReconcileConfig, Secrets, Whole};
pub use run::Job;
pub use scratch::Scratch;
pub use source_card::{Purchase, SourceCard, SourceCollect, SourceCost};
pub use source_files::SourceFiles;
pub use step::Step;
pub use views::VIEWS;

/// The result of everything in this crate.
pub type Result<T, E = LakeError> = std::result::Result<T, E>;
