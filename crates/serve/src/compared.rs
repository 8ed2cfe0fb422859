//! Several products (companies, segments) beside each other: of each the one line that is best compared with the others.
//!
//! In: entities and what the lake says of them. Out: for a metric one [`Line`] each. Lines share a slice (region, platform,
//! segment, length of period, unit) where one is common to most of them, and who has none there keeps another, which is
//! said. A line is the reconciled figures where there are some, else the claims of the source that covers most periods:
//! sources are never mixed. Every question goes through [`PageRequest::ask`], so that rows that may not be passed on are
//! in no line.

use std::collections::{BTreeMap, HashMap, HashSet};

use crowsnest_lake::questions::{self, ShareQuestion, SideBySideQuestion, TotalsQuestion};
use crowsnest_model::MetricKind;
use futures::FutureExt as _;
use serde::Deserialize;

use crate::ServeError;
use crate::chart::middle_day;
use crate::pages::figures::FigureRow;
use crate::request::PageRequest;
use crate::rows::ClaimRow;

/// Products beside each other: as many as lines that can be told apart.
pub(crate) const N_SUBJECTS_MAX: usize = crate::chart::N_STYLES;

/// What is compared, with all that holds of it.
#[derive(Debug, Default)]
pub(crate) struct Subject {
    pub(crate) entity: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) claims: Vec<ClaimRow>,
    pub(crate) figures: Vec<FigureRow>,
}

/// What figures have in common that may be compared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Slice {
    pub(crate) region: String,
    pub(crate) platform: String,
    pub(crate) segment: String,
    pub(crate) grain: String,
    pub(crate) unit: String,
}

/// Whose figures a line has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Those that the step `reconcile` made of all sources.
    Reconciled,
    /// The claims in force of one source.
    Source(String),
}

impl Basis {
    /// As data: what it rests on, and the source if it is one's.
    pub(crate) fn as_data(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Source(source) => ("claims", Some(source)),
            Self::Reconciled => ("reconciled", None),
        }
    }
}

/// One figure of a line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Point {
    pub(crate) period: String,
    pub(crate) period_start: String,
    pub(crate) period_end: String,
    /// Days since 1970-01-01: the middle of the period.
    pub(crate) day: f64,
    pub(crate) value: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) bound: String,
    pub(crate) status: String,
    pub(crate) known_at: String,
    pub(crate) as_written: String,
    /// Of a source's figure, its claim.
    pub(crate) claim: String,
    /// Of a reconciled figure, why it is so.
    pub(crate) reason: String,
}

/// What is compared of one subject.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Its place among the subjects.
    pub(crate) subject: usize,
    pub(crate) slice: Slice,
    pub(crate) basis: Basis,
    /// Oldest first; never empty.
    pub(crate) points: Vec<Point>,
    /// Whether its slice is that of most.
    pub(crate) is_common: bool,
}

impl Line {
    /// The latest figure, and the one before it.
    pub(crate) fn latest(&self) -> Option<(&Point, Option<&Point>)> {
        let (last, earlier) = self.points.split_last()?;
        Some((last, earlier.last()))
    }

    /// By how much of itself the figure before the latest changed; `None` where there is none, or it is 0.
    pub(crate) fn change(&self) -> Option<f64> {
        let (latest, before) = self.latest()?;
        let before = before.filter(|before| before.value != 0.0)?;
        Some((latest.value - before.value) / before.value.abs())
    }
}

