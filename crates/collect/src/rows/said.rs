//! What claims and events share: when something was said and known, for which period, and which number is written.

use crowsnest_lake::Market;
use crowsnest_model::{
    Bound, Grain, MetricRegistry, Period, PeriodContext, PeriodError, Quantity, QuantityError, Unit, parse_day,
    parse_plain_number, parse_quantity, parse_said,
};

use super::row::Fault;
use crate::mapping::Mapping;

pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// What has to be known to read rows. No row changes it.
#[derive(Debug, Clone)]
pub(crate) struct ReadingContext {
    pub(crate) metrics: MetricRegistry,
    pub(crate) fiscal_year_start_month: u8,
    /// Days since 1970-01-01 on which relative periods rest where the row does not say when it was said.
    pub(crate) today: i32,
    /// The import's own time, microseconds since 1970-01-01 UTC.
    pub(crate) now: i64,
    /// Whether everything counts as known only from now on.
    pub(crate) is_known_now: bool,
    /// Whether a comma is the decimal sign.
    pub(crate) has_decimal_comma: bool,
    /// The source of rows that name none.
    pub(crate) source: String,
}

impl ReadingContext {
    /// What has to be known to read rows of a market by a mapping, at a moment, with a source for rows that name none.
    pub(crate) fn of(market: &Market, mapping: &Mapping, source: &str, now: i64) -> Self {
        Self {
            metrics: market.metrics.clone(),
            fiscal_year_start_month: market.config.fiscal_year_start_month,
            today: day_of(now),
            now,
            is_known_now: false,
            has_decimal_comma: mapping.file.has_decimal_comma,
            source: source.to_owned(),
        }
    }
}

/// When something was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The last day on which it can have been said, days since 1970-01-01.
    pub(crate) day: Option<i32>,
    /// The moment, microseconds since 1970-01-01 UTC; the start of that day where only a day is given.
    pub(crate) at: Option<i64>,
}

/// Reads when something was said; see `model::parse_said` for days, months and years.
pub(crate) fn read_said(column: &'static str, text: &str, context: &ReadingContext) -> Result<Said, Fault> {
    let unreadable = |_| {
        Fault::new(
            column,
            text,
            "a day, month or moment: 2024-12-05, 2024-12, 2024-12-05T08:00:00Z",
            "correct it, or leave it empty if the source does not say",
        )
    };
    let moment = moment_of(text).map(jiff::Timestamp::as_microsecond);
    let (first, last) = match moment {
        Some(at) => {
            let day = day_of(at);
            (day, day)
        }
        None => {
            let period = read_period_text(text, None, context).map_err(unreadable)?;
            (period.start_day(), parse_said(text).unwrap_or(period.end_day() - 1))
        }
    };
    // A day's grace: it may be tomorrow already where the source is.
    if first > context.today + 1 {
        let expected = "a day that is not in the future";
        return Err(Fault::new(column, text, expected, "correct it, or set --today if the file is dated ahead"));
    }
    Ok(Said { day: Some(last), at: Some(moment.unwrap_or(i64::from(last) * MICROS_PER_DAY)) })
}

/// A moment; one without an offset (as databases and Parquet files hold it) is taken to be in UTC.
fn moment_of(text: &str) -> Option<jiff::Timestamp> {
    if let Ok(moment) = text.parse() {
        return Some(moment);
    }
    let has_time = matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' '));
    let written: jiff::civil::DateTime = if has_time { text.parse().ok()? } else { return None };
    jiff::tz::Offset::UTC.to_timestamp(written).ok()
}

/// The day in which a moment lies.
pub(crate) fn day_of(micros: i64) -> i32 {
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).unwrap_or(i32::MAX)
}

/// When the lake could know it: when it was said, else the earliest it can have been said, else now.
pub(crate) fn known_at(said: Said, said_not_before: Said, context: &ReadingContext) -> i64 {
    if context.is_known_now {
        return context.now;
    }
    said.at.or(said_not_before.at).unwrap_or(context.now)
}

