//! The step: claims in force become figures, one metric after the other.
//!
//! In: `claims` as of a moment, with the entity of each mention, by one plan a metric. Out: rows of `figures`, for what is new
//! or has moved. A figure's `known_at` is the moment at which the last claim of its metric came to be known, so that running
//! again over the same claims adds nothing, and a metric on which nothing new is known is not looked at.

use std::collections::HashMap;

use arrow::array::{Array as _, AsArray as _, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use crowsnest_lake::{Lake, LakeError, Step, sql};
use crowsnest_model::{Grain, MetricKind, Period, Status, tables};
use serde::Serialize;

use crate::error::ReconcileError;
use crate::figures::{Held, Rows, held, rows_of};
use crate::fit::fit;
use crate::panels::{Word, panels, standing};
use crate::worth::{Worth, of_panel};

/// This step in the flow.
pub static STEP: Step = Step {
    name: "reconcile",
    doc: "what sources say becomes one figure with an interval, for each entity, metric, period and dimensions",
    reads: &["claims", "mentions", "aliases"],
    writes: &["figures"],
};

/// What is to be reconciled.
#[derive(Debug, Clone, Default)]
pub struct ReconcileRequest {
    /// Only this metric.
    pub metric: Option<String>,
    /// Only claims known by then, in microseconds since 1970-01-01 UTC.
    pub as_of: Option<i64>,
    /// Metrics on which nothing new is known too: for after names were brought together.
    pub is_whole: bool,
    /// The moment now, for figures that are made anew without new claims.
    pub now: i64,
}

/// What was done with one metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct MetricReconciled {
    /// The metric.
    pub metric: String,
    /// Claims in force.
    pub n_claims: usize,
    /// Sources that they come from.
    pub n_sources: usize,
    /// Figures that were made.
    pub n_figures: usize,
    /// Figures that are new or have moved.
    pub n_added: usize,
    /// Breaks that were found, in words.
    pub breaks: Vec<String>,
    /// Sources that repeat others, in words.
    pub copies: Vec<String>,
    /// Whether official or confirmed claims fix the scale of all its figures.
    pub is_scale_pinned: bool,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reconciled {
    /// By metric.
    pub metrics: Vec<MetricReconciled>,
    /// Metrics on which nothing new is known.
    pub n_skipped: usize,
    /// Figures that are new or have moved.
    pub n_added: usize,
    /// Figures that are as they were.
    pub n_unchanged: usize,
}

/// Reconciles what is new.
///
/// # Errors
/// A metric that nobody tells of; those of the lake.
pub async fn reconcile(lake: &Lake, request: &ReconcileRequest) -> Result<Reconciled, ReconcileError> {
    lake.refresh().await?;
    let mut done = Reconciled::default();
    for (metric, claims_known, figures_known) in metrics(lake, request).await? {
        let is_settled = figures_known.is_some_and(|figures_known| figures_known >= claims_known);
        if is_settled && !request.is_whole {
            done.n_skipped += 1;
            continue;
        }
        let known_at = if is_settled { request.now } else { claims_known };
        let (one, batches) = Box::pin(of_metric(lake, request, &metric, known_at)).await?;
        if !batches.is_empty() {
            lake.append(&tables::FIGURES, batches).await?;
        }
        done.n_added += one.n_added;
        done.n_unchanged += one.n_figures - one.n_added;
        done.metrics.push(one);
    }
    lake.refresh().await?;
    Ok(done)
}

/// What each source is worth on each metric, or the one asked for, by the claims known by the moment asked for.
///
/// # Errors
/// A metric that nobody tells of; those of the lake.
pub async fn worth(lake: &Lake, request: &ReconcileRequest) -> Result<Vec<Worth>, ReconcileError> {
    const DAY_MICROS: f64 = 86_400e6;
    lake.refresh().await?;
    let mut found = Vec::new();
    for (metric, ..) in metrics(lake, request).await? {
        let claims = claims(lake, request, &metric).await?;
        for panel in &panels(&claims.words).panels {
            let fitted = fit(&panel.panel, &crate::evaluate::earlier(panel, &claims.words));
            let said = |word: usize| claims.words[word].said as f64 / DAY_MICROS;
            let name = |source: usize| {
                let name = claims.sources[panel.sources[source] as usize].clone();
                let price = lake.market().source(&name).map(|card| card.price.clone()).unwrap_or_default();
                (name, price)
            };
            found.extend(of_panel(panel, &fitted, &said, &name, &metric));
        }
    }
    Ok(found)
}

/// Each metric with the moment of its last claim and of its last figure; ranks are no amounts and have no figures.
async fn metrics(lake: &Lake, request: &ReconcileRequest) -> Result<Vec<(String, i64, Option<i64>)>, ReconcileError> {
    let known = known_by(request);
    let query = format!(
        "SELECT c.metric, c.known_at, f.known_at AS figures_known_at \
         FROM (SELECT metric, max(known_at) AS known_at FROM claims WHERE {known} GROUP BY metric) c \
         LEFT JOIN (SELECT metric, max(known_at) AS known_at FROM figures WHERE {known} GROUP BY metric) f \
         ON c.metric = f.metric ORDER BY c.metric"
    );
    let mut found = Vec::new();
    for batch in lake.query(&query).await? {
        let names = texts(&batch, 0)?;
        let claims = batch.column(1).as_primitive::<TimestampMicrosecondType>();
        let figures = batch.column(2).as_primitive::<TimestampMicrosecondType>();
        for row in 0..batch.num_rows() {
            let name = names.value(row);
            let is_wanted = request.metric.as_deref().is_none_or(|wanted| wanted == name);
            let is_rank = lake.market().metrics.get(name).is_some_and(|metric| metric.kind == MetricKind::Rank);
            if is_wanted && !is_rank {
                found.push((name.to_owned(), claims.value(row), figures.is_valid(row).then(|| figures.value(row))));
            }
        }
    }
    match &request.metric {
        Some(metric) if found.is_empty() => Err(ReconcileError::Unusable {
            message: format!("nobody says anything of the metric {metric:?} that could be reconciled"),
            hint: "see what there is with `crowsnest metrics`; ranks have no figures".to_owned(),
        }),
        _ => Ok(found),
    }
}

fn known_by(request: &ReconcileRequest) -> String {
    request.as_of.map_or("TRUE".to_owned(), |as_of| format!("known_at <= {}", sql::instant(as_of)))
}

/// Claims of a metric as numbers, and what their numbers stand for.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) words: Vec<Word>,
    /// For each word its mention and claim.
    pub(crate) ids: Vec<(i64, i64)>,
    /// For each subject its entity, region, platform and segment.
    pub(crate) subjects: Vec<(i64, [String; 3])>,
    pub(crate) units: Vec<String>,
    pub(crate) sources: Vec<String>,
}

