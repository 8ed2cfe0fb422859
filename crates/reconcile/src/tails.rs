//! How much heavier the tails of errors are than those of a normal distribution, where few tell.
//!
//! Each voice of a series is hidden in turn and told from the others; the quantiles of how far off that is, over what was
//! expected, are those of a normal distribution where all is as assumed (conformal prediction by class: V. Vovk et al.,
//! *Algorithmic learning in a random world*, 2005, section 4.6). A class is how many other voices there are.

use serde::{Deserialize, Serialize};

use crate::evaluate::{Z_50, Z_80, Z_95};

/// One voice, two, three or more.
pub(crate) const CLASSES: usize = 3;

/// The class of a series that so many voices tell of.
pub(crate) fn class(n_voices: usize) -> u8 {
    n_voices.clamp(1, CLASSES) as u8 - 1
}

/// Factors on the standard deviation, for intervals of 50, 80 and 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tails {
    claims: [[f64; 3]; CLASSES],
}

impl Default for Tails {
    fn default() -> Self {
        Self { claims: [[1.0; 3]; CLASSES] }
    }
}

impl Tails {
    /// From how far off hidden voices were, over what was expected, by class.
    pub(crate) fn of(mut scores: [Vec<f64>; CLASSES]) -> Self {
        let mut tails = Self::default();
        for (class, scores) in scores.iter_mut().enumerate() {
            scores.sort_unstable_by(f64::total_cmp);
            for (place, (share, z)) in [(0.5, Z_50), (0.8, Z_80), (0.95, Z_95)].into_iter().enumerate() {
                tails.claims[class][place] = factor(scores, share, z);
            }
        }
        tails
    }

    /// The factors for what a source would say of a series of that class.
    pub(crate) fn of_claims(&self, class: u8) -> [f64; 3] {
        self.claims[usize::from(class).min(CLASSES - 1)]
    }

    /// The factors for a figure. What is hidden has the errors of its own source too, so that a little more than expected
    /// says nothing of the figure; never less than 1.
    pub(crate) fn of_figures(&self, class: u8) -> [f64; 3] {
        const NOTHING_TO_TELL: f64 = 1.1;
        self.of_claims(class).map(|factor| (factor / NOTHING_TO_TELL).max(1.0))
    }
}

/// The quantile over that of a normal distribution, drawn towards 1 where few scores tell it.
fn factor(sorted: &[f64], share: f64, z: f64) -> f64 {
    const GRANTED: f64 = 40.0;
    const FACTOR_MAX: f64 = 6.0;
    let n = sorted.len();
    if n == 0 {
        return 1.0;
    }
    let at = ((((n + 1) as f64) * share).ceil() as usize).clamp(1, n) - 1;
    let factor = (sorted[at] / z).clamp(1.0 / FACTOR_MAX, FACTOR_MAX);
    (factor.ln() * n as f64 / (n as f64 + GRANTED)).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_tails_widen_and_few_scores_do_little() {
        // Evenly from 0 to 10: 95 % are below 9.5, which is 4.8 standard deviations for 1.96.
        let even = |n: usize| (0..n).map(|k| 10.0 * (k as f64 + 0.5) / n as f64).collect::<Vec<f64>>();
        let tails = Tails::of([even(4), even(4000), Vec::new()]);
        assert!((tails.of_claims(1)[2] - 9.5 / Z_95).abs() < 0.1, "{tails:?}");
        assert!(tails.of_claims(0)[2] < 1.2 && tails.of_claims(2) == [1.0; 3], "{tails:?}");
        assert_eq!(Tails::of([vec![0.1; 99], Vec::new(), Vec::new()]).of_figures(0), [1.0; 3]);
        assert_eq!((class(0), class(1), class(2), class(9)), (0, 0, 1, 2));
    }
}
