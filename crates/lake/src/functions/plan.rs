//! SQL as the plan of a table function.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::ViewTable;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;

use super::Surroundings;
use crate::provider;

/// The plan of a query over the tables and views, as a table. Planning awaits nothing but tables in memory, so that it
/// can be driven to its end here.
pub(super) fn view(surroundings: &Surroundings, sql: &str) -> Result<Arc<dyn TableProvider>> {
    Ok(Arc::new(ViewTable::new(plan(surroundings, sql)?, None)))
}

/// The same over tables that are read in the order of their rows.
pub(super) fn view_in_order(surroundings: &Surroundings, sql: &str) -> Result<Arc<dyn TableProvider>> {
    Ok(Arc::new(ViewTable::new(provider::in_order(plan(surroundings, sql)?)?, None)))
}

fn plan(surroundings: &Surroundings, sql: &str) -> Result<LogicalPlan> {
    futures::executor::block_on(surroundings.state.create_logical_plan(sql))
}
