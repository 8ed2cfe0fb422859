//! Draws from a density that is known up to a factor, by its slopes: the no-U-turn sampler.
//!
//! In: a function that writes the slopes of the log density at a place and gives its value; where to start and what the
//! spread is about. Out: chains of draws, and how well they went (`diagnostics.rs`).
//!
//! The trajectory is doubled until it turns back and a draw is chosen among its places in proportion to their density (M. D.
//! Hoffman, A. Gelman, *The no-U-turn sampler*, JMLR 15, 2014; with the multinomial choice of M. Betancourt, *A conceptual
//! introduction to Hamiltonian Monte Carlo*, 2017). The step's length is learnt by dual averaging during warm-up, and the
//! spread, with all its correlations, from the warm-up's draws. The same seed gives the same draws.
//!
//! Our own for reasons that are in decision 17.

pub mod diagnostics;

use crate::positive::{Cholesky, dot};
use crate::random::Random;

/// How a chain is run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Draws that teach step and spread and are then thrown away; at least 50.
    pub n_warm_up: usize,
    /// Draws that are kept.
    pub n_draws: usize,
    /// Doublings of a trajectory at most.
    pub n_doublings_max: u32,
    /// Share of steps that should be accepted, 0 to 1.
    pub acceptance: f64,
}

/// What one chain gave.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The draws, each a place.
    pub draws: Vec<Vec<f64>>,
    /// Trajectories after warm-up whose energy ran away: the density is too steep there for the step.
    pub n_divergences: usize,
    /// Trajectories after warm-up that were not done after all doublings.
    pub n_cut_off: usize,
    /// How often the density was asked for.
    pub n_evaluations: usize,
    /// Length of the step, in spreads.
    pub step: f64,
}

const ENERGY_MAX: f64 = 1000.0;

/// Runs one chain from `start`. `covariance` is about how the draws will spread, row by row.
///
/// `None` if the density is not finite at the start.
pub fn chain(
    density: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: &[f64],
    covariance: &[f64],
    settings: &Settings,
    seed: u64,
) -> Option<Chain> {
    let n = start.len();
    let factor = Cholesky::of_nearly(covariance, n)?;
    let mut walk = Walk {
        density,
        center: start.to_vec(),
        factor,
        random: Random::new(seed),
        n_evaluations: 0,
        n_divergences: 0,
        step: 0.5,
    };
    let mut at = walk.point(vec![0.0; n]);
    if !at.value.is_finite() {
        return None;
    }
    let (n_early, n_late) = (settings.n_warm_up / 4, settings.n_warm_up / 4);
    walk.step = walk.first_step(&at);
    let mut averaging = Averaging::new(walk.step, settings.acceptance);
    let mut seen: Vec<Vec<f64>> = Vec::new();
    for round in 0..settings.n_warm_up {
        walk.step = averaging.step();
        let (next, accepted, _) = walk.draw(at, settings.n_doublings_max);
        at = next;
        averaging.learn(accepted);
        if round >= n_early {
            seen.push(walk.place(&at.z));
        }
        if round + 1 == settings.n_warm_up - n_late {
            at = walk.respread(at, &seen, covariance)?;
            walk.step = walk.first_step(&at);
            averaging = Averaging::new(walk.step, settings.acceptance);
        }
    }
    walk.step = averaging.averaged();
    walk.n_divergences = 0;
    let mut n_cut_off = 0;
    let mut draws = Vec::with_capacity(settings.n_draws);
    for _ in 0..settings.n_draws {
        let (next, _, is_cut_off) = walk.draw(at, settings.n_doublings_max);
        at = next;
        n_cut_off += usize::from(is_cut_off);
        draws.push(walk.place(&at.z));
    }
    Some(Chain {
        draws,
        n_divergences: walk.n_divergences,
        n_cut_off,
        n_evaluations: walk.n_evaluations,
        step: walk.step,
    })
}

