//! Rows of the tables that resolving and people's decisions write.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Int64Type, Schema};
use crowsnest_lake::{LakeError, schema};
use crowsnest_model::event_id;
use crowsnest_model::tables::{JUDGEMENTS, KEYS_OF_NAMES, LINKS, MEMBERSHIPS, RELATIONS, Table};

/// A pair that was compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkRow {
    pub(crate) left: i64,
    pub(crate) right: i64,
    pub(crate) score: f64,
    pub(crate) probability: f64,
    pub(crate) verdict: &'static str,
    pub(crate) comparisons: i64,
}

/// A name and the entity it was resolved to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MembershipRow {
    pub(crate) member: i64,
    pub(crate) entity_id: i64,
    pub(crate) probability: f64,
}

/// One judgement.
#[derive(Debug, Clone)]
pub(crate) struct JudgementRow {
    pub(crate) left: i64,
    pub(crate) right: i64,
    pub(crate) verdict: String,
    pub(crate) by: String,
    pub(crate) why: String,
}

/// One relation, or its end.
#[derive(Debug, Clone)]
pub(crate) struct RelationRow {
    pub(crate) relation: String,
    pub(crate) entity: (i64, String),
    pub(crate) other: (i64, String),
    pub(crate) is_active: bool,
    pub(crate) by: String,
    pub(crate) valid_from: Option<i32>,
    pub(crate) valid_until: Option<i32>,
    pub(crate) why: String,
}

/// The same text in all rows, kept once.
fn repeated(texts: &[&str], codes: impl Iterator<Item = i32>) -> ArrayRef {
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    // Infallible: codes are places of the texts.
    Arc::new(DictionaryArray::new(Int32Array::from_iter_values(codes), texts))
}

fn instants(now: i64, n: usize) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter_values(std::iter::repeat_n(now, n)).with_timezone("UTC"))
}

fn whole(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values.map(|text| Some(text).filter(|text| !text.is_empty()))))
}

/// The whole numbers of a column.
pub(crate) fn ints(batch: &RecordBatch, column: usize) -> &[i64] {
    batch.column(column).as_primitive::<Int64Type>().values()
}

/// A batch of the table's columns, some of which may be codes.
fn batch(table: &Table, columns: Vec<ArrayRef>) -> Result<RecordBatch, LakeError> {
    let schema = schema::arrow_schema(table);
    let fields = schema.fields().iter().zip(&columns);
    let fields: Vec<Field> =
        fields.map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone())).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

const VERDICTS: [&str; 3] = ["same", "different", "unsure"];

pub(crate) fn links(rows: &[LinkRow], model: &str, now: i64) -> Result<RecordBatch, LakeError> {
    let model_id = event_id(&[model]);
    let id = |row: &LinkRow| {
        let probability = (row.probability * 1e6).round() as i64;
        [row.left, row.right, probability, row.comparisons, model_id]
            .iter()
            .fold(0x9E37_79B9_7F4A_7C15_u64, |hash, part| {
                (hash ^ *part as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(31)
            })
            .cast_signed()
    };
    let verdict = |row: &LinkRow| VERDICTS.iter().position(|verdict| *verdict == row.verdict).unwrap_or(2) as i32;
    batch(
        &LINKS,
        vec![
            whole(rows.iter().map(id)),
            whole(rows.iter().map(|row| row.left)),
            whole(rows.iter().map(|row| row.right)),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.score))),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.probability))),
            repeated(&VERDICTS, rows.iter().map(verdict)),
            whole(rows.iter().map(|row| row.comparisons)),
            repeated(&[model], rows.iter().map(|_| 0)),
            instants(now, rows.len()),
        ],
    )
}

pub(crate) fn memberships(rows: &[MembershipRow], now: i64) -> Result<RecordBatch, LakeError> {
    let id = |row: &MembershipRow| event_id(&[&row.member.to_string(), &row.entity_id.to_string(), &now.to_string()]);
    batch(
        &MEMBERSHIPS,
        vec![
            whole(rows.iter().map(id)),
            whole(rows.iter().map(|row| row.member)),
            whole(rows.iter().map(|row| row.entity_id)),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.probability))),
            instants(now, rows.len()),
        ],
    )
}

pub(crate) fn keys_of_names(keys: ArrayRef, names: ArrayRef) -> Result<RecordBatch, LakeError> {
    batch(&KEYS_OF_NAMES, vec![keys, names])
}

pub(crate) fn judgements(rows: &[JudgementRow], now: i64) -> Result<RecordBatch, LakeError> {
    let id = |row: &JudgementRow| {
        event_id(&["judgement", &row.left.to_string(), &row.right.to_string(), &row.verdict, &row.by, &now.to_string()])
    };
    batch(
        &JUDGEMENTS,
        vec![
            whole(rows.iter().map(id)),
            whole(rows.iter().map(|row| row.left)),
            whole(rows.iter().map(|row| row.right)),
            texts(rows.iter().map(|row| row.verdict.as_str())),
            texts(rows.iter().map(|row| row.by.as_str())),
            texts(rows.iter().map(|row| row.why.as_str())),
            instants(now, rows.len()),
        ],
    )
}

pub(crate) fn relations(rows: &[RelationRow], now: i64) -> Result<RecordBatch, LakeError> {
    let id = |row: &RelationRow| {
        let parts =
            [row.entity.0.to_string(), row.other.0.to_string(), format!("{:?}", row.valid_from), now.to_string()];
        event_id(&[&row.relation, &parts[0], &parts[1], &parts[2], &row.is_active.to_string(), &row.by, &parts[3]])
    };
    batch(
        &RELATIONS,
        vec![
            whole(rows.iter().map(id)),
            texts(rows.iter().map(|row| row.relation.as_str())),
            whole(rows.iter().map(|row| row.entity.0)),
            texts(rows.iter().map(|row| row.entity.1.as_str())),
            whole(rows.iter().map(|row| row.other.0)),
            texts(rows.iter().map(|row| row.other.1.as_str())),
            Arc::new(rows.iter().map(|row| Some(row.is_active)).collect::<BooleanArray>()),
            texts(rows.iter().map(|row| row.by.as_str())),
            instants(now, rows.len()),
            Arc::new(rows.iter().map(|row| row.valid_from).collect::<Date32Array>()),
            Arc::new(rows.iter().map(|row| row.valid_until).collect::<Date32Array>()),
            texts(rows.iter().map(|row| row.why.as_str())),
        ],
    )
}
