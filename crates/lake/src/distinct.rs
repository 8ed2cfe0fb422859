//! `count(DISTINCT …)` by a function of ours where the engine's own would hold more than the memory pool is told of.
//!
//! In: a question's logical plan. Out: the same with `count_distinct(…)` in place of `count(DISTINCT …)` of texts, days,
//! instants and floats, under the same names. Whole numbers stay: the engine counts those in one set for all groups.
//! A lone `count(DISTINCT …)` never comes here: the engine makes two groupings of it before.
//! The plan goes to a cluster as it is, because the function travels by name.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, AggregateUDF, Expr, ExprSchemable as _, LogicalPlan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::functions::count_distinct;

/// The rule that puts the function in.
#[derive(Debug)]
pub(crate) struct CountDistinct(Arc<AggregateUDF>);

impl CountDistinct {
    pub(crate) fn new() -> Self {
        Self(Arc::new(count_distinct::count_distinct()))
    }

    /// The call of ours that counts the same; `None` where the engine's own stays.
    fn in_place_of(&self, expr: &Expr, input: &DFSchema) -> Option<Expr> {
        match expr {
            Expr::Alias(named) => {
                let call = self.in_place_of(&named.expr, input)?;
                Some(call.alias_qualified(named.relation.clone(), named.name.clone()))
            }
            Expr::AggregateFunction(AggregateFunction { func, params }) => {
                let AggregateFunctionParams { args, distinct: true, filter, order_by, .. } = params else {
                    return None;
                };
                let [value] = args.as_slice() else { return None };
                let is_ours = func.name() == "count"
                    && order_by.is_empty()
                    && value.get_type(input).is_ok_and(|data_type| count_distinct::is_better(&data_type));
                let function = Arc::clone(&self.0);
                let call = || AggregateFunction::new_udf(function, args.clone(), false, filter.clone(), vec![], None);
                is_ours.then(|| Expr::AggregateFunction(call()))
            }
            _ => None,
        }
    }
}

impl OptimizerRule for CountDistinct {
    fn name(&self) -> &str {
        "count_distinct_within_memory"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        let names = NamePreserver::new(&plan);
        let mut is_changed = false;
        let mut calls = Vec::with_capacity(aggregate.aggr_expr.len());
        for expr in &aggregate.aggr_expr {
            match self.in_place_of(expr, aggregate.input.schema()) {
                Some(call) => {
                    is_changed = true;
                    calls.push(names.save(expr).restore(call));
                }
                None => calls.push(expr.clone()),
            }
        }
        if !is_changed {
            return Ok(Transformed::no(plan));
        }
        let changed = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), calls)?;
        Ok(Transformed::yes(LogicalPlan::Aggregate(changed)))
    }
}
