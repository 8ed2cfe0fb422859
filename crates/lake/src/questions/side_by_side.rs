//! `side_by_side`: what is said of several names at once, and their reconciled figures: one pass over the claims for all of
//! them, where `show` and `figures` would make one for each.

use std::collections::HashSet;

use super::in_force;
use super::rows::{self, CLAIM_COLUMNS};
use crate::{Answer, Lake, Result};

/// Several names.
#[derive(Debug, Clone, Default)]
pub struct SideBySideQuestion {
    /// Names in any script, pinyin, or entity ids.
    pub names: Vec<String>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
}

impl SideBySideQuestion {
    fn entities(&self, lake: &Lake) -> Result<HashSet<i64>> {
        let identity = lake.identity();
        self.names.iter().map(|name| identity.find(name, None).map(|entity| entity.id)).collect()
    }
}

/// The claims in force of each, as `show` gives them, with their `entity`; the newest period first within each metric.
///
/// # Errors
/// A name that nobody has; those of the engine.
pub async fn claims_side_by_side(lake: &Lake, question: &SideBySideQuestion) -> Result<Answer> {
    let entities = question.entities(lake)?;
    let filter = rows::is_any_entity(&lake.identity(), &entities);
    let sql = format!(
        "SELECT e.entity, {CLAIM_COLUMNS}, c.n_vintages FROM ({}) c \
         JOIN (SELECT * FROM identities WHERE {is_any}) i ON c.mention_id = i.mention_id \
         JOIN (SELECT * FROM entities WHERE {is_any}) e ON i.entity_id = e.entity_id \
         ORDER BY e.entity, c.metric, c.period_start DESC, c.period_end DESC, c.region, c.platform, c.segment, c.source",
        in_force::sql(&filter, question.as_of),
        is_any = rows::is_any_id("entity_id", &entities),
    );
    super::run_few(lake, &sql).await
}

/// The figures in force of each, as `figures` gives them, with their `entity`; the latest periods first.
///
/// # Errors
/// A name that nobody has; those of the engine.
pub async fn figures_side_by_side(lake: &Lake, question: &SideBySideQuestion) -> Result<Answer> {
    let entities = question.entities(lake)?;
    let is_any = rows::is_any_id("entity_id", &entities);
    let filter = format!("{is_any} AND {}", rows::known_by(question.as_of));
    let sql = format!(
        "SELECT e.entity, f.* EXCEPT (entity_id) FROM ({}) f \
         JOIN (SELECT * FROM entities WHERE {is_any}) e ON f.entity_id = e.entity_id \
         ORDER BY e.entity, f.period_start DESC, f.period_end DESC, f.metric, f.region, f.platform, f.segment, f.unit",
        super::figures::sql(&filter)
    );
    super::run_few(lake, &sql).await
}
