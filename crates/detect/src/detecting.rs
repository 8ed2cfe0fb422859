//! Detecting: what is to be said of a list's products at its last period, as rows of `signals`.
//!
//! In: a [`List`]. Out: breakouts of candidates with their interval and three facts, recent change points and anomalies, the
//! phase, and forecasts. Pure: what is read and where it is written is in [`crate::step`].

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::anomaly::{Kind, anomalies, market_breaks};
use crate::breakout::Model;
use crate::change_point::{What, change_points};
use crate::co_movement::Other;
use crate::families::{Families, HITS_BACK};
use crate::forecast;
use crate::forecaster::Forecaster;
use crate::lists::List;
use crate::look_alikes::{LookAlikes, Past};
use crate::outcome::Task;
use crate::panel::Panel;
use crate::phase::{Phase, phase, slope};
use crate::reasons;
use crate::signals::Signal;
use crate::walk::{self, Seen, Walk};

/// Name of the model in the evidence: changes when the same claims would give other probabilities.
pub const MODEL: &str = "breakout 3";
/// Breakouts told with their facts; of the others only the probability is.
const N_TOLD: usize = 500;
/// The model's own calls that are kept for the record.
const N_CALLED: usize = 50;
/// Change points and anomalies of the last so many periods are told.
const RECENT: usize = 3;
/// Points that change points, phases and forecasts look back on.
const LOOK_BACK: usize = 156;

/// Breakouts that are told at most, the likeliest: of the others of a very long list there is nothing to say.
const N_SAID: usize = 100_000;
/// Products that a lot of signals is about.
const LOT: usize = 50_000;

/// What is to be said of a list as it is known at its last period; signals come in lots, so that a million products need no
/// more memory for what is said of them than a thousand.
#[derive(Debug)]
pub struct Detection<'a> {
    list: &'a List,
    task: Task,
    last: usize,
    panel: Panel,
    families: Families,
    hits: Vec<Vec<bool>>,
    /// Candidates of the past, where they were looked at.
    alikes: Option<LookAlikes>,
    model: Model,
    /// The period in which the model learnt last.
    learnt_in: usize,
    /// Candidates with their log-odds, the likeliest first.
    ranked: Vec<(u32, f64)>,
    /// The products of the last period.
    listed: Vec<u32>,
    forecaster: Forecaster,
    /// The market's change in each period.
    market: Vec<f32>,
    /// Other lists that may confirm.
    others: Vec<Other>,
    /// What should be known besides.
    pub notes: Vec<String>,
}

impl<'a> Detection<'a> {
    /// Looks at a whole list; `None` where it has no periods.
    pub fn new(list: &'a List, task: Task) -> Option<Self> {
        let last = list.history.periods.len().checked_sub(1)?;
        let mut walk = Walk::new(&list.history, task);
        for t in 0..=last {
            walk.advance();
            // Earlier origins are judged as they would have been, so that the last one can be calibrated.
            if walk.calibrates(t, last) && t + task.settles_after() <= last {
                walk.model();
            }
        }
        let model = walk.model();
        let (panel, families, hits, origins) = walk.end();
        let alikes = LookAlikes::new(&origins, &hits);
        Some(Self::of(list, task, panel, families, hits, Some(alikes), (model, last)))
    }

    /// Goes on from a panel and a model that were kept; the panel's last period is the new one. Look-alikes are of the past
    /// that was not looked at again, so there are none.
    pub fn resume(list: &'a List, task: Task, panel: Panel, model: Model, learnt_in: usize) -> Self {
        let families = Families::new(&list.history.names);
        let n_settled = panel.n_periods().saturating_sub(task.settles_after());
        let from = n_settled.saturating_sub(HITS_BACK);
        // Families look at the last settled origins alone; those before are left empty.
        let of = |t: usize| if t < from { Vec::new() } else { walk::hits(&panel, task, t) };
        let hits = (0..n_settled).map(of).collect();
        Self::of(list, task, panel, families, hits, None, (model, learnt_in))
    }

    fn of(
        list: &'a List,
        task: Task,
        panel: Panel,
        families: Families,
        hits: Vec<Vec<bool>>,
        alikes: Option<LookAlikes>,
        (model, learnt_in): (Model, usize),
    ) -> Self {
        let last = panel.n_periods() - 1;
        let ranked = ranked(&Seen::new(&panel, &families, &hits, task, last), &model);
        let listed = (0..panel.n_series() as u32).filter(|series| panel.has(*series as usize, last)).collect();
        let market = changes_of_market(&panel);
        let forecaster = Forecaster::learn(&panel, forecast::horizon_of(task));
        let notes = Vec::new();
        let mut detection = Self {
            list,
            task,
            last,
            panel,
            families,
            hits,
            alikes,
            model,
            learnt_in,
            ranked,
            listed,
            forecaster,
            market,
            others: Vec::new(),
            notes,
        };
        detection.notes = detection.remarks();
        detection
    }

