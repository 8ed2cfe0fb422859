//! `marks`: what detection said of one entity's series, to be shown on its charts. Reads the table `signals` alone.

use super::breakouts::of_evidence;
use super::rows;
use crate::{Answer, Lake, Result};

/// Whose marks.
#[derive(Debug, Clone, Default)]
pub struct MarksQuestion {
    /// The entity's id.
    pub entity_id: i64,
    /// Microseconds; only what was said by then.
    pub as_of: Option<i64>,
}

/// Change points, anomalies and calls of breakouts of one entity: `metric, detector, period, day, value, probability, source`,
/// each once, the earliest period first.
///
/// # Errors
/// Those of the engine.
pub async fn marks(lake: &Lake, question: &MarksQuestion) -> Result<Answer> {
    let source =
        format!("coalesce(nullif({}, ''), {})", of_evidence("evidence", "source"), of_evidence("evidence", "list"));
    let sql = format!(
        "SELECT metric, detector, period, CAST(CAST(period_start AS INT) AS BIGINT) AS day, \
                max(value) AS value, max(probability) AS probability, {source} AS source \
         FROM signals WHERE entity_id = {} AND {} \
              AND detector IN ('level_change', 'slope_change', 'spike', 'bot_like', 'data_error', 'breakout_call') \
         GROUP BY metric, detector, period, period_start, {source} ORDER BY day, metric, detector",
        question.entity_id,
        rows::known_by(question.as_of)
    );
    super::run_few(lake, &sql).await
}
