//! Marks of what detection said, on the charts of an entity: change points, anomalies, calls of breakouts.
//!
//! In: the answer of `questions::marks`. Out: for each metric days and titles in the visitor's language.

use std::collections::BTreeMap;

use crowsnest_lake::questions::{self, MarksQuestion};
use serde::Deserialize;

use crate::ServeError;
use crate::numbers;
use crate::request::PageRequest;
use crate::words;

/// Marks of a metric beyond this are left out, the oldest first: a chart is no list.
const N_MARKS_MAX: usize = 12;

#[derive(Debug, Deserialize)]
struct Row {
    metric: String,
    detector: String,
    period: String,
    day: i32,
    value: Option<f64>,
    probability: Option<f64>,
}

/// A day, and what was said of it.
pub(crate) type Mark = (f64, String);

/// The marks of an entity by metric, in order of days.
pub(crate) async fn of(request: &PageRequest, entity_id: i64) -> Result<BTreeMap<String, Vec<Mark>>, ServeError> {
    let question = MarksQuestion { entity_id, as_of: request.as_of };
    let rows: Vec<Row> = request.ask(questions::marks(&request.lake, &question)).await?.rows_as()?;
    let mut by: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    for row in rows {
        let mark = (f64::from(row.day), title(&row, request));
        by.entry(row.metric).or_default().push(mark);
    }
    for marks in by.values_mut() {
        marks.drain(..marks.len().saturating_sub(N_MARKS_MAX));
    }
    Ok(by)
}

fn title(row: &Row, request: &PageRequest) -> String {
    let language = request.language;
    let what = words::say_word(language, "signal", &row.detector);
    let period = numbers::period(&row.period, language);
    match (row.probability, row.value.filter(|value| (*value - 1.0).abs() > 1e-9)) {
        (Some(probability), _) => format!("{period}: {what}, {}", numbers::percent(probability)),
        (None, Some(factor)) => format!("{period}: {what}, ×{factor:.2}"),
        (None, None) => format!("{period}: {what}"),
    }
}
