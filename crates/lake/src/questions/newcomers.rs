//! `newcomers`: products and companies that were first met of late.

use super::rows;
use crate::sql::instant;
use crate::{Answer, Lake, Language, Result};

/// Since when.
#[derive(Debug, Clone, Default)]
pub struct NewcomersQuestion {
    /// Microseconds; first met after this moment.
    pub known_after: i64,
    /// At most so many.
    pub limit: usize,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// Who is new, those that most sources name first; `n_all` is how many there are. An entity is as old as its oldest name.
pub async fn newcomers(lake: &Lake, question: &NewcomersQuestion) -> Result<Answer> {
    let sql = format!(
        "SELECT e.entity, e.kind, {} AS name, f.first_known_at, f.n_sources, f.source, count(*) OVER () AS n_all \
         FROM (SELECT i.entity_id, min(m.known_at) AS first_known_at, count(DISTINCT m.source) AS n_sources, \
                      min(m.source) AS source \
               FROM (SELECT mention_id, known_at, source FROM mentions WHERE kind <> 'segment' AND {}) m \
               JOIN identities i ON m.mention_id = i.mention_id GROUP BY i.entity_id) f \
         JOIN entities e ON f.entity_id = e.entity_id WHERE f.first_known_at > {} \
         ORDER BY f.n_sources DESC, f.first_known_at, name LIMIT {}",
        rows::name_column(rows::language(lake, question.language)),
        rows::known_by(question.as_of),
        instant(question.known_after),
        question.limit,
    );
    super::run(lake, &sql).await
}
