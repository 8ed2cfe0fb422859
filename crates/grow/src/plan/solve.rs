//! The best levels within a budget, and a bound that no levels can exceed.
//!
//! Channels add up, so that the problem is a knapsack with any curves, concave or not: dynamic programming over a grid of
//! levels finds the best of the grid, and again over ever finer grids about it. The bound is Lagrange's: for any price λ of
//! money, the best is at most λ · budget + Σ max (value - λ · cost). Between two levels a channel is taken to bring what the
//! upper one brings and to cost what the lower one costs, so that the bound holds between levels too; where it is loosest,
//! intervals are halved (H. Everett, *Generalized Lagrange multiplier method*, Operations Research 11, 1963).
//!
//! For a quantile, levels are moved between channels for as long as that helps, and the bound is the quantile of what each draw
//! by itself could reach at most.

use crowsnest_learn::sampling::diagnostics::quantile;
use rayon::prelude::*;

use super::curve_set::Cell;

/// Levels of a grid.
const N_LEVELS: usize = 120;
/// Pieces that a budget is cut into.
const N_PIECES: usize = 1200;
const N_ZOOMS: usize = 3;
const N_HALVINGS: usize = 150;

/// What is to be made as large as can be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    pub(crate) budget: f64,
    /// Outcome that a unit of money would bring elsewhere.
    pub(crate) price: f64,
    /// The quantile; none for the mean.
    pub(crate) quantile: Option<f64>,
}

/// The levels that were found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Solution {
    pub(crate) levels: Vec<f64>,
    /// The goal's value, in outcome.
    pub(crate) value: f64,
    /// What no levels within the bounds exceed.
    pub(crate) bound: f64,
    /// For a quantile: what each draw by itself could reach at most.
    pub(crate) most_of_draws: Vec<f64>,
}

/// One channel's grid.
struct Grid {
    levels: Vec<f64>,
    costs: Vec<f64>,
    /// By level, by draw.
    values: Vec<Vec<f64>>,
    means: Vec<f64>,
}

impl Grid {
    fn of(cell: &Cell, levels: Vec<f64>) -> Self {
        let values: Vec<Vec<f64>> = levels.par_iter().map(|level| cell.values(*level)).collect();
        let means = values.iter().map(|values| values.iter().sum::<f64>() / values.len() as f64).collect();
        let costs = levels.iter().map(|level| cell.cost(*level)).collect();
        Self { levels, costs, values, means }
    }
}

/// Least that the channels cost together.
pub(crate) fn least_cost(cells: &[Cell]) -> f64 {
    cells.iter().map(|cell| cell.cost(lowest(cell))).sum()
}

fn lowest(cell: &Cell) -> f64 {
    let wanted = if cell.min > 0.0 { cell.min.max(cell.min_if_any) } else { 0.0 };
    cell.step.map_or(wanted, |step| (wanted / step - 1e-9).ceil() * step)
}

/// Levels between two ends that are allowed, in rising order.
fn levels_between(cell: &Cell, low: f64, high: f64, more: &[f64]) -> Vec<f64> {
    let mut levels: Vec<f64> = match cell.step {
        Some(step) if (high - low) / step <= 4.0 * N_LEVELS as f64 => {
            ((low / step).floor() as i64..=(high / step).ceil() as i64).map(|times| times as f64 * step).collect()
        }
        Some(step) => (0..=N_LEVELS)
            .map(|at| ((low + (high - low) * at as f64 / N_LEVELS as f64) / step).round() * step)
            .collect(),
        None => (0..=N_LEVELS).map(|at| low + (high - low) * at as f64 / N_LEVELS as f64).collect(),
    };
    levels.extend_from_slice(more);
    levels.extend([lowest(cell), cell.min_if_any, cell.max, 0.0].into_iter().filter(|level| level.is_finite()));
    levels.retain(|level| (low - 1e-9..=high + 1e-9).contains(level) && cell.allows(*level));
    levels.sort_by(f64::total_cmp);
    levels.dedup_by(|left, right| (*left - *right).abs() < 1e-9);
    levels
}

