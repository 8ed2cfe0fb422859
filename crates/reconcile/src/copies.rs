//! Sources that repeat each other: their errors go together, which those of sources that count for themselves do not.
//!
//! From one period to the next, two sources move together by what truly happened and by errors that they share. What truly
//! happened is the same for every pair; a pair that moves together by much more shares its errors. That needs three
//! sources. Of two, only digits tell: the same factor between them, again and again, to a thousandth.

use serde::{Deserialize, Serialize};

use crate::panel::{Panel, Standing};
use crate::robust::{median, spread};

/// Two sources, of which one repeats the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Copying {
    /// The one that repeats: it speaks later, or tells of fewer.
    pub source: usize,
    /// The one that is repeated.
    pub of: usize,
    /// How far their errors go together, 0 to 1.
    pub correlation: f64,
    /// Share of what both say that is the same up to one factor, to a thousandth.
    pub same_share: f64,
}

/// From which correlation of errors on one source repeats another.
const CORRELATION_MIN: f64 = 0.4;
const SAME_SHARE_MIN: f64 = 0.3;
const STEPS_MIN: usize = 30;

/// Finds copies among de-biased logarithms. `earlier[a][b]` is the share of cells in which a spoke before b.
pub(crate) fn find(panel: &Panel, logs: &[f64], earlier: &dyn Fn(usize, usize) -> f64) -> Vec<Copying> {
    let n = panel.n_sources;
    let moves = Moves::of(panel, logs);
    let common = moves.common(n);
    let shared: Vec<Option<f64>> =
        (0..n * n).map(|at| (common[at] >= STEPS_MIN).then(|| moves.covariance(at / n, at % n)).flatten()).collect();
    let in_common = cells_in_common(panel);
    let mut between: Vec<f64> = (0..n * n).filter(|at| at / n < at % n).filter_map(|at| shared[at]).collect();
    between.sort_by(f64::total_cmp);
    // The lower third of pairs is free of copies unless most sources copy.
    let truth = between.get(between.len() / 3).copied().unwrap_or(0.0).max(0.0);
    let counts = counts(panel);
    let mut found = Vec::new();
    for left in 0..n {
        for right in left + 1..n {
            let correlation = match (shared[left * n + right], shared[left * n + left], shared[right * n + right]) {
                (Some(both), Some(own), Some(other)) if between.len() >= 3 => {
                    let errors = ((own - truth).max(1e-9) * (other - truth).max(1e-9)).sqrt();
                    ((both - truth) / errors).clamp(0.0, 1.0)
                }
                _ => 0.0,
            };
            let is_told_often = in_common[left * n + right] >= STEPS_MIN;
            let same_share = if is_told_often { same_share(panel, logs, left, right) } else { 0.0 };
            if correlation >= CORRELATION_MIN || same_share >= SAME_SHARE_MIN {
                let (before, after) = (earlier(left, right), earlier(right, left));
                let is_left_first =
                    if (before - after).abs() > 0.1 { before > after } else { counts[left] >= counts[right] };
                let (source, of) = if is_left_first { (right, left) } else { (left, right) };
                found.push(Copying { source, of, correlation, same_share });
            }
        }
    }
    found
}

/// For each source the number of the group that it speaks with; alone where it copies nobody.
pub(crate) fn groups(n_sources: usize, copies: &[Copying]) -> Vec<usize> {
    let mut group: Vec<usize> = (0..n_sources).collect();
    for pair in copies {
        let (from, to) = (group[pair.source].max(group[pair.of]), group[pair.source].min(group[pair.of]));
        group.iter_mut().filter(|own| **own == from).for_each(|own| *own = to);
    }
    group
}

fn counts(panel: &Panel) -> Vec<usize> {
    let mut counts = vec![0; panel.n_sources];
    panel.observations.iter().for_each(|seen| counts[usize::from(seen.source)] += 1);
    counts
}

/// Steps of sources from period to period, less what the whole market did, wild ones cut.
struct Moves {
    /// For each cell with a step: the source's own.
    cells: Vec<Vec<(usize, f64)>>,
}

