//! Writing a table's Parquet files and committing them to its log.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use crowsnest_model::tables::{ColumnType, Table};
use deltalake::DeltaTableError;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, Remove};
use deltalake::protocol::{DeltaOperation, SaveMode};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::Compression;
use parquet::file::properties::{BloomFilterPosition, EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use serde::{Deserialize, Serialize};

use crate::coded::Gatherer;
use crate::sort::Place;
use crate::statistics::{Gathered, is_of_all_sizes};
use crate::table::TableSnapshot;
use crate::{LakeError, Result, schema};

/// Rows of a file's row groups and of their pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grain {
    group_rows: usize,
    page_rows: usize,
}

impl Grain {
    /// Small enough that one product or month reads little, large enough to scan fast.
    pub(crate) const TABLE: Self = Self { group_rows: 131_072, page_rows: 8_192 };
    /// Of files that are only asked for a few names: a name's rows are in one or two pages of each column, and the texts that its
    /// group codes are few.
    pub(crate) const BY_NAME: Self = Self { group_rows: 16_384, page_rows: 2_048 };
}

/// Rows of a page of ids: a name's few rows of a month are in as few pages of those that rows are sorted by.
const ID_PAGE_ROWS: usize = 1_024;
/// Rows of a page of numbers that are stored plain: for a row here and there, little around it is read.
const NUMBER_PAGE_ROWS: usize = 2_048;
/// How often a row group's filter of those ids says that one is there that is not: a name that is gone, or not there yet,
/// is looked for in few of the months without it.
const ID_FILTER_FALSE: f64 = 0.01;
const BATCH_ROWS: usize = 16_384;
/// What a row of claims takes in a file, a little more than it does.
const ROW_BYTES_EXPECTED: usize = 40;
/// A file gets at least this many rows before another thread is worth its own file.
const FILE_ROWS_MIN: usize = 200_000;

/// A file that is written but not yet part of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NewFile {
    pub(crate) path: String,
    pub(crate) n_bytes: usize,
    pub(crate) stats: String,
}

/// Writes the rows at `places`, in that order, cut into up to `n_writers` files that are written side by side.
pub(crate) async fn write_files(
    snapshot: &TableSnapshot,
    batches: &[RecordBatch],
    places: Vec<Place>,
    n_writers: usize,
) -> Result<Vec<NewFile>> {
    write_files_as(PLAIN, Grain::TABLE, snapshot, batches, places, n_writers).await
}

/// How names of files begin of which nothing is to be told.
pub(crate) const PLAIN: &str = "part-";

/// The same with names that begin so, below the table's folder.
pub(crate) async fn write_files_as(
    begins: &str,
    grain: Grain,
    snapshot: &TableSnapshot,
    batches: &[RecordBatch],
    places: Vec<Place>,
    n_writers: usize,
) -> Result<Vec<NewFile>> {
    let n_rows = places.len();
    let n_files = (n_rows / FILE_ROWS_MIN).clamp(1, n_writers.max(1));
    let rows_per_file = n_rows.div_ceil(n_files);
    let rows = Arc::new(Gatherer::new(&schema::arrow_schema(snapshot.table), batches, places)?);
    let store = snapshot.delta.object_store();
    let mut writing = Vec::new();
    for index in 0..n_files {
        let (table, rows) = (snapshot.table, Arc::clone(&rows));
        let span = index * rows_per_file..((index + 1) * rows_per_file).min(n_rows);
        writing.push(tokio::task::spawn_blocking(move || encode(table, grain, &rows, span)));
    }
    let mut files = Vec::new();
    for task in writing {
        let (bytes, stats) = task.await.map_err(std::io::Error::other).map_err(writing_failed)??;
        let path = format!("{begins}{}.parquet", uuid());
        let n_bytes = bytes.len();
        put(store.as_ref(), &path, bytes).await?;
        files.push(NewFile { path, n_bytes, stats });
    }
    Ok(files)
}

async fn put(store: &dyn ObjectStore, path: &str, bytes: Vec<u8>) -> Result<()> {
    store.put(&Path::from(path), PutPayload::from(bytes)).await?;
    Ok(())
}

fn writing_failed(source: std::io::Error) -> LakeError {
    LakeError::File { doing: "writing", path: "lake".into(), source }
}

fn encode(table: &Table, grain: Grain, rows: &Gatherer, span: Range<usize>) -> Result<(Vec<u8>, String)> {
    // Without the Arrow schema in the file, readers see text where the rows were coded.
    let options =
        ArrowWriterOptions::new().with_properties(writer_properties(table, grain)).with_skip_arrow_metadata(true);
    let room = Vec::with_capacity(span.len() * ROW_BYTES_EXPECTED);
    let mut writer = ArrowWriter::try_new_with_options(room, Arc::clone(rows.schema()), options)?;
    let mut gathered = Gathered::new(table);
    for start in span.clone().step_by(BATCH_ROWS) {
        let batch = rows.gather(start..(start + BATCH_ROWS).min(span.end))?;
        gathered.add(&batch);
        writer.write(&batch)?;
    }
    Ok((writer.into_inner()?, gathered.to_json(table)))
}

/// Text columns whose bounds within a file leave something out: files are sorted by them, or by what goes along.
const BOUNDED_TEXTS: [&str; 4] = ["metric", "period", "event", "source"];

