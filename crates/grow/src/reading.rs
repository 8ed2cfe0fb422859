//! A history from a table: wide (a column for each channel) or long (a row for each period and channel).
//!
//! In: the text of a CSV file, and which column is what. Out: a [`History`], or all that is wrong with it. Invariants: every
//! cell is read or told of with its line; periods that are missing between others are filled and noted.

use std::collections::BTreeMap;

use jiff::civil::Date;

use crate::history::{Group, History, Named};
use crate::settings::{ChannelSettings, HistorySettings};

/// What is said of one group in one period.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) outcome: Option<f64>,
    pub(crate) spend: Vec<f64>,
    pub(crate) exposure: Vec<f64>,
    pub(crate) controls: Vec<Option<f64>>,
    pub(crate) events: Vec<String>,
}

/// Rows by group and day.
pub(crate) type Rows = BTreeMap<String, BTreeMap<Date, Row>>;

const FAULTS_MAX: usize = 12;
const NONE: &[&str] = &["", "na", "n/a", "none", "nan", "null", "0", "-"];

/// Reads a table.
pub(crate) fn read(
    text: &str,
    settings: &HistorySettings,
    channels: &[ChannelSettings],
) -> Result<History, Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let headers: Vec<String> = match reader.headers() {
        Ok(headers) => headers.iter().map(str::to_owned).collect(),
        Err(error) => return Err(vec![error.to_string()]),
    };
    let columns = Columns::of(&headers, settings, channels)?;
    let (mut rows, mut faults) = (Rows::new(), Vec::new());
    for (at, record) in reader.records().enumerate() {
        let line = at + 2;
        match record {
            Ok(record) => columns.take(&record, line, channels.len(), &mut rows, &mut faults),
            Err(error) => faults.push(format!("line {line}: {error}")),
        }
        if faults.len() >= FAULTS_MAX {
            faults.push("and perhaps more".to_owned());
            break;
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    history(rows, settings, channels)
}

/// Names of a table's columns; none where it cannot be read.
pub(crate) fn headers(text: &str) -> Vec<String> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    reader.headers().map(|headers| headers.iter().map(str::to_owned).collect()).unwrap_or_default()
}

/// Places of columns.
struct Columns<'a> {
    settings: &'a HistorySettings,
    channels: &'a [ChannelSettings],
    date: usize,
    outcome: usize,
    group: Option<usize>,
    channel: Option<usize>,
    /// By channel; in the long layout one for all.
    spend: Vec<Option<usize>>,
    exposure: Vec<Option<usize>>,
    controls: Vec<usize>,
    events: Vec<usize>,
}

impl<'a> Columns<'a> {
    fn of(
        headers: &[String],
        settings: &'a HistorySettings,
        channels: &'a [ChannelSettings],
    ) -> Result<Self, Vec<String>> {
        let mut faults = Vec::new();
        let mut find = |name: &str| {
            let place = headers.iter().position(|header| header == name);
            if place.is_none() {
                faults.push(format!("there is no column {name:?}, only {}", headers.join(", ")));
            }
            place
        };
        let is_long = settings.channel.is_some();
        let date = find(&settings.date);
        let outcome = find(&settings.outcome);
        let group = settings.group.as_deref().and_then(&mut find);
        let channel = settings.channel.as_deref().and_then(&mut find);
        let spend_of = |own: &ChannelSettings| own.spend.clone().unwrap_or_else(|| own.name.clone());
        let (spend, exposure) = if is_long {
            let spend = find(settings.spend.as_deref().unwrap_or("spend"));
            let exposure = settings.exposure.as_deref().and_then(&mut find);
            (vec![spend; channels.len()], vec![exposure; channels.len()])
        } else {
            let spend = channels.iter().map(|own| find(&spend_of(own))).collect();
            (spend, channels.iter().map(|own| own.exposure.as_deref().and_then(&mut find)).collect())
        };
        let controls = settings.controls.iter().filter_map(|name| find(name)).collect();
        let events = settings.events.iter().filter_map(|name| find(name)).collect();
        let (Some(date), Some(outcome)) = (date, outcome) else { return Err(faults) };
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { settings, channels, date, outcome, group, channel, spend, exposure, controls, events })
    }

    fn take(
        &self,
        record: &csv::StringRecord,
        line: usize,
        n_channels: usize,
        rows: &mut Rows,
        faults: &mut Vec<String>,
    ) {
        let cell = |at: usize| record.get(at).unwrap_or_default();
        if record.iter().all(str::is_empty) {
            return;
        }
        let Some(date) = day(cell(self.date)) else {
            let found = cell(self.date);
            faults.push(format!("line {line}, column {}: {found:?} is no day such as 2024-01-29", self.settings.date));
            return;
        };
        let group = self.group.map(cell).unwrap_or_default().to_owned();
        let days = rows.entry(group).or_default();
        if self.channel.is_none() && days.contains_key(&date) {
            faults.push(format!(
                "line {line}: {date} is there twice{}",
                if self.group.is_some() { "" } else { "; name the column of products as `group`" }
            ));
            return;
        }
        let row = days.entry(date).or_insert_with(|| Row {
            spend: vec![0.0; n_channels],
            exposure: vec![0.0; n_channels],
            ..Row::default()
        });
        let mut number = |at: usize| match number(cell(at)) {
            Ok(value) => value,
            Err(()) => {
                faults.push(format!("line {line}, column {}: {:?} is no number", at + 1, cell(at)));
                None
            }
        };
        row.outcome = number(self.outcome).or(row.outcome);
        row.controls = self.controls.iter().map(|at| number(*at)).collect();
        row.events = self.events.iter().map(|at| cell(*at).to_owned()).collect();
        for channel in 0..n_channels {
            if self.channel.is_some_and(|at| cell(at) != self.channels[channel].name) {
                continue;
            }
            let spend = self.spend[channel].and_then(&mut number).unwrap_or(0.0);
            row.spend[channel] += spend;
            row.exposure[channel] += self.exposure[channel].map_or(spend, |at| number(at).unwrap_or(0.0));
        }
        for (name, spend) in self.channels.iter().zip(&row.spend) {
            if *spend < 0.0 {
                faults.push(format!("line {line}: spend of {} is {spend}, which is negative", name.name));
            }
        }
    }
}

