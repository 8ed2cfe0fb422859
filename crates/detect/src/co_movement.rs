//! Co-movement: which other metrics and sources confirm a rise, and by how many periods one metric leads another.
//!
//! In: two lists over the same products and periods, as adjusted log levels. Out: a [`Lead`]: the lag at which the leader's
//! growth says most of the follower's next growth, beyond what the follower's own growth says (a partial correlation, R. A.
//! Fisher, 1924), shrunk towards none by how little there is to learn from. A rise of a product is confirmed by another list
//! where its own level there rose too, less that list's market.
//!
//! Invariant: growth of the leader ends before growth of the follower begins.

use std::collections::HashMap;

use rayon::prelude::*;
use serde::Serialize;

use crate::panel::Panel;

/// Periods over which growth is looked at.
const SPAN: usize = 3;
/// Longest lag.
const LAG_MAX: usize = 6;
/// Products on both lists without which nothing is learnt.
pub const SHARED_MIN: usize = 30;
/// Pairs of growth that no relation at all weighs as much as.
const PRIOR_PAIRS: f64 = 200.0;
/// A relation is told from so many of its own standard errors on.
const ERRORS: f64 = 3.0;
/// A rise of another list by this factor confirms.
const CONFIRMS: f32 = 1.2;

/// How one metric runs before another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lead {
    /// Periods from the end of the leader's growth to the beginning of the follower's.
    pub lag: usize,
    /// Partial correlation, shrunk: -1 to 1.
    pub correlation: f64,
    /// Products that both have.
    pub n_products: usize,
}

/// Another list beside the one that is looked at.
#[derive(Debug)]
pub struct Other {
    /// What it is called in words.
    pub name: String,
    /// Whether it is the same metric by another source.
    pub is_same_metric: bool,
    /// The lead that was learnt, if there is one.
    pub lead: Option<Lead>,
    /// By entity how much its level rose of late, as a logarithm.
    pub growth: HashMap<i64, f32>,
}

impl Other {
    /// Compares a list with the one that is looked at. `places` are the periods of the other at which those of the follower
    /// stand, `None` where it has none; entities are in the order of each panel's products.
    pub fn new(
        (name, is_same_metric): (String, bool),
        follower: (&Panel, &[i64]),
        other: (&Panel, &[i64]),
        places: &[Option<usize>],
    ) -> Self {
        let of_entity: HashMap<i64, usize> =
            other.1.iter().enumerate().map(|(place, entity)| (*entity, place)).collect();
        let shared: Vec<(usize, usize)> = follower
            .1
            .iter()
            .enumerate()
            .filter_map(|(place, entity)| Some((place, *of_entity.get(entity)?)))
            .collect();
        let at = |series: usize, t: usize| places[t].map_or(f32::NAN, |place| other.0.at(series, place));
        let pairs: Vec<(Vec<f32>, Vec<f32>)> = shared
            .par_iter()
            .map(|(own, beside)| {
                let n = places.len();
                ((0..n).map(|t| follower.0.at(*own, t)).collect(), (0..n).map(|t| at(*beside, t)).collect())
            })
            .collect();
        let last = other.0.n_periods().saturating_sub(1);
        let rose =
            |series: usize| last.checked_sub(SPAN).map(|from| other.0.at(series, last) - other.0.at(series, from));
        let growth = other.1.iter().enumerate().filter_map(|(place, entity)| Some((*entity, rose(place)?)));
        let growth = growth.filter(|(_, growth)| growth.is_finite()).collect();
        Self { name, is_same_metric, lead: lead(&pairs), growth }
    }

    /// What it says of a product that rises, in words; `None` where it does not confirm.
    pub fn confirms(&self, entity: i64, metric: &str) -> Option<String> {
        let growth = self.growth.get(&entity).copied().filter(|growth| *growth >= CONFIRMS.ln())?;
        let rose = format!("{} went to {:.2} times in {SPAN} periods", self.name, growth.exp());
        if self.is_same_metric {
            return Some(rose);
        }
        let lead = self.lead.filter(|lead| lead.correlation > 0.0)?;
        Some(format!(
            "{rose}; here it leads {metric} by {} periods (correlation {:.2}, {} products)",
            lead.lag, lead.correlation, lead.n_products
        ))
    }
}

