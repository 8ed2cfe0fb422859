//! What a source may not keep for ever is removed when its time is over: rows, documents, and a line says so.
//!
//! This is the one place where rows go. Files that hold such rows are written anew without them; older versions of the
//! table still have them until `vacuum` removes their files. A document's body goes when no row that stays came from it, and
//! before its own row does: what a process that ended half-way left is found by the next. Names (`mentions`) and reports
//! stay.

use std::collections::BTreeSet;

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
    /// Documents, and with them their bytes.
    pub n_documents: usize,
    /// Documents of the quarantine, accepted and dropped ones too.
    pub n_in_quarantine: usize,
}

impl Forgotten {
    fn is_nothing(&self) -> bool {
        self.n_claims + self.n_events + self.n_documents + self.n_in_quarantine == 0
    }
}

impl std::fmt::Display for Forgotten {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = [
            (self.n_claims, "claim", ""),
            (self.n_events, "event", ""),
            (self.n_documents, "document", ""),
            (self.n_in_quarantine, "document", " of the quarantine"),
        ];
        let counts = counts.iter().filter(|(n, ..)| *n > 0).map(|(n, what, of)| {
            let ending = if *n == 1 { "" } else { "s" };
            format!("{n} {what}{ending}{of}")
        });
        formatter.write_str(&counts.collect::<Vec<_>>().join(", "))
    }
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
        let old = Old { source: &card.name, before };
        let mut done = Forgotten { source: card.name.clone(), retention_days, ..Forgotten::default() };
        done.n_claims = remove(lake, &CLAIMS, "recorded_at", old, is_dry_run).await?;
        done.n_events = remove(lake, &EVENTS, "recorded_at", old, is_dry_run).await?;
        let held = lake.state().quarantined_before(&card.name, before)?;
        done.n_in_quarantine = held.len();
        if !is_dry_run {
            lake.state().forget_before(&card.name, before)?;
            remove_bodies(lake, old, held).await?;
        }
        done.n_documents = remove(lake, &DOCUMENTS, "known_at", old, is_dry_run).await?;
        if done.is_nothing() {
            continue;
        }
        if !is_dry_run {
            let what = format!("removed of {}, kept {retention_days} days: {done}", done.source);
            lake.state().audit(now, who, &what)?;
        }
        forgotten.push(done);
    }
    if !is_dry_run {
        lake.refresh().await?;
    }
    Ok(forgotten)
}

/// What is to go: all of a source that is from before a moment.
#[derive(Debug, Clone, Copy)]
struct Old<'a> {
    source: &'a str,
    before: i64,
}

impl Old<'_> {
    /// As a condition over `documents`.
    fn documents(&self) -> String {
        format!("source = {} AND known_at < to_timestamp_micros({})", sql::quoted(self.source), self.before)
    }
}

async fn remove_bodies(lake: &Lake, old: Old<'_>, held: Vec<String>) -> Result<()> {
    lake.refresh().await?;
    let mut documents: BTreeSet<String> = held.into_iter().collect();
    let sql = format!("SELECT DISTINCT document FROM documents WHERE {}", old.documents());
    for batch in lake.query(&sql).await? {
        documents.extend(batch.column(0).as_string_view().iter().flatten().map(str::to_owned));
    }
    for document in documents {
        if !is_needed(lake, old, &document).await? {
            lake.documents().remove(&document)?;
        }
    }
    Ok(())
}

/// Whether something that stays came from the document.
async fn is_needed(lake: &Lake, old: Old<'_>, document: &str) -> Result<bool> {
    if lake.state().is_held(document)? {
        return Ok(true);
    }
    let others = format!("AND NOT ({})", old.documents());
    for (table, condition) in [("documents", others.as_str()), ("claims", ""), ("events", "")] {
        let sql = format!("SELECT 1 FROM {table} WHERE document = {} {condition} LIMIT 1", sql::quoted(document));
        if lake.query(&sql).await?.iter().any(|batch| batch.num_rows() > 0) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the files of a table anew that hold such rows; gives how many rows those were.
async fn remove(lake: &Lake, table: &'static Table, time: &str, old: Old<'_>, is_dry_run: bool) -> Result<usize> {
    lake.refresh().await?;
    let mut snapshot: TableSnapshot = lake.engine().snapshots[table.name].clone();
    let mut n_removed = 0;
    for file in snapshot.files.as_ref().clone() {
        let batches = maintain::read(&snapshot, std::slice::from_ref(&file), lake.options().n_threads).await?;
        let mut kept = Vec::with_capacity(batches.len());
        let mut n_of_file = 0;
        for batch in &batches {
            let stays = stays(batch, time, old);
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

fn stays(batch: &RecordBatch, time: &str, old: Old<'_>) -> BooleanArray {
    let sources = batch.column_by_name("source").and_then(|column| column.as_string_opt::<i32>());
    let times = batch.column_by_name(time).and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    (0..batch.num_rows())
        .map(|row| {
            let is_of_source = sources.is_some_and(|sources| !sources.is_null(row) && sources.value(row) == old.source);
            let is_old = times.is_some_and(|times| !times.is_null(row) && times.value(row) < old.before);
            Some(!(is_of_source && is_old))
        })
        .collect()
}