async fn of_metric(
    lake: &Lake,
    request: &ReconcileRequest,
    metric: &str,
    known_at: i64,
) -> Result<(MetricReconciled, Vec<RecordBatch>), ReconcileError> {
    let claims = claims(lake, request, metric).await?;
    let before = held(lake, metric, &known_by(request)).await?;
    let mut done = MetricReconciled {
        metric: metric.to_owned(),
        n_claims: claims.words.len(),
        n_sources: claims.sources.len(),
        is_scale_pinned: true,
        ..MetricReconciled::default()
    };
    let mut rows = Rows::default();
    for panel in &panels(&claims.words).panels {
        let fitted = fit(&panel.panel, &crate::evaluate::earlier(panel, &claims.words));
        done.is_scale_pinned &= fitted.is_anchored;
        let name = |source: usize| claims.sources[panel.sources[source] as usize].as_str();
        for jump in &fitted.biases.jumps {
            let (source, period) = (name(jump.source), panel.periods[jump.time]);
            done.breaks.push(format!("{source} counts ×{:.2} from {period} on", jump.size.exp()));
        }
        for copy in &fitted.copies {
            done.copies.push(format!("{} repeats {}", name(copy.source), name(copy.of)));
        }
        done.n_figures += fitted.estimates.len();
        rows_of(&claims, panel, &fitted, &before, &mut rows);
    }
    done.n_added = rows.n();
    let batches = rows.batches(metric, known_at).map_err(LakeError::from)?;
    Ok((done, batches))
}

