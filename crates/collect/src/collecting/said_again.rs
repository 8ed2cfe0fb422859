//! Figures that a source said, took back, and says again.
//!
//! A claim's id is a hash of what it says, so a source that says 100, then 120, then 100 again has said two claims, and
//! the one known last is 120. Where a source does not tell when it says something, the third saying is therefore given
//! the moment at which it was fetched as the day of saying: it is another claim then, known after the second. What was
//! in force when it was fetched is not said again, so that fetching the same every day, or twice in a run, adds nothing.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use arrow::compute::{cast, filter_record_batch};
use crowsnest_lake::sql::quoted;
use crowsnest_lake::{Lake, schema};
use crowsnest_model::{ClaimKey, Status, day_to_string, tables};
use futures::StreamExt as _;

use crate::Result;
use crate::correction::{Claims, with_columns};

type About = (i64, String, i32, i32, [String; 3]);

/// What was said, in the order in which it was known: when that was, and the id that it has without a day of saying.
type Said = BTreeSet<(i64, i64)>;

/// Appends what is said again; of batches that hold rows which the table had, and whose they are. Gives how many rows
/// that were, by owner.
pub(super) async fn append(lake: &Lake, batches: Vec<RecordBatch>, owners: Vec<usize>) -> Result<Vec<(usize, u64)>> {
    let batches: Vec<RecordBatch> = batches.iter().map(plain).collect::<Result<_>>()?;
    let mut said = wanted(&batches)?;
    if said.is_empty() {
        return Ok(Vec::new());
    }
    look_up(lake, &batches, &mut said).await?;
    let (mut again, mut whose) = (Vec::new(), Vec::new());
    for ((batch, kept), owner) in batches.iter().zip(said_again(&batches, &mut said)?).zip(owners) {
        if kept.true_count() > 0 {
            again.push(with_day_of_saying(&filter_record_batch(batch, &kept)?)?);
            whose.push(owner);
        }
    }
    if again.is_empty() {
        return Ok(Vec::new());
    }
    let appended = lake.append(&tables::CLAIMS, again).await?;
    Ok(whose.into_iter().zip(appended.n_added_of_batches.iter().map(|n| *n as u64)).collect())
}

/// A batch whose texts are no codes.
fn plain(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = schema::arrow_schema(&tables::CLAIMS);
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| cast(column, field.data_type()));
    Ok(RecordBatch::try_new(Arc::clone(&schema), columns.collect::<std::result::Result<_, _>>()?)?)
}

/// What the rows are about that do not tell when they were said.
fn wanted(batches: &[RecordBatch]) -> Result<HashMap<About, Said>> {
    let mut wanted = HashMap::new();
    for batch in batches {
        let claims = Claims::of(batch)?;
        for row in (0..batch.num_rows()).filter(|row| claims.said_at.is_null(*row)) {
            wanted.insert(about(&claims, row), Said::new());
        }
    }
    Ok(wanted)
}

fn about(claims: &Claims<'_>, row: usize) -> About {
    let dimensions = [claims.region, claims.platform, claims.segment].map(|column| column.value(row).to_owned());
    let (start, end) = (claims.period_start.value(row), claims.period_end.value(row));
    (claims.mention_id.value(row), claims.metric.value(row).to_owned(), start, end, dimensions)
}

