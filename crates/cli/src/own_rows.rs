//! Rows that the commands make themselves (checks, steps, file counts), as answers: so that they come in every format.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use crowsnest_lake::Answer;
use serde::Serialize;

use crate::failure::Failure;

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holds {
    /// Text.
    Text,
    /// Whole numbers.
    Count,
    /// Yes or no.
    Flag,
}

/// Rows with the named fields, in that order.
pub(crate) fn answer<T: Serialize>(columns: &[(&str, Holds)], rows: &[T]) -> Result<Answer, Failure> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, holds)| {
            let data_type = match holds {
                Holds::Text => DataType::Utf8,
                Holds::Count => DataType::Int64,
                Holds::Flag => DataType::Boolean,
            };
            Field::new(*name, data_type, true)
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let failed = |error: arrow::error::ArrowError| Failure::ours("making rows", error);
    let mut decoder =
        ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(rows.len().max(1)).build_decoder().map_err(failed)?;
    decoder.serialize(rows).map_err(failed)?;
    let batch = decoder.flush().map_err(failed)?.unwrap_or_else(|| RecordBatch::new_empty(schema));
    Ok(Answer::of_rows(batch))
}
