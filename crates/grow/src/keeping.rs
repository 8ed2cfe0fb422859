//! What was planned, tried and came of it, as rows of the table `plans`.
//!
//! In: reports, and where they came from. Out: rows. Invariants: a plan that says what its last version said adds nothing; rows of one
//! making are appended at once; a call is kept by the id of its signal, so that the record can be joined.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use crowsnest_lake::sql::quoted;
use crowsnest_lake::{Answer, Lake, LakeError, schema};
use crowsnest_learn::distributions::normal_quantile;
use crowsnest_model::tables::PLANS;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::GrowError;
use crate::findings::{FitReport, Interval};
use crate::lifts::KeptLift;
use crate::plan::PlanReport;

/// What made the reports of this version.
pub const MODEL: &str = concat!("crowsnest grow ", env!("CARGO_PKG_VERSION"));

/// Where something came from.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Origin {
    /// The call: the id of its signal, or a product whose latest call is meant.
    pub call: Option<String>,
    /// The direction: the name of a segment, say.
    pub direction: Option<String>,
    /// The plan that an experiment or an outcome belongs to.
    pub plan: Option<String>,
}

/// What is kept of one making.
#[derive(Debug, Clone)]
pub struct Making {
    /// Name of the plan or experiment.
    pub name: String,
    /// Where it came from.
    pub origin: Origin,
    /// What it was made from: a file with the hash of its bytes, or claims.
    pub inputs: String,
    /// The moment as of which the inputs hold, microseconds since 1970-01-01 UTC.
    pub vintage: i64,
    /// Now, the same way.
    pub now: i64,
}

