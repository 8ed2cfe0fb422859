//! Pairs to log-odds: levels with their weights, and what a model of names says where the levels leave it open.
//!
//! Levels of names are quick and coarse. Where they settle a pair (the same reading, one letter apart) they do; where one
//! name is in another, is short for it, or is of another script, the model that learnt from pairs of names judges by itself, and
//! takes the place of the levels of names and of the numbers in them.

use std::collections::{BTreeMap, HashSet};

use crowsnest_learn::boosting::probability;
use rayon::prelude::*;

use super::candidates::IdPair;
use super::comparisons::{self, Pattern, compare};
use super::figures::Figures;
use super::held::Held;
use super::ids::IdSet;
use super::names::{Name, Names};
use super::resolve::ResolveOptions;
use super::taught::Taught;
use super::weights::Weights;
use super::{NamePair, NameScorer};

/// Nats that a model of names may say at most: what it learnt from is thousands of pairs, not millions.
const BY_NAMES_MAX: f64 = 8.0;
/// Pairs that it is asked of at most, the likeliest by their levels first: in a large market levels have to do for the others.
const ASKED_MAX: usize = 100_000;
/// Probabilities between which figures are looked at.
const OPEN: std::ops::RangeInclusive<f64> = 0.05..=0.99;
/// Pairs that the model is asked of at once.
const ASKED_AT_ONCE: usize = 8_192;

pub(crate) struct Work<'a> {
    pub(crate) names: &'a Names,
    pub(crate) held: &'a Held,
    pub(crate) options: &'a ResolveOptions,
    pub(crate) weights: Weights,
    /// What reviewers taught, if they taught enough.
    pub(crate) taught: Option<Taught>,
}

/// A pair with its levels, and what the model of names says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compared {
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) pattern: Pattern,
    pub(crate) by_names: Option<f64>,
}

/// A pair with what it comes to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) pattern: Pattern,
    pub(crate) sum: f64,
    /// Log-odds that hold.
    pub(crate) log_odds: f64,
}

