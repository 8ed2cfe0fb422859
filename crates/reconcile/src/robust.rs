//! Middles and spreads that a few wild values do not move.

/// The standard deviation of a normal distribution over its median absolute deviation.
pub(crate) const SD_OVER_MAD: f64 = 1.482_602_218_505_602;

/// The median; halfway between the two in the middle. `None` of nothing. Reorders the values.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    let n = values.len();
    if n == 0 {
        return None;
    }
    let (below, upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let upper = *upper;
    if n % 2 == 1 {
        return Some(upper);
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some((lower + upper) / 2.0)
}

/// The standard deviation that the median absolute deviation from `middle` stands for; 0 of nothing.
pub(crate) fn spread(values: &[f64], middle: f64) -> f64 {
    let mut apart: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    SD_OVER_MAD * median(&mut apart).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_and_spreads_by_hand() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&mut []), None);
        // Apart from 2: 1, 0, 1, 98; their median is 1.
        assert!((spread(&[1.0, 2.0, 3.0, 100.0], 2.0) - SD_OVER_MAD).abs() < 1e-12);
    }
}
