//! How many units an experiment needs, and what it would find with those it has.
//!
//! Shares by the arcsine transformation and the normal distribution, means by the non-central t: J. Cohen, *Statistical power
//! analysis for the behavioral sciences* (2nd ed., 1988); as `NormalIndPower` and `TTestIndPower` of statsmodels.

use crowsnest_learn::distributions::{noncentral_t_below, normal_below, normal_quantile, t_quantile};

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Compared {
    /// Shares: without and with the change, 0 to 1.
    Shares(f64, f64),
    /// Means: their difference and the spread of units.
    Means(f64, f64),
}

/// Risks that are run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risks {
    /// Probability of a finding where there is nothing; both sides.
    pub alpha: f64,
    /// Units of the second variant for each of the first.
    pub ratio: f64,
}

impl Compared {
    /// The difference in spreads.
    pub fn effect_size(self) -> f64 {
        match self {
            Self::Shares(without, with) => 2.0 * (with.sqrt().asin() - without.sqrt().asin()),
            Self::Means(difference, spread) => difference / spread,
        }
    }

    /// Probability of finding the difference with `n` units of the first variant.
    pub fn power(self, n: f64, risks: Risks) -> f64 {
        let effect = self.effect_size().abs();
        let second = n * risks.ratio;
        let root = (1.0 / (1.0 / n + 1.0 / second)).sqrt();
        match self {
            Self::Shares(..) => {
                let edge = -normal_quantile(risks.alpha / 2.0);
                normal_below(effect * root - edge) + normal_below(-edge - effect * root)
            }
            Self::Means(..) => {
                let freedom = n + second - 2.0;
                if freedom < 1.0 {
                    return 0.0;
                }
                let edge = -t_quantile(freedom, risks.alpha / 2.0);
                let center = effect * root;
                1.0 - noncentral_t_below(freedom, center, edge) + noncentral_t_below(freedom, center, -edge)
            }
        }
    }

    /// Units of the first variant that find the difference with a probability; `None` where there is no difference.
    pub fn units(self, power: f64, risks: Risks) -> Option<f64> {
        if self.effect_size() == 0.0 || !self.effect_size().is_finite() {
            return None;
        }
        let (mut low, mut high) = (2.0, 4.0);
        while self.power(high, risks) < power {
            (low, high) = (high, high * 2.0);
            if high > 1e13 {
                return None;
            }
        }
        for _ in 0..80 {
            let middle = 0.5 * (low + high);
            if self.power(middle, risks) < power { low = middle } else { high = middle }
        }
        Some(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RISKS: Risks = Risks { alpha: 0.05, ratio: 1.0 };

    /// statsmodels 0.15: `NormalIndPower().solve_power(proportion_effectsize(0.055, 0.05), alpha=0.05, power=0.8)`,
    /// `TTestIndPower().solve_power(0.3, alpha=0.05, power=0.9, ratio=2)` and `.power(0.5, 12, 0.05)`.
    #[test]
    fn sizes_are_those_of_statsmodels() {
        let shares = Compared::Shares(0.05, 0.055).units(0.8, RISKS).unwrap();
        assert!((shares / 31_217.423_430_777_748 - 1.0).abs() < 1e-6, "{shares}");
        let means = Compared::Means(3.0, 10.0).units(0.9, Risks { ratio: 2.0, ..RISKS }).unwrap();
        assert!((means / 175.766_369_928_812 - 1.0).abs() < 1e-6, "{means}");
        let power = Compared::Means(5.0, 10.0).power(12.0, RISKS);
        assert!((power - 0.216_143_073_489_203_84).abs() < 1e-6, "{power}");
        assert!(Compared::Shares(0.05, 0.05).units(0.8, RISKS).is_none());
    }
}
