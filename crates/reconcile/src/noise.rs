//! How loud a voice is: by the size of what it counts, by time, and how often it is wild.
//!
//! A voice is a source, or several that repeat each other. The logarithm of its errors' variance is a line in the size of
//! the series plus a part of its own for each time, both learnt from squares of errors by Fisher scoring (G. K. Smyth,
//! *Generalized linear models with varying dispersion*, 1989).

use serde::{Deserialize, Serialize};

/// What is known of a voice's errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Noise {
    /// Logarithm of the variance for a series of middling size.
    pub(crate) log_variance: f64,
    /// The variance that is taken for granted, as much as a few observations would tell it.
    granted: f64,
    /// What a series adds to it by being larger by a factor of e.
    pub(crate) by_size: f64,
    /// What a time adds to it.
    pub(crate) by_time: Vec<f64>,
    /// Share of observations that are wild.
    pub(crate) wild_share: f64,
    /// Variance of what the voice always adds to a series.
    pub(crate) always: f64,
}

/// The variance of a wild error over that of others.
pub(crate) const WILD: f64 = 25.0;
/// So many observations are taken for granted.
const GRANTED: f64 = 6.0;
/// So many series are: few, for where there is little to find, little holds against them.
const SERIES_GRANTED: f64 = 0.25;
/// The variance of what a voice always adds to a series, as it is taken for granted: a fifth up or down.
pub(crate) const ALWAYS_GRANTED: f64 = 0.04;
/// The power of each step towards what a voice always adds.
const FURTHER: f64 = 1.7;
/// No source is surer than that: half a percent.
const VARIANCE_MIN: f64 = 2.5e-5;

/// Squares of errors that a voice made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Squares {
    /// Size from the middle, time, square over variance, weight.
    pub(crate) rows: Vec<(f64, usize, f64, f64)>,
    pub(crate) n_wild: f64,
    pub(crate) always: f64,
    pub(crate) n_series: f64,
}

impl Noise {
    /// Before anything is learnt.
    pub(crate) fn at_first(variance: f64, always: f64, n_times: usize) -> Self {
        let granted = variance.max(VARIANCE_MIN);
        Self {
            log_variance: granted.ln(),
            granted,
            by_size: 0.0,
            by_time: vec![0.0; n_times],
            wild_share: 0.01,
            always,
        }
    }

    /// The variance of an error.
    pub(crate) fn variance(&self, size: f64, time: usize) -> f64 {
        const SIZE_MAX: f64 = 6.0;
        let log = self.log_variance + self.by_size * size.clamp(-SIZE_MAX, SIZE_MAX) + self.by_time[time];
        log.exp().max(VARIANCE_MIN)
    }

    /// The variance of what a voice says, with the wild and what it always adds.
    pub(crate) fn claim_variance(&self, size: f64, time: usize) -> f64 {
        let wild = 1.0 + self.wild_share * (WILD - 1.0);
        self.variance(size, time) * wild.min(2.0) + self.always
    }

    /// How much an observation counts that is so far apart from what is expected, with so much variance of its own and so
    /// much in all: 1 if it is like others, 1/25 if it is wild.
    pub(crate) fn weight(&self, apart: f64, own: f64, total: f64) -> f64 {
        let wild = total + (WILD - 1.0) * own;
        let like = |variance: f64| (-0.5 * apart * apart / variance).exp() / variance.sqrt();
        let tame = (1.0 - self.wild_share) * like(total);
        let share = tame / (tame + self.wild_share * like(wild)).max(f64::MIN_POSITIVE);
        share + (1.0 - share) / WILD
    }

    /// Learns from squares of errors.
    pub(crate) fn learn(&mut self, squares: &Squares) {
        const ENOUGH: f64 = 20.0;
        let n: f64 = squares.rows.iter().map(|row| row.3).sum();
        // A few observations more of the variance that was taken for granted, so that a handful cannot make a voice sure.
        let granted = GRANTED * (self.granted / self.log_variance.exp() - 1.0);
        let (mut by_one, mut by_size, mut sizes, mut size_squares) = (granted, 0.0, 0.0, ENOUGH);
        for (size, _, square, weight) in &squares.rows {
            let over = weight * (square - 1.0);
            by_one += over;
            by_size += over * size;
            sizes += weight * size;
            size_squares += weight * size * size;
        }
        let n = n + GRANTED;
        let determinant = n * size_squares - sizes * sizes;
        let step = (by_one * size_squares - by_size * sizes) / determinant;
        self.log_variance += step.clamp(-0.7, 0.7);
        self.by_size =
            (self.by_size + ((by_size * n - by_one * sizes) / determinant).clamp(-0.1, 0.1)).clamp(-0.6, 0.6);
        self.learn_times(squares);
        self.wild_share = ((squares.n_wild + 0.1) / (squares.rows.len() as f64 + 10.0)).clamp(0.001, 0.2);
        let learnt = (squares.always + SERIES_GRANTED * ALWAYS_GRANTED) / (squares.n_series + SERIES_GRANTED);
        // Maximising goes slowly where there is little to find: each step goes somewhat further.
        self.always *= (learnt / self.always).powf(FURTHER).clamp(0.2, 5.0);
    }

    fn learn_times(&mut self, squares: &Squares) {
        const ENOUGH: f64 = 40.0;
        let mut of_times = vec![(0.0, 0.0); self.by_time.len()];
        for (_, time, square, weight) in &squares.rows {
            let own = &mut of_times[*time];
            *own = (own.0 + weight * (square - 1.0), own.1 + weight);
        }
        for (by_time, (over, n)) in self.by_time.iter_mut().zip(of_times) {
            // Drawn towards nothing as a prior of that many observations would.
            let step = (over - ENOUGH * *by_time) / (n + ENOUGH);
            *by_time = (*by_time + step.clamp(-0.5, 0.5)).clamp(-3.0, 5.0);
        }
    }
}
