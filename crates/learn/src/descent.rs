//! The least value of a smooth function, from its slopes: L-BFGS (D. C. Liu, J. Nocedal, *On the limited memory BFGS method
//! for large scale optimization*, Mathematical Programming 45, 1989), with a backtracking search along each direction.

use std::collections::VecDeque;

use crate::positive::dot;

/// Where the descent came to.
#[derive(Debug, Clone)]
pub struct Least {
    /// The place.
    pub at: Vec<f64>,
    /// The function's value there.
    pub value: f64,
    /// The largest slope that is left.
    pub slope: f64,
}

const MEMORY: usize = 12;
const HALVINGS_MAX: usize = 40;

/// Goes down from `start` for at most `n_steps_max` steps, until no slope is larger than `slope_max`. `function` writes the
/// slopes at a place and gives the value, which may be infinite or no number where the function is not defined.
pub fn least(
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: &[f64],
    n_steps_max: usize,
    slope_max: f64,
) -> Least {
    let mut at = start.to_vec();
    let mut slopes = vec![0.0; at.len()];
    let mut value = function(&at, &mut slopes);
    let mut memory: VecDeque<(Vec<f64>, Vec<f64>)> = VecDeque::new();
    for _ in 0..n_steps_max {
        if largest(&slopes) <= slope_max || !value.is_finite() {
            break;
        }
        let mut direction = downhill(&slopes, &memory);
        let mut descent = dot(&direction, &slopes);
        if descent >= 0.0 {
            memory.clear();
            direction = slopes.iter().map(|slope| -slope).collect();
            descent = -dot(&slopes, &slopes);
        }
        let first = if memory.is_empty() { 1.0 / dot(&slopes, &slopes).sqrt().max(1.0) } else { 1.0 };
        let Some((next, next_slopes, next_value)) = search(&mut function, &at, &direction, value, descent, first)
        else {
            if memory.is_empty() {
                break;
            }
            memory.clear();
            continue;
        };
        let moved: Vec<f64> = next.iter().zip(&at).map(|(new, old)| new - old).collect();
        let turned: Vec<f64> = next_slopes.iter().zip(&slopes).map(|(new, old)| new - old).collect();
        if dot(&moved, &turned) > 1e-12 * dot(&turned, &turned) {
            memory.push_back((moved, turned));
            if memory.len() > MEMORY {
                memory.pop_front();
            }
        }
        let gained = value - next_value;
        (at, slopes, value) = (next, next_slopes, next_value);
        if gained.abs() < 1e-14 * (1.0 + value.abs()) {
            break;
        }
    }
    Least { at, value, slope: largest(&slopes) }
}

fn largest(slopes: &[f64]) -> f64 {
    slopes.iter().fold(0.0, |most, slope| most.max(slope.abs()))
}

fn downhill(slopes: &[f64], memory: &VecDeque<(Vec<f64>, Vec<f64>)>) -> Vec<f64> {
    let mut direction: Vec<f64> = slopes.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for (moved, turned) in memory.iter().rev() {
        let share = dot(moved, &direction) / dot(moved, turned);
        direction.iter_mut().zip(turned).for_each(|(own, turned)| *own -= share * turned);
        shares.push(share);
    }
    if let Some((moved, turned)) = memory.back() {
        let scale = dot(moved, turned) / dot(turned, turned);
        direction.iter_mut().for_each(|own| *own *= scale);
    }
    for ((moved, turned), share) in memory.iter().zip(shares.iter().rev()) {
        let back = dot(turned, &direction) / dot(moved, turned);
        direction.iter_mut().zip(moved).for_each(|(own, moved)| *own += (share - back) * moved);
    }
    direction
}

type Step = (Vec<f64>, Vec<f64>, f64);

fn search(
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
    at: &[f64],
    direction: &[f64],
    value: f64,
    descent: f64,
    first: f64,
) -> Option<Step> {
    let mut length = first;
    let mut slopes = vec![0.0; at.len()];
    for _ in 0..HALVINGS_MAX {
        let next: Vec<f64> = at.iter().zip(direction).map(|(at, direction)| at + length * direction).collect();
        let next_value = function(&next, &mut slopes);
        if next_value.is_finite() && next_value <= value + 1e-4 * length * descent {
            return Some((next, slopes, next_value));
        }
        length *= 0.5;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H. H. Rosenbrock's valley (1960): its least value is 0 at (1, 1).
    #[test]
    fn the_end_of_a_curved_valley_is_found() {
        let valley = |at: &[f64], slopes: &mut [f64]| {
            let (x, y) = (at[0], at[1]);
            slopes[0] = -2.0 * (1.0 - x) - 400.0 * x * (y - x * x);
            slopes[1] = 200.0 * (y - x * x);
            (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
        };
        let least = least(valley, &[-1.2, 1.0], 500, 1e-8);
        assert!((least.at[0] - 1.0).abs() < 1e-5 && (least.at[1] - 1.0).abs() < 1e-5, "{least:?}");
    }
}
