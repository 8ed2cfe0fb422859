//! `movers`: who gained and who lost most within a span of time, as each source sees it.
//!
//! A change is between the first and the last figure that one source has of an entity within the span, of the same grain,
//! region, platform, segment and unit: sources are never mixed, since the difference between two of them is no movement.
//! Of several lines of an entity the one that reaches over most of the span speaks for it (a named source before one that
//! nobody stands for), and the others stand beside it, so that it shows whether they agree.

use serde_json::{Map, json};

use super::{in_force, quoted, rows};
use crate::{Answer, Lake, LakeError, Language, Result};

/// Which movements.
#[derive(Debug, Clone, Default)]
pub struct MoversQuestion {
    /// Metric id.
    pub metric: String,
    /// The span, as a period in ISO text: `2025`, `2025-H1`, `2024-07-01/2025-07-01`.
    pub within: String,
    /// Only those who gained or only those who lost; both where not said.
    pub direction: Option<Direction>,
    /// By the change in per cent instead of the change itself.
    pub by_percent: bool,
    /// Region, platform, segment and source; any where not said.
    pub region: Option<String>,
    /// See `region`.
    pub platform: Option<String>,
    /// See `region`.
    pub segment: Option<String>,
    /// See `region`.
    pub source: Option<String>,
    /// A row for each line, instead of for each entity.
    pub by_source: bool,
    /// At most so many rows.
    pub limit: Option<usize>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More than before, largest gain first.
    Gained,
    /// Less than before, largest loss first.
    Lost,
}

/// The movements, the largest first; without a direction losses and gains by their size.
///
/// # Errors
/// An unknown metric, something that is no period, or nobody with two figures in it.
pub async fn movers(lake: &Lake, question: &MoversQuestion) -> Result<Answer> {
    let metric = rows::known_metric(lake, &question.metric)?;
    let within = rows::known_period(lake, &question.within)?;
    let language = rows::language(lake, question.language);
    let answer = super::run(lake, &sql(question, &within, rows::name_column(language))).await?;
    if answer.rows.num_rows() == 0 && question.direction.is_none() {
        return Err(LakeError::bad_question(
            format!("no source has two figures of one length on {} within {within}", question.metric),
            format!("choose a longer span; `crowsnest periods {}` tells what there is", question.metric),
        ));
    }
    let mut facts = Map::new();
    facts.insert("metric".into(), json!(question.metric));
    facts.insert("metric_label".into(), json!(rows::label(metric, language)));
    facts.insert("within".into(), json!(within.to_string()));
    facts.insert("as_of".into(), json!(question.as_of.map(super::instant_text)));
    Ok(Answer { facts, ..answer })
}

/// What tells lines apart besides the entity.
const LINE: &str = "source, region, platform, segment, grain, unit";

fn sql(question: &MoversQuestion, within: &crowsnest_model::Period, name: &str) -> String {
    let direction = match question.direction {
        Some(Direction::Gained) => "change > 0",
        Some(Direction::Lost) => "change < 0",
        None => "change <> 0",
    };
    let size = if question.by_percent { "change_percent" } else { "change" };
    let order = match question.direction {
        Some(Direction::Gained) => format!("{size} DESC"),
        Some(Direction::Lost) => size.to_owned(),
        None => format!("abs({size}) DESC"),
    };
    let chosen = if question.by_source { "TRUE" } else { "n_th_line = 1" };
    let limit = question.limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"));
    format!(
        "WITH lines AS ({}), \
         ordered AS (SELECT *, count(*) OVER (PARTITION BY entity_id) AS n_lines, row_number() OVER (PARTITION BY entity_id \
             ORDER BY source = 'unnamed', last_start - first_start DESC, n_figures DESC, {LINE}) AS n_th_line FROM lines), \
         others AS (SELECT entity_id, string_agg(source || ' ' || CASE WHEN change_percent >= 0 THEN '+' ELSE '' END \
             || CAST(CAST(round(change_percent * 100) AS BIGINT) AS VARCHAR) || '% (' || first_period || ' to ' \
             || last_period || ', ' || region || ', ' || platform || ')', '; ') AS others \
             FROM (SELECT * FROM ordered WHERE n_th_line > 1 AND change_percent IS NOT NULL ORDER BY entity_id, n_th_line) \
             GROUP BY entity_id) \
         SELECT {name} AS name, e.entity, e.kind, o.first_period, o.first_value, o.last_period, o.last_value, o.change, \
                o.change_percent, o.peak, o.unit, o.source, o.region, o.platform, o.segment, o.grain, o.n_figures, \
                o.n_lines, x.others, o.first_claim, o.last_claim \
         FROM ordered o JOIN entities e ON e.entity_id = o.entity_id LEFT JOIN others x ON x.entity_id = o.entity_id \
         WHERE {chosen} AND {direction} ORDER BY {order} NULLS LAST, name, {}{limit}",
        lines(question, within),
        LINE.split(", ").map(|column| format!("o.{column}")).collect::<Vec<_>>().join(", "),
    )
}

/// 9999-12-31: SQL has no way to write a later one.
const LAST_DAY: i32 = 2_932_896;

/// Each line's first and last figure in the span. Spans of any length and instants are no steps of a line: only regular
/// grains are.
fn lines(question: &MoversQuestion, within: &crowsnest_model::Period) -> String {
    let day = |day: i32| crowsnest_model::day_to_string(day);
    let asked = rows::equals(&[
        ("region", question.region.as_deref()),
        ("platform", question.platform.as_deref()),
        ("segment", question.segment.as_deref()),
        ("source", question.source.as_deref()),
    ]);
    let filter = format!(
        "metric = {} AND period_start >= DATE '{}' AND period_end <= DATE '{}' AND grain NOT IN ('span', 'instant') \
         AND kind <> 'segment' AND {asked}",
        quoted(&question.metric),
        day(within.start_day()),
        day(within.end_day().min(LAST_DAY)),
    );
    format!(
        "SELECT entity_id, {LINE}, count(*) AS n_figures, max(value) AS peak, \
                first_value(period ORDER BY period_start) AS first_period, min(period_start) AS first_start, \
                first_value(value ORDER BY period_start) AS first_value, \
                first_value(claim ORDER BY period_start) AS first_claim, \
                first_value(period ORDER BY period_start DESC) AS last_period, max(period_start) AS last_start, \
                first_value(value ORDER BY period_start DESC) AS last_value, \
                first_value(claim ORDER BY period_start DESC) AS last_claim, \
                first_value(value ORDER BY period_start DESC) - first_value(value ORDER BY period_start) AS change, \
                (first_value(value ORDER BY period_start DESC) - first_value(value ORDER BY period_start)) \
                    / nullif(first_value(value ORDER BY period_start), 0) AS change_percent \
         FROM (SELECT i.entity_id, c.source, c.region, c.platform, c.segment, c.grain, c.unit, c.period, c.period_start, \
                      c.value, claim_ref(c.mention_id, c.claim_id) AS claim \
               FROM ({}) c JOIN identities i ON i.mention_id = c.mention_id WHERE c.value IS NOT NULL) \
         GROUP BY entity_id, {LINE} HAVING min(period_start) < max(period_start)",
        in_force::sql(&filter, question.as_of)
    )
}
