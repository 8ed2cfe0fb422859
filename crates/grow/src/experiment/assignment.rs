//! Who gets which variant, by a hash of the experiment and the unit, and whether what came in has the shares that were drawn.
//!
//! Hash: XXH3 (Y. Collet), of which the upper 53 bits are a number from 0 to 1. Check: Pearson's chi-squared test of goodness of
//! fit (1900); A. Fabijan et al., *Diagnosing sample ratio mismatch in online controlled experiments*, KDD 2019.

use crowsnest_learn::distributions::chi_squared_above;
use xxhash_rust::xxh3::xxh3_64;

/// Below this, the shares were not those that were drawn (Fabijan et al. use the same).
pub const MISMATCH_P: f64 = 0.001;

/// The place of the variant that a unit gets; `shares` need not add up to one. `None` without a positive share.
pub fn variant_of(experiment: &str, unit: &str, shares: &[f64]) -> Option<usize> {
    let whole: f64 = shares.iter().filter(|share| **share > 0.0).sum();
    if whole <= 0.0 {
        return None;
    }
    let hash = xxh3_64(format!("{experiment}\u{1f}{unit}").as_bytes());
    let mut place = (hash >> 11) as f64 / (1_u64 << 53) as f64 * whole;
    for (at, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        if place < *share {
            return Some(at);
        }
        place -= share;
    }
    shares.iter().rposition(|share| *share > 0.0)
}

/// The probability of counts at least as far from the shares by chance; `None` with fewer than two variants or no units.
pub fn ratio_check(counts: &[u64], shares: &[f64]) -> Option<f64> {
    let n: f64 = counts.iter().map(|count| *count as f64).sum();
    let whole: f64 = shares.iter().sum();
    if counts.len() < 2 || counts.len() != shares.len() || n <= 0.0 || shares.iter().any(|share| *share <= 0.0) {
        return None;
    }
    let chi: f64 = counts
        .iter()
        .zip(shares)
        .map(|(count, share)| {
            let expected = n * share / whole;
            (*count as f64 - expected).powi(2) / expected
        })
        .sum();
    Some(chi_squared_above(counts.len() as f64 - 1.0, chi))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_keeps_its_variant_and_shares_are_kept() {
        let of = |unit: usize| variant_of("onboarding", &unit.to_string(), &[1.0, 3.0]).unwrap();
        assert_eq!(of(7), of(7));
        let n_second = (0..40_000).filter(|unit| of(*unit) == 1).count();
        assert!((29_700..30_300).contains(&n_second), "{n_second}");
        let other =
            (0..1000).filter(|unit| variant_of("other", &unit.to_string(), &[1.0, 1.0]) == Some(of(*unit))).count();
        assert!((400..600).contains(&other), "experiments are independent: {other}");
        assert_eq!(variant_of("x", "y", &[0.0]), None);
    }

    /// `scipy.stats.chisquare([5100, 4900])` gives 0.0455.
    #[test]
    fn counts_off_their_shares_are_told() {
        let p = ratio_check(&[5100, 4900], &[0.5, 0.5]).unwrap();
        assert!((p - 0.045_500_263_896_358_42).abs() < 1e-9, "{p}");
        assert!(ratio_check(&[6000, 4000], &[1.0, 1.0]).unwrap() < MISMATCH_P);
        assert_eq!(ratio_check(&[0, 0], &[1.0, 1.0]), None);
    }
}
