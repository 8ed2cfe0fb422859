//! A large table cut anew: files that each hold some of every metric become files of a few metrics, or of some months of
//! one, each.
//!
//! In: a snapshot whose files overlap. Out: the same rows in files that follow each other in the table's order, as levels
//! of a log-structured merge tree do (O'Neil et al. 1996). Appends come by when things were said, so each of their files
//! holds every metric, and a question about one metric opens all files: its cost grew with the lake although its answer
//! did not. Rows are rewritten when files that hold everything are a quarter of the table, hence O(log n) times each.
//! Memory: two pieces at a time, of at most [`PIECE_ROWS`] rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{Expr, cast, col, lit};
use datafusion::scalar::ScalarValue;

use crate::commit::{self, NewFile};
use crate::engine;
use crate::maintain::{self, Upkeep};
use crate::provider::LakeTable;
use crate::table::{DataFile, TableSnapshot};
use crate::{Result, sort};

/// Rows of a piece that is sorted and written at once.
pub(crate) const PIECE_ROWS: usize = 2_000_000;
/// So many files that hold everything are worth cutting anew,
const WIDE_FILES_MIN: usize = 4;
/// if they hold at least this share of the rows.
const WIDE_SHARE_MIN: f64 = 0.25;
/// A file holds everything if its metrics reach over more than this share of those that files begin or end with.
const WIDE_REACH: f64 = 0.5;
/// Of fewer different metrics a question leaves out too little to be worth it.
const METRICS_MIN: usize = 2;

/// Where rows stand in the table's order, as far as cuts go: metric, first day (days since 1970).
type Key = (String, i32);

/// A run of rows: first and last key, both within.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    first: Key,
    last: Key,
}

/// What was cut anew.
pub(crate) struct Recut {
    pub(crate) n_files_before: usize,
    pub(crate) n_files_after: usize,
    pub(crate) n_rows: usize,
}

/// Cuts a table anew where that is due; `None` where it is not, or where others replaced its files meanwhile.
///
/// Pieces have `piece_rows` rows at most, as long as a metric's month has not more.
///
/// # Errors
/// Where files cannot be read or written, or rows were not found again: then nothing is replaced.
pub(crate) async fn recut(
    snapshot: &TableSnapshot,
    piece_rows: usize,
    n_threads: usize,
    upkeep: &Upkeep<'_>,
) -> Result<Option<Recut>> {
    if snapshot.table.partition_by != ["metric"] || snapshot.table.sort_by.first() != Some(&"period_start") {
        return Ok(None);
    }
    if !is_due(snapshot) {
        return Ok(None);
    }
    let files = snapshot.files.as_slice();
    let mut written = Vec::new();
    let done = write_pieces(snapshot, piece_rows, n_threads, upkeep, &mut written).await;
    let is_whole = matches!(done, Ok(n_rows) if n_rows == snapshot.n_rows());
    if !is_whole {
        commit::discard(snapshot, &written).await;
        let n_rows = done?;
        let (table, wanted) = (snapshot.table.name, snapshot.n_rows());
        tracing::warn!(table, n_rows, wanted, "cutting anew found another number of rows; nothing was replaced");
        return Ok(None);
    }
    let removed: Vec<_> = files.iter().map(|file| file.add.clone()).collect();
    let (_, is_done) = maintain::replace(snapshot, &removed, &written).await?;
    let (n_files_before, n_files_after, n_rows) = (files.len(), written.len(), snapshot.n_rows());
    Ok(is_done.then_some(Recut { n_files_before, n_files_after, n_rows }))
}

/// Writes all pieces, and gives how many rows they have; while one is sorted and written, the next is read.
async fn write_pieces(
    snapshot: &TableSnapshot,
    piece_rows: usize,
    n_threads: usize,
    upkeep: &Upkeep<'_>,
    written: &mut Vec<NewFile>,
) -> Result<usize> {
    let pieces = pieces(&counts(snapshot, n_threads).await?, piece_rows);
    let (mut n_rows, mut here) = (0, Vec::new());
    for (number, piece) in pieces.iter().enumerate() {
        (upkeep.progress)("cutting anew by metric and month", number, pieces.len());
        let reading = maintain::read_where(snapshot, &snapshot.files, Some(within(piece)), n_threads);
        let (files, next) = futures::join!(write(snapshot, std::mem::take(&mut here)), reading);
        written.extend(files?);
        here = next?;
        n_rows += here.iter().map(RecordBatch::num_rows).sum::<usize>();
    }
    written.extend(write(snapshot, here).await?);
    Ok(n_rows)
}

