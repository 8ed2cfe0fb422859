//! Appending: each row once, all or nothing, whoever else is writing.
//!
//! A row is known by the table's `unique_by` columns. The rows given are first made distinct among themselves, then
//! looked up in the table's files (only those whose bounds can hold them), then written as Parquet and committed at
//! exactly the version after the one looked at. If somebody else committed that version first, only the files that came
//! since are looked at, and the commit is tried again: no row is lost, none is there twice, and nothing waits on a lock.
//!
//! Memory: the rows given, their keys (16 bytes each), and the Parquet bytes of one file per writing thread; never the
//! keys of the whole table.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use crowsnest_model::tables::Table;
use deltalake::DeltaTableError;
use futures::StreamExt as _;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use crate::coded;
use crate::commit::{self, NewFile};
use crate::sort::{self, Place};
use crate::table::{DataFile, TableSnapshot};
use crate::{LakeError, Result, engine, schema};

const ATTEMPTS_MAX: usize = 60;

/// What an append did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Appended {
    /// Rows that are new.
    pub n_added: usize,
    /// The same, of each batch that was given.
    pub n_added_of_batches: Vec<usize>,
    /// Rows that the table, or an earlier row of the same append, already had.
    pub n_known: usize,
    /// The table's version afterwards.
    pub version: u64,
}

impl Appended {
    fn of(n_given: usize, n_added_of_batches: Vec<usize>, version: u64) -> Self {
        let n_added = n_added_of_batches.iter().sum();
        Self { n_added, n_added_of_batches, n_known: n_given - n_added, version }
    }
}

type Key = u128;
type KeySet = HashSet<Key, BuildHasherDefault<KeyHasher>>;

/// Keys are made of hashes already: folding them is hash enough.
#[derive(Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u128(&mut self, value: u128) {
        self.0 = ((value >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (value as u64);
    }
}

/// Appends to a table from a snapshot of it; gives what happened and the snapshot after.
pub(crate) async fn append(
    mut snapshot: TableSnapshot,
    batches: Vec<RecordBatch>,
    n_writers: usize,
) -> Result<(Appended, TableSnapshot)> {
    let table = snapshot.table;
    for batch in &batches {
        check_schema(table, batch)?;
    }
    let keys: Vec<Vec<Key>> = batches.par_iter().map(|batch| row_keys(table, batch)).collect();
    let n_given: usize = keys.iter().map(Vec::len).sum();
    snapshot = snapshot.latest().await?;
    let mut known = KeySet::default();
    let mut looked_at: HashSet<String> = HashSet::new();
    let mut written: Option<(Vec<usize>, Vec<NewFile>)> = None;
    for attempt in 0..ATTEMPTS_MAX {
        let unseen = unseen(&snapshot, &mut looked_at);
        let n_known_before = known.len();
        find_known(&snapshot, unseen, &batches, &keys, &mut known).await?;
        if known.len() > n_known_before
            && let Some((_, files)) = written.take()
        {
            commit::discard(&snapshot, &files).await;
        }
        let (n_added_of_batches, files) = match written.take() {
            Some(done) => done,
            None => write_new(&snapshot, &batches, &keys, &known, n_writers).await?,
        };
        if files.is_empty() {
            return Ok((Appended::of(n_given, n_added_of_batches, snapshot.version()), snapshot));
        }
        match commit::add_files(&snapshot, &files).await {
            Ok(version) => {
                let after = snapshot.latest().await?;
                return Ok((Appended::of(n_given, n_added_of_batches, version), after));
            }
            Err(error) => {
                let is_race = is_lost_race(&error);
                // Only the log can tell; where that cannot be asked, `vacuum` tidies up.
                let after = match snapshot.latest().await {
                    Err(unread) if is_race => return Err(unread),
                    Err(_) => return Err(error.into()),
                    Ok(after) => after,
                };
                // A store may carry a commit out and lose its answer: then it was ourselves who committed.
                if commit::is_part_of(&after, &files) {
                    let version = after.version();
                    return Ok((Appended::of(n_given, n_added_of_batches, version), after));
                }
                if !is_race {
                    // In a store, what seems to have failed may yet arrive.
                    if snapshot.delta.table_url().scheme() == "file" {
                        commit::discard(&snapshot, &files).await;
                    }
                    return Err(error.into());
                }
                tracing::debug!(table = table.name, attempt, "another writer committed first, looking again");
                written = Some((n_added_of_batches, files));
                snapshot = after;
            }
        }
    }
    if let Some((_, files)) = written {
        commit::discard(&snapshot, &files).await;
    }
    Err(LakeError::TooBusy { table: table.name, attempts: ATTEMPTS_MAX })
}

