//! Values that meet in the same things: `sigmod conference` on one side and `international conference on management of data`
//! on the other share hardly a letter, and mean the same.
//!
//! Of columns with few different values, each pair of a left and a right value is learnt: how often it went with "the same".

use std::collections::HashMap;

use super::comparisons::Comparer;
use super::log_odds::Counts;
use super::records::Pair;

/// A column has few values if it has at most so many, and one for so many records or fewer.
const VALUES_MAX: usize = 300;
const RECORDS_OF_VALUE_MIN: usize = 8;

/// A column with few different values, by their numbers; `None` where a record has none.
#[derive(Debug)]
pub(crate) struct FewValues {
    pub(crate) column: String,
    pub(crate) of: Vec<Option<u16>>,
}

impl FewValues {
    /// The column's values by number; `None` if they are too many or only one.
    pub(crate) fn new(column: &str, folded: &[String]) -> Option<Self> {
        let mut numbers: HashMap<&str, u16> = HashMap::new();
        let mut of = Vec::with_capacity(folded.len());
        for value in folded {
            if value.is_empty() {
                of.push(None);
                continue;
            }
            let next = numbers.len() as u16;
            of.push(Some(*numbers.entry(value).or_insert(next)));
            if numbers.len() > VALUES_MAX {
                return None;
            }
        }
        let n_there = of.iter().flatten().count();
        let is_few = numbers.len() > 1 && numbers.len() * RECORDS_OF_VALUE_MIN <= n_there;
        is_few.then(|| Self { column: column.to_owned(), of })
    }
}

/// What was learnt of pairs of values.
#[derive(Debug)]
pub(crate) struct MeetingValues(Vec<HashMap<(u16, u16), f64>>);

impl MeetingValues {
    /// Learns from pairs of which it is known whether they are the same.
    pub(crate) fn learn(comparer: &Comparer, pairs: &[(Pair, bool)]) -> Self {
        let columns = comparer.few_values.iter().map(|column| {
            let mut counts = Counts::new();
            for (pair, is_match) in pairs {
                counts.add_pair(*is_match);
                if let Some(values) = comparer.values_of(column, *pair) {
                    counts.add_sign(values, *is_match);
                }
            }
            counts.log_odds()
        });
        Self(columns.collect())
    }

    /// What each of the columns with few values says of a pair.
    pub(crate) fn compare(&self, comparer: &Comparer, pair: Pair) -> Vec<f32> {
        let columns = comparer.few_values.iter().zip(&self.0);
        let of_column = |(column, log_odds): (&FewValues, &HashMap<(u16, u16), f64>)| {
            let values = comparer.values_of(column, pair);
            values.map_or(f32::NAN, |values| log_odds.get(&values).copied().unwrap_or_default() as f32)
        };
        columns.map(of_column).collect()
    }
}

/// The names of what [`MeetingValues::compare`] gives.
pub(crate) fn names(comparer: &Comparer) -> impl Iterator<Item = String> + '_ {
    comparer.few_values.iter().map(|column| format!("{}: what these two values meant elsewhere", column.column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::records::Records;
    use crate::matching::value::ColumnKind;

    #[test]
    fn values_that_met_in_the_same_things_speak_for_the_same() {
        let venues: Vec<String> = (0..20).map(|n| if n % 2 == 0 { "vldb" } else { "sigmod" }.to_owned()).collect();
        let long: Vec<String> =
            (0..20).map(|n| if n % 2 == 0 { "very large" } else { "management" }.to_owned()).collect();
        let ids: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let values = vec![[venues, long].concat()];
        let records = Records { columns: vec!["venue".into()], values, left_ids: ids.clone(), right_ids: ids };
        let comparer = Comparer::new(&records, &[ColumnKind::Text]);
        assert_eq!(names(&comparer).collect::<Vec<_>>(), ["venue: what these two values meant elsewhere"]);
        let pair = |left, right| Pair { left, right };
        let learnt = MeetingValues::learn(&comparer, &[(pair(0, 0), true), (pair(2, 2), true), (pair(1, 2), false)]);
        assert!(learnt.compare(&comparer, pair(4, 6))[0] > 0.5);
        assert!(learnt.compare(&comparer, pair(3, 4))[0] < 0.0);
        assert_eq!(learnt.compare(&comparer, pair(1, 1))[0], 0.0);
    }
}