/// A file as `inputs` has it: its name, and the hash of its text.
pub fn inputs_of(path: &Path, text: &str) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("{name} {:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

/// One row, before it knows of what making.
#[derive(Debug, Clone, Default)]
struct Row {
    part: &'static str,
    channel: Option<String>,
    product: Option<String>,
    period: Option<String>,
    present: Option<f64>,
    spend: Option<f64>,
    outcome: Option<f64>,
    quantiles: [Option<f64>; 3],
    note: Option<String>,
    report: Option<String>,
}

impl Row {
    fn with_outcome(mut self, outcome: Option<Interval>) -> Self {
        self.outcome = outcome.map(|own| own.mean);
        self.quantiles = [outcome.map(|own| own.q05), outcome.map(|own| own.q50), outcome.map(|own| own.q95)];
        self
    }
}

/// Keeps a fit; gives how many rows were added.
///
/// # Errors
/// Those of the lake; a call that nobody made.
pub async fn keep_fit(lake: &Lake, making: &Making, report: &FitReport) -> Result<usize, GrowError> {
    let mut rows = vec![Row { part: WHOLE, report: Some(without_time(report)?), ..Row::default() }];
    rows.extend(report.channels.iter().map(|own| {
        let row = Row {
            part: "channel",
            channel: Some(own.channel.clone()),
            product: filled(&own.group),
            present: Some(own.present_spend),
            spend: Some(own.spend),
            note: Some(own.reason.clone()),
            ..Row::default()
        };
        row.with_outcome(own.contribution)
    }));
    keep(lake, making, "fit", MODEL, rows).await
}

/// Keeps a plan; gives how many rows were added.
///
/// # Errors
/// Those of the lake; a call that nobody made.
pub async fn keep_plan(lake: &Lake, making: &Making, report: &PlanReport) -> Result<usize, GrowError> {
    let whole = Row {
        part: WHOLE,
        spend: Some(report.spent),
        note: report.reason.clone().or_else(|| report.in_words.first().cloned()),
        report: Some(without_time(report)?),
        ..Row::default()
    };
    let mut rows = vec![whole.with_outcome(Some(report.outcome))];
    rows.extend(report.channels.iter().map(|own| {
        let row = Row {
            part: "channel",
            channel: Some(own.channel.clone()),
            product: filled(&own.group),
            present: Some(own.present),
            spend: Some(own.planned),
            ..Row::default()
        };
        row.with_outcome(Some(own.outcome))
    }));
    rows.extend(report.spend.iter().map(|own| Row {
        part: "spend",
        channel: Some(own.channel.clone()),
        product: filled(&own.group),
        period: report.periods.get(own.period.saturating_sub(1)).cloned(),
        spend: Some(own.spend),
        ..Row::default()
    }));
    rows.extend(report.scenarios.iter().map(|own| {
        let row = Row {
            part: "scenario",
            channel: Some(own.name.clone()),
            spend: Some(own.budget),
            note: own.reason.clone(),
            ..Row::default()
        };
        row.with_outcome(Some(own.outcome))
    }));
    keep(lake, making, "plan", MODEL, rows).await
}

/// Keeps what an experiment found: a note in words, a difference for each finding, the whole report, and what it says of a channel's
/// curve, if it says that: as a row of its own, and in the report as `lift_test`, from where fits of its plan take it.
///
/// # Errors
/// Those of the lake; a call that nobody made.
pub async fn keep_experiment<T: Serialize>(
    lake: &Lake,
    making: &Making,
    note: &str,
    findings: &[(String, String, f64)],
    lift: Option<&KeptLift>,
    report: &T,
) -> Result<usize, GrowError> {
    let mut told = serde_json::to_value(report).map_err(LakeError::from)?;
    if let (Some(lift), Some(object)) = (lift, told.as_object_mut()) {
        object.insert(LIFT_TEST.to_owned(), serde_json::to_value(lift).map_err(LakeError::from)?);
    }
    let whole = Row {
        part: WHOLE,
        outcome: findings.first().map(|own| own.2),
        note: Some(note.to_owned()),
        report: Some(without_time(&told)?),
        ..Row::default()
    };
    let mut rows = vec![whole];
    rows.extend(findings.iter().map(|(metric, variant, difference)| Row {
        part: "channel",
        channel: Some(metric.clone()),
        product: filled(variant),
        outcome: Some(*difference),
        ..Row::default()
    }));
    rows.extend(lift.map(lift_row));
    keep(lake, making, "experiment", MODEL, rows).await
}

fn lift_row(lift: &KeptLift) -> Row {
    let test = &lift.test;
    let half = normal_quantile(0.95) * test.standard_error;
    let row = Row {
        part: "lift",
        channel: Some(test.channel.clone()),
        product: test.group.clone(),
        period: lift.since.clone(),
        present: Some(test.spend_from),
        spend: Some(test.spend_to),
        ..Row::default()
    };
    let (mean, q05, q95) = (test.effect, test.effect - half, test.effect + half);
    row.with_outcome(Some(Interval { mean, q05, q50: mean, q95 }))
}

/// Keeps somebody's word on what came of a plan.
///
/// # Errors
/// Those of the lake; a value that is no number.
pub async fn keep_outcome(
    lake: &Lake,
    making: &Making,
    by: &str,
    value: Option<f64>,
    note: Option<&str>,
) -> Result<usize, GrowError> {
    if value.is_some_and(|value| !value.is_finite()) || (value.is_none() && note.is_none()) {
        return Err(GrowError::Plan("an outcome is a number, or a note, or both".to_owned()));
    }
    let row = Row { part: WHOLE, outcome: value, note: note.map(str::to_owned), ..Row::default() };
    keep(lake, making, "outcome", by, vec![row]).await
}

const WHOLE: &str = "whole";
/// Where an experiment's report says what it tells of a channel's curve; `lifts.rs` reads it there.
const LIFT_TEST: &str = "lift_test";

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A report as JSON, less the time that it took: the same inputs have to give the same text.
fn without_time<T: Serialize>(report: &T) -> Result<String, GrowError> {
    let mut value = serde_json::to_value(report).map_err(LakeError::from)?;
    drop_seconds(&mut value);
    Ok(value.to_string())
}

fn drop_seconds(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.remove("seconds");
        object.values_mut().for_each(drop_seconds);
    }
}

#[derive(Debug, Deserialize)]
struct Last {
    inputs: String,
    call: Option<String>,
    direction: Option<String>,
    comes_from: Option<String>,
    note: Option<String>,
    outcome: Option<f64>,
    report: Option<String>,
}

