//! One resolution: what is new is compared, weighed and grouped; rows are written for what changed.
//!
//! The first resolution, and one that is asked to begin anew, looks at all names and learns the weights. A later one looks
//! at names that are new, and at those judged since, with the weights that are there: groups that exist stay together
//! unless somebody judged otherwise, and a new name may bring two of them together only if all their pairs agree.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::AsArray as _;
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use crowsnest_lake::{Lake, LakeError};
use crowsnest_learn::boosting::probability;
use crowsnest_model::tables::{LINKS, MEMBERSHIPS};
use rayon::prelude::*;
use serde::Serialize;

use super::NameScorer;
use super::candidates::{self, IdPair};
use super::clusters::{ALWAYS, NEVER, cluster};
use super::comparisons::{Pattern, compare};
use super::names::Names;
use super::rows::{self, LinkRow, MembershipRow};
use super::weights::{Costs, Weights};

/// How to resolve.
#[derive(Clone, Default)]
pub struct ResolveOptions {
    /// What mistakes cost.
    pub costs: Costs,
    /// Look at all names, not at new ones only, and learn the weights anew.
    pub is_anew: bool,
    /// Write nothing; only tell.
    pub is_dry_run: bool,
    /// Judges names by themselves, in place of the comparison of names.
    pub name_scorer: Option<Arc<NameScorer>>,
}

impl std::fmt::Debug for ResolveOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResolveOptions").field("is_anew", &self.is_anew).finish_non_exhaustive()
    }
}

/// What a resolution did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Resolved {
    /// Names that were looked at.
    pub n_names: usize,
    /// Of them those that were resolved for the first time.
    pub n_new: usize,
    /// Pairs that were compared.
    pub n_candidates: usize,
    /// Pairs found to be the same.
    pub n_same: usize,
    /// Pairs that somebody should look at.
    pub n_unsure: usize,
    /// Names whose entity changed.
    pub n_moved: usize,
    /// Names that share an entity with another.
    pub n_grouped: usize,
    /// The probability from which on a pair is the same.
    pub same_from: f64,
    /// Whether probabilities were set right by judged pairs.
    pub is_calibrated: bool,
    /// How long it took.
    pub seconds: f64,
}

/// A probability below which a pair is not kept.
const KEPT_MIN: f64 = 0.05;
/// Groups up to so many names are compared pair by pair.
const COMPARED_WHOLE_MAX: usize = 400;
/// Nats that unlike names alone speak against a pair: what a third name explains is no contradiction.
const UNLIKE_MAX: f64 = 1.0;

/// What is held already, and what has been said by people and the catalogue.
#[derive(Debug, Default)]
struct Held {
    memberships: HashMap<i64, i64>,
    members: HashMap<i64, Vec<i64>>,
    resolved_at: i64,
    same: Vec<IdPair>,
    different: Vec<IdPair>,
    judged_since: HashSet<i64>,
    catalogued: HashMap<i64, i64>,
    weights: Option<Weights>,
}

/// Resolves the market's names. Questions see it after [`Lake::refresh`], which reads who is who anew.
///
/// # Errors
/// Those of the lake.
pub async fn resolve(lake: &Lake, options: &ResolveOptions) -> Result<Resolved, LakeError> {
    let start = Instant::now();
    lake.refresh().await?;
    let held = Held::read(lake).await?;
    let is_anew = options.is_anew || held.memberships.is_empty() || held.weights.is_none();
    let new = if is_anew { None } else { Some(held.to_look_at(lake).await?) };
    let mut done = Resolved { same_from: options.costs.same_from(), ..Resolved::default() };
    if new.as_ref().is_some_and(HashSet::is_empty) {
        done.seconds = start.elapsed().as_secs_f64();
        return Ok(done);
    }
    let pairs = candidates::candidates(lake, new.as_ref()).await?;
    let wanted = new.as_ref().map(|new| held.touched(new, &pairs));
    let names = Names::read(lake, wanted.as_ref()).await?;
    let mut work = Work { names: &names, held: &held, options, weights: Weights::known() };
    let patterns: Vec<(u32, u32, Pattern)> = work.compare_all(&pairs);
    done.is_calibrated = work.learn(&patterns, is_anew);
    let scored = work.score(&patterns);
    let groups = work.groups(&scored, new.as_ref());
    let memberships = work.memberships(&groups, new.as_ref());
    let links = work.links(&groups);
    done.n_names = new.as_ref().map_or(names.all.len(), HashSet::len);
    done.n_new = memberships.iter().filter(|row| !held.memberships.contains_key(&row.member)).count();
    done.n_candidates = pairs.len();
    done.n_same = links.iter().filter(|row| row.verdict == "same").count();
    done.n_unsure = links.iter().filter(|row| row.verdict == "unsure").count();
    done.n_moved = memberships.iter().filter(|row| held.entity(row.member) != row.entity_id).count();
    done.n_grouped = groups.n_grouped();
    if !options.is_dry_run {
        write(lake, &links, &memberships, &work.weights).await?;
    }
    done.seconds = start.elapsed().as_secs_f64();
    Ok(done)
}

