//! Change points: where a series' level jumped for good, and where its slope turned.
//!
//! In: adjusted log levels, with gaps. Out: the periods, what changed, and by how much. Levels of lists wander like random
//! walks, so a level is not tested against a mean: a change counts where one step is far outside the usual steps (their
//! median absolute deviation) and most of it is still there afterwards; a slope counts where the medians of the steps of
//! half a horizon before and after differ by more than their spread allows. One pass, O(n · window).
//! The robust scale follows P. J. Rousseeuw and C. Croux, *Alternatives to the median absolute deviation*, 1993.

use serde::Serialize;

use crate::panel::median;

/// Steps that are looked at on each side.
const WINDOW: usize = 6;
/// A jump is so many usual steps, at least.
const JUMP_SCALES: f32 = 6.0;
/// A change below this factor is none, however quiet the series.
const FACTOR_MIN: f32 = 1.25;
/// Share of a jump that has to be there afterwards.
const KEPT: f32 = 0.7;
/// Standard errors by which slopes have to differ.
const SLOPE_ERRORS: f32 = 4.0;
/// From the median absolute deviation to the deviation of a normal distribution.
const NORMAL: f32 = 1.4826;
/// Points without which nothing is said.
pub const POINTS_MIN: usize = 6;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// The level, at once and for good.
    Level,
    /// The growth of each period.
    Slope,
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ChangePoint {
    /// Place of the first point after it.
    pub at: usize,
    /// What changed.
    pub what: What,
    /// By how much: of the log level, or of the log growth of a period.
    pub size: f32,
}

/// The usual step of a series: the scaled median of the sizes of its changes; `None` for fewer than two points.
pub fn usual_step(levels: &[f32]) -> Option<f32> {
    let mut sizes: Vec<f32> = levels.windows(2).map(|two| (two[1] - two[0]).abs()).collect();
    sizes.retain(|size| size.is_finite());
    median(&mut sizes).map(|size| size * NORMAL)
}

fn median_of(levels: &[f32]) -> Option<f32> {
    let mut known: Vec<f32> = levels.iter().copied().filter(|level| level.is_finite()).collect();
    median(&mut known)
}

/// The changes of a series, in order; none where it has fewer than [`POINTS_MIN`] points.
pub fn change_points(levels: &[f32]) -> Vec<ChangePoint> {
    let n_known = levels.iter().filter(|level| level.is_finite()).count();
    let Some(step) = usual_step(levels).filter(|_| n_known >= POINTS_MIN) else { return Vec::new() };
    let mut found = Vec::new();
    for at in 1..levels.len() {
        let change = levels[at] - levels[at - 1];
        let is_jump = change.abs() >= (JUMP_SCALES * step).max(FACTOR_MIN.ln());
        if is_jump && stands_out(levels, at, change) && is_kept(levels, at, change) {
            found.push(ChangePoint { at, what: What::Level, size: change });
        }
    }
    found.extend(slope_turns(levels, step, &found));
    found.sort_by_key(|change| change.at);
    found
}

/// Whether a step is far larger than those around it: in growth that goes on, each step is large and none is a jump.
fn stands_out(levels: &[f32], at: usize, change: f32) -> bool {
    const TIMES: f32 = 3.0;
    let around = (at.saturating_sub(3).max(1)..(at + 4).min(levels.len())).filter(|step| *step != at);
    let mut sizes: Vec<f32> = around.map(|step| (levels[step] - levels[step - 1]).abs()).collect();
    sizes.retain(|size| size.is_finite());
    median(&mut sizes).is_none_or(|size| change.abs() >= TIMES * size)
}

/// Whether most of a jump is still there in the points after it; one more point has to be known.
fn is_kept(levels: &[f32], at: usize, change: f32) -> bool {
    let before = median_of(&levels[at.saturating_sub(3)..at]);
    let after = &levels[at + 1..(at + 4).min(levels.len())];
    matches!((before, median_of(after)), (Some(before), Some(after)) if (after - before) / change >= KEPT)
}

/// The turns of the slope: in each stretch the clearest, away from jumps.
fn slope_turns(levels: &[f32], step: f32, jumps: &[ChangePoint]) -> Vec<ChangePoint> {
    let changes: Vec<f32> = levels.windows(2).map(|two| two[1] - two[0]).collect();
    let error = (step.max(0.01)) * (2.0 / WINDOW as f32).sqrt();
    // The window before a place is the window after an earlier one: each is looked at once.
    let middles: Vec<f32> = changes.windows(WINDOW).map(middle).collect();
    let mut turns: Vec<ChangePoint> = Vec::new();
    for at in WINDOW..middles.len() {
        let size = middles[at] - middles[at - WINDOW];
        let is_near_a_jump = || jumps.iter().any(|jump| jump.at.abs_diff(at + 1) < 2);
        let is_clear = size.abs() >= SLOPE_ERRORS * error && size.abs() >= FACTOR_MIN.ln() / WINDOW as f32;
        if !is_clear || is_near_a_jump() {
            continue;
        }
        match turns.last_mut() {
            Some(last) if at + 1 - last.at < WINDOW => {
                if size.abs() > last.size.abs() {
                    *last = ChangePoint { at: at + 1, what: What::Slope, size };
                }
            }
            _ => turns.push(ChangePoint { at: at + 1, what: What::Slope, size }),
        }
    }
    turns
}

/// The median of a window's numbers; not a number where there are none. Without memory of its own: it is asked for at every
/// place of every series.
fn middle(window: &[f32]) -> f32 {
    let mut known = [0.0_f32; WINDOW];
    let mut n = 0;
    for number in window.iter().copied().filter(|number| number.is_finite()) {
        let mut place = n;
        while place > 0 && known[place - 1] > number {
            known[place] = known[place - 1];
            place -= 1;
        }
        known[place] = number;
        n += 1;
    }
    if n == 0 { f32::NAN } else { (known[(n - 1) / 2] + known[n / 2]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_that_stays_is_a_change_and_a_spike_is_none() {
        let mut levels: Vec<f32> = (0..20).map(|t| (t % 2) as f32 * 0.02).collect();
        levels[12..].iter_mut().for_each(|level| *level += 1.0);
        let found = change_points(&levels);
        assert_eq!((found.len(), found[0].at, found[0].what), (1, 12, What::Level));
        let mut spiked: Vec<f32> = (0..20).map(|t| (t % 2) as f32 * 0.02).collect();
        spiked[12] += 1.0;
        assert!(change_points(&spiked).is_empty());
    }

    #[test]
    fn middles_by_hand() {
        assert_eq!(middle(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(middle(&[4.0, f32::NAN, 1.0, 2.0, 3.0]), 2.5);
        assert!(middle(&[f32::NAN]).is_nan());
    }

    #[test]
    fn a_slope_that_turns_is_found_where_it_turns() {
        let levels: Vec<f32> =
            (0..24_i16).map(|t| 0.3 * f32::from((t - 12).max(0)) + f32::from(t % 2) * 0.01).collect();
        let found = change_points(&levels);
        assert!(found.iter().any(|c| c.what == What::Slope && (11..=14).contains(&c.at) && c.size > 0.2), "{found:?}");
        assert!(change_points(&[1.0, f32::NAN, 9.0]).is_empty());
    }
}
