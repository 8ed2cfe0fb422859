//! Words that tell things apart: how often a word that only one of two records had went with "different".
//!
//! `upgrade`, `academic` or `mac` on one side only is another product; `software` is not.

use std::collections::HashMap;

use super::comparisons::Comparer;
use super::log_odds::Counts;
use super::records::Pair;

/// What a pair's words give, in words.
pub(crate) const WORD_COMPARISONS: &[&str] = &[
    "what words on one side only meant elsewhere, together",
    "the word on one side only that most often meant different",
    "the word on one side only that least often meant different",
];

/// The log-odds of words.
#[derive(Debug)]
pub(crate) struct TellingWords(HashMap<u32, f64>);

impl TellingWords {
    /// Learns from pairs of which it is known whether they are the same.
    pub(crate) fn learn(comparer: &Comparer, pairs: &[(Pair, bool)]) -> Self {
        let mut counts = Counts::new();
        for (pair, is_match) in pairs {
            counts.add_pair(*is_match);
            comparer.telling_apart(*pair, |word| counts.add_sign(word, *is_match));
        }
        Self(counts.log_odds())
    }

    /// A number for each of [`WORD_COMPARISONS`].
    pub(crate) fn compare(&self, comparer: &Comparer, pair: Pair) -> [f32; 3] {
        let (mut sum, mut least, mut most) = (0.0, f64::NAN, f64::NAN);
        comparer.telling_apart(pair, |word| {
            let log_odds = self.0.get(&word).copied().unwrap_or_default();
            sum += log_odds;
            least = least.min(log_odds);
            most = most.max(log_odds);
        });
        [sum as f32, least as f32, most as f32]
    }

    /// The words that tell a pair apart, with their log-odds, the most telling first.
    pub(crate) fn of(&self, comparer: &Comparer, pair: Pair) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        comparer.telling_apart(pair, |word| {
            if let Some(log_odds) = self.0.get(&word) {
                found.push((comparer.word(word).to_owned(), *log_odds));
            }
        });
        found.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::records::Records;
    use crate::matching::value::ColumnKind;

    #[test]
    fn a_word_that_went_with_different_is_told() {
        let names =
            ["office 2007", "office 2007 upgrade", "office 2007 software", "photo", "photo upgrade", "photo software"];
        let ids = |n: usize| (0..n).map(|place| place.to_string()).collect();
        let values = vec![names.map(str::to_owned).to_vec()];
        let records = Records { columns: vec!["name".into()], values, left_ids: ids(1), right_ids: ids(5) };
        let comparer = Comparer::new(&records, &[ColumnKind::Text]);
        let pair = |right| Pair { left: 0, right };
        let learnt = TellingWords::learn(&comparer, &[(pair(0), false), (pair(1), true)]);
        let of = learnt.of(&comparer, pair(3));
        assert_eq!(of[0].0, "upgrade");
        assert!(of[0].1 < 0.0, "{of:?}");
        let [sum, least, most] = learnt.compare(&comparer, pair(1));
        assert!(sum > 0.0 && least == most, "{sum} {least} {most}");
    }
}
