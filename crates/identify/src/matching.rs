//! Matching: records of two sides to pairs, each with the probability that both mean the same.
//!
//! In: records with any columns ([`Records`]), and pairs of which somebody says whether they are the same. Out: candidates
//! by blocking keys (`candidates.rs`, a plan of the engine), comparisons with names in words (`comparisons.rs`), and
//! probabilities learnt with labels (`labelled.rs`) or without (`unlabelled.rs`), calibrated and explained.
//!
//! Invariants: the same records give the same probabilities on every machine; a record has at most
//! [`CANDIDATES_MAX`] candidates, whatever it is called; nothing of the test split is seen before it is judged, and
//! everything that was chosen by trying was chosen without it.
//!
//! Deliberately absent: judgements and clusters, which are made of these probabilities elsewhere, and network models: what
//! is said of a pair has to be told in words, on any machine.

mod candidates;
mod comparisons;
mod error;
mod evaluate;
mod explain;
mod folder;
mod labelled;
mod levels;
mod log_odds;
mod meeting_values;
mod records;
mod rivals;
mod telling_words;
mod text_column;
mod text_comparisons;
mod unlabelled;
mod value;

pub use candidates::CANDIDATES_MAX;
pub use error::MatchError;
pub use evaluate::{EvaluateRequest, Evaluation, MatchProgress, evaluate};
pub use explain::{Explained, ExplainedColumn, Reason};
pub use folder::{Folder, Labelled, Split};
pub use records::{Pair, Records};