/// Everything that holds of entities, by their ids and in their order: two questions, however many they are.
pub(crate) async fn subjects(request: &PageRequest, entities: &[String]) -> Result<Vec<Subject>, ServeError> {
    if entities.is_empty() {
        return Ok(Vec::new());
    }
    let question = SideBySideQuestion { names: entities.to_vec(), as_of: request.as_of };
    let said = request.ask(questions::claims_side_by_side(&request.lake, &question));
    let reconciled = request.ask(questions::figures_side_by_side(&request.lake, &question));
    let (said, reconciled) = futures::try_join!(said, reconciled)?;
    let identity = request.lake.identity();
    let language = request.question_language().unwrap_or(request.lake.market().config.language);
    let mut subjects = Vec::with_capacity(entities.len());
    for entity in entities {
        let found = identity.find(entity, None)?;
        subjects.push(Subject {
            entity: entity.clone(),
            name: found.name(language).to_owned(),
            kind: found.kind.as_str().to_owned(),
            ..Subject::default()
        });
    }
    let places: HashMap<&str, usize> =
        entities.iter().enumerate().map(|(place, entity)| (entity.as_str(), place)).collect();
    for row in said.rows_as::<ClaimRow>()? {
        let place = row.entity.as_deref().and_then(|entity| places.get(entity).copied());
        if let Some(place) = place {
            subjects[place].claims.push(row);
        }
    }
    for row in reconciled.rows_as::<FigureRow>()? {
        if let Some(place) = places.get(row.entity.as_str()).copied() {
            subjects[place].figures.push(row);
        }
    }
    Ok(subjects)
}

/// The metrics that subjects have figures of: those that most of them have first, then those with the most figures.
pub(crate) fn metrics_of(subjects: &[Subject]) -> Vec<String> {
    let mut by: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for subject in subjects {
        let mut own: HashMap<&str, usize> = HashMap::new();
        for metric in subject.claims.iter().map(|row| row.metric.as_str()) {
            *own.entry(metric).or_default() += 1;
        }
        for (metric, n) in own {
            let of_all = by.entry(metric).or_default();
            *of_all = (of_all.0 + 1, of_all.1 + n);
        }
    }
    let mut metrics: Vec<(&str, (usize, usize))> = by.into_iter().collect();
    metrics.sort_by_key(|(metric, counts)| (std::cmp::Reverse(*counts), *metric));
    metrics.into_iter().map(|(metric, _)| metric.to_owned()).collect()
}

/// The lines of a metric, in the subjects' order; who has no figures of it has no line.
pub(crate) fn lines(subjects: &[Subject], metric: &str) -> Vec<Line> {
    let mut each: Vec<BTreeMap<Slice, (Basis, Vec<Point>)>> =
        subjects.iter().map(|subject| candidates(subject, metric)).collect();
    let mut coverage: BTreeMap<Slice, (usize, usize)> = BTreeMap::new();
    for (slice, (_, points)) in each.iter().flatten() {
        let of_all = coverage.entry(slice.clone()).or_default();
        *of_all = (of_all.0 + 1, of_all.1 + points.len());
    }
    let common = coverage.into_iter().max_by_key(|(_, counts)| *counts).map(|(slice, _)| slice);
    let mut lines = Vec::new();
    for (subject, own) in each.iter_mut().enumerate() {
        let in_common = common.as_ref().and_then(|slice| own.remove_entry(slice));
        let is_common = in_common.is_some();
        let most = || std::mem::take(own).into_iter().max_by_key(|(_, (_, points))| points.len());
        let Some((slice, (basis, points))) = in_common.or_else(most) else { continue };
        lines.push(Line { subject, slice, basis, points, is_common });
    }
    lines
}

