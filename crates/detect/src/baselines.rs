//! The baselines that breakouts are measured against in the same run: momentum, newness, z-score, and a logistic regression
//! on them.
//!
//! To add one: a line in [`RANKINGS`].

/// Their numbers of a product at an origin, by their names in the list of numbers ([`crate::features::OWN`]) and the sign
/// that puts the likeliest first.
pub const RANKINGS: &[(&str, &str, f32)] = &[
    ("momentum_1", "change_0", 1.0),
    ("momentum_3", "growth_3", 1.0),
    ("momentum_6", "growth_6", 1.0),
    ("newness", "age", -1.0),
    ("z_score", "z_score", 1.0),
];

/// The name of the regression on all of them.
pub const LOGISTIC: &str = "logistic_regression";

/// What a product is ranked by where it has no such number: last.
pub const LAST: f64 = -1e9;

/// The places of the baselines' numbers among those of a product.
fn places() -> &'static [usize] {
    static PLACES: std::sync::LazyLock<Vec<usize>> = std::sync::LazyLock::new(|| {
        let place = |wanted: &str| crate::features::OWN.iter().position(|name| *name == wanted);
        RANKINGS.iter().filter_map(|(_, name, _)| place(name)).collect()
    });
    &PLACES
}

/// The baselines' numbers of a product.
pub fn numbers(row: &[f32]) -> Vec<f32> {
    places().iter().map(|place| row[*place]).collect()
}

/// What each baseline ranks a product by.
pub fn scores(numbers: &[f32]) -> Vec<f64> {
    let ranked = places().iter().zip(RANKINGS);
    ranked
        .map(|(place, (_, _, sign))| sign * numbers[*place])
        .map(|score| if score.is_nan() { LAST } else { f64::from(score) })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_baseline_has_its_number() {
        assert_eq!(super::places().len(), super::RANKINGS.len());
    }
}