/// A number, or nothing where the cell is empty.
fn number(cell: &str) -> Result<Option<f64>, ()> {
    if ["", "na", "nan", "null"].contains(&cell.to_lowercase().as_str()) {
        return Ok(None);
    }
    match cell.replace([',', ' '], "").parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Some(value)),
        _ => Err(()),
    }
}

/// A day: `2024-01-29`, also with a time behind it, `2024/01/29`, `2024-01`.
fn day(cell: &str) -> Option<Date> {
    let cell = cell.replace('/', "-");
    let text = cell.get(..10).unwrap_or(&cell);
    text.parse().ok().or_else(|| format!("{text}-01").parse().ok())
}

/// Brings rows to regular periods and checks them.
pub(crate) fn history(
    rows: Rows,
    settings: &HistorySettings,
    channels: &[ChannelSettings],
) -> Result<History, Vec<String>> {
    let mut days: Vec<Date> = rows.values().flat_map(|days| days.keys().copied()).collect();
    days.sort_unstable();
    days.dedup();
    if days.len() < 20 {
        return Err(vec![format!(
            "it has {} periods, too few to tell channels from the rest: give at least 20, better 104",
            days.len()
        )]);
    }
    let mut notes = Vec::new();
    let (periods, periods_per_year) = regular(&days, &mut notes)?;
    let first = periods[0];
    let mut groups = Vec::new();
    for (name, days) in rows {
        groups.push(group(name, &days, &periods, settings, channels.len(), &mut notes)?);
    }
    let mut faults = Vec::new();
    for group in &groups {
        check(group, channels, &mut faults, &mut notes);
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(History {
        periods: periods.iter().map(Date::to_string).collect(),
        periods_per_year,
        start_of_year: f64::from(first.day_of_year() - 1) / 365.25,
        channels: channels.iter().map(|own| own.name.clone()).collect(),
        groups,
        notes,
        inputs: String::new(),
    })
}

/// All periods from the first to the last: days, weeks or months, whichever the days are.
fn regular(days: &[Date], notes: &mut Vec<String>) -> Result<(Vec<Date>, f64), Vec<String>> {
    let mut steps: Vec<i32> = days.windows(2).map(|two| days_between(two[0], two[1])).collect();
    steps.sort_unstable();
    let usual = steps[steps.len() / 2];
    let (span, per_year) = match usual {
        1 => (jiff::Span::new().days(1), 365.25),
        7 => (jiff::Span::new().days(7), 365.25 / 7.0),
        28..=31 => (jiff::Span::new().months(1), 12.0),
        _ => return Err(vec![format!("its days are {usual} apart; give days, weeks or months")]),
    };
    let mut periods = vec![days[0]];
    let mut missing = Vec::new();
    let mut next = 1;
    while next < days.len() {
        let steps = periods.len() as i64;
        let Ok(day) = days[0].checked_add(span * steps) else { break };
        if day == days[next] {
            next += 1;
        } else if day < days[next] {
            missing.push(day.to_string());
        } else {
            return Err(vec![format!("{} is no multiple of {usual} days after {}", days[next], days[0])]);
        }
        periods.push(day);
    }
    if !missing.is_empty() {
        notes.push(format!(
            "{} periods are missing ({}): their outcome is left out and spend is taken from their neighbours",
            missing.len(),
            missing[..missing.len().min(6)].join(", ")
        ));
    }
    Ok((periods, per_year))
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

fn group(
    name: String,
    days: &BTreeMap<Date, Row>,
    periods: &[Date],
    settings: &HistorySettings,
    n_channels: usize,
    notes: &mut Vec<String>,
) -> Result<Group, Vec<String>> {
    let column = |of: &dyn Fn(&Row) -> Option<f64>| filled(periods, days, of);
    let spend = (0..n_channels).map(|channel| column(&|row| Some(row.spend[channel]))).collect();
    let exposure = (0..n_channels).map(|channel| column(&|row| Some(row.exposure[channel]))).collect();
    let outcome: Vec<f64> =
        periods.iter().map(|day| days.get(day).and_then(|row| row.outcome).unwrap_or(f64::NAN)).collect();
    let controls = settings
        .controls
        .iter()
        .enumerate()
        .map(|(at, name)| Named { name: name.clone(), values: column(&|row| row.controls.get(at).copied().flatten()) })
        .collect();
    let n_unknown = outcome.iter().filter(|value| value.is_nan()).count();
    if n_unknown * 2 > periods.len() {
        return Err(vec![format!("the outcome{} is unknown in {n_unknown} of {} periods", of(&name), periods.len())]);
    }
    let events = events(days, periods, settings);
    let negative: Vec<String> =
        (0..periods.len()).filter(|at| outcome[*at] < 0.0).map(|at| periods[at].to_string()).collect();
    if !negative.is_empty() {
        notes.push(format!(
            "the outcome{} is below 0 in {} periods ({}): it is taken as it is, such as returns; mend it if it is a mistake",
            of(&name),
            negative.len(),
            negative[..negative.len().min(4)].join(", ")
        ));
    }
    Ok(Group { name, outcome, spend, exposure, controls, events })
}

fn of(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" of {name}") }
}