/// A place in coordinates in which the spread is about one everywhere.
#[derive(Debug, Clone)]
struct Point {
    z: Vec<f64>,
    momentum: Vec<f64>,
    slopes: Vec<f64>,
    value: f64,
}

struct Walk<F> {
    density: F,
    center: Vec<f64>,
    factor: Cholesky,
    random: Random,
    n_evaluations: usize,
    n_divergences: usize,
    step: f64,
}

/// A piece of trajectory: its two ends, the place chosen in it, and the sum of momenta along it.
struct Tree {
    first: Point,
    last: Point,
    chosen: Point,
    log_weight: f64,
    sum: Vec<f64>,
    accepted: f64,
    n_steps: usize,
    is_over: bool,
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64> Walk<F> {
    fn place(&self, z: &[f64]) -> Vec<f64> {
        self.factor.times(z).iter().zip(&self.center).map(|(moved, center)| moved + center).collect()
    }

    fn point(&mut self, z: Vec<f64>) -> Point {
        let place = self.place(&z);
        let mut slopes = vec![0.0; z.len()];
        let value = (self.density)(&place, &mut slopes);
        self.n_evaluations += 1;
        let slopes = self.factor.times_upper(&slopes);
        Point { momentum: vec![0.0; z.len()], z, slopes, value }
    }

    fn leap(&mut self, from: &Point, step: f64) -> Point {
        let momentum: Vec<f64> =
            from.momentum.iter().zip(&from.slopes).map(|(own, slope)| own + 0.5 * step * slope).collect();
        let z = from.z.iter().zip(&momentum).map(|(own, momentum)| own + step * momentum).collect();
        let mut to = self.point(z);
        to.momentum = momentum.iter().zip(&to.slopes).map(|(own, slope)| own + 0.5 * step * slope).collect();
        to
    }

    /// A step of which about eight in ten are accepted (Hoffman and Gelman, algorithm 4).
    fn first_step(&mut self, at: &Point) -> f64 {
        let mut from = at.clone();
        from.momentum = (0..from.z.len()).map(|_| self.random.normal()).collect();
        let start = energy(&from);
        let mut step = 0.5;
        let mut gain = energy(&self.leap(&from, step)) - start;
        let is_longer = gain.is_finite() && gain > (0.8_f64).ln();
        for _ in 0..20 {
            step *= if is_longer { 1.5 } else { 0.5 };
            gain = energy(&self.leap(&from, step)) - start;
            if is_longer != (gain.is_finite() && gain > (0.8_f64).ln()) {
                break;
            }
        }
        step.clamp(1e-4, 3.0)
    }

    /// The next draw, the share of steps accepted, and whether the trajectory was cut off.
    fn draw(&mut self, mut at: Point, n_doublings_max: u32) -> (Point, f64, bool) {
        at.momentum = (0..at.z.len()).map(|_| self.random.normal()).collect();
        let start = energy(&at);
        let sum = at.momentum.clone();
        let mut tree = Tree {
            first: at.clone(),
            last: at.clone(),
            chosen: at,
            log_weight: 0.0,
            sum,
            accepted: 0.0,
            n_steps: 0,
            is_over: false,
        };
        for doubling in 0..n_doublings_max {
            let is_forward = self.random.share() < 0.5;
            let from = if is_forward { tree.last.clone() } else { tree.first.clone() };
            let new = self.grow(&from, doubling, is_forward, start);
            tree.accepted += new.accepted;
            tree.n_steps += new.n_steps;
            if new.is_over {
                return (tree.chosen, tree.accepted / tree.n_steps.max(1) as f64, false);
            }
            if self.random.share().ln() < new.log_weight - tree.log_weight {
                tree.chosen = new.chosen.clone();
            }
            tree = joined(tree, new, is_forward);
            if tree.is_over {
                return (tree.chosen, tree.accepted / tree.n_steps.max(1) as f64, false);
            }
        }
        (tree.chosen, tree.accepted / tree.n_steps.max(1) as f64, true)
    }

    fn grow(&mut self, from: &Point, doubling: u32, is_forward: bool, start: f64) -> Tree {
        if doubling == 0 {
            let to = self.leap(from, if is_forward { self.step } else { -self.step });
            let change = energy(&to) - start;
            let change = if change.is_nan() { f64::NEG_INFINITY } else { change };
            let is_over = change < -ENERGY_MAX;
            self.n_divergences += usize::from(is_over);
            return Tree {
                sum: to.momentum.clone(),
                first: to.clone(),
                last: to.clone(),
                chosen: to,
                log_weight: change,
                accepted: change.min(0.0).exp(),
                n_steps: 1,
                is_over,
            };
        }
        let near = self.grow(from, doubling - 1, is_forward, start);
        if near.is_over {
            return near;
        }
        let end = if is_forward { near.last.clone() } else { near.first.clone() };
        let mut far = self.grow(&end, doubling - 1, is_forward, start);
        far.accepted += near.accepted;
        far.n_steps += near.n_steps;
        if far.is_over {
            return far;
        }
        let log_weight = log_sum(near.log_weight, far.log_weight);
        let takes_far = self.random.share().ln() < far.log_weight - log_weight;
        let chosen = if takes_far { far.chosen.clone() } else { near.chosen.clone() };
        let near = Tree { accepted: 0.0, n_steps: 0, ..near };
        let (accepted, n_steps) = (far.accepted, far.n_steps);
        Tree { chosen, accepted, n_steps, ..joined(near, far, is_forward) }
    }

    /// Takes the spread of the draws seen so far for coordinates, drawn a little towards what was expected.
    fn respread(&mut self, at: Point, seen: &[Vec<f64>], expected: &[f64]) -> Option<Point> {
        let n = at.z.len();
        let place = self.place(&at.z);
        self.factor = Cholesky::of_nearly(&covariance(seen, expected, n), n)?;
        self.center = place;
        Some(self.point(vec![0.0; n]))
    }
}

/// The covariance of places, its correlations drawn towards those of `expected` as much as few draws ask for.
fn covariance(places: &[Vec<f64>], expected: &[f64], n: usize) -> Vec<f64> {
    let count = places.len().max(1) as f64;
    let mean: Vec<f64> = (0..n).map(|at| places.iter().map(|place| place[at]).sum::<f64>() / count).collect();
    let mut sums = vec![0.0; n * n];
    for place in places {
        for row in 0..n {
            for column in 0..=row {
                sums[row * n + column] += (place[row] - mean[row]) * (place[column] - mean[column]) / count;
            }
        }
    }
    let spreads: Vec<f64> = (0..n).map(|at| sums[at * n + at].sqrt()).collect();
    let kept = count / (count + n as f64);
    for row in 0..n {
        for column in 0..row {
            let alike = expected[row * n + column] / (expected[row * n + row] * expected[column * n + column]).sqrt();
            let drawn = if alike.is_finite() { alike * spreads[row] * spreads[column] } else { 0.0 };
            let value = kept * sums[row * n + column] + (1.0 - kept) * drawn;
            sums[row * n + column] = value;
            sums[column * n + row] = value;
        }
        sums[row * n + row] += 1e-12;
    }
    sums
}

fn energy(point: &Point) -> f64 {
    point.value - 0.5 * dot(&point.momentum, &point.momentum)
}

fn log_sum(left: f64, right: f64) -> f64 {
    let most = left.max(right);
    if most == f64::NEG_INFINITY { most } else { most + ((left - most).exp() + (right - most).exp()).ln() }
}

/// Two neighbouring pieces as one; it is over where either way across any part of it turns back.
fn joined(near: Tree, far: Tree, is_forward: bool) -> Tree {
    let (left, right) = if is_forward { (near, far) } else { (far, near) };
    let sum: Vec<f64> = left.sum.iter().zip(&right.sum).map(|(left, right)| left + right).collect();
    let with =
        |sum: &[f64], point: &Point| sum.iter().zip(&point.momentum).map(|(sum, own)| sum + own).collect::<Vec<f64>>();
    let turns =
        |sum: &[f64], first: &Point, last: &Point| dot(sum, &first.momentum) <= 0.0 || dot(sum, &last.momentum) <= 0.0;
    let is_over = turns(&sum, &left.first, &right.last)
        || turns(&with(&left.sum, &right.first), &left.first, &right.first)
        || turns(&with(&right.sum, &left.last), &left.last, &right.last);
    let log_weight = log_sum(left.log_weight, right.log_weight);
    let chosen = if is_forward { left.chosen } else { right.chosen };
    Tree {
        first: left.first,
        last: right.last,
        chosen,
        log_weight,
        sum,
        accepted: left.accepted + right.accepted,
        n_steps: left.n_steps + right.n_steps,
        is_over,
    }
}

/// Dual averaging of the step's length (Hoffman and Gelman, 3.2), in their notation.
struct Averaging {
    mu: f64,
    acceptance: f64,
    error: f64,
    log_step: f64,
    log_averaged: f64,
    round: f64,
}

impl Averaging {
    fn new(step: f64, acceptance: f64) -> Self {
        Self { mu: (3.0 * step).ln(), acceptance, error: 0.0, log_step: step.ln(), log_averaged: step.ln(), round: 0.0 }
    }

