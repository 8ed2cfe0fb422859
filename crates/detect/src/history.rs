//! What one list said, in the order in which it could be known: the input of every panel.
//!
//! A list is one source's word on one metric in one region, on one platform, in one segment. In: rows with their period,
//! value and moment of being known. Out: for each series and period of the grain asked for, its value and each later
//! restatement, with the first origin that may see it. Pure: no tables, no clock.
//!
//! Invariant: nothing is seen at an origin that was not known by the end of the origin's period; where a list is usually
//! published only after the period, by so many days later ([`usual_delay`]).

use std::collections::BTreeMap;
use std::collections::HashMap;

use crowsnest_model::{Grain, Period};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// A snapshot in so many of a longer period's last days counts for the next one: lists are often made on the eve.
const EVE_DAYS: i32 = 5;

/// One row of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Place of the product in the list of names.
    pub series: u32,
    /// First day of the period the value is for, days since 1970-01-01.
    pub start: i32,
    /// Day after its last.
    pub end: i32,
    /// The value; not a number where it was denied or withdrawn.
    pub value: f64,
    /// When it could be known, microseconds since 1970-01-01.
    pub known_at: i64,
}

/// How the values of shorter periods make that of a longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gather {
    /// The first snapshot of the list in the period.
    First,
    /// Their sum.
    Sum,
}

/// How a list is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Length of the periods.
    pub grain: Grain,
    /// What is made of shorter ones.
    pub gather: Gather,
    /// Whether the value is a place in an order, 1 the best: its level is then one over it.
    pub is_rank: bool,
}

/// A value of a period, as it is known from some origin on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// Place of the product.
    pub series: u32,
    /// Place of the period.
    pub period: u32,
    /// Natural logarithm of the level; not a number where there is none (any longer).
    pub level: f32,
}

/// Everything a list said.
#[derive(Debug, Clone)]
pub struct History {
    /// The products' names.
    pub names: Vec<String>,
    /// The periods for which the list said anything, in order.
    pub periods: Vec<Period>,
    /// For each origin the values that may be seen from it on; of one product and period the one known last is last.
    pub said: Vec<Vec<Said>>,
    /// Rows left out: no number, not positive, or of another length than can be read.
    pub n_left_out: usize,
    /// When the last of it was known, microseconds since 1970-01-01; 0 where nothing was said.
    pub last_known_at: i64,
}

impl History {
    /// Reads a list's rows; their order does not matter.
    pub fn new(names: Vec<String>, rows: Vec<Row>, reading: &Reading) -> Self {
        let mut gathering = Gathering::new(*reading);
        gathering.add(rows);
        gathering.finish(names)
    }

    /// Number of products.
    pub fn n_series(&self) -> usize {
        self.names.len()
    }
}

/// A value in its period, and when it could be known.
#[derive(Debug, Clone, Copy)]
struct Placed {
    series: u32,
    level: f32,
    known_at: i64,
}

/// A history in the making: rows come in lots, so that a list of any length needs no more than its values.
#[derive(Debug)]
pub struct Gathering {
    reading: Reading,
    /// By the first day of the period.
    periods: BTreeMap<i32, Vec<Placed>>,
    n_left_out: usize,
    last_known_at: i64,
}

impl Gathering {
    /// One that has read nothing.
    pub fn new(reading: Reading) -> Self {
        Self { reading, periods: BTreeMap::new(), n_left_out: 0, last_known_at: 0 }
    }

    /// Takes in rows, in any order; all rows of a period have to come in the same lot ([`Gathering::cut`]).
    pub fn add(&mut self, mut rows: Vec<Row>) {
        let grain = self.reading.grain;
        let n_before = rows.len();
        rows.retain(|row| row.end > row.start && row.end - row.start <= longest(grain));
        self.n_left_out += n_before - rows.len();
        rows.sort_unstable_by(|a, b| {
            let key = |row: &Row| (row.known_at, row.series, row.start, row.end);
            key(a).cmp(&key(b)).then(a.value.total_cmp(&b.value))
        });
        self.last_known_at = rows.last().map_or(0, |row| row.known_at).max(self.last_known_at);
        let placed = match self.reading.gather {
            Gather::First => first_snapshots(&rows, grain),
            Gather::Sum => sums(&rows, grain),
        };
        for (start, row) in placed {
            let level = level(row.value, self.reading.is_rank);
            self.n_left_out += usize::from(level.is_nan());
            let own = self.periods.entry(start).or_default();
            own.push(Placed { series: row.series, level, known_at: row.known_at });
        }
    }

    /// The first day of rows that count for the period that begins on that day or later: lots may be cut there.
    pub fn cut(reading: &Reading, start: i32, of_days: bool) -> i32 {
        let is_longer = Period::containing(start, reading.grain).n_days() > 2 * EVE_DAYS;
        if reading.gather == Gather::First && is_longer && of_days { start - EVE_DAYS } else { start }
    }