async fn write(snapshot: &TableSnapshot, batches: Vec<RecordBatch>) -> Result<Vec<NewFile>> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let ordered = sort::in_order(snapshot.table, &batches, sort::all_places(&batches));
    commit::write_files(snapshot, &batches, ordered, 1).await
}

/// Whether files that hold everything have become many.
fn is_due(snapshot: &TableSnapshot) -> bool {
    let Some(index) = snapshot.table.columns.iter().position(|column| column.name == "metric") else { return false };
    let ranges: Vec<Option<(&str, &str)>> = snapshot.files.iter().map(|file| range(file, index)).collect();
    let ends: BTreeSet<&str> = ranges.iter().flatten().flat_map(|(low, high)| [*low, *high]).collect();
    if ends.len() < METRICS_MIN {
        return false;
    }
    let is_wide = |range: &Option<(&str, &str)>| match range {
        Some((low, high)) => ends.range::<&str, _>(low..=high).count() as f64 > WIDE_REACH * ends.len() as f64,
        None => true,
    };
    let wide: Vec<&DataFile> =
        snapshot.files.iter().zip(&ranges).filter(|(_, range)| is_wide(range)).map(|(file, _)| file).collect();
    let n_wide_rows: usize = wide.iter().map(|file| maintain::n_rows(file)).sum();
    wide.len() >= WIDE_FILES_MIN && n_wide_rows as f64 >= WIDE_SHARE_MIN * snapshot.n_rows() as f64
}

/// A file's first and last metric.
fn range(file: &DataFile, index: usize) -> Option<(&str, &str)> {
    let bounds = file.statistics.column_statistics.get(index)?;
    match (bounds.min_value.get_value()?, bounds.max_value.get_value()?) {
        (ScalarValue::Utf8(Some(low)), ScalarValue::Utf8(Some(high)))
        | (ScalarValue::Utf8View(Some(low)), ScalarValue::Utf8View(Some(high))) => Some((low, high)),
        _ => None,
    }
}

/// How many rows each metric has that begin on each day, in the table's order.
async fn counts(snapshot: &TableSnapshot, n_threads: usize) -> Result<Vec<(Key, usize)>> {
    use arrow_schema::DataType::Utf8;
    let context = engine::session_of(snapshot, n_threads);
    let rows = context
        .read_table(Arc::new(LakeTable::new(snapshot)))?
        .aggregate(vec![col("metric"), col("period_start")], vec![count(lit(1i64)).alias("n")])?
        .select(vec![cast(col("metric"), Utf8).alias("metric"), col("period_start"), col("n")])?
        .collect()
        .await?;
    let mut found: Vec<(Key, usize)> = rows.iter().flat_map(counts_of).collect();
    found.sort_unstable();
    Ok(found)
}

fn counts_of(batch: &RecordBatch) -> Vec<(Key, usize)> {
    let (metrics, days) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Date32Type>());
    let counts = batch.column(2).as_primitive::<Int64Type>();
    let of_row = |row: usize| ((metrics.value(row).to_owned(), days.value(row)), counts.value(row) as usize);
    (0..batch.num_rows()).map(of_row).collect()
}

/// Runs of keys with at most `rows_max` rows each; where half of that is reached, a new metric begins a new one.
fn pieces(counts: &[(Key, usize)], rows_max: usize) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut n_in_last = 0;
    for (key, n) in counts {
        match pieces.last_mut() {
            Some(last) if n_in_last + n <= rows_max && (last.last.0 == key.0 || n_in_last < rows_max / 2) => {
                last.last = key.clone();
                n_in_last += n;
            }
            _ => {
                pieces.push(Piece { first: key.clone(), last: key.clone() });
                n_in_last = *n;
            }
        }
    }
    pieces
}

