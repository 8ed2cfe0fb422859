//! Rows that are made outside of the engine (checks, steps, the state of sources), as answers: so that they come in
//! every format.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::json::ReaderBuilder;
use arrow::record_batch::RecordBatch;
use serde::Serialize;

use crate::{Answer, Result};

/// What a column holds.
#[derive(Debug, Clone, Copy)]
pub enum Holds {
    /// Text.
    Text,
    /// Whole numbers.
    Count,
    /// Numbers.
    Number,
    /// Moments, as microseconds since 1970-01-01 UTC.
    Instant,
    /// Yes or no.
    Flag,
}

/// Rows with the named fields, in that order.
///
/// # Errors
/// Where a row cannot be written as JSON, or a field holds something else than is said.
pub fn answer<T: Serialize>(columns: &[(&str, Holds)], rows: &[T]) -> Result<Answer> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, holds)| {
            let data_type = match holds {
                Holds::Text => DataType::Utf8,
                Holds::Count => DataType::Int64,
                Holds::Number => DataType::Float64,
                Holds::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                Holds::Flag => DataType::Boolean,
            };
            Field::new(*name, data_type, true)
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let mut decoder = ReaderBuilder::new(Arc::clone(&schema)).with_batch_size(rows.len().max(1)).build_decoder()?;
    decoder.serialize(rows)?;
    let batch = decoder.flush()?.unwrap_or_else(|| RecordBatch::new_empty(schema));
    Ok(Answer::of_rows(batch))
}
