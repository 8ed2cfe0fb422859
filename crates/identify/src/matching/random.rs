//! Random numbers that are the same on every machine: splitmix64 (Steele, Lea, Flood, *Fast splittable pseudorandom number
//! generators*, OOPSLA 2014).

/// A generator; the same seed gives the same numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number below `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// `n` different whole numbers below `end`, in rising order; all of them where there are no more.
    pub(crate) fn choose(&mut self, n: usize, end: usize) -> Vec<u32> {
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
    pub(crate) fn folds(&mut self, n: usize, n_folds: usize) -> Vec<u8> {
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
        assert_eq!(Random::new(7).next(), Random::new(7).next());
    }
}
