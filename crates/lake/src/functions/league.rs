//! `league('mau', '2024-12')`: the league table of a metric and period, in the region, platform and segment that most names
//! have, unless others are named.

use std::sync::Arc;

use crowsnest_model::Period;
use datafusion::catalog::{TableFunctionImpl, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::Expr;

use super::{Function, Surroundings, arguments};
use crate::questions::money::Rates;
use crate::questions::{LeagueShape, LeagueSlice};

pub(super) const FUNCTION: Function = Function {
    name: "league",
    doc: "league('mau', '2024-12' [, region, platform, segment] [, as_of]): rank, name, value, share, change … per entity",
    make: |surroundings| Arc::new(League(surroundings)),
};

const USAGE: &str =
    "league('mau', '2024-12'), and further 'cn', 'app', 'all' (region, platform, segment), a day as of which, or both";

#[derive(Debug)]
struct League(Surroundings);

impl TableFunctionImpl for League {
    fn call(&self, args: &[Expr]) -> Result<Arc<dyn TableProvider>> {
        let texts = arguments::all_texts(args, USAGE)?;
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (metric, period, slice, as_of) = match texts[..] {
            [metric, period] => (metric, period, LeagueSlice::MostCovered, None),
            [metric, period, as_of] => (metric, period, LeagueSlice::MostCovered, Some(as_of)),
            [metric, period, region, platform, segment] => {
                (metric, period, LeagueSlice::Named([region, platform, segment]), None)
            }
            [metric, period, region, platform, segment, as_of] => {
                (metric, period, LeagueSlice::Named([region, platform, segment]), Some(as_of))
            }
            _ => return Err(DataFusionError::Plan(format!("call it as {USAGE}"))),
        };
        let Some(metric) = self.0.metrics.get(metric) else {
            return Err(DataFusionError::Plan(format!("no metric is called {metric:?}")));
        };
        let period = Period::parse(period).map_err(|error| DataFusionError::Plan(error.to_string()))?;
        let as_of = as_of.map(arguments::instant).transpose()?;
        let rates_of = |period: &Period| Rates::of(&self.0.currency, metric, period);
        let rates = rates_of(&period);
        let shape = LeagueShape {
            metric,
            rates: rates.as_ref(),
            rates_before: period.previous().and_then(|previous| rates_of(&previous)),
            filter: slice.filter(&metric.id, &period, as_of),
            period,
            by_source: false,
            as_of,
            name: "e.name",
        };
        let sql = format!(
            "SELECT * EXCEPT (entity_id) FROM ({}) WHERE rank IS NOT NULL ORDER BY rank, name, source",
            shape.sql()
        );
        super::plan::view(&self.0, &sql)
    }
}
