//! Estimates as rows of `figures`: the value with its intervals, the claims that it rests on, and why, in words.
//!
//! Only what is new or has moved becomes a row; see [`crate::step`].

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type};
use arrow::error::ArrowError;
use crowsnest_lake::{Lake, schema, sql};
use crowsnest_model::{Grain, Period, claim_ref, event_id, tables};

use crate::error::ReconcileError;
use crate::evaluate::{Z_50, Z_80, Z_95};
use crate::fit::{Estimate, Fitted};
use crate::panel::Standing;
use crate::panels::MetricPanel;
use crate::step::{Claims, Key, texts};

/// The name of the method, with its version: figures of another are made anew.
pub(crate) const METHOD: &str = "smoothed voices 1";

/// A figure that the lake holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) log: f64,
    pub(crate) sd: f64,
    pub(crate) claims: String,
}

/// The figures of a metric that are in force.
pub(crate) async fn held(lake: &Lake, metric: &str, known: &str) -> Result<HashMap<Key, Held>, ReconcileError> {
    let filter = format!("metric = {} AND {known}", sql::quoted(metric));
    let query = format!(
        "SELECT f.entity_id, f.period_start, f.period_end, f.grain, f.region, f.platform, f.segment, f.unit, \
                f.value, f.low, f.high, f.claims \
         FROM (SELECT * FROM figures WHERE {filter}) f JOIN ( \
             SELECT entity_id AS last_entity_id, vintage_claim(max(vintage(known_at, figure_id))) AS last_figure_id \
             FROM figures WHERE {filter} \
             GROUP BY entity_id, about(metric, period_start, period_end, region, platform, segment, unit)) \
         ON f.entity_id = last_entity_id AND f.figure_id = last_figure_id"
    );
    let mut found = HashMap::new();
    for batch in lake.query(&query).await? {
        let entities = batch.column(0).as_primitive::<Int64Type>();
        let (starts, ends) =
            (batch.column(1).as_primitive::<Date32Type>(), batch.column(2).as_primitive::<Date32Type>());
        let number = |column: usize| batch.column(column).as_primitive::<Float64Type>();
        let (values, lows, highs) = (number(8), number(9), number(10));
        let columns = (3..8).chain([11]).map(|column| texts(&batch, column)).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let text = |column: usize| columns[column].value(row).to_owned();
            let Ok(grain) = text(0).parse::<Grain>() else { continue };
            let Ok(period) = Period::new(starts.value(row), ends.value(row), grain) else { continue };
            let key = (entities.value(row), period, [text(1), text(2), text(3)], text(4));
            let sd = if lows.is_valid(row) { (highs.value(row) / lows.value(row)).ln() / (2.0 * Z_80) } else { 0.0 };
            found.insert(key, Held { log: values.value(row).ln(), sd, claims: text(5) });
        }
    }
    Ok(found)
}

#[derive(Debug)]
struct FigureRow {
    entity: i64,
    dimensions: [String; 3],
    unit: String,
    period: Period,
    log: f64,
    sd: f64,
    n_claims: usize,
    claims: String,
    weights: String,
    agreement: Option<f64>,
    reason: String,
}

/// Rows to be added.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<FigureRow>);

/// One claim of a figure.
struct Part<'a> {
    reference: String,
    source: &'a str,
    weight: f64,
    bias: f64,
    unbiased: f64,
    standing: Standing,
}

/// Adds the rows of a panel that are new or have moved.
pub(crate) fn rows_of(
    claims: &Claims,
    panel: &MetricPanel,
    fitted: &Fitted,
    before: &HashMap<Key, Held>,
    rows: &mut Rows,
) {
    let seen = &panel.panel.observations;
    let mut at = 0;
    for estimate in &fitted.estimates {
        while at < seen.len() && (seen[at].series, seen[at].time) < (estimate.series, estimate.time) {
            at += 1;
        }
        let of_cell = seen[at..].iter().take_while(|own| (own.series, own.time) == (estimate.series, estimate.time));
        let n = of_cell.count();
        let mut parts: Vec<Part<'_>> = (at..at + n).map(|place| part(claims, panel, fitted, place)).collect();
        parts.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.reference.cmp(&b.reference)));
        let (subject, _) = panel.series[estimate.series as usize];
        let (entity, dimensions) = claims.subjects[subject as usize].clone();
        let unit = claims.units[panel.unit as usize].clone();
        let period = panel.period(estimate.series, estimate.time);
        let key = (entity, period, dimensions, unit);
        let references: Vec<&str> = parts.iter().map(|part| part.reference.as_str()).collect();
        let references = references.join(" ");
        let sd = estimate.variance.sqrt();
        if before.get(&key).is_some_and(|held| held.is_as(estimate.log, sd, &references)) {
            continue;
        }
        let (entity, period, dimensions, unit) = key;
        let weights: Vec<String> = parts.iter().map(|part| format!("{:.3}", part.weight)).collect();
        rows.0.push(FigureRow {
            entity,
            dimensions,
            unit,
            period,
            log: estimate.log,
            sd,
            n_claims: parts.len(),
            claims: references,
            weights: weights.join(" "),
            agreement: agreement(&parts, estimate),
            reason: reason(&parts, fitted),
        });
    }
}

