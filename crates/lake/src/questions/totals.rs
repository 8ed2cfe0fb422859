//! `totals`: the sum of everybody's reconciled figures of a metric, period by period.

use super::{quoted, rows};
use crate::{Answer, Lake, Result};

/// Which sums.
#[derive(Debug, Clone, Default)]
pub struct TotalsQuestion {
    /// Metric id.
    pub metric: String,
    /// Grain of the periods: `day`, `week`, `month`, `quarter`, `half`, `year`.
    pub grain: String,
    /// Region.
    pub region: String,
    /// Platform.
    pub platform: String,
    /// Segment.
    pub segment: String,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
}

/// By `period` and `unit` the `total` of the figures in force of all products and companies; a period with figures in two
/// units has a row for each. It says nothing of whether the metric adds up.
///
/// # Errors
/// An unknown metric; those of the engine.
pub async fn totals(lake: &Lake, question: &TotalsQuestion) -> Result<Answer> {
    rows::known_metric(lake, &question.metric)?;
    let slice = [
        ("region", Some(question.region.as_str())),
        ("platform", Some(question.platform.as_str())),
        ("segment", Some(question.segment.as_str())),
    ];
    let filter = format!(
        "metric = {} AND grain = {} AND {} AND {}",
        quoted(&question.metric),
        quoted(&question.grain),
        rows::equals(&slice),
        rows::known_by(question.as_of)
    );
    let sql = format!(
        "SELECT f.period, f.unit, sum(f.value) AS total FROM ({}) f JOIN entities e ON f.entity_id = e.entity_id \
         WHERE e.kind <> 'segment' GROUP BY f.period, f.unit ORDER BY f.period, f.unit",
        super::figures::sql(&filter)
    );
    super::run(lake, &sql).await
}
