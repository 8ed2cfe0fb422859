//! The SQL functions that every session has, in one list; they travel to a cluster by name.
//!
//! To add one: a file here that makes it, and a line in [`FUNCTIONS`].

mod arguments;
mod claims_as_of;
pub(crate) mod count_distinct;
mod json_text;
mod latest;
mod league;
mod match_keys;
mod name_keys;
mod plan;
mod refs;
mod series;
mod shared_text;
mod vintage;

use std::sync::Arc;

use crowsnest_model::MetricRegistry;
use datafusion::catalog::TableFunctionImpl;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

use crate::identity::Identity;
use crate::{Market, Result};

/// What functions are made from: the session before any of them, and who is who.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) state: SessionState,
    pub(crate) identity: Arc<Identity>,
    pub(crate) metrics: MetricRegistry,
    /// The code of the currency in which amounts are compared.
    pub(crate) currency: String,
}

/// A function of the lake.
#[derive(Debug)]
pub struct Function {
    /// Its name in SQL.
    pub name: &'static str,
    /// How it is called, and what it gives.
    pub doc: &'static str,
    make: fn(Surroundings) -> Arc<dyn TableFunctionImpl>,
}

/// All of them.
pub static FUNCTIONS: &[Function] = &[claims_as_of::FUNCTION, claims_as_of::VALUES, league::FUNCTION, series::FUNCTION];

/// The functions of values, which views use too.
pub(crate) fn scalars() -> Vec<ScalarUDF> {
    vec![
        refs::claim_ref(),
        refs::entity_hex_function(),
        vintage::vintage(),
        vintage::vintage_claim(),
        vintage::about(),
        match_keys::match_keys(),
        name_keys::name_keys(),
        json_text::json_text(),
    ]
}

/// The functions of groups of values.
pub(crate) fn aggregates() -> Vec<AggregateUDF> {
    vec![count_distinct::count_distinct(), latest::latest(), shared_text::shared_text()]
}

/// Adds the functions of values and of groups to a session.
pub(crate) fn add_to(registry: &mut dyn FunctionRegistry) -> datafusion::error::Result<()> {
    for function in scalars() {
        registry.register_udf(Arc::new(function))?;
    }
    for function in aggregates() {
        registry.register_udaf(Arc::new(function))?;
    }
    Ok(())
}

pub(crate) fn register(context: &SessionContext, market: &Market, identity: &Arc<Identity>) -> Result<()> {
    let surroundings = Surroundings {
        state: context.state(),
        identity: Arc::clone(identity),
        metrics: market.metrics.clone(),
        currency: market.config.currency.clone(),
    };
    for function in FUNCTIONS {
        context.register_udtf(function.name, (function.make)(surroundings.clone()));
    }
    Ok(())
}
