//! Figures that a source said, took back, and says again.
//!
//! A claim's id is a hash of what it says, so a source that says 100, then 120, then 100 again has said two claims, and
//! the one known last is 120. Where a source does not tell when it says something, the third saying is therefore given
//! the moment at which it was fetched as the day of saying: it is another claim then, known after the second. What is in
//! force already is not said again, so that fetching the same every day adds nothing.

use std::collections::HashMap;
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

/// The claim in force: when it was known, its id, and the id that it would have if it did not tell when it was said.
type Held = (i64, i64, i64);

/// Appends what is said again; of batches that hold rows which the table had, and whose they are. Gives how many rows
/// that were, by owner.
pub(super) async fn append(lake: &Lake, batches: Vec<RecordBatch>, owners: Vec<usize>) -> Result<Vec<(usize, u64)>> {
    let batches: Vec<RecordBatch> = batches.iter().map(plain).collect::<Result<_>>()?;
    let mut in_force = wanted(&batches)?;
    if in_force.is_empty() {
        return Ok(Vec::new());
    }
    look_up(lake, &batches, &mut in_force).await?;
    let (mut again, mut whose) = (Vec::new(), Vec::new());
    for (batch, owner) in batches.iter().zip(owners) {
        let rows = said_again(batch, &in_force)?;
        if rows.num_rows() > 0 {
            again.push(rows);
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
fn wanted(batches: &[RecordBatch]) -> Result<HashMap<About, Option<Held>>> {
    let mut wanted = HashMap::new();
    for batch in batches {
        let claims = Claims::of(batch)?;
        for row in (0..batch.num_rows()).filter(|row| claims.said_at.is_null(*row)) {
            wanted.insert(about(&claims, row), None);
        }
    }
    Ok(wanted)
}

fn about(claims: &Claims<'_>, row: usize) -> About {
    let dimensions = [claims.region, claims.platform, claims.segment].map(|column| column.value(row).to_owned());
    let (start, end) = (claims.period_start.value(row), claims.period_end.value(row));
    (claims.mention_id.value(row), claims.metric.value(row).to_owned(), start, end, dimensions)
}

/// Finds the claim known last about each.
async fn look_up(lake: &Lake, batches: &[RecordBatch], in_force: &mut HashMap<About, Option<Held>>) -> Result<()> {
    lake.refresh().await?;
    let metrics: std::collections::BTreeSet<&str> = in_force.keys().map(|about| about.1.as_str()).collect();
    let metrics: Vec<String> = metrics.into_iter().map(quoted).collect();
    let first = in_force.keys().map(|about| about.2).min().unwrap_or_default();
    let last = in_force.keys().map(|about| about.2).max().unwrap_or_default();
    let mut sources = std::collections::BTreeSet::new();
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
            if let Some(held) = in_force.get_mut(&about(&claims, row)) {
                let timeless = ClaimKey { said_at: None, ..claims.key(row, status_of(&batch, row)) }.id(&mut scratch);
                let found = (claims.known_at.value(row), claims.claim_id.value(row), timeless);
                *held = (*held).max(Some(found));
            }
        }
    }
    Ok(())
}

/// The rows of a batch that are not in force and are known after what is.
fn said_again(batch: &RecordBatch, in_force: &HashMap<About, Option<Held>>) -> Result<RecordBatch> {
    let claims = Claims::of(batch)?;
    let is_again = |row: usize| {
        if !claims.said_at.is_null(row) {
            return false;
        }
        let held = in_force.get(&about(&claims, row)).copied().flatten();
        held.is_some_and(|(known_at, _, timeless)| {
            timeless != claims.claim_id.value(row) && known_at < claims.known_at.value(row)
        })
    };
    let kept: BooleanArray = (0..batch.num_rows()).map(|row| Some(is_again(row))).collect();
    let rows = filter_record_batch(batch, &kept)?;
    let said_at: ArrayRef = {
        let claims = Claims::of(&rows)?;
        Arc::new(TimestampMicrosecondArray::from(claims.known_at.values().to_vec()).with_timezone("UTC"))
    };
    let rows = with_columns(&rows, &[("said_at", said_at)])?;
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
