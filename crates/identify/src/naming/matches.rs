//! What is told of a name that was looked up: the row that the command, the page and its data formats have in common.

use crowsnest_lake::own_rows::Holds;
use crowsnest_lake::{Identity, Language};
use crowsnest_model::Kind;
use serde::Serialize;

use super::lookup::NameIndex;

/// An entity that a name may be of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NameMatch {
    /// What it is called.
    pub name: String,
    /// `product`, `company` or `segment`.
    pub kind: String,
    /// The company that it belongs to.
    pub company: Option<String>,
    /// How probable it is that the name is its, 0 to 1.
    pub score: f64,
    /// Whether it may be taken without asking.
    pub is_match: bool,
    /// Which of its names is most like the one that was asked for.
    pub by_name: String,
    /// Why, in words.
    pub why: String,
    /// Its address.
    pub entity: String,
}

/// The columns of [`NameMatch`], in order.
pub const MATCH_FIELDS: &[(&str, Holds)] = &[
    ("name", Holds::Text),
    ("kind", Holds::Text),
    ("company", Holds::Text),
    ("score", Holds::Number),
    ("is_match", Holds::Flag),
    ("by_name", Holds::Text),
    ("why", Holds::Text),
    ("entity", Holds::Text),
];

/// The entities that a name may be of, best first; of some kinds only, where any are named.
pub fn name_matches(
    index: &NameIndex,
    identity: &Identity,
    name: &str,
    kinds: &[Kind],
    limit: usize,
    language: Language,
) -> Vec<NameMatch> {
    let is_wanted = |id| kinds.is_empty() || identity.entity(id).is_some_and(|entity| kinds.contains(&entity.kind));
    let found = index.find(name, limit, is_wanted).into_iter().filter_map(|candidate| {
        let entity = identity.entity(candidate.entity)?;
        let owner = entity.owner.and_then(|owner| identity.entity(owner));
        Some(NameMatch {
            name: entity.name(language).to_owned(),
            kind: entity.kind.to_string(),
            company: owner.map(|owner| owner.name(language).to_owned()),
            score: candidate.probability,
            is_match: candidate.is_match,
            why: candidate.why(),
            by_name: candidate.name,
            entity: entity.hex(),
        })
    });
    found.collect()
}
