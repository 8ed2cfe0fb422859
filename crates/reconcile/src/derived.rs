//! What claims imply for a period that they do not speak of: months from days, quarters from months, the last month of a year to
//! date, and levels from growth.
//!
//! In: claims in force of one metric, and what sources say of its growth. Out: more rows, each of one source and cell that has
//! none. Only grains that somebody speaks of by itself are filled. A longer period is made of shorter ones only where all
//! its days are there, as the metric adds up; growth moves a source's own level where it has one, else that of another. Invariants:
//! what is said goes before what is implied; nothing is made from what was made.

use std::collections::HashMap;

use crowsnest_model::{Grain, OverTime, Period};

use crate::loading::{Cell, Loaded, Loading, Made, MadeRow};

/// One source's word on growth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Growth {
    pub(crate) entity: i64,
    pub(crate) dimensions: [String; 3],
    pub(crate) source: String,
    /// The period that grew.
    pub(crate) period: Period,
    /// The period it grew from.
    pub(crate) from: Period,
    /// One over the other.
    pub(crate) factor: f64,
    /// Mention, claim, and when it was known.
    pub(crate) ids: (i64, i64, i64),
}

impl Growth {
    /// The words on growth among claims of a metric of growth, loaded with 1 added.
    pub(crate) fn of(loaded: &Loaded, is_yearly: bool) -> Vec<Self> {
        let mut growths = Vec::new();
        for row in 0..loaded.n_rows() {
            let cell = loaded.cell(row);
            let period = loaded.periods[cell.period as usize];
            let from = if is_yearly { period.same_period_last_year() } else { period.previous() };
            let Some(from) = from else { continue };
            let (mention, claim) = loaded.ids(row);
            growths.push(Self {
                entity: loaded.entities[cell.entity as usize],
                dimensions: loaded.dimensions.all[cell.dimensions as usize].clone(),
                source: loaded.sources[cell.source as usize].clone(),
                period,
                from,
                factor: loaded.value(row),
                ids: (mention, claim, loaded.known(row)),
            });
        }
        growths
    }
}

/// Names the periods that something may be implied of: they have to be known before claims are ordered.
pub(crate) fn name_periods(loading: &mut Loading, growths: &[Growth]) {
    for growth in growths {
        loading.name_period(growth.period);
        loading.name_period(growth.from);
    }
    let told = loading.periods_told();
    let mut grains: Vec<Grain> = told.iter().map(Period::grain).collect();
    grains.sort_unstable();
    grains.dedup();
    for period in &told {
        for grain in grains.iter().filter(|grain| is_longer(**grain, period.grain())) {
            loading.name_period(Period::containing(period.start_day(), *grain));
        }
    }
    let mut starts: HashMap<i32, Vec<i32>> = HashMap::new();
    told.iter().for_each(|period| starts.entry(period.start_day()).or_default().push(period.end_day()));
    if grains.contains(&Grain::Span) {
        for ends in starts.values_mut() {
            ends.sort_unstable();
            ends.dedup();
            ends.windows(2).for_each(|two| loading.name_period(Period::from_days(two[0], two[1])));
        }
    }
}

/// Whether periods of one grain can be made of periods of the other.
fn is_longer(grain: Grain, than: Grain) -> bool {
    let is_calendar = |grain: Grain| !matches!(grain, Grain::Instant | Grain::Span);
    is_calendar(grain) && is_calendar(than) && grain > than && than != Grain::Week
}

/// Adds what is implied.
pub(crate) fn add(loaded: &mut Loaded, growths: &[Growth], over_time: OverTime) {
    let mut made: Vec<MadeRow> = Vec::new();
    added_up(loaded, over_time, &mut made);
    if over_time == OverTime::Sum {
        differences(loaded, &mut made);
    }
    for growth in growths {
        made.extend(grown(loaded, growth));
    }
    loaded.add_made(made);
}

