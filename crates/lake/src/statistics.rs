//! Per-file statistics: row counts and column bounds, from written batches to the log's JSON and back.
//!
//! Format: the Delta protocol's "Per-file Statistics". Bounds are kept for numbers, days, instants and short text.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use crowsnest_model::tables::{Column, ColumnType, Table};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use serde_json::{Map, Value, json};

use crate::coded;

/// Text longer than this (bytes) gets no bounds: a cut-off upper bound would be wrong.
const TEXT_BOUND_BYTES_MAX: usize = 64;

/// Whether a column's numbers are of all sizes in every file, as values and the places of records are: their bounds
/// leave nothing out, and nearly every one of them is another.
pub(crate) fn is_of_all_sizes(column: &Column) -> bool {
    column.column_type == ColumnType::Float64 || column.name == "record"
}

/// Bounds gathered while a file is written.
#[derive(Debug)]
pub(crate) struct Gathered {
    n_rows: usize,
    bounds: Vec<Option<(ScalarValue, ScalarValue)>>,
    unbounded: Vec<bool>,
    n_null: Vec<usize>,
    is_worth_bounding: Vec<bool>,
}

impl Gathered {
    pub(crate) fn new(table: &Table) -> Self {
        let n = table.columns.len();
        let is_worth_bounding = table.columns.iter().map(|column| !is_of_all_sizes(column)).collect();
        Self { is_worth_bounding, n_rows: 0, bounds: vec![None; n], unbounded: vec![false; n], n_null: vec![0; n] }
    }

    /// Adds a batch in the table's column order.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        self.n_rows += batch.num_rows();
        for (index, column) in batch.columns().iter().enumerate() {
            self.n_null[index] += column.null_count();
            if column.null_count() == column.len() || !self.is_worth_bounding[index] {
                continue;
            }
            match bounds_of(column) {
                Some(found) => {
                    let merged = match self.bounds[index].take() {
                        None => found,
                        Some(had) => (smaller(had.0, found.0), larger(had.1, found.1)),
                    };
                    self.bounds[index] = Some(merged);
                }
                None => self.unbounded[index] = true,
            }
        }
    }

    /// The JSON of the log's `stats` field.
    pub(crate) fn to_json(&self, table: &Table) -> String {
        let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
        for (index, column) in table.columns.iter().enumerate() {
            nulls.insert(column.name.into(), json!(self.n_null[index]));
            let Some((min_value, max_value)) = &self.bounds[index] else { continue };
            if self.unbounded[index] {
                continue;
            }
            low.insert(column.name.into(), scalar_to_json(min_value, false));
            high.insert(column.name.into(), scalar_to_json(max_value, true));
        }
        json!({"numRecords": self.n_rows, "minValues": low, "maxValues": high, "nullCount": nulls}).to_string()
    }
}

fn smaller(left: ScalarValue, right: ScalarValue) -> ScalarValue {
    if left <= right { left } else { right }
}

fn larger(left: ScalarValue, right: ScalarValue) -> ScalarValue {
    if left >= right { left } else { right }
}

pub(crate) fn bounds_of(column: &ArrayRef) -> Option<(ScalarValue, ScalarValue)> {
    use arrow_schema::DataType;
    match column.data_type() {
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            Some((ScalarValue::Int64(min(values)), ScalarValue::Int64(max(values))))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            Some((ScalarValue::Float64(min(values)), ScalarValue::Float64(max(values))))
        }
        DataType::Date32 => {
            let values = column.as_primitive::<Date32Type>();
            Some((ScalarValue::Date32(min(values)), ScalarValue::Date32(max(values))))
        }
        DataType::Timestamp(_, zone) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            let scalar = |value| ScalarValue::TimestampMicrosecond(value, zone.clone());
            Some((scalar(min(values)), scalar(max(values))))
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            text_bounds(min_string(values)?, max_string(values)?)
        }
        _ => {
            let (coded, texts) = coded::codes_of(column.as_ref())?;
            let mut is_there = vec![false; texts.len()];
            coded.keys().iter().flatten().for_each(|key| is_there[key as usize] = true);
            let there = || is_there.iter().zip(texts).filter_map(|(is_there, text)| text.filter(|_| *is_there));
            text_bounds(there().min()?, there().max()?)
        }
    }
}

