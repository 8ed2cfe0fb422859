//! `moves`: figures that moved from one period to the next, each told by the same source on both, so that a change of
//! source is no move; of several sources that tell the same move one is taken.

use crowsnest_model::{MetricKind, day_to_string};

use super::{in_force, quoted, rows};
use crate::questions::league::STATUS_RANK;
use crate::sql::{instant, listed};
use crate::{Answer, Lake, LakeError, Language, Result};

/// Days that may lie between two snapshots that are compared; longer periods have to adjoin.
const SNAPSHOT_GAP_DAYS: i32 = 40;
/// Who is told late of a period is told of it that much later at most, in microseconds.
const LATE_MICROS: i64 = 62 * 86_400_000_000;

/// Which moves.
#[derive(Debug, Clone, Default)]
pub struct MovesQuestion {
    /// Of this metric; of all that are counts or amounts where not said.
    pub metric: Option<String>,
    /// Of periods of these grains; `month` where empty.
    pub grains: Vec<String>,
    /// Of periods that begin on this day (days since 1970-01-01) or later.
    pub from_day: i32,
    /// Known after this moment, microseconds; or, where `recorded_after` is given, imported since then.
    pub known_after: Option<i64>,
    /// See `known_after`.
    pub recorded_after: Option<i64>,
    /// By at least this share of the value before, 0.3 for 30 %.
    pub least: f64,
    /// At most so many of each metric; all where not said.
    pub limit_of_metric: Option<usize>,
    /// At most so many.
    pub limit: usize,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// The moves, the largest first: by the logarithm of their factor, weighed by the logarithm of the larger value.
/// `next_value` is what the source told of the period after, where it did.
///
/// # Errors
/// An unknown metric; a share that is no positive number.
pub async fn moves(lake: &Lake, question: &MovesQuestion) -> Result<Answer> {
    if !(question.least.is_finite() && question.least > 0.0) {
        return Err(LakeError::bad_question("a move is a share above 0", "write 0.3 for 30 %"));
    }
    let sql = sql(&filter(lake, question)?, lake, question);
    super::run(lake, &sql).await
}

fn filter(lake: &Lake, question: &MovesQuestion) -> Result<String> {
    let metrics = match &question.metric {
        Some(metric) => format!("metric = {}", quoted(&rows::known_metric(lake, metric)?.id)),
        None => {
            let counted = |kind: MetricKind| matches!(kind, MetricKind::Flow | MetricKind::Stock);
            let ids = lake.market().metrics.iter().filter(|metric| counted(metric.kind)).map(|metric| &metric.id);
            format!("metric IN ({})", listed(ids))
        }
    };
    let grains = if question.grains.is_empty() { listed(["month"]) } else { listed(&question.grains) };
    Ok(format!(
        "{metrics} AND grain IN ({grains}) AND kind <> 'segment' AND period_start >= DATE '{}'",
        day_to_string(question.from_day)
    ))
}

/// The condition that a row is news, for claims or steps.
fn is_new(question: &MovesQuestion) -> Option<String> {
    let after = question.known_after?;
    let known = format!("known_at > {}", instant(after));
    Some(match question.recorded_after {
        None => known,
        Some(recorded) => format!(
            "({known} OR recorded_at > {} AND known_at > {} AND said_at IS NOT NULL)",
            instant(recorded),
            instant(after - LATE_MICROS)
        ),
    })
}

fn sql(filter: &str, lake: &Lake, question: &MovesQuestion) -> String {
    let is_new = is_new(question);
    // Only what something new is said of is looked back on.
    let of_interest = is_new.as_ref().map_or_else(|| filter.to_owned(), |is_new| interest(filter, is_new));
    format!(
        "WITH said AS (SELECT c.*, i.entity_id FROM ({in_force}) c JOIN identities i ON c.mention_id = i.mention_id), \
         steps AS (SELECT *, lag(value) OVER w AS previous_value, lag(period) OVER w AS previous_period, \
                   lag(period_end) OVER w AS previous_end, lag(unit) OVER w AS previous_unit, \
                   lag(claim_ref(mention_id, claim_id)) OVER w AS previous_claim, lead(value) OVER w AS next_value \
                   FROM said WINDOW w AS (PARTITION BY entity_id, source, metric, grain, region, platform, segment \
                                          ORDER BY period_start)), \
         moved AS (SELECT *, value / previous_value - 1 AS change, \
                   abs(ln(value / previous_value)) * ln(2 + greatest(value, previous_value)) AS size, \
                   row_number() OVER (PARTITION BY entity_id, metric, period, region, platform, segment \
                                      ORDER BY {STATUS_RANK} DESC, known_at DESC, claim_id) AS nth \
                   FROM steps WHERE value > 0 AND previous_value > 0 AND unit = previous_unit \
                   AND (previous_end = period_start OR grain = 'day' \
                        AND CAST(period_start AS INT) - CAST(previous_end AS INT) <= {SNAPSHOT_GAP_DAYS}) \
                   AND abs(value / previous_value - 1) >= {least:e} AND {is_new}), \
         placed AS (SELECT *, row_number() OVER (PARTITION BY metric ORDER BY size DESC, entity_id, period_start) AS place \
                    FROM moved WHERE nth = 1) \
         SELECT e.entity, e.kind, {name} AS name, m.metric, m.period, m.grain, m.region, m.platform, m.segment, m.value, \
                m.previous_value, m.previous_period, m.next_value, m.change, m.unit, m.status, m.source, m.known_at, \
                claim_ref(m.mention_id, m.claim_id) AS claim, m.previous_claim \
         FROM placed m JOIN entities e ON m.entity_id = e.entity_id WHERE m.place <= {of_metric} \
         ORDER BY m.size DESC, e.entity, m.period LIMIT {limit}",
        in_force = in_force::sql(&of_interest, question.as_of),
        least = question.least,
        is_new = is_new.as_deref().unwrap_or("TRUE"),
        name = rows::name_column(rows::language(lake, question.language)),
        of_metric = question.limit_of_metric.unwrap_or(usize::MAX >> 1),
        limit = question.limit,
    )
}

/// The condition on claims whose entity something new is said of.
fn interest(filter: &str, is_new: &str) -> String {
    format!(
        "{filter} AND mention_id IN (SELECT mention_id FROM identities WHERE entity_id IN ( \
             SELECT n.entity_id FROM identities n JOIN (SELECT mention_id AS new_mention_id FROM claims \
             WHERE {filter} AND {is_new}) c ON n.mention_id = c.new_mention_id))"
    )
}
