//! Backtests: what would have been said at each origin, and what came of it.
//!
//! In: a [`History`] and a [`Task`]. Out: for each origin the candidates as judged by the model and by each baseline, with
//! the measures over all. Everything that is said at an origin is fitted to what was settled by then; outcomes are judged by
//! what is known at the end.

use rayon::prelude::*;
use serde::Serialize;

use crate::baselines;
use crate::history::History;
use crate::measures::{Judged, Measures, interval, measure, measure_all};
use crate::outcome::Task;
use crate::panel::Panel;
use crate::walk::{Origin, Walk};

/// One ranking, judged.
#[derive(Debug, Clone, Default)]
pub struct Ranking {
    /// Its name; that of the model is `breakout`.
    pub name: String,
    /// Candidates of each origin.
    pub origins: Vec<Vec<Judged>>,
    /// The same by the stricter outcome.
    pub strict: Vec<Vec<Judged>>,
}

/// What was said of a candidate, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Call {
    /// Place of the product.
    pub series: u32,
    /// Place of the origin.
    pub origin: usize,
    /// The probability said.
    pub probability: f64,
    /// Whether it was a hit.
    pub is_hit: bool,
}

/// A backtest: the model's ranking first, then the baselines'.
#[derive(Debug, Clone, Default)]
pub struct Backtest {
    /// Places of the origins.
    pub origins: Vec<usize>,
    /// Rankings.
    pub rankings: Vec<Ranking>,
    /// The first fifty of each origin, as called by the model.
    pub calls: Vec<Call>,
    /// Origins at which too little had settled to learn from: there the prior speaks.
    pub n_unlearnt: usize,
}

/// Runs it over origins `from..=to` (places of periods) whose outcomes are known at the end.
pub fn run(history: &History, task: Task, from: usize, to: usize) -> Backtest {
    let n_periods = history.periods.len();
    let Some(final_period) = n_periods.checked_sub(1) else { return Backtest::default() };
    let known = Panel::as_of(history, final_period);
    let mut walk = Walk::new(history, task);
    let names = std::iter::once("breakout").chain(baselines::RANKINGS.iter().map(|(name, _, _)| *name));
    let names = names.chain([baselines::LOGISTIC]);
    let mut backtest = Backtest {
        rankings: names.map(|name| Ranking { name: name.to_owned(), ..Ranking::default() }).collect(),
        ..Backtest::default()
    };
    for t in 0..=to.min(final_period) {
        walk.advance();
        let is_asked = t >= from && t + task.settles_after() < n_periods;
        if is_asked {
            judge(&mut walk, &known, task, &mut backtest);
        } else if walk.calibrates(t, from) {
            // What is said so early is settled at the first origin, and calibrates it.
            walk.model();
        }
    }
    backtest
}

/// Judges one origin by every ranking.
fn judge(walk: &mut Walk<'_>, known: &Panel, task: Task, backtest: &mut Backtest) {
    let model = walk.model();
    let Some(origin) = walk.last() else { return };
    let origin = origin.as_ref();
    let n = origin.candidates.len();
    let mut scores: Vec<Vec<f64>> = vec![Vec::with_capacity(n); backtest.rankings.len()];
    for place in 0..n {
        let of_baselines = baselines::scores(origin.row(place));
        scores.iter_mut().skip(1).zip(of_baselines).for_each(|(scores, score)| scores.push(score));
    }
    let regression = walk.regression();
    let last = scores.len() - 1;
    scores[last] = (0..n).map(|place| regression.log_odds(&baselines::numbers(origin.row(place)))).collect();
    let probabilities = model.probabilities(origin);
    scores[0].clone_from(&probabilities);
    backtest.n_unlearnt += usize::from(!model.is_learnt());
    let outcomes: Vec<(bool, bool, Option<f64>)> = origin
        .candidates
        .par_iter()
        .map(|series| {
            let series = *series as usize;
            let is_hit = task.is_hit(known, series, origin.t);
            let lead_time = if is_hit { task.lead_time(known, series, origin.t) } else { None };
            (is_hit, task.is_strict_hit(known, series, origin.t), lead_time.map(|time| time as f64))
        })
        .collect();
    for (place, (ranking, scores)) in backtest.rankings.iter_mut().zip(&scores).enumerate() {
        let says = |candidate: usize| match place {
            0 => Some(probabilities[candidate]),
            _ if place == last => Some(crowsnest_learn::boosting::probability(scores[candidate])),
            _ => None,
        };
        let judged = |is_strict: bool| -> Vec<Judged> {
            let of = |(candidate, outcome): (usize, &(bool, bool, Option<f64>))| Judged {
                score: scores[candidate],
                probability: says(candidate),
                is_hit: if is_strict { outcome.1 } else { outcome.0 },
                lead_time: outcome.2,
            };
            outcomes.iter().enumerate().map(of).collect()
        };
        ranking.origins.push(judged(false));
        ranking.strict.push(judged(true));
    }
    backtest.origins.push(origin.t);
    backtest.calls.extend(calls(origin, &scores[0], &probabilities, &outcomes));
}

/// The first fifty.
fn calls(origin: &Origin, scores: &[f64], probabilities: &[f64], outcomes: &[(bool, bool, Option<f64>)]) -> Vec<Call> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let call = |place: usize| Call {
        series: origin.candidates[place],
        origin: origin.t,
        probability: probabilities[place],
        is_hit: outcomes[place].0,
    };
    places.into_iter().take(50).map(call).collect()
}

/// An interval of 95 %.
pub type Interval = Option<(f64, f64)>;

/// A ranking's measures over all origins, by the label and by the stricter one, each with its interval.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Over all origins.
    #[serde(flatten)]
    pub measures: Measures,
    /// Intervals by origins drawn in blocks.
    pub intervals: Intervals,
    /// By the stricter label.
    pub strict: Measures,
}

/// Intervals of what is a mean over origins.
#[derive(Debug, Clone, Serialize)]
pub struct Intervals {
    /// Of the precision among the first 50.
    pub precision_at_50: Interval,
    /// Of the precision among the first 200.
    pub precision_at_200: Interval,
    /// Of the average precision.
    pub average_precision: Interval,
    /// Of the recall.
    pub recall_at_1pct_false_alarms: Interval,
    /// Of the Brier skill, origin by origin.
    pub brier_skill: Interval,
}

impl Ranking {
    /// Its measures; `block` is how many neighbouring origins are drawn together.
    pub fn told(&self, block: usize) -> Told {
        let each: Vec<Measures> = self.origins.iter().map(|judged| measure(judged)).collect();
        let of = |what: &dyn Fn(&Measures) -> Option<f64>| {
            interval(&each.iter().filter_map(what).collect::<Vec<f64>>(), block)
        };
        Told {
            measures: measure_all(&self.origins),
            intervals: Intervals {
                precision_at_50: of(&|one| Some(one.precision_at_50)),
                precision_at_200: of(&|one| Some(one.precision_at_200)),
                average_precision: of(&|one| Some(one.average_precision)),
                recall_at_1pct_false_alarms: of(&|one| Some(one.recall_at_1pct_false_alarms)),
                brier_skill: of(&|one| one.brier_skill),
            },
            strict: measure_all(&self.strict),
        }
    }
}
