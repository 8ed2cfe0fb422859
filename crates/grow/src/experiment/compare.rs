//! The difference of two variants, with its interval: means (Welch's t), shares (normal), ratios of two sums (delta method), and
//! what units did before taken out (CUPED).
//!
//! Sources: B. L. Welch (1947); A. Deng, U. Knoblich, J. Lu, *Applying the delta method in metric analytics*, KDD 2018; A. Deng, Y.
//! Xu, R. Kohavi, T. Walker, *Improving the sensitivity of online controlled experiments by utilizing pre-experiment data*, WSDM
//! 2013. Means and shares are those of `CompareMeans` and `proportions_ztest` of statsmodels.

use crowsnest_learn::distributions::{normal_below, normal_quantile, t_below, t_quantile};
use serde::Serialize;

/// Units of one variant, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// Units.
    pub n: f64,
    /// Mean of the metric.
    pub mean: f64,
    /// Variance of the metric between units (n - 1).
    pub variance: f64,
    /// Mean of the denominator, or of what was before.
    pub other_mean: f64,
    /// Its variance.
    pub other_variance: f64,
    /// Covariance of both.
    pub covariance: f64,
}

/// A difference: second variant less first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Difference {
    /// Of the first variant.
    pub first: f64,
    /// Of the second variant.
    pub second: f64,
    /// Second less first.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// The difference as a share of the first.
    pub relative: f64,
    /// Lower end of that (delta method).
    pub relative_low: f64,
    /// Upper end of that.
    pub relative_high: f64,
    /// Probability of a difference at least as large by chance.
    pub p: f64,
}

impl Sums {
    /// Sums units up; `others` may be empty.
    pub fn of(values: &[f64], others: &[f64]) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let less = (n - 1.0).max(1.0);
        let mut sums = Self { n, mean, ..Self::default() };
        sums.variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / less;
        if !others.is_empty() {
            sums.other_mean = others.iter().sum::<f64>() / n;
            sums.other_variance = others.iter().map(|other| (other - sums.other_mean).powi(2)).sum::<f64>() / less;
            let both = values.iter().zip(others).map(|(value, other)| (value - mean) * (other - sums.other_mean));
            sums.covariance = both.sum::<f64>() / less;
        }
        sums
    }

    /// The ratio of sums and its variance from unit to unit, by the delta method, as a mean of units.
    #[must_use]
    pub fn as_ratio(&self) -> Self {
        let ratio = self.mean / self.other_mean;
        let variance = (self.variance - 2.0 * ratio * self.covariance + ratio * ratio * self.other_variance)
            / (self.other_mean * self.other_mean);
        Self { n: self.n, mean: ratio, variance, ..Self::default() }
    }
}

/// What units did before taken out of both: each mean less θ times how far the variant began from all, θ from both together.
pub fn without_before(first: &Sums, second: &Sums) -> (Sums, Sums) {
    let weight = |sums: &Sums| (sums.n - 1.0).max(0.0);
    let varied = weight(first) * first.other_variance + weight(second) * second.other_variance;
    let together = weight(first) * first.covariance + weight(second) * second.covariance;
    let theta = if varied > 0.0 { together / varied } else { 0.0 };
    let all = (first.n * first.other_mean + second.n * second.other_mean) / (first.n + second.n);
    let adjusted = |sums: &Sums| Sums {
        n: sums.n,
        mean: sums.mean - theta * (sums.other_mean - all),
        variance: sums.variance - 2.0 * theta * sums.covariance + theta * theta * sums.other_variance,
        ..Sums::default()
    };
    (adjusted(first), adjusted(second))
}

/// Difference of means by Welch's t.
pub fn means(first: &Sums, second: &Sums, alpha: f64) -> Difference {
    let (left, right) = (first.variance / first.n, second.variance / second.n);
    let error = (left + right).sqrt();
    let freedom = (left + right).powi(2) / (left * left / (first.n - 1.0) + right * right / (second.n - 1.0));
    let freedom = if freedom.is_finite() { freedom } else { 1.0 };
    let t = (second.mean - first.mean) / error;
    let p = if error > 0.0 { 2.0 * t_below(freedom, -t.abs()) } else { 1.0 };
    difference(first, second, error, -t_quantile(freedom, alpha / 2.0), p)
}