/// The files that have not been looked at, which they are from now on.
fn unseen(snapshot: &TableSnapshot, looked_at: &mut HashSet<String>) -> Vec<DataFile> {
    snapshot.files.iter().filter(|file| looked_at.insert(file.add.path.clone())).cloned().collect()
}

fn check_schema(table: &Table, batch: &RecordBatch) -> Result<()> {
    let expected = schema::arrow_schema(table);
    let is_same =
        batch.num_columns() == expected.fields().len()
            && batch.schema().fields().iter().zip(expected.fields()).all(|(left, right)| {
                left.name() == right.name() && coded::stands_for(left.data_type(), right.data_type())
            });
    if is_same {
        return Ok(());
    }
    Err(arrow::error::ArrowError::SchemaError(format!(
        "rows for table {} have the columns {:?}, expected {:?}",
        table.name,
        batch.schema().fields(),
        expected.fields()
    ))
    .into())
}

pub(crate) fn is_lost_race(error: &DeltaTableError) -> bool {
    matches!(error, DeltaTableError::VersionAlreadyExists(_))
        || error.to_string().contains("Failed to commit transaction")
        || error.to_string().contains("already exists")
}

/// One key per row from the table's `unique_by` columns: two 64-bit ids as they are, anything else hashed (XXH3-128).
fn row_keys(table: &Table, batch: &RecordBatch) -> Vec<Key> {
    let columns: Vec<&dyn Array> =
        table.unique_by.iter().filter_map(|name| batch.column_by_name(name)).map(AsRef::as_ref).collect();
    keys_of(&columns, batch.num_rows())
}

fn keys_of(columns: &[&dyn Array], n_rows: usize) -> Vec<Key> {
    let numbers: Vec<_> = columns.iter().filter_map(|column| column.as_primitive_opt::<Int64Type>()).collect();
    if numbers.len() == columns.len() && columns.len() <= 2 {
        return (0..n_rows)
            .map(|row| numbers.iter().fold(0, |key, values| (key << 64) | u128::from(values.value(row) as u64)))
            .collect();
    }
    let mut bytes = Vec::new();
    (0..n_rows)
        .map(|row| {
            bytes.clear();
            for column in columns {
                match column.as_primitive_opt::<Int64Type>() {
                    Some(values) => bytes.extend_from_slice(&values.value(row).to_le_bytes()),
                    None => bytes.extend_from_slice(coded::text_at(*column, row).unwrap_or_default().as_bytes()),
                }
                bytes.push(0x1f);
            }
            xxh3_128(&bytes)
        })
        .collect()
}

/// Marks as known those of our keys that the given files hold.
async fn find_known(
    snapshot: &TableSnapshot,
    files: Vec<DataFile>,
    batches: &[RecordBatch],
    keys: &[Vec<Key>],
    known: &mut KeySet,
) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let Some(mut stream) = engine::scan_keys(snapshot, files, batches).await? else { return Ok(()) };
    let mut ours = KeySet::with_capacity_and_hasher(keys.iter().map(Vec::len).sum(), BuildHasherDefault::default());
    ours.extend(keys.iter().flatten().copied());
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let columns: Vec<&dyn Array> = batch.columns().iter().map(AsRef::as_ref).collect();
        known.extend(keys_of(&columns, batch.num_rows()).into_iter().filter(|key| ours.contains(key)));
    }
    Ok(())
}

async fn write_new(
    snapshot: &TableSnapshot,
    batches: &[RecordBatch],
    keys: &[Vec<Key>],
    known: &KeySet,
    n_writers: usize,
) -> Result<(Vec<usize>, Vec<NewFile>)> {
    let places = new_places(keys, known);
    let mut n_added_of_batches = vec![0; batches.len()];
    for (batch, _) in &places {
        n_added_of_batches[*batch as usize] += 1;
    }
    if places.is_empty() {
        return Ok((n_added_of_batches, Vec::new()));
    }
    let ordered = sort::in_order(snapshot.table, batches, places);
    let files = commit::write_files(snapshot, batches, ordered, n_writers).await?;
    Ok((n_added_of_batches, files))
}

fn new_places(keys: &[Vec<Key>], known: &KeySet) -> Vec<Place> {
    let n_rows = keys.iter().map(Vec::len).sum();
    let mut seen = KeySet::with_capacity_and_hasher(n_rows, BuildHasherDefault::default());
    let mut places = Vec::with_capacity(n_rows);
    for (batch, batch_keys) in keys.iter().enumerate() {
        for (row, key) in batch_keys.iter().enumerate() {
            if (known.is_empty() || !known.contains(key)) && seen.insert(*key) {
                places.push((batch as u32, row as u32));
            }
        }
    }
    places
}
