//! One series over time: what is likely at each time, given everything that is said of it before and after.
//!
//! The state is the logarithm of the truth, its growth, and for each voice by how much it always counts this series
//! differently. Truth moves by its growth and by chance; growth moves by chance. Observations are taken one at a time
//! (J. Durbin, S. J. Koopman, *Time series analysis by state space methods*, 2012, chapters 4 and 6.4), and the way back
//! gives what is likely of each state, disturbance and observation error, and what would have been expected of each
//! observation had it not been made (P. de Jong, *Smoothing and interpolation with the state-space model*, 1989).

use serde::{Deserialize, Serialize};

/// How a series moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
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

/// So many voices of a series have a state of their own; what others always add is part of their errors.
pub(crate) const OWN_STATES_MAX: usize = 14;

/// An observation on the way forth: how far it was from what was expected, the variance of that, and the gain.
struct Taken<const N: usize> {
    innovation: f64,
    variance: f64,
    gain: [f64; N],
}

type Square<const N: usize> = [[f64; N]; N];

/// Smooths a series of `n_times` periods; observations are in the order of time. A voice whose number is not below the
/// number of `setting.voices` has no state of its own: what it always adds has to be in its variance.
///
/// Loops have a length that the compiler knows, for the few numbers of states there can be: that is five times as fast.
pub(crate) fn smooth(n_times: usize, seen: &[Seen], setting: &Setting<'_>) -> Smoothed {
    match setting.voices.len() {
        0 => smooth_of::<2>(n_times, seen, setting),
        1 => smooth_of::<3>(n_times, seen, setting),
        2 => smooth_of::<4>(n_times, seen, setting),
        3 => smooth_of::<5>(n_times, seen, setting),
        4 => smooth_of::<6>(n_times, seen, setting),
        5 => smooth_of::<7>(n_times, seen, setting),
        6 => smooth_of::<8>(n_times, seen, setting),
        7 | 8 => smooth_of::<10>(n_times, seen, setting),
        9 | 10 => smooth_of::<12>(n_times, seen, setting),
        _ => smooth_of::<{ OWN_STATES_MAX + 2 }>(n_times, seen, setting),
    }
}

fn smooth_of<const N: usize>(n_times: usize, seen: &[Seen], setting: &Setting<'_>) -> Smoothed {
    let mut mean = [0.0; N];
    let mut variance = [[0.0; N]; N];
    mean[0] = seen.first().map_or(0.0, |first| first.log);
    mean[1] = setting.motion.first_growth;
    variance[0][0] = AT_FIRST;
    variance[1][1] = setting.motion.first_growth_variance;
    for (voice, own) in setting.voices.iter().take(N - 2).enumerate() {
        variance[voice + 2][voice + 2] = *own;
    }
    let mut expected: Vec<([f64; N], Square<N>)> = Vec::with_capacity(n_times);
    let mut taken: Vec<Taken<N>> = Vec::with_capacity(seen.len());
    for time in 0..n_times {
        if time > 0 {
            move_on(&mut mean, &mut variance, setting, time);
        }
        expected.push((mean, variance));
        while let Some(next) = seen.get(taken.len()).filter(|next| next.time == time) {
            let own = own_state(next, setting);
            taken.push(take(&mut mean, &mut variance, next, own));
        }
    }
    back(seen, setting, &expected, &taken)
}

/// The state of what an observation's voice always adds, if it has one.
fn own_state(seen: &Seen, setting: &Setting<'_>) -> Option<usize> {
    (seen.voice < setting.voices.len().min(OWN_STATES_MAX)).then_some(seen.voice + 2)
}

fn move_on<const N: usize>(mean: &mut [f64; N], variance: &mut Square<N>, setting: &Setting<'_>, time: usize) {
    mean[0] += mean[1] + setting.market[time];
    let growth = variance[1];
    variance[0].iter_mut().zip(growth).for_each(|(level, growth)| *level += growth);
    for row in variance.iter_mut() {
        row[0] += row[1];
    }
    variance[0][0] += setting.motion.level * setting.shock[time];
    variance[1][1] += setting.motion.growth;
}

fn take<const N: usize>(mean: &mut [f64; N], variance: &mut Square<N>, seen: &Seen, own: Option<usize>) -> Taken<N> {
    let mut gain = variance[0];
    let mut expected = mean[0];
    let mut total = seen.variance;
    if let Some(own) = own {
        let row = variance[own];
        gain.iter_mut().zip(row).for_each(|(gain, row)| *gain += row);
        expected += mean[own];
        total += gain[own];
    }
    total += gain[0];
    let innovation = seen.log - expected;
    let by = 1.0 / total;
    for row in 0..N {
        let scaled = gain[row] * by;
        mean[row] += scaled * innovation;
        for column in 0..N {
            variance[row][column] -= scaled * gain[column];
        }
    }
    Taken { innovation, variance: total, gain: gain.map(|gain| gain * by) }
}

