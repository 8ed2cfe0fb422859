//! Rows that have one of many whole numbers in a column: a join with the numbers, where a list in the text of a query would
//! be longer than what it finds.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::common::JoinType;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;

use crate::Result;

const WANTED: &str = "wanted";

/// The rows of a query with one of the wanted numbers in a column; the numbers are the side that is held in memory.
pub(crate) async fn stream_of<'w>(
    context: &SessionContext,
    sql: &str,
    column: &str,
    wanted: impl IntoIterator<Item = &'w i64>,
) -> Result<SendableRecordBatchStream> {
    let mut numbers: Vec<i64> = wanted.into_iter().copied().collect();
    numbers.sort_unstable();
    let numbers = RecordBatch::try_from_iter([(WANTED, Arc::new(Int64Array::from(numbers)) as ArrayRef)])?;
    let wanted = context.read_batch(numbers)?;
    let rows = Box::pin(context.sql(sql)).await?;
    let joined = wanted.join(rows, JoinType::RightSemi, &[WANTED], &[column], None)?;
    Ok(joined.execute_stream().await?)
}
