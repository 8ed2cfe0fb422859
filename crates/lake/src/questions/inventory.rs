//! `metrics` and `periods`: what is measured in the market, and for when.

use super::{quoted, rows};
use crate::{Answer, Lake, Language, Result};

/// All metrics.
#[derive(Debug, Clone, Default)]
pub struct MetricsQuestion {
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of the label.
    pub language: Option<Language>,
}

/// One row per metric that has claims, the most covered first.
pub async fn metrics(lake: &Lake, question: &MetricsQuestion) -> Result<Answer> {
    let language = rows::language(lake, question.language);
    let registry: Vec<String> = lake
        .market()
        .metrics
        .iter()
        .map(|metric| {
            format!(
                "({}, {}, {}, {})",
                quoted(&metric.id),
                quoted(rows::label(metric, language)),
                quoted(&metric.unit),
                quoted(&metric.description)
            )
        })
        .collect();
    let sql = format!(
        "SELECT c.metric, r.label, r.unit, c.n_claims, c.n_mentions, c.n_sources, c.first_period, c.latest_period, \
                r.description \
         FROM (SELECT metric, count(*) AS n_claims, count(DISTINCT mention_id) AS n_mentions, \
                      count(DISTINCT source) AS n_sources, substr(min(CAST(period_start AS VARCHAR) || ' ' || period), 12) AS first_period, \
                      substr(max(CAST(period_start AS VARCHAR) || ' ' || period), 12) AS latest_period \
               FROM claims WHERE {} GROUP BY metric) c \
         LEFT JOIN (SELECT column1 AS metric, column2 AS label, column3 AS unit, column4 AS description \
                    FROM (VALUES {})) r ON c.metric = r.metric \
         ORDER BY c.n_sources DESC, c.n_claims DESC, c.metric",
        rows::known_by(question.as_of),
        registry.join(", ")
    );
    super::run(lake, &sql).await
}

/// The periods of one metric.
#[derive(Debug, Clone, Default)]
pub struct PeriodsQuestion {
    /// Metric id.
    pub metric: String,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
}

/// One row per period that the metric has claims for, newest first.
pub async fn periods(lake: &Lake, question: &PeriodsQuestion) -> Result<Answer> {
    rows::known_metric(lake, &question.metric)?;
    let sql = format!(
        "SELECT period, grain, period_start, period_end, count(*) AS n_claims, \
                count(DISTINCT CASE WHEN kind <> 'segment' THEN mention_id END) AS n \
         FROM claims WHERE metric = {} AND {} \
         GROUP BY period, grain, period_start, period_end ORDER BY period_start DESC, period_end",
        quoted(&question.metric),
        rows::known_by(question.as_of),
    );
    super::run(lake, &sql).await
}
