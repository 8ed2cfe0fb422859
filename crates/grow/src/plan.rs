//! Plans: how much goes where, what that is expected to bring, how far it is from the best that any plan could, and what
//! another budget would do.
//!
//! In: a fit, its history and the bounds. Out: [`PlanReport`]. Invariants: no spend is outside its bounds, the sum is within the
//! budget, and the bound is never below what the plan is expected to bring. It is a bound of levels that are kept up (or reached
//! by ramps): spend that comes in pulses is not planned, and may bring more where curves are S-shaped.

pub(crate) mod curve_set;
pub(crate) mod solve;
mod words;

use crowsnest_learn::sampling::diagnostics::quantile;
use curve_set::{Ahead, Cell, N_DRAWS, N_DRAWS_OF_QUANTILE};
use jiff::Span;
use jiff::civil::Date;
use serde::Serialize;
use solve::{Goal, Solution, least_cost, solve};

use crate::findings::{CurvePoint, FitReport, Interval, curve, marginal};
use crate::fit::Fitted;
use crate::history::History;
use crate::settings::{Bounds, Objective, PlanSettings};
use crate::threat::ThreatReport;

/// A plan, and what it is expected to bring.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// `planned`, or `infeasible` where no plan keeps to all bounds: what follows is the nearest that one can.
    pub status: &'static str,
    /// Why it is infeasible.
    pub reason: Option<String>,
    /// Money that may be spent, pools included.
    pub budget: f64,
    /// Money that is spent.
    pub spent: f64,
    /// Periods ahead.
    pub n_periods: usize,
    /// Their first days.
    pub periods: Vec<String>,
    /// What is made as large as can be: `mean` or `quantile`.
    pub objective: Objective,
    /// Outcome that the planned spend brings, over what past spend still brings.
    pub outcome: Interval,
    /// What is made as large as can be, of this plan.
    pub value: f64,
    /// What no levels within the bounds exceed, each kept up for all periods, by the fitted curves.
    pub upper_bound: f64,
    /// How far the plan is from that, as a share of it.
    pub gap: f64,
    /// Outcome of spending as of late.
    pub outcome_of_present: Interval,
    /// What the plan brings more than the same money in the present mix.
    pub gain_over_present_mix: Interval,
    /// Probability that it brings more.
    pub probability_of_gain: f64,
    /// One for each channel of each group.
    pub channels: Vec<ChannelPlan>,
    /// Spend by channel, group and period.
    pub spend: Vec<SpendRow>,
    /// Outcome of one more unit of the budget.
    pub shadow_price: f64,
    /// The same in words.
    pub in_words: Vec<String>,
    /// Other budgets and bounds beside it.
    pub scenarios: Vec<ScenarioReport>,
    /// What if a large company enters; nothing where it was not asked.
    pub threat: Option<Threatened>,
    /// The fit that it rests on.
    pub fit: FitReport,
    /// Time that fit and plan took.
    pub seconds: f64,
}

/// One channel of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct ChannelPlan {
    /// Channel.
    pub channel: String,
    /// Product or region.
    pub group: String,
    /// Money a period of late.
    pub present: f64,
    /// Money a period that is aimed at.
    pub planned: f64,
    /// Outcome that it brings.
    pub outcome: Interval,
    /// Outcome of one more unit of money at the planned level.
    pub marginal: Interval,
    /// `min`, `max` or `none`: the bound that it lies at.
    pub at_bound: &'static str,
    /// Outcome of a period by spend of a period that is kept up.
    pub curve: Vec<CurvePoint>,
}

/// Spend of one channel, group and period.
#[derive(Debug, Clone, Serialize)]
pub struct SpendRow {
    /// Channel.
    pub channel: String,
    /// Product or region.
    pub group: String,
    /// 1 for the first period ahead.
    pub period: usize,
    /// Money.
    pub spend: f64,
}

/// The plan where a large company enters.
#[derive(Debug, Clone, Serialize)]
pub struct Threatened {
    /// Probability that one does.
    pub probability: f64,
    /// What is left of each unit of outcome, on average over the plan's periods.
    pub factor: Interval,
    /// Outcome of the plan then, weighted with that probability.
    pub outcome: Interval,
    /// Money that would be spent then, where money is left that brings less than it costs.
    pub spent: Option<f64>,
    /// What it rests on.
    pub report: ThreatReport,
}

