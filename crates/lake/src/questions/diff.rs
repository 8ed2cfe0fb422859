//! `diff`: which figures are otherwise than they were at an earlier moment, and how.

use super::{quoted, run};
use crate::{Answer, Lake, Result};

/// Two moments, and what to compare.
#[derive(Debug, Clone, Default)]
pub struct DiffQuestion {
    /// The earlier moment, microseconds.
    pub from: i64,
    /// The later moment, microseconds; now if `None`.
    pub to: Option<i64>,
    /// Of this source.
    pub source: Option<String>,
    /// Of this metric.
    pub metric: Option<String>,
    /// At most so many rows, the largest changes first.
    pub limit: usize,
}

/// Figures that were added, withdrawn or restated between the two, a row each.
///
/// # Errors
/// Of the engine.
pub async fn diff(lake: &Lake, question: &DiffQuestion) -> Result<Answer> {
    let mut conditions = vec!["TRUE".to_owned()];
    if let Some(source) = &question.source {
        conditions.push(format!("source = {}", quoted(source)));
    }
    if let Some(metric) = &question.metric {
        conditions.push(format!("metric = {}", quoted(metric)));
    }
    let condition = conditions.join(" AND ");
    let in_force = |as_of| super::in_force::sql(&condition, as_of);
    let side = |as_of, before: &str, after: &str| {
        format!(
            "SELECT source, mention_id, subject, metric, period, period_start, period_end, region, platform, segment, \
                    {before} AS value_before, {after} AS value_after, unit, known_at, document FROM ({})",
            in_force(as_of)
        )
    };
    let nothing = "CAST(NULL AS DOUBLE)";
    // Not by abs(growth): the engine (55.2) refuses plans that are sorted by it.
    let sql = format!(
        "SELECT CASE WHEN value_before IS NULL THEN 'added' WHEN value_after IS NULL THEN 'withdrawn' \
                     ELSE 'restated' END AS change, \
                source, subject, metric, period, region, platform, segment, value_before, value_after, \
                value_after / nullif(value_before, 0) - 1 AS growth, unit, known_at, document \
         FROM (SELECT source, mention_id, max(subject) AS subject, metric, period, region, platform, segment, \
                      max(value_before) AS value_before, max(value_after) AS value_after, max(unit) AS unit, \
                      max(known_at) AS known_at, max(document) AS document \
               FROM ({before} UNION ALL {after}) \
               GROUP BY source, mention_id, metric, period, period_start, period_end, region, platform, segment) \
         WHERE value_before IS DISTINCT FROM value_after \
         ORDER BY CASE WHEN growth < 0 THEN -growth ELSE coalesce(growth, 0) END DESC, metric, period, subject, source, \
                  region, platform, segment LIMIT {limit}",
        before = side(Some(question.from), "value", nothing),
        after = side(question.to, nothing, "value"),
        limit = question.limit
    );
    run(lake, &sql).await
}