    /// Values taken in so far.
    pub fn n_values(&self) -> usize {
        self.periods.values().map(Vec::len).sum()
    }

    /// Numbers the products anew.
    pub fn renumber(&mut self, moved: &[u32]) {
        let all = self.periods.values_mut().flatten();
        all.for_each(|one| one.series = moved[one.series as usize]);
    }

    /// The history.
    pub fn finish(self, names: Vec<String>) -> History {
        let grain = self.reading.grain;
        let periods: Vec<Period> = self.periods.keys().map(|start| Period::containing(*start, grain)).collect();
        let delay = usual_delay(&self.periods, grain);
        let ends: Vec<i64> = periods.iter().map(|period| i64::from(period.end_day()) * DAY - 1 + delay).collect();
        let mut said: Vec<Vec<Said>> = vec![Vec::new(); periods.len()];
        let n_periods = periods.len();
        for (period, (_, own)) in self.periods.into_iter().enumerate() {
            for one in own {
                let seen = ends.partition_point(|end| *end < one.known_at).max(period);
                // What is known after the last period is over is seen from no origin yet.
                if seen < n_periods {
                    said[seen].push(Said { series: one.series, period: period as u32, level: one.level });
                }
            }
        }
        History { names, periods, said, n_left_out: self.n_left_out, last_known_at: self.last_known_at }
    }
}

/// How long after a period's end its list is usually first known, in whole days as microseconds: an origin looks back from
/// then. 0 for lists that come within the period; no longer than the period, or a month.
fn usual_delay(periods: &BTreeMap<i32, Vec<Placed>>, grain: Grain) -> i64 {
    let after = |(start, own): (&i32, &Vec<Placed>)| {
        let known = own.iter().map(|one| one.known_at).min()?;
        Some(known - i64::from(Period::containing(*start, grain).end_day()) * DAY)
    };
    let mut delays: Vec<i64> = periods.iter().filter_map(after).collect();
    delays.sort_unstable();
    let usual = delays.get(delays.len() / 2).copied().unwrap_or(0);
    let days = if usual < 0 { 0 } else { usual / DAY + 1 };
    if days > i64::from(longest(grain).max(31)) { 0 } else { days * DAY }
}

/// The logarithm of a level; only positive numbers have one.
fn level(value: f64, is_rank: bool) -> f32 {
    let is_level = value.is_finite() && value > 0.0;
    if !is_level {
        return f32::NAN;
    }
    if is_rank { -value.ln() as f32 } else { value.ln() as f32 }
}

/// The days of the longest period of a grain.
fn longest(grain: Grain) -> i32 {
    match grain {
        Grain::Instant | Grain::Day | Grain::Span => 1,
        Grain::Week => 7,
        Grain::Month => 31,
        Grain::Quarter => 92,
        Grain::Half => 184,
        Grain::Year => 366,
    }
}

/// First day of the period that a row counts for.
fn bucket(row: &Row, grain: Grain) -> i32 {
    let own = Period::containing(row.start, grain);
    let is_snapshot = row.end - row.start == 1;
    let is_longer = own.n_days() > 2 * EVE_DAYS;
    if is_snapshot && is_longer && row.start >= own.end_day() - EVE_DAYS { own.end_day() } else { own.start_day() }
}

/// The rows of each period's first snapshot: the first day on which the list said at least half of what it said on its
/// fullest day of the period.
fn first_snapshots(rows: &[Row], grain: Grain) -> Vec<(i32, Row)> {
    let mut n_on: BTreeMap<(i32, i32), usize> = BTreeMap::new();
    for row in rows {
        *n_on.entry((bucket(row, grain), row.start)).or_default() += 1;
    }
    let mut fullest: HashMap<i32, usize> = HashMap::new();
    for ((bucket, _), n) in &n_on {
        let most = fullest.entry(*bucket).or_default();
        *most = (*most).max(*n);
    }
    let mut first: HashMap<i32, i32> = HashMap::new();
    for ((bucket, day), n) in &n_on {
        if 2 * n >= fullest[bucket] {
            first.entry(*bucket).or_insert(*day);
        }
    }
    let placed = rows.iter().map(|row| (bucket(row, grain), *row));
    placed.filter(|(bucket, row)| first.get(bucket) == Some(&row.start)).collect()
}

