//! What a fit says, for people and programs: returns with intervals, what the outcome is made of, how far it can be believed,
//! and which channels the history cannot tell about, with the experiment that would.

use crowsnest_learn::positive::dot;
use crowsnest_learn::random::Random;
use crowsnest_learn::sampling::diagnostics::{quantile, sorted_quantile};
use serde::Serialize;

use crate::fit::{Fitted, Sampler, fit};
use crate::history::History;
use crate::lifts;
use crate::model::background::{BASE, SEASON, TREND};
use crate::plan::curve_set::{Ahead, Cell, N_DRAWS};
use crate::points::{DataPoint, points};
use crate::settings::{Bounds, GrowFile, LiftTest, Method, ModelSettings};

/// A number with the interval that holds it with probability 0.9.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Interval {
    /// Mean.
    pub mean: f64,
    /// A twentieth of the draws lies below.
    pub q05: f64,
    /// Half of the draws lies below.
    pub q50: f64,
    /// A twentieth of the draws lies above.
    pub q95: f64,
}

impl Interval {
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        Self {
            mean,
            q05: sorted_quantile(&sorted, 0.05),
            q50: sorted_quantile(&sorted, 0.5),
            q95: sorted_quantile(&sorted, 0.95),
        }
    }
}

/// All that a fit says.
#[derive(Debug, Clone, Serialize)]
pub struct FitReport {
    /// Periods of the history.
    pub n_periods: usize,
    /// First day of the first and of the last period.
    pub first_period: String,
    /// First day of the last period.
    pub last_period: String,
    /// One for each channel of each group.
    pub channels: Vec<ChannelReport>,
    /// What the outcome is made of, by group and part.
    pub decomposition: Vec<PartReport>,
    /// How well the fit describes what it has seen, by group.
    pub accuracy: Vec<Accuracy>,
    /// How well a fit without the last periods predicts them; nothing where none were held out.
    pub held_out: Vec<HeldOut>,
    /// The one experiment that would tell most.
    pub next_experiment: Option<String>,
    /// How drawing went.
    pub sampler: Sampler,
    /// What is odd or should be known, in words.
    pub notes: Vec<String>,
    /// Time it took.
    pub seconds: f64,
}

/// Whether the history tells a channel's return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval's ends are less than a factor of three apart.
    Told,
    /// Less than a factor of eight.
    Roughly,
    /// More: no conclusion should be drawn.
    CannotTell,
}

/// One channel of one group.
#[derive(Debug, Clone, Serialize)]
pub struct ChannelReport {
    /// Channel.
    pub channel: String,
    /// Product or region; empty where there is one only.
    pub group: String,
    /// Money spent in the history.
    pub spend: f64,
    /// Outcome for one unit of money, over the history.
    pub roi: Option<Interval>,
    /// Outcome for one more unit of money at the present level.
    pub marginal_roi: Option<Interval>,
    /// Outcome that the channel brought, all periods together.
    pub contribution: Option<Interval>,
    /// Share carried over to the next period (with Weibull carry-over, of the geometric one of the same length).
    pub carried_over: Option<Interval>,
    /// Money a period that brings half of all that the channel could.
    pub half_saturation: Option<Interval>,
    /// Mean spend of the last periods.
    pub present_spend: f64,
    /// The curve of a period's outcome by a period's spend that is kept up.
    pub curve: Vec<CurvePoint>,
    /// What each period says of it.
    pub points: Vec<DataPoint>,
    /// Whether this is to be believed.
    pub verdict: Verdict,
    /// Why not, or how sure.
    pub reason: String,
    /// The experiment that would tell.
    pub experiment: Option<String>,
}

/// A place on a response curve.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CurvePoint {
    /// Money a period.
    pub spend: f64,
    /// Mean outcome a period.
    pub mean: f64,
    /// A twentieth lies below.
    pub q05: f64,
    /// A twentieth lies above.
    pub q95: f64,
}

/// A part of the outcome.
#[derive(Debug, Clone, Serialize)]
pub struct PartReport {
    /// Product or region.
    pub group: String,
    /// `base`, `trend`, `season`, or the name of a control, event or channel.
    pub part: String,
    /// All periods together.
    pub total: Interval,
    /// Share of the outcome.
    pub share: f64,
    /// How far its periods lie from their mean (standard deviation): what a season or a control does adds up to nothing.
    pub swing: f64,
    /// Mean of each period.
    pub by_period: Vec<f64>,
}