    fn learn(&mut self, accepted: f64) {
        self.round += 1.0;
        let share = 1.0 / (self.round + 10.0);
        self.error = (1.0 - share) * self.error + share * (self.acceptance - accepted);
        self.log_step = (self.mu - self.round.sqrt() / 0.05 * self.error).min(1.1);
        let weight = self.round.powf(-0.75);
        self.log_averaged = weight * self.log_step + (1.0 - weight) * self.log_averaged;
    }

    fn step(&self) -> f64 {
        self.log_step.exp()
    }

    fn averaged(&self) -> f64 {
        self.log_averaged.exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two normal variables with correlation 0.9 and spreads 1 and 10: mean, spreads and correlation come back.
    #[test]
    fn a_correlated_normal_is_drawn_as_it_is() {
        let settings = Settings { n_warm_up: 400, n_draws: 4000, n_doublings_max: 8, acceptance: 0.8 };
        let density = |at: &[f64], slopes: &mut [f64]| {
            let (x, y) = (at[0] - 3.0, at[1] / 10.0);
            let scale = 1.0 / (1.0 - 0.81);
            slopes[0] = -scale * (x - 0.9 * y);
            slopes[1] = -scale * (y - 0.9 * x) / 10.0;
            -0.5 * scale * (x * x - 1.8 * x * y + y * y)
        };
        let chain = chain(density, &[0.0, 0.0], &[1.0, 0.0, 0.0, 1.0], &settings, 4).unwrap();
        let mean = |f: &dyn Fn(&Vec<f64>) -> f64| chain.draws.iter().map(f).sum::<f64>() / chain.draws.len() as f64;
        assert!((mean(&|at| at[0]) - 3.0).abs() < 0.1, "{}", mean(&|at| at[0]));
        assert!((mean(&|at| at[1] * at[1]) - 100.0).abs() < 12.0, "{}", mean(&|at| at[1] * at[1]));
        assert!((mean(&|at| (at[0] - 3.0) * at[1]) - 9.0).abs() < 1.2);
        assert_eq!(chain.n_divergences, 0);
    }

    #[test]
    fn a_start_without_density_is_said_so() {
        let settings = Settings { n_warm_up: 50, n_draws: 1, n_doublings_max: 3, acceptance: 0.8 };
        assert!(chain(|_, _| f64::NAN, &[0.0], &[1.0], &settings, 1).is_none());
    }
}