/// The highest level that a budget could pay.
fn highest(cell: &Cell, budget: f64, n_periods: usize) -> f64 {
    let mut high = cell.max.min(budget / n_periods as f64);
    if cell.ramp.is_some() {
        high = cell.max.min(budget.max(cell.present) * 2.0 / n_periods as f64).max(cell.present.min(cell.max));
    }
    high.max(lowest(cell))
}

/// Finds levels; the channels' least cost is within the budget.
pub(crate) fn solve(cells: &[Cell], goal: Goal, n_periods: usize) -> Solution {
    let reach: Vec<(f64, f64)> =
        cells.iter().map(|cell| (lowest(cell), highest(cell, goal.budget, n_periods))).collect();
    let grids: Vec<Grid> = cells
        .iter()
        .zip(&reach)
        .map(|(cell, (low, high))| Grid::of(cell, levels_between(cell, *low, *high, &[cell.present])))
        .collect();
    let chosen = knapsack(&grids, goal);
    let mut levels: Vec<f64> = grids.iter().zip(&chosen).map(|(grid, at)| grid.levels[*at]).collect();
    let mut widths: Vec<f64> = reach.iter().map(|(low, high)| (high - low) / N_LEVELS as f64).collect();
    for _ in 0..N_ZOOMS {
        let about: Vec<Grid> = (0..cells.len())
            .map(|at| {
                let low = (levels[at] - 3.0 * widths[at]).max(reach[at].0);
                let high = (levels[at] + 3.0 * widths[at]).min(reach[at].1);
                Grid::of(&cells[at], thinned(levels_between(&cells[at], low, high, &[levels[at]]), levels[at]))
            })
            .collect();
        let chosen = knapsack(&about, goal);
        levels = about.iter().zip(&chosen).map(|(grid, at)| grid.levels[*at]).collect();
        widths.iter_mut().for_each(|width| *width /= 8.0);
    }
    match goal.quantile {
        None => {
            let value =
                (0..cells.len()).map(|at| cells[at].mean(levels[at]) - goal.price * cells[at].cost(levels[at])).sum();
            let bound = bound_of_mean(cells, grids, goal);
            Solution { levels, value, bound: f64::max(bound, value), most_of_draws: Vec::new() }
        }
        Some(share) => of_quantile(cells, &grids, levels, goal, share),
    }
}

/// About a third of the levels, the present one among them.
fn thinned(levels: Vec<f64>, kept: f64) -> Vec<f64> {
    let every = (levels.len() / 48).max(1);
    levels
        .into_iter()
        .enumerate()
        .filter(|(at, level)| at % every == 0 || (*level - kept).abs() < 1e-9)
        .map(|(_, level)| level)
        .collect()
}

/// The best level of each grid, all within the budget; costs over the least are rounded up to pieces of what is left.
fn knapsack(grids: &[Grid], goal: Goal) -> Vec<usize> {
    let least: f64 = grids.iter().map(|grid| grid.costs[0]).sum();
    let most: f64 = grids.iter().map(|grid| grid.costs[grid.costs.len() - 1] - grid.costs[0]).sum();
    let left = (goal.budget - least).max(0.0).min(most);
    let piece = (left / N_PIECES as f64).max(1e-12);
    let mut best = vec![0.0; N_PIECES + 1];
    let mut choices: Vec<Vec<u16>> = Vec::with_capacity(grids.len());
    for grid in grids {
        let weights: Vec<usize> =
            grid.costs.iter().map(|cost| ((cost - grid.costs[0]) / piece - 1e-6).ceil().max(0.0) as usize).collect();
        let gains: Vec<f64> = grid.means.iter().zip(&grid.costs).map(|(mean, cost)| mean - goal.price * cost).collect();
        let mut next = vec![f64::NEG_INFINITY; N_PIECES + 1];
        let mut choice = vec![0_u16; N_PIECES + 1];
        for (at, (weight, gain)) in
            weights.iter().zip(&gains).enumerate().filter(|(_, (weight, _))| **weight <= N_PIECES)
        {
            for pieces in *weight..=N_PIECES {
                let value = best[pieces - weight] + gain;
                if value > next[pieces] {
                    next[pieces] = value;
                    choice[pieces] = at as u16;
                }
            }
        }
        best = next;
        choices.push(choice);
    }
    let mut pieces = N_PIECES;
    let mut chosen = vec![0; grids.len()];
    for (at, grid) in grids.iter().enumerate().rev() {
        chosen[at] = usize::from(choices[at][pieces]);
        let weight = ((grid.costs[chosen[at]] - grid.costs[0]) / piece - 1e-6).ceil().max(0.0) as usize;
        pieces -= weight.min(pieces);
    }
    chosen
}

