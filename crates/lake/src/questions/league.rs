//! `league`: who leads in a metric for one period, against the period before.
//!
//! One value per entity: of the claims in force the official or confirmed one, else the latest known of any that is no
//! rumour, else the rumour. (A reconciled figure with an interval takes its place once `figures` has any.) Periods are
//! never mixed, nor are regions, platforms and segments: where none is asked for, the most covered combination is taken
//! and the others are named.

use arrow::array::{AsArray as _, RecordBatch};
use crowsnest_model::{Metric, Period};
use serde_json::{Map, Value, json};

use super::{in_force, league_facts, quoted, rows};
use crate::{Answer, Lake, LakeError, Language, Result};

/// Which league table.
#[derive(Debug, Clone, Default)]
pub struct LeagueQuestion {
    /// Metric id.
    pub metric: String,
    /// Period in ISO text.
    pub period: String,
    /// Region; the most covered where not said.
    pub region: Option<String>,
    /// Platform; the most covered where not said.
    pub platform: Option<String>,
    /// Segment; the most covered where not said.
    pub segment: Option<String>,
    /// Only this source's claims.
    pub source: Option<String>,
    /// A row per entity and source, instead of per entity.
    pub by_source: bool,
    /// At most so many rows; all where not said. Totals, shares and concentration are of all.
    pub limit: Option<usize>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// A region, platform and segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dimensions {
    pub(crate) region: String,
    pub(crate) platform: String,
    pub(crate) segment: String,
}

impl Dimensions {
    pub(crate) fn filter(&self) -> String {
        rows::equals(&[
            ("region", Some(&self.region)),
            ("platform", Some(&self.platform)),
            ("segment", Some(&self.segment)),
        ])
    }
}

/// Which of several claims on one entity is taken: lower is better, then the latest known.
pub(crate) const STATUS_RANK: &str =
    "CASE WHEN status IN ('official', 'confirmed') THEN 2 WHEN status = 'rumoured' THEN 0 ELSE 1 END";

/// The league table.
///
/// # Errors
/// An unknown metric, something that is no period, or nothing to take a table from.
pub async fn league(lake: &Lake, question: &LeagueQuestion) -> Result<Answer> {
    let metric = rows::known_metric(lake, &question.metric)?;
    let period = rows::known_period(&question.period)?;
    let available = league_facts::available(lake, question, &period).await?;
    let Some(dimensions) = league_facts::choose(question, &available) else {
        return nothing(lake, question, &period).await;
    };
    let table = Table { lake, question, metric, period, dimensions: &dimensions };
    let answer = super::run(lake, &table.sql()).await?;
    let mut facts = table.facts(&answer.rows);
    facts.insert("available".into(), available.clone().into_iter().map(|found| found.to_json()).collect());
    league_facts::add_totals(&table, &answer.rows, &mut facts).await?;
    let mut notes = table.notes(&available, &answer.rows);
    notes.extend(league_facts::total_notes(&facts));
    let limit = question.limit.unwrap_or(usize::MAX).min(answer.rows.num_rows());
    let kept: Vec<usize> =
        (0..answer.rows.num_columns()).filter(|index| *index != answer.rows.num_columns() - 1).collect();
    Ok(Answer { rows: answer.rows.project(&kept)?.slice(0, limit), facts, notes })
}

/// Everything that the parts of the answer are made from.
pub(crate) struct Table<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) question: &'a LeagueQuestion,
    pub(crate) metric: &'a Metric,
    pub(crate) period: Period,
    pub(crate) dimensions: &'a Dimensions,
}