/// What a subject's line may be, by slice.
fn candidates(subject: &Subject, metric: &str) -> BTreeMap<Slice, (Basis, Vec<Point>)> {
    let mut by_source: BTreeMap<(Slice, &str), Vec<Point>> = BTreeMap::new();
    for row in subject.claims.iter().filter(|row| row.metric == metric) {
        let Some(point) = claimed(row) else { continue };
        by_source.entry((slice_of_claim(row), row.source.as_str())).or_default().push(point);
    }
    let mut found: BTreeMap<Slice, (Basis, Vec<Point>)> = BTreeMap::new();
    for ((slice, source), points) in by_source {
        let most = found.get(&slice).map_or(0, |(_, points)| points.len());
        if points.len() > most {
            found.insert(slice, (Basis::Source(source.to_owned()), points));
        }
    }
    let mut reconciled: BTreeMap<Slice, Vec<Point>> = BTreeMap::new();
    for row in subject.figures.iter().filter(|row| row.metric == metric && row.grain != "span") {
        let Some(point) = made(row) else { continue };
        reconciled.entry(slice_of_figure(row)).or_default().push(point);
    }
    found.extend(reconciled.into_iter().map(|(slice, points)| (slice, (Basis::Reconciled, points))));
    for (_, points) in found.values_mut() {
        points.sort_by(|left, right| {
            (&left.period_start, &left.period_end).cmp(&(&right.period_start, &right.period_end))
        });
    }
    found
}

fn slice_of_claim(row: &ClaimRow) -> Slice {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    Slice {
        region: text(&row.region),
        platform: text(&row.platform),
        segment: text(&row.segment),
        grain: text(&row.grain),
        unit: row.unit.clone(),
    }
}

fn slice_of_figure(row: &FigureRow) -> Slice {
    Slice {
        region: row.region.clone(),
        platform: row.platform.clone(),
        segment: row.segment.clone(),
        grain: row.grain.clone(),
        unit: row.unit.clone(),
    }
}

fn claimed(row: &ClaimRow) -> Option<Point> {
    let start = row.period_start.as_deref()?;
    let end = row.period_end.as_deref().unwrap_or_default();
    Some(Point {
        period: row.period.clone(),
        period_start: start.to_owned(),
        period_end: end.to_owned(),
        day: middle_day(start, end)?,
        value: row.value,
        low: row.low,
        high: row.high,
        bound: row.bound.clone().unwrap_or_else(|| "exact".to_owned()),
        status: row.status.clone(),
        known_at: row.known_at.clone().unwrap_or_default(),
        as_written: row.as_written.clone().unwrap_or_default(),
        claim: row.claim.clone(),
        reason: String::new(),
    })
}

fn made(row: &FigureRow) -> Option<Point> {
    Some(Point {
        period: row.period.clone(),
        period_start: row.period_start.clone(),
        period_end: row.period_end.clone(),
        day: middle_day(&row.period_start, &row.period_end)?,
        value: row.value,
        low: row.low,
        high: row.high,
        bound: "exact".to_owned(),
        known_at: row.known_at.clone().unwrap_or_default(),
        reason: row.reason.clone().unwrap_or_default(),
        ..Point::default()
    })
}

/// The first period that every line has a figure above zero of.
pub(crate) fn first_common_period(lines: &[Line]) -> Option<String> {
    let (first, others) = lines.split_first()?;
    let has = |line: &Line, period: &str| line.points.iter().any(|point| point.period == period && point.value > 0.0);
    let own = first.points.iter().filter(|point| point.value > 0.0);
    own.map(|point| &point.period).find(|period| others.iter().all(|line| has(line, period))).cloned()
}

/// What a line is 100 at: its figure of the common period, or its own first one above zero.
pub(crate) fn base_of(line: &Line, common: Option<&str>) -> Option<f64> {
    let mut positive = line.points.iter().filter(|point| point.value > 0.0);
    let found = match common {
        Some(period) => positive.find(|point| point.period == period),
        None => positive.next(),
    };
    found.map(|point| point.value)
}

/// Why there are no shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoShares {
    /// Values of the metric do not add up.
    NotAdditive,
    /// A sum of all would tell of what may not be passed on.
    KeptBack,
    /// Nobody has figures to sum.
    NothingToSum,
}

/// The sums over everybody in a slice, by period: a figure is a share of the sum of its own kind alone.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    claimed: HashMap<String, f64>,
    reconciled: HashMap<String, f64>,
}