fn text_bounds(low: &str, high: &str) -> Option<(ScalarValue, ScalarValue)> {
    let is_short = low.len() <= TEXT_BOUND_BYTES_MAX && high.len() <= TEXT_BOUND_BYTES_MAX;
    is_short.then(|| (ScalarValue::from(low), ScalarValue::from(high)))
}

/// Instants are cut to the millisecond in the log, as the protocol has it: downwards for a lower bound, upwards for an
/// upper one.
fn scalar_to_json(value: &ScalarValue, is_upper: bool) -> Value {
    match value {
        ScalarValue::Int64(Some(number)) => json!(number),
        ScalarValue::Float64(Some(number)) => json!(number),
        ScalarValue::Date32(Some(day)) => json!(crowsnest_model::period::day_to_string(*day)),
        ScalarValue::TimestampMicrosecond(Some(micros), _) => {
            let millis = micros.div_euclid(1000) + i64::from(is_upper && micros.rem_euclid(1000) != 0);
            json!(jiff::Timestamp::from_millisecond(millis).map(|instant| format!("{instant:.3}")).unwrap_or_default())
        }
        ScalarValue::Utf8(Some(text)) => json!(text),
        _ => Value::Null,
    }
}

/// Reads the log's JSON; what is missing or odd is left unknown.
pub(crate) fn parse(table: &Table, stats: Option<&str>, n_bytes: i64) -> Statistics {
    let parsed: Value = stats.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let n_rows = parsed["numRecords"].as_u64().and_then(|n| usize::try_from(n).ok());
    let columns = table
        .columns
        .iter()
        .map(|column| {
            let bound = |part: &str| match json_to_scalar(column.column_type, &parsed[part][column.name]) {
                // Bounds of instants are rounded to the millisecond: they bound, but are not attained.
                Some(value) if column.column_type == ColumnType::Instant => Precision::Inexact(value),
                Some(value) => Precision::Exact(value),
                None => Precision::Absent,
            };
            let null_count = match parsed["nullCount"][column.name].as_u64() {
                Some(n) => Precision::Exact(usize::try_from(n).unwrap_or(usize::MAX)),
                None => Precision::Absent,
            };
            ColumnStatistics {
                null_count,
                min_value: bound("minValues"),
                max_value: bound("maxValues"),
                ..ColumnStatistics::new_unknown()
            }
        })
        .collect();
    Statistics {
        num_rows: n_rows.map_or(Precision::Absent, Precision::Exact),
        total_byte_size: Precision::Inexact(usize::try_from(n_bytes).unwrap_or_default()),
        column_statistics: columns,
    }
}

fn json_to_scalar(column_type: ColumnType, value: &Value) -> Option<ScalarValue> {
    match column_type {
        ColumnType::Int64 => Some(ScalarValue::Int64(Some(value.as_i64()?))),
        ColumnType::Float64 => Some(ScalarValue::Float64(Some(value.as_f64()?))),
        ColumnType::Text => Some(ScalarValue::Utf8View(Some(value.as_str()?.to_owned()))),
        ColumnType::Day => Some(ScalarValue::Date32(Some(crowsnest_model::period::parse_day(value.as_str()?)?))),
        ColumnType::Instant => {
            let instant: jiff::Timestamp = value.as_str()?.parse().ok()?;
            Some(ScalarValue::TimestampMicrosecond(Some(instant.as_microsecond()), Some("UTC".into())))
        }
        ColumnType::Boolean => None,
    }
}
