//! A large table's rows once more, in the order of whom they are about.
//!
//! In: a snapshot whose files are sorted by metric and month. Out: files beside them with the same rows sorted by name, in
//! `_by_name/`, which other engines leave alone as they do all that begins with an underscore, and a list of the table's files
//! that they stand for. A question that says whom it asks about reads these, and what was added since: a product's history is
//! a few pages together instead of one of each metric and month. ClickHouse calls such a thing a projection.
//!
//! Invariants: the table is whole without it, and it may be deleted at any time. It is read only while each file that it
//! stands for is part of the table, so that no row is missed or there twice. It is made by `optimize` alone.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use crowsnest_model::tables::Table;
use datafusion::logical_expr::{BinaryExpr, Operator};
use datafusion::prelude::Expr;
use datafusion::scalar::ScalarValue;
use deltalake::DeltaTable;
use deltalake::kernel::Add;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore as _, ObjectStoreExt as _, PutPayload};
use serde::{Deserialize, Serialize};

use crate::commit::{self, Grain, NewFile};
use crate::maintain::{self, Upkeep};
use crate::parts::{ById, Parts};
use crate::sort;
use crate::table::{DataFile, TableSnapshot};
use crate::{Result, statistics};

const FOLDER: &str = "_by_name";
const LIST: &str = "_by_name/list.json";
/// A table of fewer rows is read fast enough as it is.
pub(crate) const ROWS_MIN: usize = 200_000;
/// It is made anew when this share of the rows was added since.
const NEW_SHARE_MAX: f64 = 0.25;
/// A question about more names than this reads the table as it is.
const NAMES_MAX: usize = 5_000;

/// What stands in the list.
#[derive(Debug, Serialize, Deserialize)]
struct Listed {
    /// Files of the table that it stands for.
    stands_for: Vec<String>,
    files: Vec<NewFile>,
}

/// What a question about names reads.
#[derive(Debug)]
pub(crate) struct ByName {
    key: &'static str,
    /// The files in the order of names, and those of the table that were added since.
    pub(crate) files: Arc<Vec<DataFile>>,
    n_rows_since: usize,
}

/// The column that says whom a row is about.
fn key_of(table: &Table) -> Option<&'static str> {
    match table.name {
        "claims" => Some("mention_id"),
        "figures" => Some("entity_id"),
        _ => None,
    }
}

impl ByName {
    /// Reads the list, if there is one that stands for nothing that is gone.
    pub(crate) async fn read(table: &'static Table, delta: &DeltaTable, all: &[DataFile]) -> Option<Arc<Self>> {
        let key = key_of(table)?;
        let listed = list(delta).await?;
        let stands_for = names_of(&listed);
        if !is_whole(&stands_for, all) {
            return None;
        }
        let since: Vec<&DataFile> = all.iter().filter(|file| !stands_for.contains(file.add.path.as_str())).collect();
        let n_rows_since = since.iter().map(|file| maintain::n_rows(file)).sum();
        let own = listed.files.iter().map(|file| data_file(table, file));
        let files = Arc::new(own.chain(since.into_iter().cloned()).collect());
        Some(Arc::new(Self { key, files, n_rows_since }))
    }

    /// Whether a scan with these filters says whom it asks about.
    pub(crate) fn is_asked_by(&self, filters: &[Expr]) -> bool {
        filters.iter().any(|filter| gathered(filter, self.key).is_some())
    }
}

fn is_whole(stands_for: &BTreeSet<&str>, all: &[DataFile]) -> bool {
    let there: BTreeSet<&str> = all.iter().map(|file| file.add.path.as_str()).collect();
    stands_for.is_subset(&there)
}

/// The values of a column of ids that a filter can leave, each once and in order; `None` where it does not say, or they are too many.
pub(crate) fn values_left(filter: &Expr, key: &str) -> Option<Vec<i64>> {
    let mut values = gathered(filter, key)?;
    values.sort_unstable();
    values.dedup();
    Some(values)
}

