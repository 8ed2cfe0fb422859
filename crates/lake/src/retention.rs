//! What a source may not keep for ever is removed when its time is over: rows, documents, and a line says so.
//!
//! This is the one place where rows go. Files that hold such rows are written anew without them; older versions of the
//! table still have them until `vacuum` removes their files. A document's body goes when no row that stays came from it.

use arrow::array::{Array as _, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::TimestampMicrosecondType;
use crowsnest_model::tables::{CLAIMS, DOCUMENTS, EVENTS, Table};
use serde::Serialize;

use crate::table::TableSnapshot;
use crate::{Lake, Result, maintain, sql};

const DAY_MICROS: i64 = 86_400_000_000;

/// What was removed of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// The source.
    pub source: String,
    /// Days that it may be kept.
    pub retention_days: u32,
    /// Claims.
    pub n_claims: usize,
    /// Events.
    pub n_events: usize,
    /// Documents.
    pub n_documents: usize,
}

/// Removes what is older than its source allows, at a moment (microseconds since 1970-01-01 UTC), and writes it into the
/// audit log; gives a line for each source that had something.
///
/// # Errors
/// Where the tables or the archive cannot be written; [`crate::LakeError::TooBusy`] where others keep writing.
pub async fn forget(lake: &Lake, now: i64, who: &str, is_dry_run: bool) -> Result<Vec<Forgotten>> {
    let mut forgotten = Vec::new();
    for card in &lake.market().sources {
        let Some(retention_days) = card.retention_days else { continue };
        let before = now - i64::from(retention_days) * DAY_MICROS;
        let documents = documents_before(lake, &card.name, before).await?;
        let mut done = Forgotten { source: card.name.clone(), retention_days, ..Forgotten::default() };
        done.n_claims = remove(lake, &CLAIMS, "recorded_at", &card.name, before, is_dry_run).await?;
        done.n_events = remove(lake, &EVENTS, "recorded_at", &card.name, before, is_dry_run).await?;
        done.n_documents = remove(lake, &DOCUMENTS, "known_at", &card.name, before, is_dry_run).await?;
        if done.n_claims + done.n_events + done.n_documents == 0 {
            continue;
        }
        if !is_dry_run {
            lake.refresh().await?;
            for document in documents {
                if !is_needed(lake, &document).await? {
                    lake.documents().remove(&document)?;
                }
            }
            let what = format!(
                "removed of {}, kept {retention_days} days: {} claims, {} events, {} documents",
                done.source, done.n_claims, done.n_events, done.n_documents
            );
            lake.state().audit(now, who, &what)?;
        }
        forgotten.push(done);
    }
    Ok(forgotten)
}

async fn documents_before(lake: &Lake, source: &str, before: i64) -> Result<Vec<String>> {
    lake.refresh().await?;
    let sql = format!(
        "SELECT DISTINCT document FROM documents WHERE source = {} AND known_at < to_timestamp_micros({before})",
        sql::quoted(source)
    );
    let mut documents = Vec::new();
    for batch in lake.query(&sql).await? {
        documents.extend(batch.column(0).as_string_view().iter().flatten().map(str::to_owned));
    }
    Ok(documents)
}

/// Whether a row that stays says that it came from the document.
async fn is_needed(lake: &Lake, document: &str) -> Result<bool> {
    for table in ["documents", "claims", "events"] {
        let sql = format!("SELECT 1 FROM {table} WHERE document = {} LIMIT 1", sql::quoted(document));
        if lake.query(&sql).await?.iter().any(|batch| batch.num_rows() > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the files of a table anew that hold such rows; gives how many rows those were.
async fn remove(
    lake: &Lake,
    table: &'static Table,
    time: &str,
    source: &str,
    before: i64,
    is_dry_run: bool,
) -> Result<usize> {
    lake.refresh().await?;
    let mut snapshot: TableSnapshot = lake.engine().snapshots[table.name].clone();
    let mut n_removed = 0;
    for file in snapshot.files.as_ref().clone() {
        let batches = maintain::read(&snapshot, std::slice::from_ref(&file), lake.options().n_threads).await?;
        let mut kept = Vec::with_capacity(batches.len());
        let mut n_of_file = 0;
        for batch in &batches {
            let stays = stays(batch, time, source, before);
            n_of_file += batch.num_rows() - stays.true_count();
            kept.push(filter_record_batch(batch, &stays)?);
        }
        if n_of_file == 0 {
            continue;
        }
        n_removed += n_of_file;
        if !is_dry_run {
            snapshot = maintain::replace_by_rows(&snapshot, std::slice::from_ref(&file), &kept).await?.0;
        }
    }
    Ok(n_removed)
}

fn stays(batch: &RecordBatch, time: &str, source: &str, before: i64) -> BooleanArray {
    let sources = batch.column_by_name("source").and_then(|column| column.as_string_opt::<i32>());
    let times = batch.column_by_name(time).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    (0..batch.num_rows())
        .map(|row| {
            let is_of_source = sources.is_some_and(|sources| !sources.is_null(row) && sources.value(row) == source);
            let is_old = times.is_some_and(|times| !times.is_null(row) && times.value(row) < before);
            Some(!(is_of_source && is_old))
        })
        .collect()
}