/// How well a fit describes what it has seen.
#[derive(Debug, Clone, Serialize)]
pub struct Accuracy {
    /// Product or region.
    pub group: String,
    /// Share of the outcome's variance that is explained.
    pub r_squared: f64,
    /// Mean absolute error, as a share of the mean absolute outcome.
    pub error_share: f64,
    /// Share of periods within their own 90 % interval (posterior predictive).
    pub within_90: f64,
    /// Probability that a made-up history swings at least as much from period to period as the real one: near 0 or 1 is a
    /// model that does not fit.
    pub p_of_swing: f64,
}

/// How well the last periods are predicted without them.
#[derive(Debug, Clone, Serialize)]
pub struct HeldOut {
    /// Product or region.
    pub group: String,
    /// Periods.
    pub n_periods: usize,
    /// Mean absolute error, as a share of the mean absolute outcome.
    pub error_share: f64,
    /// The same for "as in the same period a year before", or, with less history, "as in the last period".
    pub naive_error_share: f64,
    /// Share of periods within their 90 % interval.
    pub within_90: f64,
}

/// Fits and tells.
pub(crate) fn report(history: &History, file: &GrowFile, seconds: &dyn Fn() -> f64) -> Option<(Fitted, FitReport)> {
    let fitted = fit(history, &file.model, &file.lift_tests)?;
    let mut channels = Vec::new();
    for group in 0..history.groups.len() {
        for (channel, points) in points(history, &fitted, group).into_iter().enumerate() {
            let points = if history.groups[group].total_spend(channel) > 0.0 { points } else { Vec::new() };
            channels.push(ChannelReport { points, ..channel_report(history, &fitted, (group, channel)) });
        }
    }
    let mut notes = history.notes.clone();
    notes.extend(lifts::without_spend(history, &file.lift_tests));
    notes.extend(doubts(&fitted.sampler));
    let held_out = held_out(history, &file.model, &file.lift_tests);
    let next_experiment = next_experiment(&channels);
    let report = FitReport {
        n_periods: history.periods.len(),
        first_period: history.periods.first().cloned().unwrap_or_default(),
        last_period: history.periods.last().cloned().unwrap_or_default(),
        decomposition: decomposition(history, &fitted),
        accuracy: (0..history.groups.len()).map(|group| accuracy(history, &fitted, group)).collect(),
        channels,
        held_out,
        next_experiment,
        sampler: fitted.sampler.clone(),
        notes,
        seconds: seconds(),
    };
    Some((fitted, report))
}

/// Effective draws from which on a twentieth below an interval is more than a handful of them.
const N_EFFECTIVE_LEAST: f64 = 100.0;

fn doubts(sampler: &Sampler) -> Vec<String> {
    let mut doubts = Vec::new();
    if sampler.r_hat_max.is_some_and(|r_hat| r_hat > 1.05) {
        doubts.push(format!(
            "the chains do not agree (R-hat {:.2}): set `n_warm_up` and `n_draws` of [model] higher",
            sampler.r_hat_max.unwrap_or_default()
        ));
    }
    if let Some(n) = sampler.n_effective_min.filter(|n| *n < N_EFFECTIVE_LEAST) {
        let n_of_chain = sampler.n_draws as f64 / sampler.n_chains.max(1) as f64;
        doubts.push(format!(
            "one number of the model at least rests on {n:.0} effective draws, fewer than {N_EFFECTIVE_LEAST:.0}, so ends of \
             intervals are rough: set `n_draws` of [model] to {:.0} or more",
            (n_of_chain * N_EFFECTIVE_LEAST / n.max(1.0)).ceil()
        ));
    }
    if sampler.n_divergences * 50 > sampler.n_draws {
        doubts.push(format!(
            "{} of {} trajectories ran away: intervals may be too narrow",
            sampler.n_divergences, sampler.n_draws
        ));
    }
    if sampler.method == Method::Laplace {
        doubts.push(
            "a first look: intervals are those of a normal approximation; `method = \"nuts\"` draws them".to_owned(),
        );
    }
    doubts
}