impl Table<'_> {
    fn sql(&self) -> String {
        let language = rows::language(self.lake, self.question.language);
        let shape = Shape {
            metric: &self.question.metric,
            lower_is_better: self.metric.lower_is_better,
            period: self.period,
            filter: format!("{}{}", self.dimensions.filter(), self.source_filter()),
            by_source: self.question.by_source,
            as_of: self.question.as_of,
            name: rows::name_column(language),
        };
        shape.sql()
    }

    pub(crate) fn source_filter(&self) -> String {
        self.question.source.as_ref().map_or_else(String::new, |source| format!(" AND source = {}", quoted(source)))
    }

    fn facts(&self, all: &RecordBatch) -> Map<String, Value> {
        let language = rows::language(self.lake, self.question.language);
        let mut facts = Map::new();
        facts.insert("metric".into(), json!(self.question.metric));
        facts.insert("metric_label".into(), json!(rows::label(self.metric, language)));
        facts.insert("unit".into(), json!(self.metric.unit));
        facts.insert("period".into(), json!(self.period.to_string()));
        facts.insert("previous_period".into(), json!(self.period.previous().map(|period| period.to_string())));
        facts.insert("as_of".into(), json!(self.question.as_of.map(super::instant_text)));
        facts.insert("region".into(), json!(self.dimensions.region));
        facts.insert("platform".into(), json!(self.dimensions.platform));
        facts.insert("segment".into(), json!(self.dimensions.segment));
        facts.insert("n_rows".into(), json!(all.num_rows()));
        facts
    }

    fn notes(&self, available: &[league_facts::Available], all: &RecordBatch) -> Vec<String> {
        let mut notes = Vec::new();
        let others: Vec<String> = available
            .iter()
            .filter(|found| found.dimensions != *self.dimensions)
            .map(|found| found.in_words())
            .collect();
        let Dimensions { region, platform, segment } = self.dimensions;
        if !others.is_empty() {
            notes.push(format!(
                "shown: region {region}, platform {platform}, segment {segment}; there is also {}",
                others.join("; ")
            ));
        }
        let units: std::collections::BTreeSet<&str> = all
            .column_by_name("unit")
            .map(|column| column.as_string_view().iter().flatten().collect())
            .unwrap_or_default();
        if units.len() > 1 {
            notes.push(format!(
                "values are in several units ({}), so that ranks and shares across them mean nothing",
                units.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
        notes
    }
}

/// What a league's SQL is made from.
pub(crate) struct Shape<'a> {
    pub(crate) metric: &'a str,
    pub(crate) lower_is_better: bool,
    pub(crate) period: Period,
    pub(crate) filter: String,
    pub(crate) by_source: bool,
    pub(crate) as_of: Option<i64>,
    pub(crate) name: &'a str,
}

impl Shape<'_> {
    /// The filter of one region, platform and segment.
    pub(crate) fn slice(region: &str, platform: &str, segment: &str) -> String {
        let (region, platform, segment) = (region.to_owned(), platform.to_owned(), segment.to_owned());
        Dimensions { region, platform, segment }.filter()
    }

    /// One row per entity (or entity and source) for this period and the one before; the last column is the entity's id.
    pub(crate) fn sql(&self) -> String {
        let now = self.one_period(&self.period);
        let before = match self.period.previous() {
            Some(previous) => self.one_period(&previous),
            None => format!("SELECT * FROM ({now}) WHERE FALSE"),
        };
        let order = if self.lower_is_better { "ASC" } else { "DESC" };
        let key = if self.by_source {
            "n.entity_id = b.entity_id AND n.source = b.source"
        } else {
            "n.entity_id = b.entity_id"
        };
        format!(
            "WITH now AS ({now}), before AS ({before}), \
             ranked_now AS (SELECT *, rank() OVER (ORDER BY value {order}) AS rank, sum(value) OVER () AS total FROM now), \
             ranked_before AS (SELECT *, rank() OVER (ORDER BY value {order}) AS rank FROM before) \
             SELECT n.rank, {} AS name, e.entity, e.kind, n.value, n.low, n.high, n.unit, n.bound, \
                    n.value / nullif(n.total, 0) AS share, n.value - b.value AS change, \
                    (n.value - b.value) / nullif(b.value, 0) AS change_percent, b.value AS previous_value, \
                    b.rank AS previous_rank, CAST(b.rank AS BIGINT) - CAST(n.rank AS BIGINT) AS rank_change, \
                    n.source, n.n_sources, n.lowest, n.highest, n.status, n.as_written, \
                    claim_ref(n.mention_id, n.claim_id) AS claim, n.entity_id \
             FROM ranked_now n JOIN entities e ON n.entity_id = e.entity_id \
             LEFT JOIN ranked_before b ON {key} \
             ORDER BY n.rank, name, n.source",
            self.name
        )
    }

    fn one_period(&self, period: &Period) -> String {
        let filter = format!(
            "metric = {} AND {} AND kind <> 'segment' AND {}",
            quoted(self.metric),
            rows::is_period(period),
            self.filter
        );
        let group = if self.by_source { "i.entity_id, c.source" } else { "i.entity_id" };
        let force = in_force::sql(&filter, self.as_of);
        format!(
            "SELECT p.entity_id, p.n_sources, p.lowest, p.highest, c.value, c.low, c.high, c.unit, c.bound, c.source, \
                    c.status, c.as_written, c.mention_id, c.claim_id \
             FROM (SELECT i.entity_id, count(DISTINCT c.source) AS n_sources, min(c.value) AS lowest, \
                          max(c.value) AS highest, \
                          vintage_claim(max(vintage(c.known_at, c.claim_id, {STATUS_RANK}))) AS best_claim_id \
                   FROM ({force}) c JOIN identities i ON c.mention_id = i.mention_id GROUP BY {group}) p \
             JOIN (SELECT c.*, i.entity_id FROM ({force}) c JOIN identities i ON c.mention_id = i.mention_id) c \
             ON p.entity_id = c.entity_id AND p.best_claim_id = c.claim_id"
        )
    }
}

async fn nothing(lake: &Lake, question: &LeagueQuestion, period: &Period) -> Result<Answer> {
    let sql = format!(
        "SELECT period, count(*) AS n FROM claims WHERE metric = {} AND kind <> 'segment' AND {} \
         GROUP BY period, period_start, period_end \
         ORDER BY abs(CAST(CAST(period_start AS INT) AS BIGINT) - {}), period_end LIMIT 8",
        quoted(&question.metric),
        rows::known_by(question.as_of),
        period.start_day(),
    );
    let found = super::run(lake, &sql).await?;
    let near: Vec<String> = found.rows.column(0).as_string_view().iter().flatten().map(str::to_owned).collect();
    let hint = if near.is_empty() {
        "nothing is said in that metric at all; see `crowsnest metrics`".to_owned()
    } else {
        format!("near it there is {}", near.join(", "))
    };
    let asked = [("region", &question.region), ("platform", &question.platform), ("segment", &question.segment)];
    let dims: Vec<String> =
        asked.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!(", {name} {value}"))).collect();
    Err(LakeError::bad_question(format!("no claims on {} for {period}{}", question.metric, dims.concat()), hint))
}