/// Difference of shares: the test with one share for both, the interval with two (A. Agresti, B. Caffo's case of none added).
pub fn shares(first: (u64, u64), second: (u64, u64), alpha: f64) -> Difference {
    let sums = |(n_yes, n): (u64, u64)| {
        let share = n_yes as f64 / n as f64;
        Sums { n: n as f64, mean: share, variance: share * (1.0 - share), ..Sums::default() }
    };
    let (left, right) = (sums(first), sums(second));
    let both = (first.0 + second.0) as f64 / (left.n + right.n);
    let error = (left.variance / left.n + right.variance / right.n).sqrt();
    let pooled = (both * (1.0 - both) * (1.0 / left.n + 1.0 / right.n)).sqrt();
    let p = if pooled > 0.0 { 2.0 * normal_below(-((right.mean - left.mean) / pooled).abs()) } else { 1.0 };
    difference(&left, &right, error, -normal_quantile(alpha / 2.0), p)
}

pub(crate) fn difference(first: &Sums, second: &Sums, error: f64, edge: f64, p: f64) -> Difference {
    let apart = second.mean - first.mean;
    let (left, right) = (first.variance / first.n, second.variance / second.n);
    let relative = apart / first.mean;
    let ratio = second.mean / first.mean;
    let relative_error = ((right + ratio * ratio * left).sqrt() / first.mean).abs();
    Difference {
        first: first.mean,
        second: second.mean,
        difference: apart,
        standard_error: error,
        low: apart - edge * error,
        high: apart + edge * error,
        relative,
        relative_low: relative - edge * relative_error,
        relative_high: relative + edge * relative_error,
        p,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, wanted: f64) {
        assert!((found - wanted).abs() < 1e-9 * (1.0 + wanted.abs()), "{found} {wanted}");
    }

    /// statsmodels 0.15: `ttest_ind(second, first, usevar='unequal')` and `CompareMeans(…).tconfint_diff(usevar='unequal')`.
    #[test]
    fn means_are_those_of_statsmodels() {
        let first = Sums::of(&[1.0, 2.0, 3.0, 4.0, 7.5], &[]);
        let second = Sums::of(&[2.0, 4.0, 6.5, 8.0], &[]);
        let found = means(&first, &second, 0.05);
        near(found.p, 0.383_550_542_284_379_24);
        near(found.low, -2.566_501_465_618_736);
        near(found.high, 5.816_501_465_618_736);
    }

    /// statsmodels 0.15: `proportions_ztest([200, 150], [1000, 1000])`.
    #[test]
    fn shares_are_those_of_statsmodels() {
        near(shares((200, 1000), (150, 1000), 0.05).p, 0.003_256_269_628_412_057_6);
    }

    /// Clicks by views of three units: (1, 2, 3) / (2, 4, 9): ratio 6/15 = 0.4, by hand.
    #[test]
    fn a_ratio_worked_by_hand() {
        let sums = Sums::of(&[1.0, 2.0, 3.0], &[2.0, 4.0, 9.0]).as_ratio();
        near(sums.mean, 0.4);
        // variances 1 and 13, covariance 3.5: (1 - 2·0.4·3.5 + 0.16·13) / 25.
        near(sums.variance, (1.0 - 2.8 + 2.08) / 25.0);
    }

    #[test]
    fn what_was_before_takes_noise_out_and_no_effect() {
        let mut random = crowsnest_learn::random::Random::new(6);
        let mut units = |effect: f64| {
            let before: Vec<f64> = (0..4000).map(|_| random.normal()).collect();
            let after: Vec<f64> = before.iter().map(|before| 2.0 * before + random.normal() + effect).collect();
            Sums::of(&after, &before)
        };
        let (first, second) = (units(0.0), units(0.2));
        let (left, right) = without_before(&first, &second);
        let (plain, adjusted) = (means(&first, &second, 0.05), means(&left, &right, 0.05));
        assert!(adjusted.standard_error < 0.5 * plain.standard_error);
        assert!((adjusted.difference - 0.2).abs() < 3.0 * adjusted.standard_error, "{adjusted:?}");
    }
}
