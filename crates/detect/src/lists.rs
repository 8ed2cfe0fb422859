//! The seam to the lake: one list of a market as a [`History`].
//!
//! In: the table `claims` (until `figures` are written, a list is one source's own word, so that sources do not mix). Out:
//! its products, and every value with the moment at which it could be known. Two plans: which lists there are, and the rows
//! of one. Nothing else of this crate reads claims.

use std::collections::HashMap;

use arrow::array::{Array as _, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use crowsnest_lake::sql::{instant, quoted};
use crowsnest_lake::{Answer, Lake, LakeError};
use crowsnest_model::{Grain, MetricKind, OverTime, Period};
use serde::{Deserialize, Serialize};

use crate::error::DetectError;
use crate::history::{Gather, History, Reading, Row};

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
                count(DISTINCT period_start) AS n_periods \
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
fn fits(claims: Grain, asked: Grain) -> bool {
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

/// Reads one list in periods of a grain.
///
/// # Errors
/// Those of the lake.
pub async fn read_list(lake: &Lake, key: &ListKey, grain: Grain, as_of: Option<i64>) -> Result<List, DetectError> {
    let known = as_of.map_or("TRUE".to_owned(), |moment| format!("known_at <= {}", instant(moment)));
    let sql = format!(
        "SELECT subject_id, period_start, period_end, \
                CASE WHEN status IN ('denied', 'withdrawn') THEN NULL ELSE value END AS value, known_at \
         FROM claims_of_subjects WHERE kind = 'product' AND metric = {} AND source = {} AND region = {} \
              AND platform = {} AND segment = {} AND grain = {} AND {known}",
        quoted(&key.metric),
        quoted(&key.source),
        quoted(&key.region),
        quoted(&key.platform),
        quoted(&key.segment),
        quoted(&key.grain)
    );
    let mut places: HashMap<i64, u32> = HashMap::new();
    let mut mentions = Vec::new();
    let mut rows = Vec::new();
    for batch in lake.query(&sql).await? {
        let column = |n: usize, to: &DataType| cast(batch.column(n), to).map_err(LakeError::from);
        let ids = column(0, &DataType::Int64)?;
        let (starts, ends) = (column(1, &DataType::Date32)?, column(2, &DataType::Date32)?);
        let values = column(3, &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        let moments = batch.column(4).as_primitive::<TimestampMicrosecondType>();
        for row in 0..batch.num_rows() {
            let mention = ids.as_primitive::<Int64Type>().value(row);
            let series = *places.entry(mention).or_insert_with(|| {
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
    }
    in_order(&mut mentions, &mut rows);
    let (names, entities) = names(lake, key, &mentions).await?;
    let metric = lake.market().metrics.get(&key.metric);
    let reading = Reading {
        grain,
        gather: if metric.is_some_and(|metric| metric.over_time == OverTime::Sum) {
            Gather::Sum
        } else {
            Gather::First
        },
        is_rank: metric.is_some_and(|metric| metric.kind == MetricKind::Rank),
    };
    Ok(List { key: key.clone(), grain, history: History::new(names, rows, &reading), entities })
}

/// Numbers the products by their mentions' ids: the engine gives rows in any order, and what is said must not depend on it.
fn in_order(mentions: &mut [i64], rows: &mut [Row]) {
    let mut order: Vec<usize> = (0..mentions.len()).collect();
    order.sort_unstable_by_key(|place| mentions[*place]);
    let mut moved = vec![0_u32; mentions.len()];
    for (to, from) in order.iter().enumerate() {
        moved[*from] = to as u32;
    }
    rows.iter_mut().for_each(|row| row.series = moved[row.series as usize]);
    mentions.sort_unstable();
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
