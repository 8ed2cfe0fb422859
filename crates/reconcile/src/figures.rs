//! Estimates as rows of `figures`: the value with its intervals, the claims that it rests on, and why, in words.
//!
//! In: a slice of a panel's observations, whole series. Out: a batch of rows, of what is new or has moved, and of what is
//! held but no longer told. Slices are independent of each other.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Float64Builder, Int64Array, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::error::ArrowError;
use crowsnest_lake::{Whole, schema};
use crowsnest_model::{Period, claim_ref, event_id, tables};

use crate::adding_up;
use crate::evaluate::{Z_50, Z_80, Z_95};
use crate::fit::{Estimate, Figured, Model};
use crate::held::{Held, Key};
use crate::loading::{Loaded, Made};
use crate::panel::{Observation, Standing};
use crate::panels::MetricPanel;
use crate::rank_figures::RankFigure;

/// The name of the method, with its version.
pub(crate) const METHOD: &str = "smoothed voices 2";
/// The method of figures that are told from ranks.
pub(crate) const METHOD_OF_RANKS: &str = "volume of a rank 1";
/// The method of a row that says that there is no figure any more.
pub(crate) const WITHDRAWN: &str = "withdrawn";

/// What rows are made from.
#[derive(Clone, Copy)]
pub(crate) struct Telling<'a> {
    pub(crate) metric: &'a str,
    pub(crate) known_at: i64,
    pub(crate) loaded: &'a Loaded,
    pub(crate) panel: &'a MetricPanel,
    /// Names of the panel's sources.
    pub(crate) sources: &'a [String],
    pub(crate) model: &'a Model,
    pub(crate) held: &'a HashMap<Key, Held>,
    /// What adds up to what.
    pub(crate) wholes: &'a [Whole],
}

/// Rows that were made.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) batch: RecordBatch,
    pub(crate) n_figures: usize,
    /// What was told among what is held.
    pub(crate) told: Vec<Key>,
}

/// One claim of a figure.
#[derive(Clone, Copy)]
struct Part<'a> {
    mention: i64,
    claim: i64,
    source: &'a str,
    weight: f64,
    bias: f64,
    unbiased: f64,
    standing: Standing,
    made: Option<Made>,
    lag: u8,
}

/// What is written of one figure after the other.
#[derive(Default)]
struct Texts<'a> {
    parts: Vec<Part<'a>>,
    claims: String,
    weights: String,
    reason: String,
}

impl<'a> Telling<'a> {
    /// The rows of a slice of the panel's observations.
    pub(crate) fn rows(&self, slice: Range<usize>) -> Result<Told, ArrowError> {
        let seen = &self.panel.panel.observations[slice.clone()];
        let mut rows = Rows::default();
        let (mut n_figures, mut told) = (0, Vec::new());
        let mut at = 0;
        let mut texts = Texts::default();
        for entity in seen.chunk_by(|a, b| self.entity(a) == self.entity(b)) {
            let series: Vec<&[Observation]> = entity.chunk_by(|a, b| a.series == b.series).collect();
            let mut figured: Vec<Figured> = series.iter().map(|series| self.model.figures_of(series)).collect();
            self.add_up(&series, &mut figured);
            for (series, figured) in series.iter().zip(&figured) {
                n_figures += figured.estimates.len();
                self.rows_of_series(series, figured, slice.start + at, (&mut rows, &mut told, &mut texts));
                at += series.len();
            }
        }
        Ok(Told { batch: rows.batch(self.metric, self.known_at, METHOD)?, n_figures, told })
    }

    fn entity(&self, seen: &Observation) -> u32 {
        self.panel.subjects[seen.series as usize].0
    }

    /// Figures of one entity, so that parts add up to their whole.
    fn add_up(&self, series: &[&[Observation]], figured: &mut [Figured]) {
        if self.wholes.is_empty() || series.len() < 2 {
            return;
        }
        let slice = |series: &&[Observation]| {
            let (_, dimensions) = self.loaded.subject(self.panel, series[0].series);
            &self.loaded.dimensions.all[dimensions as usize]
        };
        let slices: Vec<&[String; 3]> = series.iter().map(slice).collect();
        let mut estimates: Vec<Vec<Estimate>> =
            figured.iter_mut().map(|own| std::mem::take(&mut own.estimates)).collect();
        adding_up::add_up(self.wholes, &slices, &mut estimates);
        figured.iter_mut().zip(estimates).for_each(|(own, estimates)| own.estimates = estimates);
    }

