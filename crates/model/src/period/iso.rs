//! ISO 8601 texts of days and periods, with `Q` for quarters and `H` for halves of a year.
//!
//! Bytes in, day numbers out, no allocation when the text is good: an import reads tens of millions of these.
//! Sources: ISO 8601-1:2019 for days, months, weeks and intervals; quarters and halves as in SDMX 2.1 "observational
//! time periods" (`2024-Q4`) and common use (`2025-H1`).

use super::{Grain, Period, PeriodError, months};
use crate::calendar::{self, CivilDate, YEARS, civil_date, day_number_checked, first_iso_monday, iso_weeks_in_year};

const FIRST_DAY: i32 = calendar::day_number(1, 1, 1);
const END_DAY: i32 = calendar::day_number(10_000, 1, 1);

/// Day number of a strict ISO date `YYYY-MM-DD`; `None` for any other text and for dates that do not exist.
pub fn parse_day(text: &str) -> Option<i32> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let year = digits(&bytes[..4])?;
    day_number_checked(year, digits(&bytes[5..7])?, digits(&bytes[8..])?)
}

/// ISO date `YYYY-MM-DD` of a day number (days since 1970-01-01).
///
/// Days outside the years 1–9999 give the nearest day within; the day after the last, where a period may end, is
/// written `10000-01-01`.
pub fn day_to_string(day_number: i32) -> String {
    let within = day_number.clamp(FIRST_DAY, END_DAY);
    let CivilDate { year, month, day } = civil_date(within);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The last day on which something dated so can have been said: a day, month, quarter, half, week, year or moment.
///
/// `2024-12` gives 31 December, `2024-H2` too: an as-of question must not learn a thing before it can have been
/// said. A moment (RFC 3339, `2024-12-05T23:30:00-05:00`) gives its day in UTC. `None` for any other text.
pub fn parse_said(text: &str) -> Option<i32> {
    let period = unit(text.trim()).ok()?;
    Some(period.end_day() - 1)
}

pub(super) fn parse(text: &str) -> Result<Period, PeriodError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(PeriodError::Empty);
    }
    let parsed = match trimmed.split_once('/') {
        Some((start, end)) => span(start.trim(), end.trim()),
        None => unit(trimmed),
    };
    parsed.map_err(|problem| problem.in_text(trimmed))
}

const NO_SUCH_MONTH: &str = "months are 1–12";
const NO_SUCH_QUARTER: &str = "quarters are 1–4";
const NO_SUCH_HALF: &str = "halves are 1 and 2";
const NO_SUCH_WEEK: &str = "that year has no such ISO week";
pub(super) const NO_SUCH_YEAR: &str = "years are 0001–9999";
const NO_SUCH_DATE: &str = "the calendar has no such date";
const NO_SUCH_MOMENT: &str = "a moment needs a time and an offset, as in 2024-12-01T08:00:00Z";

/// What the calendar would have had instead.
pub(super) fn expected_by(reason: &str) -> &'static str {
    match reason {
        NO_SUCH_MONTH => "a month of 1–12",
        NO_SUCH_QUARTER => "a quarter of 1–4",
        NO_SUCH_HALF => "a half of 1 or 2",
        NO_SUCH_WEEK => "an ISO week that the year has",
        NO_SUCH_YEAR => "a year of 0001–9999",
        NO_SUCH_DATE => "a date that the calendar has",
        NO_SUCH_MOMENT => "a time with an offset, as in 2024-12-01T08:00:00Z",
        _ => "a period that the calendar has",
    }
}

/// What is wrong, before it is known in which text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    NotAPeriod,
    NoSuch(&'static str),
    Reversed,
}

impl Problem {
    pub(super) fn in_text(self, text: &str) -> PeriodError {
        let text = text.to_owned();
        match self {
            Problem::NotAPeriod => PeriodError::NotAPeriod { text },
            Problem::NoSuch(reason) => PeriodError::NoSuchPeriod { text, reason },
            Problem::Reversed => PeriodError::Reversed { text },
        }
    }
}

fn unit(text: &str) -> Result<Period, Problem> {
    let bytes = text.as_bytes();
    if bytes.len() < 4 || bytes.len() > 40 {
        return Err(Problem::NotAPeriod);
    }
    let year = digits(&bytes[..4]).ok_or(Problem::NotAPeriod)?;
    if !YEARS.contains(&year) {
        return Err(Problem::NoSuch(NO_SUCH_YEAR));
    }
    match &bytes[4..] {
        [] => Ok(months(year, 1, 12)),
        [b'-', month @ ..] if month.len() == 2 && month[0].is_ascii_digit() => {
            let month = digits(month).ok_or(Problem::NotAPeriod)?;
            month_of(year, month)
        }
        [b'-', b'Q' | b'q', quarter] => quarter_of(year, i32::from(*quarter) - i32::from(b'0')),
        [b'-', b'H' | b'h', half] => half_of(year, i32::from(*half) - i32::from(b'0')),
        [b'-', b'W' | b'w', week @ ..] if week.len() == 2 => week_of(year, digits(week).ok_or(Problem::NotAPeriod)?),
        [b'-', _, _, b'-', _, _] => day(text),
        [b'-', _, _, b'-', _, _, b'T' | b't' | b' ', ..] => moment(text),
        _ => Err(Problem::NotAPeriod),
    }
}

