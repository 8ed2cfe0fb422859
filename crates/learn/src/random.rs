//! Random numbers that are the same on every machine: splitmix64 (Steele, Lea, Flood, *Fast splittable pseudorandom number
//! generators*, OOPSLA 2014).

/// A generator; the same seed gives the same numbers.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator that starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "it never ends, and is no iterator")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of the standard normal distribution (G. E. P. Box, M. E. Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let (radius, turn) = (1.0 - self.share(), self.share());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }

    /// A whole number below `end`, which is at least 1.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// `n` different whole numbers below `end`, in rising order; all of them where there are no more.
    pub fn choose(&mut self, n: usize, end: usize) -> Vec<u32> {
        let mut chosen = Vec::with_capacity(n.min(end));
        for place in 0..end {
            let n_wanted = n.saturating_sub(chosen.len());
            if n_wanted > 0 && self.below(end - place) < n_wanted {
                chosen.push(place as u32);
            }
        }
        chosen
    }

    /// A fold from 0 to `n_folds` - 1 for each of `n`, as equally often as can be.
    pub fn folds(&mut self, n: usize, n_folds: usize) -> Vec<u8> {
        let mut folds: Vec<u8> = (0..n).map(|place| (place % n_folds) as u8).collect();
        for place in (1..n).rev() {
            folds.swap(place, self.below(place + 1));
        }
        folds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_different_and_folds_equal() {
        let mut random = Random::new(1);
        let chosen = random.choose(10, 100);
        assert!(chosen.len() == 10 && chosen.windows(2).all(|two| two[0] < two[1]) && chosen[9] < 100);
        assert_eq!(random.choose(5, 3), [0, 1, 2]);
        let folds = random.folds(10, 5);
        assert!((0..5).all(|fold| folds.iter().filter(|own| **own == fold).count() == 2), "{folds:?}");
        let normal: Vec<f64> = (0..10_000).map(|_| random.normal()).collect();
        let mean = normal.iter().sum::<f64>() / 1e4;
        let variance = normal.iter().map(|x| x * x).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.04 && (variance - 1.0).abs() < 0.06, "{mean} {variance}");
        assert_eq!(Random::new(7).next(), Random::new(7).next());
    }
}
