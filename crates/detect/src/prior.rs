//! The prior: what is said of a market whose own past is too short to learn from.
//!
//! A logistic regression on those numbers of a product that mean the same in every market (no families, no words), learnt
//! from open data: `data/prior.csv` has its coefficients, `docs/reference/methods/prior.md` what it was learnt
//! from, what it is good for, and how to make it anew (`bench`'s program `detecting`). What a market learns of its own comes
//! to count more the more hits it has seen ([`crate::breakout`]).

use std::sync::LazyLock;

use crate::logistic::Logistic;
use crate::walk::names;

/// The numbers that it looks at.
pub const NUMBERS: &[&str] = &[
    "level_over_floor",
    "rank_share",
    "change_0",
    "change_1",
    "growth_3",
    "growth_6",
    "growth_12",
    "over_high",
    "over_low_12",
    "over_median_6",
    "deviation_12",
    "typical_change_6",
    "share_rising_6",
    "smallest_change_3",
    "z_score",
    "age",
    "n_periods_12",
    "run",
    "is_reentry",
    "entered_over_floor",
    "mean_over_floor_12",
    "market_spread",
];

/// Name, mean, deviation and weight of each; the shift last.
const COEFFICIENTS: &str = include_str!("../data/prior.csv");

struct Prior {
    places: Vec<usize>,
    regression: Logistic,
}

static PRIOR: LazyLock<Prior> = LazyLock::new(|| {
    let all = names();
    let places = NUMBERS.iter().filter_map(|wanted| all.iter().position(|name| name == wanted)).collect();
    Prior { places, regression: of_text(COEFFICIENTS).unwrap_or_else(|| Logistic::fit(&[], &[])) }
});

/// The regression of a table of coefficients; `None` where it is none of [`NUMBERS`].
fn of_text(text: &str) -> Option<Logistic> {
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let names = rows.iter().map(|row| row[0]);
    if !names.eq(NUMBERS.iter().copied().chain(["shift"])) {
        return None;
    }
    let column = |n: usize, rows: &[Vec<&str>]| -> Option<Vec<f64>> {
        rows.iter().map(|row| row.get(n)?.parse().ok()).collect()
    };
    let of_numbers = &rows[..NUMBERS.len()];
    let all = [vec![NUMBERS.len() as f64], column(1, of_numbers)?, column(2, of_numbers)?, column(3, &rows)?].concat();
    Logistic::read(&mut all.into_iter())
}

/// What the prior looks at of a row of all numbers. Far out, one spike must not outweigh everything: numbers end at 3.
pub fn numbers(row: &[f32]) -> Vec<f32> {
    PRIOR.places.iter().map(|place| row[*place]).zip(NUMBERS).map(|(number, name)| bounded(name, number)).collect()
}

fn bounded(name: &str, number: f32) -> f32 {
    match name {
        _ if number.is_nan() => number,
        // Periods count less and less the more there are.
        "age" | "n_periods_12" | "run" => (1.0 + number.max(0.0)).ln(),
        "level_over_floor" | "mean_over_floor_12" => number,
        _ => number.clamp(-3.0, 3.0),
    }
}

/// The prior's log-odds for a row of all numbers.
pub fn log_odds(row: &[f32]) -> f64 {
    PRIOR.regression.log_odds(&numbers(row))
}

/// What each number moves the log-odds by.
pub fn parts(row: &[f32]) -> Vec<(usize, f64)> {
    PRIOR.places.iter().copied().zip(PRIOR.regression.parts(&numbers(row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_coefficients_is_of_todays_numbers() {
        assert!(of_text(COEFFICIENTS).is_some());
        assert_eq!(PRIOR.places.len(), NUMBERS.len());
        assert!(of_text("name,mean,deviation,weight\nage,1,1,1\n").is_none());
    }

    #[test]
    fn what_rose_is_likelier_than_what_did_not_and_nothing_is_infinite() {
        let all = names();
        let row = |growth: f32| -> Vec<f32> {
            all.iter().map(|name| if name.starts_with("growth") || name == "change_0" { growth } else { 0.5 }).collect()
        };
        assert!(log_odds(&row(1.0)) > log_odds(&row(0.0)));
        for wild in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            assert!(log_odds(&vec![wild; all.len()]).is_finite(), "{wild}");
        }
    }
}
