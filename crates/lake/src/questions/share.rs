//! `share`: who has how much of a metric, period by period.

use super::league::STATUS_RANK;
use super::{in_force, quoted, rows};
use crate::{Answer, Lake, LakeError, Language, Result};

/// Which shares.
#[derive(Debug, Clone, Default)]
pub struct ShareQuestion {
    /// Metric id.
    pub metric: String,
    /// Grain of the periods: `day`, `week`, `month` (where not said), `quarter`, `half`, `year`.
    pub grain: Option<String>,
    /// Periods that begin on this day or later.
    pub from: Option<String>,
    /// Periods that begin before this day.
    pub to: Option<String>,
    /// Region; where not said the most covered.
    pub region: Option<String>,
    /// Platform; where not said the most covered.
    pub platform: Option<String>,
    /// Segment; where not said the most covered.
    pub segment: Option<String>,
    /// At most so many entities per period, the largest; all where not said.
    pub limit: Option<usize>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// Value and share (0 to 1, of the sum over all entities of the period) by period and entity.
pub async fn share(lake: &Lake, question: &ShareQuestion) -> Result<Answer> {
    rows::known_metric(lake, &question.metric)?;
    let base = filter(question)?;
    let Some(slice) = most_covered(lake, question, &base).await? else {
        return Err(LakeError::bad_question(
            format!("no claims on {} for those periods", question.metric),
            "see what there is with `crowsnest metrics` and another --grain",
        ));
    };
    let sql = sql(&Shares {
        filter: format!("{base} AND {slice}"),
        as_of: question.as_of,
        name: rows::name_column(rows::language(lake, question.language)),
        limit: question.limit.unwrap_or(1_000_000),
    });
    Ok(super::run(lake, &sql).await?)
}

struct Shares<'a> {
    filter: String,
    as_of: Option<i64>,
    name: &'a str,
    limit: usize,
}

/// Ranks outweigh moments: the order of `latest` is the moment plus the rank shifted beyond any moment.
fn sql(shares: &Shares<'_>) -> String {
    let Shares { filter, as_of, name, limit } = shares;
    format!(
        "WITH by_entity AS (SELECT c.period, c.period_start, i.entity_id, \
                latest(c.value, arrow_cast(c.known_at, 'Int64') + CAST(c.rank AS BIGINT) * 144115188075855872, \
                       c.mention_id) AS value \
             FROM ({}) c JOIN identities i ON c.mention_id = i.mention_id \
             GROUP BY c.period, c.period_start, i.entity_id), \
         with_total AS (SELECT *, sum(value) OVER (PARTITION BY period_start, period) AS total, \
                row_number() OVER (PARTITION BY period_start, period ORDER BY value DESC, entity_id) AS rank \
             FROM by_entity) \
         SELECT w.period, w.period_start, w.rank, {name} AS name, e.entity, w.value, \
                w.value / nullif(w.total, 0) AS share, w.total \
         FROM with_total w JOIN entities e ON w.entity_id = e.entity_id \
         WHERE w.rank <= {limit} ORDER BY w.period_start, w.period, w.rank",
        in_force::values_sql(filter, *as_of, STATUS_RANK)
    )
}

fn filter(question: &ShareQuestion) -> Result<String> {
    let grain = question.grain.as_deref().unwrap_or("month");
    let mut filter = format!(
        "metric = {} AND grain = {} AND kind <> 'segment' AND {}",
        quoted(&question.metric),
        quoted(grain),
        rows::equals(&[
            ("region", question.region.as_deref()),
            ("platform", question.platform.as_deref()),
            ("segment", question.segment.as_deref()),
        ])
    );
    for (operator, day) in [(">=", &question.from), ("<", &question.to)] {
        let Some(text) = day else { continue };
        let start = rows::known_period(text)?.start_day();
        filter.push_str(&format!(" AND period_start {operator} DATE '{}'", crowsnest_model::day_to_string(start)));
    }
    Ok(filter)
}

async fn most_covered(lake: &Lake, question: &ShareQuestion, base: &str) -> Result<Option<String>> {
    if question.region.is_some() && question.platform.is_some() && question.segment.is_some() {
        return Ok(Some("TRUE".into()));
    }
    use arrow::array::AsArray as _;
    let sql = format!(
        "SELECT region, platform, segment, count(*) AS n FROM claims WHERE {base} AND {} \
         GROUP BY region, platform, segment ORDER BY n DESC, region, platform, segment LIMIT 1",
        rows::known_by(question.as_of)
    );
    let found = super::run(lake, &sql).await?.rows;
    if found.num_rows() == 0 {
        return Ok(None);
    }
    let text = |index: usize| found.column(index).as_string_view().value(0);
    Ok(Some(rows::equals(&[("region", Some(text(0))), ("platform", Some(text(1))), ("segment", Some(text(2)))])))
}
