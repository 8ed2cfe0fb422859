//! Answers as JSON, newline-delimited JSON, CSV and Parquet.

use arrow::array::RecordBatch;
use arrow::json::writer::{JsonArray, LineDelimited, WriterBuilder};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Answer, Result};

/// A JSON array of row objects; where the answer has facts or notes, an object with `rows`, the facts and `notes`.
/// Absent values are `null`, never left out.
pub fn to_json(answer: &Answer) -> Result<String> {
    let rows = rows_json(&answer.rows)?;
    if answer.facts.is_empty() {
        return Ok(rows);
    }
    let mut whole = Map::new();
    whole.insert("rows".into(), serde_json::from_str(&rows)?);
    whole.extend(answer.facts.clone());
    whole.insert("notes".into(), json!(answer.notes));
    Ok(Value::Object(whole).to_string())
}

fn rows_json(rows: &RecordBatch) -> Result<String> {
    if rows.num_rows() == 0 {
        return Ok("[]".into());
    }
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    writer.write(rows)?;
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

/// One JSON object per line.
pub fn to_ndjson(rows: &RecordBatch) -> Result<String> {
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(Vec::new());
    writer.write(rows)?;
    writer.finish()?;
    Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
}

/// CSV with a header. Text that a spreadsheet would run as a formula (beginning with `=`, `+`, `-`, `@`, tab or return)
/// gets an apostrophe before it (OWASP, "CSV Injection"); numbers stay as they are.
pub fn to_csv(rows: &RecordBatch) -> Result<String> {
    let mut bytes = Vec::new();
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(&mut bytes);
    writer.write(&guard_formulas(rows)?)?;
    drop(writer);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A Parquet file (zstd).
pub fn to_parquet(rows: &RecordBatch) -> Result<Vec<u8>> {
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties))?;
    writer.write(rows)?;
    Ok(writer.into_inner()?)
}

/// A Parquet file written batch by batch.
pub struct ParquetFile(ArrowWriter<std::fs::File>);

impl std::fmt::Debug for ParquetFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ParquetFile")
    }
}

impl ParquetFile {
    /// Begins a file (zstd) for rows of a schema.
    pub fn new(file: std::fs::File, schema: &arrow_schema::SchemaRef) -> Result<Self> {
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        Ok(Self(ArrowWriter::try_new(file, std::sync::Arc::clone(schema), Some(properties))?))
    }

    /// Adds rows.
    pub fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        Ok(self.0.write(rows)?)
    }

    /// Writes the file's end; without it the file cannot be read.
    pub fn finish(self) -> Result<()> {
        self.0.close()?;
        Ok(())
    }
}

pub(crate) fn rows_as<T: DeserializeOwned>(rows: &RecordBatch) -> Result<Vec<T>> {
    Ok(serde_json::from_str(&rows_json(rows)?)?)
}

fn guard_formulas(rows: &RecordBatch) -> Result<RecordBatch> {
    use arrow::array::{Array as _, ArrayRef, AsArray as _, StringArray};
    use arrow_schema::{DataType, Field, Schema};
    let mut columns: Vec<ArrayRef> = Vec::new();
    let mut fields: Vec<Field> = Vec::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let texts: Vec<Option<&str>> = match column.data_type() {
            DataType::Utf8 => column.as_string::<i32>().iter().collect(),
            DataType::Utf8View => column.as_string_view().iter().collect(),
            DataType::LargeUtf8 => column.as_string::<i64>().iter().collect(),
            _ => {
                columns.push(std::sync::Arc::clone(column));
                fields.push(field.as_ref().clone());
                continue;
            }
        };
        let guarded: StringArray = texts.into_iter().map(|text| text.map(guard)).collect();
        fields.push(Field::new(field.name(), DataType::Utf8, guarded.null_count() > 0 || field.is_nullable()));
        columns.push(std::sync::Arc::new(guarded));
    }
    Ok(RecordBatch::try_new(std::sync::Arc::new(Schema::new(fields)), columns)?)
}

fn guard(text: &str) -> std::borrow::Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{text}").into();
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Float64Array, StringArray};
    use std::sync::Arc;

    #[test]
    fn formulas_are_guarded_and_numbers_are_not() {
        let rows = RecordBatch::try_from_iter([
            ("name", Arc::new(StringArray::from(vec![Some("=1+1"), None, Some("豆包")])) as ArrayRef),
            ("value", Arc::new(Float64Array::from(vec![-1.5, 2.0, 3.0])) as ArrayRef),
        ])
        .unwrap();
        assert_eq!(to_csv(&rows).unwrap(), "name,value\n'=1+1,-1.5\n,2.0\n豆包,3.0\n");
        let json = to_json(&Answer::of_rows(rows)).unwrap();
        assert!(json.contains(r#"{"name":null,"value":2.0}"#), "{json}");
    }
}
