//! Upkeep: many small files into few sorted ones, and files that no version needs any more removed.

use std::sync::Arc;

use arrow::array::RecordBatch;
use crowsnest_model::tables::Table;
use datafusion::scalar::ScalarValue;
use deltalake::kernel::Add;
use deltalake::operations::vacuum::VacuumMode;
use serde::Serialize;

use crate::append;
use crate::by_name;
use crate::commit::{self, Grain, NewFile};
use crate::engine;
use crate::provider::LakeTable;
use crate::table::{DataFile, TableSnapshot};
use crate::{Lake, LakeError, Result, recut, schema, sort};

/// Files are brought together up to about this many rows.
const FILE_ROWS_TARGET: usize = 4_000_000;
/// A file of fewer rows is worth bringing together with others.
const FILE_ROWS_SMALL: usize = 1_000_000;

/// An append never leaves more files than this of fewer rows than that: each of them is opened by who reads the table.
const FILES_TINY_MAX: usize = 16;
const FILE_ROWS_TINY: usize = 10_000;
const ATTEMPTS_MAX: usize = 10;

/// What `optimize` did to one table.
#[derive(Debug, Clone, Serialize)]
pub struct Optimized {
    /// The table.
    pub table: &'static str,
    /// Files taken away.
    pub n_files_before: usize,
    /// Files put in their place.
    pub n_files_after: usize,
    /// Rows in them.
    pub n_rows: usize,
}

/// What `vacuum` removed from one table.
#[derive(Debug, Clone, Serialize)]
pub struct Vacuumed {
    /// The table.
    pub table: &'static str,
    /// Files that no kept version needs.
    pub n_files: usize,
}

/// Rows of the files that a large table is cut into.
pub const ROWS_PER_FILE: usize = 2_000_000;

/// How tables are looked after.
#[derive(Clone, Copy)]
pub struct Upkeep<'u> {
    /// What was replaced is removed as [`vacuum`] does, before rows are written by name once more: the disk then holds the
    /// table twice, not three times.
    pub vacuum_hours: Option<u32>,
    /// A large table is cut into files of at most about so many rows, of which two are held at a time.
    pub rows_per_file: usize,
    /// Is told what is being done, and how many of how many parts of that are done.
    pub progress: &'u (dyn Fn(&'static str, usize, usize) + Sync),
}

impl Default for Upkeep<'_> {
    fn default() -> Self {
        Self { vacuum_hours: None, rows_per_file: ROWS_PER_FILE, progress: &|_, _, _| {} }
    }
}

impl std::fmt::Debug for Upkeep<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Upkeep")
            .field("vacuum_hours", &self.vacuum_hours)
            .field("rows_per_file", &self.rows_per_file)
            .finish_non_exhaustive()
    }
}

/// Brings a table's small files together, sorted, and cuts it anew where too many of its files hold everything; rows stay
/// exactly as they are.
///
/// # Errors
/// [`LakeError::TooBusy`] where others keep replacing the same files.
pub async fn optimize(lake: &Lake, table: &'static Table, upkeep: &Upkeep<'_>) -> Result<Optimized> {
    lake.refresh().await?;
    let snapshot = lake.engine().snapshots[table.name].clone();
    // What is cut anew need not be brought together before.
    let mut small: Vec<DataFile> = match recut::is_due(&snapshot, upkeep.rows_per_file) {
        true => Vec::new(),
        false => snapshot.files.iter().filter(|file| is_small(file)).cloned().collect(),
    };
    // Files about the same time come together, so that a question about a time leaves the others out.
    let day = table.columns.iter().position(|column| column.name == "period_start");
    small.sort_by_key(|file| day.and_then(|index| first_day(file, index)));
    let mut done = Optimized { table: table.name, n_files_before: 0, n_files_after: 0, n_rows: 0 };
    let mut current = snapshot;
    let groups = groups(small);
    for (number, group) in groups.iter().enumerate() {
        (upkeep.progress)("bringing small files together", number, groups.len());
        let (after, n_files, n_rows) = rewrite(&current, group, lake.options().n_threads).await?;
        done.n_files_before += group.len();
        done.n_files_after += n_files;
        done.n_rows += n_rows;
        current = after;
    }
    if let Some(cut) = Box::pin(recut::recut(&current, lake.options().n_threads, upkeep)).await? {
        done.n_files_before += cut.n_files_before;
        done.n_files_after += cut.n_files_after;
        done.n_rows += cut.n_rows;
    }
    if let Some(hours) = upkeep.vacuum_hours {
        vacuum(lake, table, hours, false).await?;
    }
    let current = current.latest().await?;
    Box::pin(by_name::renew(&current, by_name::ROWS_MIN, lake.options().n_threads, upkeep)).await?;
    lake.refresh().await?;
    Ok(done)
}

