//! The seam to the lake: one list of a market as a [`History`].
//!
//! In: the table `claims` (until `figures` are written, a list is one source's own word, so that sources do not mix). Out:
//! its products, and every value with the moment at which it could be known. Two plans: which lists there are, and the rows
//! of one. Nothing else of this crate reads claims.

use std::collections::HashMap;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use crowsnest_lake::sql::{instant, quoted};
use crowsnest_lake::{Answer, Lake, LakeError};
use crowsnest_model::{Grain, MetricKind, OverTime, Period};
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use crate::error::DetectError;
use crate::history::{Gather, Gathering, History, Reading, Row};

/// Which list is meant; what is left open is the one with the most claims.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Metric.
    pub metric: Option<String>,
    /// Length of the periods.
    pub grain: Option<Grain>,
    /// Source.
    pub source: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Platform.
    pub platform: Option<String>,
    /// Segment.
    pub segment: Option<String>,
    /// Only what was known by then, microseconds.
    pub as_of: Option<i64>,
}

impl Asked {
    /// That list and no other, of claims of any length of period.
    fn of(key: &ListKey) -> Self {
        let some = |text: &String| Some(text.clone());
        Self {
            metric: some(&key.metric),
            grain: None,
            source: some(&key.source),
            region: some(&key.region),
            platform: some(&key.platform),
            segment: some(&key.segment),
            as_of: None,
        }
    }
}

/// What a list is: one source's word on one metric, in one slice, at one length of period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListKey {
    /// Metric.
    pub metric: String,
    /// Source.
    pub source: String,
    /// Region.
    pub region: String,
    /// Platform.
    pub platform: String,
    /// Segment.
    pub segment: String,
    /// Length of the periods that the claims are for.
    pub grain: String,
    /// Claims.
    pub n_claims: i64,
    /// Different periods.
    pub n_periods: i64,
    /// First day of the first of them, days since 1970-01-01.
    pub first_day: i32,
    /// First day of the last of them.
    pub last_day: i32,
}

/// A list, read.
#[derive(Debug)]
pub struct List {
    /// What it is.
    pub key: ListKey,
    /// Length of the periods it is read in.
    pub grain: Grain,
    /// What it said.
    pub history: History,
    /// The entity of each product, in the order of the history's names.
    pub entities: Vec<i64>,
    /// The mention of each product, in the same order.
    pub mentions: Vec<i64>,
}

/// The lists of a market, those with the most claims first.
///
/// # Errors
/// Those of the lake.
pub async fn lists(lake: &Lake, asked: &Asked) -> Result<Vec<ListKey>, DetectError> {
    let mut conditions = vec!["kind = 'product'".to_owned()];
    let wanted = [
        ("metric", &asked.metric),
        ("source", &asked.source),
        ("region", &asked.region),
        ("platform", &asked.platform),
        ("segment", &asked.segment),
    ];
    conditions.extend(
        wanted.iter().filter_map(|(column, value)| value.as_ref().map(|value| format!("{column} = {}", quoted(value)))),
    );
    conditions.extend(asked.as_of.map(|moment| format!("known_at <= {}", instant(moment))));
    let sql = format!(
        "SELECT metric, source, region, platform, segment, grain, count(*) AS n_claims, \
                count(DISTINCT period_start) AS n_periods, \
                CAST(CAST(min(period_start) AS INT) AS BIGINT) AS first_day, \
                CAST(CAST(max(period_start) AS INT) AS BIGINT) AS last_day \
         FROM claims WHERE {} GROUP BY metric, source, region, platform, segment, grain \
         ORDER BY n_claims DESC, metric, source, region, platform, segment, grain",
        conditions.join(" AND ")
    );
    let batches = lake.query(&sql).await?;
    let mut found = Vec::new();
    for batch in batches {
        found.extend(Answer::of_rows(batch).rows_as::<ListKey>()?);
    }
    Ok(found)
}

/// Whether claims of one grain can be read in periods of another.
pub(crate) fn fits(claims: Grain, asked: Grain) -> bool {
    let of_days = |grain: Grain| match grain {
        Grain::Instant | Grain::Day => 1,
        Grain::Week => 7,
        Grain::Month => 28,
        Grain::Quarter => 90,
        Grain::Half => 181,
        Grain::Year => 365,
        Grain::Span => i32::MAX,
    };
    claims == asked || (of_days(claims) < of_days(asked) && claims != Grain::Week && claims != Grain::Span)
}