pub(super) fn month_of(year: i32, month: i32) -> Result<Period, Problem> {
    in_range(month, 12, NO_SUCH_MONTH)?;
    year_in_range(year)?;
    // Millions of these are read: the grain is known, so it isn't worked out again.
    let start = calendar::day_number(year, month, 1);
    let end = start + calendar::days_in_month(year, month);
    Ok(Period { start, end, grain: Grain::Month })
}

pub(super) fn quarter_of(year: i32, quarter: i32) -> Result<Period, Problem> {
    in_range(quarter, 4, NO_SUCH_QUARTER)?;
    year_in_range(year)?;
    Ok(months(year, quarter * 3 - 2, 3))
}

pub(super) fn half_of(year: i32, half: i32) -> Result<Period, Problem> {
    in_range(half, 2, NO_SUCH_HALF)?;
    year_in_range(year)?;
    Ok(months(year, half * 6 - 5, 6))
}

pub(super) fn year_of(year: i32) -> Result<Period, Problem> {
    year_in_range(year)?;
    Ok(months(year, 1, 12))
}

pub(super) fn week_of(year: i32, week: i32) -> Result<Period, Problem> {
    year_in_range(year)?;
    in_range(week, iso_weeks_in_year(year), NO_SUCH_WEEK)?;
    let monday = first_iso_monday(year) + 7 * (week - 1);
    // The first and last week of the calendar reach outside the years 1–9999.
    Period::new(monday, monday + 7, Grain::Week)
        .map_err(|_| Problem::NoSuch("that week is not within the years 0001–9999"))
}

pub(super) fn day_of(year: i32, month: i32, day: i32) -> Result<Period, Problem> {
    let number = day_number_checked(year, month, day).ok_or(Problem::NoSuch(NO_SUCH_DATE))?;
    Ok(Period::from_days(number, number + 1))
}

fn day(text: &str) -> Result<Period, Problem> {
    let bytes = text.as_bytes();
    let parts = (digits(&bytes[..4]), digits(&bytes[5..7]), digits(&bytes[8..10]));
    let (Some(year), Some(month), Some(day)) = parts else {
        return Err(Problem::NotAPeriod);
    };
    day_of(year, month, day)
}

fn moment(text: &str) -> Result<Period, Problem> {
    // Impossible dates get their own message; whatever else is wrong is wrong with the time.
    day(&text[..10])?;
    let timestamp: jiff::Timestamp = text.parse().map_err(|_| Problem::NoSuch(NO_SUCH_MOMENT))?;
    let day_number = timestamp.as_second().div_euclid(86_400);
    let day_number = i32::try_from(day_number).map_err(|_| Problem::NotAPeriod)?;
    Period::new(day_number, day_number + 1, Grain::Instant).map_err(|_| Problem::NoSuch(NO_SUCH_YEAR))
}

/// A span of two texts: the end is excluded if they are days, included if they are longer units.
pub(super) fn span(start: &str, end: &str) -> Result<Period, Problem> {
    let first = unit(start)?;
    // The day after the last: the one date with five digits, and only as an end.
    if end == "10000-01-01" && first.grain() == Grain::Day {
        return Ok(Period::from_days(first.start_day(), END_DAY));
    }
    let last = unit(end)?;
    span_of(first, last)
}

pub(super) fn span_of(first: Period, last: Period) -> Result<Period, Problem> {
    if first.grain() != last.grain() || first.grain() == Grain::Instant {
        return Err(Problem::NotAPeriod);
    }
    let end = if first.grain() == Grain::Day { last.start_day() } else { last.end_day() };
    if end <= first.start_day() || last.start_day() < first.start_day() {
        return Err(Problem::Reversed);
    }
    Ok(Period::from_days(first.start_day(), end))
}

fn year_in_range(year: i32) -> Result<(), Problem> {
    if YEARS.contains(&year) { Ok(()) } else { Err(Problem::NoSuch(NO_SUCH_YEAR)) }
}

fn in_range(number: i32, max: i32, reason: &'static str) -> Result<(), Problem> {
    if (1..=max).contains(&number) { Ok(()) } else { Err(Problem::NoSuch(reason)) }
}

/// Value of up to nine ASCII digits; `None` if there are none, more, or anything else.
pub(super) fn digits(bytes: &[u8]) -> Option<i32> {
    if bytes.is_empty() || bytes.len() > 9 {
        return None;
    }
    let mut number = 0;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number * 10 + i32::from(byte - b'0');
    }
    Some(number)
}
