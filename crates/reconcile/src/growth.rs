//! A source's growth by its own series: the median step from each period to the next.
//!
//! Where sources overlap, a jump of one against the others says more; where a source stands alone, or two stand against each
//! other, its own history has to tell which of them changed.

use crate::panel::{Panel, Standing};
use crate::robust::{median, spread};

/// How a source's median series moved into one period, beyond what it usually does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    /// The source's number.
    pub(crate) source: usize,
    /// The period that the step leads into.
    pub(crate) time: usize,
    /// Natural logarithm of the step over the usual one of the source.
    pub(crate) beyond: f64,
    /// Variance of steps that are no jumps.
    pub(crate) variance: f64,
}

/// The steps of all sources, over series that have both periods. A gap of the whole source is stepped over.
pub(crate) fn steps(panel: &Panel) -> Vec<Step> {
    let mut by_step = vec![vec![Vec::new(); panel.n_times]; panel.n_sources];
    let told = times_told(panel);
    for series in panel.by_series() {
        let mut last = vec![None; panel.n_sources];
        for seen in series.iter().filter(|seen| seen.standing == Standing::Counts) {
            let (source, time) = (usize::from(seen.source), seen.time as usize);
            if let Some((before, log)) = last[source]
                && told[source][time] == Some(before)
            {
                by_step[source][time].push(seen.log - log);
            }
            last[source] = Some((time, seen.log));
        }
    }
    (0..panel.n_sources).flat_map(|source| of_source(source, &mut by_step[source], &told[source])).collect()
}

/// For each source and time, the time before it that the source tells of.
fn times_told(panel: &Panel) -> Vec<Vec<Option<usize>>> {
    let mut is_told = vec![vec![false; panel.n_times]; panel.n_sources];
    panel.observations.iter().for_each(|seen| is_told[usize::from(seen.source)][seen.time as usize] = true);
    let before = |told: &Vec<bool>| {
        let mut last = None;
        (0..told.len())
            .map(|time| {
                let own = last;
                last = if told[time] { Some(time) } else { last };
                own
            })
            .collect()
    };
    is_told.iter().map(before).collect()
}

fn of_source(source: usize, by_time: &mut [Vec<f64>], told: &[Option<usize>]) -> Vec<Step> {
    const STEPS_MIN: usize = 6;
    const SERIES_MIN: usize = 5;
    let mut steps = Vec::new();
    for (time, moved) in by_time.iter_mut().enumerate().filter(|(_, moved)| moved.len() >= SERIES_MIN) {
        let Some((middle, before)) = median(moved).zip(told[time]) else { continue };
        let noise = spread(moved, middle);
        let variance = std::f64::consts::FRAC_PI_2 * noise * noise / moved.len() as f64;
        steps.push(Step { source, time, beyond: middle / (time - before) as f64, variance });
    }
    if steps.len() < STEPS_MIN {
        return Vec::new();
    }
    let mut moves: Vec<f64> = steps.iter().map(|step| step.beyond).collect();
    let usual = median(&mut moves).unwrap_or(0.0);
    let wander = spread(&moves, usual).max(0.01);
    for step in &mut steps {
        step.beyond -= usual;
        step.variance += wander * wander;
    }
    steps
}