fn gathered(filter: &Expr, key: &str) -> Option<Vec<i64>> {
    let is_key = |expr: &Expr| matches!(expr, Expr::Column(column) if column.name == key);
    let value = |expr: &Expr| match expr {
        Expr::Literal(ScalarValue::Int64(value), _) => *value,
        _ => None,
    };
    match filter {
        Expr::InList(one) if !one.negated && is_key(&one.expr) && one.list.len() <= NAMES_MAX => {
            one.list.iter().map(value).collect()
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::Eq if is_key(left) => value(right).map(|value| vec![value]),
            Operator::Eq if is_key(right) => value(left).map(|value| vec![value]),
            Operator::Or => {
                let (mut left, right) = (gathered(left, key)?, gathered(right, key)?);
                left.extend(right);
                Some(left)
            }
            Operator::And => gathered(left, key).or_else(|| gathered(right, key)),
            _ => None,
        },
        _ => None,
    }
}

async fn list(delta: &DeltaTable) -> Option<Listed> {
    let found = match delta.object_store().get(&Path::from(LIST)).await {
        Ok(found) => found.bytes().await,
        Err(error) => Err(error),
    };
    match found {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        Err(object_store::Error::NotFound { .. }) => None,
        Err(error) => {
            tracing::debug!(%error, "the list of rows by name could not be read");
            None
        }
    }
}

fn data_file(table: &Table, file: &NewFile) -> DataFile {
    // A file of that name is never another one: what was read of it stays true.
    let add = Add { modification_time: 0, ..commit::add_action(file, false) };
    let found = statistics::parse(table, Some(&file.stats), add.size);
    DataFile { add, statistics: Arc::new(found) }
}

/// Makes it, or makes it anew, where the table is large and has grown by enough; gives how many rows stand in it by now, 0
/// where nothing was done. The table itself stays as it is.
///
/// # Errors
/// Where files cannot be read or written.
pub(crate) async fn renew(
    snapshot: &TableSnapshot,
    rows_min: usize,
    n_threads: usize,
    upkeep: &Upkeep<'_>,
) -> Result<usize> {
    let Some(key) = key_of(snapshot.table) else { return Ok(0) };
    let has_grown = |by_name: &Arc<ByName>| by_name.n_rows_since as f64 >= NEW_SHARE_MAX * snapshot.n_rows() as f64;
    if snapshot.n_rows() < rows_min || !snapshot.by_name.as_ref().is_none_or(has_grown) {
        return Ok(0);
    }
    // What the next `optimize` brings together with others will not be there any more, and nothing could stand for it.
    let stays = |file: &&DataFile| !maintain::is_small(file) || maintain::n_rows(file) >= rows_min;
    let covered: Vec<DataFile> = snapshot.files.iter().filter(stays).cloned().collect();
    let wanted = covered.iter().map(maintain::n_rows).sum();
    let mut written = Vec::new();
    let made = match write_pieces(snapshot, key, &covered, n_threads, upkeep, &mut written).await {
        Ok(n_rows) if n_rows == wanted => keep(snapshot, &covered, &written).await.map(|()| wanted),
        Ok(n_rows) => {
            tracing::warn!(table = snapshot.table.name, n_rows, wanted, "rows by name were others; not kept");
            Ok(0)
        }
        Err(error) => Err(error),
    };
    if !matches!(made, Ok(n_rows) if n_rows == wanted) {
        commit::discard(snapshot, &written).await;
    }
    made
}

/// Writes the rows in the order of the key, a part at a time; gives how many there are.
async fn write_pieces(
    snapshot: &TableSnapshot,
    key: &'static str,
    covered: &[DataFile],
    n_threads: usize,
    upkeep: &Upkeep<'_>,
    written: &mut Vec<NewFile>,
) -> Result<usize> {
    let rule = ById::of(snapshot, covered, key, upkeep.rows_per_file, n_threads).await?;
    let parts = Parts::deal(snapshot, covered, rule, n_threads, (upkeep, "dealing out rows by name")).await?;
    parts
        .write((upkeep, "writing rows by name"), written, |batches| write(snapshot, key, upkeep.rows_per_file, batches))
        .await
}

/// Writes rows in the order of the key and, of one key, as tables are sorted.
async fn write(
    snapshot: &TableSnapshot,
    key: &'static str,
    rows_per_file: usize,
    batches: Vec<RecordBatch>,
) -> Result<Vec<NewFile>> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let names = [key, "metric", "period_start"];
    let places = sort::in_order_of(names.iter(), snapshot.table, &batches, sort::all_places(&batches));
    let n_files = places.len() / rows_per_file.max(1);
    commit::write_files_as(&format!("{FOLDER}/part-"), Grain::BY_NAME, snapshot, &batches, places, n_files).await
}