impl Totals {
    /// What lines of that basis are shares of; empty where there is no such sum, or it was not asked for.
    pub(crate) fn of(&self, basis: &Basis) -> &HashMap<String, f64> {
        match basis {
            Basis::Source(_) => &self.claimed,
            Basis::Reconciled => &self.reconciled,
        }
    }

    /// The sums that lines of a slice need. Only where nothing is kept back: a sum has no source, and would tell of theirs.
    pub(crate) async fn look(
        request: &PageRequest,
        metric: &str,
        slice: &Slice,
        lines: &[Line],
    ) -> Result<Result<Self, NoShares>, ServeError> {
        let known = request.lake.market().metrics.get(metric);
        let is_additive = known.is_some_and(|metric| matches!(metric.kind, MetricKind::Flow | MetricKind::Stock));
        if !is_additive {
            return Ok(Err(NoShares::NotAdditive));
        }
        if !request.kept_back().is_empty() {
            return Ok(Err(NoShares::KeptBack));
        }
        let mut totals = Self::default();
        let in_slice = || lines.iter().filter(move |line| line.slice == *slice);
        if in_slice().any(|line| line.basis != Basis::Reconciled) {
            totals.claimed = claimed_totals(request, metric, slice).await?;
        }
        if in_slice().any(|line| line.basis == Basis::Reconciled) {
            totals.reconciled = reconciled_totals(request, metric, slice).await?;
        }
        let is_empty = totals.claimed.is_empty() && totals.reconciled.is_empty();
        Ok(if is_empty { Err(NoShares::NothingToSum) } else { Ok(totals) })
    }
}

#[derive(Debug, Deserialize)]
struct TotalRow {
    period: String,
    total: Option<f64>,
    /// Of reconciled sums alone.
    unit: Option<String>,
}

/// The sums of claims in force; none where nobody said anything, or it was said in another currency.
async fn claimed_totals(
    request: &PageRequest,
    metric: &str,
    slice: &Slice,
) -> Result<HashMap<String, f64>, ServeError> {
    let question = ShareQuestion {
        metric: metric.to_owned(),
        grain: Some(slice.grain.clone()),
        region: Some(slice.region.clone()),
        platform: Some(slice.platform.clone()),
        segment: Some(slice.segment.clone()),
        limit: Some(1),
        as_of: request.as_of,
        ..ShareQuestion::default()
    };
    let asked = request.ask_once(question, |lake, question| questions::share(lake, question).boxed()).await;
    let answer = match asked {
        Err(error) if error.is_bad_question() => return Ok(HashMap::new()),
        answer => answer?,
    };
    // Amounts in several currencies are summed in the market's, which the line may not be in.
    let unit = answer.facts.get("unit").and_then(serde_json::Value::as_str).unwrap_or_default();
    if unit != slice.unit {
        return Ok(HashMap::new());
    }
    let rows: Vec<TotalRow> = answer.rows_as()?;
    let totals = rows.into_iter().filter_map(|row| Some((row.period, row.total.filter(|total| *total > 0.0)?)));
    Ok(totals.collect())
}

