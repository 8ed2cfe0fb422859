//! Claims of a metric from the lake as compact rows, and those as panels.
//!
//! In: batches of one plan, in any order, with a number for what a claim is about beside the texts. Out: the claim in force of
//! each source and cell, in the order of the panels' observations, and the [`MetricPanel`]s. A claim is 48 bytes; texts are
//! looked at once for each combination there is. Invariants: the order in which rows come changes nothing; a source's claim
//! known last is in force, unless it denies or withdraws.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow::array::{AsArray as _, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use crowsnest_lake::LakeError;
use crowsnest_model::{Bound, Grain, Period, Status};
use rayon::prelude::*;

use crate::error::ReconcileError;
use crate::numbered::{IdHasher, Numbered, sorted};
use crate::outline::Outline;
use crate::panel::{Observation, Panel, Standing};
use crate::panels::{MetricPanel, standing};

/// The columns that [`Loading::take`] reads, from `c` (claims) and `i` (identities).
pub(crate) const COLUMNS: &str = "i.entity_id, c.mention_id, c.claim_id, c.period_start, c.period_end, c.value, c.known_at, \
     about(c.grain, c.region, c.platform, c.segment, c.unit, c.source, c.status, c.bound) AS context, \
     c.grain, c.region, c.platform, c.segment, c.unit, c.source, c.status, c.bound";
const FIRST_TEXT: usize = 8;

/// A region, platform and segment.
pub(crate) type Dimensions = [String; 3];

/// What claims have in common that differ in subject, period and value only.
#[derive(Debug, Clone, Copy)]
struct Context {
    grain: Grain,
    unit: u32,
    dimensions: u32,
    source: u32,
    /// How it stands; `None` takes back.
    standing: Option<Standing>,
    bound: Bound,
}

/// One claim. While loading, `key` holds entity, context and period; afterwards it orders by panel, series, time and source.
#[derive(Debug, Clone, Copy)]
struct Row {
    key: u128,
    known: i64,
    claim: i64,
    mention: i64,
    value: f64,
}

/// How firmly a row stands is in the last byte of its key.
const STANDING_BITS: u32 = 8;
const TAKES_BACK: u128 = 5;
const FIRST_MADE: u128 = 6;

/// How a row came about that nobody said in so many words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    /// From a level and a word on growth.
    Grown,
    /// From all shorter periods within.
    AddedUp,
    /// From two running totals.
    Difference,
}

/// A row that is implied: its cell and value; mention, claim and moment of what implies it; how.
pub(crate) type MadeRow = (Cell, f64, (i64, i64, i64), Made);

/// What a row is about, by the numbers of a [`Loaded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cell {
    pub(crate) panel: u32,
    pub(crate) entity: u32,
    pub(crate) dimensions: u32,
    pub(crate) period: u32,
    pub(crate) source: u32,
}

impl Cell {
    fn key(&self) -> u128 {
        (u128::from(self.panel) << PANEL_AT)
            | (u128::from(self.entity) << ENTITY_AT)
            | (u128::from(self.dimensions) << DIMENSIONS_AT)
            | (u128::from(self.period) << PERIOD_AT)
            | (u128::from(self.source) << SOURCE_AT)
    }
}

impl Row {
    fn cell(&self) -> u128 {
        self.key >> STANDING_BITS
    }

    fn part(&self, from: u32, bits: u32) -> u32 {
        ((self.key >> from) & ((1_u128 << bits) - 1)) as u32
    }
}

// Bits of a key: panel 16, entity 32, dimensions 24, period 24, source 24, standing 8.
const SOURCE_AT: u32 = STANDING_BITS;
const PERIOD_AT: u32 = SOURCE_AT + 24;
const DIMENSIONS_AT: u32 = PERIOD_AT + 24;
const ENTITY_AT: u32 = DIMENSIONS_AT + 24;
const PANEL_AT: u32 = ENTITY_AT + 32;

/// Claims on their way in.
#[derive(Debug, Default)]
pub(crate) struct Loading {
    rows: Vec<Row>,
    entities: Numbered<i64, BuildHasherDefault<IdHasher>>,
    contexts: HashMap<i64, u32, BuildHasherDefault<IdHasher>>,
    of_contexts: Vec<Context>,
    periods: Numbered<Period>,
    units: Numbered<String>,
    dimensions: Numbered<Dimensions>,
    sources: Numbered<String>,
    /// Added to each value: 1 where values are growth, so that they are factors.
    plus: f64,
}