/// Running sums: each row moves the sum of its period, and a restatement replaces what it restates.
fn sums(rows: &[Row], grain: Grain) -> Vec<(i32, Row)> {
    let mut last: HashMap<(u32, i32), f64> = HashMap::new();
    let mut sum: HashMap<(u32, i32), f64> = HashMap::new();
    let mut placed = Vec::with_capacity(rows.len());
    for row in rows {
        let bucket = Period::containing(row.start, grain).start_day();
        let value = if row.value.is_finite() { row.value } else { 0.0 };
        let before = last.insert((row.series, row.start), value).unwrap_or(0.0);
        let whole = sum.entry((row.series, bucket)).or_default();
        *whole += value - before;
        placed.push((bucket, Row { value: *whole, ..*row }));
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crowsnest_model::parse_day;

    fn row(series: u32, day: &str, value: f64, known: &str) -> Row {
        let start = parse_day(day).unwrap();
        Row { series, start, end: start + 1, value, known_at: i64::from(parse_day(known).unwrap()) * DAY }
    }

    fn read(rows: Vec<Row>, gather: Gather) -> History {
        let names = vec!["a".to_owned(), "b".to_owned()];
        History::new(names, rows, &Reading { grain: Grain::Month, gather, is_rank: false })
    }

    /// Product, period and the first origin that sees it, of each value.
    fn seen(history: &History) -> Vec<(u32, u32, u32)> {
        let of = |(seen, said): (usize, &Vec<Said>)| -> Vec<(u32, u32, u32)> {
            said.iter().map(|one| (one.series, one.period, seen as u32)).collect()
        };
        history.said.iter().enumerate().flat_map(of).collect()
    }

    #[test]
    fn lots_that_are_cut_between_periods_are_as_good_as_one() {
        let days = [("2024-01-02", 1.0), ("2024-01-30", 2.0), ("2024-02-14", 3.0), ("2024-03-01", 4.0)];
        let rows: Vec<Row> = days.iter().map(|(day, value)| row(0, day, *value, day)).collect();
        let reading = Reading { grain: Grain::Month, gather: Gather::First, is_rank: false };
        let cut = Gathering::cut(&reading, parse_day("2024-02-01").unwrap(), true);
        let (before, after): (Vec<Row>, Vec<Row>) = rows.iter().copied().partition(|row| row.start < cut);
        assert_eq!((before.len(), after.len()), (1, 3));
        let mut gathering = Gathering::new(reading);
        gathering.add(before);
        gathering.add(after);
        let one = read(rows, Gather::First);
        assert_eq!(gathering.finish(one.names.clone()).said, one.said);
    }

    #[test]
    fn the_eve_of_a_month_counts_for_it_and_later_snapshots_do_not() {
        let days = [("2024-08-30", 1.0), ("2024-09-20", 2.0), ("2024-10-01", 3.0)];
        let history = read(days.iter().map(|(day, value)| row(0, day, *value, day)).collect(), Gather::First);
        let periods: Vec<String> = history.periods.iter().map(ToString::to_string).collect();
        assert_eq!(periods, ["2024-09", "2024-10"]);
        let levels: Vec<f32> = history.said.concat().iter().map(|said| said.level.exp().round()).collect();
        assert_eq!(levels, [1.0, 3.0]);
    }

    #[test]
    fn a_restatement_is_seen_when_it_was_known_and_not_before() {
        let rows = vec![
            row(0, "2024-01-01", 10.0, "2024-01-02"),
            row(0, "2024-02-01", 11.0, "2024-02-02"),
            row(0, "2024-01-01", 99.0, "2024-02-20"),
        ];
        let history = read(rows, Gather::First);
        assert_eq!(seen(&history), [(0, 0, 0), (0, 0, 1), (0, 1, 1)]);
        assert_eq!(history.said[1][0].level, 99_f32.ln());
    }

    #[test]
    fn a_list_that_is_published_later_is_looked_at_when_it_usually_is_there() {
        let published = [("2024-01-01", "2024-02-03"), ("2024-02-01", "2024-03-03"), ("2024-03-01", "2024-04-03")];
        let mut rows: Vec<Row> = published.iter().map(|(day, known)| row(0, day, 5.0, known)).collect();
        rows.push(row(1, "2024-01-01", 5.0, "2024-02-20"));
        let history = read(rows, Gather::First);
        assert_eq!(seen(&history), [(0, 0, 0), (1, 0, 1), (0, 1, 1), (0, 2, 2)]);
    }

    #[test]
    fn sums_grow_with_days_and_what_is_no_level_is_counted() {
        let rows = vec![row(0, "2024-01-01", 2.0, "2024-01-01"), row(0, "2024-01-30", 3.0, "2024-01-30")];
        let history = read(rows, Gather::Sum);
        assert_eq!(history.said[0].last().map(|said| said.level.exp().round()), Some(5.0));
        let bad = [0.0, -3.0, f64::NAN, f64::INFINITY].map(|value| row(1, "2024-01-01", value, "2024-01-01"));
        assert_eq!(read(bad.to_vec(), Gather::First).n_left_out, 4);
    }
}