/// Puts the new list in the place of the old one, whose files stay for those who are reading them until `vacuum`.
async fn keep(snapshot: &TableSnapshot, covered: &[DataFile], written: &[NewFile]) -> Result<()> {
    let stands_for = covered.iter().map(|file| file.add.path.clone()).collect();
    let list = serde_json::to_vec(&Listed { stands_for, files: written.to_vec() })?;
    snapshot.delta.object_store().put(&Path::from(LIST), PutPayload::from(list)).await?;
    commit::announce(snapshot).await;
    Ok(())
}

/// Removes what no list names for so long, and the list where it stands for files that are no longer part of the table: its
/// files may hold rows that have to go.
///
/// # Errors
/// Where the folder cannot be listed.
pub(crate) async fn remove_stale(snapshot: &TableSnapshot, unused_for: Duration) -> Result<()> {
    let store = snapshot.delta.object_store();
    let listed = list(&snapshot.delta).await;
    let whole = listed.filter(|listed| is_whole(&names_of(listed), &snapshot.files));
    let mut kept: BTreeSet<String> = BTreeSet::new();
    if let Some(listed) = whole {
        kept.extend(listed.files.into_iter().map(|file| file.path).chain([LIST.to_owned()]));
    }
    let since = jiff::Timestamp::now().as_millisecond() - i64::try_from(unused_for.as_millis()).unwrap_or(i64::MAX);
    let found: Vec<ObjectMeta> = store.list(Some(&Path::from(FOLDER))).try_collect().await?;
    for object in found {
        let path = object.location.as_ref();
        let is_old = path == LIST || object.last_modified.timestamp_millis() <= since;
        if !is_old || kept.contains(path) {
            continue;
        }
        match store.delete(&object.location).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => tracing::debug!(%error, path, "not removed"),
        }
    }
    Ok(())
}

