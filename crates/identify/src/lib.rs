//! Identify: which names are the same product or company.
//!
//! In: the market's `catalogue/*.csv`. Out: the tables `aliases` and `relations`, which the lake's identity reads.
//! Curated knowledge is code: what the files say holds, what they no longer say ends, and each change is a new row.
//!
//! [`matching`] says of records of two sides which pairs mean the same, and how probable that is; so far it is asked for
//! files that people name, and writes nothing.
//!
//! Invariants: reads only the catalogue and its own two tables; writes only those; rewrites nothing.
//!
//! Deliberately absent: guessing in the tables. What matching says does not become an alias before judgements and their
//! review exist.
//! To add a kind of catalogue file: one reader in `catalogue.rs` and one line in `read`.

mod catalogue;
pub mod matching;
mod sync;

pub use catalogue::{Catalogue, CatalogueError, Fault};
pub use sync::{Synced, sync_catalogue};

/// This step in the flow.
pub static STEP: crowsnest_lake::Step = crowsnest_lake::Step {
    name: "identify",
    doc: "the catalogue's names and owners become aliases and relations; mentions become entities",
    reads: &["mentions"],
    writes: &["aliases", "relations"],
};