/// Another budget or other bounds.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioReport {
    /// Name.
    pub name: String,
    /// Its budget.
    pub budget: f64,
    /// Outcome.
    pub outcome: Interval,
    /// Outcome of one more unit of money.
    pub shadow_price: f64,
    /// Money a period, by channel and group.
    pub spend: Vec<SpendRow>,
    /// Why its bounds cannot be kept, where they cannot.
    pub reason: Option<String>,
}

/// Levels of all cells, with what keeps them from being better.
struct Allocation {
    cells: Vec<Cell>,
    levels: Vec<f64>,
    /// The pool that pays each cell; none for the budget.
    pools: Vec<Option<usize>>,
    value: f64,
    bound: f64,
    reason: Option<String>,
}

/// Makes a plan.
///
/// # Errors
/// What is wrong with the bounds, in words.
pub(crate) fn plan(
    history: &History,
    fitted: &Fitted,
    fit: FitReport,
    settings: &PlanSettings,
    threat: Option<&ThreatReport>,
    seconds: &dyn Fn() -> f64,
) -> Result<PlanReport, String> {
    let faults = faults_of(history, settings);
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    let made = allocate(history, fitted, settings);
    let totals = totals(&made.cells, &made.levels);
    let present: Vec<f64> = made.cells.iter().map(|cell| cell.present).collect();
    let mix = present_mix(&made, settings);
    let gains: Vec<f64> =
        totals.iter().zip(crate::plan::totals(&made.cells, &mix)).map(|(plan, mix)| plan - mix).collect();
    let spent = made.cells.iter().zip(&made.levels).map(|(cell, level)| cell.cost(*level)).sum();
    let channels = channel_plans(history, &made);
    let shadow_price = shadow_price(&made);
    Ok(PlanReport {
        status: if made.reason.is_some() { "infeasible" } else { "planned" },
        reason: made.reason.clone(),
        budget: settings.budget + settings.pools.iter().map(|pool| pool.budget).sum::<f64>(),
        spent,
        n_periods: settings.n_periods,
        periods: periods_ahead(history, settings.n_periods),
        objective: settings.objective,
        outcome: Interval::of(&totals),
        value: made.value,
        upper_bound: made.bound,
        gap: if made.bound > 0.0 { (made.bound - made.value) / made.bound } else { 0.0 },
        outcome_of_present: Interval::of(&crate::plan::totals(&made.cells, &present)),
        probability_of_gain: gains.iter().filter(|gain| **gain > 0.0).count() as f64 / gains.len() as f64,
        gain_over_present_mix: Interval::of(&gains),
        in_words: words::in_words(&channels, &made, settings, &fit),
        channels,
        spend: spend_rows(history, &made),
        shadow_price,
        scenarios: scenarios(history, fitted, settings),
        threat: threat.map(|threat| threatened(history, fitted, settings, threat, &totals)),
        fit,
        seconds: seconds(),
    })
}

/// First days of the periods that follow a history.
fn periods_ahead(history: &History, n_periods: usize) -> Vec<String> {
    let Some(last) = history.periods.last().and_then(|day| day.parse::<Date>().ok()) else { return Vec::new() };
    let span = match history.periods_per_year {
        many if many > 300.0 => Span::new().days(1),
        many if many > 40.0 => Span::new().days(7),
        _ => Span::new().months(1),
    };
    (1..=n_periods as i64).filter_map(|at| last.checked_add(span * at).ok()).map(|day| day.to_string()).collect()
}

