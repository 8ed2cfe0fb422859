//! Rules of kind `figure`: figures that moved by more than the aim, each told by one source on both periods.
//!
//! A move counts by its factor, up or down alike: 0.3 is 1.3 times, or as many times less. False is a move of which more
//! than half was taken back in the period after.

use crowsnest_lake::LakeError;
use crowsnest_lake::questions::{MovesQuestion, moves};
use crowsnest_model::Grain;
use serde::Deserialize;

use super::budget::{PastAlarm, learn};
use super::{Aim, DAY_MICROS, Found, Look, fixed_state, in_words, learnt_state};
use crate::happening::{Happening, What, id_of, micros};

/// The past that thresholds are learnt from.
const DAYS_BACK: i32 = 3 * 366;
/// Smaller moves are none, whatever the budget.
const LEAST: f64 = 0.05;
const N_MOVES_MAX: usize = 200_000;

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Row {
    pub(crate) entity: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) metric: String,
    pub(crate) period: String,
    pub(crate) region: String,
    pub(crate) platform: String,
    pub(crate) segment: String,
    pub(crate) value: f64,
    pub(crate) previous_value: f64,
    pub(crate) next_value: Option<f64>,
    pub(crate) change: f64,
    pub(crate) unit: String,
    pub(crate) source: String,
    pub(crate) known_at: String,
    pub(crate) claim: String,
    pub(crate) previous_claim: Option<String>,
}

impl Row {
    /// The logarithm of the factor.
    fn size(&self) -> f64 {
        (1.0 + self.change).ln().abs()
    }

    /// Whether more than half of it was taken back; not known before the period after is.
    fn is_taken_back(&self) -> Option<bool> {
        let next = self.next_value.filter(|value| *value > 0.0)?;
        let (there, back) = ((self.value / self.previous_value).ln(), (next / self.value).ln());
        Some(there * back < 0.0 && back.abs() > there.abs() / 2.0)
    }
}

pub(super) async fn look_for(
    look: &Look<'_>,
    metric: Option<&str>,
    grain: Grain,
    aim: Aim,
) -> Result<Found, LakeError> {
    let least = match aim {
        // As many times less is less than as much less.
        Aim::Fixed(moved) => moved / (1.0 + moved),
        Aim::Budget(_) => LEAST,
    };
    let question = MovesQuestion {
        metric: metric.map(str::to_owned),
        grains: vec![grain.to_string()],
        from_day: look.today() - DAYS_BACK,
        least,
        limit: N_MOVES_MAX,
        as_of: look.as_of,
        language: look.language,
        ..MovesQuestion::default()
    };
    let rows: Vec<Row> = moves(look.lake, &question).await?.rows_as()?;
    let state = match aim {
        Aim::Fixed(moved) => fixed_state(moved, "factor"),
        Aim::Budget(budget) => learnt(&rows, budget),
    };
    let threshold = state.threshold.unwrap_or(f64::INFINITY);
    let is_enough = |row: &Row| match aim {
        Aim::Fixed(moved) => row.size() >= (1.0 + moved).ln() - 1e-9,
        Aim::Budget(_) => row.size() > (1.0 + threshold).ln() + 1e-9,
    };
    // What the period after is known of was news then.
    let is_last = |row: &Row| row.next_value.is_none() && micros(&row.known_at) > look.fresh_after;
    let told = rows.into_iter().filter(|row| is_last(row) && is_enough(row)).map(happening);
    Ok(Found { happenings: told.collect(), state })
}

fn learnt(rows: &[Row], budget: f64) -> super::RuleState {
    let settled: Vec<(&Row, bool)> = rows.iter().filter_map(|row| Some((row, row.is_taken_back()?))).collect();
    let past: Vec<PastAlarm> =
        settled.iter().map(|(row, is_false)| PastAlarm { size: row.size(), is_false: *is_false }).collect();
    let known = settled.iter().map(|(row, _)| micros(&row.known_at));
    let n_days = match (known.clone().min(), known.max()) {
        (Some(first), Some(last)) => (last - first) / DAY_MICROS,
        _ => 0,
    };
    let n_weeks = (n_days as f64 / 7.0).max(1.0);
    let mut learnt = learn(&past, n_weeks, budget, (1.0 + LEAST).ln());
    learnt.threshold = learnt.threshold.exp() - 1.0;
    let basis = in_words(budget, n_weeks, past.len(), "is taken back by more than half in the period after");
    learnt_state(learnt, n_weeks, "factor", basis)
}

pub(crate) fn happening(row: Row) -> Happening {
    let value = format!("{:.3e}", row.value);
    Happening {
        id: id_of(&["move", &row.entity, &row.metric, &row.period, &row.region, &row.platform, &row.segment, &value]),
        what: What::Move,
        name: row.name,
        entity: Some(row.entity),
        kind: Some(row.kind),
        metric: Some(row.metric),
        period: Some(row.period),
        segment: Some(row.segment),
        value: Some(row.value),
        before: Some(row.previous_value),
        change: Some(row.change),
        unit: Some(row.unit),
        sources: vec![row.source],
        claim: Some(row.claim),
        claim_before: row.previous_claim,
        known_at: micros(&row.known_at),
        ..Happening::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(previous_value: f64, value: f64, next_value: Option<f64>) -> Row {
        Row {
            entity: "e".into(),
            kind: "product".into(),
            name: "n".into(),
            metric: "mau".into(),
            period: "2024-12".into(),
            region: "all".into(),
            platform: "all".into(),
            segment: "all".into(),
            value,
            previous_value,
            next_value,
            change: value / previous_value - 1.0,
            unit: "users".into(),
            source: "s".into(),
            known_at: "2025-01-05T00:00:00Z".into(),
            claim: "c".into(),
            previous_claim: None,
        }
    }

    #[test]
    fn a_move_is_false_where_most_of_it_is_taken_back() {
        assert_eq!(row(100.0, 200.0, None).is_taken_back(), None);
        assert_eq!(row(100.0, 200.0, Some(190.0)).is_taken_back(), Some(false));
        assert_eq!(row(100.0, 200.0, Some(110.0)).is_taken_back(), Some(true));
        assert_eq!(row(100.0, 50.0, Some(95.0)).is_taken_back(), Some(true));
        assert_eq!(row(100.0, 50.0, Some(40.0)).is_taken_back(), Some(false));
        assert!((row(100.0, 200.0, None).size() - row(200.0, 100.0, None).size()).abs() < 1e-12);
    }

    #[test]
    fn a_budget_of_nothing_tells_only_moves_larger_than_any_false_one() {
        let rows = [row(100.0, 200.0, Some(110.0)), row(100.0, 150.0, Some(149.0))];
        let state = learnt(&rows, 0.0);
        assert!((state.threshold.unwrap() - 1.0).abs() < 1e-9);
        assert_eq!((state.n_past, state.n_false), (Some(0), Some(0)));
        assert!((learnt(&rows, 5.0).threshold.unwrap() - LEAST).abs() < 1e-9);
    }
}