fn channel_report(history: &History, fitted: &Fitted, at: (usize, usize)) -> ChannelReport {
    let (group, channel) = at;
    let of = &history.groups[group];
    let spend = of.total_spend(channel);
    let ahead = Ahead { n_periods: 13, counts_carry_over: true, n_draws: N_DRAWS };
    let cell = Cell::new(history, fitted, at, &Bounds::default(), ahead);
    let mut report = ChannelReport {
        channel: history.channels[channel].clone(),
        group: of.name.clone(),
        spend,
        roi: None,
        marginal_roi: None,
        contribution: None,
        carried_over: None,
        half_saturation: None,
        present_spend: cell.present,
        curve: Vec::new(),
        points: Vec::new(),
        verdict: Verdict::CannotTell,
        reason: "nothing was ever spent on it: what it brings is unknown".to_owned(),
        experiment: None,
    };
    if spend <= 0.0 {
        report.experiment = Some(format!(
            "spend on {} in some weeks or regions and not in others, for at least 8 weeks",
            report.channel
        ));
        return report;
    }
    let spread = fitted.model.groups[group].spread;
    let cells: Vec<_> = fitted.draws.iter().map(|unknown| fitted.model.cell(unknown, group, channel)).collect();
    let roi: Vec<f64> = cells.iter().map(|cell| cell.log_return.exp() * spread).collect();
    let to_money = of.price(channel) * fitted.model.groups[group].usual[channel];
    let interval = Interval::of(&roi);
    report.contribution = Some(Interval::of(&roi.iter().map(|roi| roi * spend).collect::<Vec<_>>()));
    report.carried_over = Some(Interval::of(&cells.iter().map(|cell| cell.shape.kept()).collect::<Vec<_>>()));
    report.half_saturation =
        Some(Interval::of(&cells.iter().map(|cell| cell.shape.log_half.exp() * to_money).collect::<Vec<_>>()));
    report.marginal_roi = Some(marginal(&cell, cell.present.max(0.02 * to_money)));
    report.curve = curve(&cell, 2.0 * of.spend[channel].iter().copied().fold(0.0, f64::max));
    report.roi = Some(interval);
    (report.verdict, report.reason) = judged(history, at, interval);
    if report.verdict != Verdict::Told {
        report.experiment = Some(experiment(fitted, group, &report, interval, to_money));
    }
    report
}

/// Outcome for one more unit of money, kept up, at a level.
pub(crate) fn marginal(cell: &Cell, level: f64) -> Interval {
    let (low, high) = (cell.steady(0.99 * level), cell.steady(1.01 * level));
    let slopes: Vec<f64> = low.iter().zip(&high).map(|(low, high)| (high - low) / (0.02 * level)).collect();
    Interval::of(&slopes)
}

pub(crate) fn curve(cell: &Cell, most: f64) -> Vec<CurvePoint> {
    (0..=40)
        .map(|at| {
            let spend = most * f64::from(at) / 40.0;
            let Interval { mean, q05, q95, .. } = Interval::of(&cell.steady(spend));
            CurvePoint { spend, mean, q05, q95 }
        })
        .collect()
}

fn judged(history: &History, (group, channel): (usize, usize), roi: Interval) -> (Verdict, String) {
    let factor = roi.q95 / roi.q05;
    let verdict = if factor < 3.0 {
        Verdict::Told
    } else if factor < 8.0 {
        Verdict::Roughly
    } else {
        Verdict::CannotTell
    };
    let of = &history.groups[group];
    let (mean, spread) = moments(&of.exposure[channel]);
    if spread < 0.02 * mean {
        return (Verdict::CannotTell, "its spend never changes: its effect cannot be told from the base".to_owned());
    }
    let alike = (0..history.channels.len())
        .filter(|other| *other != channel)
        .map(|other| (correlation(&of.exposure[channel], &of.exposure[other]), other))
        .max_by(|left, right| left.0.total_cmp(&right.0));
    if let Some((alike, other)) = alike.filter(|(alike, _)| *alike > 0.97) {
        let words = format!(
            "it moves with {} (correlation {alike:.3}): only what both bring together can be told",
            history.channels[other]
        );
        return (if alike > 0.995 { Verdict::CannotTell } else { verdict }, words);
    }
    let words = format!("the 90 % interval of its return spans a factor of {factor:.1}");
    (verdict, words)
}

fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt())
}

/// Pearson's correlation; 0 where one does not move.
pub(crate) fn correlation(left: &[f64], right: &[f64]) -> f64 {
    let ((left_mean, left_spread), (right_mean, right_spread)) = (moments(left), moments(right));
    if left_spread <= 0.0 || right_spread <= 0.0 {
        return 0.0;
    }
    let sum: f64 = left.iter().zip(right).map(|(left, right)| (left - left_mean) * (right - right_mean)).sum();
    sum / left.len() as f64 / left_spread / right_spread
}

