//! What official words say of all sources together.
//!
//! In: by how much what anchors lies apart from what the other sources lead to expect, a piece of evidence for each series,
//! with its variance. Out: by how much all sources are wrong together, and how sure that is.

use crate::robust::median;

/// How many standard deviations a piece of evidence counts in full.
const FAR: f64 = 2.0;

/// By how much all sources are wrong together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Anchor {
    pub(crate) shift: f64,
    pub(crate) variance: f64,
}

impl Anchor {
    /// The mean of pieces of evidence by their variances and by how much pieces differ beyond those (R. DerSimonian, N. Laird,
    /// Controlled Clinical Trials 7, 1986), those far out bounded (P. J. Huber, 1964). A few pieces say little of all sources:
    /// what is official of one product may count something else than what is said of the others.
    pub(crate) fn of(found: &[(f64, f64)]) -> Option<Self> {
        const ROUNDS: usize = 10;
        /// By how much all sources together are wrong before anything is known, as a logarithm.
        const SHARED_SD: f64 = 0.3;
        let mut shift = median(&mut found.iter().map(|(apart, _)| *apart).collect::<Vec<f64>>())?;
        let mut variance = SHARED_SD.powi(2);
        for _ in 0..ROUNDS {
            let between = Self::between(found, shift);
            let (mut sum, mut weights) = (0.0, 1.0 / SHARED_SD.powi(2));
            for (apart, own) in found {
                let own = own + between;
                let score = (apart - shift).abs() / own.sqrt();
                let weight = (FAR / score.max(FAR)) / own;
                sum += weight * apart;
                weights += weight;
            }
            shift = sum / weights;
            variance = 1.0 / weights;
        }
        Some(Self { shift, variance })
    }

    /// The variance between pieces beyond their own, some of it taken for granted before any is seen.
    fn between(found: &[(f64, f64)], shift: f64) -> f64 {
        const GRANTED: f64 = 5.0;
        const GRANTED_SD: f64 = 0.2;
        let beyond: f64 = found
            .iter()
            .map(|(apart, own)| {
                let square = (apart - shift).powi(2).min(FAR.powi(2) * (own + GRANTED_SD.powi(2)));
                square - own
            })
            .sum();
        ((beyond + GRANTED * GRANTED_SD.powi(2)) / (found.len() as f64 + GRANTED)).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_pieces_tell_and_a_few_are_taken_with_care() {
        let of = |n: usize| Anchor::of(&vec![(0.2, 1e-4); n]).unwrap();
        let (few, many) = (of(2), of(500));
        assert!((many.shift - 0.2).abs() < 0.005 && many.variance.sqrt() < 0.01, "{many:?}");
        assert!(few.shift > 0.1 && few.shift < 0.19 && few.variance.sqrt() > 0.08, "{few:?}");
        assert_eq!(Anchor::of(&[]), None);
    }
}