impl Moves {
    fn of(panel: &Panel, logs: &[f64]) -> Self {
        let mut cells: Vec<Vec<(usize, f64)>> = Vec::new();
        let mut times = Vec::new();
        let mut at = 0;
        for series in panel.by_series() {
            let mut last: Vec<Option<(u32, f64)>> = vec![None; panel.n_sources];
            for cell in series.chunk_by(|a, b| a.time == b.time) {
                let mut moved = Vec::new();
                for seen in cell {
                    let (source, log) = (usize::from(seen.source), logs[at]);
                    at += 1;
                    if seen.standing != Standing::Counts {
                        continue;
                    }
                    if let Some((before, from)) = last[source]
                        && before + 1 == seen.time
                    {
                        moved.push((source, log - from));
                    }
                    last[source] = Some((seen.time, log));
                }
                if !moved.is_empty() {
                    times.push(cell[0].time as usize);
                    cells.push(moved);
                }
            }
        }
        let mut moves = Self { cells };
        moves.leave_out_the_market(&times, panel.n_times);
        moves
    }

    fn leave_out_the_market(&mut self, times: &[usize], n_times: usize) {
        const WILD: f64 = 3.5;
        let mut of_times = vec![Vec::new(); n_times];
        for (cell, time) in self.cells.iter().zip(times) {
            of_times[*time].extend(cell.iter().map(|(_, moved)| *moved));
        }
        let middles: Vec<f64> = of_times.iter_mut().map(|moved| median(moved).unwrap_or(0.0)).collect();
        let n_sources = self.cells.iter().flatten().map(|(source, _)| source + 1).max().unwrap_or(0);
        let mut by_source = vec![Vec::new(); n_sources];
        for (cell, time) in self.cells.iter_mut().zip(times) {
            for (source, moved) in cell {
                *moved -= middles[*time];
                by_source[*source].push(*moved);
            }
        }
        let spreads: Vec<f64> = by_source.iter().map(|moved| spread(moved, 0.0)).collect();
        for (source, moved) in self.cells.iter_mut().flatten() {
            let limit = WILD * spreads[*source];
            *moved = moved.clamp(-limit, limit);
        }
    }

    /// For each two sources the number of steps that both made.
    fn common(&self, n_sources: usize) -> Vec<usize> {
        let mut counts = vec![0; n_sources * n_sources];
        for cell in &self.cells {
            for (left, _) in cell {
                cell.iter().for_each(|(right, _)| counts[left * n_sources + right] += 1);
            }
        }
        counts
    }

    fn covariance(&self, left: usize, right: usize) -> Option<f64> {
        let (mut sum, mut n) = (0.0, 0);
        for cell in &self.cells {
            let of = |wanted: usize| cell.iter().find(|(source, _)| *source == wanted).map(|(_, moved)| *moved);
            if let Some((a, b)) = of(left).zip(of(right)) {
                sum += a * b;
                n += 1;
            }
        }
        (n >= STEPS_MIN).then(|| sum / n as f64)
    }
}

/// For each two sources the number of cells that both tell of.
fn cells_in_common(panel: &Panel) -> Vec<usize> {
    let mut counts = vec![0; panel.n_sources * panel.n_sources];
    for cell in panel.observations.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
        for left in cell {
            for right in cell {
                counts[usize::from(left.source) * panel.n_sources + usize::from(right.source)] += 1;
            }
        }
    }
    counts
}

fn same_share(panel: &Panel, logs: &[f64], left: usize, right: usize) -> f64 {
    const SAME: f64 = 0.001;
    let mut apart = Vec::new();
    let mut at = 0;
    for cell in panel.observations.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
        let of = |wanted: usize| {
            let place =
                cell.iter().position(|seen| usize::from(seen.source) == wanted && seen.standing == Standing::Counts);
            place.map(|place| logs[at + place])
        };
        apart.extend(of(left).zip(of(right)).map(|(a, b)| a - b));
        at += cell.len();
    }
    if apart.len() < STEPS_MIN {
        return 0.0;
    }
    let middle = median(&mut apart).unwrap_or(0.0);
    let n_same = apart.iter().filter(|apart| (*apart - middle).abs() < SAME).count();
    n_same as f64 / apart.len() as f64
}