    /// The panel, the model, and the period in which it learnt: what is kept for the next period.
    pub fn kept(&self) -> (&Panel, &Model, usize) {
        (&self.panel, &self.model, self.learnt_in)
    }

    /// The panel.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    /// Takes in other lists that may confirm.
    pub fn beside(&mut self, others: Vec<Other>) {
        self.others = others;
    }

    /// The panel, when all is said.
    pub fn into_panel(self) -> Panel {
        self.panel
    }

    /// Whether breakouts were learnt from the market's own past; else the prior speaks.
    pub fn is_learnt(&self) -> bool {
        self.model.is_learnt()
    }

    /// Products looked at.
    pub fn n_products(&self) -> usize {
        self.listed.len()
    }

    /// What should be known besides.
    fn remarks(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.model.is_learnt() {
            notes.push(format!(
                "{}: too few outcomes {} periods ahead have settled to learn from: breakouts are the prior's, learnt from open data",
                self.list.key.metric, self.task.horizon
            ));
        }
        for one in market_breaks(&self.market).iter().filter(|one| one.at + RECENT > self.last) {
            let period = self.list.history.periods[one.at];
            notes
                .push(format!("the whole market moved to {:.2} times in {period}: no product's doing", one.size.exp()));
        }
        notes
    }

    /// How many lots of signals there are.
    pub fn n_lots(&self) -> usize {
        self.ranked.len().div_ceil(LOT) + self.listed.len().div_ceil(LOT)
    }

    /// A lot of signals: breakouts first, the likeliest before the others; then what is said of each series by itself.
    pub fn lot(&self, nth: usize) -> Vec<Signal> {
        self.lot_of(nth, true)
    }

    /// The same without forecasts.
    pub fn lot_without_forecasts(&self, nth: usize) -> Vec<Signal> {
        self.lot_of(nth, false)
    }

