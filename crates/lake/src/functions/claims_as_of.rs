//! `claims_as_of('2025-02-01')`: the claims in force at the end of that day, or at an instant; `values_as_of(…)`: only
//! their values and what they are about, which is several times faster over a whole market.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;

use super::{Function, Surroundings, arguments};
use crate::questions::in_force;

pub(super) const FUNCTION: Function = Function {
    name: "claims_as_of",
    doc: "claims_as_of('2025-02-01' | '2025-02-01T12:00:00Z'): the claims in force then, in the columns of claims",
    make: |surroundings| Arc::new(ClaimsAsOf(surroundings)),
};

pub(super) const VALUES: Function = Function {
    name: "values_as_of",
    doc: "values_as_of('2025-02-01'): the values in force then, with mention, metric, period, dimensions and unit",
    make: |surroundings| Arc::new(ValuesAsOf(surroundings)),
};

#[derive(Debug)]
struct ValuesAsOf(Surroundings);

impl TableFunctionImpl for ValuesAsOf {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let [when] = arguments::texts(args, "values_as_of('2025-02-01')")?;
        super::plan::view_in_order(&self.0, &in_force::all_values_sql(arguments::instant(&when)?))
    }
}

#[derive(Debug)]
struct ClaimsAsOf(Surroundings);

impl TableFunctionImpl for ClaimsAsOf {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let [when] = arguments::texts(args, "claims_as_of('2025-02-01')")?;
        let as_of = arguments::instant(&when)?;
        let sql = format!("SELECT * EXCEPT (n_vintages) FROM ({})", in_force::sql("TRUE", Some(as_of)));
        super::plan::view(&self.0, &sql)
    }
}