/// Reads a period; relative ones (`last month`) by the day it was said, else by today.
///
/// With a grain, the text is a day (or a longer period that starts there) and the unit around its first day is meant.
pub(crate) fn read_period(
    column: &'static str,
    text: &str,
    grain: Option<Grain>,
    said_day: Option<i32>,
    context: &ReadingContext,
) -> Result<Period, Fault> {
    let period = read_period_text(text, said_day, context).map_err(|error| {
        let remedy = match &error {
            PeriodError::NeedsToday { .. } => "give said_on, or write the year",
            PeriodError::NoSuchPeriod { .. } => "correct the date",
            PeriodError::Reversed { .. } => "swap the two",
            PeriodError::Ambiguous { .. } => "write it as 2024-12-05 or 2024-12",
            _ => "write it as 2024-12-01, 2024-12, 2024-Q4, 2024-W50, 2025-H1, 2024 or 2024-01-01/2024-06-15",
        };
        Fault::new(column, text, error.expected(), remedy)
    })?;
    Ok(match grain {
        None | Some(Grain::Span) => period,
        Some(grain) => Period::containing(period.start_day(), grain),
    })
}

fn read_period_text(text: &str, said_day: Option<i32>, context: &ReadingContext) -> Result<Period, PeriodError> {
    if let Some(day) = midnight_of(text) {
        return Ok(Period::from_days(day, day + 1));
    }
    Period::parse(text).or_else(|_| {
        let today = said_day.unwrap_or(context.today);
        let written = PeriodContext { today: Some(today), fiscal_year_start_month: context.fiscal_year_start_month };
        Period::parse_written(text, &written)
    })
}

/// The day of a text such as `2024-12-01 00:00:00`: how spreadsheets and databases export days.
fn midnight_of(text: &str) -> Option<i32> {
    let (day, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', ' '])?;
    let is_midnight = time.starts_with("00:00") && time.bytes().all(|byte| matches!(byte, b'0' | b':' | b'.' | b'Z'));
    if is_midnight { parse_day(day) } else { None }
}

/// A number with what its writing implies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) value: f64,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) bound: Bound,
    pub(crate) unit: Option<Unit>,
}

impl From<Quantity> for Number {
    fn from(found: Quantity) -> Self {
        Self { value: found.value, low: found.low, high: found.high, bound: found.bound, unit: found.unit }
    }
}

impl Number {
    pub(crate) fn exact(value: f64) -> Self {
        Self { value, low: None, high: None, bound: Bound::Exact, unit: None }
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        if factor == 1.0 {
            return self;
        }
        // Rounded to what a decimal reading of the product gives: 1.87 × 1e8 is 187000000, not 187000000.00000003.
        let times = |value: f64| {
            let product = value * factor;
            format!("{product:.12e}").parse().unwrap_or(product)
        };
        Self { value: times(self.value), low: self.low.map(times), high: self.high.map(times), ..self }
    }
}

/// Reads a number: plain digits fast, else as people write it.
pub(crate) fn read_number(text: &str, context: &ReadingContext) -> Result<Number, QuantityError> {
    if context.has_decimal_comma {
        return read_with_decimal_comma(text);
    }
    match parse_plain_number(text.as_bytes()) {
        Some(value) => Ok(Number::exact(value)),
        None => parse_quantity(text).map(Number::from),
    }
}

fn read_with_decimal_comma(text: &str) -> Result<Number, QuantityError> {
    let swapped: String = text
        .chars()
        .filter(|letter| !matches!(letter, '.' | '\u{a0}' | '\u{202f}' | '\''))
        .map(|letter| if letter == ',' { '.' } else { letter })
        .collect();
    let compact = swapped.replace(' ', "");
    match parse_plain_number(compact.as_bytes()) {
        Some(value) => Ok(Number::exact(value)),
        None => parse_quantity(&swapped).map(Number::from),
    }
}

