//! `rhythm`: on which days each source had something to say. How long one is silent, and whether that is unusual,
//! follows from it.

use super::rows;
use crate::sql::instant;
use crate::{Answer, Lake, Result};

/// Since when and until when.
#[derive(Debug, Clone, Default)]
pub struct RhythmQuestion {
    /// Microseconds; only what was known after this moment.
    pub known_after: i64,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
}

/// One row per source and day (days since 1970-01-01, UTC) on which something of it became known, in order. Events that do
/// not tell when they were said are left out: they count as known from their import, which is no word of the source.
pub async fn rhythm(lake: &Lake, question: &RhythmQuestion) -> Result<Answer> {
    let known = format!("known_at > {} AND {}", instant(question.known_after), rows::known_by(question.as_of));
    let days = |table: &str, and: &str| {
        format!(
            "SELECT source, day FROM (SELECT source, CAST(CAST(CAST(known_at AS DATE) AS INT) AS BIGINT) AS day \
             FROM {table} WHERE {known}{and}) GROUP BY source, day"
        )
    };
    let sql = format!(
        "SELECT source, day FROM ({} UNION ALL {}) GROUP BY source, day ORDER BY source, day",
        days("claims", ""),
        days("events", " AND said_at IS NOT NULL")
    );
    super::run(lake, &sql).await
}
