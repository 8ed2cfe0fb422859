//! The step: which tables are read and written, and the order of parts.
//!
//! For each list that is asked for: read its claims, detect, append signals; then settle the calls whose outcomes are known.

use std::collections::HashMap;

use crowsnest_lake::Lake;
use crowsnest_model::{Grain, Period};
use serde::{Deserialize, Serialize};

use crate::detecting::{self, call_evidence};
use crate::error::DetectError;
use crate::lists::{self, Asked, List};
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
    let list = lists::read(lake, asked).await?;
    let detected = detecting::detect(&list, task);
    let n_added = signals::append(lake, &detected.signals).await?;
    lake.refresh().await?;
    let n_settled = settle(lake, &list).await?;
    lake.refresh().await?;
    Ok(DetectReport {
        metric: list.key.metric.clone(),
        source: list.key.source.clone(),
        period: list.history.periods.last().map(ToString::to_string).unwrap_or_default(),
        n_products: detected.n_products,
        n_signals: detected.signals.len(),
        n_added,
        n_settled,
        is_learnt: detected.is_learnt,
        notes: detected.notes,
    })
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
async fn settle(lake: &Lake, list: &List) -> Result<usize, DetectError> {
    let Some(last) = list.history.periods.len().checked_sub(1) else { return Ok(0) };
    let open = signals::open_calls(lake, &list.key.metric).await?;
    if open.is_empty() {
        return Ok(0);
    }
    let panel = Panel::as_of(&list.history, last);
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
            value: Some(f64::from(u8::from(task.is_hit(&panel, *series, origin)))),
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