fn back<const N: usize>(
    seen: &[Seen],
    setting: &Setting<'_>,
    expected: &[([f64; N], Square<N>)],
    taken: &[Taken<N>],
) -> Smoothed {
    let n_times = expected.len();
    let mut smoothed = Smoothed {
        levels: vec![(0.0, 0.0); n_times],
        steps: vec![StepLikely::default(); n_times],
        errors: vec![ErrorLikely::default(); seen.len()],
        added: Vec::new(),
        first_growth: (0.0, 0.0),
    };
    let (mut slope, mut bend) = ([0.0; N], [[0.0; N]; N]);
    let mut left = taken.len();
    for time in (0..n_times).rev() {
        while left > 0 && seen[left - 1].time == time {
            left -= 1;
            let own = own_state(&seen[left], setting);
            smoothed.errors[left] = give_back(&mut slope, &mut bend, &seen[left], own, &taken[left]);
        }
        let (mean, variance) = &expected[time];
        smoothed.levels[time] = likely(0, mean, variance, &slope, &bend);
        if time == 0 {
            smoothed.first_growth = likely(1, mean, variance, &slope, &bend);
            let n_own = setting.voices.len().min(N - 2);
            smoothed.added = (2..n_own + 2).map(|state| likely(state, mean, variance, &slope, &bend)).collect();
            break;
        }
        smoothed.steps[time] = step_likely(setting, time, &slope, &bend);
        slope[1] += slope[0];
        for row in bend.iter_mut() {
            row[1] += row[0];
        }
        let first = bend[0];
        bend[1].iter_mut().zip(first).for_each(|(own, first)| *own += first);
    }
    smoothed
}

/// One observation on the way back: slope and bend are those of the likelihood by the state.
fn give_back<const N: usize>(
    slope: &mut [f64; N],
    bend: &mut Square<N>,
    seen: &Seen,
    own: Option<usize>,
    taken: &Taken<N>,
) -> ErrorLikely {
    let mut bent = [0.0; N];
    for (row, gain) in bend.iter().zip(&taken.gain) {
        bent.iter_mut().zip(row).for_each(|(bent, bend)| *bent += bend * gain);
    }
    let (mut pulled, mut curved) = (0.0, 0.0);
    for row in 0..N {
        pulled += taken.gain[row] * slope[row];
        curved += taken.gain[row] * bent[row];
    }
    let score = taken.innovation / taken.variance - pulled;
    let information = 1.0 / taken.variance + curved;
    let states = [Some(0), own];
    for state in states.into_iter().flatten() {
        slope[state] += score;
        for other in 0..N {
            bend[state][other] -= bent[other];
            bend[other][state] -= bent[other];
        }
    }
    for a in states.into_iter().flatten() {
        for b in states.into_iter().flatten() {
            bend[a][b] += information;
        }
    }
    let error = seen.variance * score;
    ErrorLikely {
        square: error * error + seen.variance - seen.variance * seen.variance * information,
        apart: score / information,
        variance: 1.0 / information,
    }
}

fn likely<const N: usize>(
    state: usize,
    mean: &[f64; N],
    variance: &Square<N>,
    slope: &[f64; N],
    bend: &Square<N>,
) -> (f64, f64) {
    let row = &variance[state];
    let (mut moved, mut less) = (0.0, 0.0);
    for a in 0..N {
        moved += row[a] * slope[a];
        let mut bent = 0.0;
        for b in 0..N {
            bent += bend[a][b] * row[b];
        }
        less += row[a] * bent;
    }
    (mean[state] + moved, (row[state] - less).max(1e-12))
}

fn step_likely<const N: usize>(setting: &Setting<'_>, time: usize, slope: &[f64; N], bend: &Square<N>) -> StepLikely {
    let level = setting.motion.level * setting.shock[time];
    let growth = setting.motion.growth;
    StepLikely {
        level: level * slope[0],
        level_square: (level * slope[0]).powi(2) + level - level * level * bend[0][0],
        growth_square: (growth * slope[1]).powi(2) + growth - growth * growth * bend[1][1],
        score: if bend[0][0] > 1e-12 { slope[0] / bend[0][0].sqrt() } else { 0.0 },
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

    #[test]
    fn a_voice_that_speaks_once_needs_no_state() {
        let motion = Motion { level: 0.01, growth: 0.001, first_growth: 0.0, first_growth_variance: 0.01 };
        let of = |voices: &[f64], variance: f64| {
            let setting = Setting { motion, market: &[0.0; 3], shock: &[1.0; 3], voices };
            let seen = [(0, 0, 1.0, 0.01), (1, 0, 1.1, 0.01), (1, 1, 1.5, variance), (2, 0, 1.2, 0.01)]
                .map(|(time, voice, log, variance)| Seen { time, voice, log, variance });
            smooth(3, &seen, &setting)
        };
        let (with, without) = (of(&[0.02, 0.05], 0.03), of(&[0.02], 0.08));
        for (with, without) in with.levels.iter().zip(&without.levels) {
            assert!((with.0 - without.0).abs() < 1e-9 && (with.1 - without.1).abs() < 1e-9, "{with:?} {without:?}");
        }
    }
}