fn names_of(listed: &Listed) -> BTreeSet<&str> {
    listed.stands_for.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, AsArray as _, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
        TimestampMicrosecondArray,
    };
    use arrow::datatypes::Int64Type;
    use crowsnest_model::tables::{CLAIMS, ColumnType};
    use datafusion::prelude::{col, lit};

    use super::*;
    use crate::{Lake, LakeOptions, Market, schema};

    const ABOUT_TWO: &str = "SELECT claim_id FROM claims WHERE mention_id IN (3, 4) ORDER BY claim_id";

    /// Claims of these numbers, about seven names in turn.
    fn claims(numbers: std::ops::Range<i64>) -> RecordBatch {
        about(numbers, |number| number % 7)
    }

    fn about(numbers: std::ops::Range<i64>, name: impl Fn(i64) -> i64) -> RecordBatch {
        let n = (numbers.end - numbers.start) as usize;
        let columns = CLAIMS.columns.iter().map(|column| -> ArrayRef {
            let of_each = numbers.clone().map(|number| if column.name == "mention_id" { name(number) } else { number });
            match column.column_type {
                ColumnType::Int64 => Arc::new(Int64Array::from_iter_values(of_each)),
                ColumnType::Float64 => Arc::new(Float64Array::from(vec![1.0; n])),
                ColumnType::Text => Arc::new(StringArray::from(vec!["mau"; n])),
                ColumnType::Day => Arc::new(Date32Array::from(vec![0; n])),
                ColumnType::Instant => Arc::new(TimestampMicrosecondArray::from(vec![0; n]).with_timezone("UTC")),
                ColumnType::Boolean => Arc::new(BooleanArray::from(vec![true; n])),
            }
        });
        RecordBatch::try_new(schema::arrow_schema(&CLAIMS), columns.collect()).unwrap()
    }

    #[tokio::test]
    async fn rows_of_many_names_are_dealt_out_and_each_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("market"), "test").unwrap();
        let lake = Lake::open(market, LakeOptions { memory_bytes: 64 << 20, n_threads: 2 }).await.unwrap();
        let spread = |number: i64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
        for said in 0..3 {
            lake.append(&CLAIMS, vec![about(said * 400..(said + 1) * 400, spread)]).await.unwrap();
        }
        lake.refresh().await.unwrap();
        assert_eq!(
            renew(&snapshot(&lake), 100, 2, &Upkeep { rows_per_file: 300, ..Upkeep::default() }).await.unwrap(),
            1200
        );
        lake.refresh().await.unwrap();
        let by_name = snapshot(&lake).by_name.clone().unwrap();
        let index = schema::arrow_schema(&CLAIMS).index_of("mention_id").unwrap();
        let bounds = |file: &DataFile| {
            let column = &file.statistics.column_statistics[index];
            (column.min_value.get_value().unwrap().clone(), column.max_value.get_value().unwrap().clone())
        };
        let mut spans: Vec<_> = by_name.files.iter().map(bounds).collect();
        spans.sort_by(|left, right| left.partial_cmp(right).unwrap());
        assert!(spans.len() >= 4 && spans.windows(2).all(|pair| pair[0].1 < pair[1].0), "{spans:?}");
        for number in [0, 399, 400, 1199] {
            let sql = format!("SELECT claim_id FROM claims WHERE mention_id = {}", spread(number));
            assert!(is_read_by_name(&lake, &sql).await);
            let found = lake.query(&sql).await.unwrap();
            let ids: Vec<i64> =
                found.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
            assert_eq!(ids, [number]);
        }
    }

    async fn about_two(lake: &Lake) -> Vec<i64> {
        let found = lake.query(ABOUT_TWO).await.unwrap();
        found.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
    }

    async fn is_read_by_name(lake: &Lake, sql: &str) -> bool {
        let plan = lake.query(&format!("EXPLAIN {sql}")).await.unwrap();
        plan.iter().flat_map(|batch| batch.column(1).as_string::<i32>()).flatten().any(|text| text.contains(FOLDER))
    }

    fn snapshot(lake: &Lake) -> TableSnapshot {
        lake.engine().snapshots[CLAIMS.name].clone()
    }

    #[tokio::test]
    async fn questions_about_names_read_it_and_find_the_same_while_it_is_true() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("market"), "test").unwrap();
        let lake = Lake::open(market, LakeOptions { memory_bytes: 64 << 20, n_threads: 1 }).await.unwrap();
        lake.append(&CLAIMS, vec![claims(0..500)]).await.unwrap();
        lake.refresh().await.unwrap();
        assert_eq!(renew(&snapshot(&lake), 100, 1, &Upkeep::default()).await.unwrap(), 500);
        lake.append(&CLAIMS, vec![claims(500..520)]).await.unwrap();
        lake.refresh().await.unwrap();
        let wanted: Vec<i64> = (0..520).filter(|number| [3, 4].contains(&(number % 7))).collect();
        assert!(is_read_by_name(&lake, ABOUT_TWO).await);
        assert_eq!(about_two(&lake).await, wanted);
        assert!(!is_read_by_name(&lake, "SELECT count(*) FROM claims WHERE value > 1").await);
        assert_eq!(renew(&snapshot(&lake), 100, 1, &Upkeep::default()).await.unwrap(), 0, "too little was added");

        // The files that it stands for become another one.
        maintain::optimize(&lake, &CLAIMS, &Upkeep::default()).await.unwrap();
        assert!(!is_read_by_name(&lake, ABOUT_TWO).await);
        assert_eq!(about_two(&lake).await, wanted);
        let own = folder.path().join("market/lake/claims/_by_name");
        assert_eq!(std::fs::read_dir(&own).unwrap().count(), 2);
        maintain::vacuum(&lake, &CLAIMS, 0, false).await.unwrap();
        assert_eq!(std::fs::read_dir(&own).unwrap().count(), 0);
        assert_eq!(about_two(&lake).await, wanted);
    }

    #[test]
    fn a_filter_names_whom_it_asks_about_or_does_not() {
        let key = || col("mention_id");
        let other = || col("metric").eq(lit("mau"));
        let of = |filter: Expr| values_left(&filter, "mention_id");
        assert_eq!(of(key().in_list(vec![lit(2i64), lit(1i64), lit(2i64)], false)), Some(vec![1, 2]));
        assert_eq!(of(key().eq(lit(1i64)).or(lit(2i64).eq(key()))), Some(vec![1, 2]));
        assert_eq!(of(other().and(key().eq(lit(1i64)))), Some(vec![1]));
        for said_nothing in [
            key().in_list(vec![lit(1i64)], true),
            key().eq(lit(1i64)).or(other()),
            key().gt(lit(1i64)),
            key().eq(col("other_id")),
        ] {
            assert_eq!(of(said_nothing), None);
        }
    }
}
