//! Scored pairs to groups, and groups to rows.
//!
//! Names hang together in components by likely pairs, by groups that are held, and by what people and the catalogue say; each
//! component is parted by correlation clustering (`clusters.rs`), side by side.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crowsnest_learn::boosting::probability;
use rayon::prelude::*;

use super::clusters::{ALWAYS, NEVER, cluster};
use super::ids::IdSet;
use super::rows::{LinkRow, MembershipRow};
use super::scoring::{Scored, Work};

/// A probability below which a pair is not kept.
const KEPT_MIN: f64 = 0.05;
/// Groups up to so many names are compared pair by pair.
const COMPARED_WHOLE_MAX: usize = 400;
/// Nats that unlike names alone speak against a pair: what a third name explains is no contradiction.
const UNLIKE_MAX: f64 = 1.0;

/// Groups of names, by their places, with all pairs that were looked at.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) groups: Vec<Vec<u32>>,
    scored: Vec<Scored>,
    /// The strongest link of each name within its group.
    strongest: HashMap<u32, f64>,
}

impl Groups {
    pub(crate) fn n_grouped(&self) -> usize {
        self.groups.iter().map(Vec::len).filter(|n| *n > 1).sum()
    }
}

impl Work<'_> {
    /// What a pair weighs in its group, in thousandths of a nat.
    fn weigh(&self, scored: &Scored) -> i64 {
        let same_from = self.options.costs.same_from();
        let offset = (same_from / (1.0 - same_from).max(1e-9)).ln();
        let weight = scored.log_odds - offset;
        let least = -UNLIKE_MAX + self.weights.against(scored.pattern);
        (weight.max(least).clamp(-20.0, 20.0) * 1000.0).round() as i64
    }

    /// Names that hang together by likely pairs, by groups that are held, or by what people and the catalogue say.
    fn components(&self, scored: &[Scored], new: Option<&IdSet>) -> Vec<Vec<u32>> {
        let mut parents: Vec<u32> = (0..self.names.all.len() as u32).collect();
        fn root(parents: &mut [u32], mut at: u32) -> u32 {
            while parents[at as usize] != at {
                parents[at as usize] = parents[parents[at as usize] as usize];
                at = parents[at as usize];
            }
            at
        }
        let mut unite = |left: u32, right: u32| {
            let (left, right) = (root(&mut parents, left), root(&mut parents, right));
            parents[left.max(right) as usize] = left.min(right);
        };
        for pair in scored.iter().filter(|pair| self.weigh(pair) > 0) {
            unite(pair.left, pair.right);
        }
        for (left, right) in self.ties(new) {
            unite(left, right);
        }
        // A name of no pair is a component of its own, and most are: numbers first, then room for all at once.
        let mut number_of: Vec<u32> = vec![u32::MAX; self.names.all.len()];
        let mut components: Vec<Vec<u32>> = Vec::new();
        for place in 0..self.names.all.len() as u32 {
            let root = root(&mut parents, place) as usize;
            if number_of[root] == u32::MAX {
                number_of[root] = components.len() as u32;
                components.push(Vec::with_capacity(1));
            }
            components[number_of[root] as usize].push(place);
        }
        components
    }

    /// Pairs that are together already: same by judgement or catalogue, or held and not looked at anew.
    fn ties(&self, new: Option<&IdSet>) -> Vec<(u32, u32)> {
        let at = |id: i64| self.names.at(id).map(|place| place as u32);
        let mut ties: Vec<(u32, u32)> =
            self.held.same.iter().filter_map(|(left, right)| Some((at(*left)?, at(*right)?))).collect();
        let mut first: HashMap<(bool, i64), u32> = HashMap::new();
        for (place, name) in self.names.all.iter().enumerate() {
            let catalogued = self.held.catalogued.get(&name.id).map(|entity| (true, *entity));
            let is_kept = new.is_some_and(|new| !new.contains(&name.id));
            let held = self.held.memberships.get(&name.id).filter(|_| is_kept).map(|entity| (false, *entity));
            for key in [catalogued, held].into_iter().flatten() {
                let place = place as u32;
                let first = *first.entry(key).or_insert(place);
                if first != place {
                    ties.push((first, place));
                }
            }
        }
        ties
    }

    pub(crate) fn groups(&self, scored: &[Scored], new: Option<&IdSet>) -> Groups {
        let components = self.components(scored, new);
        let mut component_of: Vec<u32> = vec![0; self.names.all.len()];
        for (number, component) in components.iter().enumerate() {
            component.iter().for_each(|place| component_of[*place as usize] = number as u32);
        }
        let mut within: Vec<Vec<Scored>> = vec![Vec::new(); components.len()];
        let mut across = Vec::new();
        for pair in scored {
            let component = component_of[pair.left as usize];
            if component == component_of[pair.right as usize] {
                within[component as usize].push(*pair);
            } else {
                across.push(*pair);
            }
        }
        let bonds = self.bonds(new, &component_of, components.len());
        let clustered: Vec<(Vec<Vec<u32>>, Vec<Scored>)> = components
            .par_iter()
            .zip(within)
            .zip(bonds)
            .map(|((component, pairs), bonds)| {
                if component.len() == 1 {
                    (vec![component.clone()], pairs)
                } else {
                    self.split(component, pairs, &bonds)
                }
            })
            .collect();
        let mut groups = Groups { scored: across, ..Groups::default() };
        for (found, pairs) in clustered {
            groups.groups.extend(found);
            groups.scored.extend(pairs);
        }
        self.note_strongest(&mut groups);
        groups
    }

    /// By component, what is not for scores to say: pairs that are together already, and pairs judged different.
    fn bonds(&self, new: Option<&IdSet>, component_of: &[u32], n: usize) -> Vec<Vec<(u32, u32, i64)>> {
        let mut bonds = vec![Vec::new(); n];
        let mut add = |left: u32, right: u32, weight: i64| {
            if component_of[left as usize] == component_of[right as usize] {
                bonds[component_of[left as usize] as usize].push((left.min(right), left.max(right), weight));
            }
        };
        for (left, right) in self.ties(new) {
            add(left, right, ALWAYS);
        }
        for (left, right) in &self.held.different {
            if let (Some(left), Some(right)) = (self.names.at(*left), self.names.at(*right)) {
                add(left as u32, right as u32, NEVER);
            }
        }
        bonds
    }

    /// The groups of one component, with all of its pairs.
    fn split(&self, component: &[u32], pairs: Vec<Scored>, bonds: &[(u32, u32, i64)]) -> (Vec<Vec<u32>>, Vec<Scored>) {
        let mut pairs: BTreeMap<(u32, u32), Scored> =
            pairs.into_iter().map(|pair| ((pair.left.min(pair.right), pair.left.max(pair.right)), pair)).collect();
        if component.len() <= COMPARED_WHOLE_MAX {
            let all = component.iter().enumerate();
            let all = all.flat_map(|(number, left)| component[number + 1..].iter().map(|right| (*left, *right)));
            let missing: Vec<(u32, u32)> = all.filter(|pair| !pairs.contains_key(pair)).collect();
            for pair in self.scored(&self.compared(&missing)) {
                pairs.insert((pair.left, pair.right), pair);
            }
        }
        let node: HashMap<u32, usize> = component.iter().enumerate().map(|(node, place)| (*place, node)).collect();
        let mut edges: BTreeMap<(usize, usize), i64> =
            pairs.iter().map(|((left, right), pair)| ((node[left], node[right]), self.weigh(pair))).collect();
        for (left, right, weight) in bonds {
            edges.insert((node[left], node[right]), *weight);
        }
        let catalogued: Vec<(u32, i64)> = component
            .iter()
            .filter_map(|place| Some((*place, *self.held.catalogued.get(&self.names.all[*place as usize].id)?)))
            .collect();
        for (number, (left, entity)) in catalogued.iter().enumerate() {
            for (right, other) in &catalogued[number + 1..] {
                edges.insert((node[left], node[right]), if entity == other { ALWAYS } else { NEVER });
            }
        }
        let edges: Vec<(usize, usize, i64)> =
            edges.into_iter().map(|((left, right), weight)| (left, right, weight)).collect();
        let mut groups: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (node, group) in cluster(component.len(), &edges).into_iter().enumerate() {
            groups.entry(group).or_default().push(component[node]);
        }
        (groups.into_values().collect(), pairs.into_values().collect())
    }

    fn note_strongest(&self, groups: &mut Groups) {
        let mut group_of: HashMap<u32, usize> = HashMap::new();
        for (number, group) in groups.groups.iter().enumerate().filter(|(_, group)| group.len() > 1) {
            group.iter().for_each(|place| _ = group_of.insert(*place, number));
        }
        for pair in &groups.scored {
            let group = group_of.get(&pair.left);
            if group.is_some() && group == group_of.get(&pair.right) {
                let chance = probability(pair.log_odds);
                for place in [pair.left, pair.right] {
                    let strongest = groups.strongest.entry(place).or_insert(0.0);
                    *strongest = strongest.max(chance);
                }
            }
        }
    }

    /// Rows for names whose entity is not what is held.
    pub(crate) fn memberships(&self, groups: &Groups, new: Option<&IdSet>) -> Vec<MembershipRow> {
        let mut found = Vec::new();
        for group in &groups.groups {
            let leader = self.leader(group);
            for place in group {
                let name = &self.names.all[*place as usize];
                if name.kind == crowsnest_model::Kind::Segment {
                    continue;
                }
                let is_held = self.held.memberships.get(&name.id) == Some(&leader);
                let is_judged = new.is_some() && self.held.judged_since.contains(&name.id);
                if !is_held || is_judged {
                    let probability = groups.strongest.get(place).copied().unwrap_or(1.0);
                    found.push(MembershipRow { member: name.id, entity_id: leader, probability });
                }
            }
        }
        found.sort_unstable_by_key(|row| row.member);
        found
    }

    /// The id of a group: the catalogue's, else the one that most of it have, else its most mentioned name's.
    fn leader(&self, group: &[u32]) -> i64 {
        let names = || group.iter().map(|place| &self.names.all[*place as usize]);
        if let Some(entity) = names().filter_map(|name| self.held.catalogued.get(&name.id)).min() {
            return *entity;
        }
        let mut n_of: BTreeMap<i64, usize> = BTreeMap::new();
        let ids: BTreeSet<i64> = names().map(|name| name.id).collect();
        for entity in names().filter_map(|name| self.held.memberships.get(&name.id)).filter(|id| ids.contains(id)) {
            *n_of.entry(*entity).or_default() += 1;
        }
        let held = n_of.into_iter().max_by_key(|(id, n)| (*n, std::cmp::Reverse(*id))).map(|(id, _)| id);
        let most =
            || names().max_by_key(|name| (name.n_mentions, std::cmp::Reverse(name.id))).map_or(0, |name| name.id);
        held.unwrap_or_else(most)
    }

    pub(crate) fn links(&self, groups: &Groups) -> Vec<LinkRow> {
        let costs = self.options.costs;
        let mut rows: Vec<LinkRow> = groups
            .scored
            .par_iter()
            .filter_map(|pair| {
                let probability = probability(pair.log_odds);
                if probability < KEPT_MIN {
                    return None;
                }
                let (one, other) = (self.names.all[pair.left as usize].id, self.names.all[pair.right as usize].id);
                Some(LinkRow {
                    left: one.min(other),
                    right: one.max(other),
                    score: pair.sum,
                    probability,
                    verdict: costs.verdict(probability),
                    comparisons: pair.pattern.0,
                })
            })
            .collect();
        rows.par_sort_unstable_by_key(|row| (row.left, row.right));
        rows
    }
}
