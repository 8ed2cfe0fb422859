//! A market that grows as radars do: further back, by further metrics, about products that come and go.
//!
//! With ten times the rows there are 2.5 times the months (10^0.4) and four times the metrics (10^0.6); a product lives for
//! 60 months, and about as many are there in any month of any size. So a month of one metric and one product's history in
//! one metric are about as much at every size, while months, metrics, products, mentions and claims are not:
//!
//! | rows | months | metrics | products, ever |
//! |---|---|---|---|
//! | 10 million | 60 (2021–2025) | 6 | 39,682 |
//! | 100 million | 151 (June 2013–2025) | 24 | 69,313 |
//! | 500 million | 287 (February 2002–2025) | 63 | 114,234 |
//!
//! It is written in slices of the months in which it is said, each a file of its own, so that nobody needs room for all.
//! Figures, restatements and repeats are those of [`crate::market`].

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::market::{METRICS, MONTHS, Shape};

/// The market that others are compared with.
const BASE_ROWS: f64 = 10_000_000.0;
const MONTHS_POWER: f64 = 0.4;
const METRICS_POWER: f64 = 0.6;
const MONTHS_BOUNDS: [u32; 2] = [24, 300];
const METRICS_BOUNDS: [u64; 2] = [6, 120];
/// For each product that is there, month and metric; what is missing or too much is evened out by how often sources speak.
const ROWS_PER_CELL: f64 = 1.4;

/// A part of a grown market.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Rows of the whole market, about.
    pub n_rows: u64,
    /// Another seed is another market.
    pub seed: u64,
    /// Which part, and of how many.
    pub part: Part,
}

/// The so-manieth part of so many, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    number: u32,
    of: u32,
}

/// What a grown market is like.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Grown {
    /// Months that figures are for.
    pub n_months: u32,
    /// Ids of the metrics beyond the six of every market, each with the one that it is like.
    pub further_metrics: Vec<[String; 2]>,
    /// A product of the last 60 months that more than one source follows.
    pub well_known: String,
}

impl Grown {
    pub(crate) fn of(shape: &Shape, well_known: String) -> Self {
        let further = METRICS.len() as u64..shape.n_metrics;
        let further_metrics = further.map(|number| [metric(number), METRICS[kind(number)].to_owned()]).collect();
        Self { n_months: shape.n_months, further_metrics, well_known }
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if 1 <= number && number <= of => Ok(Self { number, of }),
            _ => Err("expected a part such as 2/5".to_owned()),
        }
    }
}

impl Slice {
    /// Its part of the months, as even as months allow.
    pub(crate) fn of_months(self, months: RangeInclusive<u32>) -> impl Iterator<Item = u32> {
        let Part { number, of } = self.part;
        let n_months = months.end() + 1 - months.start();
        let from = months.start() + n_months * (number - 1) / of;
        from..months.start() + n_months * number / of
    }
}

/// The id of a metric by its number.
pub(crate) fn metric(number: u64) -> String {
    let (name, again) = (METRICS[kind(number)], number / METRICS.len() as u64);
    if again == 0 { name.to_owned() } else { format!("{name}_{:02}", again + 1) }
}

fn kind(number: u64) -> usize {
    number as usize % METRICS.len()
}

/// The size of a grown market of about so many rows.
pub(crate) fn shape(n_rows: u64) -> Shape {
    let times = n_rows as f64 / BASE_ROWS;
    let n_months = (f64::from(MONTHS) * times.powf(MONTHS_POWER)).round() as u32;
    let n_months = n_months.clamp(MONTHS_BOUNDS[0], MONTHS_BOUNDS[1]);
    let n_metrics = (METRICS.len() as f64 * times.powf(METRICS_POWER)).round() as u64;
    let n_metrics = n_metrics.clamp(METRICS_BOUNDS[0], METRICS_BOUNDS[1]);
    let n_there = n_rows as f64 / f64::from(n_months) / n_metrics as f64 / ROWS_PER_CELL;
    let n_products = n_there * f64::from(n_months + MONTHS) / f64::from(MONTHS);
    Shape { n_products: (n_products as u64).max(20), n_months, n_metrics, comes_and_goes: true }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn slice(n_rows: u64, part: &str) -> (HashSet<String>, Grown) {
        let mut bytes = Vec::new();
        let (written, grown) = Slice { n_rows, seed: 1, part: part.parse().unwrap() }.write(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let rows: HashSet<String> = text.lines().skip(1).map(str::to_owned).collect();
        assert_eq!(rows.len() as u64, written.n_distinct);
        assert_eq!(text.lines().count() as u64, written.n_rows + 1);
        (rows, grown)
    }

    #[test]
    fn slices_are_the_whole() {
        let (whole, grown) = slice(200_000, "1/1");
        assert!((190_000..210_000).contains(&whole.len()), "{}", whole.len());
        let parts: Vec<HashSet<String>> = ["1/3", "2/3", "3/3"].iter().map(|part| slice(200_000, part).0).collect();
        assert_eq!(parts.iter().map(HashSet::len).sum::<usize>(), whole.len());
        assert!(parts.iter().flatten().all(|row| whole.contains(row)));
        assert!(whole.iter().filter(|row| row.starts_with(&grown.well_known)).count() > 20);
    }

    #[test]
    fn a_month_of_a_metric_is_as_large_at_every_size() {
        let products = |n_rows: u64| {
            let shape = shape(n_rows);
            (0..shape.n_products)
                .filter(|product| {
                    let age = i64::from(shape.n_months) - 19 - shape.birth(*product);
                    (0..i64::from(MONTHS)).contains(&age)
                })
                .count() as f64
        };
        let base = products(10_000_000);
        for n_rows in [100_000_000, 500_000_000] {
            let ratio = products(n_rows) / base;
            assert!((0.95..1.05).contains(&ratio), "{n_rows}: {ratio}");
        }
    }

    #[test]
    fn parts() {
        assert_eq!("2/5".parse::<Part>(), Ok(Part { number: 2, of: 5 }));
        for wrong in ["", "3", "0/1", "3/2", "a/b"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }
}