/// The most that one grid gives at a price of money, and between which levels.
fn most_at(grid: &Grid, is_stepped: bool, price: f64) -> (f64, usize) {
    let mut most = (grid.means[0] - price * grid.costs[0], 0);
    for at in 1..grid.levels.len() {
        let cost = if is_stepped { grid.costs[at] } else { grid.costs[at - 1] };
        let value = grid.means[at] - price * cost;
        if value > most.0 {
            most = (value, at);
        }
    }
    most
}

fn bound_of_mean(cells: &[Cell], mut grids: Vec<Grid>, goal: Goal) -> f64 {
    let mut price = best_price(cells, &grids, goal).1;
    for _ in 0..2 {
        for (cell, grid) in cells.iter().zip(&mut grids).filter(|(cell, _)| cell.step.is_none()) {
            for _ in 0..N_HALVINGS {
                let (_, at) = most_at(grid, false, price + goal.price);
                if at == 0 || (grid.costs[at] - grid.costs[at - 1]) * cells.len() as f64 <= 5e-4 * goal.budget {
                    break;
                }
                let middle = 0.5 * (grid.levels[at - 1] + grid.levels[at]);
                grid.levels.insert(at, middle);
                grid.costs.insert(at, cell.cost(middle));
                grid.means.insert(at, cell.mean(middle));
            }
        }
        price = best_price(cells, &grids, goal).1;
    }
    best_price(cells, &grids, goal).0
}

/// The least bound, and the price of money that gives it: the bound is convex in the price.
fn best_price(cells: &[Cell], grids: &[Grid], goal: Goal) -> (f64, f64) {
    let bound = |price: f64| {
        let most: f64 =
            cells.iter().zip(grids).map(|(cell, grid)| most_at(grid, cell.step.is_some(), price + goal.price).0).sum();
        most + price * goal.budget
    };
    least_of(bound, grids)
}

fn least_of(bound: impl Fn(f64) -> f64, grids: &[Grid]) -> (f64, f64) {
    let steepest = grids
        .iter()
        .flat_map(|grid| {
            grid.means
                .iter()
                .zip(&grid.costs)
                .map(|(mean, cost)| (mean - grid.means[0]) / (cost - grid.costs[0]).max(1e-9))
        })
        .fold(1e-12, f64::max);
    let (mut low, mut high) = (0.0, 2.0 * steepest);
    for _ in 0..90 {
        let (left, right) = (low + 0.382 * (high - low), low + 0.618 * (high - low));
        if bound(left) <= bound(right) { high = right } else { low = left }
    }
    let price = 0.5 * (low + high);
    [0.0, low, price]
        .iter()
        .map(|price| (bound(*price), *price))
        .fold((f64::INFINITY, 0.0), |least, own| if own.0 < least.0 { own } else { least })
}

