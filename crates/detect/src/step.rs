//! The step: which tables are read and written, and the order of parts.
//!
//! For each list that is asked for: read its claims, detect, append signals; then settle the calls whose outcomes are known.

use std::collections::HashMap;

use crowsnest_lake::Lake;
use crowsnest_model::{Grain, Period};
use serde::{Deserialize, Serialize};

use crate::co_movement::Other;
use crate::detecting::{Detection, call_evidence};
use crate::error::DetectError;
use crate::kept::{self, Kept};
use crate::lists::{self, Asked, List, ListKey};
use crate::outcome::Task;
use crate::panel::Panel;
use crate::signals::{self, Signal};

/// This step in the flow.
pub static STEP: crowsnest_lake::Step = crowsnest_lake::Step {
    name: "detect",
    doc: "claims in force become signals: breakouts, change points, anomalies, phases, forecasts, and outcomes of calls",
    reads: &["claims", "mentions"],
    writes: &["signals"],
};

/// What detecting did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DetectReport {
    /// Metric.
    pub metric: String,
    /// Source of the list.
    pub source: String,
    /// Its last period.
    pub period: String,
    /// Products of that period.
    pub n_products: usize,
    /// Signals found.
    pub n_signals: usize,
    /// Signals that the table did not have.
    pub n_added: usize,
    /// Calls whose outcome is known now.
    pub n_settled: usize,
    /// Whether breakouts were learnt.
    pub is_learnt: bool,
    /// What should be known besides.
    pub notes: Vec<String>,
}

/// Detects on the list that is asked for.
///
/// # Errors
/// [`DetectError::TooLittle`] where there is no list; those of the lake.
pub async fn detect(lake: &Lake, asked: &Asked, task: Task) -> Result<DetectReport, DetectError> {
    let (list, panel, detected) = match resumed(lake, asked, task).await? {
        Some(resumed) => resumed,
        None => whole(lake, asked, task).await?,
    };
    lake.refresh().await?;
    let n_settled = settle(lake, &list, &panel).await?;
    lake.refresh().await?;
    Ok(DetectReport {
        metric: list.key.metric.clone(),
        source: list.key.source.clone(),
        period: list.history.periods.last().map(ToString::to_string).unwrap_or_default(),
        n_products: detected.n_products,
        n_signals: detected.n_signals,
        n_added: detected.n_added,
        n_settled,
        is_learnt: detected.is_learnt,
        notes: detected.notes,
    })
}

/// What was said of a list.
#[derive(Debug, Default)]
struct Said {
    n_products: usize,
    n_signals: usize,
    n_added: usize,
    is_learnt: bool,
    notes: Vec<String>,
}

/// Looks at a whole list, and keeps what the next period needs.
async fn whole(lake: &Lake, asked: &Asked, task: Task) -> Result<(List, Panel, Said), DetectError> {
    let list = lists::read(lake, asked).await?;
    let Some(mut detection) = Detection::new(&list, task) else {
        let panel = Panel::new(list.mentions.len());
        return Ok((list, panel, Said::default()));
    };
    let others = others(lake, &list, detection.panel(), asked.as_of).await?;
    detection.beside(others);
    let said = append(lake, &detection).await?;
    if asked.as_of.is_none() {
        kept::keep(lake, asked, task, &detection, &list, 0)?;
    }
    let panel = detection.into_panel();
    Ok((list, panel, said))
}