/// Weeks off (or at double spend) that tell the ends of an interval apart with power 0.8: n = 2 (2.8 σ / effect)².
fn experiment(fitted: &Fitted, group: usize, report: &ChannelReport, roi: Interval, usual_spend: f64) -> String {
    let noise: Vec<f64> = fitted.draws.iter().step_by(10).map(|unknown| fitted.model.noise(unknown)).collect();
    let noise = quantile(&noise, 0.5) * fitted.model.groups[group].spread;
    let level = if report.present_spend > 0.0 { report.present_spend } else { usual_spend };
    let effect = (roi.q95 - roi.q05).max(1e-12) * level;
    let weeks = (2.0 * (2.8 * noise / effect).powi(2)).ceil();
    let place = if report.group.is_empty() { String::new() } else { format!(" for {}", report.group) };
    let channel = &report.channel;
    if weeks <= 26.0 {
        let weeks = weeks.max(2.0);
        format!(
            "switch {channel}{place} off in {weeks} periods drawn by lot and leave it on in {weeks} others: a return of {:.3} is then told from {:.3} with power 0.8",
            roi.q05, roi.q95
        )
    } else {
        format!(
            "time alone is too noisy for {channel}{place} ({weeks} periods off would be needed): switch it off in half of the regions for 4 to 8 periods and compare (`crowsnest grow experiment geo`)"
        )
    }
}

/// The channel with the most money times uncertainty.
fn next_experiment(channels: &[ChannelReport]) -> Option<String> {
    let stake = |own: &ChannelReport| own.roi.map_or(0.0, |roi| (roi.q95 - roi.q05) * own.present_spend);
    channels
        .iter()
        .filter(|own| own.experiment.is_some())
        .max_by(|left, right| stake(left).total_cmp(&stake(right)))
        .and_then(|own| own.experiment.clone())
}

const N_PARTS_DRAWS: usize = 200;

fn thin(draws: &[Vec<f64>], n: usize) -> impl Iterator<Item = &Vec<f64>> {
    draws.iter().step_by((draws.len() / n).max(1)).take(n)
}

fn decomposition(history: &History, fitted: &Fitted) -> Vec<PartReport> {
    let mut random = Random::new(11);
    let mut reports = Vec::new();
    for (at, group) in history.groups.iter().enumerate() {
        let of = &fitted.model.groups[at];
        let mut names: Vec<String> = vec![BASE.to_owned()];
        for part in &of.background.parts {
            if !names.contains(part) {
                names.push(part.clone());
            }
        }
        let n_background = names.len();
        names.extend(history.channels.iter().cloned());
        let n = history.periods.len();
        let mut totals = vec![Vec::new(); names.len()];
        let mut by_period = vec![vec![0.0; n]; names.len()];
        let mut n_draws = 0.0;
        for unknown in thin(&fitted.draws, N_PARTS_DRAWS) {
            let (coefficients, parts) = fitted.model.parts(unknown, at, Some(&mut || random.normal()));
            n_draws += 1.0;
            for (place, name) in names.iter().enumerate() {
                let values = match place.checked_sub(n_background) {
                    Some(channel) => parts[channel].clone(),
                    None => of.background.part(&coefficients, Some(name)),
                };
                let added = if place == 0 { of.center } else { 0.0 };
                totals[place].push(values.iter().map(|value| value * of.spread + added).sum::<f64>());
                by_period[place].iter_mut().zip(&values).for_each(|(sum, value)| *sum += value * of.spread + added);
            }
        }
        let known: f64 = group.outcome.iter().filter(|value| value.is_finite()).sum();
        for ((part, totals), by_period) in names.into_iter().zip(&totals).zip(by_period) {
            let total = Interval::of(totals);
            let by_period: Vec<f64> = by_period.into_iter().map(|sum| sum / n_draws).collect();
            let swing = moments(&by_period).1;
            reports.push(PartReport {
                swing,
                group: group.name.clone(),
                part,
                total,
                share: total.mean / known,
                by_period,
            });
        }
    }
    reports
}

/// What each draw expects of each period, and one chance outcome of it.
fn predicted(fitted: &Fitted, at: usize, n_draws: usize) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
    let of = &fitted.model.groups[at];
    let mut random = Random::new(12);
    let (mut expected, mut chance) = (Vec::new(), Vec::new());
    for unknown in thin(&fitted.draws, n_draws) {
        let (coefficients, parts) = fitted.model.parts(unknown, at, Some(&mut || random.normal()));
        let mut values = of.background.part(&coefficients, None);
        parts.iter().for_each(|part| values.iter_mut().zip(part).for_each(|(value, part)| *value += part));
        let values: Vec<f64> = values.iter().map(|value| value * of.spread + of.center).collect();
        let noise = fitted.model.noise(unknown) * of.spread;
        let mut before = random.normal() * noise / (1.0 - of.echo * of.echo).sqrt();
        let drawn = values
            .iter()
            .map(|value| {
                before = of.echo * before + noise * random.normal();
                value + before
            })
            .collect();
        expected.push(values);
        chance.push(drawn);
    }
    (expected, chance)
}