/// What an entry leaves of a plan: its effect grows over the horizon that it was measured on, and stays.
fn threatened(
    history: &History,
    fitted: &Fitted,
    settings: &PlanSettings,
    threat: &ThreatReport,
    totals: &[f64],
) -> Threatened {
    let probability = settings.threat.as_ref().map_or(1.0, |own| own.probability);
    let days_a_period = 365.25 / history.periods_per_year;
    let horizon = threat.horizon as f64 * days_of_grain(&threat.grain) / days_a_period;
    let n = settings.n_periods as f64;
    let factor_of = |effect: f64| {
        let over = (1..=settings.n_periods).map(|at| (effect * (at as f64 / horizon).min(1.0)).exp()).sum::<f64>();
        1.0 - probability + probability * over / n
    };
    let factors: Vec<f64> = threat.draws.iter().map(|effect| factor_of(*effect)).collect();
    let outcomes: Vec<f64> =
        totals.iter().enumerate().map(|(at, total)| total * factors[at * 7 % factors.len()]).collect();
    let factor = Interval::of(&factors);
    let spent = settings.value_of_outcome.map(|value| {
        let worth = PlanSettings { value_of_outcome: Some(value * factor.mean), ..settings.clone() };
        let made = allocate(history, fitted, &worth);
        made.cells.iter().zip(&made.levels).map(|(cell, level)| cell.cost(*level)).sum()
    });
    Threatened { probability, factor, outcome: Interval::of(&outcomes), spent, report: threat.clone() }
}

fn days_of_grain(grain: &str) -> f64 {
    match grain {
        "day" => 1.0,
        "week" => 7.0,
        "quarter" => 91.3,
        "half" => 182.6,
        "year" => 365.25,
        _ => 30.44,
    }
}

fn totals(cells: &[Cell], levels: &[f64]) -> Vec<f64> {
    let mut totals = vec![0.0; cells.first().map_or(0, Cell::n_draws)];
    for (cell, level) in cells.iter().zip(levels) {
        totals.iter_mut().zip(cell.values(*level)).for_each(|(total, own)| *total += own);
    }
    totals
}

/// The plan's money in the proportions of late.
fn present_mix(made: &Allocation, settings: &PlanSettings) -> Vec<f64> {
    let spent: f64 = made.cells.iter().zip(&made.levels).map(|(cell, level)| cell.cost(*level)).sum();
    let present: f64 = made.cells.iter().map(|cell| cell.present).sum::<f64>() * settings.n_periods as f64;
    let scale = if present > 0.0 { spent / present } else { 0.0 };
    made.cells.iter().map(|cell| cell.present * scale).collect()
}

fn faults_of(history: &History, settings: &PlanSettings) -> Vec<String> {
    let mut faults = Vec::new();
    if !(settings.budget.is_finite() && settings.budget >= 0.0) {
        faults.push(format!("budget {}: give an amount of money of at least 0", settings.budget));
    }
    if settings.n_periods == 0 || settings.n_periods > 104 {
        faults.push(format!("n_periods {}: plan 1 to 104 periods ahead", settings.n_periods));
    }
    if settings.objective == Objective::Quantile && !(settings.quantile > 0.0 && settings.quantile < 1.0) {
        faults.push(format!("quantile {}: give a share between 0 and 1", settings.quantile));
    }
    let known = |name: &str| history.channels.iter().any(|channel| channel == name);
    let all = settings.channels.iter().chain(settings.scenarios.iter().flat_map(|scenario| &scenario.channels));
    for bounds in all {
        if !known(&bounds.name) {
            faults.push(format!(
                "bounds of {:?}: there is no such channel, only {}",
                bounds.name,
                history.channels.join(", ")
            ));
        }
        if let Some(group) = bounds.group.as_ref().filter(|group| history.groups.iter().all(|own| own.name != **group))
        {
            faults.push(format!("bounds of {:?}: there is no group {group:?}", bounds.name));
        }
        faults.extend(faults_of_bounds(bounds));
    }
    if let Some(threat) = settings.threat.as_ref().filter(|own| !(0.0..=1.0).contains(&own.probability)) {
        faults.push(format!("threat: probability {} is not 0 to 1", threat.probability));
    }
    for name in settings.pools.iter().flat_map(|pool| &pool.channels).filter(|name| !known(name)) {
        faults.push(format!("pool channel {name:?}: there is no such channel, only {}", history.channels.join(", ")));
    }
    faults
}