fn of_quantile(cells: &[Cell], grids: &[Grid], start: Vec<f64>, goal: Goal, share: f64) -> Solution {
    let grids: Vec<Grid> = cells
        .iter()
        .zip(grids)
        .zip(&start)
        .map(|((cell, grid), level)| {
            let mut levels = grid.levels.clone();
            levels.push(*level);
            levels.sort_by(f64::total_cmp);
            levels.dedup_by(|left, right| (*left - *right).abs() < 1e-9);
            Grid::of(cell, levels)
        })
        .collect();
    let mut chosen: Vec<usize> = grids
        .iter()
        .zip(&start)
        .map(|(grid, level)| grid.levels.partition_point(|own| own < &(level - 1e-9)).min(grid.levels.len() - 1))
        .collect();
    let totals = |chosen: &[usize]| -> Vec<f64> {
        (0..cells[0].n_draws())
            .map(|draw| grids.iter().zip(chosen).map(|(grid, at)| grid.values[*at][draw]).sum())
            .collect()
    };
    let paid = |chosen: &[usize]| goal.price * grids.iter().zip(chosen).map(|(grid, at)| grid.costs[*at]).sum::<f64>();
    let score = |chosen: &[usize]| about_quantile(totals(chosen), share) - paid(chosen);
    let mut value = score(&chosen);
    while let Some((better, gained)) = best_move(&grids, &chosen, goal, &score, value) {
        chosen = better;
        value = gained;
    }
    let value = quantile(&totals(&chosen), share) - paid(&chosen);
    let most_of_draws = most_of_draws(cells, &grids, goal);
    let bound = quantile(&most_of_draws, share).max(value);
    let levels = grids.iter().zip(&chosen).map(|(grid, at)| grid.levels[*at]).collect();
    Solution { levels, value, bound, most_of_draws }
}

/// The mean of the draws about a quantile: a single draw's chance should not decide where money goes.
fn about_quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = |share: f64| (share.clamp(0.0, 1.0) * (values.len() - 1) as f64).round() as usize;
    let about = &values[place(share - 0.05)..=place(share + 0.05)];
    about.iter().sum::<f64>() / about.len() as f64
}

/// The best of all moves of money from one channel to another, if any helps.
fn best_move(
    grids: &[Grid],
    chosen: &[usize],
    goal: Goal,
    score: &impl Fn(&[usize]) -> f64,
    value: f64,
) -> Option<(Vec<usize>, f64)> {
    let cost: f64 = grids.iter().zip(chosen).map(|(grid, at)| grid.costs[*at]).sum();
    let mut best: Option<(Vec<usize>, f64)> = None;
    for to in 0..grids.len() {
        for up in [1, 4, 16] {
            let next = chosen[to] + up;
            if next >= grids[to].levels.len() {
                continue;
            }
            let missing = cost + grids[to].costs[next] - grids[to].costs[chosen[to]] - goal.budget;
            for from in (0..grids.len()).filter(|from| *from != to) {
                let mut moved = chosen.to_vec();
                moved[to] = next;
                let wanted = grids[from].costs[chosen[from]] - missing;
                if missing > 1e-9 {
                    let at = grids[from].costs.partition_point(|cost| *cost <= wanted + 1e-9);
                    if at == 0 {
                        continue;
                    }
                    moved[from] = at - 1;
                }
                let own = score(&moved);
                if own > best.as_ref().map_or(value + 1e-9 * value.abs(), |best| best.1) {
                    best = Some((moved, own));
                }
            }
        }
    }
    best
}