    fn rows_of_series(
        &self,
        series: &[Observation],
        figured: &Figured,
        first: usize,
        (rows, told, texts): (&mut Rows, &mut Vec<Key>, &mut Texts<'a>),
    ) {
        let Texts { parts, claims, weights, reason } = texts;
        let mut at = 0;
        let sources = sources_of(series);
        let (entity, dimensions) = self.loaded.subject(self.panel, series[0].series);
        for estimate in &figured.estimates {
            while at < series.len() && series[at].time < estimate.time {
                at += 1;
            }
            let n = series[at..].iter().take_while(|own| own.time == estimate.time).count();
            parts.clear();
            parts.extend((at..at + n).map(|place| self.part(&series[place], figured.weights[place], first + place)));
            parts.sort_by(|a, b| b.weight.total_cmp(&a.weight).then((a.mention, a.claim).cmp(&(b.mention, b.claim))));
            claims.clear();
            for part in parts.iter() {
                push_reference(claims, part);
            }
            let period = self.panel.period(estimate.series, estimate.time);
            let key = (entity, period, dimensions, self.panel.unit);
            let sd = Sds::of(estimate, self.model);
            if let Some(held) = self.held.get(&key) {
                told.push(key);
                if held.is_as(estimate.log, sd.at_80, claims) {
                    continue;
                }
            }
            weights.clear();
            for part in parts.iter() {
                push_separated(weights);
                push_fixed(weights, part.weight, 3);
            }
            reason.clear();
            self.reason(parts, reason);
            self.add_unheard(&sources, parts, estimate.time, reason);
            rows.add(Row {
                key,
                dimensions: &self.loaded.dimensions.all[dimensions as usize],
                unit: &self.loaded.units.all[self.panel.unit as usize],
                log: estimate.log,
                sd,
                n_claims: parts.len(),
                claims,
                weights,
                agreement: agreement(parts, estimate, sd),
                reason,
                identity: (self.metric, self.known_at),
            });
        }
    }

    fn part(&self, seen: &Observation, weight: f64, place: usize) -> Part<'a> {
        let (mention, claim) = self.loaded.ids(self.panel.words[place]);
        let source = usize::from(seen.source);
        let bias = match seen.standing {
            Standing::Anchors => 0.0,
            _ => self.model.biases.logs[source][seen.time as usize],
        };
        Part {
            mention,
            claim,
            source: &self.sources[source],
            weight,
            bias,
            unbiased: seen.log - bias,
            standing: seen.standing,
            made: self.loaded.made(self.panel.words[place]),
            lag: self.panel.lags[source],
        }
    }