/// What a model of names says of pairs, within bounds.
pub(crate) fn ask(scorer: &NameScorer, pairs: &[NamePair<'_>]) -> Vec<Option<f64>> {
    let said = scorer(pairs).into_iter();
    said.map(|nats| nats.map(|nats| nats.clamp(-BY_NAMES_MAX, BY_NAMES_MAX))).collect()
}

/// Compares names at some places of the names; the model of names is asked where levels leave it open.
pub(crate) fn compared(names: &Names, scorer: Option<&NameScorer>, places: &[(u32, u32)]) -> Vec<Compared> {
    let name = |place: u32| &names.all[place as usize];
    let mut found: Vec<Compared> = places
        .par_iter()
        .map(|(left, right)| {
            let pattern = compare(&names.market, name(*left), name(*right));
            Compared { left: *left, right: *right, pattern, by_names: None }
        })
        .collect();
    let Some(scorer) = scorer else { return found };
    let is_open = |pair: &Compared| comparisons::is_open(pair.pattern, &name(pair.left).shape, &name(pair.right).shape);
    let mut open: Vec<usize> = (0..found.len()).filter(|place| is_open(&found[*place])).collect();
    if open.len() > ASKED_MAX {
        let known = Weights::known();
        let likely = |place: &usize| std::cmp::Reverse((known.sum(found[*place].pattern) * 1000.0) as i64);
        open.sort_by_cached_key(|place| (likely(place), *place));
        open.truncate(ASKED_MAX);
    }
    for places in open.chunks(ASKED_AT_ONCE) {
        let asked: Vec<NamePair<'_>> = places
            .iter()
            .map(|place| {
                let (one, other) = (name(found[*place].left), name(found[*place].right));
                (one.kind, one.name.as_str(), other.name.as_str())
            })
            .collect();
        for (place, by_names) in places.iter().zip(ask(scorer, &asked)) {
            found[*place].by_names = by_names;
        }
    }
    found
}

impl Work<'_> {
    pub(crate) fn compare_all(&self, pairs: &[IdPair]) -> Vec<Compared> {
        let places = pairs.par_iter().filter_map(|(left, right)| {
            let (left, right) = (self.names.at(*left)?, self.names.at(*right)?);
            Some((left as u32, right as u32))
        });
        self.compared(&places.collect::<Vec<(u32, u32)>>())
    }

    pub(crate) fn compared(&self, places: &[(u32, u32)]) -> Vec<Compared> {
        compared(self.names, self.options.name_scorer.as_deref(), places)
    }

    fn name(&self, place: u32) -> &Name {
        &self.names.all[place as usize]
    }

    /// Log-odds of a pair as they add up.
    pub(crate) fn sum(&self, pair: &Compared) -> f64 {
        self.weights.sum_with(pair.pattern, pair.by_names)
    }

    /// Learns the weights, or takes those that are held; whether they are calibrated.
    pub(crate) fn learn(&mut self, pairs: &[Compared], is_anew: bool) -> bool {
        if let (false, Some(held)) = (is_anew, &self.held.weights) {
            self.weights = held.clone();
            return false;
        }
        let mut counts: BTreeMap<Pattern, usize> = BTreeMap::new();
        for pair in pairs {
            *counts.entry(pair.pattern).or_default() += 1;
        }
        self.weights = Weights::learn(&counts);
        let judged = self.judged(pairs);
        self.weights.calibrate(&judged)
    }

    /// Pairs of which the catalogue or somebody said what they are, with their log-odds.
    fn judged(&self, pairs: &[Compared]) -> Vec<(f64, bool)> {
        let same: HashSet<IdPair> = self.held.same.iter().copied().collect();
        let different: HashSet<IdPair> = self.held.different.iter().copied().collect();
        let judged = pairs.iter().filter_map(|pair| {
            let (left, right) = (self.name(pair.left).id, self.name(pair.right).id);
            let of_catalogue = match (self.held.catalogued.get(&left), self.held.catalogued.get(&right)) {
                (Some(one), Some(other)) => Some(one == other),
                _ => None,
            };
            let of_people = if same.contains(&(left, right)) {
                Some(true)
            } else {
                different.contains(&(left, right)).then_some(false)
            };
            Some((self.sum(pair), of_catalogue.or(of_people)?))
        });
        judged.collect()
    }

    /// Names of pairs that are open, which figures may settle.
    pub(crate) fn open_names(&self, pairs: &[Compared]) -> IdSet {
        let open = pairs.iter().filter(|pair| OPEN.contains(&probability(self.weights.log_odds(self.sum(pair)))));
        open.flat_map(|pair| [self.name(pair.left).id, self.name(pair.right).id]).collect()
    }

    /// Adds what figures say.
    pub(crate) fn add_figures(&self, pairs: &mut [Compared], figures: &Figures) {
        for pair in pairs {
            let level = figures.level(self.name(pair.left).id, self.name(pair.right).id);
            pair.pattern = pair.pattern.with_figures(level);
        }
    }

    /// Pairs with their log-odds: those of what reviewers taught, else of the weights.
    pub(crate) fn scored(&self, pairs: &[Compared]) -> Vec<Scored> {
        let of_chunk = |pairs: &[Compared]| {
            let taught = self.taught.as_ref().map(|taught| taught.log_odds(self.names, pairs));
            let of = |(place, pair): (usize, &Compared)| {
                let sum = self.sum(pair);
                let log_odds = taught.as_ref().map_or_else(|| self.weights.log_odds(sum), |taught| taught[place]);
                Scored { left: pair.left, right: pair.right, pattern: pair.pattern, sum, log_odds }
            };
            pairs.iter().enumerate().map(of).collect::<Vec<Scored>>()
        };
        pairs.par_chunks(ASKED_AT_ONCE).flat_map_iter(of_chunk).collect()
    }
}
