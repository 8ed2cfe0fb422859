//! The rows of a query as they come, written in any format, to a file or standard output, without holding them all.

use std::io::Write;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use crowsnest_lake::{Answer, LakeError, encode};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use crate::failure::Failure;
use crate::options::Format;

/// Writes batches of one schema, in one format.
pub(crate) struct RowsWriter<W: Write + Send> {
    inner: Inner<W>,
    n_rows: u64,
}

enum Inner<W: Write + Send> {
    Json(W),
    Ndjson(W),
    Csv(W),
    Parquet(Box<ArrowWriter<W>>),
}

/// A file or stream that could not be written.
fn failed(source: std::io::Error) -> Failure {
    Failure::Output { source }
}

/// The same of a Parquet writer, which wraps what its output says.
fn parquet_failed(error: ParquetError) -> Failure {
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(source) => failed(*source),
            Err(cause) => LakeError::from(ParquetError::External(cause)).into(),
        },
        other => LakeError::from(other).into(),
    }
}

impl<W: Write + Send> RowsWriter<W> {
    pub(crate) fn new(format: Format, schema: &SchemaRef, mut out: W) -> Result<Self, Failure> {
        let inner = match format {
            Format::Md | Format::Html | Format::Pdf => {
                return Err(Failure::users(
                    "rows of a query come as JSON, CSV, NDJSON or Parquet",
                    "write --format json, csv, ndjson or parquet",
                ));
            }
            Format::Table | Format::Json => {
                out.write_all(b"[").map_err(failed)?;
                Inner::Json(out)
            }
            Format::Ndjson => Inner::Ndjson(out),
            Format::Csv => {
                out.write_all(encode::to_csv(&RecordBatch::new_empty(Arc::clone(schema)))?.as_bytes())
                    .map_err(failed)?;
                Inner::Csv(out)
            }
            Format::Parquet => {
                let compression = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(compression).build();
                let writer = ArrowWriter::try_new(out, Arc::clone(schema), Some(properties)).map_err(parquet_failed)?;
                Inner::Parquet(Box::new(writer))
            }
        };
        Ok(Self { inner, n_rows: 0 })
    }

    /// Rows written so far.
    pub(crate) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        match &mut self.inner {
            Inner::Json(out) => {
                let array = encode::to_json(&Answer::of_rows(batch.clone()))?;
                let objects = array.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&array);
                let comma = if self.n_rows > 0 { ",\n" } else { "" };
                write!(out, "{comma}{objects}").map_err(failed)?;
            }
            Inner::Ndjson(out) => out.write_all(encode::to_ndjson(batch)?.as_bytes()).map_err(failed)?,
            Inner::Csv(out) => {
                let header = encode::to_csv(&batch.slice(0, 0))?;
                let whole = encode::to_csv(batch)?;
                out.write_all(whole.strip_prefix(&header).unwrap_or(&whole).as_bytes()).map_err(failed)?;
            }
            Inner::Parquet(writer) => writer.write(batch).map_err(parquet_failed)?,
        }
        self.n_rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Writes what comes last, and gives back what was written to.
    pub(crate) fn finish(self) -> Result<W, Failure> {
        match self.inner {
            Inner::Json(mut out) => {
                out.write_all(b"]\n").and_then(|()| out.flush()).map_err(failed)?;
                Ok(out)
            }
            Inner::Ndjson(mut out) | Inner::Csv(mut out) => {
                out.flush().map_err(failed)?;
                Ok(out)
            }
            Inner::Parquet(writer) => writer.into_inner().map_err(parquet_failed),
        }
    }
}