/// What is wrong with a number, for the rejects.
pub(crate) fn number_fault(column: &'static str, text: &str, error: &QuantityError) -> Fault {
    let (expected, remedy) = match error {
        QuantityError::NoValue { .. } => ("a number", "leave the row out, or empty the cell".to_owned()),
        QuantityError::LooksLike { what, .. } => {
            return Fault::new(
                column,
                text,
                format!("a quantity, not {what}"),
                "map the column to another field, or write a plain number",
            );
        }
        QuantityError::Separators { .. } => (
            "separators as in 1,234,567.89 or 1.234.567,89",
            "correct it, or set decimal = \",\" in the mapping's [file]".to_owned(),
        ),
        QuantityError::ReversedRange { .. } => ("the smaller number first", "swap the two".to_owned()),
        QuantityError::TrailingText { rest, .. } => ("only a number and its unit", format!("take out {rest:?}")),
        QuantityError::OutOfRange { .. } => ("at most 1e308, in at most 60 digits", "correct it".to_owned()),
        QuantityError::Empty | QuantityError::NotANumber { .. } => {
            ("a number", "write one such as 1520, 7116万 or 3.3bn".to_owned())
        }
    };
    Fault::new(column, text, expected, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> ReadingContext {
        ReadingContext {
            metrics: MetricRegistry::built_in(),
            fiscal_year_start_month: 1,
            today: parse_day("2025-06-15").unwrap(),
            now: 0,
            is_known_now: false,
            has_decimal_comma: false,
            source: "test".into(),
        }
    }

    #[test]
    fn what_was_said_in_a_month_was_known_at_its_end() {
        let said = read_said("said_on", "2024-12", &context()).unwrap();
        assert_eq!(said.day, parse_day("2024-12-31"));
        assert_eq!(said.at, said.day.map(|day| i64::from(day) * MICROS_PER_DAY));
        let moment = read_said("said_on", "2024-12-05T23:30:00-05:00", &context()).unwrap();
        assert_eq!(moment.day, parse_day("2024-12-06"));
        assert_eq!(moment.at.unwrap() % MICROS_PER_DAY, (4 * 3600 + 1800) * 1_000_000);
    }

    #[test]
    fn a_moment_without_an_offset_is_in_utc() {
        let at = |text: &str| read_said("said_on", text, &context()).map(|said| said.at);
        let expected = at("2024-12-05T10:00:00Z").unwrap();
        assert_eq!(at("2024-12-05T10:00:00").unwrap(), expected);
        assert_eq!(at("2024-12-05 10:00:00.5").unwrap(), expected.map(|at| at + 500_000));
        assert_eq!(at("2024-12-05 10:00").unwrap(), expected);
        assert!(at("2024-12-05T25:00:00").is_err() && at("2024-12-32T10:00:00").is_err());
    }

    #[test]
    fn a_fault_of_a_number_says_each_thing_once() {
        let said = |text: &str| {
            let fault = number_fault("value", text, &parse_quantity(text).unwrap_err());
            format!("expected {}; {}", fault.expected, fault.remedy)
        };
        assert_eq!(said("many"), "expected a number; write one such as 1520, 7116万 or 3.3bn");
        assert_eq!(said("15-10亿"), "expected the smaller number first; swap the two");
        assert_eq!(said("380个项目未披露"), "expected only a number and its unit; take out \"未披露\"");
    }

    #[test]
    fn the_future_says_nothing() {
        assert!(read_said("said_on", "2025-06-16", &context()).is_ok());
        assert!(read_said("said_on", "2025-06-17", &context()).is_err());
        // The month has begun, so it may have been said in it.
        assert!(read_said("said_on", "2025-06", &context()).is_ok());
    }

    #[test]
    fn days_become_the_unit_around_them() {
        let read = |text, grain| read_period("period", text, grain, None, &context()).map(|period| period.to_string());
        assert_eq!(read("2024-12-15", Some(Grain::Month)).unwrap(), "2024-12");
        assert_eq!(read("2024-12-01 00:00:00", None).unwrap(), "2024-12-01");
        let fault = read("2024-02-30", None).unwrap_err();
        assert_eq!((&*fault.expected, &*fault.remedy), ("a date that the calendar has", "correct the date"));
        assert_eq!(read("2024-13", None).unwrap_err().expected, "a month of 1–12");
        assert_eq!(read("soon", None).unwrap_err().expected, "a period");
    }

    #[test]
    fn a_decimal_comma_has_to_be_said() {
        let mut context = context();
        context.has_decimal_comma = true;
        for (text, value) in [("1.234.567,89", 1_234_567.89), ("1,5", 1.5), ("12", 12.0), ("1 234,5", 1234.5)] {
            assert_eq!(read_number(text, &context).unwrap().value, value, "{text}");
        }
    }

    #[test]
    fn scaling_does_not_leave_crumbs() {
        assert_eq!(Number::exact(1.87).scaled(1e8).value, 187_000_000.0);
        assert_eq!(Number::exact(7116.0).scaled(1e4).value, 71_160_000.0);
    }
}