    fn lot_of(&self, nth: usize, has_forecasts: bool) -> Vec<Signal> {
        let n_ranked = self.ranked.len().div_ceil(LOT);
        let of = |all: usize, nth: usize| nth * LOT..((nth + 1) * LOT).min(all);
        if nth < n_ranked {
            return self.breakouts(of(self.ranked.len(), nth));
        }
        let listed = &self.listed[of(self.listed.len(), nth - n_ranked)];
        let from = (self.last + 1).saturating_sub(LOOK_BACK);
        listed.par_iter().flat_map_iter(|series| self.of_series(*series as usize, from, has_forecasts)).collect()
    }

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
            known_at: self.list.history.last_known_at,
        }
    }

    /// Breakouts of some of the ranked candidates, and the first fifty again as calls for the record.
    fn breakouts(&self, places: std::ops::Range<usize>) -> Vec<Signal> {
        let n_told = if places.start == 0 { N_TOLD.min(places.end) } else { 0 };
        let told: Vec<String> = self.told(n_told);
        let signals = self.ranked[places].par_iter().enumerate().map(|(nth, (series, log_odds))| {
            let interval = self.model.interval(*log_odds);
            let evidence = told.get(nth).cloned();
            Signal {
                probability: Some(crowsnest_learn::boosting::probability(*log_odds)),
                low: interval.map(|(low, _)| low),
                high: interval.map(|(_, high)| high),
                evidence: Some(evidence.unwrap_or_else(|| self.evidence(*series as usize).to_string())),
                ..self.signal(*series as usize, "breakout")
            }
        });
        let mut signals: Vec<Signal> = signals.collect();
        let n_called = N_CALLED.min(n_told);
        let calls: Vec<Signal> = signals[..n_called]
            .iter()
            .map(|signal| Signal {
                detector: "breakout_call",
                evidence: Some(call_evidence("model", self.list, self.task)),
                ..signal.clone()
            })
            .collect();
        signals.extend(calls);
        signals
    }

    /// The evidence of the first so many, with what speaks for each and against it, and its look-alikes of the past.
    fn told(&self, n: usize) -> Vec<String> {
        if n == 0 {
            return Vec::new();
        }
        let seen = Seen::new(&self.panel, &self.families, &self.hits, self.task, self.last);
        let origin = seen.origin(self.ranked[..n].iter().map(|(series, _)| *series).collect());
        let names = walk::names();
        let of = |place: usize| {
            let (series, row) = (origin.candidates[place], origin.row(place));
            let parts = self.model.reasons(&origin, place);
            let mut evidence = self.evidence(series as usize);
            evidence["facts"] = json!(reasons::facts(&names, row, &parts));
            evidence["against"] = json!(reasons::against(&names, row, &parts));
            let entity = self.list.entities[series as usize];
            let confirming: Vec<String> =
                self.others.iter().filter_map(|other| other.confirms(entity, &self.list.key.metric)).collect();
            if !confirming.is_empty() {
                evidence["confirming"] = json!(confirming);
            }
            if let Some(alikes) = &self.alikes {
                let [did_not, made_it] = alikes.of(series, row);
                evidence["made_it"] = self.past(&made_it);
                evidence["did_not"] = self.past(&did_not);
            }
            evidence.to_string()
        };
        (0..n).into_par_iter().map(of).collect()
    }

    /// Look-alikes by name and period.
    fn past(&self, alikes: &[Past]) -> Value {
        let history = &self.list.history;
        let of = |past: &Past| json!({ "name": history.names[past.series as usize], "period": history.periods[past.origin].to_string() });
        alikes.iter().map(of).collect()
    }

    fn evidence(&self, series: usize) -> Value {
        json!({
            "name": self.list.history.names[series],
            "horizon": self.task.horizon,
            "factor": self.task.factor,
            "grain": self.list.grain.to_string(),
            "source": self.list.key.source,
            "region": self.list.key.region,
            "segment": self.list.key.segment,
            "age": self.panel.entered(series).map(|first| self.last - first.min(self.last)),
            "model": MODEL,
            "learnt_in": self.list.history.periods[self.learnt_in].to_string(),
        })
    }

    /// Change points, anomalies, phase and forecast of a product.
    fn of_series(&self, series: usize, from: usize, has_forecasts: bool) -> Vec<Signal> {
        let panel = &self.panel;
        let adjusted: Vec<f32> = (from..=self.last).map(|t| panel.at(series, t)).collect();
        let raw: Vec<f32> = (from..=self.last).map(|t| panel.levels(t)[series]).collect();
        let mut signals = self.shape(series, &adjusted, &raw, &self.market[from..], from);
        if has_forecasts {
            signals.extend(self.forecasts(series, &adjusted));
        }
        signals
    }

    /// Whose list it is: rows of sources that may not be passed on are told by it.
    fn said_by(&self) -> String {
        json!({ "source": self.list.key.source }).to_string()
    }

    fn shape(&self, series: usize, adjusted: &[f32], raw: &[f32], market: &[f32], from: usize) -> Vec<Signal> {
        let mut signals = Vec::new();
        let is_recent = |at: usize| from + at + RECENT > self.last;
        for change in change_points(adjusted).iter().filter(|change| is_recent(change.at)) {
            let detector = if change.what == What::Level { "level_change" } else { "slope_change" };
            signals.push(Signal {
                value: Some(f64::from(change.size.exp())),
                evidence: Some(self.said_by()),
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
                evidence: Some(self.said_by()),
                period: self.list.history.periods[from + one.at],
                ..self.signal(series, detector)
            });
        }
        // Going on from what was kept, only a phase that is another now is told anew.
        let is_news = |now: Phase| self.alikes.is_some() || phase(&adjusted[..adjusted.len() - 1]) != Some(now);
        if let Some(phase) = phase(adjusted).filter(|now| is_news(*now)) {
            signals.push(Signal {
                value: slope(&adjusted[adjusted.len().saturating_sub(12)..]).map(|slope| f64::from(slope.exp())),
                evidence: Some(json!({ "phase": phase.as_str(), "source": self.list.key.source }).to_string()),
                ..self.signal(series, "phase")
            });
        }
        signals
    }

    fn forecasts(&self, series: usize, adjusted: &[f32]) -> Vec<Signal> {
        let Some(said) = self.forecaster.forecast(adjusted) else { return Vec::new() };
        let mut period = self.list.history.periods[self.last];
        let mut signals = Vec::with_capacity(said.len());
        for ahead in said {
            let Some(next) = period.next() else { break };
            period = next;
            signals.push(Signal {
                value: Some(f64::from(ahead.median).exp()),
                low: Some(f64::from(ahead.low).exp()),
                high: Some(f64::from(ahead.high).exp()),
                period,
                ..self.signal(series, "forecast")
            });
        }
        signals
    }
}

fn changes_of_market(panel: &Panel) -> Vec<f32> {
    (0..panel.n_periods())
        .map(|t| t.checked_sub(1).map_or(0.0, |before| panel.index(t) - panel.index(before)))
        .collect()
}

/// All candidates of an origin with their log-odds, the likeliest first.
fn ranked(seen: &Seen<'_>, model: &Model) -> Vec<(u32, f64)> {
    let mut ranked: Vec<(u32, f64)> = seen.candidates.iter().copied().zip(seen.log_odds(model)).collect();
    ranked.par_sort_by(|a, b| b.1.total_cmp(&a.1));
    ranked.truncate(N_SAID);
    ranked
}

/// What a call is about, so that its outcome can be found: who calls, on which list, what.
pub fn call_evidence(by: &str, list: &List, task: Task) -> String {
    json!({ "by": by, "list": list.key.source, "region": list.key.region, "platform": list.key.platform,
        "segment": list.key.segment, "grain": list.grain.to_string(), "horizon": task.horizon, "factor": task.factor })
    .to_string()
}
