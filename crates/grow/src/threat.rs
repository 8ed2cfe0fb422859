//! "What if a giant does it?": what happened to those who were there after a large company entered their segment.
//!
//! In: the market's own figures of one metric, who belongs to whom, and which product is in which segment: by the segment of its
//! claims, or by the market's table `catalogue/segments.csv` (product, segment). Out: a matched comparison ([`ThreatReport`]) with the
//! cases listed, or a refusal where there are too few. What is computed is in `matched.rs`; here it is read.

mod matched;

use std::collections::{BTreeMap, HashMap};

use crowsnest_lake::sql::quoted;
use crowsnest_lake::{Answer, Lake, Language, files};
use crowsnest_model::Kind;
pub use matched::Case;
use matched::{Found, Panel, Series, compare};
use serde::{Deserialize, Serialize};

use crate::error::GrowError;
use crate::findings::Interval;

/// What is asked.
#[derive(Debug, Clone)]
pub struct ThreatQuestion {
    /// A segment or a product; the whole market if nothing is said.
    pub of: Option<String>,
    /// The metric.
    pub metric: String,
    /// Grain of its periods.
    pub grain: String,
    /// Periods after the entry.
    pub horizon: usize,
}

/// What happened after large companies entered.
#[derive(Debug, Clone, Serialize)]
pub struct ThreatReport {
    /// The segment that was asked about; empty for the whole market.
    pub segment: String,
    /// Metric.
    pub metric: String,
    /// Grain.
    pub grain: String,
    /// Periods after the entry.
    pub horizon: usize,
    /// Difference in log growth over these periods against matched products of other segments.
    pub effect: Interval,
    /// The same as a change: -0.2 is a fifth less than without.
    pub change: Interval,
    /// The same difference in the periods before the entry: near 0 where the match is good.
    pub before: Interval,
    /// Entries that could be compared.
    pub n_cases: usize,
    /// Products that were there before, over all entries.
    pub n_incumbents: usize,
    /// The entries, the earliest first.
    pub cases: Vec<Case>,
    /// Large companies that are not in the segment yet, the largest first.
    pub absent: Vec<String>,
    /// What should be known besides.
    pub notes: Vec<String>,
    /// Draws of the effect, for plans.
    #[serde(skip)]
    pub draws: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct Said {
    entity_id: i64,
    segment: String,
    scope: String,
    day: String,
    value: f64,
}

/// Compares.
///
/// # Errors
/// A metric or segment that nobody knows; too few entries to say anything, with what is missing.
pub async fn threat(lake: &Lake, question: &ThreatQuestion) -> Result<ThreatReport, GrowError> {
    let refused = GrowError::Threat;
    let metric = lake.market().metrics.get(&question.metric);
    let is_rank = metric.ok_or_else(|| refused(format!("there is no metric {:?}", question.metric)))?.lower_is_better;
    if !(1..=60).contains(&question.horizon) {
        return Err(refused(format!("a horizon of {} periods: give 1 to 60", question.horizon)));
    }
    let sql = format!(
        "SELECT i.entity_id, c.segment, concat(c.source, '|', c.region, '|', c.platform, '|', c.unit) AS scope, \
                CAST(c.period_start AS VARCHAR) AS day, max(c.value) AS value \
         FROM claims_in_force c JOIN identities i ON c.mention_id = i.mention_id \
         WHERE c.metric = {} AND c.grain = {} AND c.kind = 'product' AND c.value > 0 \
         GROUP BY i.entity_id, c.segment, c.source, c.region, c.platform, c.unit, c.period_start",
        quoted(&question.metric),
        quoted(&question.grain)
    );
    let mut said: Vec<Said> = Vec::new();
    for batch in lake.query(&sql).await? {
        said.extend(Answer::of_rows(batch).rows_as::<Said>()?);
    }
    let segments = segments_of_catalogue(lake)?;
    let panel = panel(lake, said, &segments, is_rank);
    let segment = segment_meant(lake, question, &panel)?;
    let found = compare(&panel, question.horizon).map_err(refused)?;
    Ok(report(question, segment, &panel, found))
}

/// The market's own table of who is in which segment; none where it has none.
fn segments_of_catalogue(lake: &Lake) -> Result<HashMap<i64, Vec<String>>, GrowError> {
    let path = lake.market().dir.join("catalogue/segments.csv");
    let mut found: HashMap<i64, Vec<String>> = HashMap::new();
    if !path.is_file() {
        return Ok(found);
    }
    let failed = |message: String| GrowError::File { path: path.clone(), message };
    let text = files::read_text(&path)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| failed(error.to_string()))?.clone();
    let place = |name: &str| {
        headers.iter().position(|header| header == name).ok_or_else(|| failed(format!("there is no column {name:?}")))
    };
    let (product, segment) = (place("product")?, place("segment")?);
    let identity = lake.identity();
    for record in reader.records() {
        let record = record.map_err(|error| failed(error.to_string()))?;
        let (Some(product), Some(segment)) = (record.get(product), record.get(segment)) else { continue };
        // A product that no source speaks of has no figures to compare.
        if let Ok(entity) = identity.find(product, Some(Kind::Product)) {
            found.entry(entity.id).or_default().push(segment.to_owned());
        }
    }
    Ok(found)
}