/// Other lists of the market that may confirm what this one says: the largest few, read in the same periods.
async fn others(lake: &Lake, list: &List, panel: &Panel, as_of: Option<i64>) -> Result<Vec<Other>, DetectError> {
    const LISTS_MAX: usize = 6;
    const CLAIMS_MAX: i64 = 3_000_000;
    let beside = lists::lists(lake, &Asked { as_of, ..Asked::default() }).await?;
    let is_other = |key: &ListKey| {
        let is_the_same = (&key.metric, &key.source) == (&list.key.metric, &list.key.source);
        !is_the_same && key.n_claims >= 100 && key.n_claims <= CLAIMS_MAX && key.n_periods >= 6
    };
    let mut others = Vec::new();
    for key in beside.iter().filter(|key| is_other(key)).take(LISTS_MAX) {
        if !key.grain.parse::<Grain>().is_ok_and(|claims| lists::fits(claims, list.grain)) {
            continue;
        }
        let other = lists::read_list(lake, key, list.grain, as_of).await?;
        let Some(last) = other.history.periods.len().checked_sub(1) else { continue };
        let place_of: HashMap<i32, usize> =
            other.history.periods.iter().enumerate().map(|(place, period)| (period.start_day(), place)).collect();
        let places: Vec<Option<usize>> =
            list.history.periods.iter().map(|period| place_of.get(&period.start_day()).copied()).collect();
        // A list that ended long ago confirms nothing of today.
        if places.iter().rev().take(2).all(Option::is_none) {
            continue;
        }
        let is_same_metric = key.metric == list.key.metric;
        let name =
            if is_same_metric { format!("{} by {}", key.metric, key.source) } else { key.metric.replace('_', " ") };
        let of_other = Panel::as_of(&other.history, last);
        others.push(Other::new((name, is_same_metric), (panel, &list.entities), (&of_other, &other.entities), &places));
    }
    Ok(others)
}

/// Goes on from what was kept, where no more than one more period became known since; `None` where the whole list has to be
/// looked at.
async fn resumed(lake: &Lake, asked: &Asked, task: Task) -> Result<Option<(List, Panel, Said)>, DetectError> {
    let Some(kept) = kept::open(lake, asked, task) else { return Ok(None) };
    let Kept { mut list, panel, model, learnt_in, .. } = kept;
    let Some(new) = lists::new_period(lake, &list).await? else { return Ok(None) };
    let n_before = list.history.periods.len();
    let Some(period) = new.period else {
        let n_products = panel.n_listed(n_before.saturating_sub(1));
        let said = Said { n_products, is_learnt: model.is_learnt(), ..Said::default() };
        return Ok(Some((list, panel, said)));
    };
    list.history.periods.push(period);
    list.history.last_known_at = new.known_at;
    list.key.n_claims += new.n_claims;
    list.history.names.extend(new.names);
    list.entities.extend(new.entities);
    list.mentions.extend(new.mentions);
    let said: Vec<crate::history::Said> = new
        .levels
        .iter()
        .map(|(series, level)| crate::history::Said { series: *series, period: n_before as u32, level: *level })
        .collect();
    let mut panel = panel.with_products(list.mentions.len());
    panel.take(&said);
    let detection = Detection::resume(&list, task, panel, model, learnt_in);
    let said = append(lake, &detection).await?;
    kept::keep(lake, asked, task, &detection, &list, n_before)?;
    let panel = detection.into_panel();
    Ok(Some((list, panel, said)))
}

/// Appends what is said, lot by lot.
async fn append(lake: &Lake, detection: &Detection<'_>) -> Result<Said, DetectError> {
    let mut said = Said {
        n_products: detection.n_products(),
        is_learnt: detection.is_learnt(),
        notes: detection.notes.clone(),
        ..Said::default()
    };
    for nth in 0..detection.n_lots() {
        let lot = detection.lot(nth);
        said.n_signals += lot.len();
        said.n_added += signals::append(lake, &lot).await?;
    }
    Ok(said)
}

/// What a call's evidence tells.
#[derive(Debug, Deserialize)]
struct CallEvidence {
    list: String,
    region: String,
    platform: String,
    segment: String,
    grain: String,
    horizon: usize,
    factor: f64,
}

