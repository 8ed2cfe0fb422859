//! Resolving: the market's names to entities, by comparing them with each other.
//!
//! In: the tables `mentions`, `claims`, `aliases`, `relations` and `judgements`. Out: `links` (pairs that were compared, with their
//! probability and what it rests on) and `memberships` (which entity each name was resolved to). Names are the identities
//! that mentions have by themselves: a hundred thousand equal names are one.
//!
//! Candidates come from keys that names have in common (`candidates.rs`, plans of the engine); comparisons have levels
//! (`comparisons.rs`) whose weights start from what is known of names and follow the market's own pairs (`weights.rs`);
//! clusters are those of correlation clustering (`clusters.rs`), so that one bad link brings no two groups together.
//!
//! Invariants: the same tables give the same rows, on every machine; nothing is rewritten; the catalogue and people's
//! judgements are never overruled. To add a comparison: an entry in `comparisons::COMPARISONS` and its level in `levels`.

mod candidates;
mod clusters;
mod comparisons;
mod contradictions;
mod decisions;
mod evidence;
mod export;
mod figures;
mod grouping;
mod held;
mod ids;
mod keys;
mod names;
mod resolve;
pub(crate) mod rows;
mod scoring;
mod taught;
mod weights;

pub use contradictions::{Contradiction, contradictions};
pub use decisions::{Change, DecisionError, Decisions, Related, Undone};
pub use evidence::{Evidence, EvidenceReason, Side, explain_pair, open_questions};
pub use export::{Exported, export_judgements};
pub use resolve::{ResolveOptions, Resolved, n_unresolved, resolve};
pub use weights::Costs;

use crowsnest_model::Kind;

/// Two names of one kind.
pub type NamePair<'a> = (Kind, &'a str, &'a str);

/// Judges pairs of names by themselves: nats for (above 0) or against their being the same, or `None` where it has nothing
/// to say. Given to [`ResolveOptions`], it judges what the levels of names leave open.
pub type NameScorer = dyn Fn(&[NamePair<'_>]) -> Vec<Option<f64>> + Send + Sync;
