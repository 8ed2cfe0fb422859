//! Two names by their figures over time: what one thing has under two names goes together, and what two have does not.
//!
//! A point is a metric, period and scope of which both names have a value; values of one name and point that several sources
//! or vintages give are averaged, as logarithms. Asked only of pairs that are open, because it reads claims.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use crowsnest_lake::{Lake, LakeError};
use crowsnest_model::event_id;
use futures::StreamExt as _;

use super::ids::{IdMap, IdSet};
use super::rows::ints;

/// More names are not looked at: a first resolution of a large market has other things to go by.
const NAMES_MAX: usize = 20_000;
/// Smaller values agree by chance: ranks, ratings, counts of few.
const VALUE_MIN: f64 = 100.0;
/// Points that two names must have in common.
const POINTS_MIN: usize = 2;
/// Points from which on a correlation says something.
const POINTS_TO_CORRELATE: usize = 6;
const CORRELATION_MIN: f64 = 0.95;
/// Middle differences of logarithms: two in a hundred, a third, threefold.
const SAME: f64 = 0.02;
const ALIKE: f64 = 0.29;
const NEAR: f64 = 1.1;

const CLAIMS: &str = "SELECT mention_id, metric, period, region, platform, segment, unit, value FROM claims \
     WHERE value >= 100 AND status NOT IN ('denied', 'withdrawn')";

/// The figures of some names, by point.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    of: HashMap<i64, BTreeMap<i64, f64>>,
}

impl Figures {
    /// Reads the figures of names; none where there are too many names.
    pub(crate) async fn read(lake: &Lake, names: &IdSet) -> Result<Self, LakeError> {
        if names.is_empty() || names.len() > NAMES_MAX {
            return Ok(Self::default());
        }
        let mut name_of: IdMap<i64> = IdMap::default();
        for batch in lake.rows_of("SELECT mention_id, entity_id FROM mentions", "entity_id", names).await? {
            name_of.extend(ints(&batch, 0).iter().copied().zip(ints(&batch, 1).iter().copied()));
        }
        let mentions: IdSet = name_of.keys().copied().collect();
        let mut sums: HashMap<(i64, i64), (f64, f64)> = HashMap::new();
        let mut stream = lake.stream_of(CLAIMS, "mention_id", &mentions).await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let values = batch.column(7).as_primitive::<Float64Type>();
            let texts: Result<Vec<_>, _> = (1..7).map(|column| cast(batch.column(column), &DataType::Utf8)).collect();
            let texts = texts?;
            for (row, mention) in ints(&batch, 0).iter().enumerate() {
                let value = values.value(row);
                if values.is_null(row) || !value.is_finite() || value < VALUE_MIN {
                    continue;
                }
                let parts: Vec<&str> = texts
                    .iter()
                    .map(|column| column.as_string::<i32>())
                    .map(|column| if column.is_null(row) { "" } else { column.value(row) })
                    .collect();
                let sum = sums.entry((name_of[mention], event_id(&parts))).or_default();
                *sum = (sum.0 + value.ln(), sum.1 + 1.0);
            }
        }
        let mut figures = Self::default();
        for ((name, point), (sum, n)) in sums {
            figures.of.entry(name).or_default().insert(point, sum / n);
        }
        Ok(figures)
    }

    /// The level of a pair, as in `comparisons::COMPARISONS`; `None` where they have hardly a point in common.
    pub(crate) fn level(&self, left: i64, right: i64) -> Option<u8> {
        let (left, right) = (self.of.get(&left)?, self.of.get(&right)?);
        let common: Vec<(f64, f64)> =
            left.iter().filter_map(|(point, value)| Some((*value, *right.get(point)?))).collect();
        level(&common)
    }
}

fn level(common: &[(f64, f64)]) -> Option<u8> {
    if common.len() < POINTS_MIN {
        return None;
    }
    let mut apart: Vec<f64> = common.iter().map(|(one, other)| (one - other).abs()).collect();
    apart.sort_by(f64::total_cmp);
    let middle = apart[apart.len() / 2];
    let go_together = common.len() >= POINTS_TO_CORRELATE && correlation(common) >= CORRELATION_MIN;
    Some(match middle {
        _ if middle <= SAME => 0,
        _ if middle <= NEAR && go_together => 1,
        _ if middle <= ALIKE => 2,
        _ if middle <= NEAR => 3,
        _ => 4,
    })
}

fn correlation(common: &[(f64, f64)]) -> f64 {
    let n = common.len() as f64;
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| common.iter().map(of).sum::<f64>() / n;
    let (one, other) = (mean(&|pair| pair.0), mean(&|pair| pair.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| common.iter().map(|(a, b)| of(a - one, b - other)).sum::<f64>();
    let spread = (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    if spread > 0.0 { sum(&|a, b| a * b) / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_by_hand() {
        let logs = |values: &[(f64, f64)]| values.iter().map(|(a, b)| (a.ln(), b.ln())).collect::<Vec<_>>();
        assert_eq!(level(&logs(&[(1000.0, 1010.0), (2000.0, 2000.0)])), Some(0));
        let growing: Vec<(f64, f64)> = (1..9).map(|n| (f64::from(n) * 1000.0, f64::from(n) * 2000.0)).collect();
        assert_eq!(level(&logs(&growing)), Some(1));
        assert_eq!(level(&logs(&[(1000.0, 1200.0), (2000.0, 1700.0)])), Some(2));
        assert_eq!(level(&logs(&[(1000.0, 2000.0), (2000.0, 900.0)])), Some(3));
        assert_eq!(level(&logs(&[(1000.0, 90_000.0), (2000.0, 90_000.0)])), Some(4));
        assert_eq!(level(&logs(&[(1000.0, 1000.0)])), None);
    }
}
