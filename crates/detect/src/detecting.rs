//! Detecting: what is to be said of a list's products at its last period, as rows of `signals`.
//!
//! In: a [`List`]. Out: breakouts of candidates with their interval and three facts, recent change points and anomalies, the
//! phase, and forecasts. Pure: what is read and where it is written is in [`crate::step`].

use rayon::prelude::*;
use serde_json::json;

use crate::anomaly::{Kind, anomalies, market_breaks};
use crate::breakout::{self, CALIBRATED_EVERY, Model, Origin, Walk};
use crate::change_point::{What, change_points};
use crate::forecast::{Spread, forecast};
use crate::lists::List;
use crate::outcome::Task;
use crate::panel::Panel;
use crate::phase::{phase, slope};
use crate::reasons;
use crate::signals::Signal;

/// Name of the model in the evidence: changes when the same claims would give other probabilities.
pub const MODEL: &str = "breakout 1";
/// Breakouts told with their facts; of the others only the probability is.
const N_TOLD: usize = 500;
/// The model's own calls that are kept for the record.
const N_CALLED: usize = 50;
/// Change points and anomalies of the last so many periods are told.
const RECENT: usize = 3;
/// Series that intervals are learnt from at most.
const SPREAD_FROM: usize = 2000;
/// Points that change points, phases and forecasts look back on.
const LOOK_BACK: usize = 156;

/// What was detected.
#[derive(Debug, Default)]
pub struct Detected {
    /// Rows to write.
    pub signals: Vec<Signal>,
    /// Products looked at.
    pub n_products: usize,
    /// Whether breakouts were learnt; else too little had settled.
    pub is_learnt: bool,
    /// What should be known besides.
    pub notes: Vec<String>,
}

/// Looks at a list as it is known at its last period.
pub fn detect(list: &List, task: Task) -> Detected {
    let mut detected = Detected::default();
    let n_periods = list.history.periods.len();
    let Some(last) = n_periods.checked_sub(1) else { return detected };
    let mut walk = Walk::new(&list.history, task);
    let first_model = last.saturating_sub(task.settles_after() + 5 * CALIBRATED_EVERY);
    for t in 0..=last {
        walk.advance();
        // Earlier origins are judged as they would have been, so that the last one can be calibrated.
        if t >= first_model && t + task.settles_after() <= last && (t - first_model).is_multiple_of(CALIBRATED_EVERY) {
            walk.model();
        }
    }
    let model = walk.model();
    detected.is_learnt = model.is_some();
    let context = Context { list, task, last, known_at: list.history.last_known_at };
    if let (Some(model), Some(origin)) = (&model, walk.origins.last()) {
        detected.signals.extend(context.breakouts(model, origin));
    } else {
        detected.notes.push(format!(
            "{}: not enough to say of breakouts: too few outcomes {} periods ahead have settled",
            list.key.metric, task.horizon
        ));
    }
    let of_series = context.of_series(&walk.panel);
    detected.n_products = walk.panel.n_listed(last);
    detected.signals.extend(of_series);
    let market: Vec<f32> = changes_of_market(&walk.panel);
    for one in market_breaks(&market).iter().filter(|one| one.at + RECENT > last) {
        let period = list.history.periods[one.at];
        detected
            .notes
            .push(format!("the whole market moved to {:.2} times in {period}: no product's doing", one.size.exp()));
    }
    detected
}

fn changes_of_market(panel: &Panel) -> Vec<f32> {
    (0..panel.n_periods())
        .map(|t| t.checked_sub(1).map_or(0.0, |before| panel.index(t) - panel.index(before)))
        .collect()
}

/// What all signals of a list share.
struct Context<'a> {
    list: &'a List,
    task: Task,
    last: usize,
    known_at: i64,
}