/// What each draw by itself could reach at most.
fn most_of_draws(cells: &[Cell], grids: &[Grid], goal: Goal) -> Vec<f64> {
    (0..cells[0].n_draws())
        .into_par_iter()
        .map(|draw| {
            let of_draw: Vec<Grid> = grids
                .iter()
                .map(|grid| Grid {
                    levels: grid.levels.clone(),
                    costs: grid.costs.clone(),
                    values: Vec::new(),
                    means: grid.values.iter().map(|values| values[draw]).collect(),
                })
                .collect();
            best_price(cells, &of_draw, goal).0
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::fit;
    use crate::plan::curve_set::Ahead;
    use crate::settings::{Bounds, Method, ModelSettings};

    fn cells(bounds: &[Bounds]) -> Vec<Cell> {
        let history = crate::model::tests::history();
        let settings = ModelSettings { method: Method::Laplace, ..ModelSettings::default() };
        let fitted = fit(&history, &settings, &[]).unwrap();
        let ahead = Ahead { n_periods: 4, counts_carry_over: true, n_draws: 60 };
        (0..2).map(|channel| Cell::new(&history, &fitted, (0, channel), &bounds[channel], ahead)).collect()
    }

    /// The best of 2,000 divisions of a budget between two channels, S-shaped in part, is not better than the solution by more
    /// than a thousandth, and never better than the bound.
    #[test]
    fn nothing_that_is_tried_beats_the_solution_or_the_bound() {
        for bounds in [
            [Bounds::default(), Bounds::default()],
            [Bounds { min_if_any: Some(12.0), ..Bounds::default() }, Bounds { max: Some(9.0), ..Bounds::default() }],
            [Bounds { step: Some(5.0), ..Bounds::default() }, Bounds { ramp: Some(0.2), ..Bounds::default() }],
        ] {
            let cells = cells(&bounds);
            for budget in [40.0, 120.0, 400.0] {
                let goal = Goal { budget, price: 0.0, quantile: None };
                if least_cost(&cells) > budget {
                    continue;
                }
                let found = solve(&cells, goal, 4);
                let cost: f64 = cells.iter().zip(&found.levels).map(|(cell, level)| cell.cost(*level)).sum();
                assert!(cost <= budget * (1.0 + 1e-9), "{cost} of {budget}");
                assert!(cells.iter().zip(&found.levels).all(|(cell, level)| cell.allows(*level)), "{:?}", found.levels);
                let mut best = f64::NEG_INFINITY;
                for first in 0..2000 {
                    let first = budget / 4.0 * f64::from(first) / 2000.0;
                    let left = (budget - cells[0].cost(first)).max(0.0) / 4.0;
                    let second = if cells[1].max < left { cells[1].max } else { left };
                    let pair = [first, second];
                    let paid: f64 = cells.iter().zip(&pair).map(|(cell, level)| cell.cost(*level)).sum();
                    if paid <= budget * (1.0 + 1e-9) && cells.iter().zip(&pair).all(|(cell, level)| cell.allows(*level))
                    {
                        best = best.max(cells.iter().zip(&pair).map(|(cell, level)| cell.mean(*level)).sum());
                    }
                }
                assert!(found.value >= best - 1e-3 * best.abs(), "{bounds:?} {budget}: {} {best}", found.value);
                assert!(
                    found.bound >= best - 1e-9 * best.abs() && found.bound >= found.value,
                    "{} {best}",
                    found.bound
                );
            }
        }
    }

    /// Caution gives at least what the plan for the mean gives in the bad case, and never more than its bound.
    #[test]
    fn a_quantile_is_no_worse_than_that_of_the_plan_for_the_mean() {
        let cells = cells(&[Bounds::default(), Bounds::default()]);
        for budget in [40.0, 200.0] {
            let mean = solve(&cells, Goal { budget, price: 0.0, quantile: None }, 4);
            let of_mean: Vec<f64> = (0..cells[0].n_draws())
                .map(|draw| cells.iter().zip(&mean.levels).map(|(cell, level)| cell.values(*level)[draw]).sum())
                .collect();
            let cautious = solve(&cells, Goal { budget, price: 0.0, quantile: Some(0.1) }, 4);
            let spent: f64 = cells.iter().zip(&cautious.levels).map(|(cell, level)| cell.cost(*level)).sum();
            assert!(spent <= budget * (1.0 + 1e-9), "{spent} of {budget}");
            let (bad, spread) = (quantile(&of_mean, 0.1), quantile(&of_mean, 0.9) - quantile(&of_mean, 0.1));
            // Moves are judged by the draws about the quantile, not by the one at it.
            assert!(cautious.value >= bad - 0.05 * spread, "{} {bad} {spread}", cautious.value);
            assert!(cautious.value <= cautious.bound && cautious.most_of_draws.len() == cells[0].n_draws());
        }
    }

    /// With a price of money that nothing is worth, nothing is spent.
    #[test]
    fn money_that_brings_less_than_it_costs_is_left() {
        let cells = cells(&[Bounds::default(), Bounds::default()]);
        let found = solve(&cells, Goal { budget: 100.0, price: 1e6, quantile: None }, 4);
        assert!(found.levels.iter().all(|level| *level == 0.0), "{:?}", found.levels);
    }
}
