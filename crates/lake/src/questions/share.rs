//! `share`: who has how much of a metric, period by period.

use arrow::array::AsArray as _;
use crowsnest_model::{Metric, Period};

use super::league::{Dimensions, RANKED_MOMENT, STATUS_RANK, is_additive};
use super::money::Rates;
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
    /// Sources whose claims are left out, as if they had said nothing: a value here names no source, by which it could be left
    /// out afterwards.
    pub without: Vec<String>,
    /// At most so many entities per period, the largest; all where not said.
    pub limit: Option<usize>,
    /// Microseconds; only what was known by then.
    pub as_of: Option<i64>,
    /// Language of names.
    pub language: Option<Language>,
}

/// Value and share (0 to 1, of the sum over all entities of the period) by period and entity. Shares are null where
/// values do not add up (ranks, ratios); amounts in several currencies are given in the market's.
pub async fn share(lake: &Lake, question: &ShareQuestion) -> Result<Answer> {
    let metric = rows::known_metric(lake, &question.metric)?;
    let base = filter(lake, question)?;
    let slices = slices(lake, question, &base).await?;
    let Some(chosen) = slices.first() else {
        return Err(LakeError::bad_question(
            format!("no claims on {} for those periods", question.metric),
            "see what there is with `crowsnest metrics` and another --grain",
        ));
    };
    let filter = format!("{base} AND {}", chosen.filter());
    let money = Money::of(lake, metric, &filter, question.as_of).await?;
    let sql = sql(&Shares {
        filter,
        as_of: question.as_of,
        value: money.value_sql(),
        is_additive: is_additive(metric),
        name: rows::name_column(rows::language(lake, question.language)),
        limit: question.limit.unwrap_or(1_000_000),
    });
    let Dimensions { region, platform, segment } = chosen;
    let mut answer = super::run(lake, &sql)
        .await?
        .with_fact("metric", question.metric.clone())
        .with_fact("metric_label", rows::label(metric, rows::language(lake, question.language)))
        .with_fact("unit", money.unit.clone())
        .with_fact("region", region.clone())
        .with_fact("platform", platform.clone())
        .with_fact("segment", segment.clone())
        .with_fact("as_of", question.as_of.map(super::instant_text));
    if let [_, others @ ..] = slices.as_slice()
        && !others.is_empty()
    {
        let others: Vec<String> = others.iter().take(8).map(Dimensions::in_words).collect();
        answer = answer.with_note(format!("shown: {}; there is also {}", chosen.in_words(), others.join("; ")));
    }
    Ok(match money.note() {
        Some(note) => answer.with_note(note),
        None => answer,
    })
}

/// In which unit values are given, and what it takes to bring them there.
struct Money {
    unit: String,
    /// What one unit of a period's currency is worth, where there are several currencies.
    factors: Vec<(String, String, f64)>,
}

impl Money {
    async fn of(lake: &Lake, metric: &Metric, filter: &str, as_of: Option<i64>) -> Result<Self> {
        let to = &lake.market().config.currency;
        if !metric.is_money() {
            return Ok(Self { unit: metric.unit.clone(), factors: Vec::new() });
        }
        let sql = format!("SELECT DISTINCT unit, period FROM claims WHERE {filter} AND {}", rows::known_by(as_of));
        let found = super::run(lake, &sql).await?.rows;
        let (units, periods) = (found.column(0).as_string_view(), found.column(1).as_string_view());
        let first = if found.num_rows() == 0 { to } else { units.value(0) };
        if units.iter().flatten().all(|unit| unit == first) {
            return Ok(Self { unit: first.to_owned(), factors: Vec::new() });
        }
        let mut factors = Vec::new();
        for (unit, text) in units.iter().flatten().zip(periods.iter().flatten()) {
            let Ok(period) = Period::parse(text) else { continue };
            if let Some(factor) = Rates::of(to, metric, &period).and_then(|rates| rates.convert(1.0, unit)) {
                factors.push((text.to_owned(), unit.to_owned(), factor));
            }
        }
        Ok(Self { unit: to.clone(), factors })
    }

