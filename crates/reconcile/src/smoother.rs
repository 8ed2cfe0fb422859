//! One series over time: what is likely at each time, given everything that is said of it before and after.
//!
//! The state is the logarithm of the truth, its growth, and for each voice by how much it always counts this series
//! differently. Truth moves by its growth and by chance; growth moves by chance. Observations are taken one at a time
//! (J. Durbin, S. J. Koopman, *Time series analysis by state space methods*, 2012, chapters 4 and 6.4), and the way back
//! gives what is likely of each state, disturbance and observation error, and what would have been expected of each
//! observation had it not been made (P. de Jong, *Smoothing and interpolation with the state-space model*, 1989).

/// How a series moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    /// Variance of the chance in truth's step, a period.
    pub(crate) level: f64,
    /// Variance of the chance in growth's step, a period.
    pub(crate) growth: f64,
    /// Growth in the first period, on average.
    pub(crate) first_growth: f64,
    /// Its variance.
    pub(crate) first_growth_variance: f64,
}

/// One observation of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// Period, counted from the series' first.
    pub(crate) time: usize,
    /// Number of the voice among those of the series.
    pub(crate) voice: usize,
    /// De-biased logarithm.
    pub(crate) log: f64,
    /// Variance of its error.
    pub(crate) variance: f64,
}

/// What moves a series beside its own growth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) motion: Motion,
    /// How the whole market steps into each period, from the second on.
    pub(crate) market: &'a [f64],
    /// By how much chance is greater in the step into each period; 1 as a rule.
    pub(crate) shock: &'a [f64],
    /// For each voice the variance of what it always adds; 0 where nothing.
    pub(crate) voices: &'a [f64],
}

/// What is likely of one step of a series.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct StepLikely {
    /// The chance in truth's step, its square on average, the chance in growth's step squared.
    pub(crate) level: f64,
    pub(crate) level_square: f64,
    pub(crate) growth_square: f64,
    /// The step's chance over what is known of it, as a score: far from 0 where truth jumped.
    pub(crate) score: f64,
}

/// What is likely of one observation's error.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ErrorLikely {
    /// The error's square on average, given everything.
    pub(crate) square: f64,
    /// How far the observation is from what all others lead to expect.
    pub(crate) apart: f64,
    /// The variance of that, its own error included.
    pub(crate) variance: f64,
}

/// A series, smoothed.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Smoothed {
    /// For each period the mean and variance of truth's logarithm.
    pub(crate) levels: Vec<(f64, f64)>,
    /// For each period from the second on.
    pub(crate) steps: Vec<StepLikely>,
    /// For each observation, in order.
    pub(crate) errors: Vec<ErrorLikely>,
    /// For each voice the mean and variance of what it always adds.
    pub(crate) added: Vec<(f64, f64)>,
    /// Mean and variance of growth in the first period.
    pub(crate) first_growth: (f64, f64),
}

/// The variance of truth before anything is said, around the first thing said.
const AT_FIRST: f64 = 25.0;

struct Taken {
    innovation: f64,
    variance: f64,
    gain: Vec<f64>,
}

/// Smooths a series of `n_times` periods; observations are in the order of time.
pub(crate) fn smooth(n_times: usize, seen: &[Seen], setting: &Setting<'_>) -> Smoothed {
    let n = 2 + setting.voices.len();
    let mut mean = vec![0.0; n];
    let mut variance = vec![0.0; n * n];
    mean[0] = seen.first().map_or(0.0, |first| first.log);
    mean[1] = setting.motion.first_growth;
    variance[0] = AT_FIRST;
    variance[n + 1] = setting.motion.first_growth_variance;
    setting.voices.iter().enumerate().for_each(|(voice, own)| variance[(voice + 2) * (n + 1)] = *own);
    let mut expected = Vec::with_capacity(n_times);
    let mut taken: Vec<Taken> = Vec::with_capacity(seen.len());
    for time in 0..n_times {
        if time > 0 {
            move_on(&mut mean, &mut variance, setting, time);
        }
        expected.push((mean.clone(), variance.clone()));
        while let Some(next) = seen.get(taken.len()).filter(|next| next.time == time) {
            taken.push(take(&mut mean, &mut variance, next));
        }
    }
    back(n_times, seen, setting, &expected, &taken)
}

fn move_on(mean: &mut [f64], variance: &mut [f64], setting: &Setting<'_>, time: usize) {
    let n = mean.len();
    mean[0] += mean[1] + setting.market[time];
    for column in 0..n {
        variance[column] += variance[n + column];
    }
    for row in 0..n {
        variance[row * n] += variance[row * n + 1];
    }
    variance[0] += setting.motion.level * setting.shock[time];
    variance[n + 1] += setting.motion.growth;
}

fn take(mean: &mut [f64], variance: &mut [f64], seen: &Seen) -> Taken {
    let n = mean.len();
    let own = 2 + seen.voice;
    let mut gain: Vec<f64> = (0..n).map(|row| variance[row * n] + variance[row * n + own]).collect();
    let total = gain[0] + gain[own] + seen.variance;
    let innovation = seen.log - mean[0] - mean[own];
    for row in 0..n {
        mean[row] += gain[row] / total * innovation;
        for column in 0..n {
            variance[row * n + column] -= gain[row] * gain[column] / total;
        }
    }
    gain.iter_mut().for_each(|gain| *gain /= total);
    Taken { innovation, variance: total, gain }
}

