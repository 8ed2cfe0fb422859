//! `series('豆包', 'mau')`: every claim on one name's metric over time, with its source, vintage and whether it holds.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;

use super::{Function, Surroundings, arguments};
use crate::questions::{is_entity, series_sql};

pub(super) const FUNCTION: Function = Function {
    name: "series",
    doc: "series('豆包', 'mau'): the claims on one name, in any script or pinyin, period by period and source by source",
    make: |surroundings| Arc::new(Series(surroundings)),
};

#[derive(Debug)]
struct Series(Surroundings);

impl TableFunctionImpl for Series {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let [name, metric] = arguments::texts(args, "series('name', 'metric')")?;
        let entity = self.0.identity.find(&name, None).map_err(|error| DataFusionError::Plan(error.to_string()))?;
        let filter = is_entity(&self.0.identity, entity);
        super::plan::view(&self.0, &series_sql(&filter, Some(&metric), None))
    }
}
