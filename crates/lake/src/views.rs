//! The views that every session has besides the tables, in SQL.

use std::sync::Arc;

use datafusion::datasource::ViewTable;
use datafusion::prelude::SessionContext;

use crate::identity::Identity;
use crate::{Result, provider};

/// Name, what it is, and its SQL; a later view may use an earlier one.
///
/// A join keeps its left side in memory where it cannot tell which is smaller, and of a join it cannot: names are joined to
/// each other first, and stand on the left of the rows that they name.
pub const VIEWS: &[(&str, &str, &str)] = &[
    (
        "claims_named",
        "claims with the entity that their mention is, by id and by name",
        "SELECT c.*, n.entity_id, n.entity, n.name \
         FROM (SELECT i.mention_id, i.entity_id, e.entity, e.name \
               FROM identities i JOIN entities e ON i.entity_id = e.entity_id) n \
         JOIN claims c ON n.mention_id = c.mention_id",
    ),
    (
        SUBJECTS,
        "claims with subject_id: one number per source and entity, in however many ways the source writes the name",
        "SELECT c.*, coalesce(s.first_mention_id, c.mention_id) AS subject_id \
         FROM claims c LEFT JOIN same_subjects s ON c.mention_id = s.same_mention_id",
    ),
    (
        "claims_in_force",
        "per source, entity, metric, period and dimensions the claim known last, unless it denies or withdraws",
        "SELECT c.* EXCEPT (subject_id) FROM claims_of_subjects c JOIN ( \
             SELECT subject_id AS last_subject_id, vintage_claim(max(vintage(known_at, claim_id))) AS last_claim_id \
             FROM claims_of_subjects \
             GROUP BY subject_id, about(metric, period_start, period_end, region, platform, segment)) \
         ON c.subject_id = last_subject_id AND c.claim_id = last_claim_id \
         WHERE c.status NOT IN ('denied', 'withdrawn')",
    ),
    (
        VALUES,
        "the values of claims_in_force with what they are about; several times faster over a whole market",
        crate::questions::in_force::ALL_VALUES,
    ),
    (
        "figures_in_force",
        "the figure known last of each entity, metric, period, dimensions and unit, unless it is withdrawn",
        "SELECT f.* FROM figures f JOIN ( \
             SELECT entity_id AS last_entity_id, vintage_claim(max(vintage(known_at, figure_id))) AS last_figure_id \
             FROM figures GROUP BY entity_id, about(metric, period_start, period_end, region, platform, segment, unit)) \
         ON f.entity_id = last_entity_id AND f.figure_id = last_figure_id WHERE f.method <> 'withdrawn'",
    ),
    (
        "events_named",
        "events with the entity that they happened to, by id and by name",
        "SELECT v.*, n.entity_id, n.entity, n.name \
         FROM (SELECT i.mention_id, i.entity_id, e.entity, e.name \
               FROM identities i JOIN entities e ON i.entity_id = e.entity_id) n \
         JOIN events v ON n.mention_id = v.mention_id",
    ),
];

/// The view of all values, which reads claims month by month.
const VALUES: &str = "values_in_force";

/// The view that tells which claims are one source's word on one entity.
const SUBJECTS: &str = "claims_of_subjects";

/// [`SUBJECTS`] where no source writes a name in two ways: the join would cost and change nothing.
const SUBJECTS_AS_MENTIONED: &str = "SELECT *, mention_id AS subject_id FROM claims";

pub(crate) async fn register(context: &SessionContext, identity: &Identity) -> Result<()> {
    for (name, _, sql) in VIEWS {
        let is_plain = *name == SUBJECTS && !identity.has_same_subjects();
        let sql = if is_plain { SUBJECTS_AS_MENTIONED } else { sql };
        let mut plan = context.sql(sql).await?.into_unoptimized_plan();
        if *name == VALUES {
            plan = provider::in_order(plan)?;
        }
        context.register_table(*name, Arc::new(ViewTable::new(plan, Some(sql.to_owned()))))?;
    }
    Ok(())
}