/// What an append leaves to be done now and then, so that a table of many small appends opens as fast as one of few: a
/// checkpoint every some commits, and the smallest files brought together when there are many.
///
/// `version` is the append's own; the snapshot may be later. The rows are in the table already: what fails here is told
/// to the log, and the next append tries again.
pub(crate) async fn after_append(snapshot: TableSnapshot, version: u64, n_threads: usize) {
    let (table, mut current) = (snapshot.table.name, snapshot);
    let mut tiny: Vec<DataFile> = current.files.iter().filter(|file| n_rows(file) < FILE_ROWS_TINY).cloned().collect();
    // A table that an older version wrote may have very many: the next appends take the others.
    let mut n_together = 0;
    tiny.retain(|file| {
        n_together += n_rows(file);
        n_together <= FILES_TINY_MAX * FILE_ROWS_TINY
    });
    if tiny.len() >= FILES_TINY_MAX {
        match Box::pin(rewrite(&current, &tiny, n_threads)).await {
            Ok((after, ..)) => current = after,
            Err(error) => tracing::debug!(%error, table, "small files not brought together"),
        }
    }
    if (version..=current.version()).any(commit::is_checkpoint)
        && let Err(error) = deltalake::checkpoints::create_checkpoint(&current.delta, None).await
    {
        tracing::debug!(%error, table, "no checkpoint written");
    }
}

/// Whether a file is worth bringing together with others: not where it is small because its metric is.
pub(crate) fn is_small(file: &DataFile) -> bool {
    n_rows(file) < FILE_ROWS_SMALL && !recut::is_cut(file)
}

pub(crate) fn n_rows(file: &DataFile) -> usize {
    file.statistics.num_rows.get_value().copied().unwrap_or_default()
}

/// The first day of a file's rows, as days since 1970.
fn first_day(file: &DataFile, index: usize) -> Option<i32> {
    match file.statistics.column_statistics.get(index)?.min_value.get_value()? {
        ScalarValue::Date32(day) => *day,
        _ => None,
    }
}

