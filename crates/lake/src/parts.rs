//! A table's rows dealt out by a key, so that what is too large to be sorted at once is sorted part by part.
//!
//! In: files of a table, and to which part a row belongs ([`Rule`]). Out: the parts, to be sorted and written one by one. They lie on the disk, packed as tables are, in files without a name, which are gone when they were read or the process
//! ends: as hash joins deal out what they cannot hold (Kitsuregawa and others, 1983). Sorting everything at once would spill
//! rows with their texts written out, ten times as large.
//!
//! Memory: [`HELD_ROWS`] rows while dealing out, a part while it is read; texts stay codes all along.

use std::fs::File;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch, new_null_array};
use arrow::datatypes::Int64Type;
use arrow_schema::{DataType, Schema, SchemaRef};
use bytes::Bytes;
use crowsnest_model::tables::{ColumnType, Table};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{col, lit};
use futures::StreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::ChunkReader;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;
use tokio::sync::mpsc;

use crate::coded::{self, Gatherer};
use crate::commit::NewFile;
use crate::engine;
use crate::maintain::{self, Upkeep};
use crate::provider::LakeTable;
use crate::sort::Place;
use crate::table::{DataFile, TableSnapshot};
use crate::{LakeError, Result, schema};

/// Which part a row belongs to.
pub(crate) trait Rule: Send + Sync + 'static {
    /// How many parts there are.
    fn n_parts(&self) -> usize;

    /// The part of each row of a batch in the table's columns, texts as codes.
    ///
    /// # Errors
    /// Where a row belongs to none.
    fn parts_of(&self, batch: &RecordBatch) -> Result<Vec<u32>>;
}

/// Rows that are held before they are dealt out: the more, the longer the runs of a part.
const HELD_ROWS: usize = 4_000_000;
/// Rows of a batch that is read or gathered.
const BATCH_ROWS: usize = 16_384;
/// Keys are counted by this many of their first bits.
const KEY_BITS: u32 = 12;
/// A process may have only so many files open.
pub(crate) const PARTS_MAX: usize = 500;

/// The parts, in the order of their numbers.
pub(crate) struct Parts {
    table: &'static Table,
    files: Vec<Option<File>>,
}

impl Parts {
    /// Deals out the rows of files of a table; the progress is told as `doing`.
    ///
    /// # Errors
    /// Where files cannot be read or written.
    pub(crate) async fn deal(
        snapshot: &TableSnapshot,
        files: &[DataFile],
        rule: impl Rule,
        n_threads: usize,
        (upkeep, doing): (&Upkeep<'_>, &'static str),
    ) -> Result<Self> {
        let table = snapshot.table;
        let dealing = Dealing::new(table, rule)?;
        let n_rows: usize = files.iter().map(maintain::n_rows).sum();
        let told = |n_dealt| (upkeep.progress)(doing, n_dealt, n_rows);
        let (sender, receiver) = mpsc::channel(n_threads.max(1));
        let (read, dealt) =
            futures::join!(read_all(snapshot, files, n_threads, sender), dealing.all_of(receiver, told));
        let files = dealt?.finish()?;
        read?;
        Ok(Self { table, files: files.into_iter().map(Some).collect() })
    }

    /// Writes each part, and gives how many rows they have; while one is written, the next is read.
    ///
    /// # Errors
    /// Where a part cannot be read or written; what was written by then is in `written`.
    pub(crate) async fn write<W: Future<Output = Result<Vec<NewFile>>>>(
        mut self,
        (upkeep, doing): (&Upkeep<'_>, &'static str),
        written: &mut Vec<NewFile>,
        write: impl Fn(Vec<RecordBatch>) -> W,
    ) -> Result<usize> {
        let (mut n_rows, mut here) = (0, Vec::new());
        for number in 0..self.files.len() {
            (upkeep.progress)(doing, number, self.files.len());
            let (files, next) = futures::join!(write(std::mem::take(&mut here)), self.read(number));
            written.extend(files?);
            here = next?;
            n_rows += here.iter().map(RecordBatch::num_rows).sum::<usize>();
        }
        written.extend(write(here).await?);
        Ok(n_rows)
    }

    /// The rows of a part, which is gone afterwards.
    async fn read(&mut self, number: usize) -> Result<Vec<RecordBatch>> {
        let Some(file) = self.files.get_mut(number).and_then(Option::take) else { return Ok(Vec::new()) };
        let table = self.table;
        blocking(move || batches(table, file)?.collect()).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| on_the_disk(std::io::Error::other(error)))?
}

fn on_the_disk(source: std::io::Error) -> LakeError {
    LakeError::File { doing: "dealing out rows in", path: std::env::temp_dir(), source }
}

