//! Learning without labels: Fellegi and Sunter's model, with expectation-maximisation.
//!
//! Each comparison has levels. How often a level comes up in pairs that are the same (m) against pairs that are not (u) is
//! its weight; weights add up to log-odds (I. P. Fellegi, A. B. Sunter, *A theory for record linkage*, JASA 64, 1969). u
//! comes from candidates that are not the best of their records, of which hardly any can be the same: random pairs would
//! say how unlikely a likeness is among any two records, not among those that share rare words. m and the share of matches
//! come by expectation-maximisation (W. E. Winkler, *Using the EM algorithm for weight computation*, 1988). Equal values
//! count by how rare they are, as Splink adjusts for term frequencies. Last, the candidates of a record compete for it.

use super::labelled::Pairs;
use super::levels::{Levels, levels};
use crowsnest_learn::boosting::probability;

/// What was learnt.
#[derive(Debug)]
pub(crate) struct Weights {
    levels: Vec<Levels>,
    /// The log of m over u, by comparison and level.
    weights: Vec<Vec<f64>>,
    /// The log-odds of a candidate before anything is compared.
    start: f64,
    /// Each candidate's probability.
    pub(crate) probabilities: Vec<f64>,
}

const STEPS_MAX: usize = 100;
/// Pairs that are added to each level, so that none is impossible.
const PRIOR_PAIRS: f64 = 1.0;
/// No level weighs more than this: nats, a factor of four hundred.
const WEIGHT_MAX: f64 = 6.0;

impl Weights {
    fn log_odds(&self, place: usize) -> f64 {
        let of_levels = self.levels.iter().zip(&self.weights).map(|(levels, weights)| weight(levels, weights, place));
        self.start + of_levels.sum::<f64>()
    }

    /// Each comparison with the level of a candidate, in words, and its weight.
    pub(crate) fn reasons(&self, place: usize) -> Vec<(String, String, f64)> {
        let known = self.levels.iter().zip(&self.weights).filter_map(|(levels, weights)| {
            let level = levels.of[place]?;
            Some((levels.name.clone(), levels.words[usize::from(level)].clone(), weight(levels, weights, place)))
        });
        known.collect()
    }
}

fn weight(levels: &Levels, weights: &[f64], place: usize) -> f64 {
    let of_level = levels.of[place].map_or(0.0, |level| weights[usize::from(level)]);
    of_level + f64::from(levels.rarity[place])
}

/// Learns from the candidates alone.
pub(crate) fn learn(pairs: Pairs<'_>) -> Weights {
    let levels = levels(pairs);
    let n = pairs.candidates.len();
    let is_best = best_of_both(pairs);
    let n_best = is_best.iter().filter(|is_best| **is_best).count() as f64;
    let mut share = (n_best / n.max(1) as f64).clamp(1e-4, 0.5);
    let others: Vec<f64> = is_best.iter().map(|is_best| f64::from(u8::from(!is_best))).collect();
    let unlike: Vec<Vec<f64>> = levels.iter().map(|levels| shares(levels, &others)).collect();
    let mut chances: Vec<f64> = is_best.iter().map(|is_best| if *is_best { 0.8 } else { 0.01 }).collect();
    let mut learnt = Weights { levels, weights: Vec::new(), start: 0.0, probabilities: Vec::new() };
    for _ in 0..STEPS_MAX {
        learnt.weights = learnt
            .levels
            .iter()
            .zip(&unlike)
            .map(|(levels, unlike)| {
                let alike = shares(levels, &chances);
                alike.iter().zip(unlike).map(|(m, u)| (m / u).ln().clamp(-WEIGHT_MAX, WEIGHT_MAX)).collect()
            })
            .collect();
        learnt.start = (share / (1.0 - share)).ln();
        let next: Vec<f64> = (0..n).map(|place| probability(learnt.log_odds(place))).collect();
        let moved = next.iter().zip(&chances).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        chances = next;
        share = (chances.iter().sum::<f64>() / n.max(1) as f64).clamp(1e-4, 0.5);
        if moved < 1e-4 {
            break;
        }
    }
    let log_odds: Vec<f32> = (0..n).map(|place| learnt.log_odds(place) as f32).collect();
    let [left, right] = pairs.rivals.shares(&log_odds);
    learnt.probabilities = left.iter().zip(&right).map(|(left, right)| f64::from(left.min(*right))).collect();
    learnt
}

/// Whether a candidate has the best words of both its records.
fn best_of_both(pairs: Pairs<'_>) -> Vec<bool> {
    let cosines = pairs.matrix.column(pairs.comparer.place_of_cosine());
    let cosines: Vec<f32> = cosines.map(|value| if value.is_nan() { 0.0 } else { value }).collect();
    let columns = pairs.rivals.compare(&cosines);
    columns[0].iter().zip(&columns[3]).map(|(left, right)| *left == 0.0 && *right == 0.0).collect()
}

/// How often each level comes up, among candidates that count by some weights.
fn shares(levels: &Levels, counts: &[f64]) -> Vec<f64> {
    let mut shares = vec![PRIOR_PAIRS; levels.words.len()];
    for (level, count) in levels.of.iter().zip(counts) {
        if let Some(level) = level {
            shares[usize::from(*level)] += count;
        }
    }
    let all: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|share| *share /= all);
    shares
}

/// The threshold that gives the best F1 to be expected where the probabilities hold: nobody has to say which pairs are the
/// same.
pub(crate) fn threshold(probabilities: &[f64]) -> f64 {
    let mut ordered = probabilities.to_vec();
    ordered.sort_by(|a, b| b.total_cmp(a));
    let n_there: f64 = ordered.iter().sum();
    let (mut n_both, mut best) = (0.0, (0.0, 0.5));
    for (place, chance) in ordered.iter().enumerate() {
        n_both += chance;
        let f1 = 2.0 * n_both / (place as f64 + 1.0 + n_there);
        if f1 > best.0 {
            best = (f1, *chance);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_follows_from_the_probabilities() {
        // Taking in 0.9 and 0.8: 2 × 1.7 / (2 + 1.9) = 0.872; with 0.2 too: 2 × 1.9 / (3 + 1.9) = 0.776.
        assert_eq!(threshold(&[0.2, 0.9, 0.8]), 0.8);
        assert_eq!(threshold(&[]), 0.5);
    }
}
