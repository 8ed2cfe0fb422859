//! An answer: rows as Arrow, with facts that are not rows and notes in words.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::concat_batches;
use arrow_schema::SchemaRef;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Result, encode};

/// What a question gives.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The rows, in order.
    pub rows: RecordBatch,
    /// What belongs to the answer but is not a row: totals, concentration, what was asked.
    pub facts: Map<String, Value>,
    /// What the reader should know, in sentences.
    pub notes: Vec<String>,
}

impl Answer {
    /// An answer of rows alone.
    pub fn of_rows(rows: RecordBatch) -> Self {
        Self { rows, facts: Map::new(), notes: Vec::new() }
    }

    /// The same from the batches of a query; `schema` is that of the query, for when it gave none.
    pub(crate) fn of_batches(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<Self> {
        Ok(Self::of_rows(compacted(concat_batches(schema, batches)?)?))
    }

    /// The rows as values of a type with the columns' names.
    pub fn rows_as<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        encode::rows_as(&self.rows)
    }

    pub(crate) fn with_fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// The same rows, with texts that hold no more than themselves: a view of a text keeps the whole page that it was read from,
/// and twelve rows would keep many megabytes.
fn compacted(rows: RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(|column| match column.as_string_view_opt() {
        Some(texts) => Arc::new(texts.gc()) as ArrayRef,
        None => Arc::clone(column),
    });
    Ok(RecordBatch::try_new(rows.schema(), columns.collect())?)
}