fn groups(files: Vec<DataFile>) -> Vec<Vec<DataFile>> {
    let mut groups: Vec<Vec<DataFile>> = Vec::new();
    let mut rows_in_last = usize::MAX;
    for file in files {
        let n = n_rows(&file);
        match groups.last_mut() {
            Some(last) if rows_in_last + n <= FILE_ROWS_TARGET => {
                last.push(file);
                rows_in_last += n;
            }
            _ => {
                groups.push(vec![file]);
                rows_in_last = n;
            }
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

async fn rewrite(
    snapshot: &TableSnapshot,
    group: &[DataFile],
    n_threads: usize,
) -> Result<(TableSnapshot, usize, usize)> {
    let batches = read(snapshot, group, n_threads).await?;
    replace_by_rows(snapshot, group, &batches).await
}

/// Puts files with these rows, sorted, in the place of others; gives the snapshot after, and how many files and rows.
/// Where others have replaced them meanwhile, nothing is done.
pub(crate) async fn replace_by_rows(
    snapshot: &TableSnapshot,
    group: &[DataFile],
    batches: &[RecordBatch],
) -> Result<(TableSnapshot, usize, usize)> {
    let ordered = sort::in_order(snapshot.table, batches, sort::all_places(batches));
    let n_rows = ordered.len();
    // Less of a file that was cut follows the others as it did.
    let begins = if let [one] = group
        && recut::is_cut(one)
    {
        recut::CUT
    } else {
        commit::PLAIN
    };
    let files = commit::write_files_as(begins, Grain::TABLE, snapshot, batches, ordered, 1).await?;
    let removed: Vec<_> = group.iter().map(|file| file.add.clone()).collect();
    replace(snapshot, &removed, &files).await.map(|(after, is_done)| match is_done {
        true => (after, files.len(), n_rows),
        false => (after, 0, 0),
    })
}

/// Puts files in the place of others that hold the same rows, or, where one of those is gone by now, discards them.
pub(crate) async fn replace(
    snapshot: &TableSnapshot,
    removed: &[Add],
    files: &[NewFile],
) -> Result<(TableSnapshot, bool)> {
    let mut current = snapshot.clone();
    for _ in 0..ATTEMPTS_MAX {
        current = current.latest().await?;
        // A commit may have been carried out although its answer was lost: then these files hold the rows.
        if !files.is_empty() && commit::is_part_of(&current, files) {
            return Ok((current, true));
        }
        let is_there = |add: &Add| current.files.iter().any(|file| file.add.path == add.path);
        if !removed.iter().all(is_there) {
            commit::discard(&current, files).await;
            return Ok((current, false));
        }
        match commit::replace_files(&current, removed, files).await {
            Ok(_) => return Ok((current.latest().await?, true)),
            Err(error) if append::is_lost_race(&error) => {}
            Err(error) => return not_replaced(current, files, error.into()).await,
        }
    }
    let busy = LakeError::TooBusy { table: snapshot.table.name, attempts: ATTEMPTS_MAX };
    not_replaced(current, files, busy).await
}

/// What an attempt that failed comes to: it may have been carried out all the same.
async fn not_replaced(snapshot: TableSnapshot, files: &[NewFile], error: LakeError) -> Result<(TableSnapshot, bool)> {
    let after = snapshot.latest().await?;
    if !files.is_empty() && commit::is_part_of(&after, files) {
        return Ok((after, true));
    }
    // In a store, what seems to have failed may yet arrive: the files stay until `vacuum`.
    if after.delta.table_url().scheme() == "file" {
        commit::discard(&after, files).await;
    }
    Err(error)
}

/// The rows of some files of a table, with the table's own types.
pub(crate) async fn read(snapshot: &TableSnapshot, group: &[DataFile], n_threads: usize) -> Result<Vec<RecordBatch>> {
    let context = engine::session_of(snapshot, n_threads);
    let provider = LakeTable::with_files(snapshot, Arc::new(group.to_vec()));
    let read = context.read_table(Arc::new(provider))?.collect().await?;
    read.iter().map(|batch| with_own_types(snapshot.table, batch)).collect()
}

/// Rows of a table with its own types: the engine's text may be of another.
pub(crate) fn with_own_types(table: &Table, batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = schema::arrow_schema(table);
    let own = batch.columns().iter().zip(schema.fields());
    let columns = own.map(|(column, field)| arrow::compute::cast(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// Removes files that no version of the last `hours` needs, those of imports that were killed or failed before their
/// commit among them. With few hours, nothing else may be importing: its files are not committed yet either.
///
/// # Errors
/// Where the folder cannot be listed or written.
pub async fn vacuum(lake: &Lake, table: &'static Table, hours: u32, is_dry_run: bool) -> Result<Vacuumed> {
    lake.refresh().await?;
    let snapshot = lake.engine().snapshots[table.name].clone();
    let (_, metrics) = snapshot
        .delta
        .clone()
        .vacuum()
        .with_mode(VacuumMode::Full)
        .with_retention_period(deltalake_duration(hours))
        .with_enforce_retention_duration(false)
        .with_dry_run(is_dry_run)
        .await?;
    if !is_dry_run {
        by_name::remove_stale(&snapshot, std::time::Duration::from_secs(3600 * u64::from(hours))).await?;
    }
    lake.refresh().await?;
    Ok(Vacuumed { table: table.name, n_files: metrics.files_deleted.len() })
}

/// Removes what archiving left half-written more than `hours` ago; documents that are whole are never touched.
///
/// # Errors
/// Where the archive's folder cannot be listed.
pub fn vacuum_archive(lake: &Lake, hours: u32, is_dry_run: bool) -> Result<Vacuumed> {
    let n_files =
        lake.documents().remove_incoming(std::time::Duration::from_secs(u64::from(hours) * 3600), is_dry_run)?;
    Ok(Vacuumed { table: "raw", n_files })
}

fn deltalake_duration(hours: u32) -> chrono::Duration {
    chrono::Duration::hours(i64::from(hours))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
    };
    use crowsnest_model::tables::{ColumnType, MENTIONS};

    pub(crate) fn row(n: i64) -> RecordBatch {
        let columns = MENTIONS.columns.iter().map(|column| -> ArrayRef {
            match column.column_type {
                ColumnType::Int64 => Arc::new(Int64Array::from(vec![n])),
                ColumnType::Float64 => Arc::new(Float64Array::from(vec![0.0])),
                ColumnType::Text => Arc::new(StringArray::from(vec!["product"])),
                ColumnType::Day => Arc::new(Date32Array::from(vec![0])),
                ColumnType::Instant => Arc::new(TimestampMicrosecondArray::from(vec![n]).with_timezone("UTC")),
                ColumnType::Boolean => Arc::new(BooleanArray::from(vec![true])),
            }
        });
        RecordBatch::try_new(schema::arrow_schema(&MENTIONS), columns.collect()).unwrap()
    }

    /// A store may carry out a replacement and lose its answer: then it is tried again.
    #[tokio::test]
    async fn a_replacement_that_was_carried_out_is_not_undone() {
        let folder = tempfile::tempdir().unwrap();
        let market = crate::Market::create(&folder.path().join("market"), "test").unwrap();
        let lake = Lake::open(market, crate::LakeOptions { memory_bytes: 64 << 20, n_threads: 1 }).await.unwrap();
        for n in 1..3 {
            lake.append(&MENTIONS, vec![row(n)]).await.unwrap();
        }
        lake.refresh().await.unwrap();
        let before = lake.engine().snapshots[MENTIONS.name].clone();
        let removed: Vec<Add> = before.files.iter().map(|file| file.add.clone()).collect();
        let files = commit::write_files(&before, &[row(1), row(2)], vec![(0, 0), (1, 0)], 1).await.unwrap();
        for _ in 0..2 {
            let (after, is_done) = replace(&before, &removed, &files).await.unwrap();
            assert!(is_done && after.files.len() == 1);
        }
        let others = commit::write_files(&before, &[row(1), row(2)], vec![(0, 0), (1, 0)], 1).await.unwrap();
        assert!(!replace(&before, &removed, &others).await.unwrap().1, "the files to be replaced are gone");
        lake.refresh().await.unwrap();
        let rows = lake.query("SELECT mention_id FROM mentions").await.unwrap();
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    }
}
