//! Rules of kind `breakout`: products that are likelier to multiply than the aim.
//!
//! A budget is kept by the record: the model's own calls that have settled, those that were no hit being false. Where none
//! has settled yet, by the probabilities themselves: they are calibrated, so that of what is told a share of 1 − p is false.

use std::collections::BTreeMap;

use crowsnest_lake::LakeError;
use crowsnest_lake::questions::{BreakoutsQuestion, RecordQuestion, breakouts, record};
use crowsnest_model::Period;
use serde::Deserialize;
use serde_json::Value;

use super::budget::{Learnt, PastAlarm, learn};
use super::{Aim, Found, Look, RuleState, fixed_state, in_words, learnt_state};
use crate::happening::{Happening, What, id_of, micros};

const N_CALLS_MAX: usize = 1_000_000;
const N_BREAKOUTS_MAX: usize = 10_000;

#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) entity: String,
    pub(crate) name: String,
    pub(crate) metric: String,
    pub(crate) period: String,
    pub(crate) probability: f64,
    pub(crate) source: Option<String>,
    pub(crate) evidence: Option<String>,
    pub(crate) known_at: String,
}

#[derive(Debug, Deserialize)]
struct Call {
    metric: String,
    period: String,
    probability: f64,
    came: Option<f64>,
    evidence: Option<String>,
}

pub(super) async fn look_for(look: &Look<'_>, metric: Option<&str>, aim: Aim) -> Result<Found, LakeError> {
    let rows = said_last(look, metric).await?;
    let state = match aim {
        Aim::Fixed(over) => fixed_state(over, "probability"),
        Aim::Budget(budget) => learnt(look, metric, budget, &rows).await?,
    };
    let threshold = state.threshold.unwrap_or(1.0);
    let is_enough = |p: f64| if matches!(aim, Aim::Fixed(_)) { p >= threshold } else { p > threshold };
    let told = rows.into_iter().filter(|row| is_enough(row.probability)).map(happening);
    Ok(Found { happenings: told.filter(|one| one.known_at > look.fresh_after).collect(), state })
}

/// The breakouts that were said last.
pub(crate) async fn said_last(look: &Look<'_>, metric: Option<&str>) -> Result<Vec<Row>, LakeError> {
    let question = BreakoutsQuestion {
        metric: metric.map(str::to_owned),
        limit: N_BREAKOUTS_MAX,
        as_of: look.as_of,
        language: look.language,
        ..BreakoutsQuestion::default()
    };
    breakouts(look.lake, &question).await?.rows_as()
}

pub(crate) fn happening(row: Row) -> Happening {
    let evidence: Value = row.evidence.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let facts = evidence["facts"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    Happening {
        id: id_of(&["breakout", &row.entity, &row.metric, &row.period]),
        what: What::Breakout,
        notes: facts.collect(),
        name: row.name,
        entity: Some(row.entity),
        kind: Some("product".into()),
        metric: Some(row.metric),
        period: Some(row.period),
        value: Some(row.probability),
        sources: row.source.into_iter().filter(|source| !source.is_empty()).collect(),
        known_at: micros(&row.known_at),
        ..Happening::default()
    }
}

async fn learnt(look: &Look<'_>, metric: Option<&str>, budget: f64, rows: &[Row]) -> Result<RuleState, LakeError> {
    let question = RecordQuestion {
        metric: metric.map(str::to_owned),
        limit: N_CALLS_MAX,
        as_of: look.as_of,
        language: look.language,
    };
    let calls: Vec<Call> = record(look.lake, &question).await?.rows_as()?;
    let is_models = |call: &&Call| call.evidence.as_deref().is_some_and(|text| text.contains("\"by\":\"model\""));
    let mut weeks: BTreeMap<(String, String), f64> = BTreeMap::new();
    let mut past = Vec::new();
    for call in calls.iter().filter(is_models) {
        let Some(came) = call.came else { continue };
        weeks.insert((call.metric.clone(), call.period.clone()), weeks_of(&call.period));
        past.push(PastAlarm { size: call.probability, is_false: came < 0.5 });
    }
    if past.is_empty() {
        return Ok(by_calibration(budget, rows));
    }
    let n_weeks: f64 = weeks.values().sum();
    let basis = in_words(budget, n_weeks, past.len(), "was no hit");
    Ok(learnt_state(learn(&past, n_weeks, budget, 0.0), n_weeks, "probability", basis))
}

fn weeks_of(period: &str) -> f64 {
    Period::parse(period).map_or(1.0, |period| f64::from(period.end_day() - period.start_day()) / 7.0)
}

/// The threshold by what the probabilities themselves let expect: the sum of 1 − p of what is told.
fn by_calibration(budget: f64, rows: &[Row]) -> RuleState {
    let n_weeks = rows.first().map_or(1.0, |row| weeks_of(&row.period));
    let mut probabilities: Vec<f64> = rows.iter().map(|row| row.probability).collect();
    probabilities.sort_by(|left, right| right.total_cmp(left));
    let mut expected = 0.0;
    let first_too_many = probabilities.iter().find(|p| {
        expected += 1.0 - **p;
        expected > budget * n_weeks
    });
    let threshold = first_too_many.copied().unwrap_or(0.0);
    let basis = format!(
        "{budget} false alarms a week, by the probabilities themselves over {n_weeks:.0} weeks: no call has settled yet"
    );
    let learnt = Learnt { threshold, n_past: 0, n_false: 0 };
    RuleState { n_past: None, n_false: None, n_weeks: None, ..learnt_state(learnt, n_weeks, "probability", basis) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(probability: f64) -> Row {
        Row {
            entity: "0".into(),
            name: "x".into(),
            metric: "mau".into(),
            period: "2024-02".into(),
            probability,
            source: None,
            evidence: Some("{\"facts\":[\"grew\"]}".into()),
            known_at: "2024-03-01T00:00:00Z".into(),
        }
    }

    #[test]
    fn without_a_record_the_probabilities_keep_the_budget() {
        // February 2024 has 29 days, 4.14 weeks: at 0.25 a week 1.04 false ones. 0.5 + 0.4 of 0.5 and 0.6 fit, 0.7 more do not.
        let rows: Vec<Row> = [0.3, 0.6, 0.5, 0.1].into_iter().map(row).collect();
        let state = by_calibration(0.25, &rows);
        assert_eq!(state.threshold, Some(0.3));
        assert_eq!(by_calibration(100.0, &rows).threshold, Some(0.0));
        assert_eq!(happening(row(0.2)).notes, ["grew"]);
    }
}