/// Claims in force, as numbers, and what their numbers stand for.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    rows: Vec<Row>,
    /// Grain and unit of each panel that rows name.
    panels: Vec<(Grain, u32)>,
    /// Ids in order.
    pub(crate) entities: Vec<i64>,
    pub(crate) dimensions: Numbered<Dimensions>,
    pub(crate) periods: Vec<Period>,
    pub(crate) units: Numbered<String>,
    pub(crate) sources: Vec<String>,
    pub(crate) n_claims: usize,
    pub(crate) n_not_positive: usize,
}

impl Loading {
    /// Claims of a metric of growth: as factors.
    pub(crate) fn of_growth() -> Self {
        Self { plus: 1.0, ..Self::default() }
    }

    /// Takes rows with the columns of [`COLUMNS`].
    pub(crate) fn take(&mut self, batch: &RecordBatch) -> Result<(), ReconcileError> {
        let integers = |column: usize| batch.column(column).as_primitive::<Int64Type>().values();
        let days = |column: usize| batch.column(column).as_primitive::<Date32Type>().values();
        let (entities, mentions, claims, contexts) = (integers(0), integers(1), integers(2), integers(7));
        let (starts, ends) = (days(3), days(4));
        let values = batch.column(5).as_primitive::<Float64Type>().values();
        let known = batch.column(6).as_primitive::<TimestampMicrosecondType>().values();
        let mut texts: Option<Vec<StringArray>> = None;
        let mut last_context = (0, u32::MAX);
        let mut last_period = (0, 0, u32::MAX, 0);
        self.rows.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            if last_context.1 == u32::MAX || last_context.0 != contexts[row] {
                let number = match self.contexts.get(&contexts[row]) {
                    Some(number) => *number,
                    None => self.new_context(batch, row, contexts[row], &mut texts)?,
                };
                last_context = (contexts[row], number);
            }
            let context = last_context.1;
            if context == UNREADABLE {
                continue;
            }
            if (last_period.0, last_period.1, last_period.2) != (starts[row], ends[row], context) {
                let grain = self.of_contexts[context as usize].grain;
                let Ok(period) = Period::new(starts[row], ends[row], grain) else { continue };
                last_period = (starts[row], ends[row], context, self.periods.number(period));
            }
            let entity = self.entities.number(entities[row]);
            let key = (u128::from(entity) << 64) | (u128::from(context) << 32) | u128::from(last_period.3);
            let (known, claim, mention, value) = (known[row], claims[row], mentions[row], values[row] + self.plus);
            self.rows.push(Row { key, known, claim, mention, value });
        }
        Ok(())
    }

    fn new_context(
        &mut self,
        batch: &RecordBatch,
        row: usize,
        id: i64,
        texts: &mut Option<Vec<StringArray>>,
    ) -> Result<u32, ReconcileError> {
        if texts.is_none() {
            let columns = FIRST_TEXT..batch.num_columns();
            *texts = Some(columns.map(|column| text_column(batch, column)).collect::<Result<_, _>>()?);
        }
        let text = |column: usize| texts.as_ref().map_or("", |texts| texts[column].value(row));
        let parsed = (text(0).parse::<Grain>(), text(6).parse::<Status>(), text(7).parse::<Bound>());
        let number = match parsed {
            (Ok(grain), Ok(status), Ok(bound)) => {
                self.of_contexts.push(Context {
                    grain,
                    unit: self.units.number(text(4).to_owned()),
                    dimensions: self.dimensions.number([1, 2, 3].map(|column| text(column).to_owned())),
                    source: self.sources.number(text(5).to_owned()),
                    standing: standing(status),
                    bound,
                });
                self.of_contexts.len() as u32 - 1
            }
            _ => UNREADABLE,
        };
        self.contexts.insert(id, number);
        Ok(number)
    }

    /// Numbers a period that none of the rows may be for.
    pub(crate) fn name_period(&mut self, period: Period) {
        self.periods.number(period);
    }

    /// The periods that were named so far.
    pub(crate) fn periods_told(&self) -> Vec<Period> {
        self.periods.all.clone()
    }

    /// Orders what was taken and leaves what is in force.
    pub(crate) fn finish(mut self) -> Loaded {
        let mut panels: Vec<(Grain, u32)> = self.of_contexts.iter().map(|own| (own.grain, own.unit)).collect();
        panels.sort_unstable_by(|a, b| {
            let unit = |panel: &(Grain, u32)| &self.units.all[panel.1 as usize];
            unit(a).cmp(unit(b)).then(a.0.cmp(&b.0))
        });
        panels.dedup();
        let of_panel: Vec<u32> = self
            .of_contexts
            .iter()
            .map(|own| panels.iter().position(|panel| *panel == (own.grain, own.unit)).unwrap_or(0) as u32)
            .collect();
        let (entities, periods) = (self.entities.ranks(), self.periods.ranks());
        let (dimensions, sources) = (self.dimensions.ranks(), self.sources.ranks());
        let contexts = &self.of_contexts;
        self.rows.par_iter_mut().with_min_len(10_000).for_each(|row| {
            let (entity, number, period) = (row.part(64, 32), row.part(32, 32), row.part(0, 32));
            let context = &contexts[number as usize];
            let cell = Cell {
                panel: of_panel[number as usize],
                entity: entities[entity as usize],
                dimensions: dimensions[context.dimensions as usize],
                period: periods[period as usize],
                source: sources[context.source as usize],
            };
            row.key = cell.key() | standing_code(context, row.value);
        });
        let n_claims = self.rows.len();
        // What a source says in another unit replaces what it said before: then panels are not part of what is replaced.
        let has_units = panels.iter().any(|panel| panel.1 != panels[0].1);
        let about = if has_units { u128::MAX >> (u128::BITS - PANEL_AT) } else { u128::MAX };
        self.rows.par_sort_unstable_by_key(|row| ((row.key & about) >> STANDING_BITS, row.known, row.claim));
        let n_not_positive = keep_in_force(&mut self.rows, about);
        if has_units {
            self.rows.par_sort_unstable_by_key(|row| row.key);
        }
        Loaded {
            rows: self.rows,
            panels,
            entities: sorted(self.entities.all),
            dimensions: self.dimensions.in_order(),
            periods: sorted(self.periods.all),
            units: self.units,
            sources: sorted(self.sources.all),
            n_claims,
            n_not_positive,
        }
    }
}