/// The length of period that a list is read in where none is asked for: that of its claims; where these are snapshots of
/// days, months if there are enough of them, else weeks.
fn usual_grain(key: &ListKey, claims: Grain) -> Grain {
    const MONTHS_MIN: i64 = 24;
    match claims {
        Grain::Instant | Grain::Day if key.n_periods >= MONTHS_MIN => Grain::Month,
        Grain::Instant => Grain::Day,
        other => other,
    }
}

/// Reads the list that is meant.
///
/// # Errors
/// [`DetectError::TooLittle`] where the market has no such list, those of the lake.
pub async fn read(lake: &Lake, asked: &Asked) -> Result<List, DetectError> {
    if let Some(metric) = asked.metric.as_deref().filter(|metric| lake.market().metrics.get(metric).is_none()) {
        let close = lake.market().metrics.closest(metric).map(str::to_owned);
        return Err(LakeError::UnknownMetric { name: metric.to_owned(), close }.into());
    }
    let found = lists(lake, asked).await?;
    let readable = found.into_iter().find_map(|key| {
        let claims = key.grain.parse::<Grain>().ok()?;
        let grain = asked.grain.unwrap_or_else(|| usual_grain(&key, claims));
        (claims != Grain::Span && fits(claims, grain)).then_some((key, grain))
    });
    let Some((key, grain)) = readable else {
        return Err(DetectError::too_little(
            "the market has no claims on products of that metric, grain and slice",
            "see `crowsnest metrics` for what is measured, and leave out --grain, --source or the slice",
        ));
    };
    read_list(lake, &key, grain, asked.as_of).await
}

/// Claims that are read at a time.
const CLAIMS_AT_ONCE: i64 = 6_000_000;

/// Reads one list in periods of a grain; a long one in lots of periods, so that no more is held than its values.
///
/// # Errors
/// Those of the lake.
pub async fn read_list(lake: &Lake, key: &ListKey, grain: Grain, as_of: Option<i64>) -> Result<List, DetectError> {
    let reading = reading(lake, key, grain);
    let mut gathering = Gathering::new(reading);
    let mut products = Products::default();
    for (from, to) in lots(key, &reading) {
        let span = format!(
            "period_start >= DATE '{}' AND period_start < DATE '{}'",
            crowsnest_model::day_to_string(from),
            crowsnest_model::day_to_string(to)
        );
        gathering.add(rows(lake, key, as_of, &span, &mut products).await?);
    }
    gathering.renumber(&products.in_order());
    let (names, entities) = names(lake, key, &products.mentions).await?;
    let history = gathering.finish(names);
    Ok(List { key: key.clone(), grain, history, entities, mentions: products.mentions })
}

/// The rows of a list that a condition leaves.
async fn rows(
    lake: &Lake,
    key: &ListKey,
    as_of: Option<i64>,
    condition: &str,
    products: &mut Products,
) -> Result<Vec<Row>, DetectError> {
    let sql = format!(
        "SELECT subject_id, period_start, period_end, \
                CASE WHEN status IN ('denied', 'withdrawn') THEN NULL ELSE value END AS value, known_at \
         FROM claims_of_subjects WHERE kind = 'product' AND metric = {} AND source = {} AND region = {} \
              AND platform = {} AND segment = {} AND grain = {} AND {} AND {condition}",
        quoted(&key.metric),
        quoted(&key.source),
        quoted(&key.region),
        quoted(&key.platform),
        quoted(&key.segment),
        quoted(&key.grain),
        as_of.map_or("TRUE".to_owned(), |moment| format!("known_at <= {}", instant(moment))),
    );
    let mut rows = Vec::new();
    let mut batches = lake.stream(&sql).await?;
    while let Some(batch) = batches.try_next().await.map_err(LakeError::from)? {
        products.add(&batch, &mut rows)?;
    }
    Ok(rows)
}

