//! Naming: whether two names are of one product or company, by the names alone.
//!
//! In: names in English, simplified and traditional Chinese, pinyin, with legal forms or as abbreviations. Out: how
//! probable it is that two are the same, with reasons in words, and for a name its candidates among many. What is learnt
//! comes from the gold set (`gold/`), labelled pairs with their sources, when it is first asked for.
//!
//! Invariants: the same names give the same probabilities on every machine, whichever is left and which right; no row of
//! the gold set's test split is learnt from; a name may be empty, long, or of any script.
//!
//! Deliberately absent: a list of who is who. That 谷歌 is Google no one can tell by the names: it is for the catalogue.

mod across;
mod alike;
mod apart;
mod comparisons;
mod evaluate;
mod gold;
mod kept;
mod known;
mod lexicon;
mod lookup;
mod matches;
mod model;
mod parts;
mod scorer;
mod segments;

pub use evaluate::{KindEvaluation, Mistake, NameError, NameEvaluation, evaluate_names};
pub use gold::KINDS_TO_KNOW;
pub use known::known_names;
pub use lookup::{FoundName, KnownName, NameIndex, NameReason};
pub use matches::{MATCH_FIELDS, NameMatch, name_matches};
pub use model::{probability_by, taught_model};
pub use scorer::{score_names, scorer_without};