fn part<'a>(claims: &'a Claims, panel: &MetricPanel, fitted: &Fitted, place: usize) -> Part<'a> {
    let seen = panel.panel.observations[place];
    let (mention, claim) = claims.ids[panel.words[place]];
    let bias = match seen.standing {
        Standing::Anchors => 0.0,
        _ => fitted.biases.logs[usize::from(seen.source)][seen.time as usize],
    };
    Part {
        reference: claim_ref(mention, claim),
        source: &claims.sources[panel.sources[usize::from(seen.source)] as usize],
        weight: fitted.weights[place],
        bias,
        unbiased: seen.log - bias,
        standing: seen.standing,
    }
}

fn agreement(parts: &[Part<'_>], estimate: &Estimate) -> Option<f64> {
    let within = Z_80 * estimate.variance.sqrt();
    let n_within = parts.iter().filter(|part| (part.unbiased - estimate.log).abs() <= within).count();
    (!parts.is_empty()).then(|| n_within as f64 / parts.len() as f64)
}

fn reason(parts: &[Part<'_>], fitted: &Fitted) -> String {
    let scale = if fitted.is_anchored { "" } else { "; nothing official pins the scale" };
    if parts.is_empty() {
        return format!("no source tells of it: from the periods before and after{scale}");
    }
    let told: Vec<String> = parts.iter().map(in_words).collect();
    let rest = 1.0 - parts.iter().map(|part| part.weight).sum::<f64>();
    let beside = if rest > 0.005 { format!("; other periods weigh {:.0} %", 100.0 * rest) } else { String::new() };
    format!("{}{beside}{scale}", told.join(", "))
}

fn in_words(part: &Part<'_>) -> String {
    match part.standing {
        Standing::Anchors => format!("{} weighs {:.0} %, official", part.source, 100.0 * part.weight),
        Standing::Widens => format!("{} is a rumour: it widens and does not move", part.source),
        Standing::Counts => {
            format!("{} weighs {:.0} %, counts ×{:.2}", part.source, 100.0 * part.weight, part.bias.exp())
        }
    }
}

impl Rows {
    pub(crate) fn n(&self) -> usize {
        self.0.len()
    }

    /// The rows as the table has them.
    pub(crate) fn batches(&self, metric: &str, known_at: i64) -> Result<Vec<RecordBatch>, ArrowError> {
        const BATCH_ROWS: usize = 65_536;
        self.0.chunks(BATCH_ROWS).map(|rows| batch(rows, metric, known_at)).collect()
    }
}

fn batch(rows: &[FigureRow], metric: &str, known_at: i64) -> Result<RecordBatch, ArrowError> {
    let texts = |of: &dyn Fn(&FigureRow) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(of(row))).collect::<StringArray>())
    };
    let numbers = |of: &dyn Fn(&FigureRow) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(of(row))).collect::<Float64Array>())
    };
    let days = |of: &dyn Fn(&FigureRow) -> i32| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(of(row))).collect::<Date32Array>())
    };
    let at = |z: f64| move |row: &FigureRow| (row.log + z * row.sd).exp();
    let known = TimestampMicrosecondArray::from_iter_values(rows.iter().map(|_| known_at)).with_timezone("UTC");
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| Some(row.id(metric, known_at))).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|row| Some(row.entity)).collect::<Int64Array>()),
        texts(&|_| metric.to_owned()),
        texts(&|row| row.period.to_string()),
        days(&|row| row.period.start_day()),
        days(&|row| row.period.end_day()),
        texts(&|row| row.period.grain().as_str().to_owned()),
        texts(&|row| row.dimensions[0].clone()),
        texts(&|row| row.dimensions[1].clone()),
        texts(&|row| row.dimensions[2].clone()),
        numbers(&at(0.0)),
        numbers(&at(-Z_80)),
        numbers(&at(Z_80)),
        texts(&|row| row.unit.clone()),
        Arc::new(rows.iter().map(|row| Some(row.n_claims as i64)).collect::<Int64Array>()),
        texts(&|row| row.claims.clone()),
        texts(&|_| METHOD.to_owned()),
        Arc::new(known),
        numbers(&at(-Z_50)),
        numbers(&at(Z_50)),
        numbers(&at(-Z_95)),
        numbers(&at(Z_95)),
        texts(&|row| row.weights.clone()),
        Arc::new(rows.iter().map(|row| row.agreement).collect::<Float64Array>()),
        texts(&|row| row.reason.clone()),
    ];
    RecordBatch::try_new(schema::arrow_schema(&tables::FIGURES), columns)
}

impl FigureRow {
    fn id(&self, metric: &str, known_at: i64) -> i64 {
        let [region, platform, segment] = &self.dimensions;
        let (entity, period, known_at) = (self.entity.to_string(), self.period.to_string(), known_at.to_string());
        let value = format!("{:e} {:e}", self.log, self.sd);
        let grain = self.period.grain().as_str();
        event_id(&[
            "figure",
            &entity,
            metric,
            &period,
            grain,
            region,
            platform,
            segment,
            &self.unit,
            &value,
            &self.claims,
            METHOD,
            &known_at,
        ])
    }
}
