//! A backtest of a market: reads the list, walks through its past, and tells what came of it.
//!
//! In: a [`BacktestRequest`]. Out: a [`BacktestReport`] with the names that `crowsnest backtest --format json` prints.

use std::collections::BTreeMap;

use crowsnest_lake::Lake;
use serde::Serialize;

use crate::backtest::{self, Backtest, Intervals, Ranking, Told};
use crate::detecting::call_evidence;
use crate::diagrams::{self, Curve, Words};
use crate::error::DetectError;
use crate::lists::{self, Asked, List};
use crate::measures::{Bin, Measures, measure, measure_all, precision_curve, reliability};
use crate::outcome::Task;
use crate::signals::{self, Signal};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// What is to be tested.
#[derive(Debug, Clone, Default)]
pub struct BacktestRequest {
    /// Which list.
    pub asked: Asked,
    /// What is asked of it.
    pub task: Task,
    /// The first origin; by default the last third of the periods whose outcomes are known begins there.
    pub from: Option<String>,
    /// The last one; by default the last whose outcome is known.
    pub to: Option<String>,
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct BacktestReport {
    /// Metric.
    pub metric: String,
    /// Length of the periods.
    pub grain: String,
    /// Source of the list.
    pub source: String,
    /// Its region.
    pub region: String,
    /// Its platform.
    pub platform: String,
    /// Its segment.
    pub segment: String,
    /// Periods ahead.
    pub horizon: usize,
    /// How many times the level.
    pub factor: f64,
    /// First origin.
    pub from: String,
    /// Last origin.
    pub to: String,
    /// Origins.
    pub n_origins: usize,
    /// Candidates of all origins.
    pub n_candidates: usize,
    /// The model's measures over all origins.
    #[serde(flatten)]
    pub measures: Measures,
    /// Intervals of 95 %, by origins drawn in blocks.
    pub intervals: Intervals,
    /// By the stricter label: the factor in both of the periods at the horizon.
    pub strict: Measures,
    /// The baselines' measures, by name.
    pub baselines: BTreeMap<String, Told>,
    /// Reliability diagram: ten bins of equally many candidates.
    pub reliability: Vec<Bin>,
    /// Precision by how far down the list one goes: the model's, then the best baseline's.
    pub precision: Vec<Curve>,
    /// The measures of each origin.
    pub origins: Vec<OriginReport>,
    /// What should be known besides.
    pub notes: Vec<String>,
}

/// One origin.
#[derive(Debug, Clone, Serialize)]
pub struct OriginReport {
    /// Its period.
    pub period: String,
    /// Candidates.
    pub n_candidates: usize,
    /// The model's measures.
    #[serde(flatten)]
    pub measures: Measures,
    /// The baselines', by name.
    pub baselines: BTreeMap<String, Measures>,
}

/// Runs a backtest.
///
/// # Errors
/// [`DetectError::TooLittle`] where no outcome is known yet; what the lake says.
pub async fn backtest(lake: &Lake, request: &BacktestRequest) -> Result<(List, Backtest, BacktestReport), DetectError> {
    check(request.task)?;
    let list = lists::read(lake, &request.asked).await?;
    let (from, to) = origins(&list, request)?;
    let backtest = backtest::run(&list.history, request.task, from, to);
    if backtest.origins.is_empty() {
        return Err(DetectError::too_little(
            "no origin from --from to --to has an outcome that is known",
            "begin earlier, or ask for a shorter --horizon",
        ));
    }
    if backtest.rankings.first().is_none_or(|own| own.origins.iter().all(Vec::is_empty)) {
        return Err(DetectError::too_little(
            "no product outside the top of the list was known at any of these origins",
            "see with `crowsnest claims` when its claims became known; leave fewer out with --top",
        ));
    }
    let report = report(&list, &backtest, request.task);
    Ok((list, backtest, report))
}

/// Keeps the first fifty of each origin as calls, by `backtest`, with what came of them; gives how many rows are new.
///
/// # Errors
/// Those of the lake.
pub async fn keep(lake: &Lake, list: &List, backtest: &Backtest, task: Task) -> Result<usize, DetectError> {
    let evidence = call_evidence("backtest", list, task);
    let rows = backtest.calls.iter().flat_map(|call| {
        let period = list.history.periods[call.origin];
        let said = Signal {
            entity_id: list.entities[call.series as usize],
            metric: list.key.metric.clone(),
            detector: "breakout_call",
            period,
            probability: Some(call.probability),
            value: None,
            low: None,
            high: None,
            evidence: Some(evidence.clone()),
            known_at: i64::from(period.end_day()) * DAY - 1,
        };
        let outcome = Signal {
            detector: "outcome",
            value: Some(f64::from(u8::from(call.is_hit))),
            known_at: list.history.last_known_at,
            ..said.clone()
        };
        [said, outcome]
    });
    let rows: Vec<Signal> = rows.collect();
    let n_added = signals::append(lake, &rows).await?;
    lake.refresh().await?;
    Ok(n_added)
}

fn check(task: Task) -> Result<(), DetectError> {
    if task.horizon == 0 {
        return Err(DetectError::bad_question("a horizon of 0 periods asks nothing", "write --horizon 1 or more"));
    }
    if !(task.factor.is_finite() && task.factor > 1.0) {
        let message = format!("factor {} is no growth", task.factor);
        return Err(DetectError::bad_question(message, "write a --factor above 1, for example 3"));
    }
    Ok(())
}

/// The places of the first and last origin.
fn origins(list: &List, request: &BacktestRequest) -> Result<(usize, usize), DetectError> {
    let n_periods = list.history.periods.len();
    let Some(last) = n_periods.checked_sub(request.task.settles_after() + 1) else {
        return Err(DetectError::too_little(
            format!(
                "the list has {n_periods} periods, and an outcome is known {} periods after its origin",
                request.task.settles_after()
            ),
            "import more history, or ask for a shorter --horizon or a finer --grain",
        ));
    };
    let from = match &request.from {
        Some(text) => lists::place_of(&list.history, text, false)?,
        None => last - last / 3,
    };
    let to = match &request.to {
        Some(text) => lists::place_of(&list.history, text, true)?,
        None => last,
    };
    if from > to {
        return Err(DetectError::bad_question("--from is after --to", "swap them"));
    }
    Ok((from, to.min(last)))
}

fn report(list: &List, backtest: &Backtest, task: Task) -> BacktestReport {
    let period = |place: usize| list.history.periods[place].to_string();
    let told: Vec<Told> = backtest.rankings.iter().map(|ranking| ranking.told(task.horizon)).collect();
    let own = &backtest.rankings[0];
    let origins = backtest.origins.iter().enumerate().map(|(place, origin)| OriginReport {
        period: period(*origin),
        n_candidates: own.origins[place].len(),
        measures: measure(&own.origins[place]),
        baselines: backtest.rankings[1..]
            .iter()
            .map(|ranking| (ranking.name.clone(), measure(&ranking.origins[place])))
            .collect(),
    });
    BacktestReport {
        metric: list.key.metric.clone(),
        grain: list.grain.to_string(),
        source: list.key.source.clone(),
        region: list.key.region.clone(),
        platform: list.key.platform.clone(),
        segment: list.key.segment.clone(),
        horizon: task.horizon,
        factor: task.factor,
        from: backtest.origins.first().map(|origin| period(*origin)).unwrap_or_default(),
        to: backtest.origins.last().map(|origin| period(*origin)).unwrap_or_default(),
        n_origins: backtest.origins.len(),
        n_candidates: own.origins.iter().map(Vec::len).sum(),
        measures: told[0].measures.clone(),
        intervals: told[0].intervals.clone(),
        strict: told[0].strict.clone(),
        reliability: reliability(&own.origins.concat()).unwrap_or_default(),
        precision: precision(backtest),
        origins: origins.collect(),
        baselines: backtest
            .rankings
            .iter()
            .skip(1)
            .zip(told.into_iter().skip(1))
            .map(|(r, told)| (r.name.clone(), told))
            .collect(),
        notes: notes(list, backtest, task),
    }
}

/// The model's precision curve, and that of the baseline with the highest average precision.
fn precision(backtest: &Backtest) -> Vec<Curve> {
    let average = |ranking: &&Ranking| measure_all(&ranking.origins).average_precision;
    let best = backtest.rankings.iter().skip(1).max_by(|a, b| average(a).total_cmp(&average(b)));
    let curve = |ranking: &Ranking| Curve { name: ranking.name.clone(), points: precision_curve(&ranking.origins) };
    backtest.rankings.first().into_iter().chain(best).map(curve).collect()
}

impl BacktestReport {
    /// The reliability diagram as an SVG file.
    pub fn reliability_svg(&self) -> String {
        let words = Words {
            title: format!("{} by {}, {} – {}", self.metric, self.source, self.from, self.to),
            across: "probability said".to_owned(),
            up: "share that came".to_owned(),
            reference: "as said".to_owned(),
            is_file: true,
        };
        diagrams::reliability(&self.reliability, &words)
    }