fn back(
    n_times: usize,
    seen: &[Seen],
    setting: &Setting<'_>,
    expected: &[(Vec<f64>, Vec<f64>)],
    taken: &[Taken],
) -> Smoothed {
    let n = 2 + setting.voices.len();
    let mut smoothed = Smoothed {
        levels: vec![(0.0, 0.0); n_times],
        steps: vec![StepLikely::default(); n_times],
        errors: vec![ErrorLikely::default(); seen.len()],
        added: Vec::new(),
        first_growth: (0.0, 0.0),
    };
    let (mut slope, mut bend) = (vec![0.0; n], vec![0.0; n * n]);
    let mut left = taken.len();
    for time in (0..n_times).rev() {
        while left > 0 && seen[left - 1].time == time {
            left -= 1;
            smoothed.errors[left] = give_back(&mut slope, &mut bend, &seen[left], &taken[left]);
        }
        let (mean, variance) = &expected[time];
        let of = |state: usize| likely(state, mean, variance, &slope, &bend);
        smoothed.levels[time] = of(0);
        if time == 0 {
            smoothed.first_growth = of(1);
            smoothed.added = (2..n).map(of).collect();
            break;
        }
        smoothed.steps[time] = step_likely(setting, time, &slope, &bend, n);
        slope[1] += slope[0];
        for row in 0..n {
            bend[row * n + 1] += bend[row * n];
        }
        for column in 0..n {
            bend[n + column] += bend[column];
        }
    }
    smoothed
}

/// One observation on the way back: slope and bend are those of the likelihood by the state.
fn give_back(slope: &mut [f64], bend: &mut [f64], seen: &Seen, taken: &Taken) -> ErrorLikely {
    let n = slope.len();
    let own = 2 + seen.voice;
    let bent: Vec<f64> = (0..n).map(|row| (0..n).map(|c| bend[row * n + c] * taken.gain[c]).sum()).collect();
    let pulled: f64 = (0..n).map(|row| taken.gain[row] * slope[row]).sum();
    let curved: f64 = (0..n).map(|row| taken.gain[row] * bent[row]).sum();
    let score = taken.innovation / taken.variance - pulled;
    let information = 1.0 / taken.variance + curved;
    for state in [0, own] {
        slope[state] += score;
    }
    for state in [0, own] {
        for other in 0..n {
            bend[state * n + other] -= bent[other];
            bend[other * n + state] -= bent[other];
        }
    }
    for a in [0, own] {
        for b in [0, own] {
            bend[a * n + b] += information;
        }
    }
    let error = seen.variance * score;
    ErrorLikely {
        square: error * error + seen.variance - seen.variance * seen.variance * information,
        apart: score / information,
        variance: 1.0 / information,
    }
}

fn likely(state: usize, mean: &[f64], variance: &[f64], slope: &[f64], bend: &[f64]) -> (f64, f64) {
    let n = mean.len();
    let row = &variance[state * n..(state + 1) * n];
    let moved: f64 = row.iter().zip(slope).map(|(v, s)| v * s).sum();
    let mut less = 0.0;
    for a in 0..n {
        for b in 0..n {
            less += row[a] * bend[a * n + b] * row[b];
        }
    }
    (mean[state] + moved, (row[state] - less).max(1e-12))
}

fn step_likely(setting: &Setting<'_>, time: usize, slope: &[f64], bend: &[f64], n: usize) -> StepLikely {
    let level = setting.motion.level * setting.shock[time];
    let growth = setting.motion.growth;
    StepLikely {
        level: level * slope[0],
        level_square: (level * slope[0]).powi(2) + level - level * level * bend[0],
        growth_square: (growth * slope[1]).powi(2) + growth - growth * growth * bend[n + 1],
        score: if bend[0] > 1e-12 { slope[0] / bend[0].sqrt() } else { 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_observations_of_one_time_are_weighed_by_their_variances() {
        let motion = Motion { level: 0.01, growth: 0.0, first_growth: 0.0, first_growth_variance: 0.0 };
        let setting = Setting { motion, market: &[0.0], shock: &[1.0], voices: &[0.0, 0.0] };
        let seen = [
            Seen { time: 0, voice: 0, log: 1.0, variance: 0.01 },
            Seen { time: 0, voice: 1, log: 2.0, variance: 0.03 },
        ];
        let smoothed = smooth(1, &seen, &setting);
        // Weights 3 to 1: 1.25, variance 0.0075; truth is hardly known before.
        assert!((smoothed.levels[0].0 - 1.25).abs() < 1e-3 && (smoothed.levels[0].1 - 0.0075).abs() < 1e-4);
        // Without the second, the first would be expected at 2, give or take both errors.
        assert!((smoothed.errors[0].apart + 1.0).abs() < 1e-2, "{smoothed:?}");
        assert!((smoothed.errors[0].variance - 0.04).abs() < 1e-3, "{smoothed:?}");
    }

    #[test]
    fn a_gap_is_filled_from_both_sides_and_is_less_sure() {
        let motion = Motion { level: 0.01, growth: 0.0, first_growth: 0.0, first_growth_variance: 0.0 };
        let setting = Setting { motion, market: &[0.0; 3], shock: &[1.0; 3], voices: &[0.0] };
        let seen = [0, 2].map(|time| Seen { time, voice: 0, log: time as f64, variance: 1e-9 });
        let smoothed = smooth(3, &seen, &setting);
        // A random walk between two known points: the middle, and half the variance of a step.
        assert!((smoothed.levels[1].0 - 1.0).abs() < 1e-6 && (smoothed.levels[1].1 - 0.005).abs() < 1e-6);
    }
}