fn column(rows: &[Vec<f64>], at: usize) -> Vec<f64> {
    rows.iter().map(|row| row[at]).collect()
}

/// What is expected of a period: the median of the draws. Of their mean, a few draws whose trend bends sharply make, beyond the last
/// outcome, what they like.
fn middle(expected: &[Vec<f64>], at: usize) -> f64 {
    Interval::of(&column(expected, at)).q50
}

fn is_within(chance: &[Vec<f64>], at: usize, value: f64) -> bool {
    let interval = Interval::of(&column(chance, at));
    (interval.q05..=interval.q95).contains(&value)
}

fn accuracy(history: &History, fitted: &Fitted, at: usize) -> Accuracy {
    let group = &history.groups[at];
    let (expected, chance) = predicted(fitted, at, N_PARTS_DRAWS);
    let known: Vec<usize> = (0..group.outcome.len()).filter(|at| group.outcome[*at].is_finite()).collect();
    let middles: Vec<f64> = known.iter().map(|at| middle(&expected, *at)).collect();
    let real: Vec<f64> = known.iter().map(|at| group.outcome[*at]).collect();
    let (_, spread) = moments(&real);
    let errors: Vec<f64> = real.iter().zip(&middles).map(|(real, middle)| real - middle).collect();
    let swing = |values: &dyn Fn(usize) -> f64| {
        known.windows(2).map(|two| (values(two[1]) - values(two[0])).powi(2)).sum::<f64>()
    };
    let real_swing = swing(&|at| group.outcome[at]);
    let n_more = chance.iter().filter(|drawn| swing(&|at| drawn[at]) >= real_swing).count();
    Accuracy {
        group: group.name.clone(),
        r_squared: 1.0 - dot(&errors, &errors) / (real.len() as f64 * spread * spread),
        error_share: errors.iter().map(|error| error.abs()).sum::<f64>()
            / real.iter().map(|value| value.abs()).sum::<f64>(),
        within_90: known.iter().filter(|at| is_within(&chance, **at, group.outcome[**at])).count() as f64
            / known.len() as f64,
        p_of_swing: n_more as f64 / chance.len() as f64,
    }
}

/// Fits without the last outcomes, as the whole was fitted, and predicts them.
fn held_out(history: &History, settings: &ModelSettings, lift_tests: &[LiftTest]) -> Vec<HeldOut> {
    let n = history.periods.len();
    let n_held = settings.n_held_out.unwrap_or_else(|| (n / 6).min(13));
    if n_held == 0 || n < n_held + 12 {
        return Vec::new();
    }
    let mut shortened = history.clone();
    for group in &mut shortened.groups {
        group.outcome[n - n_held..].fill(f64::NAN);
    }
    let Some(fitted) = fit(&shortened, settings, lift_tests) else { return Vec::new() };
    let year = history.periods_per_year.round() as usize;
    let back = if n > year + n_held { year } else { n_held };
    let mut found = Vec::new();
    for (at, group) in history.groups.iter().enumerate() {
        let (expected, chance) = predicted(&fitted, at, 400);
        let held: Vec<usize> = (n - n_held..n).filter(|at| group.outcome[*at].is_finite()).collect();
        let whole: f64 = held.iter().map(|at| group.outcome[*at].abs()).sum();
        let error = |value: &dyn Fn(usize) -> f64| {
            held.iter().map(|at| value(*at)).map(|own| if own.is_finite() { own } else { 0.0 }).sum::<f64>() / whole
        };
        found.push(HeldOut {
            group: group.name.clone(),
            n_periods: held.len(),
            error_share: error(&|at| (group.outcome[at] - middle(&expected, at)).abs()),
            naive_error_share: error(&|at| (group.outcome[at] - group.outcome[at - back]).abs()),
            within_90: held.iter().filter(|at| is_within(&chance, **at, group.outcome[**at])).count() as f64
                / held.len().max(1) as f64,
        });
    }
    found
}

/// Parts of the background that are no channel, control or event.
pub const BACKGROUND_PARTS: &[&str] = &[BASE, TREND, SEASON];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wild_draws_do_not_move_what_is_expected() {
        let mut draws: Vec<Vec<f64>> = (0..97).map(|draw| vec![100.0 + f64::from(draw % 3)]).collect();
        draws.extend([vec![9_000.0], vec![-50_000.0], vec![80_000.0]]);
        assert!((middle(&draws, 0) - 101.0).abs() < 1.0, "{}", middle(&draws, 0));
    }
}