impl Context<'_> {
    fn signal(&self, series: usize, detector: &'static str) -> Signal {
        Signal {
            entity_id: self.list.entities[series],
            metric: self.list.key.metric.clone(),
            detector,
            period: self.list.history.periods[self.last],
            probability: None,
            value: None,
            low: None,
            high: None,
            evidence: None,
            known_at: self.known_at,
        }
    }

    /// Breakouts of all candidates, and the first fifty again as calls for the record.
    fn breakouts(&self, model: &Model, origin: &Origin) -> Vec<Signal> {
        let log_odds = model.log_odds(origin);
        let mut places: Vec<usize> = (0..log_odds.len()).collect();
        places.sort_by(|a, b| log_odds[*b].total_cmp(&log_odds[*a]));
        let names = breakout::names();
        let told = places.par_iter().enumerate().map(|(nth, place)| {
            let series = origin.candidates[*place] as usize;
            let interval = model.interval(log_odds[*place]);
            let facts = if nth < N_TOLD {
                reasons::facts(&names, origin.row(*place), &model.reasons(origin, *place))
            } else {
                Vec::new()
            };
            Signal {
                probability: Some(crowsnest_learn::boosting::probability(log_odds[*place])),
                low: interval.map(|(low, _)| low),
                high: interval.map(|(_, high)| high),
                evidence: Some(self.evidence(series, &facts)),
                ..self.signal(series, "breakout")
            }
        });
        let mut signals: Vec<Signal> = told.collect();
        let calls = signals.iter().take(N_CALLED).map(|signal| Signal {
            detector: "breakout_call",
            evidence: Some(call_evidence("model", self.list, self.task)),
            ..signal.clone()
        });
        let calls: Vec<Signal> = calls.collect();
        signals.extend(calls);
        signals
    }

    fn evidence(&self, series: usize, facts: &[String]) -> String {
        json!({
            "name": self.list.history.names[series],
            "facts": facts,
            "horizon": self.task.horizon,
            "factor": self.task.factor,
            "grain": self.list.grain.to_string(),
            "source": self.list.key.source,
            "model": MODEL,
        })
        .to_string()
    }

    /// Change points, anomalies, phases and forecasts of every product that the last period has.
    fn of_series(&self, panel: &Panel) -> Vec<Signal> {
        let from = (self.last + 1).saturating_sub(LOOK_BACK);
        let listed: Vec<usize> = (0..panel.n_series()).filter(|series| panel.has(*series, self.last)).collect();
        let raw_of = |series: usize| -> Vec<f32> { (from..=self.last).map(|t| panel.levels(t)[series]).collect() };
        let horizon = crate::forecast::horizon_of(self.task);
        let every = listed.len().div_ceil(SPREAD_FROM).max(1);
        let sample: Vec<Vec<f32>> = listed.iter().step_by(every).map(|series| raw_of(*series)).collect();
        let spread = Spread::learn(&sample, horizon);
        let market = &changes_of_market(panel)[from..];
        let of_each = listed.par_iter().flat_map_iter(|series| {
            let adjusted: Vec<f32> = (from..=self.last).map(|t| panel.at(*series, t)).collect();
            let raw = raw_of(*series);
            let mut signals = self.shape(*series, &adjusted, &raw, market, from);
            signals.extend(self.forecasts(*series, &raw, &spread, horizon));
            signals
        });
        of_each.collect()
    }

    fn shape(&self, series: usize, adjusted: &[f32], raw: &[f32], market: &[f32], from: usize) -> Vec<Signal> {
        let mut signals = Vec::new();
        let is_recent = |at: usize| from + at + RECENT > self.last;
        for change in change_points(adjusted).iter().filter(|change| is_recent(change.at)) {
            let detector = if change.what == What::Level { "level_change" } else { "slope_change" };
            signals.push(Signal {
                value: Some(f64::from(change.size.exp())),
                period: self.list.history.periods[from + change.at],
                ..self.signal(series, detector)
            });
        }
        let own = anomalies(adjusted, raw, market);
        for one in own.iter().filter(|one| is_recent(one.at) && one.kind != Kind::MarketBreak) {
            let detector = match one.kind {
                Kind::Spike => "spike",
                Kind::BotLike => "bot_like",
                Kind::DataError | Kind::MarketBreak => "data_error",
            };
            signals.push(Signal {
                value: Some(f64::from(one.size.exp())),
                period: self.list.history.periods[from + one.at],
                ..self.signal(series, detector)
            });
        }
        if let Some(phase) = phase(adjusted) {
            signals.push(Signal {
                value: slope(&adjusted[adjusted.len().saturating_sub(12)..]).map(|slope| f64::from(slope.exp())),
                evidence: Some(json!({ "phase": phase.as_str() }).to_string()),
                ..self.signal(series, "phase")
            });
        }
        signals
    }

    fn forecasts(&self, series: usize, raw: &[f32], spread: &Spread, horizon: usize) -> Vec<Signal> {
        let Some(said) = forecast(raw, horizon) else { return Vec::new() };
        let mut period = self.list.history.periods[self.last];
        let mut signals = Vec::with_capacity(horizon);
        for ahead in 0..horizon {
            let Some(next) = period.next() else { break };
            period = next;
            let (low, high) = spread.interval(&said, ahead);
            signals.push(Signal {
                value: Some(f64::from(said.median[ahead]).exp()),
                low: Some(f64::from(low).exp()),
                high: Some(f64::from(high).exp()),
                period,
                ..self.signal(series, "forecast")
            });
        }
        signals
    }
}

/// What a call is about, so that its outcome can be found: who calls, on which list, what.
pub fn call_evidence(by: &str, list: &List, task: Task) -> String {
    json!({ "by": by, "list": list.key.source, "region": list.key.region, "platform": list.key.platform,
        "segment": list.key.segment, "grain": list.grain.to_string(), "horizon": task.horizon, "factor": task.factor })
    .to_string()
}