const UNREADABLE: u32 = u32::MAX - 1;

/// How a claim stands, as the last byte of its key. A bound such as `over 230` is one-sided; one written to three digits or
/// more (`over 71.16 million`) is a count whose writer is careful.
fn standing_code(context: &Context, value: f64) -> u128 {
    match (context.standing, context.bound) {
        (None, _) => TAKES_BACK,
        (Some(Standing::Counts), Bound::AtLeast) if is_round(value) => 3,
        (Some(Standing::Counts), Bound::AtMost) if is_round(value) => 4,
        (Some(Standing::Anchors), _) => 1,
        (Some(Standing::Widens), _) => 2,
        (Some(_), _) => 0,
    }
}

fn standing_of(code: u128) -> Standing {
    match code {
        1 => Standing::Anchors,
        2 => Standing::Widens,
        3 => Standing::AtLeast,
        4 => Standing::AtMost,
        _ => Standing::Counts,
    }
}

/// Whether a number has two significant digits at most.
fn is_round(value: f64) -> bool {
    if value <= 0.0 || !value.is_finite() {
        return false;
    }
    let scaled = value / 10_f64.powf(value.log10().floor() - 1.0);
    (scaled - scaled.round()).abs() < 1e-9 * scaled
}

/// Leaves the last row of each cell, unless it takes back or has no logarithm; how many had none. Those bits of a key that are
/// set in `about` make the cell.
fn keep_in_force(rows: &mut Vec<Row>, about: u128) -> usize {
    let (mut kept, mut n_not_positive) = (0, 0);
    for at in 0..rows.len() {
        let row = rows[at];
        let is_last = rows.get(at + 1).is_none_or(|next| ((next.key ^ row.key) & about) >> STANDING_BITS != 0);
        if !is_last || row.part(0, STANDING_BITS) == TAKES_BACK as u32 {
            continue;
        }
        if !(row.value > 0.0 && row.value.is_finite()) {
            n_not_positive += 1;
            continue;
        }
        rows[kept] = row;
        kept += 1;
    }
    rows.truncate(kept);
    rows.shrink_to_fit();
    n_not_positive
}

/// How rows were made, for [`super::derived`].
impl Loaded {
    pub(crate) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn cell(&self, row: usize) -> Cell {
        let row = self.rows[row];
        Cell {
            panel: row.part(PANEL_AT, 16),
            entity: row.part(ENTITY_AT, 32),
            dimensions: row.part(DIMENSIONS_AT, 24),
            period: row.part(PERIOD_AT, 24),
            source: row.part(SOURCE_AT, 24),
        }
    }

    pub(crate) fn value(&self, row: usize) -> f64 {
        self.rows[row].value
    }