async fn claims(lake: &Lake, request: &ReconcileRequest, metric: &str) -> Result<Claims, ReconcileError> {
    let filter = format!("metric = {} AND {}", sql::quoted(metric), known_by(request));
    let query = format!(
        "SELECT i.entity_id, c.mention_id, c.claim_id, c.period_start, c.period_end, c.grain, c.region, c.platform, \
                c.segment, c.unit, c.value, c.status, c.source, c.known_at \
         FROM (SELECT * FROM claims_of_subjects WHERE {filter}) c \
         JOIN (SELECT subject_id AS last_subject_id, vintage_claim(max(vintage(known_at, claim_id))) AS last_claim_id \
               FROM claims_of_subjects WHERE {filter} \
               GROUP BY subject_id, about(metric, period_start, period_end, region, platform, segment)) \
         ON c.subject_id = last_subject_id AND c.claim_id = last_claim_id \
         JOIN identities i ON c.mention_id = i.mention_id WHERE c.status NOT IN ('denied', 'withdrawn') \
         ORDER BY i.entity_id, c.period_start, c.source, c.claim_id"
    );
    let mut read = Reading::default();
    for batch in lake.query(&query).await? {
        read.take(&batch)?;
    }
    Ok(read.claims)
}

#[derive(Default)]
struct Reading {
    claims: Claims,
    subjects: HashMap<(i64, [String; 3]), u32>,
    units: HashMap<String, u32>,
    sources: HashMap<String, u32>,
}

impl Reading {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), ReconcileError> {
        let integers = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        let days = |column: usize| batch.column(column).as_primitive::<Date32Type>();
        let (entities, mentions, ids) = (integers(0), integers(1), integers(2));
        let (starts, ends) = (days(3), days(4));
        let values = batch.column(10).as_primitive::<Float64Type>();
        let said = batch.column(13).as_primitive::<TimestampMicrosecondType>();
        let columns = (5..10).chain(11..13).map(|column| texts(batch, column)).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let text = |column: usize| columns[column].value(row);
            let Ok(grain) = text(0).parse::<Grain>() else { continue };
            let Ok(status) = text(5).parse::<Status>() else { continue };
            let Ok(period) = Period::new(starts.value(row), ends.value(row), grain) else { continue };
            let subject = (entities.value(row), [1, 2, 3].map(|column| text(column).to_owned()));
            let word = Word {
                subject: number(&mut self.subjects, &mut self.claims.subjects, subject),
                metric: 0,
                unit: number(&mut self.units, &mut self.claims.units, text(4).to_owned()),
                period,
                source: number(&mut self.sources, &mut self.claims.sources, text(6).to_owned()),
                value: values.value(row),
                said: said.value(row),
                standing: standing(status),
            };
            self.claims.words.push(word);
            self.claims.ids.push((mentions.value(row), ids.value(row)));
        }
        Ok(())
    }
}

fn number<T: Clone + Eq + std::hash::Hash>(numbers: &mut HashMap<T, u32>, all: &mut Vec<T>, one: T) -> u32 {
    if let Some(number) = numbers.get(&one) {
        return *number;
    }
    let number = all.len() as u32;
    all.push(one.clone());
    numbers.insert(one, number);
    number
}

/// A column of texts, however the engine keeps them.
pub(crate) fn texts(batch: &RecordBatch, column: usize) -> Result<StringArray, ReconcileError> {
    let cast = cast(batch.column(column), &DataType::Utf8).map_err(LakeError::from)?;
    Ok(cast.as_string::<i32>().clone())
}

/// What is held is looked up by this: entity, period, dimensions, unit.
pub(crate) type Key = (i64, Period, [String; 3], String);

impl Held {
    /// Whether a figure says the same as what is held: the same claims, and less than a tenth of its interval apart.
    pub(crate) fn is_as(&self, log: f64, sd: f64, claims: &str) -> bool {
        const MOVED: f64 = 0.25;
        const WIDER: f64 = 1.2;
        let wider = sd / self.sd.max(1e-12);
        self.claims == claims && (log - self.log).abs() < MOVED * sd && (1.0 / WIDER..WIDER).contains(&wider)
    }
}
