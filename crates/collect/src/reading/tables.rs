//! Parquet files as batches of text columns: every type is written as text and read again like any other cell.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use bytes::Bytes;
use crowsnest_lake::files;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;

use crate::{ImportError, Result};

const BATCH_ROWS: usize = 16_384;

/// An open Parquet file.
pub(crate) struct Table {
    /// Names of the columns that can be read as text, in the file's order.
    pub(crate) columns: Vec<String>,
    pub(crate) n_rows: u64,
    open: Open,
}

type Open = Box<dyn FnOnce(&[usize]) -> Result<Batches> + Send>;

/// Batches of the columns asked for, as text.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// Opens a Parquet file on the disk.
pub(crate) fn open_file(file: &str, path: &Path) -> Result<Table> {
    open(file, files::open(path)?)
}

/// Opens a Parquet file held in memory.
pub(crate) fn open_bytes(file: &str, bytes: Vec<u8>) -> Result<Table> {
    open(file, Bytes::from(bytes))
}

fn open<R: ChunkReader + Send + 'static>(file: &str, reader: R) -> Result<Table> {
    let n_bytes = reader.len();
    let ends_well = n_bytes >= 12 && reader.get_bytes(n_bytes - 4, 4).is_ok_and(|end| end.as_ref() == b"PAR1");
    if !ends_well {
        return Err(ImportError::Truncated { file: file.to_owned(), format: "Parquet" });
    }
    let builder = ParquetRecordBatchReaderBuilder::try_new(reader).map_err(|error| unreadable(file, &error))?;
    let n_rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let (indices, columns) = readable_columns(builder.schema());
    let label = file.to_owned();
    let open = Box::new(move |wanted: &[usize]| -> Result<Batches> {
        let roots: Vec<usize> = wanted.iter().map(|column| indices[*column]).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|error| unreadable(&label, &error))?;
        Ok(Box::new(reader.map(|batch| as_text(&batch?))))
    });
    Ok(Table { columns, n_rows, open })
}

impl Table {
    /// Reads the columns at these places of [`Table::columns`], ascending.
    pub(crate) fn batches(self, wanted: &[usize]) -> Result<Batches> {
        (self.open)(wanted)
    }
}

fn readable_columns(schema: &Schema) -> (Vec<usize>, Vec<String>) {
    let fields = schema.fields().iter().enumerate();
    fields
        .filter(|(_, field)| !field.data_type().is_nested())
        .map(|(index, field)| (index, field.name().clone()))
        .unzip()
}

fn as_text(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let texts = batch.columns().iter().map(|column| arrow::compute::cast(column, &DataType::Utf8));
    let mut named = Vec::with_capacity(columns.len());
    for (name, text) in columns.into_iter().zip(texts) {
        named.push((name, text?));
    }
    RecordBatch::try_from_iter_with_nullable(named.into_iter().map(|(name, text)| (name, text, true)))
}

fn unreadable(file: &str, error: &dyn std::fmt::Display) -> ImportError {
    ImportError::Format { file: file.to_owned(), format: "Parquet", message: error.to_string() }
}