    pub(crate) fn row_of(&self, cell: &Cell) -> Option<usize> {
        self.rows.binary_search_by_key(&(cell.key() >> STANDING_BITS), Row::cell).ok()
    }

    pub(crate) fn has(&self, cell: &Cell) -> bool {
        self.row_of(cell).is_some()
    }

    pub(crate) fn period_number(&self, period: Period) -> Option<u32> {
        self.periods.binary_search(&period).ok().map(|at| at as u32)
    }

    /// Grain and unit of each panel.
    pub(crate) fn panels_of_rows(&self) -> &[(Grain, u32)] {
        &self.panels
    }

    /// The rows of a panel.
    pub(crate) fn rows_of(&self, panel: usize) -> std::ops::Range<usize> {
        self.by_panel()[panel].clone()
    }

    /// How an observation's row was made; `None` where its source said it in so many words.
    pub(crate) fn made(&self, row: usize) -> Option<Made> {
        let code = u128::from(self.rows[row].part(0, STANDING_BITS));
        [Made::Grown, Made::AddedUp, Made::Difference].get(code.checked_sub(FIRST_MADE)? as usize).copied()
    }

    /// Adds rows of cells that have none; of several for one cell the first in the order of their ids.
    pub(crate) fn add_made(&mut self, made: Vec<MadeRow>) {
        if made.is_empty() {
            return;
        }
        let row = |(cell, value, (mention, claim, known), made): MadeRow| Row {
            key: cell.key() | (FIRST_MADE + made as u128),
            known,
            claim,
            mention,
            value,
        };
        self.rows.extend(made.into_iter().map(row));
        self.rows.par_sort_unstable_by_key(|row| (row.key, row.claim));
        self.rows.dedup_by_key(|row| row.cell());
    }
}

impl Loaded {
    /// Mention, claim and when it was known, of an observation's row.
    pub(crate) fn ids(&self, row: usize) -> (i64, i64) {
        (self.rows[row].mention, self.rows[row].claim)
    }

    pub(crate) fn known(&self, row: usize) -> i64 {
        self.rows[row].known
    }

    /// The rows of each panel, by its number.
    fn by_panel(&self) -> Vec<std::ops::Range<usize>> {
        let of = |panel: usize| self.rows.partition_point(|row| (row.key >> PANEL_AT) < panel as u128);
        (0..self.panels.len()).map(|panel| of(panel)..of(panel + 1)).collect()
    }

    /// What each panel counts by, as these claims have it.
    pub(crate) fn outlines(&self) -> Vec<Outline> {
        let mut outlines = Vec::new();
        for (rows, (grain, unit)) in self.by_panel().into_iter().zip(&self.panels) {
            let (mut has_period, mut has_source) = (vec![false; self.periods.len()], vec![false; self.sources.len()]);
            for row in &self.rows[rows] {
                has_period[row.part(PERIOD_AT, 24) as usize] = true;
                has_source[row.part(SOURCE_AT, 24) as usize] = true;
            }
            let told = (0..has_period.len()).filter(|at| has_period[*at]).map(|at| self.periods[at]);
            let sources = (0..has_source.len()).filter(|at| has_source[*at]).map(|at| self.sources[at].clone());
            outlines.push(Outline::new(*grain, self.units.all[*unit as usize].clone(), told, sources.collect()));
        }
        outlines
    }

    /// Panels that count by the outlines given, each with its outline's number; `None` where one of these claims has a
    /// period, a source, a grain or a unit that the outlines lack.
    pub(crate) fn panels(&self, outlines: &[Outline]) -> Option<Vec<(usize, MetricPanel)>> {
        let mut made = Vec::new();
        for (rows, (grain, unit)) in self.by_panel().into_iter().zip(&self.panels) {
            if rows.is_empty() {
                continue;
            }
            let is_own =
                |outline: &Outline| outline.grain == grain.as_str() && outline.unit == self.units.all[*unit as usize];
            let number = outlines.iter().position(is_own)?;
            made.push((number, self.panel(rows, *grain, *unit, &outlines[number])?));
        }
        Some(made)
    }