    /// The precision curve as an SVG file.
    pub fn precision_svg(&self) -> String {
        let words = Words {
            title: format!("{} by {}, {} – {}", self.metric, self.source, self.from, self.to),
            across: "first so many of each origin".to_owned(),
            up: "share of hits".to_owned(),
            reference: "base rate".to_owned(),
            is_file: true,
        };
        diagrams::precision(&self.precision, self.measures.base_rate, &words)
    }
}

fn notes(list: &List, backtest: &Backtest, task: Task) -> Vec<String> {
    let mut notes = Vec::new();
    if backtest.n_unlearnt > 0 {
        notes.push(format!(
            "at {} of {} origins too few outcomes had settled to learn from: there the prior that was learnt from open data speaks",
            backtest.n_unlearnt,
            backtest.origins.len()
        ));
    }
    if list.history.n_left_out > 0 {
        notes.push(format!("{} rows are no positive numbers and were left out", list.history.n_left_out));
    }
    let n_short = backtest.rankings[0].origins.iter().filter(|own| own.len() < 200).count();
    if n_short > 0 {
        notes.push(format!("{n_short} origins have fewer than 200 candidates: precision there is over all of them"));
    }
    notes.push(format!(
        "candidates are outside the top {} of the list; the top tenth of lists shorter than {}",
        task.n_top,
        2 * task.n_top
    ));
    notes
}