/// Finds what was said about each.
async fn look_up(lake: &Lake, batches: &[RecordBatch], said: &mut HashMap<About, Said>) -> Result<()> {
    lake.refresh().await?;
    let metrics: BTreeSet<&str> = said.keys().map(|about| about.1.as_str()).collect();
    let metrics: Vec<String> = metrics.into_iter().map(quoted).collect();
    let first = said.keys().map(|about| about.2).min().unwrap_or_default();
    let last = said.keys().map(|about| about.2).max().unwrap_or_default();
    let mut sources = BTreeSet::new();
    for batch in batches {
        if let Some(column) = batch.column_by_name("source") {
            sources.extend(column.as_string::<i32>().iter().flatten().map(quoted));
        }
    }
    let sources: Vec<String> = sources.into_iter().collect();
    let schema = schema::arrow_schema(&tables::CLAIMS);
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let sql = format!(
        "SELECT {} FROM claims WHERE source IN ({}) AND metric IN ({}) \
         AND period_start BETWEEN DATE '{}' AND DATE '{}'",
        names.join(", "),
        sources.join(", "),
        metrics.join(", "),
        day_to_string(first),
        day_to_string(last)
    );
    let mut stream = lake.stream(&sql).await?;
    while let Some(batch) = stream.next().await {
        let batch = plain(&batch.map_err(crowsnest_lake::LakeError::from)?)?;
        let claims = Claims::of(&batch)?;
        let mut scratch = Vec::new();
        for row in 0..batch.num_rows() {
            if let Some(said) = said.get_mut(&about(&claims, row)) {
                let timeless = ClaimKey { said_at: None, ..claims.key(row, status_of(&batch, row)) }.id(&mut scratch);
                said.insert((claims.known_at.value(row), timeless));
            }
        }
    }
    Ok(())
}

/// Which rows of each batch say something else than what was known before them: of a document that came in late, too,
/// though something was known after it already.
fn said_again(batches: &[RecordBatch], said: &mut HashMap<About, Said>) -> Result<Vec<BooleanArray>> {
    let all: Vec<Claims<'_>> = batches.iter().map(Claims::of).collect::<Result<_>>()?;
    let mut rows: Vec<(i64, usize, usize)> = Vec::new();
    for (place, claims) in all.iter().enumerate() {
        let n_rows = batches[place].num_rows();
        let timeless = (0..n_rows).filter(|row| claims.said_at.is_null(*row));
        rows.extend(timeless.map(|row| (claims.known_at.value(row), place, row)));
    }
    rows.sort_unstable();
    let mut kept: Vec<Vec<bool>> = batches.iter().map(|batch| vec![false; batch.num_rows()]).collect();
    for (known_at, place, row) in rows {
        let id = all[place].claim_id.value(row);
        let Some(said) = said.get_mut(&about(&all[place], row)) else { continue };
        let before = said.range(..(known_at, i64::MIN)).next_back().map(|(_, id)| *id);
        // Once said here, the next row that says the same has it before itself.
        if before != Some(id) && said.insert((known_at, id)) {
            kept[place][row] = true;
        }
    }
    Ok(kept.into_iter().map(BooleanArray::from).collect())
}

/// Claims that tell as the day of saying when they were known, and have their ids by it.
fn with_day_of_saying(rows: &RecordBatch) -> Result<RecordBatch> {
    let said_at: ArrayRef = {
        let claims = Claims::of(rows)?;
        Arc::new(TimestampMicrosecondArray::from(claims.known_at.values().to_vec()).with_timezone("UTC"))
    };
    let rows = with_columns(rows, &[("said_at", said_at)])?;
    let ids: ArrayRef = {
        let claims = Claims::of(&rows)?;
        let statuses =
            rows.column_by_name("status").map(|column| arrow::array::AsArray::as_string::<i32>(column).clone());
        let mut scratch = Vec::new();
        let id = |row: usize| {
            let status = statuses.as_ref().and_then(|statuses| statuses.value(row).parse().ok());
            claims.key(row, status.unwrap_or(Status::Reported)).id(&mut scratch)
        };
        Arc::new(Int64Array::from_iter_values((0..rows.num_rows()).map(id)))
    };
    Ok(with_columns(&rows, &[("claim_id", ids)])?)
}

fn status_of(batch: &RecordBatch, row: usize) -> Status {
    let statuses = batch.column_by_name("status").and_then(|column| column.as_string_opt::<i32>());
    statuses.and_then(|statuses| statuses.value(row).parse().ok()).unwrap_or(Status::Reported)
}