    fn reason(&self, parts: &[Part<'_>], reason: &mut String) {
        if parts.is_empty() {
            reason.push_str("no source tells of it: from the periods before and after");
        }
        for (place, part) in parts.iter().enumerate() {
            reason.push_str(if place == 0 { "" } else { "; " });
            in_words(part, reason);
        }
        let rest = 1.0 - parts.iter().map(|part| part.weight).sum::<f64>();
        if !parts.is_empty() && rest > 0.005 {
            reason.push_str("; other periods weigh ");
            push_fixed(reason, 100.0 * rest, 0);
            reason.push_str(" %");
        }
        if !self.model.is_anchored {
            reason.push_str("; nothing official pins the scale");
        }
    }

    /// A nowcast says so: which of the series' sources have told of no period so late yet.
    fn add_unheard(&self, sources: &[u16], parts: &[Part<'_>], time: u32, reason: &mut String) {
        const NAMED_MAX: usize = 3;
        if parts.is_empty() {
            return;
        }
        let unheard = sources.iter().filter(|source| self.model.last_told[usize::from(**source)] < time);
        let names: Vec<&str> = unheard.map(|source| self.sources[usize::from(*source)].as_str()).collect();
        if names.is_empty() {
            return;
        }
        let more = if names.len() > NAMED_MAX { " and others" } else { "" };
        let have = if names.len() == 1 { "has" } else { "have" };
        let named = names[..names.len().min(NAMED_MAX)].join(", ");
        // Infallible: writing to a String never fails.
        let _ = write!(reason, "; a nowcast: {named}{more} {have} not told of so late a period yet");
    }
}

fn sources_of(series: &[Observation]) -> Vec<u16> {
    let mut sources: Vec<u16> =
        series.iter().filter(|seen| seen.standing == Standing::Counts).map(|seen| seen.source).collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// Standard deviations that intervals of 50, 80 and 95 % go by.
#[derive(Debug, Clone, Copy)]
struct Sds {
    at_50: f64,
    at_80: f64,
    at_95: f64,
}

impl Sds {
    fn of(estimate: &Estimate, model: &Model) -> Self {
        let [at_50, at_80, at_95] = estimate.sds(&model.tails);
        Self { at_50, at_80, at_95 }
    }
}

fn agreement(parts: &[Part<'_>], estimate: &Estimate, sd: Sds) -> Option<f64> {
    let within = Z_80 * sd.at_80;
    let n_within = parts.iter().filter(|part| (part.unbiased - estimate.log).abs() <= within).count();
    (!parts.is_empty()).then(|| n_within as f64 / parts.len() as f64)
}

fn in_words(part: &Part<'_>, text: &mut String) {
    text.push_str(part.source);
    if part.standing == Standing::Widens {
        text.push_str(" is a rumour: it widens and does not move");
        return;
    }
    text.push_str(" weighs ");
    push_fixed(text, 100.0 * part.weight, 0);
    text.push_str(match part.standing {
        Standing::Anchors => " %, official",
        Standing::AtLeast => " %, a lower bound, counts ×",
        Standing::AtMost => " %, an upper bound, counts ×",
        _ => " %, counts ×",
    });
    if part.standing != Standing::Anchors {
        push_fixed(text, part.bias.exp(), 2);
    }
    if part.lag > 0 {
        text.push_str(", lags by ");
        push_whole(text, u64::from(part.lag));
    }
    text.push_str(match part.made {
        None => "",
        Some(Made::Grown) => ", from a level and its growth",
        Some(Made::AddedUp) => ", added up from shorter periods",
        Some(Made::Difference) => ", the difference of two running totals",
    });
}

fn push_separated(text: &mut String) {
    if !text.is_empty() {
        text.push(' ');
    }
}

/// The reference of a claim, as `claim_ref` writes it.
fn push_reference(text: &mut String, part: &Part<'_>) {
    push_separated(text);
    for id in [part.mention as u64, part.claim as u64] {
        for at in (0..16).rev() {
            let digit = ((id >> (4 * at)) & 15) as u8;
            text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
        }
    }
}

/// A number with so many decimals, as `{:.n}` writes it but for halves; twenty times as fast.
fn push_fixed(text: &mut String, value: f64, n_decimals: usize) {
    const WHOLE_MAX: f64 = 1e12;
    let scale = [1.0, 10.0, 100.0, 1000.0][n_decimals.min(3)];
    if !(0.0..WHOLE_MAX).contains(&value) {
        // Infallible: writing to a String never fails.
        let _ = write!(text, "{value:.n_decimals$}");
        return;
    }
    let scaled = (value * scale).round() as u64;
    let (whole, part) = (scaled / scale as u64, scaled % scale as u64);
    push_whole(text, whole);
    if n_decimals > 0 {
        text.push('.');
        let mut by = scale as u64 / 10;
        while by > 0 {
            text.push(char::from(b'0' + (part / by % 10) as u8));
            by /= 10;
        }
    }
}

fn push_whole(text: &mut String, whole: u64) {
    let mut by = 1;
    while whole / by >= 10 {
        by *= 10;
    }
    while by > 0 {
        text.push(char::from(b'0' + (whole / by % 10) as u8));
        by /= 10;
    }
}

struct Row<'a> {
    key: Key,
    dimensions: &'a [String; 3],
    unit: &'a str,
    log: f64,
    sd: Sds,
    n_claims: usize,
    claims: &'a str,
    weights: &'a str,
    agreement: Option<f64>,
    reason: &'a str,
    /// Metric and moment, which the row's id is made of too.
    identity: (&'a str, i64),
}

/// Rows on their way into a batch, column by column.
#[derive(Default)]
struct Rows {
    ids: Vec<i64>,
    entities: Vec<i64>,
    periods: Vec<Period>,
    dimensions: [StringBuilder; 3],
    units: StringBuilder,
    values: Vec<f64>,
    /// Lower and upper ends at 50, 80 and 95 %.
    ends: [Vec<f64>; 6],
    n_claims: Vec<i64>,
    claims: StringBuilder,
    weights: StringBuilder,
    agreements: Float64Builder,
    reasons: StringBuilder,
    text: String,
}

impl Rows {
    fn add(&mut self, row: Row<'_>) {
        let (entity, period, ..) = row.key;
        self.text.clear();
        // Infallible: writing to a String never fails.
        let _ = write!(self.text, "{entity} {} {} {}", row.identity.1, row.log.to_bits(), row.sd.at_80.to_bits());
        let [region, platform, segment] = row.dimensions;
        let (from, to) = (period.start_day().to_string(), period.end_day().to_string());
        let (metric, grain) = (row.identity.0, period.grain().as_str());
        self.ids.push(event_id(&[
            "figure", metric, grain, &from, &to, region, platform, segment, row.unit, &self.text, row.claims, METHOD,
        ]));
        self.entities.push(entity);
        self.periods.push(period);
        self.dimensions.iter_mut().zip(row.dimensions).for_each(|(column, text)| column.append_value(text));
        self.units.append_value(row.unit);
        self.values.push(row.log.exp());
        let within = [Z_50 * row.sd.at_50, Z_80 * row.sd.at_80, Z_95 * row.sd.at_95];
        for (place, within) in within.into_iter().enumerate() {
            self.ends[2 * place].push((row.log - within).exp());
            self.ends[2 * place + 1].push((row.log + within).exp());
        }
        self.n_claims.push(row.n_claims as i64);
        self.claims.append_value(row.claims);
        self.weights.append_value(row.weights);
        self.agreements.append_option(row.agreement);
        self.reasons.append_value(row.reason);
    }

    /// The rows as the table has them.
    fn batch(self, metric: &str, known_at: i64, method: &str) -> Result<RecordBatch, ArrowError> {
        let n = self.ids.len();
        let [low_50, high_50, low_80, high_80, low_95, high_95] = self.ends.map(numbers);
        let [region, platform, segment] = self.dimensions.map(finished);
        let mut agreements = self.agreements;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(self.ids)),
            Arc::new(Int64Array::from(self.entities)),
            same(metric, n),
            Arc::new(texts_of_periods(&self.periods)),
            Arc::new(self.periods.iter().map(|period| Some(period.start_day())).collect::<Date32Array>()),
            Arc::new(self.periods.iter().map(|period| Some(period.end_day())).collect::<Date32Array>()),
            Arc::new(self.periods.iter().map(|period| Some(period.grain().as_str())).collect::<StringArray>()),
            region,
            platform,
            segment,
            numbers(self.values),
            low_80,
            high_80,
            finished(self.units),
            Arc::new(Int64Array::from(self.n_claims)),
            finished(self.claims),
            same(method, n),
            Arc::new(TimestampMicrosecondArray::from(vec![known_at; n]).with_timezone("UTC")),
            low_50,
            high_50,
            low_95,
            high_95,
            finished(self.weights),
            Arc::new(agreements.finish()),
            finished(self.reasons),
        ];
        RecordBatch::try_new(schema::arrow_schema(&tables::FIGURES), columns)
    }
}

fn numbers(values: Vec<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

fn finished(mut texts: StringBuilder) -> ArrayRef {
    Arc::new(texts.finish())
}

fn same(text: &str, n: usize) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, n)))
}