    fn panel(&self, rows: std::ops::Range<usize>, grain: Grain, unit: u32, outline: &Outline) -> Option<MetricPanel> {
        let is_span = grain == Grain::Span;
        let periods: Vec<Period> =
            outline.periods.iter().filter_map(|(start, end)| Period::new(*start, *end, grain).ok()).collect();
        let times: Vec<Option<u32>> = self
            .periods
            .iter()
            .map(|period| if is_span { Some(0) } else { periods.binary_search(period).ok().map(|at| at as u32) })
            .collect();
        let sources: Vec<Option<u16>> = self
            .sources
            .iter()
            .map(|source| outline.sources.binary_search(source).ok().and_then(|at| u16::try_from(at).ok()))
            .collect();
        let mut series: Vec<(u32, Option<Period>)> = Vec::new();
        let mut subjects: Vec<(u32, u32)> = Vec::new();
        let mut seen: Vec<(Observation, usize)> = Vec::with_capacity(rows.len());
        let mut last = None;
        for (row, place) in self.rows[rows.clone()].iter().zip(rows) {
            let (entity, dimensions) = (row.part(ENTITY_AT, 32), row.part(DIMENSIONS_AT, 24));
            let period = row.part(PERIOD_AT, 24) as usize;
            let key = (entity, dimensions, if is_span { period } else { 0 });
            if last != Some(key) {
                last = Some(key);
                series.push((subjects.len() as u32, is_span.then(|| self.periods[period])));
                subjects.push((entity, dimensions));
            }
            let source = sources[row.part(SOURCE_AT, 24) as usize]?;
            let Some(time) = times[period]?.checked_sub(u32::from(outline.lag(usize::from(source)))) else { continue };
            let own = Observation {
                series: series.len() as u32 - 1,
                time,
                source,
                log: row.value.ln(),
                standing: standing_of(u128::from(row.part(0, STANDING_BITS))),
            };
            seen.push((own, place));
        }
        if outline.has_lags() {
            seen.sort_by_key(|(seen, _)| (seen.series, seen.time, seen.source));
        }
        let (observations, words): (Vec<Observation>, Vec<usize>) = seen.into_iter().unzip();
        let panel =
            Panel { n_series: series.len(), n_times: periods.len(), n_sources: outline.sources.len(), observations };
        let sources = (0..outline.sources.len() as u32).collect();
        let lags = (0..outline.sources.len()).map(|source| outline.lag(source)).collect();
        Some(MetricPanel { metric: 0, unit, grain, periods, series, subjects, sources, panel, words, lags })
    }

    /// The entity of a panel's series, and the number of its region, platform and segment.
    pub(crate) fn subject(&self, panel: &MetricPanel, series: u32) -> (i64, u32) {
        let (entity, dimensions) = panel.subjects[series as usize];
        (self.entities[entity as usize], dimensions)
    }
}

/// A column of texts, however the engine keeps them.
pub(crate) fn text_column(batch: &RecordBatch, column: usize) -> Result<StringArray, ReconcileError> {
    let cast = cast(batch.column(column), &DataType::Utf8).map_err(LakeError::from)?;
    Ok(cast.as_string::<i32>().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_bounds_are_one_sided_and_careful_ones_count() {
        let context = |bound: Bound, standing: Option<Standing>| Context {
            grain: Grain::Month,
            unit: 0,
            dimensions: 0,
            source: 0,
            standing,
            bound,
        };
        let counts = Some(Standing::Counts);
        assert_eq!(standing_of(standing_code(&context(Bound::AtLeast, counts), 230.0)), Standing::AtLeast);
        assert_eq!(standing_of(standing_code(&context(Bound::AtLeast, counts), 71_160_000.0)), Standing::Counts);
        assert_eq!(standing_of(standing_code(&context(Bound::AtMost, counts), 0.05)), Standing::AtMost);
        assert_eq!(
            standing_of(standing_code(&context(Bound::AtLeast, Some(Standing::Anchors)), 2e8)),
            Standing::Anchors
        );
        assert_eq!(standing_code(&context(Bound::Exact, None), 3.0), TAKES_BACK);
    }

    #[test]
    fn the_last_word_of_each_cell_is_in_force_whatever_the_order() {
        let row = |cell: u128, standing: u128, known: i64, value: f64| Row {
            key: (cell << STANDING_BITS) | standing,
            known,
            claim: known,
            mention: 0,
            value,
        };
        let mut rows = vec![
            row(1, 0, 5, 10.0),
            row(1, 0, 9, 12.0),
            row(2, 0, 1, 3.0),
            row(2, TAKES_BACK, 2, 3.0),
            row(3, 0, 1, 0.0),
        ];
        rows.sort_unstable_by_key(|row| (row.cell(), row.known, row.claim));
        assert_eq!(keep_in_force(&mut rows, u128::MAX), 1);
        assert_eq!(rows.iter().map(|row| row.value).collect::<Vec<f64>>(), [12.0]);
    }
}