async fn keep(lake: &Lake, making: &Making, kind: &str, model: &str, rows: Vec<Row>) -> Result<usize, GrowError> {
    let mut making = making.clone();
    making.origin.call = call_id(lake, making.origin.call.as_deref()).await?;
    let sql = format!(
        "SELECT inputs, call, direction, comes_from, note, outcome, report FROM plans \
         WHERE part = '{WHOLE}' AND plan = {} AND kind = {} ORDER BY known_at DESC LIMIT 1",
        quoted(&making.name),
        quoted(kind)
    );
    let mut last: Vec<Last> = Vec::new();
    for batch in lake.query(&sql).await? {
        last.extend(Answer::of_rows(batch).rows_as::<Last>()?);
    }
    let is_same = last.first().is_some_and(|last| {
        let origin = &making.origin;
        last.inputs == making.inputs
            && (&last.call, &last.direction, &last.comes_from) == (&origin.call, &origin.direction, &origin.plan)
            && (&last.note, &last.report) == (&rows[0].note, &rows[0].report)
            && is_as(last.outcome, rows[0].outcome)
    });
    if is_same {
        return Ok(0);
    }
    let appended = lake.append(&PLANS, vec![batch(&making, kind, model, &rows)?]).await?;
    lake.refresh().await?;
    Ok(appended.n_added)
}

/// Whether two numbers are one, the first of which was read from text, where its last digit may have become another.
fn is_as(read: Option<f64>, own: Option<f64>) -> bool {
    match (read, own) {
        (Some(read), Some(own)) => (read - own).abs() <= 1e-12 * own.abs(),
        (read, own) => read == own,
    }
}

#[derive(Debug, Deserialize)]
struct CallRow {
    call: String,
}

/// The id of the call that is meant: the id itself, or the latest call on a product.
async fn call_id(lake: &Lake, named: Option<&str>) -> Result<Option<String>, GrowError> {
    let Some(named) = named else { return Ok(None) };
    let is_id = named.len() == 16 && named.bytes().all(|byte| byte.is_ascii_hexdigit());
    let meant = if is_id {
        format!("entity_hex(signal_id) = {}", quoted(&named.to_lowercase()))
    } else {
        let entity = lake.identity().find(named, None)?.id;
        format!("entity_id = {entity} AND detector IN ('call', 'breakout_call', 'breakout')")
    };
    let sql = format!(
        "SELECT entity_hex(signal_id) AS call FROM signals WHERE {meant} \
         ORDER BY CASE detector WHEN 'call' THEN 0 WHEN 'breakout_call' THEN 1 ELSE 2 END, known_at DESC, signal_id LIMIT 1"
    );
    for batch in lake.query(&sql).await? {
        if let Some(row) = Answer::of_rows(batch).rows_as::<CallRow>()?.into_iter().next() {
            return Ok(Some(row.call));
        }
    }
    Err(GrowError::Plan(format!(
        "there is no call {named:?}: `crowsnest call` makes one, `crowsnest grow loop` lists those that there are"
    )))
}

fn batch(making: &Making, kind: &str, model: &str, rows: &[Row]) -> Result<RecordBatch, GrowError> {
    let n = rows.len();
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, n))) };
    let maybe = |text: &Option<String>| -> ArrayRef {
        Arc::new(std::iter::repeat_n(text.as_deref(), n).collect::<StringArray>())
    };
    let texts =
        |of: &dyn Fn(&Row) -> Option<String>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
    let numbers = |of: &dyn Fn(&Row) -> Option<f64>| -> ArrayRef {
        Arc::new(rows.iter().map(|row| of(row).filter(|number| number.is_finite())).collect::<Float64Array>())
    };
    let instants = |at: i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter_values(std::iter::repeat_n(at, n)).with_timezone("UTC"))
    };
    let ids = rows.iter().map(|row| id_of(making, kind, model, row));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(ids)),
        same(&making.name),
        same(kind),
        texts(&|row| Some(row.part.to_owned())),
        instants(making.now),
        same(model),
        same(&making.inputs),
        instants(making.vintage),
        texts(&|row| row.channel.clone()),
        texts(&|row| row.product.clone()),
        texts(&|row| row.period.clone()),
        numbers(&|row| row.present),
        numbers(&|row| row.spend),
        numbers(&|row| row.outcome),
        numbers(&|row| row.quantiles[0]),
        numbers(&|row| row.quantiles[1]),
        numbers(&|row| row.quantiles[2]),
        maybe(&making.origin.call),
        maybe(&making.origin.direction),
        maybe(&making.origin.plan),
        texts(&|row| row.note.clone()),
        texts(&|row| row.report.clone()),
    ];
    Ok(RecordBatch::try_new(schema::arrow_schema(&PLANS), columns).map_err(LakeError::from)?)
}

