//! What a sign that pairs have says of them: the log-odds of "the same" among pairs with it, against that of all pairs.
//!
//! Drawn towards zero where pairs are few, by a prior of two pairs (naive Bayes; D. D. Lewis, *Naive (Bayes) at forty*, 1998).

use std::collections::HashMap;
use std::hash::Hash;

/// Pairs that a sign is taken to have been seen in before it was seen at all, as often the same as all pairs are.
const PRIOR_PAIRS: f64 = 2.0;

/// Counts of signs in pairs that are the same and in those that are not.
#[derive(Debug)]
pub(crate) struct Counts<K> {
    of_signs: HashMap<K, [f64; 2]>,
    of_all: [f64; 2],
}

impl<K: Eq + Hash> Counts<K> {
    pub(crate) fn new() -> Self {
        Self { of_signs: HashMap::new(), of_all: [1.0, 1.0] }
    }

    /// Counts a pair; its signs are to be added.
    pub(crate) fn add_pair(&mut self, is_match: bool) {
        self.of_all[usize::from(is_match)] += 1.0;
    }

    /// Counts a sign of a pair.
    pub(crate) fn add_sign(&mut self, sign: K, is_match: bool) {
        self.of_signs.entry(sign).or_default()[usize::from(is_match)] += 1.0;
    }

    /// The log-odds of each sign that was seen.
    pub(crate) fn log_odds(self) -> HashMap<K, f64> {
        let share = self.of_all[1] / (self.of_all[0] + self.of_all[1]);
        let base = (share / (1.0 - share)).ln();
        let log_odds = |[different, same]: [f64; 2]| {
            ((same + PRIOR_PAIRS * share) / (different + PRIOR_PAIRS * (1.0 - share))).ln() - base
        };
        self.of_signs.into_iter().map(|(sign, counts)| (sign, log_odds(counts))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_methods_page() {
        let mut counts = Counts::new();
        // One of each kind is counted before any pair.
        (0..98).for_each(|n| counts.add_pair(n < 9));
        (0..8).for_each(|_| counts.add_sign("upgrade", false));
        // 10 of 100 pairs are the same: ln(0.2 / 9.8) - ln(0.1 / 0.9).
        let log_odds = counts.log_odds()["upgrade"];
        assert!((log_odds - (-3.8918 + 2.1972)).abs() < 1e-3, "{log_odds}");
    }
}
