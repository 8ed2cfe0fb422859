//! `league`: who leads in a metric for one period, against the period before.
//!
//! One value per entity: of the claims in force the official or confirmed one, else the latest known of any that is no
//! rumour, else the rumour. Beside it stands the reconciled figure with its interval and reason, where there is one: the rank is
//! that of the claim, which anybody can look up. Periods are never mixed, nor are regions, platforms and segments: where none is asked for, the most covered combination is taken
//! and the others are named.

use std::collections::BTreeSet;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use crowsnest_model::{Metric, MetricKind, Period};
use serde_json::{Map, Value, json};

use super::money::Rates;
use super::roll_up::{self, RollUp};
use super::{figures, in_force, league_facts, quoted, rows};
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
    /// A row per company or group, with what its products come to, instead of per product.
    pub roll_up: Option<RollUp>,
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
    pub(crate) fn in_words(&self) -> String {
        format!("region {}, platform {}, segment {}", self.region, self.platform, self.segment)
    }

    pub(crate) fn filter(&self) -> String {
        rows::equals(&[
            ("region", Some(&self.region)),
            ("platform", Some(&self.platform)),
            ("segment", Some(&self.segment)),
        ])
    }
}

/// Which of several claims on one entity is taken: higher is better, then the latest known. What nobody stands for (the
/// source `unnamed`) is worth no more than a rumour.
pub(crate) const STATUS_RANK: &str = "CASE WHEN status IN ('official', 'confirmed') THEN 2 \
     WHEN status = 'rumoured' OR source = 'unnamed' THEN 0 ELSE 1 END";

/// The order in which claims are taken, from `s`: a rank outweighs any moment. Of claims of the same rank and moment that
/// of the greater mention is taken.
pub(crate) const RANKED_MOMENT: &str = "arrow_cast(s.known_at, 'Int64') + CAST(s.rank AS BIGINT) * 144115188075855872";

/// The league table.
///
/// # Errors
/// An unknown metric, something that is no period, or nothing to take a table from.
pub async fn league(lake: &Lake, question: &LeagueQuestion) -> Result<Answer> {
    if let Some(to) = question.roll_up {
        return Box::pin(roll_up::rolled(lake, question, to)).await;
    }
    let metric = rows::known_metric(lake, &question.metric)?;
    let period = rows::known_period(lake, &question.period)?;
    let available = league_facts::available(lake, question, &period).await?;
    let Some(dimensions) = league_facts::choose(question, &available) else {
        return nothing(lake, question, &period, &available).await;
    };
    let rates = Rates::in_market(lake, metric, &period);
    let table = Table { lake, question, metric, period, dimensions: &dimensions, rates: rates.as_ref() };
    let both = super::run(lake, &table.sql()).await?.rows;
    let n_now = both.num_rows() - both.column(0).null_count();
    let (now, gone) = (both.slice(0, n_now), both.slice(n_now, both.num_rows() - n_now));
    let mut facts = table.facts(&now);
    facts.insert("available".into(), available.clone().into_iter().map(|found| found.to_json()).collect());
    league_facts::add_totals(&table, &now, &mut facts).await?;
    league_facts::add_movements(&now, &gone, &mut facts);
    let mut notes = table.notes(&available, &now);
    notes.extend(league_facts::total_notes(&facts));
    let limit = question.limit.unwrap_or(usize::MAX).min(n_now);
    let kept: Vec<usize> = (0..now.num_columns() - 1).collect();
    let mut rows = now.project(&kept)?.slice(0, limit);
    if !question.by_source && question.source.is_none() {
        let about = (question.metric.as_str(), &period, &dimensions);
        let entities = now.column(now.num_columns() - 1).slice(0, limit);
        rows = figures::beside(lake, about, question.as_of, rows, &entities).await?;
    }
    Ok(Answer { rows, facts, notes })
}

/// Everything that the parts of the answer are made from.
pub(crate) struct Table<'a> {
    pub(crate) lake: &'a Lake,
    pub(crate) question: &'a LeagueQuestion,
    pub(crate) metric: &'a Metric,
    pub(crate) period: Period,
    pub(crate) dimensions: &'a Dimensions,
    /// Rates to the market's currency, if the metric is an amount of money.
    pub(crate) rates: Option<&'a Rates>,
}

