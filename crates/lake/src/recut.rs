//! A large table cut anew: files that each hold some of every metric become files of a few metrics, or of some months of
//! one, each.
//!
//! In: a snapshot whose files overlap. Out: the same rows in files that follow each other in the table's order, as levels
//! of a log-structured merge tree do (O'Neil et al. 1996). Appends come by when things were said, so each of their files
//! holds every metric, and a question about one metric opens all files: its cost grew with the lake although its answer
//! did not. Rows are rewritten when files that were not cut have a quarter of them, hence O(log n) times each. They are dealt
//! out to pieces on the disk ([`parts`]), which are then sorted and written one by one.
//! Memory: two pieces at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use arrow_schema::ArrowError;
use crowsnest_model::tables::Table;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{cast, col, lit};

use crate::commit::{self, Grain, NewFile};
use crate::engine;
use crate::maintain::{self, Upkeep};
use crate::parts::{self, Parts, Rule};
use crate::provider::LakeTable;
use crate::table::{DataFile, TableSnapshot};
use crate::{LakeError, Result, coded, schema, sort};

/// So many files that were not cut are worth cutting anew, or as many rows as so many pieces have,
const UNCUT_FILES_MIN: usize = 4;
const UNCUT_PIECES_MIN: usize = 2;
/// if they hold at least this share of the rows.
const UNCUT_SHARE_MIN: f64 = 0.25;
/// How the names of files begin that were cut: rows in them are sorted by metric and first day, a metric's month is in one of
/// them alone, and one that holds several metrics holds all of each.
pub(crate) const CUT: &str = "cut-";
/// The columns by which cut files are sorted, and follow each other.
pub(crate) const CUT_BY: [&str; 2] = ["metric", "period_start"];

/// Where rows stand in the table's order, as far as cuts go: metric, first day (days since 1970).
type Key = (String, i32);

/// What was cut anew.
pub(crate) struct Recut {
    pub(crate) n_files_before: usize,
    pub(crate) n_files_after: usize,
    pub(crate) n_rows: usize,
}

/// Whether this file was cut.
pub(crate) fn is_cut(file: &DataFile) -> bool {
    file.add.path.starts_with(CUT)
}

/// Cuts a table anew where that is due; `None` where it is not, or where others replaced its files meanwhile.
///
/// Pieces have [`Upkeep::rows_per_file`] rows at most, as long as a metric's month has not more.
///
/// # Errors
/// Where files cannot be read or written, or rows were not found again: then nothing is replaced.
pub(crate) async fn recut(snapshot: &TableSnapshot, n_threads: usize, upkeep: &Upkeep<'_>) -> Result<Option<Recut>> {
    if !is_due(snapshot, upkeep.rows_per_file) {
        return Ok(None);
    }
    let files = snapshot.files.as_slice();
    let mut written = Vec::new();
    let done = write_pieces(snapshot, n_threads, upkeep, &mut written).await;
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

/// Writes all pieces, and gives how many rows they have.
async fn write_pieces(
    snapshot: &TableSnapshot,
    n_threads: usize,
    upkeep: &Upkeep<'_>,
    written: &mut Vec<NewFile>,
) -> Result<usize> {
    let pieces = Pieces::of(snapshot.table, &counts(snapshot, n_threads).await?, upkeep.rows_per_file)?;
    // Of more metrics than that a piece may not be sorted to the last row, and says nothing of itself.
    let begins = if pieces.parts.len() <= sort::TEXTS_MAX { CUT } else { commit::PLAIN };
    let parts =
        Parts::deal(snapshot, &snapshot.files, pieces, n_threads, (upkeep, "dealing out by metric and month")).await?;
    parts.write((upkeep, "cutting anew by metric and month"), written, |batches| write(begins, snapshot, batches)).await
}

async fn write(begins: &str, snapshot: &TableSnapshot, batches: Vec<RecordBatch>) -> Result<Vec<NewFile>> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let ordered = sort::in_order(snapshot.table, &batches, sort::all_places(&batches));
    commit::write_files_as(begins, Grain::TABLE, snapshot, &batches, ordered, 1).await
}