/// Sends the batches of all files, some files at a time, in no order.
async fn read_all(
    snapshot: &TableSnapshot,
    files: &[DataFile],
    n_threads: usize,
    sender: mpsc::Sender<RecordBatch>,
) -> Result<()> {
    let (table, store) = (snapshot.table, snapshot.delta.object_store());
    let read_one = |file: &DataFile| {
        let (path, store, sender) = (Path::from(file.add.path.as_str()), Arc::clone(&store), sender.clone());
        async move {
            let bytes: Bytes = store.get(&path).await?.bytes().await?;
            blocking(move || {
                for batch in batches(table, bytes)? {
                    // Who takes them has failed, and says so.
                    if sender.blocking_send(batch?).is_err() {
                        break;
                    }
                }
                Ok(())
            })
            .await
        }
    };
    let mut reading = futures::stream::iter(files).map(read_one).buffer_unordered(n_threads.max(1));
    while let Some(done) = reading.next().await {
        done?;
    }
    Ok(())
}

/// The rows of a Parquet file in the table's columns, texts as codes; columns that it lacks are null.
fn batches<F: ChunkReader + 'static>(
    table: &Table,
    file: F,
) -> Result<impl Iterator<Item = Result<RecordBatch>> + use<F>> {
    let own = coded_schema(&schema::arrow_schema(table));
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let found = ArrowReaderMetadata::load(&file, options.clone())?;
    let options = options.with_schema(coded_schema(found.schema()));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(found.metadata()), options)?;
    let reader =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(BATCH_ROWS).build()?;
    Ok(reader.map(move |batch| in_columns(&own, &batch?)))
}

fn coded_schema(plain: &Schema) -> SchemaRef {
    let fields = plain.fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => Arc::new(field.as_ref().clone().with_data_type(coded::coded_type())),
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn in_columns(wanted: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = wanted.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) => Ok(arrow::compute::cast(column, field.data_type())?),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(Arc::clone(wanted), columns)?)
}

/// Parts that follow each other by a column of ids: which one an id belongs to is told by its first bits.
pub(crate) struct ById {
    column: usize,
    part_of: Vec<u32>,
    n_parts: usize,
}

/// The first bits of a key, counted from the smallest.
fn bucket(key: i64) -> usize {
    (((key as u64) ^ (1 << 63)) >> (64 - KEY_BITS)) as usize
}

impl ById {
    /// Parts of about `part_rows` rows of some files.
    ///
    /// # Errors
    /// Where the files cannot be read.
    pub(crate) async fn of(
        snapshot: &TableSnapshot,
        files: &[DataFile],
        key: &str,
        part_rows: usize,
        n_threads: usize,
    ) -> Result<Self> {
        let provider = LakeTable::with_files(snapshot, Arc::new(files.to_vec()));
        let first_bits = (col(key) >> lit(i64::from(64 - KEY_BITS))).alias("first_bits");
        let counted = engine::session_of(snapshot, n_threads)
            .read_table(Arc::new(provider))?
            .aggregate(vec![first_bits], vec![count(lit(1i64)).alias("n")])?
            .collect()
            .await?;
        let mut counts = vec![0usize; 1 << KEY_BITS];
        for batch in &counted {
            let (bits, n) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Int64Type>());
            for (bits, n) in bits.iter().zip(n.values()) {
                counts[bucket(bits.unwrap_or_default() << (64 - KEY_BITS))] += *n as usize;
            }
        }
        let column = schema::arrow_schema(snapshot.table).index_of(key)?;
        Ok(Self::from_counts(column, &counts, part_rows))
    }

    fn from_counts(column: usize, counts: &[usize], part_rows: usize) -> Self {
        let part_rows = part_rows.max(counts.iter().sum::<usize>().div_ceil(PARTS_MAX)).max(1);
        let (mut part_of, mut part, mut n_in_part) = (Vec::with_capacity(counts.len()), 0u32, 0);
        for n in counts {
            if n_in_part > 0 && n_in_part + n > part_rows {
                part += 1;
                n_in_part = 0;
            }
            n_in_part += n;
            part_of.push(part);
        }
        Self { column, part_of, n_parts: part as usize + 1 }
    }
}

impl Rule for ById {
    fn n_parts(&self) -> usize {
        self.n_parts
    }

    fn parts_of(&self, batch: &RecordBatch) -> Result<Vec<u32>> {
        let keys = batch.column(self.column).as_primitive::<Int64Type>();
        Ok(keys.values().iter().map(|key| self.part_of[bucket(*key)]).collect())
    }
}

/// Parts that are being written.
struct Dealing<R> {
    rule: R,
    schema: SchemaRef,
    writers: Vec<ArrowWriter<File>>,
}