/// Values by period, by who tells of them and for where.
type ByScope<'a> = BTreeMap<&'a str, Vec<(usize, f64)>>;

fn panel(lake: &Lake, said: Vec<Said>, catalogue: &HashMap<i64, Vec<String>>, is_rank: bool) -> Panel {
    let identity = lake.identity();
    let mut days: Vec<String> = said.iter().map(|own| own.day.clone()).collect();
    days.sort_unstable();
    days.dedup();
    let place_of: HashMap<&str, usize> = days.iter().enumerate().map(|(at, day)| (day.as_str(), at)).collect();
    // Of several sources, regions or platforms that tell of one product, the one that tells most.
    let mut scopes: BTreeMap<(i64, &str), ByScope<'_>> = BTreeMap::new();
    for own in &said {
        let scope = scopes.entry((own.entity_id, own.segment.as_str())).or_default();
        let value = if is_rank { -own.value.ln() } else { own.value.ln() };
        scope.entry(own.scope.as_str()).or_default().push((place_of[own.day.as_str()], value));
    }
    let mut panel = Panel { periods: days.clone(), ..Panel::default() };
    for ((entity, segment), by_scope) in scopes {
        let Some((_, told)) = by_scope.into_iter().max_by_key(|(_, told)| told.len()) else { continue };
        let mut values = vec![f64::NAN; days.len()];
        told.into_iter().for_each(|(at, value)| values[at] = value);
        let named = catalogue.get(&entity).map(Vec::as_slice).unwrap_or_default();
        let own = if matches!(segment, "all" | "") { named.to_vec() } else { vec![segment.to_owned()] };
        let day = days.last().and_then(|day| crowsnest_model::parse_day(day)).unwrap_or_default();
        let group = identity.owners_on(entity, day).last().copied();
        let name = |id: i64| identity.entity(id).map(|own| own.name(Language::En).to_owned()).unwrap_or_default();
        let group = group.map(|id| panel.number_of_group(&name(id)));
        let segments = own.iter().map(|segment| panel.number_of_segment(segment)).collect();
        panel.series.push(Series { product: name(entity), group, segments, values });
    }
    panel
}

/// The segment that is meant: by its name, or that of a product.
fn segment_meant(lake: &Lake, question: &ThreatQuestion, panel: &Panel) -> Result<String, GrowError> {
    let Some(of) = &question.of else { return Ok(String::new()) };
    if let Some(segment) = panel.segments.iter().find(|segment| segment.to_lowercase() == of.to_lowercase()) {
        return Ok(segment.clone());
    }
    let known = lake.identity().find(of, None).ok().map(|entity| entity.name(Language::En).to_owned());
    let series = panel.series.iter().find(|own| Some(&own.product) == known.as_ref() && !own.segments.is_empty());
    series.map(|own| panel.segments[own.segments[0]].clone()).ok_or_else(|| {
        GrowError::Threat(format!(
            "{of:?} is no segment with figures of {}, and no product of one: there are {}",
            question.metric,
            if panel.segments.is_empty() { "none".to_owned() } else { panel.segments.join(", ") }
        ))
    })
}

fn report(question: &ThreatQuestion, segment: String, panel: &Panel, found: Found) -> ThreatReport {
    let mut notes = Vec::new();
    if found.n_cases_few {
        notes.push(format!("{} entries are few: the interval says how little they tell", found.cases.len()));
    }
    if !segment.is_empty() && found.cases.iter().all(|case| case.segment != segment) {
        notes.push(format!("none of these entries was into {segment}: the effect is that of the whole market"));
    }
    let place = panel.segments.iter().position(|own| *own == segment);
    ThreatReport {
        metric: question.metric.clone(),
        grain: question.grain.clone(),
        horizon: question.horizon,
        effect: Interval::of(&found.draws),
        change: Interval::of(&found.draws.iter().map(|own| own.exp_m1()).collect::<Vec<_>>()),
        before: Interval::of(&found.draws_before),
        n_cases: found.cases.len(),
        n_incumbents: found.cases.iter().map(|case| case.n_incumbents).sum(),
        absent: place.map(|place| panel.absent_from(place)).unwrap_or_default(),
        cases: found.cases,
        notes,
        draws: found.draws,
        segment,
    }
}
