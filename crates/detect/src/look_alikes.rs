//! Look-alikes: which products of the past looked as a candidate does now, of those that made it and of those that did not.
//!
//! In: settled origins with their candidates' numbers. Out: for one candidate the nearest of both kinds. Near is the mean
//! difference in the numbers that a person would look at ([`LOOKED_AT`]), each in units of its own spread among past
//! candidates; a number that only one of the two has counts as one spread. It explains a probability, and makes none.

use rayon::prelude::*;

use crate::walk::{Origin, names};

/// What is compared.
const LOOKED_AT: &[&str] = &[
    "level_over_floor",
    "rank_share",
    "change_0",
    "growth_3",
    "growth_6",
    "growth_12",
    "over_high",
    "deviation_12",
    "age",
    "n_periods_12",
    "first_two_growth_3",
    "word_growth_3_best",
];
/// Past candidates of each kind that are looked through at most.
const LOOKED_THROUGH_MAX: usize = 40_000;
/// Look-alikes of each kind that are told.
const TOLD: usize = 2;

/// A candidate of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Place of the product.
    pub series: u32,
    /// Place of the origin.
    pub origin: usize,
}

/// The candidates of settled origins, ready to be looked through.
#[derive(Debug)]
pub struct LookAlikes {
    spreads: Vec<f32>,
    /// Those that did not make it, and those that did.
    kinds: [Vec<(Past, Vec<f32>)>; 2],
}

impl LookAlikes {
    /// Takes in settled origins; `hits` tells of each which products made it.
    pub fn new(origins: &[Origin], hits: &[Vec<bool>]) -> Self {
        let columns = columns();
        let settled = || {
            origins.iter().zip(hits).flat_map(|(origin, hits)| {
                let is_hit = |series: u32| hits[series as usize];
                origin
                    .candidates
                    .iter()
                    .enumerate()
                    .map(move |(place, series)| (origin, place, *series, is_hit(*series)))
            })
        };
        let n_of = |kind: bool| settled().filter(|(_, _, _, is_hit)| *is_hit == kind).count();
        let every = [false, true].map(|kind| n_of(kind).div_ceil(LOOKED_THROUGH_MAX).max(1));
        let mut seen = [0, 0];
        let mut kinds = [Vec::new(), Vec::new()];
        for (origin, place, series, is_hit) in settled() {
            let kind = usize::from(is_hit);
            seen[kind] += 1;
            if seen[kind] % every[kind] == 0 {
                let row = origin.row(place);
                let past = Past { series, origin: origin.t };
                kinds[kind].push((past, columns.iter().map(|column| row[*column]).collect::<Vec<f32>>()));
            }
        }
        let spread = |nth: usize| {
            let mut values: Vec<f32> = kinds.iter().flatten().map(|(_, numbers)| numbers[nth]).collect();
            values.retain(|value| value.is_finite());
            values.sort_unstable_by(f32::total_cmp);
            let at = |share: usize| values.get(values.len() * share / 100).copied().unwrap_or(0.0);
            (at(75) - at(25)).max(1e-3)
        };
        Self { spreads: (0..columns.len()).map(spread).collect(), kinds }
    }

    /// The nearest that did not make it, and those that did; each product once, and not the candidate itself.
    pub fn of(&self, series: u32, row: &[f32]) -> [Vec<Past>; 2] {
        let own: Vec<f32> = columns().iter().map(|column| row[*column]).collect();
        let apart = |other: &[f32]| -> f32 {
            let each = own.iter().zip(other).zip(&self.spreads);
            each.map(|((own, other), spread)| match (own.is_nan(), other.is_nan()) {
                (true, true) => 0.0,
                (false, false) => ((own - other).abs() / spread).min(4.0),
                _ => 1.0,
            })
            .sum()
        };
        [0, 1].map(|kind: usize| {
            let others = self.kinds[kind].par_iter().filter(|(past, _)| past.series != series);
            let mut all: Vec<(f32, Past)> = others.map(|(past, other)| (apart(other), *past)).collect();
            all.sort_unstable_by(|a, b| {
                a.0.total_cmp(&b.0).then((a.1.origin, a.1.series).cmp(&(b.1.origin, b.1.series)))
            });
            let mut told: Vec<Past> = Vec::with_capacity(TOLD);
            for (_, past) in all {
                if told.len() == TOLD {
                    break;
                }
                if told.iter().all(|one| one.series != past.series) {
                    told.push(past);
                }
            }
            told
        })
    }
}

fn columns() -> &'static [usize] {
    static COLUMNS: std::sync::LazyLock<Vec<usize>> = std::sync::LazyLock::new(|| {
        let all = names();
        LOOKED_AT.iter().filter_map(|wanted| all.iter().position(|name| name == wanted)).collect()
    });
    &COLUMNS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_each_kind_are_told_and_never_the_product_itself() {
        assert_eq!(columns().len(), LOOKED_AT.len());
        let n = names().len();
        let row = |value: f32| vec![value; n];
        let rows = [0.0, 1.0, 2.0, 3.0, 10.0].map(row).concat();
        let origin = Origin::of(0, vec![0, 1, 2, 3, 4], rows);
        let alikes = LookAlikes::new(&[origin], &[vec![false, true, false, true, true]]);
        let told = alikes.of(1, &row(1.1));
        let series = told.map(|kind| kind.iter().map(|past| past.series).collect::<Vec<u32>>());
        assert_eq!(series, [vec![2, 0], vec![3, 4]]);
    }
}
