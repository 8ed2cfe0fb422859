//! Who belonged to whom, and what followed what, on a day.
//!
//! A relation holds from one day to another, or always; who tells of it is kept with it. A chain of owners ends where it
//! comes back to itself, so that a mistake in the catalogue costs no more than the owners behind it.

use std::collections::{HashMap, HashSet};

/// One relation between two entities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// `owned_by`, `successor_of` or `version_of`.
    pub relation: String,
    /// What belongs, follows or is a version.
    pub entity_id: i64,
    /// What it belongs to, follows or is a version of.
    pub other_id: i64,
    /// First day, since 1970-01-01; ever before where `None`.
    pub valid_from: Option<i32>,
    /// First day on which it no longer holds; for ever where `None`.
    pub valid_until: Option<i32>,
    /// A file of the catalogue, or a person.
    pub by: String,
    /// On what grounds, if somebody said.
    pub why: String,
}

impl Relation {
    /// Whether it holds on a day.
    pub fn holds_on(&self, day: i32) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_until.is_none_or(|until| day < until)
    }
}

/// All relations, by what they are of.
#[derive(Debug, Default)]
pub(super) struct Relations {
    of: HashMap<i64, Vec<Relation>>,
}

impl Relations {
    /// In the order in which they were told: of two that hold, the one that began later counts, then the later told.
    pub(super) fn new(told: Vec<Relation>) -> Self {
        let mut of: HashMap<i64, Vec<Relation>> = HashMap::new();
        for relation in told.into_iter().filter(|relation| relation.entity_id != relation.other_id) {
            of.entry(relation.entity_id).or_default().push(relation);
        }
        Self { of }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Relation> {
        self.of.values().flatten()
    }

    pub(super) fn of(&self, entity: i64) -> &[Relation] {
        self.of.get(&entity).map(Vec::as_slice).unwrap_or_default()
    }

    /// The other side of the relation that holds on a day.
    pub(super) fn other_on(&self, entity: i64, relation: &str, day: i32) -> Option<i64> {
        let holding = self.of(entity).iter().filter(|told| told.relation == relation && told.holds_on(day));
        // Of equal ones `max_by_key` takes the last.
        holding.max_by_key(|told| told.valid_from.unwrap_or(i32::MIN)).map(|told| told.other_id)
    }

    /// Owner, owner's owner and so on, until there is none or one comes again.
    pub(super) fn chain_on(&self, entity: i64, day: i32) -> Vec<i64> {
        let mut seen = HashSet::from([entity]);
        let mut chain = Vec::new();
        let mut at = entity;
        while let Some(owner) = self.other_on(at, "owned_by", day).filter(|owner| seen.insert(*owner)) {
            chain.push(owner);
            at = owner;
        }
        chain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(entity_id: i64, other_id: i64, from: Option<i32>, until: Option<i32>) -> Relation {
        Relation {
            relation: "owned_by".into(),
            entity_id,
            other_id,
            valid_from: from,
            valid_until: until,
            by: "owners.csv".into(),
            why: String::new(),
        }
    }

    #[test]
    fn owners_change_on_their_day_and_cycles_end() {
        let relations = Relations::new(vec![
            owned(1, 2, None, Some(100)),
            owned(1, 3, Some(100), None),
            owned(3, 4, None, None),
            owned(4, 3, None, None),
            owned(5, 5, None, None),
        ]);
        assert_eq!(relations.chain_on(1, 99), [2]);
        assert_eq!(relations.chain_on(1, 100), [3, 4]);
        assert_eq!(relations.chain_on(4, 0), [3]);
        assert!(relations.chain_on(5, 0).is_empty());
    }
}