/// How many names no resolution has looked at.
///
/// # Errors
/// Those of the lake.
pub async fn n_unresolved(lake: &Lake) -> Result<usize, LakeError> {
    lake.refresh().await?;
    let sql = "SELECT count(DISTINCT m.entity_id) FROM mentions m LEFT ANTI JOIN memberships s \
               ON m.entity_id = s.member WHERE m.kind <> 'segment'";
    let batches = lake.query(sql).await?;
    let n = batches.first().map_or(0, |batch| ints(batch, 0).first().copied().unwrap_or_default());
    Ok(usize::try_from(n).unwrap_or_default())
}

async fn write(
    lake: &Lake,
    links: &[LinkRow],
    memberships: &[MembershipRow],
    weights: &Weights,
) -> Result<(), LakeError> {
    const ROWS_OF_BATCH: usize = 65_536;
    let now = jiff::Timestamp::now().as_microsecond();
    let model = weights.to_text();
    let batches: Result<Vec<_>, _> = links.chunks(ROWS_OF_BATCH).map(|rows| rows::links(rows, &model, now)).collect();
    let batches = batches?;
    if !batches.is_empty() {
        lake.append(&LINKS, batches).await?;
    }
    // Memberships come last: a name that has one counts as looked at.
    let batches: Result<Vec<_>, _> =
        memberships.chunks(ROWS_OF_BATCH).map(|rows| rows::memberships(rows, now)).collect();
    let batches = batches?;
    if !batches.is_empty() {
        lake.append(&MEMBERSHIPS, batches).await?;
    }
    Ok(())
}

impl Held {
    async fn read(lake: &Lake) -> Result<Self, LakeError> {
        let mut held = Self::default();
        let sql = "SELECT member, entity_id, known_at FROM memberships ORDER BY known_at";
        for batch in lake.query(sql).await? {
            let (members, entities) = (ints(&batch, 0), ints(&batch, 1));
            held.memberships.extend(members.iter().copied().zip(entities.iter().copied()));
            let known = batch.column(2).as_primitive::<TimestampMicrosecondType>();
            held.resolved_at = known.values().iter().copied().fold(held.resolved_at, i64::max);
        }
        for (member, entity) in &held.memberships {
            held.members.entry(*entity).or_default().push(*member);
        }
        held.members.values_mut().for_each(|members| members.sort_unstable());
        held.read_judgements(lake).await?;
        let sql = "SELECT model FROM links ORDER BY known_at DESC LIMIT 1";
        for batch in lake.query(sql).await? {
            let models = batch.column(0).as_string_view();
            held.weights = models.iter().flatten().next().and_then(Weights::parse);
        }
        let aliases = "SELECT self_entity_id, entity_id, active, \"by\" FROM aliases ORDER BY known_at, active";
        for batch in lake.query(aliases).await? {
            let (own, entities) = (ints(&batch, 0), ints(&batch, 1));
            let (active, by) = (batch.column(2).as_boolean(), batch.column(3).as_string_view());
            for row in (0..batch.num_rows()).filter(|row| by.value(*row).ends_with(".csv")) {
                if active.value(row) {
                    held.catalogued.insert(own[row], entities[row]);
                    held.catalogued.insert(entities[row], entities[row]);
                } else {
                    held.catalogued.remove(&own[row]);
                }
            }
        }
        Ok(held)
    }

