//! Levels to probabilities: Fellegi and Sunter's weights, learnt without labels and held to what is known of names.
//!
//! Expectation-maximisation over the patterns of levels that come up (Fellegi and Sunter 1969, Winkler 1988), as the mode
//! of the posterior: each level has pairs of its own beforehand, and no weight moves away from where it starts by more than
//! two nats. Where the catalogue or people have judged enough pairs, a logistic curve (Platt 1999) through those sets the
//! log-odds right. What is same, different or unsure follows from the probability and from what mistakes cost.

use std::collections::BTreeMap;

use crowsnest_learn::boosting::probability;
use crowsnest_learn::calibration::Calibration;
use serde::{Deserialize, Serialize};

use super::comparisons::{COMPARISONS, NAMES, NUMBERS, Pattern};

/// What a mistake costs, against each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// Two things made one: every figure of both is wrong.
    pub false_merge: f64,
    /// One thing left as two.
    pub missed_merge: f64,
    /// Asking somebody.
    pub asking: f64,
}

impl Default for Costs {
    fn default() -> Self {
        Self { false_merge: 9.0, missed_merge: 1.0, asking: 0.5 }
    }
}

impl Costs {
    /// The probability from which on merging costs less than asking.
    pub fn same_from(self) -> f64 {
        (1.0 - self.asking / self.false_merge).clamp(0.5, 1.0)
    }

    /// The probability up to which leaving apart costs less than asking.
    pub fn different_up_to(self) -> f64 {
        (self.asking / self.missed_merge).min(self.same_from())
    }

    /// What follows from a probability.
    pub fn verdict(self, probability: f64) -> &'static str {
        if probability >= self.same_from() {
            "same"
        } else if probability <= self.different_up_to() {
            "different"
        } else {
            "unsure"
        }
    }
}

/// The farthest that learning moves a weight: nats.
pub(crate) const WEIGHT_MOVES_MAX: f64 = 2.0;
const STEPS_MAX: usize = 60;
/// Pairs that the shares of levels stand for beforehand.
const PRIOR_PAIRS: f64 = 300.0;
/// The share of candidates that are the same beforehand, and for how many candidates that stands.
const PRIOR_SHARE: f64 = 0.05;
const PRIOR_SHARE_PAIRS: f64 = 400.0;
/// Judged pairs of each sort that a curve needs.
const JUDGED_MIN: usize = 30;

/// The weights, as they are kept beside the links that they judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Weights {
    /// Log-odds of a candidate before anything is compared.
    pub(crate) start: f64,
    /// By comparison and level: log of the share among the same over the share among others.
    pub(crate) levels: Vec<Vec<f64>>,
    slope: f64,
    shift: f64,
}

impl Weights {
    /// As they are before anything is learnt.
    pub(crate) fn known() -> Self {
        let levels = COMPARISONS
            .iter()
            .map(|comparison| comparison.levels.iter().map(|level| (level.same / level.other).ln()).collect());
        let start = (PRIOR_SHARE / (1.0 - PRIOR_SHARE)).ln();
        Self { start, levels: levels.collect(), slope: 1.0, shift: 0.0 }
    }

    /// Learns from patterns and how many candidates have each.
    pub(crate) fn learn(patterns: &BTreeMap<Pattern, usize>) -> Self {
        let known = Self::known();
        let mut weights = known.clone();
        for _ in 0..STEPS_MAX {
            let next = known.step(&weights, patterns);
            let moved = next.levels.iter().flatten().zip(weights.levels.iter().flatten()).map(|(a, b)| (a - b).abs());
            let moved = moved.fold((next.start - weights.start).abs(), f64::max);
            weights = next;
            if moved < 1e-4 {
                break;
            }
        }
        weights.rounded()
    }

