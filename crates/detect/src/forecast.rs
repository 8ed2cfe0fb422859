//! Forecasts of one series: several plain models, weighed for each series by how well each did on its own past.
//!
//! In: log levels, evenly spaced, gaps carried forward. Out: for each period ahead the median and the ends of an interval
//! of 80 %. Models are recursions of one pass: exponential smoothing (R. G. Brown, 1959), with damped trend (E. S. Gardner,
//! E. McKenzie, 1985), and theta (V. Assimakopoulos, K. Nikolopoulos, 2000). Each is judged at every past point on all
//! periods ahead, and counts by a power of its mean error (J. M. Bates, C. W. J. Granger, 1969). Logarithms make the middle
//! of what is forecast the median of the level. What is common to the products of a list is learnt in [`crate::forecaster`].

use crate::outcome::Task;

/// Smoothing of the level, of the trend, how the trend is damped, and the share of the overall drift that is added.
const MODELS: &[(f32, f32, f32, f32)] = &[
    (1.0, 0.0, 1.0, 0.0),
    (0.7, 0.0, 1.0, 0.0),
    (0.4, 0.0, 1.0, 0.0),
    (0.2, 0.0, 1.0, 0.0),
    (0.9, 0.1, 0.9, 0.0),
    (0.9, 0.3, 0.8, 0.0),
    (0.6, 0.1, 0.9, 0.0),
    (0.6, 0.2, 0.95, 0.0),
    (0.9, 0.0, 1.0, 0.5),
    (0.5, 0.0, 1.0, 0.5),
    (0.3, 0.0, 1.0, 0.5),
];
/// How much more the better models count.
const POWER: i32 = 4;
/// Points without which nothing is forecast.
pub const POINTS_MIN: usize = 3;
/// Points before a model is judged.
const WARM_UP: usize = 4;
/// Longest horizon.
pub const HORIZON_MAX: usize = 24;
/// Least typical miss, so that a constant series has an interval that is a number.
const MISS_MIN: f32 = 1e-4;

/// Ends of an interval of 80 % in units of a series' mean miss, as a double exponential distribution has them: for lists that
/// are too short to learn from.
pub const USUAL_ENDS: (f32, f32) = (-1.6, 1.6);

/// What the plain models say of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// The last level.
    pub last: f32,
    /// Its usual change, by size.
    pub usual: f32,
    /// What the combination of the models missed by at each period ahead, on average.
    pub miss: Vec<f32>,
    /// The change that the combination expects by each period ahead.
    changes: Vec<f32>,
}

impl Parts {
    /// The change of the log level that is expected, so many periods ahead (from 0).
    pub fn change(&self, ahead: usize) -> f32 {
        self.changes[ahead]
    }

    /// The log levels that are expected.
    pub fn levels(&self) -> Vec<f32> {
        self.changes.iter().map(|change| self.last + change).collect()
    }
}

/// A recursion's state.
#[derive(Clone, Copy)]
struct State {
    level: f32,
    trend: f32,
    drift: f32,
}

impl State {
    fn ahead(&self, model: (f32, f32, f32, f32), damped: f32, steps: f32) -> f32 {
        let (_, _, _, theta) = model;
        self.level + self.trend * damped + theta * self.drift * steps
    }

    fn moved(self, model: (f32, f32, f32, f32), now: f32, begin: f32, n_steps: f32) -> Self {
        let (alpha, beta, phi, theta) = model;
        let expected = self.level + phi * self.trend + theta * self.drift;
        let level = expected + alpha * (now - expected);
        let trend = if beta > 0.0 { phi * self.trend + alpha * beta * (now - expected) } else { 0.0 };
        Self { level, trend, drift: (now - begin) / n_steps }
    }
}