/// Appends the outcomes of calls on a list that have settled.
async fn settle(lake: &Lake, list: &List, panel: &Panel) -> Result<usize, DetectError> {
    let Some(last) = list.history.periods.len().checked_sub(1) else { return Ok(0) };
    let open = signals::open_calls(lake, &list.key.metric).await?;
    if open.is_empty() {
        return Ok(0);
    }
    let places: HashMap<i64, usize> =
        list.entities.iter().enumerate().map(|(place, entity)| (*entity, place)).collect();
    let mut outcomes = Vec::new();
    for call in open {
        let Ok(told) = serde_json::from_str::<CallEvidence>(&call.evidence) else { continue };
        let is_of_list = told.list == list.key.source
            && told.region == list.key.region
            && told.platform == list.key.platform
            && told.segment == list.key.segment
            && told.grain == list.grain.to_string();
        let origin = list.history.periods.iter().position(|period| period.start_day() == call.start);
        let (Some(series), Some(origin)) = (places.get(&call.entity_id), origin.filter(|_| is_of_list)) else {
            continue;
        };
        let task = Task { horizon: told.horizon.max(1), factor: told.factor, ..Task::default() };
        if origin + task.settles_after() > last {
            continue;
        }
        outcomes.push(Signal {
            entity_id: call.entity_id,
            metric: list.key.metric.clone(),
            detector: "outcome",
            period: list.history.periods[origin],
            probability: Some(call.probability),
            value: Some(f64::from(u8::from(task.is_hit(panel, *series, origin)))),
            low: None,
            high: None,
            evidence: Some(call.evidence),
            known_at: list.history.last_known_at,
        });
    }
    signals::append(lake, &outcomes).await
}

/// Somebody's own call: the probability that a product breaks out, from the list's last period on.
#[derive(Debug, Clone)]
pub struct CallRequest {
    /// The product, by a name in any script or its id.
    pub product: String,
    /// The probability, 0 to 1.
    pub probability: f64,
    /// Who calls.
    pub by: String,
    /// Which list.
    pub asked: Asked,
    /// What is called.
    pub task: Task,
    /// The moment of the call, microseconds since 1970-01-01.
    pub now: i64,
}

/// A call as it was kept.
#[derive(Debug, Clone, Serialize)]
pub struct Called {
    /// The entity's canonical name.
    pub entity: String,
    /// Metric.
    pub metric: String,
    /// The period it counts from.
    pub period: String,
    /// The period by which it is settled.
    pub settles: String,
    /// The probability.
    pub probability: f64,
    /// Who calls.
    pub by: String,
}

/// Keeps a call, to be scored as the model's own are.
///
/// # Errors
/// A probability outside 0 to 1, a product that nothing is known of; those of the lake.
pub async fn call(lake: &Lake, request: &CallRequest) -> Result<Called, DetectError> {
    if !(request.probability > 0.0 && request.probability < 1.0) {
        return Err(DetectError::bad_question(
            format!("{} is no probability that can be scored", request.probability),
            "write a number between 0 and 1, for example --p 0.7",
        ));
    }
    let identity = lake.identity();
    let entity = identity.find(&request.product, Some(crowsnest_model::Kind::Product))?;
    let list = lists::read(lake, &request.asked).await?;
    let Some(period) = list.history.periods.last().copied().filter(|_| list.entities.contains(&entity.id)) else {
        return Err(DetectError::too_little(
            format!("{} is not on the list of {} by {}", request.product, list.key.metric, list.key.source),
            "name the list with --metric and --source",
        ));
    };
    let signal = Signal {
        entity_id: entity.id,
        metric: list.key.metric.clone(),
        detector: "call",
        period,
        probability: Some(request.probability),
        value: None,
        low: None,
        high: None,
        evidence: Some(call_evidence(&request.by, &list, request.task)),
        known_at: request.now,
    };
    signals::append(lake, &[signal]).await?;
    lake.refresh().await?;
    Ok(Called {
        entity: entity.hex(),
        metric: list.key.metric,
        period: period.to_string(),
        settles: after(period, request.task.settles_after(), list.grain).to_string(),
        probability: request.probability,
        by: request.by.clone(),
    })
}

fn after(period: Period, n: usize, grain: Grain) -> Period {
    let step = |period: Period| period.next().unwrap_or(period);
    (0..n).fold(Period::containing(period.start_day(), grain), |period, _| step(period))
}