/// What became known of a list after a moment, if it is one more period and nothing else: its first day, the levels, and the
/// mentions of products that were not there before. `Ok(None)` where it is anything else.
///
/// # Errors
/// Those of the lake.
pub async fn new_period(lake: &Lake, list: &List) -> Result<Option<NewPeriod>, DetectError> {
    // A product that is new is of an entity of its own; one that was on the list and is of another now changes its past.
    if names(lake, &list.key, &list.mentions).await?.1 != list.entities {
        return Ok(None);
    }
    // What was known before, as its sources tell, may have come in since.
    let as_then = Asked { as_of: Some(list.history.last_known_at), ..Asked::of(&list.key) };
    let n_claims_then: i64 =
        lists(lake, &as_then).await?.iter().filter(|key| key.grain == list.key.grain).map(|key| key.n_claims).sum();
    if n_claims_then != list.key.n_claims {
        return Ok(None);
    }
    let reading = reading(lake, &list.key, list.grain);
    let condition = format!("known_at > {}", instant(list.history.last_known_at));
    let mut products = Products::of(&list.mentions);
    let rows = rows(lake, &list.key, None, &condition, &mut products).await?;
    let n_claims = rows.len() as i64;
    if rows.is_empty() {
        return Ok(Some(NewPeriod::default()));
    }
    let mut gathering = Gathering::new(reading);
    gathering.add(rows);
    let n_values = gathering.n_values();
    let history = gathering.finish(Vec::new());
    let last = list.history.periods.last().map_or(i32::MIN, Period::start_day);
    let (&[period], [said]) = (history.periods.as_slice(), history.said.as_slice()) else { return Ok(None) };
    if period.start_day() <= last || said.len() < n_values {
        return Ok(None);
    }
    let mentions = products.mentions.split_off(list.mentions.len());
    let (names, entities) = names(lake, &list.key, &mentions).await?;
    let levels = said.iter().map(|one| (one.series, one.level)).collect();
    Ok(Some(NewPeriod {
        period: Some(period),
        n_claims,
        levels,
        mentions,
        names,
        entities,
        known_at: history.last_known_at,
    }))
}

/// One more period of a list.
#[derive(Debug, Default)]
pub struct NewPeriod {
    /// The period; `None` where nothing became known.
    pub period: Option<Period>,
    /// How many claims tell of it.
    pub n_claims: i64,
    /// Products with their log levels.
    pub levels: Vec<(u32, f32)>,
    /// Mentions of products that are new, numbered after those before.
    pub mentions: Vec<i64>,
    /// Their names.
    pub names: Vec<String>,
    /// Their entities.
    pub entities: Vec<i64>,
    /// When the last of it became known, microseconds.
    pub known_at: i64,
}

/// How a list is read in periods of a grain.
fn reading(lake: &Lake, key: &ListKey, grain: Grain) -> Reading {
    let metric = lake.market().metrics.get(&key.metric);
    let is_sum = metric.is_some_and(|metric| metric.over_time == OverTime::Sum);
    Reading {
        grain,
        gather: if is_sum { Gather::Sum } else { Gather::First },
        is_rank: metric.is_some_and(|metric| metric.kind == MetricKind::Rank),
    }
}

/// The spans of days that a list is read in: cut between periods, each with about [`CLAIMS_AT_ONCE`] at most.
fn lots(key: &ListKey, reading: &Reading) -> Vec<(i32, i32)> {
    let end = key.last_day + 1;
    let n_lots = (key.n_claims / CLAIMS_AT_ONCE + 1).min(key.n_periods.max(1)) as i32;
    let of_days = matches!(key.grain.parse(), Ok(Grain::Instant | Grain::Day));
    let cut = |nth: i32| {
        let day = key.first_day + ((i64::from(end - key.first_day) * i64::from(nth)) / i64::from(n_lots)) as i32;
        Gathering::cut(reading, Period::containing(day, reading.grain).start_day(), of_days)
    };
    let mut cuts: Vec<i32> = (1..n_lots).map(cut).filter(|day| (key.first_day + 1..end).contains(day)).collect();
    cuts.insert(0, key.first_day);
    cuts.push(end);
    cuts.dedup();
    cuts.windows(2).map(|two| (two[0], two[1])).collect()
}

/// The products of a list, numbered as they come.
#[derive(Debug, Default)]
struct Products {
    places: HashMap<i64, u32>,
    mentions: Vec<i64>,
}

impl Products {
    /// Those that are known, in their order.
    fn of(mentions: &[i64]) -> Self {
        let places = mentions.iter().enumerate().map(|(place, mention)| (*mention, place as u32)).collect();
        Self { places, mentions: mentions.to_vec() }
    }

