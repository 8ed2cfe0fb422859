//! `league('mau', '2024-12')`: the league table of a metric and period, over all regions, platforms and segments unless
//! they are named.

use std::sync::Arc;

use crowsnest_model::Period;
use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;

use super::{Function, Surroundings, arguments};
use crate::questions::LeagueShape;

pub(super) const FUNCTION: Function = Function {
    name: "league",
    doc: "league('mau', '2024-12' [, region, platform, segment]): rank, name, value, share, change … per entity",
    make: |surroundings| Arc::new(League(surroundings)),
};

const USAGE: &str = "league('mau', '2024-12') or league('mau', '2024-12', 'cn', 'app', 'all')";

#[derive(Debug)]
struct League(Surroundings);

impl TableFunctionImpl for League {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let (metric, period, filter) = if args.len() == 2 {
            let [metric, period] = arguments::texts(args, USAGE)?;
            (metric, period, "TRUE".to_owned())
        } else {
            let [metric, period, region, platform, segment] = arguments::texts(args, USAGE)?;
            (metric, period, LeagueShape::slice(&region, &platform, &segment))
        };
        let lower_is_better = match self.0.metrics.get(&metric) {
            Some(known) => known.lower_is_better,
            None => return Err(DataFusionError::Plan(format!("no metric is called {metric:?}"))),
        };
        let period = Period::parse(&period).map_err(|error| DataFusionError::Plan(error.to_string()))?;
        let shape = LeagueShape {
            metric: &metric,
            lower_is_better,
            period,
            filter,
            by_source: false,
            as_of: None,
            name: "e.name",
        };
        super::plan::view(&self.0, &format!("SELECT * EXCEPT (entity_id) FROM ({})", shape.sql()))
    }
}
