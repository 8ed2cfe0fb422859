//! `overview`: what is in the market, and what changed last.

use serde::Deserialize;
use serde_json::json;

use super::claims::ClaimsQuestion;
use super::events::EventsQuestion;
use super::rows;
use crate::{Answer, Lake, Language, Result};

/// The state of the market.
#[derive(Debug, Clone, Default)]
pub struct OverviewQuestion {
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// Facts: counts, the latest claims and events; rows: the biggest movers from each metric's last month but one.
pub async fn overview(lake: &Lake, question: &OverviewQuestion) -> Result<Answer> {
    let (known, met) = (rows::known_by(question.as_of), rows::is_met_by(question.as_of));
    let counts_sql = format!(
        "SELECT (SELECT count(*) FROM claims WHERE {known}) AS n_claims, \
                (SELECT count(*) FROM events WHERE {known}) AS n_events, \
                (SELECT count(DISTINCT source) FROM claims WHERE {known}) AS n_sources, \
                (SELECT count(DISTINCT metric) FROM claims WHERE {known}) AS n_metrics, \
                (SELECT count(*) FROM entities e WHERE kind = 'product' AND {met}) AS n_products, \
                (SELECT count(*) FROM entities e WHERE kind = 'company' AND {met}) AS n_companies, \
                (SELECT count(DISTINCT document) FROM documents WHERE {known}) AS n_documents, \
                (SELECT max(known_at) FROM claims WHERE {known}) AS latest_known_at"
    );
    let language = question.language;
    let claims_asked = ClaimsQuestion { limit: Some(12), as_of: question.as_of, language, ..Default::default() };
    let events_asked = EventsQuestion { limit: Some(12), as_of: question.as_of, language, ..Default::default() };
    let (counts, movers, claims, events) = futures::try_join!(
        super::run(lake, &counts_sql),
        movers(lake, question),
        super::claims::claims(lake, &claims_asked),
        super::events::events(lake, &events_asked),
    )?;
    let counts: Vec<serde_json::Value> = counts.rows_as()?;
    let claims: Vec<serde_json::Value> = claims.rows_as()?;
    let events: Vec<serde_json::Value> = events.rows_as()?;
    Ok(movers
        .with_fact("market", json!({"name": lake.market().config.name, "title": lake.market().config.title}))
        .with_fact("counts", counts.into_iter().next().unwrap_or_default())
        .with_fact("claims", claims)
        .with_fact("events", events))
}

/// Smaller changes than this move nobody.
const MOVE_SHARE_MIN: f64 = 0.02;

/// How far back movers are looked for before all months are: the latest ones come first in any case.
const RECENT_DAYS: i32 = 100;
const N_MOVERS: usize = 12;

/// The largest relative changes from one month to the next, told by the same source, among metrics that several
/// sources tell; the latest month first.
async fn movers(lake: &Lake, question: &OverviewQuestion) -> Result<Answer> {
    let filter = "grain = 'month' AND kind = 'product' AND unit IN ('users', 'visits', 'downloads')";
    let known = rows::known_by(question.as_of);
    let latest = format!("SELECT CAST(max(period_start) AS INT) AS day FROM claims WHERE {filter} AND {known}");
    let latest: Vec<LatestMonth> = super::run(lake, &latest).await?.rows_as()?;
    let Some(day) = latest.first().and_then(|row| row.day) else { return movers_of(lake, question, filter).await };
    let since = crowsnest_model::day_to_string(day.saturating_sub(RECENT_DAYS));
    let recent = movers_of(lake, question, &format!("{filter} AND period_start >= DATE '{since}'")).await?;
    if recent.rows.num_rows() >= N_MOVERS { Ok(recent) } else { movers_of(lake, question, filter).await }
}

#[derive(Deserialize)]
struct LatestMonth {
    day: Option<i32>,
}

async fn movers_of(lake: &Lake, question: &OverviewQuestion, filter: &str) -> Result<Answer> {
    let name = rows::name_column(rows::language(lake, question.language));
    let sql = format!(
        "WITH said AS (SELECT c.*, i.entity_id FROM ({}) c JOIN identities i ON c.mention_id = i.mention_id), \
         steps AS (SELECT *, lag(value) OVER w AS previous_value, lag(period_end) OVER w AS previous_end FROM said \
                   WINDOW w AS (PARTITION BY entity_id, source, metric, region, platform, segment ORDER BY period_start)) \
         SELECT e.entity, {name} AS name, s.metric, s.period, s.value, s.previous_value, s.unit, s.source, \
                s.value / s.previous_value - 1 AS change, claim_ref(s.mention_id, s.claim_id) AS claim \
         FROM steps s JOIN entities e ON s.entity_id = e.entity_id \
         WHERE s.previous_end = s.period_start AND s.previous_value > 0 \
           AND abs(s.value / s.previous_value - 1) >= {MOVE_SHARE_MIN} \
         ORDER BY s.period_start DESC, greatest(s.value / s.previous_value, s.previous_value / nullif(s.value, 0)) DESC, \
         name LIMIT {N_MOVERS}",
        crate::questions::in_force::sql(filter, question.as_of)
    );
    super::run(lake, &sql).await
}