    fn add(&mut self, batch: &RecordBatch, rows: &mut Vec<Row>) -> Result<(), DetectError> {
        let column = |n: usize, to: &DataType| cast(batch.column(n), to).map_err(LakeError::from);
        let ids = column(0, &DataType::Int64)?;
        let (starts, ends) = (column(1, &DataType::Date32)?, column(2, &DataType::Date32)?);
        let values = column(3, &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        let moments = batch.column(4).as_primitive::<TimestampMicrosecondType>();
        for row in 0..batch.num_rows() {
            let mention = ids.as_primitive::<Int64Type>().value(row);
            let mentions = &mut self.mentions;
            let series = *self.places.entry(mention).or_insert_with(|| {
                mentions.push(mention);
                mentions.len() as u32 - 1
            });
            rows.push(Row {
                series,
                start: starts.as_primitive::<Date32Type>().value(row),
                end: ends.as_primitive::<Date32Type>().value(row),
                value: if values.is_null(row) { f64::NAN } else { values.value(row) },
                known_at: moments.value(row),
            });
        }
        Ok(())
    }

    /// Numbers them by their mentions' ids, and gives the new number of each: the engine gives rows in any order, and what is
    /// said must not depend on it.
    fn in_order(&mut self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.mentions.len() as u32).collect();
        order.sort_unstable_by_key(|place| self.mentions[*place as usize]);
        let mut moved = vec![0_u32; order.len()];
        for (to, from) in order.iter().enumerate() {
            moved[*from as usize] = to as u32;
        }
        self.mentions.sort_unstable();
        moved
    }
}

/// The names that the source writes, and the entities that are meant.
async fn names(lake: &Lake, key: &ListKey, mentions: &[i64]) -> Result<(Vec<String>, Vec<i64>), DetectError> {
    let sql = format!(
        "SELECT m.mention_id, m.name, i.entity_id FROM mentions m JOIN identities i ON m.mention_id = i.mention_id \
         WHERE m.source = {}",
        quoted(&key.source)
    );
    let mut known: HashMap<i64, (String, i64)> = HashMap::new();
    for batch in lake.query(&sql).await? {
        let texts = cast(batch.column(1), &DataType::Utf8).map_err(LakeError::from)?;
        let (ids, entities) =
            (batch.column(0).as_primitive::<Int64Type>(), batch.column(2).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            known.insert(ids.value(row), (texts.as_string::<i32>().value(row).to_owned(), entities.value(row)));
        }
    }
    Ok(mentions.iter().map(|mention| known.remove(mention).unwrap_or_else(|| (mention.to_string(), *mention))).unzip())
}

/// The place of the period that a text names, among those of a list.
pub(crate) fn place_of(history: &History, text: &str, is_end: bool) -> Result<usize, DetectError> {
    let asked = Period::parse(text)
        .map_err(|error| DetectError::bad_question(error.to_string(), "write a period such as 2024-12 or 2024-W50"))?;
    let place = if is_end {
        history.periods.iter().rposition(|period| period.start_day() < asked.end_day())
    } else {
        history.periods.iter().position(|period| period.end_day() > asked.start_day())
    };
    place.ok_or_else(|| {
        let told = match (history.periods.first(), history.periods.last()) {
            (Some(first), Some(last)) => format!("the list goes from {first} to {last}"),
            _ => "the list is empty".to_owned(),
        };
        DetectError::bad_question(format!("{told}: {text} is outside"), "name a period within it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_read_in_lots_that_meet_between_periods() {
        let day = |text: &str| crowsnest_model::parse_day(text).unwrap_or_default();
        let key = ListKey {
            metric: String::new(),
            source: String::new(),
            region: String::new(),
            platform: String::new(),
            segment: String::new(),
            grain: "day".to_owned(),
            n_claims: 3 * CLAIMS_AT_ONCE,
            n_periods: 366,
            first_day: day("2024-01-01"),
            last_day: day("2024-12-31"),
        };
        let reading = Reading { grain: Grain::Month, gather: Gather::First, is_rank: false };
        let found = lots(&key, &reading);
        // Months begin five days early where snapshots on their eve count for them.
        let cuts: Vec<i32> = found.iter().map(|(from, _)| *from).collect();
        assert_eq!(cuts, ["2024-01-01", "2024-03-27", "2024-06-26", "2024-09-26"].map(day));
        assert!(found.windows(2).all(|two| two[0].1 == two[1].0));
        assert_eq!(found.last().map(|last| last.1), Some(day("2025-01-01")));
        assert_eq!(lots(&ListKey { n_claims: 5, ..key }, &reading).len(), 1);
    }
}