/// The sums of reconciled figures; none of periods for which some are in another currency.
async fn reconciled_totals(
    request: &PageRequest,
    metric: &str,
    slice: &Slice,
) -> Result<HashMap<String, f64>, ServeError> {
    let question = TotalsQuestion {
        metric: metric.to_owned(),
        grain: slice.grain.clone(),
        region: slice.region.clone(),
        platform: slice.platform.clone(),
        segment: slice.segment.clone(),
        as_of: request.as_of,
    };
    let asked = request.ask_once(question, |lake, question| questions::totals(lake, question).boxed());
    let rows: Vec<TotalRow> = asked.await?.rows_as()?;
    let is_other = |row: &&TotalRow| row.unit.as_deref() != Some(slice.unit.as_str());
    let mixed: HashSet<&str> = rows.iter().filter(is_other).map(|row| row.period.as_str()).collect();
    let own = rows.iter().filter(|row| !mixed.contains(row.period.as_str()));
    let totals = own.filter_map(|row| Some((row.period.clone(), row.total.filter(|total| *total > 0.0)?)));
    Ok(totals.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(source: &str, period: &str, region: &str, value: f64) -> ClaimRow {
        ClaimRow {
            metric: "mau".into(),
            period: period.into(),
            period_start: Some(format!("{period}-01")),
            period_end: Some(format!("{period}-28")),
            grain: Some("month".into()),
            region: Some(region.into()),
            unit: "users".into(),
            source: source.into(),
            value,
            ..ClaimRow::default()
        }
    }

    fn figure(period: &str, region: &str, value: f64) -> FigureRow {
        FigureRow {
            metric: "mau".into(),
            period: period.into(),
            period_start: format!("{period}-01"),
            period_end: format!("{period}-28"),
            grain: "month".into(),
            region: region.into(),
            unit: "users".into(),
            value,
            ..FigureRow::default()
        }
    }

    fn subject(claims: Vec<ClaimRow>, figures: Vec<FigureRow>) -> Subject {
        Subject { claims, figures, ..Subject::default() }
    }

    #[test]
    fn lines_share_the_slice_that_most_have_and_never_mix_sources() {
        let a = subject(
            vec![
                claim("Q", "2024-11", "cn", 1.0),
                claim("Q", "2024-12", "cn", 2.0),
                claim("R", "2024-12", "cn", 9.0),
                claim("R", "2024-10", "world", 7.0),
                claim("R", "2024-11", "world", 7.0),
                claim("R", "2024-12", "world", 8.0),
            ],
            Vec::new(),
        );
        let b = subject(vec![claim("R", "2024-12", "cn", 5.0)], vec![figure("2024-12", "cn", 4.0)]);
        let c = subject(vec![claim("S", "2024-12", "us", 5.0)], Vec::new());
        let none = subject(Vec::new(), Vec::new());
        let lines = lines(&[a, b, c, none], "mau");
        assert_eq!(lines.len(), 3, "who has no figures has no line");
        assert_eq!((lines[0].slice.region.as_str(), &lines[0].basis), ("cn", &Basis::Source("Q".into())));
        assert_eq!(lines[0].points.iter().map(|point| point.value).collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!((&lines[1].basis, lines[1].points[0].value), (&Basis::Reconciled, 4.0));
        assert!(lines[0].is_common && lines[1].is_common && !lines[2].is_common);
        assert_eq!(
            lines[0].latest().map(|(last, before)| (last.value, before.map(|one| one.value))),
            Some((2.0, Some(1.0)))
        );
    }

    #[test]
    fn what_is_100_is_the_first_period_that_all_have() {
        let a = subject(vec![claim("Q", "2024-10", "cn", 50.0), claim("Q", "2024-11", "cn", 80.0)], Vec::new());
        let b = subject(vec![claim("Q", "2024-11", "cn", 20.0), claim("Q", "2024-12", "cn", 30.0)], Vec::new());
        let both = lines(&[a, b], "mau");
        let common = first_common_period(&both);
        assert_eq!(common.as_deref(), Some("2024-11"));
        assert_eq!(base_of(&both[0], common.as_deref()), Some(80.0));
        assert_eq!(base_of(&both[1], None), Some(20.0));
        assert_eq!(first_common_period(&[]), None);
    }

    #[test]
    fn metrics_that_most_have_come_first() {
        let other = ClaimRow { metric: "rating".into(), ..claim("Q", "2024-10", "cn", 1.0) };
        let a = subject(vec![other.clone(), other.clone(), other, claim("Q", "2024-10", "cn", 1.0)], Vec::new());
        let b = subject(vec![claim("Q", "2024-10", "cn", 1.0)], Vec::new());
        assert_eq!(metrics_of(&[a, b]), ["mau", "rating"]);
    }
}
