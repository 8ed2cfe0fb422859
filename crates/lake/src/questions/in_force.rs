//! The claims in force: per source, entity, metric, period and dimensions the one known last.
//!
//! `max(vintage(…))` finds it in one pass over plain numbers; `max(struct(…))` and `last_value(… ORDER BY …)` are many
//! times slower with many groups (see `functions/latest.rs`). The view `claims_of_subjects` gives one `subject_id` to
//! all mentions of a source that are one entity: what it says of `Doubao` later replaces what it said of `豆包`.

use crate::sql::instant;

/// Rows of `claims` that pass `filter` and are in force at `as_of` (microseconds), with `n_vintages`: how many claims
/// the source made on the same thing until then. Denials and withdrawals end what they deny.
pub(crate) fn sql(filter: &str, as_of: Option<i64>) -> String {
    let known = known_by(as_of);
    format!(
        "SELECT c.* EXCEPT (subject_id), l.n_vintages \
         FROM (SELECT * FROM claims_of_subjects WHERE ({filter}) AND {known}) c \
         JOIN (SELECT subject_id AS last_subject_id, \
                      vintage_claim(max(vintage(known_at, claim_id))) AS last_claim_id, \
                      count(*) AS n_vintages \
               FROM claims_of_subjects WHERE ({filter}) AND {known} \
               GROUP BY subject_id, about(metric, period_start, period_end, region, platform, segment)) l \
         ON c.subject_id = l.last_subject_id AND c.claim_id = l.last_claim_id \
         WHERE c.status NOT IN ('denied', 'withdrawn')"
    )
}

/// The condition that a row was known.
pub(crate) fn known_by(as_of: Option<i64>) -> String {
    match as_of {
        None => "TRUE".to_owned(),
        Some(micros) => format!("known_at <= {}", instant(micros)),
    }
}

/// Per mention and period the value in force, for questions that need no more of the claim: `mention_id, period_start,
/// period_end, value, rank, known_at`. The filter must leave one metric, grain, region, platform and segment; `value` is
/// what is made of a claim's value, for example its conversion. Periods are their days here: grouping by text is slow.
pub(crate) fn values_sql(filter: &str, as_of: Option<i64>, value: &str, rank: &str) -> String {
    let known = known_by(as_of);
    format!(
        "SELECT * FROM (SELECT subject_id AS mention_id, period_start, period_end, \
                latest(CASE WHEN status IN ('denied', 'withdrawn') THEN NULL ELSE {value} END, known_at, claim_id) AS value, \
                latest(CAST({rank} AS DOUBLE), known_at, claim_id) AS rank, max(known_at) AS known_at \
         FROM claims_of_subjects WHERE ({filter}) AND {known} \
         GROUP BY subject_id, period_start, period_end) \
         WHERE value IS NOT NULL"
    )
}

/// Per mention the claim in force and its value, for one metric, period, region, platform and segment: `mention_id,
/// claim_id, value, rank, known_at, source_id, first_unit, last_unit`, all of them numbers; units differ where the last
/// two do.
pub(crate) fn one_period_sql(filter: &str, as_of: Option<i64>, rank: &str) -> String {
    let known = known_by(as_of);
    format!(
        "SELECT * FROM (SELECT subject_id AS mention_id, \
                latest(CASE WHEN status IN ('denied', 'withdrawn') THEN NULL ELSE value END, known_at, claim_id) AS value, \
                latest(CAST({rank} AS BIGINT), known_at, claim_id) AS rank, \
                latest(claim_id, known_at, claim_id) AS claim_id, max(known_at) AS known_at, \
                min(about(source)) AS source_id, min(about(unit)) AS first_unit, max(about(unit)) AS last_unit \
         FROM claims_of_subjects WHERE ({filter}) AND {known} GROUP BY subject_id) WHERE value IS NOT NULL"
    )
}

/// The same over all claims, with what each value is about; what a query does not use of it costs nothing.
///
/// Grouped by metric and month first, as tables are sorted: read [in their order](crate::provider::in_order), each month's groups
/// are done before the next one's begin. Of what it gives, metric and month have been through a function, so that the engine no
/// longer knows them to be in order: whoever asks further would have it merged from all threads, and each would wait for the others.
pub(crate) const ALL_VALUES: &str = "SELECT * FROM (SELECT subject_id AS mention_id, \
     nullif(c.metric, '') AS metric, shared_text(period) AS period, min(c.period_start) AS period_start, \
     min(period_end) AS period_end, shared_text(region) AS region, shared_text(platform) AS platform, \
     shared_text(segment) AS segment, shared_text(unit) AS unit, \
     latest(CASE WHEN status IN ('denied', 'withdrawn') THEN NULL ELSE value END, known_at, claim_id) AS value, \
     max(known_at) AS known_at, count(*) AS n_vintages \
     FROM claims_of_subjects c WHERE TRUE \
     GROUP BY c.metric, c.period_start, subject_id, about(period_end, region, platform, segment)) \
     WHERE value IS NOT NULL";

/// [`ALL_VALUES`] as known at a moment.
pub(crate) fn all_values_sql(as_of: i64) -> String {
    ALL_VALUES.replace("WHERE TRUE", &format!("WHERE {}", known_by(Some(as_of))))
}