    fn value_sql(&self) -> String {
        if self.factors.is_empty() {
            return "value".to_owned();
        }
        let cases: Vec<String> = self
            .factors
            .iter()
            .map(|(period, unit, factor)| {
                format!("WHEN period = {} AND unit = {} THEN {factor:e}", quoted(period), quoted(unit))
            })
            .collect();
        format!("value * CAST(CASE {} END AS DOUBLE)", cases.join(" "))
    }

    fn note(&self) -> Option<String> {
        (!self.factors.is_empty()).then(|| {
            let source = crowsnest_model::FxTable::bundled().source();
            format!(
                "amounts are in several currencies; given in {} at each period's average rate ({source})",
                self.unit
            )
        })
    }
}

struct Shares<'a> {
    filter: String,
    as_of: Option<i64>,
    value: String,
    is_additive: bool,
    name: &'a str,
    limit: usize,
}

fn sql(shares: &Shares<'_>) -> String {
    let Shares { filter, as_of, value, name, limit, .. } = shares;
    let share = if shares.is_additive { "w.value / nullif(w.total, 0)" } else { "CAST(NULL AS DOUBLE)" };
    let total = if shares.is_additive { "w.total" } else { "CAST(NULL AS DOUBLE)" };
    format!(
        "WITH by_entity AS (SELECT s.period_start, s.period_end, i.entity_id, \
                latest(s.value, {RANKED_MOMENT}, s.mention_id) AS value \
             FROM ({}) s JOIN identities i ON s.mention_id = i.mention_id \
             GROUP BY s.period_start, s.period_end, i.entity_id), \
         with_total AS (SELECT *, sum(value) OVER (PARTITION BY period_start, period_end) AS total, \
                row_number() OVER (PARTITION BY period_start, period_end ORDER BY value DESC, entity_id) AS rank \
             FROM by_entity), \
         periods AS (SELECT period_start, period_end, min(period) AS period FROM claims WHERE {filter} \
             GROUP BY period_start, period_end) \
         SELECT p.period, w.period_start, w.rank, {name} AS name, e.entity, w.value, \
                {share} AS share, {total} AS total \
         FROM with_total w JOIN entities e ON w.entity_id = e.entity_id \
         JOIN periods p ON w.period_start = p.period_start AND w.period_end = p.period_end \
         WHERE w.rank <= {limit} ORDER BY w.period_start, p.period, w.rank",
        in_force::values_sql(filter, *as_of, value, STATUS_RANK)
    )
}

fn filter(lake: &Lake, question: &ShareQuestion) -> Result<String> {
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
        let start = rows::known_period(lake, text)?.start_day();
        filter.push_str(&format!(" AND period_start {operator} DATE '{}'", crowsnest_model::day_to_string(start)));
    }
    if !question.without.is_empty() {
        let sources: Vec<String> = question.without.iter().map(|source| quoted(source)).collect();
        filter.push_str(&format!(" AND source NOT IN ({})", sources.join(", ")));
    }
    Ok(filter)
}

/// The slices that fit what is asked, the most covered first.
async fn slices(lake: &Lake, question: &ShareQuestion, base: &str) -> Result<Vec<Dimensions>> {
    if let (Some(region), Some(platform), Some(segment)) = (&question.region, &question.platform, &question.segment) {
        let (region, platform, segment) = (region.clone(), platform.clone(), segment.clone());
        return Ok(vec![Dimensions { region, platform, segment }]);
    }
    let sql = format!(
        "SELECT region, platform, segment, count(*) AS n FROM claims WHERE {base} AND {} \
         GROUP BY region, platform, segment ORDER BY n DESC, region, platform, segment LIMIT 50",
        rows::known_by(question.as_of)
    );
    let found = super::run(lake, &sql).await?.rows;
    let text = |index: usize, row: usize| found.column(index).as_string_view().value(row).to_owned();
    Ok((0..found.num_rows())
        .map(|row| Dimensions { region: text(0, row), platform: text(1, row), segment: text(2, row) })
        .collect())
}
