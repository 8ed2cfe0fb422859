//! The views that every session has besides the tables, in SQL.

use std::sync::Arc;

use datafusion::datasource::ViewTable;
use datafusion::prelude::SessionContext;

use crate::Result;

/// Name, what it is, and its SQL; a later view may use an earlier one.
pub const VIEWS: &[(&str, &str, &str)] = &[
    (
        "claims_named",
        "claims with the entity that their mention is, by id and by name",
        "SELECT c.*, i.entity_id, e.entity, e.name \
         FROM claims c JOIN identities i ON c.mention_id = i.mention_id JOIN entities e ON i.entity_id = e.entity_id",
    ),
    (
        "claims_in_force",
        "per source, subject, metric, period and dimensions the claim known last, unless it denies or withdraws",
        "SELECT c.* FROM claims c JOIN ( \
             SELECT mention_id AS last_mention_id, vintage_claim(max(vintage(known_at, claim_id))) AS last_claim_id \
             FROM claims \
             GROUP BY mention_id, about(metric, period_start, period_end, region, platform, segment)) \
         ON c.mention_id = last_mention_id AND c.claim_id = last_claim_id \
         WHERE c.status NOT IN ('denied', 'withdrawn')",
    ),
    (
        "values_in_force",
        "the values of claims_in_force with what they are about; several times faster over a whole market",
        crate::questions::in_force::ALL_VALUES,
    ),
    (
        "events_named",
        "events with the entity that they happened to, by id and by name",
        "SELECT v.*, i.entity_id, e.entity, e.name \
         FROM events v JOIN identities i ON v.mention_id = i.mention_id JOIN entities e ON i.entity_id = e.entity_id",
    ),
];

pub(crate) async fn register(context: &SessionContext) -> Result<()> {
    for (name, _, sql) in VIEWS {
        let plan = context.sql(sql).await?.into_unoptimized_plan();
        context.register_table(*name, Arc::new(ViewTable::new(plan, Some((*sql).to_owned()))))?;
    }
    Ok(())
}