/// Whether what was not cut has become much: files that hold what was said in some span of time, of every metric.
pub(crate) fn is_due(snapshot: &TableSnapshot, rows_per_file: usize) -> bool {
    let [first, second] = CUT_BY;
    if snapshot.table.partition_by != [first] || snapshot.table.sort_by.first() != Some(&second) {
        return false;
    }
    let uncut: Vec<&DataFile> = snapshot.files.iter().filter(|file| !is_cut(file)).collect();
    let n_uncut_rows: usize = uncut.iter().map(|file| maintain::n_rows(file)).sum();
    (uncut.len() >= UNCUT_FILES_MIN || n_uncut_rows >= UNCUT_PIECES_MIN.saturating_mul(rows_per_file))
        && n_uncut_rows as f64 >= UNCUT_SHARE_MIN * snapshot.n_rows() as f64
}

/// How many rows each metric has that begin on each day, in the table's order.
async fn counts(snapshot: &TableSnapshot, n_threads: usize) -> Result<Vec<(Key, usize)>> {
    use arrow_schema::DataType::Utf8;
    let context = engine::session_of(snapshot, n_threads);
    let rows = context
        .read_table(Arc::new(LakeTable::new(snapshot)))?
        .aggregate(vec![col(CUT_BY[0]), col(CUT_BY[1])], vec![count(lit(1i64)).alias("n")])?
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

/// A table cut into runs of metrics and months.
#[derive(Debug, PartialEq)]
struct Pieces {
    column_of_metric: usize,
    column_of_day: usize,
    /// Of each metric the last day and the number of each of its parts.
    parts: BTreeMap<String, Vec<(i32, u32)>>,
    n_parts: usize,
}

impl Pieces {
    /// Parts with at most `rows_max` rows each, as far as no month has more; more rows where there would be too many parts.
    fn of(table: &Table, counts: &[(Key, usize)], rows_max: usize) -> Result<Self> {
        let schema = schema::arrow_schema(table);
        let (column_of_metric, column_of_day) = (schema.index_of(CUT_BY[0])?, schema.index_of(CUT_BY[1])?);
        let mut rows_max = rows_max.max(1);
        loop {
            let (parts, n_parts) = cut(counts, rows_max);
            if n_parts <= parts::PARTS_MAX || rows_max >= usize::MAX / 2 {
                return Ok(Self { column_of_metric, column_of_day, parts, n_parts });
            }
            rows_max += rows_max / 2 + 1;
        }
    }
}

/// Where the rows of each metric are cut. A metric that fits goes whole beside others; one that does not is shared out to parts
/// of its own, of about as many rows.
fn cut(counts: &[(Key, usize)], rows_max: usize) -> (BTreeMap<String, Vec<(i32, u32)>>, usize) {
    let mut parts: BTreeMap<String, Vec<(i32, u32)>> = BTreeMap::new();
    let (mut next, mut n_in_shared) = (0u32, None);
    for of_metric in counts.chunk_by(|left, right| left.0.0 == right.0.0) {
        let metric = of_metric[0].0.0.clone();
        let n_rows: usize = of_metric.iter().map(|(_, n)| n).sum();
        if n_rows <= rows_max {
            let n_before = n_in_shared.filter(|n| n + n_rows <= rows_max);
            next += u32::from(n_before.is_none());
            n_in_shared = Some(n_before.unwrap_or(0) + n_rows);
            parts.insert(metric, vec![(i32::MAX, next - 1)]);
            continue;
        }
        n_in_shared = None;
        let share = n_rows.div_ceil(n_rows.div_ceil(rows_max));
        let mut own: Vec<(i32, u32)> = Vec::new();
        let mut n_in_last = usize::MAX;
        for ((_, day), n) in of_metric {
            match own.last_mut() {
                // The last of a share may go over it by half of itself, never over what a part may have.
                Some(last) if n_in_last + n / 2 <= share && n_in_last + n <= rows_max => {
                    last.0 = *day;
                    n_in_last += n;
                }
                _ => {
                    own.push((*day, next));
                    next += 1;
                    n_in_last = *n;
                }
            }
        }
        parts.insert(metric, own);
    }
    (parts, next as usize)
}

impl Rule for Pieces {
    fn n_parts(&self) -> usize {
        self.n_parts
    }

    fn parts_of(&self, batch: &RecordBatch) -> Result<Vec<u32>> {
        let unknown = || LakeError::from(ArrowError::ComputeError("a row of a month that was not counted".into()));
        let (coded, texts) = coded::codes_of(batch.column(self.column_of_metric).as_ref()).ok_or_else(unknown)?;
        let of_text: Vec<Option<&Vec<(i32, u32)>>> =
            texts.iter().map(|text| text.and_then(|text| self.parts.get(text))).collect();
        let days = batch.column(self.column_of_day).as_primitive::<Date32Type>().values();
        let part = |(code, day): (Option<i32>, &i32)| {
            let parts = code.and_then(|code| of_text[code as usize])?;
            parts.get(parts.partition_point(|(last, _)| last < day)).map(|(_, part)| *part)
        };
        coded.keys().iter().zip(days).map(|row| part(row).ok_or_else(unknown)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_rows(rows_per_file: usize) -> Upkeep<'static> {
        Upkeep { rows_per_file, ..Upkeep::default() }
    }

    fn key(metric: &str, day: i32) -> Key {
        (metric.to_owned(), day)
    }

    #[test]
    fn a_metric_is_whole_beside_others_or_has_parts_of_its_own() {
        let counts = [
            (key("a", 1), 3),
            (key("a", 2), 3),
            (key("a", 3), 3),
            (key("b", 1), 1),
            (key("c", 1), 4),
            (key("d", 1), 20),
            (key("d", 2), 1),
            (key("e", 1), 6),
        ];
        let (parts, n_parts) = cut(&counts, 6);
        let found: Vec<_> = parts.iter().map(|(metric, parts)| (metric.as_str(), parts.as_slice())).collect();
        let expected: [(&str, &[(i32, u32)]); 5] = [
            ("a", &[(2, 0), (3, 1)]),
            ("b", &[(i32::MAX, 2)]),
            ("c", &[(i32::MAX, 2)]),
            ("d", &[(1, 3), (2, 4)]),
            ("e", &[(i32::MAX, 5)]),
        ];
        assert_eq!(
            (found.as_slice(), n_parts),
            (expected.as_slice(), 6),
            "a month larger than a part is one by itself"
        );
        assert_eq!(cut(&counts, 1000).1, 1);
        assert_eq!(cut(&[], 6).1, 0);
        let months: Vec<_> = (0..1200).map(|month| (key("a", month), 5)).collect();
        let most = Pieces::of(&crowsnest_model::tables::CLAIMS, &months, 5).unwrap();
        assert!(most.n_parts <= parts::PARTS_MAX && most.n_parts > parts::PARTS_MAX / 2, "{} parts", most.n_parts);
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
        let cut = recut(&before, 1, &of_rows(15)).await.unwrap().unwrap();
        assert_eq!((cut.n_files_before, cut.n_files_after, cut.n_rows), (5, 4, 60));
        lake.refresh().await.unwrap();
        assert_eq!(rows_of(&lake).await, rows);
        let after = lake.engine().snapshots[CLAIMS.name].clone();
        assert!(after.files.iter().all(is_cut));
        let found: Vec<&DataFile> = after.files.iter().collect();
        let arranged =
            crate::arranged::arrange(&schema::scan_schema(&CLAIMS), &found, 2).expect("they follow each other");
        assert_eq!(arranged.runs.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert!(recut(&after, 1, &of_rows(15)).await.unwrap().is_none(), "there is nothing left to cut");
        assert!(recut(&before, 1, &of_rows(15)).await.unwrap().is_none(), "others have replaced its files");
    }
    /// What a question's plan says.
    async fn plan_of(lake: &crate::Lake, sql: &str) -> String {
        let plan = lake.query(&format!("EXPLAIN {sql}")).await.unwrap();
        let texts = plan.iter().flat_map(|batch| batch.column(1).as_string::<i32>()).flatten();
        texts.last().unwrap_or_default().to_owned()
    }

    async fn told(lake: &crate::Lake, sql: &str) -> String {
        arrow::util::pretty::pretty_format_batches(&lake.query(sql).await.unwrap()).unwrap().to_string()
    }

    #[tokio::test]
    async fn values_in_force_of_a_table_that_was_cut_go_from_month_to_month() {
        use crowsnest_model::tables::CLAIMS;
        let folder = tempfile::tempdir().unwrap();
        let market = crate::Market::create(&folder.path().join("market"), "test").unwrap();
        let lake =
            crate::Lake::open(market, crate::LakeOptions { memory_bytes: 64 << 20, n_threads: 2 }).await.unwrap();
        let append = async |said: i64| {
            let rows =
                ["downloads", "mau", "rank", "revenue"].into_iter().flat_map(|metric| (0..4).map(move |m| (metric, m)));
            // Of each metric and month two names, each told of again and again.
            let rows = rows.flat_map(|(metric, month)| [1, 2].map(|name| claim_about(metric, month, name, said)));
            lake.append(&CLAIMS, rows.collect()).await.unwrap();
            lake.refresh().await.unwrap();
        };
        for said in 0..5 {
            append(said).await;
        }
        let asked = "SELECT metric, period_start, mention_id, value, n_vintages FROM values_in_force ORDER BY 1, 2, 3";
        let total =
            "SELECT metric, count(*) AS n, sum(value) AS total FROM values_in_force GROUP BY metric ORDER BY metric";
        let (rows, sums) = (told(&lake, asked).await, told(&lake, total).await);
        assert!(rows.contains("| mau       | 1970-02-01   | 2          | 4.0   | 5          |"), "{rows}");
        assert!(!plan_of(&lake, asked).await.contains("PartiallySorted"));

        let before = lake.engine().snapshots[CLAIMS.name].clone();
        assert_eq!(recut(&before, 2, &of_rows(20)).await.unwrap().unwrap().n_files_after, 8);
        lake.refresh().await.unwrap();
        let plan = plan_of(&lake, "SELECT sum(value) FROM values_in_force").await;
        assert!(plan.contains("mode=SinglePartitioned") && plan.contains("PartiallySorted"), "{plan}");
        assert!(!plan.contains("RepartitionExec") && !plan.contains("SortExec"), "{plan}");
        assert_eq!((told(&lake, asked).await, told(&lake, total).await), (rows, sums));
        let as_of = "SELECT count(*), sum(value), max(n_vintages) FROM values_as_of('1970-01-01T00:00:00.000002Z')";
        let found = told(&lake, as_of).await;
        assert!(found.contains("| 32       | 64.0") && found.contains("| 3 "), "{found}");
        // The order is nobody else's business: merging by it would let each thread wait for the others.
        let others = plan_of(&lake, "SELECT metric, count(DISTINCT source) FROM claims GROUP BY metric").await;
        assert!(!others.contains("Sorted") && !others.contains("output_ordering"), "{others}");

        append(5).await;
        assert!(!plan_of(&lake, asked).await.contains("PartiallySorted"), "one file holds everything");
        assert!(told(&lake, asked).await.contains("| mau       | 1970-02-01   | 2          | 5.0   | 6          |"));
    }

    fn claim_about(metric: &str, month: i32, name: i64, said: i64) -> RecordBatch {
        let one = claim(metric, month, said);
        let mut columns = one.columns().to_vec();
        let schema = one.schema();
        // Ids are hashes of what they stand for: another one of each claim.
        let id = xxhash_rust::xxh3::xxh3_64(format!("{metric} {month} {name} {said}").as_bytes()) as i64;
        for (column, value) in [("mention_id", name), ("claim_id", id)] {
            columns[schema.index_of(column).unwrap()] = Arc::new(arrow::array::Int64Array::from(vec![value]));
        }
        RecordBatch::try_new(schema, columns).unwrap()
    }
}
