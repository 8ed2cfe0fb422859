//! Random numbers as functions of what they are for, so that any of them can be had without those before it.
//!
//! Mixing is the finaliser of SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).

/// A number that depends on all of these and looks as if it did not.
pub fn mixed(seed: u64, purpose: Purpose, index: u64) -> u64 {
    finished(finished(seed ^ (purpose as u64) << 56) ^ index)
}

fn finished(number: u64) -> u64 {
    let mut state = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// What a random number is for: numbers for two purposes have nothing to do with each other.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Which metrics a source follows for a product, since when, and in which slice.
    Coverage = 1,
    /// Whether a source says something for a month, and whether and when it says it again.
    Saying = 2,
    /// How large a product is and how it grows.
    Level = 3,
    /// By how much a source is off.
    Bias = 4,
    /// By how much one figure is off.
    Noise = 5,
    /// The order within a day.
    Order = 6,
    /// Which rows occur twice.
    Repeat = 7,
}

/// From 0 (inclusive) to 1 (exclusive), from the upper 53 bits.
pub fn unit(number: u64) -> f64 {
    (number >> 11) as f64 / (1u64 << 53) as f64
}

/// Nearly normal, mean 0 and standard deviation 1, from −3.46 to 3.46: the sum of four uniform numbers of 16 bits
/// (Irwin–Hall). The tails are cut, which keeps the figures believable.
pub fn normal(number: u64) -> f64 {
    let sum: u64 = (0..4).map(|part| (number >> (16 * part)) & 0xFFFF).sum();
    (sum as f64 / 65_536.0 - 2.0) * 3f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_has_mean_0_and_deviation_1() {
        let n = 100_000;
        let all: Vec<f64> = (0..n).map(|index| normal(mixed(1, Purpose::Noise, index))).collect();
        let mean = all.iter().sum::<f64>() / n as f64;
        let variance = all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
    }

    #[test]
    fn purposes_do_not_share_numbers() {
        assert_ne!(mixed(1, Purpose::Noise, 7), mixed(1, Purpose::Bias, 7));
        assert_ne!(mixed(1, Purpose::Noise, 7), mixed(2, Purpose::Noise, 7));
    }
}
