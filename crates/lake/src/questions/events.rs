//! `events`: what is said to have happened, in the order in which it became known.

use super::rows;
use super::whose::Whose;
use crate::{Answer, Lake, Language, Result};

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct EventsQuestion {
    /// Name in any script, pinyin, or entity id.
    pub name: Option<String>,
    /// Only this kind of event, for example `funding`.
    pub event: Option<String>,
    /// Only this source.
    pub source: Option<String>,
    /// Only this status.
    pub status: Option<String>,
    /// Only this document (SHA-256).
    pub document: Option<String>,
    /// At most so many; 100 where not said.
    pub limit: Option<usize>,
    /// Oldest first, so that a rumour comes before its denial.
    pub oldest_first: bool,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// On the same day, what is said first by its nature comes first.
const STATUS_ORDER: &str = "CASE v.status WHEN 'rumoured' THEN 0 WHEN 'estimated' THEN 1 WHEN 'reported' THEN 2 \
     WHEN 'denied' THEN 3 WHEN 'confirmed' THEN 4 WHEN 'official' THEN 5 ELSE 6 END";

/// The events.
pub async fn events(lake: &Lake, question: &EventsQuestion) -> Result<Answer> {
    let (mut filter, mut whose) = (rows::known_by(question.as_of), Whose::anybody(lake, question.language));
    if let Some(name) = &question.name {
        let identity = lake.identity();
        let entity = identity.find(name, None)?;
        filter.push_str(&format!(" AND {}", rows::is_entity(&identity, entity)));
        whose.is(entity);
    }
    let status = question.status.as_deref().map(str::to_ascii_lowercase);
    filter.push_str(&format!(
        " AND {}",
        rows::equals(&[
            ("event", question.event.as_deref()),
            ("source", question.source.as_deref()),
            ("status", status.as_deref()),
            ("document", question.document.as_deref()),
        ])
    ));
    // What does not say when it was said counts as known from its import, which is no news.
    let undated_last = if question.oldest_first { "" } else { "v.said_at IS NULL AND v.known_at = v.recorded_at, " };
    let direction = if question.oldest_first { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT entity_hex(v.event_id) AS event_ref, {}, v.kind, v.event, v.happened_on, \
                v.counterparty, v.person, v.round, v.amount, v.currency, v.valuation_low, v.valuation_high, \
                v.valuation_currency, v.status, v.source, v.subject, v.said_at, v.known_at, v.document, v.record, \
                v.url, v.note \
         FROM (SELECT * FROM events WHERE {filter}) v {} \
         ORDER BY {undated_last}v.known_at {direction}, {STATUS_ORDER} {direction}, v.event_id LIMIT {}",
        whose.columns(),
        whose.joined_to("v"),
        question.limit.unwrap_or(100),
    );
    whose.run(lake, &sql).await
}
