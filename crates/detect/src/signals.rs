//! Rows of the table `signals`, and what is read of it again.
//!
//! A signal's id is a hash of what it says, so that detecting twice from the same claims adds nothing.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Float64Type, Int64Type};
use crowsnest_lake::{Lake, LakeError, schema};
use crowsnest_model::Period;
use crowsnest_model::tables::SIGNALS;

use crate::error::DetectError;

/// One signal.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// The entity it is about.
    pub entity_id: i64,
    /// Metric whose series was read.
    pub metric: String,
    /// Name of the detector.
    pub detector: &'static str,
    /// The period it speaks of.
    pub period: Period,
    /// Probability, 0 to 1.
    pub probability: Option<f64>,
    /// Its value.
    pub value: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
    /// What it rests on, as JSON.
    pub evidence: Option<String>,
    /// The moment as of which it holds, microseconds since 1970-01-01.
    pub known_at: i64,
}

impl Signal {
    fn id(&self) -> i64 {
        let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
        crowsnest_model::event_id(&[
            "signal",
            &self.entity_id.to_string(),
            &self.metric,
            self.detector,
            &self.period.to_string(),
            &number(self.probability),
            &number(self.value),
            &number(self.low),
            &number(self.high),
            self.evidence.as_deref().unwrap_or_default(),
            &self.known_at.to_string(),
        ])
    }
}

/// Appends signals; gives how many are new.
///
/// # Errors
/// Those of the lake.
pub async fn append(lake: &Lake, signals: &[Signal]) -> Result<usize, DetectError> {
    if signals.is_empty() {
        return Ok(0);
    }
    let appended = lake.append(&SIGNALS, vec![batch(signals)?]).await?;
    Ok(appended.n_added)
}

fn batch(signals: &[Signal]) -> Result<RecordBatch, DetectError> {
    let numbers = |of: &dyn Fn(&Signal) -> Option<f64>| -> ArrayRef {
        // Infinities say nothing that a reader could use.
        Arc::new(signals.iter().map(|one| of(one).filter(|number| number.is_finite())).collect::<Float64Array>())
    };
    let days =
        |of: &dyn Fn(&Signal) -> i32| -> ArrayRef { Arc::new(Date32Array::from_iter_values(signals.iter().map(of))) };
    let texts = |of: &dyn Fn(&Signal) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(signals.iter().map(of)))
    };
    let moments = TimestampMicrosecondArray::from_iter_values(signals.iter().map(|one| one.known_at));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(signals.iter().map(Signal::id))),
        Arc::new(Int64Array::from_iter_values(signals.iter().map(|one| one.entity_id))),
        texts(&|one| one.metric.clone()),
        texts(&|one| one.detector.to_owned()),
        texts(&|one| one.period.to_string()),
        days(&|one| one.period.start_day()),
        days(&|one| one.period.end_day()),
        numbers(&|one| one.probability),
        numbers(&|one| one.value),
        numbers(&|one| one.low),
        numbers(&|one| one.high),
        Arc::new(signals.iter().map(|one| one.evidence.as_deref()).collect::<StringArray>()),
        Arc::new(moments.with_timezone("UTC")),
    ];
    Ok(RecordBatch::try_new(schema::arrow_schema(&SIGNALS), columns).map_err(LakeError::from)?)
}

/// A call whose outcome may be due: somebody's or the model's probability of a breakout.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCall {
    /// The entity.
    pub entity_id: i64,
    /// First day of the period it was made in.
    pub start: i32,
    /// Day after its last.
    pub end: i32,
    /// The probability said.
    pub probability: f64,
    /// The evidence it was stored with.
    pub evidence: String,
}

/// The calls on a metric that have no outcome yet: those of people, and the model's that were kept.
///
/// # Errors
/// Those of the lake.
pub async fn open_calls(lake: &Lake, metric: &str) -> Result<Vec<OpenCall>, DetectError> {
    let sql = format!(
        "SELECT c.entity_id, CAST(CAST(c.period_start AS INT) AS BIGINT), CAST(CAST(c.period_end AS INT) AS BIGINT), \
                c.probability, CAST(c.evidence AS VARCHAR) \
         FROM signals c WHERE c.metric = {metric} AND c.detector IN ('call', 'breakout_call') \
              AND NOT EXISTS (SELECT 1 FROM signals o WHERE o.detector = 'outcome' AND o.metric = {metric} \
                              AND o.entity_id = c.entity_id AND o.period_start = c.period_start \
                              AND o.evidence = c.evidence)",
        metric = crowsnest_lake::sql::quoted(metric)
    );
    let mut calls = Vec::new();
    for batch in lake.query(&sql).await? {
        let integers = |n: usize| batch.column(n).as_primitive::<Int64Type>();
        let texts =
            arrow::compute::cast(batch.column(4), &arrow::datatypes::DataType::Utf8).map_err(LakeError::from)?;
        for row in (0..batch.num_rows()).filter(|row| !batch.column(3).is_null(*row)) {
            calls.push(OpenCall {
                entity_id: integers(0).value(row),
                start: integers(1).value(row) as i32,
                end: integers(2).value(row) as i32,
                probability: batch.column(3).as_primitive::<Float64Type>().value(row),
                evidence: texts.as_string::<i32>().value(row).to_owned(),
            });
        }
    }
    Ok(calls)
}
