//! Tests that may be looked at after every unit: intervals that hold at all moments together, and p-values to match.
//!
//! Asymptotic confidence sequences of the normal mixture: I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas,
//! *Time-uniform central limit theory and asymptotic confidence sequences*, Annals of Statistics 52 (2024), equation 2; the same
//! mixture as mSPRT (R. Johari, P. Koomen, L. Pekelis, D. Walsh, *Always valid inference*, Operations Research 70, 2022).

use serde::Serialize;

use super::compare::{Difference, Sums, difference};

/// Fewer units than this are not judged: their variance is not known well enough.
pub const UNITS_MIN: f64 = 60.0;

/// A reading at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reading {
    /// The difference; its interval and p hold whenever one looks.
    #[serde(flatten)]
    pub difference: Difference,
    /// Whether the interval leaves out zero.
    pub is_decided: bool,
}

/// The mixture's width that makes intervals tightest at `n_planned` units of both variants.
fn rho_squared(alpha: f64, n_planned: f64) -> f64 {
    let log = -2.0 * alpha.ln();
    (log + (log + 1.0).ln()) / n_planned
}

/// Half the width of the interval of a mean of `n` units with spread 1.
pub fn half_width(n: f64, alpha: f64, n_planned: f64) -> f64 {
    let rho = rho_squared(alpha, n_planned);
    let mixed = n * rho + 1.0;
    (2.0 * mixed / (n * n * rho) * (mixed.sqrt() / alpha).ln()).sqrt()
}

/// The p-value that goes with it: of a mean that is `z` standard errors from zero.
pub fn p_value(z: f64, n: f64, alpha: f64, n_planned: f64) -> f64 {
    let rho = rho_squared(alpha, n_planned);
    let mixed = n * rho + 1.0;
    (mixed.sqrt() * (-0.5 * z * z * n * rho / mixed).exp()).min(1.0)
}

/// Reads two variants; `n_planned` units of both together are expected at the end.
pub fn read(first: &Sums, second: &Sums, alpha: f64, n_planned: f64) -> Reading {
    let n = first.n + second.n;
    let error = (first.variance / first.n + second.variance / second.n).sqrt();
    if n < UNITS_MIN || error <= 0.0 || !error.is_finite() {
        let nothing = difference(first, second, error, f64::INFINITY, 1.0);
        return Reading { difference: nothing, is_decided: false };
    }
    let edge = half_width(n, alpha, n_planned) * n.sqrt();
    let z = (second.mean - first.mean) / error;
    let difference = difference(first, second, error, edge, p_value(z, n, alpha, n_planned));
    Reading { difference, is_decided: difference.low > 0.0 || difference.high < 0.0 }
}

/// Sums that grow by one unit at a time (B. P. Welford, 1962).
#[derive(Debug, Clone, Copy, Default)]
pub struct Running {
    n: f64,
    mean: f64,
    squares: f64,
}

impl Running {
    /// Takes one unit in.
    pub fn take(&mut self, value: f64) {
        self.n += 1.0;
        let off = value - self.mean;
        self.mean += off / self.n;
        self.squares += off * (value - self.mean);
    }

    /// The sums so far.
    pub fn sums(&self) -> Sums {
        Sums { n: self.n, mean: self.mean, variance: self.squares / (self.n - 1.0).max(1.0), ..Sums::default() }
    }
}

/// How often made-up experiments are called, looked at after every pair of units, and at the end by the test that may be looked at once.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Tried {
    /// Experiments.
    pub n_experiments: usize,
    /// Units of each variant.
    pub n_units: usize,
    /// Difference, in spreads.
    pub effect: f64,
    /// Share that was called at any moment.
    pub share_called: f64,
    /// Share that was called by one look at the end.
    pub share_called_at_the_end: f64,
    /// Mean share of the units that it took, of those that were called.
    pub mean_share_of_units: f64,
}

/// Tries a design: `n_units` of each variant, normal with spread 1, the second `effect` higher.
pub fn try_out(n_experiments: usize, n_units: usize, effect: f64, alpha: f64, seed: u64) -> Tried {
    use rayon::prelude::*;
    let one = |experiment: usize| {
        let mut random =
            crowsnest_learn::random::Random::new(seed.wrapping_mul(1_000_003).wrapping_add(experiment as u64));
        let (mut first, mut second) = (Running::default(), Running::default());
        let mut called = None;
        for unit in 1..=n_units {
            first.take(random.normal());
            second.take(random.normal() + effect);
            if called.is_none() && is_called(&first, &second, alpha, 2.0 * n_units as f64) {
                called = Some(unit);
            }
        }
        let end = super::compare::means(&first.sums(), &second.sums(), alpha).p < alpha;
        (called, end)
    };
    let tried: Vec<(Option<usize>, bool)> = (0..n_experiments).into_par_iter().map(one).collect();
    let called: Vec<usize> = tried.iter().filter_map(|(called, _)| *called).collect();
    let share = |n: usize| n as f64 / n_experiments.max(1) as f64;
    Tried {
        n_experiments,
        n_units,
        effect,
        share_called: share(called.len()),
        share_called_at_the_end: share(tried.iter().filter(|(_, end)| *end).count()),
        mean_share_of_units: called.iter().sum::<usize>() as f64 / called.len().max(1) as f64 / n_units.max(1) as f64,
    }
}

fn is_called(first: &Running, second: &Running, alpha: f64, n_planned: f64) -> bool {
    let n = first.n + second.n;
    if n < UNITS_MIN {
        return false;
    }
    let variance = (first.squares / (first.n - 1.0)) / first.n + (second.squares / (second.n - 1.0)) / second.n;
    let edge = half_width(n, alpha, n_planned);
    (second.mean - first.mean).powi(2) > edge * edge * n * variance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looking after every unit at an alpha of 0.05 calls at most one experiment in twenty where there is nothing.
    #[test]
    fn peeking_costs_nothing() {
        let none = try_out(3000, 500, 0.0, 0.05, 1);
        assert!(none.share_called <= 0.05, "{none:?}");
        assert!((none.share_called_at_the_end - 0.05).abs() < 0.015, "{none:?}");
        let some = try_out(300, 500, 0.3, 0.05, 1);
        assert!(some.share_called > 0.9 && some.mean_share_of_units < 0.8, "{some:?}");
    }

    #[test]
    fn p_is_alpha_where_the_interval_touches_zero() {
        let edge = half_width(400.0, 0.05, 1000.0) * 20.0;
        assert!((p_value(edge, 400.0, 0.05, 1000.0) - 0.05).abs() < 1e-12);
    }
}