/// The rows of a piece; the bounds of metric stand by themselves too, since files and pages are left out by them.
fn within(piece: &Piece) -> Expr {
    let day = |days: i32| lit(ScalarValue::Date32(Some(days)));
    let (first, last) = (&piece.first, &piece.last);
    if first.0 == last.0 {
        let is_metric = col("metric").eq(lit(first.0.clone()));
        return is_metric.and(col("period_start").between(day(first.1), day(last.1)));
    }
    let after = col("metric").gt(lit(first.0.clone())).or(col("period_start").gt_eq(day(first.1)));
    let before = col("metric").lt(lit(last.0.clone())).or(col("period_start").lt_eq(day(last.1)));
    col("metric").between(lit(first.0.clone()), lit(last.0.clone())).and(after).and(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(metric: &str, day: i32) -> Key {
        (metric.to_owned(), day)
    }

    #[test]
    fn pieces_keep_to_their_size_and_begin_with_metrics() {
        let counts = [
            (key("a", 1), 3),
            (key("a", 2), 3),
            (key("a", 3), 3),
            (key("b", 1), 1),
            (key("c", 1), 20),
            (key("c", 2), 1),
        ];
        let found = pieces(&counts, 6);
        let expected = [("a", 1, "a", 2), ("a", 3, "a", 3), ("b", 1, "b", 1), ("c", 1, "c", 1), ("c", 2, "c", 2)];
        let expected = expected.map(|(from, day, to, until)| Piece { first: key(from, day), last: key(to, until) });
        assert_eq!(found, expected, "a month larger than a piece is one by itself");
        assert_eq!(pieces(&counts, 1000).len(), 1);
        assert!(pieces(&[], 6).is_empty());
    }

    /// A claim of a metric in a month; `n` makes it another one than others.
    fn claim(metric: &str, month: i32, n: i64) -> RecordBatch {
        use arrow::array::{
            ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
        };
        use crowsnest_model::tables::{CLAIMS, ColumnType};
        let columns = CLAIMS.columns.iter().map(|column| -> ArrayRef {
            match column.column_type {
                ColumnType::Int64 => Arc::new(Int64Array::from(vec![n])),
                ColumnType::Float64 => Arc::new(Float64Array::from(vec![n as f64])),
                ColumnType::Text if column.name == "metric" => Arc::new(StringArray::from(vec![metric])),
                ColumnType::Text => Arc::new(StringArray::from(vec!["product"])),
                ColumnType::Day => Arc::new(Date32Array::from(vec![month * 31])),
                ColumnType::Instant => Arc::new(TimestampMicrosecondArray::from(vec![n]).with_timezone("UTC")),
                ColumnType::Boolean => Arc::new(BooleanArray::from(vec![true])),
            }
        });
        RecordBatch::try_new(crate::schema::arrow_schema(&CLAIMS), columns.collect()).unwrap()
    }

    async fn rows_of(lake: &crate::Lake) -> Vec<String> {
        let rows =
            lake.query("SELECT metric, period_start, claim_id, value FROM claims ORDER BY claim_id").await.unwrap();
        arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string().lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn files_that_hold_everything_become_files_that_follow_each_other() {
        use crowsnest_model::tables::CLAIMS;
        let folder = tempfile::tempdir().unwrap();
        let market = crate::Market::create(&folder.path().join("market"), "test").unwrap();
        let lake =
            crate::Lake::open(market, crate::LakeOptions { memory_bytes: 64 << 20, n_threads: 1 }).await.unwrap();
        let metrics = ["downloads", "mau", "rank", "revenue"];
        for said in 0..5 {
            let rows = metrics.iter().flat_map(|metric| (0..3).map(move |month| (*metric, month)));
            let rows = rows.enumerate().map(|(n, (metric, month))| claim(metric, month, said * 100 + n as i64));
            lake.append(&CLAIMS, rows.collect()).await.unwrap();
        }
        lake.refresh().await.unwrap();
        let (before, rows) = (lake.engine().snapshots[CLAIMS.name].clone(), rows_of(&lake).await);
        assert_eq!(before.files.len(), 5);
        let cut = recut(&before, 15, 1, &Upkeep::default()).await.unwrap().unwrap();
        assert_eq!((cut.n_files_before, cut.n_files_after, cut.n_rows), (5, 4, 60));
        lake.refresh().await.unwrap();
        assert_eq!(rows_of(&lake).await, rows);
        let after = lake.engine().snapshots[CLAIMS.name].clone();
        let index = CLAIMS.columns.iter().position(|column| column.name == "metric").unwrap();
        let mut ranges: Vec<_> = after.files.iter().filter_map(|file| range(file, index)).collect();
        ranges.sort_unstable();
        assert_eq!(ranges, metrics.map(|metric| (metric, metric)));
        assert!(recut(&after, 15, 1, &Upkeep::default()).await.unwrap().is_none(), "there is nothing left to cut");
        assert!(recut(&before, 15, 1, &Upkeep::default()).await.unwrap().is_none(), "others have replaced its files");
    }
}
