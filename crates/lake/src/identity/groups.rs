//! Names to groups: the catalogue first, then what people judged, then what was resolved. Numbers in, numbers out.
//!
//! Invariants: two entities that the catalogue names are never one; what a judgement calls different is never brought
//! together by a resolution; a contradiction costs the weaker word, never the group. The same words give the same groups,
//! in whichever order rows were written, because each kind of word comes in an order of its own.

use std::collections::{HashMap, HashSet};

/// What is said of names, each kind in the order in which it counts.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Name to entity, as the catalogue has it.
    pub(super) catalogue: HashMap<i64, i64>,
    /// Pairs of names that are judged different.
    pub(super) different: Vec<(i64, i64)>,
    /// Pairs of names that are judged the same, the one that stays first.
    pub(super) same: Vec<(i64, i64)>,
    /// Names and the entity that each was resolved to, sorted by entity.
    pub(super) resolved: Vec<(i64, i64)>,
}

impl Words {
    /// The entity of each name that is not simply itself.
    pub(super) fn groups(&self) -> HashMap<i64, i64> {
        let mut union = Union::default();
        for entity in self.catalogue.values() {
            let place = union.place(*entity);
            union.catalogued[place] = Some(*entity);
        }
        for (left, right) in &self.different {
            let (left, right) = (union.place(self.base(*left)), union.place(self.base(*right)));
            if left != right {
                union.foes[left].insert(right);
                union.foes[right].insert(left);
            }
        }
        for (stays, joins) in &self.same {
            let (stays, joins) = (union.place(self.base(*stays)), union.place(self.base(*joins)));
            union.unite(stays, joins);
        }
        let leaves: HashSet<i64> = self.different.iter().map(|(_, leaves)| *leaves).collect();
        for group in self.resolved.chunk_by(|left, right| left.1 == right.1) {
            self.unite_group(&mut union, group, &leaves);
        }
        let mut found: HashMap<i64, i64> = self.catalogue.clone();
        let ids: Vec<i64> = union.ids.clone();
        for id in ids {
            let root = union.find(union.places[&id]);
            found.insert(id, union.leaders[root]);
        }
        for entity in found.values_mut() {
            if let Some(place) = union.places.get(entity) {
                let root = union.find(*place);
                *entity = union.leaders[root];
            }
        }
        found
    }

    fn base(&self, name: i64) -> i64 {
        self.catalogue.get(&name).copied().unwrap_or(name)
    }

    /// Members that may not be with the first stay with each other.
    fn unite_group(&self, union: &mut Union, group: &[(i64, i64)], leaves: &HashSet<i64>) {
        let mut parts: Vec<usize> = Vec::new();
        let names = group.first().map(|(_, entity)| *entity).into_iter().chain(group.iter().map(|(member, _)| *member));
        let mut names: Vec<i64> = names.collect();
        // Who was judged to be another thing leaves; the others keep together.
        names.sort_by_key(|name| leaves.contains(name));
        for name in names {
            let place = union.place(self.base(name));
            if !parts.iter().any(|part| union.unite(*part, place)) {
                parts.push(place);
            }
        }
    }
}

/// Disjoint sets that know who may not be together.
#[derive(Debug, Default)]
struct Union {
    places: HashMap<i64, usize>,
    ids: Vec<i64>,
    parents: Vec<usize>,
    sizes: Vec<usize>,
    leaders: Vec<i64>,
    catalogued: Vec<Option<i64>>,
    foes: Vec<HashSet<usize>>,
}

impl Union {
    fn place(&mut self, id: i64) -> usize {
        if let Some(place) = self.places.get(&id) {
            return *place;
        }
        let place = self.ids.len();
        self.places.insert(id, place);
        self.ids.push(id);
        self.parents.push(place);
        self.sizes.push(1);
        self.leaders.push(id);
        self.catalogued.push(None);
        self.foes.push(HashSet::new());
        place
    }

    fn find(&mut self, mut place: usize) -> usize {
        while self.parents[place] != place {
            self.parents[place] = self.parents[self.parents[place]];
            place = self.parents[place];
        }
        place
    }

    /// Brings two sets together; `false` where somebody of more weight says that they are two.
    fn unite(&mut self, stays: usize, joins: usize) -> bool {
        let (stays, joins) = (self.find(stays), self.find(joins));
        if stays == joins {
            return true;
        }
        let are_two_of_catalogue = self.catalogued[stays].is_some() && self.catalogued[joins].is_some();
        if are_two_of_catalogue || self.are_foes(stays, joins) {
            return false;
        }
        let catalogued = self.catalogued[stays].or(self.catalogued[joins]);
        let leader = catalogued.unwrap_or(self.leaders[stays]);
        let (root, under) = if self.sizes[stays] >= self.sizes[joins] { (stays, joins) } else { (joins, stays) };
        let foes = std::mem::take(&mut self.foes[under]);
        self.foes[root].extend(foes);
        self.parents[under] = root;
        self.sizes[root] += self.sizes[under];
        (self.leaders[root], self.catalogued[root]) = (leader, catalogued);
        true
    }

    fn are_foes(&mut self, left: usize, right: usize) -> bool {
        // A set's foes are places as they were when the word was said: each is looked up where it is now.
        let foes_of = |union: &Self, place: usize| union.foes[place].iter().copied().collect::<Vec<usize>>();
        let (left_foes, right_foes) = (foes_of(self, left), foes_of(self, right));
        left_foes.into_iter().any(|foe| self.find(foe) == right)
            || right_foes.into_iter().any(|foe| self.find(foe) == left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(groups: &HashMap<i64, i64>, name: i64) -> i64 {
        groups.get(&name).copied().unwrap_or(name)
    }

    #[test]
    fn the_catalogue_outweighs_people_and_people_outweigh_the_resolution() {
        let words = Words {
            catalogue: HashMap::from([(11, 10), (21, 20)]),
            different: vec![(30, 31)],
            same: vec![(11, 21), (30, 11)],
            resolved: vec![(31, 30), (32, 30), (41, 40), (20, 40)],
        };
        let groups = words.groups();
        // The catalogue names 10 and 20: nobody makes them one.
        assert_ne!(entity(&groups, 11), entity(&groups, 21));
        // 30 was judged the same as 11, and 31 different from 30, whatever was resolved; 32 stays with 30.
        assert_eq!((entity(&groups, 30), entity(&groups, 32)), (10, 10));
        assert_eq!(entity(&groups, 31), 31);
        // An entity of the catalogue keeps its id when others join it.
        assert_eq!((entity(&groups, 41), entity(&groups, 40)), (20, 20));
    }

    #[test]
    fn members_that_may_not_join_the_first_stay_together() {
        let words =
            Words { different: vec![(2, 1), (3, 1)], resolved: vec![(2, 1), (3, 1), (4, 1)], ..Words::default() };
        let groups = words.groups();
        assert_eq!(entity(&groups, 2), entity(&groups, 3));
        assert_ne!(entity(&groups, 1), entity(&groups, 2));
        assert_eq!(entity(&groups, 4), entity(&groups, 2));
    }

    #[test]
    fn contradictions_in_judgements_do_no_harm() {
        let words = Words { different: vec![(1, 3)], same: vec![(1, 2), (2, 3), (3, 1)], ..Words::default() };
        let groups = words.groups();
        assert_eq!(entity(&groups, 2), 1);
        assert_eq!(entity(&groups, 3), 3);
    }
}