impl<R: Rule> Dealing<R> {
    fn new(table: &Table, rule: R) -> Result<Self> {
        let schema = schema::arrow_schema(table);
        let writer = |_| {
            let file = tempfile::tempfile().map_err(on_the_disk)?;
            Ok(ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties(table)))?)
        };
        let writers = (0..rule.n_parts()).map(writer).collect::<Result<_>>()?;
        Ok(Self { rule, schema, writers })
    }

    /// Appends all that comes; says how many rows that were by then. Who sends more is told where it fails: then nobody takes it.
    async fn all_of(mut self, mut receiver: mpsc::Receiver<RecordBatch>, told: impl Fn(usize)) -> Result<Self> {
        let (mut held, mut n_held, mut n_dealt) = (Vec::new(), 0, 0);
        loop {
            let batch = receiver.recv().await;
            let is_last = batch.is_none();
            n_held += batch.as_ref().map_or(0, RecordBatch::num_rows);
            held.extend(batch);
            if n_held >= HELD_ROWS || (is_last && n_held > 0) {
                let batches = std::mem::take(&mut held);
                self = blocking(move || self.deal(&batches)).await?;
                n_dealt += std::mem::take(&mut n_held);
                told(n_dealt);
            }
            if is_last {
                return Ok(self);
            }
        }
    }

    /// Appends rows to their parts.
    fn deal(mut self, held: &[RecordBatch]) -> Result<Self> {
        let parts: Vec<Vec<u32>> = held.par_iter().map(|batch| self.rule.parts_of(batch)).collect::<Result<_>>()?;
        let (places, ends) = by_part(&parts, self.rule.n_parts());
        let rows = Gatherer::new(&self.schema, held, places)?;
        self.writers.par_iter_mut().enumerate().try_for_each(|(part, writer)| {
            let start = if part == 0 { 0 } else { ends[part - 1] };
            for from in (start..ends[part]).step_by(BATCH_ROWS) {
                writer.write(&rows.gather(from..(from + BATCH_ROWS).min(ends[part]))?)?;
            }
            // A writer holds little then, and there are many of them.
            writer.flush().map_err(LakeError::from)
        })?;
        Ok(self)
    }

    fn finish(self) -> Result<Vec<File>> {
        self.writers.into_iter().map(|writer| Ok(writer.into_inner()?)).collect()
    }
}

/// The places of rows in the order of their parts, and where each part ends.
fn by_part(parts: &[Vec<u32>], n_parts: usize) -> (Vec<Place>, Vec<usize>) {
    let mut ends = vec![0usize; n_parts];
    parts.iter().flatten().for_each(|part| ends[*part as usize] += 1);
    let mut n_before = 0;
    let mut next: Vec<usize> = Vec::with_capacity(n_parts);
    for end in &mut ends {
        next.push(n_before);
        n_before += *end;
        *end = n_before;
    }
    let mut places = vec![(0, 0); n_before];
    for (batch, of_batch) in parts.iter().enumerate() {
        for (row, part) in of_batch.iter().enumerate() {
            let slot = &mut next[*part as usize];
            places[*slot] = (batch as u32, row as u32);
            *slot += 1;
        }
    }
    (places, ends)
}

/// Texts as codes, numbers as they are, no statistics: it is read once, from its start to its end.
fn properties(table: &Table) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::None);
    for column in table.columns.iter().filter(|column| column.column_type != ColumnType::Text) {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(column.name), false);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_each_other_by_key_and_keep_to_their_size() {
        let mut counts = vec![0; 1 << KEY_BITS];
        for (key, n) in [(i64::MIN, 3), (-1, 4), (0, 9), (1 << 60, 1), (i64::MAX, 2)] {
            counts[bucket(key)] += n;
        }
        let parts = ById::from_counts(0, &counts, 7);
        let part = |key: i64| parts.part_of[bucket(key)];
        assert_eq!(
            [i64::MIN, -1, 0, 1 << 60, i64::MAX].map(part),
            [0, 0, 1, 2, 2],
            "what is too large is one by itself"
        );
        assert_eq!(parts.n_parts, 3);
        assert_eq!(ById::from_counts(0, &[0; 1 << KEY_BITS], 7).n_parts, 1);
        assert!(ById::from_counts(0, &[1; 1 << KEY_BITS], 1).n_parts <= PARTS_MAX);
    }

    #[test]
    fn places_stand_by_part_and_as_they_came() {
        let (places, ends) = by_part(&[vec![2, 0, 2], vec![0, 2]], 3);
        assert_eq!(places, [(0, 1), (1, 0), (0, 0), (0, 2), (1, 1)]);
        assert_eq!(ends, [2, 2, 5]);
    }
}