    async fn read_judgements(&mut self, lake: &Lake) -> Result<(), LakeError> {
        let sql = "SELECT l.entity_id, r.entity_id, j.verdict, j.known_at FROM judgements j \
             JOIN mentions l ON j.\"left\" = l.mention_id JOIN mentions r ON j.\"right\" = r.mention_id \
             WHERE l.entity_id <> r.entity_id ORDER BY j.known_at";
        let mut latest: BTreeMap<IdPair, (String, i64)> = BTreeMap::new();
        for batch in lake.query(sql).await? {
            let (left, right) = (ints(&batch, 0), ints(&batch, 1));
            let known = batch.column(3).as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                let pair = (left[row].min(right[row]), left[row].max(right[row]));
                let verdict = batch.column(2).as_string_view().value(row).to_owned();
                latest.insert(pair, (verdict, known.value(row)));
            }
        }
        for (pair, (verdict, known_at)) in latest {
            if known_at > self.resolved_at {
                self.judged_since.extend([pair.0, pair.1]);
            }
            match verdict.as_str() {
                "same" => self.same.push(pair),
                "different" => self.different.push(pair),
                _ => {}
            }
        }
        Ok(())
    }

    fn entity(&self, name: i64) -> i64 {
        self.memberships.get(&name).copied().unwrap_or(name)
    }

    /// Names without a membership, and those judged since; with all members of the groups of the latter, which are taken
    /// apart and put together anew.
    async fn to_look_at(&self, lake: &Lake) -> Result<HashSet<i64>, LakeError> {
        let sql = "SELECT DISTINCT m.entity_id FROM mentions m LEFT ANTI JOIN memberships s ON m.entity_id = s.member \
                   WHERE m.kind <> 'segment'";
        let mut names: HashSet<i64> = HashSet::new();
        for batch in lake.query(sql).await? {
            names.extend(ints(&batch, 0).iter().copied());
        }
        for name in &self.judged_since {
            names.insert(*name);
            names.extend(self.members.get(&self.entity(*name)).into_iter().flatten());
        }
        Ok(names)
    }

    /// The names of pairs, and all members of their groups.
    fn touched(&self, new: &HashSet<i64>, pairs: &[IdPair]) -> HashSet<i64> {
        let mut touched = new.clone();
        for name in pairs.iter().flat_map(|(left, right)| [*left, *right]) {
            touched.insert(name);
            touched.extend(self.members.get(&self.entity(name)).into_iter().flatten());
        }
        touched
    }
}

struct Work<'a> {
    names: &'a Names,
    held: &'a Held,
    options: &'a ResolveOptions,
    weights: Weights,
}

/// A pair with what it comes to.
#[derive(Debug, Clone, Copy)]
struct Scored {
    left: u32,
    right: u32,
    pattern: Pattern,
    sum: f64,
}

/// Groups of names, by their places, with all pairs that were looked at.
#[derive(Debug, Default)]
struct Groups {
    groups: Vec<Vec<u32>>,
    scored: Vec<Scored>,
    /// The strongest link of each name within its group.
    strongest: HashMap<u32, f64>,
}

impl Groups {
    fn n_grouped(&self) -> usize {
        self.groups.iter().map(Vec::len).filter(|n| *n > 1).sum()
    }
}

