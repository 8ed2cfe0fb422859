//! Small tables in memory that are looked up by their ids: who is who.
//!
//! In: one batch, and the columns of whole numbers that its rows are looked for by. Out: a table; a scan whose filters leave only
//! some values of such a column is of the rows that have them, found by halving, and not of half a million that are gone through.
//!
//! Invariants: what a scan gives always holds the rows that pass its filters, which stay above it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch, UInt32Array};
use arrow::compute::{sort_to_indices, take_record_batch};
use arrow::datatypes::Int64Type;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::by_name;

/// The rows in pieces that queries can share out.
const PIECE_ROWS: usize = 8192;

#[derive(Debug)]
pub(crate) struct KeyedTable {
    rows: RecordBatch,
    whole: MemTable,
    /// By column, the places of rows in the order of its values.
    orders: HashMap<&'static str, UInt32Array>,
}

impl KeyedTable {
    /// A table looked up by these columns of `Int64` without nulls.
    ///
    /// # Errors
    /// A column that is not there.
    pub(crate) fn new(rows: RecordBatch, keys: &[&'static str]) -> Result<Self> {
        let mut orders = HashMap::new();
        for key in keys {
            let column = rows.column(rows.schema().index_of(key)?);
            orders.insert(*key, sort_to_indices(column, None, None)?);
        }
        let whole = MemTable::try_new(rows.schema(), vec![pieces(&rows)])?;
        Ok(Self { rows, whole, orders })
    }

    /// The rows that these filters can leave, where they say which values of a key they leave.
    fn looked_up(&self, filters: &[Expr]) -> Result<Option<RecordBatch>> {
        let of_key = |(key, order): (&&'static str, &UInt32Array)| {
            let values = filters.iter().find_map(|filter| by_name::values_left(filter, key))?;
            Some(places(self.rows.column_by_name(key)?.as_primitive::<Int64Type>().values(), order.values(), &values))
        };
        let fewest = self.orders.iter().filter_map(of_key).min_by_key(Vec::len);
        Ok(fewest.map(|places| take_record_batch(&self.rows, &UInt32Array::from(places))).transpose()?)
    }
}

/// The places of rows that have one of some values, given the places in the order of values.
fn places(keys: &[i64], order: &[u32], values: &[i64]) -> Vec<u32> {
    let mut found = Vec::with_capacity(values.len());
    for value in values {
        let begin = order.partition_point(|place| keys[*place as usize] < *value);
        let n = order[begin..].partition_point(|place| keys[*place as usize] == *value);
        found.extend_from_slice(&order[begin..begin + n]);
    }
    found
}

fn pieces(rows: &RecordBatch) -> Vec<RecordBatch> {
    (0..rows.num_rows().max(1))
        .step_by(PIECE_ROWS)
        .map(|start| rows.slice(start, PIECE_ROWS.min(rows.num_rows() - start)))
        .collect()
}

#[async_trait]
impl TableProvider for KeyedTable {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match self.looked_up(filters)? {
            Some(found) => Ok(MemorySourceConfig::try_new_exec(&[vec![found]], self.schema(), projection.cloned())?),
            None => self.whole.scan(state, projection, filters, limit).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use datafusion::prelude::SessionContext;

    use super::*;

    #[tokio::test]
    async fn rows_of_some_ids_are_looked_up_and_all_others_are_gone_through() {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..20_000).rev()));
        let whose: ArrayRef = Arc::new(Int64Array::from_iter_values((0..20_000).map(|id| id % 500)));
        let rows = RecordBatch::try_from_iter([("mention_id", ids), ("entity_id", whose)]).unwrap();
        let context = SessionContext::new();
        let table = KeyedTable::new(rows, &["mention_id", "entity_id"]).unwrap();
        context.register_table("identities", Arc::new(table)).unwrap();
        for (condition, n_rows, n_read) in [
            ("mention_id = 7", 1, Some(1)),
            ("mention_id IN (7, 8, 9, 10, 11, 50000)", 5, Some(5)),
            ("mention_id IN (7, 7, 8, 8, 9)", 3, Some(3)),
            ("mention_id = 7 OR 8 = mention_id", 2, Some(2)),
            ("entity_id = 499", 40, Some(40)),
            ("entity_id IN (1, 2) AND mention_id < 10000", 40, Some(80)),
            ("entity_id = 1 AND mention_id IN (18999, 18998)", 1, Some(2)),
            ("mention_id > 19990", 9, None),
            ("mention_id = 3 OR entity_id = 4", 41, None),
        ] {
            let frame = context.sql(&format!("SELECT * FROM identities WHERE {condition}")).await.unwrap();
            let filters = filters_of(frame.logical_plan());
            let provider = context.table_provider("identities").await.unwrap();
            let keyed = provider.downcast_ref::<KeyedTable>().unwrap();
            let read = keyed.looked_up(&filters).unwrap().map(|found| found.num_rows());
            assert_eq!(read, n_read, "{condition}");
            let found: usize = frame.collect().await.unwrap().iter().map(RecordBatch::num_rows).sum();
            assert_eq!(found, n_rows, "{condition}");
        }
    }

    /// The conditions of the filter in a plan, as a scan is given them.
    fn filters_of(plan: &datafusion::logical_expr::LogicalPlan) -> Vec<Expr> {
        use datafusion::logical_expr::LogicalPlan;
        use datafusion::logical_expr::utils::split_conjunction_owned;
        match plan {
            LogicalPlan::Filter(filter) => {
                let plain = |expr: Expr| {
                    use datafusion::common::tree_node::{Transformed, TreeNode as _};
                    let bare = |expr| match expr {
                        Expr::Column(column) => Ok(Transformed::yes(Expr::Column(column.name.into()))),
                        other => Ok(Transformed::no(other)),
                    };
                    expr.transform(bare).unwrap().data
                };
                split_conjunction_owned(filter.predicate.clone()).into_iter().map(plain).collect()
            }
            other => other.inputs().into_iter().flat_map(filters_of).collect(),
        }
    }
}