fn faults_of_bounds(bounds: &Bounds) -> Vec<String> {
    let mut faults = Vec::new();
    let name = &bounds.name;
    let numbers = [
        ("min", bounds.min),
        ("max", bounds.max),
        ("step", bounds.step),
        ("min_if_any", bounds.min_if_any),
        ("ramp", bounds.ramp),
    ];
    for (what, value) in numbers {
        if value.is_some_and(|value| !value.is_finite() || value < 0.0) {
            faults.push(format!("{what} of {name:?} is {}: give a number of at least 0", value.unwrap_or_default()));
        }
    }
    if bounds.step == Some(0.0) {
        faults.push(format!("step of {name:?} is 0: give the size of a step, or leave it out"));
    }
    let (min, max) = (bounds.min.unwrap_or(0.0), bounds.max.unwrap_or(f64::INFINITY));
    if min > max {
        faults.push(format!("min of {name:?} is {min}, more than its max {max}"));
    }
    let lowest = min.max(if min > 0.0 { bounds.min_if_any.unwrap_or(0.0) } else { 0.0 });
    if let Some(step) = bounds.step.filter(|step| *step > 0.0 && (lowest / step - 1e-9).ceil() * step > max) {
        faults.push(format!("no multiple of the step {step} of {name:?} lies between {lowest} and {max}"));
    }
    faults
}

fn cells_of(history: &History, fitted: &Fitted, settings: &PlanSettings) -> Vec<Cell> {
    let n_draws = if settings.objective == Objective::Quantile { N_DRAWS_OF_QUANTILE } else { N_DRAWS };
    let ahead = Ahead { n_periods: settings.n_periods, counts_carry_over: settings.counts_carry_over, n_draws };
    let mut cells = Vec::new();
    for group in 0..history.groups.len() {
        for channel in 0..history.channels.len() {
            let is_meant = |bounds: &&Bounds| {
                bounds.name == history.channels[channel]
                    && bounds.group.as_ref().is_none_or(|name| *name == history.groups[group].name)
            };
            // The last that fits counts, so that a group's own follow those for all.
            let bounds = settings.channels.iter().rfind(is_meant).cloned().unwrap_or_default();
            cells.push(Cell::new(history, fitted, (group, channel), &bounds, ahead));
        }
    }
    cells
}

fn allocate(history: &History, fitted: &Fitted, settings: &PlanSettings) -> Allocation {
    let cells = cells_of(history, fitted, settings);
    let share = (settings.objective == Objective::Quantile).then_some(settings.quantile);
    let price = settings.value_of_outcome.filter(|value| *value > 0.0).map_or(0.0, |value| 1.0 / value);
    let pool_of = |cell: &Cell| {
        let name = &history.channels[cell.channel];
        settings.pools.iter().position(|pool| pool.channels.contains(name))
    };
    let pools: Vec<Option<usize>> = cells.iter().map(pool_of).collect();
    let mut made = Allocation { levels: vec![0.0; cells.len()], cells, pools, value: 0.0, bound: 0.0, reason: None };
    let (mut paid, mut of_means, mut most) = (0.0, (0.0, 0.0), vec![0.0; made.cells.first().map_or(0, Cell::n_draws)]);
    for pool in std::iter::once(None).chain((0..settings.pools.len()).map(Some)) {
        let places: Vec<usize> = (0..made.cells.len()).filter(|at| made.pools[*at] == pool).collect();
        let (budget, price) = match pool.map(|at| &settings.pools[at]) {
            Some(pool) => (pool.budget, pool.opportunity_cost),
            None => (settings.budget, price),
        };
        let name = pool.map(|at| settings.pools[at].name.as_str());
        let goal = Goal { budget, price, quantile: share };
        let part = solve_part(&places, &mut made, goal, name, settings.n_periods);
        for (place, level) in places.iter().zip(part.levels) {
            made.levels[*place] = level;
            paid += price * made.cells[*place].cost(level);
        }
        of_means = (of_means.0 + part.value, of_means.1 + part.bound);
        most.iter_mut().zip(part.most_of_draws).for_each(|(most, own)| *most += own);
    }
    (made.value, made.bound) = match share {
        None => of_means,
        // Quantiles of parts do not add up to the quantile of the whole.
        Some(share) => {
            let value = quantile(&totals(&made.cells, &made.levels), share) - paid;
            (value, quantile(&most, share).max(value))
        }
    };
    made
}