impl Table<'_> {
    fn sql(&self) -> String {
        let language = rows::language(self.lake, self.question.language);
        let shape = Shape {
            metric: self.metric,
            rates: self.rates,
            rates_before: self.period.previous().and_then(|p| Rates::in_market(self.lake, self.metric, &p)),
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
        let units = units(all);
        let unit = if let [only] = units.as_slice() { only } else { self.metric.unit.as_str() };
        facts.insert("unit".into(), json!(unit));
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
        let units = units(all);
        if let Some(rates) = self.rates.filter(|_| units.len() > 1) {
            notes.push(rates.note(&units, &self.period));
        } else if units.len() > 1 {
            notes.push(format!(
                "values are in several units ({}), so that ranks and shares across them mean nothing",
                units.join(", ")
            ));
        }
        notes
    }
}

/// The different units of rows, sorted.
pub(super) fn units(all: &RecordBatch) -> Vec<&str> {
    let found: BTreeSet<&str> =
        all.column_by_name("unit").map(|column| column.as_string_view().iter().flatten().collect()).unwrap_or_default();
    found.into_iter().collect()
}

/// What a league's SQL is made from.
pub(crate) struct Shape<'a> {
    pub(crate) metric: &'a Metric,
    /// Rates to the market's currency in this period, for amounts of money.
    pub(crate) rates: Option<&'a Rates>,
    /// The same for the period before.
    pub(crate) rates_before: Option<Rates>,
    pub(crate) period: Period,
    pub(crate) filter: String,
    pub(crate) by_source: bool,
    pub(crate) as_of: Option<i64>,
    pub(crate) name: &'a str,
}

/// Which region, platform and segment an SQL function is asked for.
pub(crate) enum Slice<'a> {
    /// The one that most names have claims in.
    MostCovered,
    /// This one.
    Named([&'a str; 3]),
}

impl Slice<'_> {
    /// The filter on `claims`, for a metric and period.
    pub(crate) fn filter(&self, metric: &str, period: &Period, as_of: Option<i64>) -> String {
        match self {
            Self::Named([region, platform, segment]) => {
                rows::equals(&[("region", Some(region)), ("platform", Some(platform)), ("segment", Some(segment))])
            }
            Self::MostCovered => format!(
                "about(region, platform, segment) = ( \
                     SELECT about(region, platform, segment) FROM claims \
                     WHERE metric = {} AND {} AND kind <> 'segment' AND {} GROUP BY region, platform, segment \
                     ORDER BY count(DISTINCT mention_id) DESC, region, platform, segment LIMIT 1)",
                quoted(metric),
                rows::is_period(period),
                rows::known_by(as_of),
            ),
        }
    }
}

