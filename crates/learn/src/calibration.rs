//! Scores to probabilities, and the threshold that follows from them; how good both are.
//!
//! Calibration is Platt's: a logistic curve through scores of pairs that the model had not seen, with his targets for small
//! samples (J. Platt, *Probabilistic outputs for support vector machines*, 1999; H.-T. Lin et al., 2007).

use crate::boosting::probability;
use crate::random::Random;

/// A logistic curve from log-odds as a model gives them to log-odds that hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// What the score is multiplied by.
    pub slope: f64,
    /// What is added.
    pub shift: f64,
}

impl Calibration {
    /// Fits the curve to scores and what they turned out to be.
    pub fn fit(scored: &[(f64, bool)]) -> Self {
        const STEPS_MAX: usize = 100;
        let n_yes = scored.iter().filter(|(_, is_match)| *is_match).count() as f64;
        let n_no = scored.len() as f64 - n_yes;
        let (target_yes, target_no) = ((n_yes + 1.0) / (n_yes + 2.0), 1.0 / (n_no + 2.0));
        let mut curve = Self { slope: 1.0, shift: 0.0 };
        for _ in 0..STEPS_MAX {
            let (mut slope_1, mut shift_1, mut slope_2, mut both_2, mut shift_2) = (0.0, 0.0, 1e-6, 0.0, 1e-6);
            for (score, is_match) in scored {
                let chance = curve.probability(*score);
                let apart = chance - if *is_match { target_yes } else { target_no };
                let weight = chance * (1.0 - chance);
                slope_1 += apart * score;
                shift_1 += apart;
                slope_2 += weight * score * score;
                both_2 += weight * score;
                shift_2 += weight;
            }
            let determinant = slope_2 * shift_2 - both_2 * both_2;
            let (by_slope, by_shift) = (
                (shift_2 * slope_1 - both_2 * shift_1) / determinant,
                (slope_2 * shift_1 - both_2 * slope_1) / determinant,
            );
            // Newton's step, held back: far out the curve is flat, and a whole step would leave it.
            curve.slope = (curve.slope - by_slope.clamp(-0.5, 0.5)).max(1e-3);
            curve.shift -= by_shift.clamp(-1.0, 1.0);
            if by_slope.abs() < 1e-9 && by_shift.abs() < 1e-9 {
                break;
            }
        }
        curve
    }

    /// The probability of a score, 0 to 1.
    pub fn probability(self, score: f64) -> f64 {
        probability(self.slope * score + self.shift)
    }
}

/// What a threshold makes of pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Verdict {
    /// Said, and there.
    pub n_both: usize,
    /// Said to be the same.
    pub n_said: usize,
    /// The same in truth.
    pub n_there: usize,
}

impl Verdict {
    /// Counts pairs with their probabilities; a probability of the threshold or more says "the same".
    pub fn of(judged: impl Iterator<Item = (f64, bool)>, threshold: f64) -> Self {
        let mut verdict = Self::default();
        for (chance, is_match) in judged {
            let is_said = chance >= threshold;
            verdict.n_said += usize::from(is_said);
            verdict.n_there += usize::from(is_match);
            verdict.n_both += usize::from(is_said && is_match);
        }
        verdict
    }

    /// Share of what was said that is there; 0 where nothing was said.
    pub fn precision(self) -> f64 {
        if self.n_said == 0 { 0.0 } else { self.n_both as f64 / self.n_said as f64 }
    }

    /// Share of what is there that was said; 0 where nothing is.
    pub fn recall(self) -> f64 {
        if self.n_there == 0 { 0.0 } else { self.n_both as f64 / self.n_there as f64 }
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(self) -> f64 {
        if self.n_said + self.n_there == 0 {
            0.0
        } else {
            2.0 * self.n_both as f64 / (self.n_said + self.n_there) as f64
        }
    }
}

/// The threshold with the best F1; the middle of what samples with repeats would choose, so that no single pair decides.
pub fn threshold(judged: &[(f64, bool)]) -> f64 {
    const SAMPLES: usize = 101;
    let mut random = Random::new(1);
    let mut ordered = judged.to_vec();
    ordered.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let mut times = vec![0_u32; ordered.len()];
            (0..ordered.len()).for_each(|_| times[random.below(ordered.len())] += 1);
            best_cut(&ordered, &times)
        })
        .collect();
    chosen.sort_by(f64::total_cmp);
    chosen.get(SAMPLES / 2).copied().unwrap_or(0.5)
}

/// Halfway between the last pair that the best F1 takes in and the next; pairs are ordered, and there so many times.
fn best_cut(ordered: &[(f64, bool)], times: &[u32]) -> f64 {
    let n_there: u32 = ordered.iter().zip(times).filter(|((_, is_match), _)| *is_match).map(|(_, n)| n).sum();
    let (mut n_both, mut n_said) = (0, 0);
    let mut best = (0.0, 0.5);
    for (place, ((chance, is_match), n)) in ordered.iter().zip(times).enumerate() {
        n_said += n;
        n_both += if *is_match { *n } else { 0 };
        let next = ordered.get(place + 1).map_or(0.0, |(next, _)| *next);
        if next == *chance {
            continue;
        }
        let f1 = 2.0 * f64::from(n_both) / f64::from((n_said + n_there).max(1));
        if f1 > best.0 {
            best = (f1, (chance + next) / 2.0);
        }
    }
    best.1
}

/// The expected calibration error: how far probabilities and shares of matches are apart in ten equal ranges, weighed by
/// their pairs (M. P. Naeini et al., *Obtaining well calibrated probabilities using Bayesian binning*, AAAI 2015).
pub fn calibration_error(judged: impl Iterator<Item = (f64, bool)>) -> f64 {
    const RANGES: usize = 10;
    let mut ranges = [(0.0, 0.0, 0.0); RANGES];
    let mut n_all = 0.0;
    for (chance, is_match) in judged {
        let range = &mut ranges[((chance * RANGES as f64) as usize).min(RANGES - 1)];
        range.0 += 1.0;
        range.1 += chance;
        range.2 += f64::from(u8::from(is_match));
        n_all += 1.0;
    }
    let apart: f64 = ranges.iter().map(|(_, chances, matches)| (chances - matches).abs()).sum();
    if n_all == 0.0 { 0.0 } else { apart / n_all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_mends_scores_that_are_too_sure() {
        // Log-odds of ±4 (98 %) that are right in three of four cases.
        let scored: Vec<(f64, bool)> =
            (0..400).map(|n| (if n % 2 == 0 { 4.0 } else { -4.0 }, (n % 2 == 0) != (n % 8 < 2))).collect();
        let curve = Calibration::fit(&scored);
        assert!((curve.probability(4.0) - 0.75).abs() < 0.01, "{curve:?}");
        let error = |of: &dyn Fn(f64) -> f64| calibration_error(scored.iter().map(|(s, m)| (of(*s), *m)));
        assert!(error(&probability) > 0.2 && error(&|score| curve.probability(score)) < 0.01);
    }

    #[test]
    fn verdicts_by_hand() {
        let judged = [(0.9, true), (0.8, false), (0.4, true), (0.1, false)];
        let verdict = Verdict::of(judged.into_iter(), 0.5);
        assert_eq!((verdict.precision(), verdict.recall(), verdict.f1()), (0.5, 0.5, 0.5));
        // With all three that reach 0.4: 2 right of 3 said and 2 there, F1 0.8.
        assert!((best_cut(&judged, &[1; 4]) - 0.25).abs() < 1e-12);
        assert_eq!(Verdict::default().f1(), 0.0);
        assert_eq!(threshold(&[]), 0.5);
    }
}
