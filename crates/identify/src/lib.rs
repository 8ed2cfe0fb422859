//! Identify: which names are the same product or company.
//!
//! In: the market's `catalogue/*.csv`. Out: the tables `aliases` and `relations`, which the lake's identity reads.
//! Curated knowledge is code: what the files say holds, what they no longer say ends, and each change is a new row.
//!
//! Invariants: reads only the catalogue and its own two tables; writes only those; rewrites nothing.
//!
//! Deliberately absent: guessing. Candidates, scores, review and judgements come with their own issue.
//! To add a kind of catalogue file: one reader in `catalogue.rs` and one line in `read`.

mod catalogue;
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
