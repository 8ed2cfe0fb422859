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
    let sql = format!(
        "SELECT CASE WHEN b.value IS NULL THEN 'added' WHEN a.value IS NULL THEN 'withdrawn' ELSE 'restated' END AS change, \
                coalesce(a.source, b.source) AS source, coalesce(a.subject, b.subject) AS subject, \
                coalesce(a.metric, b.metric) AS metric, coalesce(a.period, b.period) AS period, \
                coalesce(a.region, b.region) AS region, coalesce(a.platform, b.platform) AS platform, \
                coalesce(a.segment, b.segment) AS segment, b.value AS value_before, a.value AS value_after, \
                a.value / nullif(b.value, 0) - 1 AS growth, coalesce(a.unit, b.unit) AS unit, \
                coalesce(a.known_at, b.known_at) AS known_at, coalesce(a.document, b.document) AS document \
         FROM ({after}) a FULL OUTER JOIN ({before}) b \
              ON a.source = b.source AND a.mention_id = b.mention_id AND a.metric = b.metric \
              AND a.period_start = b.period_start AND a.period_end = b.period_end AND a.region = b.region \
              AND a.platform = b.platform AND a.segment = b.segment \
         WHERE a.value IS DISTINCT FROM b.value OR a.unit IS DISTINCT FROM b.unit \
         ORDER BY abs(coalesce(a.value / nullif(b.value, 0) - 1, 0)) DESC, metric, period, subject LIMIT {limit}",
        after = in_force(question.to),
        before = in_force(Some(question.from)),
        limit = question.limit
    );
    run(lake, &sql).await
}