/// Longer periods from shorter ones of the same source.
fn added_up(loaded: &Loaded, over_time: OverTime, made: &mut Vec<MadeRow>) {
    struct Sum {
        sum: f64,
        n: f64,
        n_days: i32,
        last_end: i32,
        last: f64,
        row: usize,
    }
    if !matches!(over_time, OverTime::Sum | OverTime::Mean | OverTime::Last) {
        return;
    }
    let panels = loaded.panels_of_rows();
    for (number, (grain, unit)) in panels.iter().enumerate() {
        let longer: Vec<(u32, Grain)> = panels
            .iter()
            .enumerate()
            .filter(|(_, (other, of))| of == unit && is_longer(*other, *grain))
            .map(|(other, (grain, _))| (other as u32, *grain))
            .collect();
        if longer.is_empty() {
            continue;
        }
        let mut sums: HashMap<Cell, Sum> = HashMap::new();
        for row in loaded.rows_of(number) {
            let cell = loaded.cell(row);
            let period = loaded.periods[cell.period as usize];
            for (panel, grain) in &longer {
                let whole = Period::containing(period.start_day(), *grain);
                let Some(at) = loaded.period_number(whole).filter(|_| whole.contains(&period)) else { continue };
                let sum = sums.entry(Cell { panel: *panel, period: at, ..cell }).or_insert(Sum {
                    sum: 0.0,
                    n: 0.0,
                    n_days: 0,
                    last_end: i32::MIN,
                    last: 0.0,
                    row,
                });
                (sum.sum, sum.n, sum.n_days) = (sum.sum + loaded.value(row), sum.n + 1.0, sum.n_days + period.n_days());
                if period.end_day() > sum.last_end {
                    (sum.last_end, sum.last, sum.row) = (period.end_day(), loaded.value(row), row);
                }
            }
        }
        for (cell, sum) in sums {
            if sum.n_days != loaded.periods[cell.period as usize].n_days() || loaded.has(&cell) {
                continue;
            }
            let value = match over_time {
                OverTime::Sum => sum.sum,
                OverTime::Mean => sum.sum / sum.n,
                _ => sum.last,
            };
            let (mention, claim) = loaded.ids(sum.row);
            made.push((cell, value, (mention, claim, loaded.known(sum.row)), Made::AddedUp));
        }
    }
}

/// Running totals: last day, total, row.
type Totals = Vec<(i32, f64, usize)>;

/// What lies between two running totals of one source with the same first day.
fn differences(loaded: &Loaded, made: &mut Vec<MadeRow>) {
    let panels = loaded.panels_of_rows();
    let mut running: HashMap<(u32, Cell), Totals> = HashMap::new();
    let units_of_spans: Vec<u32> =
        panels.iter().filter(|(grain, _)| *grain == Grain::Span).map(|(_, unit)| *unit).collect();
    for (number, (_, unit)) in panels.iter().enumerate().filter(|(_, (_, unit))| units_of_spans.contains(unit)) {
        for row in loaded.rows_of(number) {
            let cell = loaded.cell(row);
            let period = loaded.periods[cell.period as usize];
            let key = Cell { panel: *unit, period: 0, ..cell };
            let start = period.start_day() as u32;
            running.entry((start, key)).or_default().push((period.end_day(), loaded.value(row), row));
        }
    }
    for ((_, key), mut totals) in running {
        totals.sort_unstable_by_key(|(end, ..)| *end);
        totals.dedup_by_key(|(end, ..)| *end);
        for two in totals.windows(2) {
            let (between, value) = (Period::from_days(two[0].0, two[1].0), two[1].1 - two[0].1);
            let panel = panels.iter().position(|own| *own == (between.grain(), key.panel));
            let Some((panel, period)) = panel.zip(loaded.period_number(between)) else { continue };
            let cell = Cell { panel: panel as u32, period, ..key };
            if between.grain() == Grain::Span || value <= 0.0 || loaded.has(&cell) {
                continue;
            }
            let (mention, claim) = loaded.ids(two[1].2);
            made.push((cell, value, (mention, claim, loaded.known(two[1].2)), Made::Difference));
        }
    }
}

/// The level that a word on growth implies.
fn grown(loaded: &Loaded, growth: &Growth) -> Option<MadeRow> {
    if !(growth.factor > 0.0 && growth.factor.is_finite()) {
        return None;
    }
    let entity = loaded.entities.binary_search(&growth.entity).ok()? as u32;
    let dimensions = loaded.dimensions.all.binary_search(&growth.dimensions).ok()? as u32;
    let own = loaded.sources.binary_search(&growth.source).ok().map(|source| source as u32);
    let (to, from) = (loaded.period_number(growth.period)?, loaded.period_number(growth.from)?);
    let panels = loaded.panels_of_rows();
    for (panel, _) in panels.iter().enumerate().filter(|(_, (grain, _))| *grain == growth.period.grain()) {
        let at = |period: u32, source: u32| Cell { panel: panel as u32, entity, dimensions, period, source };
        let others = (0..loaded.sources.len() as u32).filter(|source| Some(*source) != own);
        for source in own.into_iter().chain(others) {
            let (before, after) = (loaded.row_of(&at(from, source)), loaded.row_of(&at(to, source)));
            match (before, after) {
                (Some(before), None) => {
                    return Some((at(to, source), loaded.value(before) * growth.factor, growth.ids, Made::Grown));
                }
                (None, Some(after)) => {
                    return Some((at(from, source), loaded.value(after) / growth.factor, growth.ids, Made::Grown));
                }
                // Where both are said by the one who tells of growth, it tells nothing new.
                (Some(_), Some(_)) if Some(source) == own => return None,
                _ => {}
            }
        }
    }
    None
}