/// Ids that are hashes do not compress and are unique: they are stored plain, and so are numbers, of which there are as
/// many different ones as rows. The rest is dictionary-encoded.
pub(crate) fn writer_properties(table: &Table, grain: Grain) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(grain.group_rows))
        .set_data_page_row_count_limit(grain.page_rows)
        .set_bloom_filter_position(BloomFilterPosition::End)
        .set_created_by(concat!("crowsnest ", env!("CARGO_PKG_VERSION")).to_owned());
    for column in table.columns {
        let path = ColumnPath::from(column.name);
        let is_hash = column.column_type == ColumnType::Int64 && column.name.ends_with("_id");
        if is_of_all_sizes(column) {
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_data_page_size_limit(path.clone(), NUMBER_PAGE_ROWS * size_of::<f64>())
                .set_column_statistics_enabled(path, EnabledStatistics::None);
        } else if is_hash {
            builder = builder
                .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_data_page_size_limit(path.clone(), ID_PAGE_ROWS * size_of::<i64>());
            if table.sort_by.contains(&column.name) {
                builder = builder.set_column_bloom_filter_fpp(path, ID_FILTER_FALSE);
            }
        } else if column.column_type == ColumnType::Text && !BOUNDED_TEXTS.contains(&column.name) {
            // Comparing every text with the bounds so far costs more than the rest of writing it.
            builder = builder.set_column_statistics_enabled(path, EnabledStatistics::None);
        }
    }
    builder.build()
}

/// A name no other file has.
fn uuid() -> String {
    format!("{:032x}", unique())
}

/// A number no other part has: time, process, counter and address-space noise hashed to 128 bits.
pub(crate) fn unique() -> u128 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut bytes = jiff::Timestamp::now().as_nanosecond().to_le_bytes().to_vec();
    bytes.extend_from_slice(&std::process::id().to_le_bytes());
    bytes.extend_from_slice(&COUNTER.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0u8);
    bytes.extend_from_slice(&random.to_le_bytes());
    xxhash_rust::xxh3::xxh3_128(&bytes)
}

/// Commits files at exactly the version after the snapshot's; an error if somebody else took that version.
pub(crate) async fn add_files(snapshot: &TableSnapshot, files: &[NewFile]) -> Result<u64, DeltaTableError> {
    let actions = files.iter().map(|file| Action::Add(add_action(file, true))).collect();
    let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
    commit(snapshot, actions, operation).await
}

/// Commits the replacement of files by others that hold the same rows.
pub(crate) async fn replace_files(
    snapshot: &TableSnapshot,
    removed: &[Add],
    added: &[NewFile],
) -> Result<u64, DeltaTableError> {
    let mut actions: Vec<Action> = removed.iter().map(|add| Action::Remove(remove_action(add))).collect();
    actions.extend(added.iter().map(|file| Action::Add(add_action(file, false))));
    let operation = DeltaOperation::Optimize { predicate: None, target_size: 0 };
    commit(snapshot, actions, operation).await
}

/// Commits a version of the same files, so that whoever has the table open looks at its folder again. Where somebody else
/// takes that version, theirs does it.
pub(crate) async fn announce(snapshot: &TableSnapshot) {
    let operation = DeltaOperation::Optimize { predicate: None, target_size: 0 };
    if let Err(error) = commit(snapshot, Vec::new(), operation).await {
        tracing::debug!(%error, "another version was committed meanwhile");
    }
}

/// Every so many versions of a table, its state is written as a whole: who opens it reads that and the few commits since.
const CHECKPOINT_EVERY: u64 = 16;

/// Whether a version gets a checkpoint.
pub(crate) fn is_checkpoint(version: u64) -> bool {
    version.is_multiple_of(CHECKPOINT_EVERY)
}

async fn commit(
    snapshot: &TableSnapshot,
    actions: Vec<Action>,
    operation: DeltaOperation,
) -> Result<u64, DeltaTableError> {
    let state = snapshot.delta.snapshot()?;
    // Checkpoints are ours to make (`maintain::after_append`), and the log need not be listed for old entries each time.
    let properties = CommitProperties::default()
        .with_max_retries(0)
        .with_create_checkpoint(false)
        .with_cleanup_expired_logs(Some(is_checkpoint(snapshot.version() + 1)));
    let builder = CommitBuilder::from(properties).with_actions(actions);
    let done = builder.build(Some(state), snapshot.delta.log_store(), operation).await?;
    Ok(done.version())
}

/// A file as the log tells of it.
pub(crate) fn add_action(file: &NewFile, data_change: bool) -> Add {
    Add {
        path: file.path.clone(),
        partition_values: HashMap::new(),
        size: i64::try_from(file.n_bytes).unwrap_or(i64::MAX),
        modification_time: jiff::Timestamp::now().as_millisecond(),
        data_change,
        stats: Some(file.stats.clone()),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    }
}

fn remove_action(add: &Add) -> Remove {
    Remove {
        path: add.path.clone(),
        data_change: false,
        deletion_timestamp: Some(jiff::Timestamp::now().as_millisecond()),
        extended_file_metadata: Some(true),
        partition_values: Some(add.partition_values.clone()),
        size: Some(add.size),
        tags: None,
        deletion_vector: add.deletion_vector.clone(),
        base_row_id: None,
        default_row_commit_version: None,
    }
}

/// Whether a snapshot has these files.
pub(crate) fn is_part_of(snapshot: &TableSnapshot, files: &[NewFile]) -> bool {
    files.iter().all(|file| snapshot.files.iter().any(|found| found.add.path == file.path))
}

/// Removes files that will not become part of the table; what cannot be removed is left for `vacuum`.
pub(crate) async fn discard(snapshot: &TableSnapshot, files: &[NewFile]) {
    let store = snapshot.delta.object_store();
    for file in files {
        if let Err(error) = store.delete(&Path::from(file.path.as_str())).await {
            tracing::debug!(%error, path = file.path, "unused file not removed");
        }
    }
}
