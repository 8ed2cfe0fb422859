//! Identify: which names are the same product or company.
//!
//! In: the market's `catalogue/*.csv`, the mentions of its sources, and what people judge. Out: the tables `aliases`,
//! `relations`, `judgements`, `links`, `memberships` and `keys_of_names`, from which the lake's identity says who is who.
//! Curated knowledge is code: what the files say holds, what they no longer say ends, and each change is a new row.
//!
//! [`resolving`] compares the market's names with each other, groups them, and takes what people decide. [`matching`] says
//! of records of two sides which pairs mean the same; it is asked for files that people name, and writes nothing.
//!
//! [`naming`] says of two names whether they are of one product or company, and looks a name up among the market's.
//!
//! Invariants: reads the catalogue, `mentions`, `claims` and its own tables; writes only those; rewrites nothing; the catalogue
//! outweighs people, and people outweigh scores.
//!
//! To add a kind of catalogue file: one reader in `catalogue.rs` and one line in `read`. To add a comparison of names: see
//! [`resolving`].

mod catalogue;
pub mod matching;
pub mod naming;
pub mod resolving;
mod sync;

pub use catalogue::{Alias, Catalogue, CatalogueError, Different, Fault, Owner};
pub use sync::{Synced, sync_catalogue};

/// This step in the flow.
pub static STEP: crowsnest_lake::Step = crowsnest_lake::Step {
    name: "identify",
    doc: "the catalogue's names and owners become aliases and relations; names that are alike become links, and entities",
    reads: &["mentions", "claims"],
    writes: &["aliases", "relations", "judgements", "links", "memberships", "keys_of_names"],
};
