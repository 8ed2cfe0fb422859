//! The claims in force: per source, subject, metric, period and dimensions the one known last.
//!
//! `max(struct(…))` finds it in one pass: measured three to ten times faster in this engine than `last_value(… ORDER
//! BY …)`. A mention belongs to one source, so that "per source" is part of the mention.

/// Rows of `claims` that pass `filter` and are in force at `as_of` (microseconds), with `n_vintages`: how many claims
/// the source made on the same thing until then. Denials and withdrawals end what they deny.
pub(crate) fn sql(filter: &str, as_of: Option<i64>) -> String {
    let known = known_by(as_of);
    format!(
        "SELECT c.*, l.n_vintages FROM (SELECT * FROM claims WHERE ({filter}) AND {known}) c \
         JOIN (SELECT mention_id AS last_mention_id, \
                      max(struct(known_at, recorded_at, claim_id))['c2'] AS last_claim_id, \
                      count(*) AS n_vintages \
               FROM claims WHERE ({filter}) AND {known} \
               GROUP BY mention_id, metric, period, region, platform, segment) l \
         ON c.mention_id = l.last_mention_id AND c.claim_id = l.last_claim_id \
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

/// An instant as an SQL literal.
pub(crate) fn instant(micros: i64) -> String {
    format!("arrow_cast({micros}, 'Timestamp(Microsecond, Some(\"UTC\"))')")
}
