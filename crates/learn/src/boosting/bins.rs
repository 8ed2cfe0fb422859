//! A column of numbers as bins of about equal size, which trees split between.

/// Bins of a column, not counting the one of missing values.
const BINS_MAX: usize = 62;
/// The bin of missing values.
pub(super) const MISSING: u8 = 0;

/// A column's bins, and the bin of each row.
#[derive(Debug, Clone)]
pub struct Binned {
    /// The upper bound of each bin but the last.
    bounds: Vec<f32>,
    pub(super) codes: Vec<u8>,
}

impl Binned {
    /// Finds bins for a column, and puts its values into them.
    pub fn new(values: &[f32]) -> Self {
        let mut sorted: Vec<f32> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let mut distinct: Vec<(f32, usize)> = Vec::new();
        for value in sorted {
            match distinct.last_mut() {
                Some((last, n)) if *last == value => *n += 1,
                _ => distinct.push((value, 1)),
            }
        }
        let bounds = bounds(&distinct);
        Self { codes: codes(&bounds, values), bounds }
    }

    /// The upper bound of each bin but the last.
    pub fn bounds(&self) -> &[f32] {
        &self.bounds
    }

    /// Bins with bounds that are known, and nothing in them yet.
    pub fn of_bounds(bounds: Vec<f32>) -> Self {
        Self { bounds, codes: Vec::new() }
    }

    /// The same bins with other values in them.
    pub fn with(&self, values: &[f32]) -> Self {
        Self { codes: codes(&self.bounds, values), bounds: self.bounds.clone() }
    }

    /// How many bins there are, that of missing values included.
    pub(super) fn n_bins(&self) -> usize {
        self.bounds.len() + 2
    }
}

/// Halfway between neighbouring values where these are few; else so that each bin has its share of the rows that are left.
fn bounds(distinct: &[(f32, usize)]) -> Vec<f32> {
    let halfway = |place: usize| distinct[place].0 + (distinct[place + 1].0 - distinct[place].0) / 2.0;
    if distinct.len() <= BINS_MAX {
        return (0..distinct.len().saturating_sub(1)).map(halfway).collect();
    }
    let mut n_left: usize = distinct.iter().map(|(_, n)| n).sum();
    let mut found = Vec::with_capacity(BINS_MAX);
    let mut n_here = 0;
    for (place, (_, n)) in distinct.iter().enumerate().take(distinct.len() - 1) {
        n_here += n;
        let n_bins_left = BINS_MAX - found.len();
        if n_bins_left > 1 && n_here * n_bins_left >= n_left {
            found.push(halfway(place));
            n_left -= n_here;
            n_here = 0;
        }
    }
    found
}

fn codes(bounds: &[f32], values: &[f32]) -> Vec<u8> {
    let code = |value: &f32| {
        if value.is_nan() { MISSING } else { bounds.partition_point(|bound| bound < value) as u8 + 1 }
    };
    values.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_have_a_bin_each_and_many_share() {
        let few = Binned::new(&[2.0, 1.0, f32::NAN, 2.0, 5.0]);
        assert_eq!(few.codes, [2, 1, MISSING, 2, 3]);
        assert_eq!(few.with(&[1.4, 9.0]).codes, [1, 3]);
        let many: Vec<f32> = (0..1000).map(|value| value as f32).collect();
        let many = Binned::new(&many);
        assert_eq!(many.n_bins(), BINS_MAX + 1);
        let of_first = many.codes.iter().filter(|code| **code == 1).count();
        assert!((16..=18).contains(&of_first), "{of_first}");
        assert_eq!(Binned::new(&[f32::NAN]).n_bins(), 2);
    }
}