/// What the models say of a series; `None` where it has fewer than [`POINTS_MIN`] points that are numbers.
pub fn parts(levels: &[f32], horizon: usize) -> Option<Parts> {
    let known = carried(levels);
    if known.len() < POINTS_MIN || horizon == 0 {
        return None;
    }
    let horizon = horizon.min(HORIZON_MAX);
    let last = known[known.len() - 1];
    let mut changes = vec![0.0; horizon];
    let mut miss = vec![0.0; horizon];
    let mut weights = 0.0;
    for model in MODELS {
        let (state, misses, weight) = judged(&known, *model, horizon);
        weights += weight;
        let (mut damped, mut factor) = (0.0, 1.0);
        for (ahead, (change, miss)) in changes.iter_mut().zip(&mut miss).enumerate() {
            factor *= model.2;
            damped += factor;
            *change += weight * (state.ahead(*model, damped, (ahead + 1) as f32) - last);
            *miss += weight * misses[ahead];
        }
    }
    changes.iter_mut().chain(&mut miss).for_each(|one| *one /= weights);
    Some(Parts { last, usual: usual(&known), miss, changes })
}

/// The points from the first that is a number on, gaps filled with the one before.
fn carried(levels: &[f32]) -> Vec<f32> {
    let mut last = f32::NAN;
    let filled = levels.iter().map(|level| {
        if level.is_finite() {
            last = *level;
        }
        last
    });
    filled.filter(|level| level.is_finite()).collect()
}

/// Runs a model over a series: its last state, its mean misses for each period ahead, and how much it counts.
fn judged(known: &[f32], model: (f32, f32, f32, f32), horizon: usize) -> (State, [f32; HORIZON_MAX], f32) {
    let mut state = State { level: known[0], trend: 0.0, drift: 0.0 };
    let mut sums = [0.0_f32; HORIZON_MAX];
    let mut counts = [0.0_f32; HORIZON_MAX];
    for (at, now) in known.iter().enumerate().skip(1) {
        state = state.moved(model, *now, known[0], at as f32);
        if at < WARM_UP {
            continue;
        }
        let (mut damped, mut factor) = (0.0, 1.0);
        for (ahead, later) in known[at + 1..].iter().take(horizon).enumerate() {
            factor *= model.2;
            damped += factor;
            sums[ahead] += (later - state.ahead(model, damped, (ahead + 1) as f32)).abs();
            counts[ahead] += 1.0;
        }
    }
    let usual = usual(known);
    let mut misses = [0.0; HORIZON_MAX];
    let mut whole = 0.0;
    for ahead in 0..horizon {
        // Where little is known of a period ahead, misses are taken to grow as those of a random walk do.
        let prior = usual * ((ahead + 1) as f32).sqrt();
        misses[ahead] = ((sums[ahead] + 2.0 * prior) / (counts[ahead] + 2.0)).max(MISS_MIN);
        whole += misses[ahead];
    }
    (state, misses, (horizon as f32 / whole).powi(POWER))
}

fn usual(known: &[f32]) -> f32 {
    let n = known.len() - 1;
    (known.windows(2).map(|two| (two[1] - two[0]).abs()).sum::<f32>() / n as f32).max(MISS_MIN)
}

/// How far ahead a task's forecasts go.
pub fn horizon_of(task: Task) -> usize {
    task.horizon.min(HORIZON_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_stay_and_lines_go_on() {
        let constant = parts(&[2.0; 20], 3).unwrap();
        assert!(constant.levels().iter().all(|one| (one - 2.0).abs() < 1e-4));
        let line: Vec<f32> = (0..40_u16).map(|t| 0.1 * f32::from(t)).collect();
        let ahead = parts(&line, 3).unwrap();
        assert!((ahead.levels()[0] - 4.0).abs() < 0.06, "{ahead:?}");
        assert!(parts(&[1.0, f32::NAN, 2.0], 3).is_some());
        assert!(parts(&[1.0, f32::NAN], 3).is_none());
        assert!(parts(&[f32::INFINITY; 9], 3).is_none());
    }
}