/// Solves one budget; where its minimums ask for more, they are cut in proportion and the reason is noted.
fn solve_part(places: &[usize], made: &mut Allocation, goal: Goal, pool: Option<&str>, n_periods: usize) -> Solution {
    let mut cells: Vec<Cell> = places.iter().map(|at| made.cells[*at].clone()).collect();
    if cells.is_empty() {
        return Solution::default();
    }
    let least = least_cost(&cells);
    if least > goal.budget * (1.0 + 1e-9) {
        let of = pool.map(|name| format!(" of pool {name:?}")).unwrap_or_default();
        let words = format!(
            "the budget{of} of {:.2} is below what the minimums (with ramps and steps) ask for together, {least:.2}: \
             raise it to that, or lower minimums; this plan keeps to the budget, cuts every minimum to {:.1} %, and \
             leaves ramps and steps aside",
            goal.budget,
            100.0 * goal.budget / least
        );
        made.reason = Some(made.reason.take().map_or(words.clone(), |before| format!("{before}; {words}")));
        let share = goal.budget / least;
        for (place, cell) in places.iter().zip(&mut cells) {
            cell.min *= share;
            cell.min_if_any *= share;
            cell.ramp = None;
            cell.step = None;
            made.cells[*place] = cell.clone();
        }
    }
    solve(&cells, goal, n_periods)
}

/// Outcome of one more unit of the budget; what pools pay for is another purse.
fn shadow_price(made: &Allocation) -> f64 {
    made.cells
        .iter()
        .zip(&made.levels)
        .zip(&made.pools)
        .filter(|(_, pool)| pool.is_none())
        .map(|(own, _)| own)
        .filter(|(cell, level)| cell.step.is_none() && **level < cell.max * 0.999 && **level > cell.min * 1.001 + 1e-9)
        .map(|(cell, level)| gain_of(cell, *level, 0.01 * level))
        .fold(0.0, f64::max)
}

/// Outcome of one more unit of money, from an amount more a period.
fn gain_of(cell: &Cell, level: f64, more: f64) -> f64 {
    let cost = cell.cost(level + more) - cell.cost(level);
    if cost > 0.0 { (cell.mean(level + more) - cell.mean(level)) / cost } else { 0.0 }
}

fn channel_plans(history: &History, made: &Allocation) -> Vec<ChannelPlan> {
    made.cells
        .iter()
        .zip(&made.levels)
        .map(|(cell, level)| {
            let seen = history.groups[cell.group].spend[cell.channel].iter().copied().fold(0.0, f64::max);
            let usual = history.groups[cell.group].usual_exposure(cell.channel)
                * history.groups[cell.group].price(cell.channel);
            ChannelPlan {
                channel: history.channels[cell.channel].clone(),
                group: history.groups[cell.group].name.clone(),
                present: cell.present,
                planned: *level,
                outcome: Interval::of(&cell.values(*level)),
                marginal: marginal(cell, level.max(0.02 * usual)),
                at_bound: if cell.min > 0.0 && *level <= cell.min * 1.001 {
                    "min"
                } else if *level >= cell.max * 0.999 {
                    "max"
                } else {
                    "none"
                },
                curve: curve(cell, 1.5 * seen.max(*level)),
            }
        })
        .collect()
}

fn spend_rows(history: &History, made: &Allocation) -> Vec<SpendRow> {
    let mut rows = Vec::new();
    for (cell, level) in made.cells.iter().zip(&made.levels) {
        for (at, spend) in cell.path(*level).into_iter().enumerate() {
            rows.push(SpendRow {
                channel: history.channels[cell.channel].clone(),
                group: history.groups[cell.group].name.clone(),
                period: at + 1,
                spend,
            });
        }
    }
    rows
}

fn scenarios(history: &History, fitted: &Fitted, settings: &PlanSettings) -> Vec<ScenarioReport> {
    settings
        .scenarios
        .iter()
        .map(|scenario| {
            let mut changed = settings.clone();
            changed.budget = scenario.budget.unwrap_or(settings.budget);
            changed.channels.extend(scenario.channels.iter().cloned());
            let made = allocate(history, fitted, &changed);
            ScenarioReport {
                name: scenario.name.clone(),
                budget: changed.budget,
                outcome: Interval::of(&totals(&made.cells, &made.levels)),
                shadow_price: shadow_price(&made),
                spend: spend_rows(history, &made).into_iter().filter(|row| row.period == settings.n_periods).collect(),
                reason: made.reason.clone(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
