//! SQL as the plan of a table function.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::ViewTable;
use datafusion::error::Result;

use super::Surroundings;

/// The plan of a query over the tables and views, as a table. Planning awaits nothing but tables in memory, so that it
/// can be driven to its end here.
pub(super) fn view(surroundings: &Surroundings, sql: &str) -> Result<Arc<dyn TableProvider>> {
    let plan = futures::executor::block_on(surroundings.state.create_logical_plan(sql))?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}