fn texts_of_periods(periods: &[Period]) -> StringArray {
    let mut texts: HashMap<Period, String> = HashMap::new();
    for period in periods {
        texts.entry(*period).or_insert_with(|| period.to_string());
    }
    periods.iter().map(|period| texts.get(period)).collect()
}

/// The rows of figures that are told from ranks, in the unit of that number.
pub(crate) fn of_ranks(
    (metric, known_at): (&str, i64),
    loaded: &mut Loaded,
    unit: u32,
    figures: &[RankFigure],
    held: &HashMap<Key, Held>,
) -> Result<Told, ArrowError> {
    let mut rows = Rows::default();
    let mut told = Vec::new();
    for figure in figures {
        let dimensions = loaded.dimensions.number(figure.dimensions.clone());
        let key = (figure.entity, figure.period, dimensions, unit);
        let claims = claim_ref(figure.ids.0, figure.ids.1);
        if let Some(held) = held.get(&key) {
            told.push(key);
            if held.is_as(figure.log, figure.sd, &claims) {
                continue;
            }
        }
        rows.add(Row {
            key,
            dimensions: &figure.dimensions,
            unit: &loaded.units.all[unit as usize],
            log: figure.log,
            sd: Sds { at_50: figure.sd, at_80: figure.sd, at_95: figure.sd },
            n_claims: 1,
            claims: &claims,
            weights: "1.000",
            agreement: None,
            reason: &figure.reason,
            identity: (metric, known_at),
        });
    }
    Ok(Told { batch: rows.batch(metric, known_at, METHOD_OF_RANKS)?, n_figures: figures.len(), told })
}