/// The lead of one metric before another, of series by product: the follower's first, then the leader's. `None` where there
/// is too little, or nothing that chance could not be.
pub fn lead(pairs: &[(Vec<f32>, Vec<f32>)]) -> Option<Lead> {
    let n_products = pairs.len();
    if n_products < SHARED_MIN {
        return None;
    }
    let of_lag = |lag: usize| {
        let all: Vec<[f64; 3]> = pairs.par_iter().flat_map_iter(|pair| growths(pair, lag)).collect();
        // Neighbouring windows overlap: of each product's only every third counts as new.
        let n = all.len() as f64 / SPAN as f64;
        let partial = partial_correlation(&all)?;
        let is_clear = partial.abs() * n.sqrt() >= ERRORS;
        is_clear.then_some(Lead { lag, correlation: partial * n / (n + PRIOR_PAIRS), n_products })
    };
    let found = (0..=LAG_MAX).filter_map(of_lag);
    found.max_by(|a, b| a.correlation.abs().total_cmp(&b.correlation.abs()))
}

/// For each period the leader's growth, the follower's growth afterwards, and its growth before; bounded, so that one spike
/// does not outweigh a market.
fn growths((follower, leader): &(Vec<f32>, Vec<f32>), lag: usize) -> Vec<[f64; 3]> {
    let n = follower.len();
    let bounded = |growth: f32| f64::from(growth.clamp(-2.0, 2.0));
    let at = |t: usize| {
        let then = t - lag;
        let numbers =
            [leader[then] - leader[then - SPAN], follower[t + SPAN] - follower[t], follower[t] - follower[t - SPAN]];
        numbers.iter().all(|one| one.is_finite()).then(|| numbers.map(bounded))
    };
    (SPAN + lag..n.saturating_sub(SPAN)).filter_map(at).collect()
}

/// The correlation of the first two columns, the third held still.
fn partial_correlation(rows: &[[f64; 3]]) -> Option<f64> {
    let n = rows.len() as f64;
    let mean = [0, 1, 2].map(|column: usize| rows.iter().map(|row| row[column]).sum::<f64>() / n);
    let both = |a: usize, b: usize| rows.iter().map(|row| (row[a] - mean[a]) * (row[b] - mean[b])).sum::<f64>();
    let correlation = |a: usize, b: usize| both(a, b) / (both(a, a) * both(b, b)).sqrt();
    let (xy, xz, yz) = (correlation(0, 1), correlation(0, 2), correlation(1, 2));
    let partial = (xy - xz * yz) / ((1.0 - xz * xz) * (1.0 - yz * yz)).sqrt();
    partial.is_finite().then_some(partial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crowsnest_learn::random::Random;

    /// Products whose leader is a random walk, and whose follower does the same so many periods later, with noise.
    fn made(n: usize, lag: usize, follows: f32) -> Vec<(Vec<f32>, Vec<f32>)> {
        let mut random = Random::new(7);
        let mut of_product = || {
            let steps: Vec<f32> = (0..40).map(|_| 0.3 * random.normal() as f32).collect();
            let mut noise = || 0.2 * random.normal() as f32;
            let level = |steps: Vec<f32>| -> Vec<f32> {
                steps
                    .iter()
                    .scan(0.0, |sum, step| {
                        *sum += step;
                        Some(*sum)
                    })
                    .collect()
            };
            let late = (0..40).map(|t: usize| t.checked_sub(lag).map_or(0.0, |then| follows * steps[then]) + noise());
            let late: Vec<f32> = late.collect();
            (level(late), level(steps))
        };
        (0..n).map(|_| of_product()).collect()
    }

    #[test]
    fn a_metric_that_runs_ahead_is_found_with_its_lag() {
        let found = lead(&made(80, 5, 1.0)).unwrap();
        // Growth over three periods that ends at t - 2 is followed by growth from t on.
        assert!((found.lag, found.n_products) == (2, 80) && found.correlation > 0.5, "{found:?}");
        assert!(lead(&made(80, 3, 0.0)).is_none(), "nothing follows");
        assert!(lead(&made(SHARED_MIN - 1, 3, 1.0)).is_none(), "too few");
    }

    #[test]
    fn only_what_rose_confirms_and_another_metric_only_where_it_leads() {
        let lead = Some(Lead { lag: 2, correlation: 0.4, n_products: 50 });
        let growth = HashMap::from([(1, 2_f32.ln()), (2, 0.0)]);
        let mut other = Other { name: "stars".to_owned(), is_same_metric: false, lead, growth };
        assert_eq!(
            other.confirms(1, "downloads").as_deref(),
            Some(
                "stars went to 2.00 times in 3 periods; here it leads downloads by 2 periods (correlation 0.40, 50 products)"
            )
        );
        assert_eq!((other.confirms(2, "downloads"), other.confirms(3, "downloads")), (None, None));
        other.lead = None;
        assert_eq!(other.confirms(1, "downloads"), None);
        other.is_same_metric = true;
        assert!(other.confirms(1, "downloads").is_some());
    }
}