/// Numbers of all periods; where one is missing, a line between its neighbours.
fn filled(periods: &[Date], days: &BTreeMap<Date, Row>, of: &dyn Fn(&Row) -> Option<f64>) -> Vec<f64> {
    let found: Vec<Option<f64>> = periods.iter().map(|day| days.get(day).and_then(of)).collect();
    let before = |at: usize| (0..=at).rev().find_map(|place| found[place].map(|value| (place, value)));
    let after = |at: usize| (at..found.len()).find_map(|place| found[place].map(|value| (place, value)));
    (0..found.len())
        .map(|at| match (before(at), after(at)) {
            (Some((left, low)), Some((right, high))) if right > left => {
                low + (high - low) * (at - left) as f64 / (right - left) as f64
            }
            (Some((_, value)), _) | (_, Some((_, value))) => value,
            (None, None) => 0.0,
        })
        .collect()
}

fn events(days: &BTreeMap<Date, Row>, periods: &[Date], settings: &HistorySettings) -> Vec<Named> {
    let mut made = Vec::new();
    for (at, column) in settings.events.iter().enumerate() {
        let cells: Vec<&str> = periods
            .iter()
            .map(|day| days.get(day).and_then(|row| row.events.get(at)).map_or("", String::as_str))
            .collect();
        let is_none = |cell: &str| NONE.contains(&cell.to_lowercase().as_str());
        if cells.iter().all(|cell| is_none(cell) || cell.parse::<f64>().is_ok()) {
            made.push(Named {
                name: column.clone(),
                values: cells.iter().map(|cell| cell.parse().unwrap_or(0.0)).collect(),
            });
            continue;
        }
        let mut names: Vec<&str> = cells.iter().copied().filter(|cell| !is_none(cell)).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let values = cells.iter().map(|cell| f64::from(u8::from(*cell == name))).collect();
            made.push(Named { name: name.to_owned(), values });
        }
    }
    made.retain(|event| event.values.iter().any(|value| *value != 0.0));
    made
}

/// What makes a fit impossible, and what makes it doubtful.
fn check(group: &Group, channels: &[ChannelSettings], faults: &mut Vec<String>, notes: &mut Vec<String>) {
    let known: Vec<f64> = group.outcome.iter().copied().filter(|value| value.is_finite()).collect();
    if known.windows(2).all(|two| two[0] == two[1]) {
        faults.push(format!("the outcome{} never changes: there is nothing to explain", of(&group.name)));
    }
    if (0..channels.len()).all(|channel| group.total_spend(channel) <= 0.0) {
        faults.push(format!("nothing was ever spent on any channel{}", of(&group.name)));
    }
    for (at, channel) in channels.iter().enumerate() {
        let n_on = group.exposure[at].iter().filter(|value| **value > 0.0).count();
        if group.total_spend(at) <= 0.0 {
            notes.push(format!(
                "nothing was ever spent on {}{}: what it brings is unknown",
                channel.name,
                of(&group.name)
            ));
        } else if n_on == 0 {
            faults.push(format!(
                "{}{} cost money and was never seen: its exposure is 0",
                channel.name,
                of(&group.name)
            ));
        } else if n_on < 6 {
            notes.push(format!("{}{} was on in only {n_on} periods", channel.name, of(&group.name)));
        }
    }
}