fn id_of(making: &Making, kind: &str, model: &str, row: &Row) -> i64 {
    let number = |number: Option<f64>| number.map(|number| number.to_string()).unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    crowsnest_model::event_id(&[
        "plan",
        &making.name,
        kind,
        row.part,
        model,
        &making.inputs,
        &making.now.to_string(),
        &text(&row.channel),
        &text(&row.product),
        &text(&row.period),
        &number(row.present),
        &number(row.spend),
        &number(row.outcome),
        &text(&row.note),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crowsnest_lake::questions::{self, LoopQuestion, PlanQuestion, PlansQuestion};
    use crowsnest_lake::{LakeOptions, Market};

    #[test]
    fn a_number_that_was_read_from_text_is_the_same() {
        let own = 363.038_438_048_531_25_f64;
        assert!(is_as(Some(own), Some(own)) && is_as(Some(f64::from_bits(own.to_bits() + 1)), Some(own)));
        assert!(is_as(Some(0.0), Some(0.0)) && is_as(None, None));
        assert!(!is_as(Some(363.038_438), Some(own)) && !is_as(None, Some(own)) && !is_as(Some(0.0), Some(1e-9)));
    }

    fn making(name: &str, now: i64) -> Making {
        let origin = Origin { direction: Some("agents".into()), plan: Some("push".into()), call: None };
        Making { name: name.into(), origin, inputs: "units.csv 00ff".into(), vintage: now, now }
    }

    #[tokio::test]
    async fn what_was_found_before_adds_nothing_and_what_is_new_is_a_version() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let lake = Lake::open(market, LakeOptions::default()).await.unwrap();
        let findings = [("revenue".to_owned(), "b".to_owned(), 3.5)];
        let report = |p: f64| serde_json::json!({ "p": p, "seconds": p });
        let kept = async |at: i64, p: f64| {
            keep_experiment(&lake, &making("off", at), "found", &findings, None, &report(p)).await
        };
        assert_eq!(kept(1_000_000, 0.01).await.unwrap(), 2);
        assert_eq!(kept(2_000_000, 0.01).await.unwrap(), 0);
        assert_eq!(kept(3_000_000, 0.02).await.unwrap(), 2);
        assert_eq!(kept(4_000_000, 0.01).await.unwrap(), 2, "back to what it was is news");
        keep_outcome(&lake, &making("push: outcome", 5_000_000), "mei", Some(12.0), None).await.unwrap();
        assert!(keep_outcome(&lake, &making("x", 5_000_000), "mei", None, None).await.is_err());
        assert!(keep_outcome(&lake, &making("x", 5_000_000), "mei", Some(f64::NAN), None).await.is_err());
        let listed = questions::plans(&lake, &PlansQuestion { limit: 10, ..PlansQuestion::default() }).await.unwrap();
        assert_eq!(listed.rows.num_rows(), 2);
        let one = PlanQuestion { name: "off".into(), as_of: Some(3_500_000) };
        let one = questions::plan(&lake, &one).await.unwrap();
        assert_eq!((one.rows.num_rows(), &one.facts["reports"]["experiment"]["p"]), (2, &serde_json::json!(0.02)));
        assert_eq!(one.facts["versions"].as_array().map(Vec::len), Some(2));
        assert!(questions::plan(&lake, &PlanQuestion { name: "of".into(), as_of: None }).await.is_err());
        let whole = questions::the_loop(&lake, &LoopQuestion::default()).await.unwrap();
        assert_eq!(whole.rows.num_rows(), 3, "a direction, its experiment, its outcome");
        let unknown = Origin { call: Some("00000000000000aa".into()), ..Origin::default() };
        let unknown = Making { origin: unknown, ..making("off", 6_000_000) };
        let told = keep_experiment(&lake, &unknown, "found", &findings, None, &report(0.5)).await.unwrap_err();
        assert!(told.to_string().contains("no call"), "{told}");
    }
}