/// Rows that say of figures that they are no more.
pub(crate) fn withdrawn(
    metric: &str,
    known_at: i64,
    loaded: &Loaded,
    gone: &[(Key, Held)],
) -> Result<RecordBatch, ArrowError> {
    let n = gone.len();
    let known = known_at.to_string();
    let id = |(key, held): &(Key, Held)| {
        let (entity, value) = (key.0.to_string(), held.value.to_bits().to_string());
        let period = key.1.to_string();
        let [region, platform, segment] = &loaded.dimensions.all[key.2 as usize];
        let unit = &loaded.units.all[key.3 as usize];
        event_id(&["figure", metric, &entity, &period, region, platform, segment, unit, &value, &known, WITHDRAWN])
    };
    let of = |place: usize| -> ArrayRef {
        Arc::new(
            gone.iter().map(|(key, _)| Some(&loaded.dimensions.all[key.2 as usize][place])).collect::<StringArray>(),
        )
    };
    let periods: Vec<Period> = gone.iter().map(|(key, _)| key.1).collect();
    let nothing = || -> ArrayRef { Arc::new(Float64Array::from(vec![None; n])) };
    let no_text = || -> ArrayRef { Arc::new(StringArray::from(vec![None::<&str>; n])) };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(gone.iter().map(|one| Some(id(one))).collect::<Int64Array>()),
        Arc::new(gone.iter().map(|(key, _)| Some(key.0)).collect::<Int64Array>()),
        same(metric, n),
        Arc::new(texts_of_periods(&periods)),
        Arc::new(periods.iter().map(|period| Some(period.start_day())).collect::<Date32Array>()),
        Arc::new(periods.iter().map(|period| Some(period.end_day())).collect::<Date32Array>()),
        Arc::new(periods.iter().map(|period| Some(period.grain().as_str())).collect::<StringArray>()),
        of(0),
        of(1),
        of(2),
        numbers(gone.iter().map(|(_, held)| held.value).collect()),
        nothing(),
        nothing(),
        Arc::new(gone.iter().map(|(key, _)| Some(&loaded.units.all[key.3 as usize])).collect::<StringArray>()),
        Arc::new(Int64Array::from(vec![0; n])),
        same("", n),
        same(WITHDRAWN, n),
        Arc::new(TimestampMicrosecondArray::from(vec![known_at; n]).with_timezone("UTC")),
        nothing(),
        nothing(),
        nothing(),
        nothing(),
        no_text(),
        nothing(),
        same("nothing that is in force tells of it any more", n),
    ];
    RecordBatch::try_new(schema::arrow_schema(&tables::FIGURES), columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_formatter_writes_them() {
        for value in [0.0, 0.0004, 0.3335, 1.0, 12.345, 99.999, 1234.5678, 7e13, -1.5, f64::NAN] {
            for n_decimals in [0, 2, 3] {
                let mut text = String::new();
                push_fixed(&mut text, value, n_decimals);
                let formatted = format!("{value:.n_decimals$}");
                let is_near = text == formatted
                    || (text.parse::<f64>().unwrap() - formatted.parse::<f64>().unwrap()).abs()
                        < 1.001 * 0.1_f64.powi(n_decimals as i32);
                assert!(is_near && text.len() == formatted.len(), "{text} {formatted}");
            }
        }
    }
}