impl Shape<'_> {
    /// One row per entity (or entity and source) for this period, and after them, without a rank, those that only the
    /// period before has; the last column is the entity's id.
    ///
    /// Rows are ranked by `comparable`: the value, or for amounts of money the value in the market's currency.
    pub(crate) fn sql(&self) -> String {
        let now = self.one_period(&self.period, self.rates);
        let before = match self.period.previous() {
            Some(previous) => self.one_period(&previous, self.rates_before.as_ref()),
            None => format!("SELECT * FROM ({now}) WHERE FALSE"),
        };
        let order = if self.metric.lower_is_better { "ASC" } else { "DESC" };
        let rank = format!("rank() OVER (ORDER BY comparable {order} NULLS LAST) AS rank");
        let (key, whole) = if self.by_source {
            ("n.entity_id = b.entity_id AND n.source = b.source", "PARTITION BY source")
        } else {
            ("n.entity_id = b.entity_id", "")
        };
        let share = if is_additive(self.metric) { "n.comparable / nullif(n.total, 0)" } else { "CAST(NULL AS DOUBLE)" };
        let converted = if self.rates.is_some() { "n.comparable" } else { "CAST(NULL AS DOUBLE)" };
        format!(
            "WITH now AS ({now}), before AS ({before}), \
             ranked_now AS (SELECT *, {rank}, sum(comparable) OVER ({whole}) AS total FROM now), \
             ranked_before AS (SELECT *, {rank} FROM before) \
             SELECT n.rank, {} AS name, e.entity, e.kind, n.value, n.low, n.high, n.unit, n.bound, \
                    {share} AS share, n.value - b.value AS change, \
                    (n.value - b.value) / nullif(b.value, 0) AS change_percent, b.value AS previous_value, \
                    b.rank AS previous_rank, CAST(b.rank AS BIGINT) - CAST(n.rank AS BIGINT) AS rank_change, \
                    n.source, n.n_sources, n.lowest, n.highest, n.status, n.as_written, \
                    claim_ref(n.mention_id, n.claim_id) AS claim, {converted} AS converted, e.entity_id \
             FROM ranked_now n FULL JOIN ranked_before b ON {key} AND n.unit = b.unit \
             JOIN entities e ON e.entity_id = coalesce(n.entity_id, b.entity_id) \
             ORDER BY n.rank NULLS LAST, b.rank, name, n.source",
            self.name
        )
    }

    /// The claim taken of each entity, or of each entity and source.
    ///
    /// First the claim in force of each source and name, then of these the one that is taken, in numbers alone; only
    /// then its texts, from the rows themselves. With windows instead it takes twice as long.
    fn one_period(&self, period: &Period, rates: Option<&Rates>) -> String {
        let filter = format!(
            "metric = {} AND {} AND kind <> 'segment' AND {}",
            quoted(&self.metric.id),
            rows::is_period(period),
            self.filter
        );
        let group = if self.by_source { "i.entity_id, s.source_id" } else { "i.entity_id" };
        let comparable =
            rates.map_or_else(|| "c.value".to_owned(), |rates| format!("c.value * {}", rates.factor_sql("c.unit")));
        format!(
            "SELECT p.entity_id, p.n_sources, p.lowest, p.highest, c.value, {comparable} AS comparable, c.low, c.high, \
                    c.unit, c.bound, c.source, c.status, c.as_written, c.mention_id, c.claim_id \
             FROM (SELECT i.entity_id, count(DISTINCT s.source_id) AS n_sources, \
                          CASE WHEN min(s.first_unit) = max(s.last_unit) THEN min(s.value) END AS lowest, \
                          CASE WHEN min(s.first_unit) = max(s.last_unit) THEN max(s.value) END AS highest, \
                          latest(s.claim_id, {RANKED_MOMENT}, s.mention_id) AS claim_id \
                   FROM ({}) s JOIN identities i ON s.mention_id = i.mention_id GROUP BY {group}) p \
             JOIN (SELECT * FROM claims WHERE {filter}) c ON p.claim_id = c.claim_id",
            in_force::one_period_sql(&filter, self.as_of, STATUS_RANK)
        )
    }
}

/// Whether values of entities add up to a whole, so that they have shares of it.
pub(super) fn is_additive(metric: &Metric) -> bool {
    matches!(metric.kind, MetricKind::Flow | MetricKind::Stock)
}

/// Why there is no table, with what there is instead: other slices of the same period, else periods near it, those of
/// the same length first.
async fn nothing(
    lake: &Lake,
    question: &LeagueQuestion,
    period: &Period,
    available: &[league_facts::Available],
) -> Result<Answer> {
    let asked = [("region", &question.region), ("platform", &question.platform), ("segment", &question.segment)];
    let dims: Vec<String> =
        asked.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!(", {name} {value}"))).collect();
    let message = format!("no claims on {} for {period}{}", question.metric, dims.concat());
    if !available.is_empty() {
        let there: Vec<String> = available.iter().take(8).map(league_facts::Available::in_words).collect();
        return Err(LakeError::bad_question(message, format!("for {period} there is {}", there.join("; "))));
    }
    let sql = format!(
        "SELECT period, count(*) AS n FROM claims WHERE metric = {} AND kind <> 'segment' AND {} \
         GROUP BY period, period_start, period_end, grain \
         ORDER BY grain <> {}, abs(CAST(CAST(period_start AS INT) AS BIGINT) - {}), period_end LIMIT 8",
        quoted(&question.metric),
        rows::known_by(question.as_of),
        quoted(period.grain().as_str()),
        period.start_day(),
    );
    let found = super::run(lake, &sql).await?;
    let near: Vec<String> = found.rows.column(0).as_string_view().iter().flatten().map(str::to_owned).collect();
    let hint = if near.is_empty() {
        "nothing is said in that metric at all; see `crowsnest metrics`".to_owned()
    } else {
        format!("near it there is {}", near.join(", "))
    };
    Err(LakeError::bad_question(message, hint))
}