    fn step(&self, now: &Self, patterns: &BTreeMap<Pattern, usize>) -> Self {
        let share_of = |levels: &'static [super::comparisons::Level], is_same: bool| -> Vec<f64> {
            let of = |level: &super::comparisons::Level| if is_same { level.same } else { level.other };
            let all: f64 = levels.iter().map(of).sum();
            levels.iter().map(|level| PRIOR_PAIRS * of(level) / all).collect()
        };
        let mut same: Vec<Vec<f64>> = COMPARISONS.iter().map(|c| share_of(c.levels, true)).collect();
        let mut other: Vec<Vec<f64>> = COMPARISONS.iter().map(|c| share_of(c.levels, false)).collect();
        let (mut n_same, mut n_all) = (PRIOR_SHARE * PRIOR_SHARE_PAIRS, PRIOR_SHARE_PAIRS);
        for (pattern, n) in patterns {
            let n = *n as f64;
            let chance = probability(now.sum(*pattern));
            (n_same, n_all) = (n_same + chance * n, n_all + n);
            for place in 0..COMPARISONS.len() {
                if let Some(level) = pattern.level(place) {
                    same[place][level] += chance * n;
                    other[place][level] += (1.0 - chance) * n;
                }
            }
        }
        let levels = same.iter().zip(&other).zip(&self.levels).map(|((same, other), known)| {
            let (all_same, all_other): (f64, f64) = (same.iter().sum(), other.iter().sum());
            let learnt = same.iter().zip(other).map(|(same, other)| (same / all_same / (other / all_other)).ln());
            learnt
                .zip(known)
                .map(|(learnt, known)| learnt.clamp(known - WEIGHT_MOVES_MAX, known + WEIGHT_MOVES_MAX))
                .collect()
        });
        let share = (n_same / n_all).clamp(1e-3, 0.6);
        Self { start: (share / (1.0 - share)).ln(), levels: levels.collect(), slope: 1.0, shift: 0.0 }
    }

    /// To three digits, so that they read and compare alike wherever they were learnt.
    fn rounded(mut self) -> Self {
        let round = |value: &mut f64| *value = (*value * 1000.0).round() / 1000.0;
        round(&mut self.start);
        self.levels.iter_mut().flatten().for_each(round);
        round(&mut self.slope);
        round(&mut self.shift);
        self
    }

    /// Sets the log-odds right by pairs of which somebody said what they are; `false` where those are too few.
    pub(crate) fn calibrate(&mut self, judged: &[(f64, bool)]) -> bool {
        let n_same = judged.iter().filter(|(_, is_same)| *is_same).count();
        if n_same < JUDGED_MIN || judged.len() - n_same < JUDGED_MIN {
            return false;
        }
        let curve = Calibration::fit(judged);
        (self.slope, self.shift) = (curve.slope, curve.shift);
        *self = self.clone().rounded();
        true
    }

    /// Log-odds as the weights add up.
    pub(crate) fn sum(&self, pattern: Pattern) -> f64 {
        self.start + (0..COMPARISONS.len()).map(|place| self.weight(pattern, place)).sum::<f64>()
    }

    /// The same where a model judged the names: what it says takes the place of the levels of names and numbers.
    pub(crate) fn sum_with(&self, pattern: Pattern, by_names: Option<f64>) -> f64 {
        let sum = self.sum(pattern);
        by_names.map_or(sum, |nats| {
            // Numbers that contradict each other go on to do so.
            sum + nats - self.weight(pattern, NAMES) - self.weight(pattern, NUMBERS).max(0.0)
        })
    }

    pub(crate) fn weight(&self, pattern: Pattern, comparison: usize) -> f64 {
        pattern.level(comparison).and_then(|level| self.levels.get(comparison)?.get(level)).copied().unwrap_or(0.0)
    }

    /// What speaks against a pair besides its names: nats, 0 or less.
    pub(crate) fn against(&self, pattern: Pattern) -> f64 {
        (1..COMPARISONS.len()).map(|place| self.weight(pattern, place).min(0.0)).sum()
    }

    /// Log-odds that hold.
    pub(crate) fn log_odds(&self, sum: f64) -> f64 {
        self.slope * sum + self.shift
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let weights: Self = serde_json::from_str(text).ok()?;
        let is_of_these = weights.levels.len() == COMPARISONS.len()
            && weights
                .levels
                .iter()
                .zip(COMPARISONS)
                .all(|(levels, comparison)| levels.len() == comparison.levels.len());
        is_of_these.then_some(weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_follow_from_costs() {
        // Merging costs 9 × (1 − p) and asking 0.5: the same from p = 1 − 0.5 / 9 on.
        let costs = Costs::default();
        assert!((costs.same_from() - 0.944_444).abs() < 1e-6);
        assert_eq!(costs.different_up_to(), 0.5);
        assert_eq!([0.5, 0.9, 0.95].map(|p| costs.verdict(p)), ["different", "unsure", "same"]);
    }

    #[test]
    fn weights_stay_near_what_is_known_and_read_back() {
        let known = Weights::known();
        // A market in which every candidate is a longer name of the same list: nothing of it is the same.
        let pattern = Pattern(0xFFFF_0FF8);
        let learnt = Weights::learn(&BTreeMap::from([(pattern, 1_000_000)]));
        assert!(probability(learnt.log_odds(learnt.sum(pattern))) < 0.01, "{learnt:?}");
        for (learnt, known) in learnt.levels.iter().flatten().zip(known.levels.iter().flatten()) {
            assert!((learnt - known).abs() <= WEIGHT_MOVES_MAX + 1e-3);
        }
        assert_eq!(Weights::parse(&learnt.to_text()), Some(learnt));
        assert_eq!(Weights::parse("{}"), None);
    }
}