impl Work<'_> {
    fn compare_all(&self, pairs: &[IdPair]) -> Vec<(u32, u32, Pattern)> {
        let compared = pairs.par_iter().filter_map(|(left, right)| {
            let (left, right) = (self.names.at(*left)?, self.names.at(*right)?);
            Some((left as u32, right as u32, self.pattern(left, right)))
        });
        compared.collect()
    }

    fn pattern(&self, left: usize, right: usize) -> Pattern {
        compare(&self.names.market, &self.names.all[left], &self.names.all[right])
    }

    /// Learns the weights, or takes those that are held; whether they are calibrated.
    fn learn(&mut self, patterns: &[(u32, u32, Pattern)], is_anew: bool) -> bool {
        if let (false, Some(held)) = (is_anew, &self.held.weights) {
            self.weights = held.clone();
            return false;
        }
        let mut counts: BTreeMap<Pattern, usize> = BTreeMap::new();
        for (_, _, pattern) in patterns {
            *counts.entry(*pattern).or_default() += 1;
        }
        self.weights = Weights::learn(&counts);
        let same: HashSet<IdPair> = self.held.same.iter().copied().collect();
        let different: HashSet<IdPair> = self.held.different.iter().copied().collect();
        let judged = patterns.iter().filter_map(|(left, right, pattern)| {
            let (left, right) = (self.names.all[*left as usize].id, self.names.all[*right as usize].id);
            let of_catalogue = match (self.held.catalogued.get(&left), self.held.catalogued.get(&right)) {
                (Some(one), Some(other)) => Some(one == other),
                _ => None,
            };
            let of_people = if same.contains(&(left, right)) {
                Some(true)
            } else {
                different.contains(&(left, right)).then_some(false)
            };
            Some((self.weights.sum(*pattern), of_catalogue.or(of_people)?))
        });
        let judged: Vec<(f64, bool)> = judged.collect();
        self.weights.calibrate(&judged)
    }

    fn scored(&self, left: u32, right: u32, pattern: Pattern) -> Scored {
        let (one, other) = (&self.names.all[left as usize], &self.names.all[right as usize]);
        let mut sum = self.weights.sum(pattern);
        if let Some(scorer) = &self.options.name_scorer
            && let Some(of_names) = scorer(one.kind, &one.name, &other.name)
        {
            sum += of_names - self.weights.weight(pattern, 0);
        }
        Scored { left, right, pattern, sum }
    }

    fn score(&self, patterns: &[(u32, u32, Pattern)]) -> Vec<Scored> {
        patterns.par_iter().map(|(left, right, pattern)| self.scored(*left, *right, *pattern)).collect()
    }

    fn probability(&self, scored: &Scored) -> f64 {
        probability(self.weights.log_odds(scored.sum))
    }

    /// What a pair weighs in its group, in thousandths of a nat.
    fn weigh(&self, scored: &Scored) -> i64 {
        let same_from = self.options.costs.same_from();
        let offset = (same_from / (1.0 - same_from).max(1e-9)).ln();
        let weight = self.weights.log_odds(scored.sum) - offset;
        let least = -UNLIKE_MAX + self.weights.against(scored.pattern);
        (weight.max(least).clamp(-20.0, 20.0) * 1000.0).round() as i64
    }

    /// Names that hang together by likely pairs, by groups that are held, or by what people and the catalogue say.
    fn components(&self, scored: &[Scored], new: Option<&HashSet<i64>>) -> Vec<Vec<u32>> {
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
        let mut components: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for place in 0..self.names.all.len() as u32 {
            components.entry(root(&mut parents, place)).or_default().push(place);
        }
        components.into_values().collect()
    }

    /// Pairs that are together already: same by judgement or catalogue, or held and not looked at anew.
    fn ties(&self, new: Option<&HashSet<i64>>) -> Vec<(u32, u32)> {
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

    fn groups(&self, scored: &[Scored], new: Option<&HashSet<i64>>) -> Groups {
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
    fn bonds(&self, new: Option<&HashSet<i64>>, component_of: &[u32], n: usize) -> Vec<Vec<(u32, u32, i64)>> {
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
            for (number, left) in component.iter().enumerate() {
                for right in &component[number + 1..] {
                    pairs
                        .entry((*left, *right))
                        .or_insert_with(|| self.scored(*left, *right, self.pattern(*left as usize, *right as usize)));
                }
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
                let chance = self.probability(pair);
                for place in [pair.left, pair.right] {
                    let strongest = groups.strongest.entry(place).or_insert(0.0);
                    *strongest = strongest.max(chance);
                }
            }
        }
    }

    /// Rows for names whose entity is not what is held.
    fn memberships(&self, groups: &Groups, new: Option<&HashSet<i64>>) -> Vec<MembershipRow> {
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

    fn links(&self, groups: &Groups) -> Vec<LinkRow> {
        let costs = self.options.costs;
        let mut rows: Vec<LinkRow> = groups
            .scored
            .par_iter()
            .filter_map(|pair| {
                let probability = self.probability(pair);
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

fn ints(batch: &arrow::array::RecordBatch, column: usize) -> &[i64] {
    batch.column(column).as_primitive::<Int64Type>().values()
}
