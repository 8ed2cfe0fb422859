//! Periods: half-open spans of days with a grain.
//!
//! A period is `[start, end)` in days since 1970-01-01. Its grain follows from its days: a span that happens to be
//! exactly a calendar month *is* that month. Only [`Grain::Instant`] is a choice: one day, given as a moment. So
//! the canonical text of a period ([`Display`](std::fmt::Display)) always reads back as the same period.
//!
//! [`iso`] reads ISO 8601 and its usual extensions for quarters and halves; [`written`] reads what people write in
//! English and Chinese. Nothing here knows what day it is: [`PeriodContext`] says it.

pub mod iso;
pub mod written;

use std::borrow::Cow;
use std::fmt;

use crate::calendar::{
    CivilDate, civil_date, day_number, day_number_checked, days_in_month, first_iso_monday, iso_week,
    iso_weeks_in_year, weekday_from_monday,
};
use crate::word::word_enum;

pub use iso::{day_to_string, parse_day, parse_said};

word_enum! {
    /// How long a period is; ordered from the shortest.
    pub enum Grain called "grain" {
        /// A moment, kept as its day.
        Instant = "instant",
        /// A calendar day.
        Day = "day",
        /// An ISO 8601 week, Monday to Sunday.
        Week = "week",
        /// A calendar month.
        Month = "month",
        /// A calendar quarter.
        Quarter = "quarter",
        /// Half a calendar year.
        Half = "half",
        /// A calendar year.
        Year = "year",
        /// Any other run of days: fiscal years, the first three quarters, a year to date.
        Span = "span",
    }
}

/// A half-open span of days with its grain.
///
/// Ordered by first day, then by end, then by grain.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    start: i32,
    end: i32,
    grain: Grain,
}

/// What has to be known to read periods that don't say everything themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodContext {
    /// The day on which it was written, as days since 1970-01-01; needed for `last month`, `去年12月`, `12月`.
    pub today: Option<i32>,
    /// The calendar month (1–12) in which the market's fiscal year starts.
    ///
    /// A fiscal year is named after the calendar year in which it ends: with 4, `FY2025` is April 2024 to March 2025.
    pub fiscal_year_start_month: u8,
}

impl Default for PeriodContext {
    /// No known day; fiscal years are calendar years.
    fn default() -> Self {
        PeriodContext { today: None, fiscal_year_start_month: 1 }
    }
}

/// Why a text is not a period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// There is nothing to read.
    #[error("empty period: write one such as 2024-12, 2024-Q4 or 2024")]
    Empty,
    /// No form of period fits.
    #[error(
        "{text:?} is not a period: write one such as 2024-12-01, 2024-12, 2024-Q4, 2024-W50, 2025-H1, 2024 or 2024-01-01/2024-06-15"
    )]
    NotAPeriod {
        /// The text as found.
        text: String,
    },
    /// The form is right, but the calendar has no such day, month, week, quarter or half.
    #[error("period {text:?}: {reason}")]
    NoSuchPeriod {
        /// The text as found.
        text: String,
        /// What is out of range, and the range.
        reason: &'static str,
    },
    /// The end of a span isn't after its start.
    #[error("period {text:?}: the end is not after the start; the end of a span of days is the first day outside it")]
    Reversed {
        /// The text as found.
        text: String,
    },
    /// It is relative to a day that isn't known.
    #[error("period {text:?} depends on the day it was written: give that day, or write the year")]
    NeedsToday {
        /// The text as found.
        text: String,
    },
    /// It can be read in two ways.
    #[error("period {text:?} can be read in two ways: {reason}")]
    Ambiguous {
        /// The text as found.
        text: String,
        /// The two ways, and what to write instead.
        reason: &'static str,
    },
    /// The days given do not make up the grain given.
    #[error("days {start} to {end} are not one {grain}")]
    NotOfThatGrain {
        /// First day, days since 1970-01-01.
        start: i32,
        /// Day after the last, days since 1970-01-01.
        end: i32,
        /// The grain asked for.
        grain: Grain,
    },
}

impl PeriodError {
    /// What would have been right, as a phrase for after "expected", without the text and without a remedy.
    pub fn expected(&self) -> &'static str {
        match self {
            PeriodError::Empty | PeriodError::NotAPeriod { .. } => "a period",
            PeriodError::NoSuchPeriod { reason, .. } => iso::expected_by(reason),
            PeriodError::Reversed { .. } => "an end after the start",
            PeriodError::NeedsToday { .. } => "a period with its year",
            PeriodError::Ambiguous { .. } => "a period that can be read in one way only",
            PeriodError::NotOfThatGrain { .. } => "the days of one unit of that grain",
        }
    }
}

impl Period {
    /// Reads ISO text: a day, month, quarter (`2024-Q4`), half (`2025-H1`), week (`2024-W50`), year, or a span.
    ///
    /// In a span of days the end is excluded (`2024-01-01/2024-06-15`); in a span of months, quarters, halves,
    /// weeks or years both ends are included (`2025-01/2025-11` ends with November). A moment
    /// (`2024-12-01T08:00:00Z`) becomes an instant on its UTC day.
    ///
    /// # Errors
    /// [`PeriodError::Empty`], [`NotAPeriod`](PeriodError::NotAPeriod), [`NoSuchPeriod`](PeriodError::NoSuchPeriod)
    /// or [`Reversed`](PeriodError::Reversed).
    pub fn parse(text: &str) -> Result<Period, PeriodError> {
        iso::parse(text)
    }

    /// Reads ISO text first, then a period as people write it: `2024年12月`, `Dec 2024`, `4Q24`, `FY2024`,
    /// `去年12月`, `last quarter`.
    ///
    /// # Errors
    /// Those of [`parse`](Period::parse), and [`NeedsToday`](PeriodError::NeedsToday) or
    /// [`Ambiguous`](PeriodError::Ambiguous).
    pub fn parse_written(text: &str, context: &PeriodContext) -> Result<Period, PeriodError> {
        written::parse(text, context)
    }

    /// A period of given days and grain.
    ///
    /// `start` is the first day, `end` the day after the last, both days since 1970-01-01. A [`Grain::Span`] whose
    /// days are exactly a calendar unit becomes that unit.
    ///
    /// # Errors
    /// [`PeriodError::NotOfThatGrain`] if the days do not make up one unit of that grain, or lie outside the years
    /// 1–9999.
    pub fn new(start: i32, end: i32, grain: Grain) -> Result<Period, PeriodError> {
        let is_in_calendar = start < end && start >= day_number(1, 1, 1) && end <= day_number(10_000, 1, 1);
        if !is_in_calendar {
            return Err(PeriodError::NotOfThatGrain { start, end, grain });
        }
        let inferred = Period::from_days(start, end);
        let fits = match grain {
            Grain::Span => true,
            Grain::Instant => inferred.grain == Grain::Day,
            unit => inferred.grain == unit,
        };
        if !fits {
            return Err(PeriodError::NotOfThatGrain { start, end, grain });
        }
        if grain == Grain::Instant {
            return Ok(Period { start, end, grain });
        }
        Ok(inferred)
    }

    /// A period of given days, with the grain that they make up.
    ///
    /// Total: days outside the years 1–9999 are moved to their edge, and an empty or reversed span becomes the one
    /// day `start`. Use [`new`](Period::new) where that should be an error.
    pub fn from_days(start: i32, end: i32) -> Period {
        let start = start.clamp(day_number(1, 1, 1), day_number(9999, 12, 31));
        let end = end.clamp(start + 1, day_number(10_000, 1, 1));
        Period { start, end, grain: infer_grain(start, end) }
    }

    /// The unit of a grain in which a day lies. [`Grain::Span`] has no units of its own and gives the day.
    pub fn containing(day: i32, grain: Grain) -> Period {
        let day = day.clamp(day_number(1, 1, 1), day_number(9999, 12, 31));
        let CivilDate { year, month, .. } = civil_date(day);
        match grain {
            Grain::Instant => Period { start: day, end: day + 1, grain: Grain::Instant },
            Grain::Day | Grain::Span => Period::from_days(day, day + 1),
            Grain::Week => {
                let monday = day - weekday_from_monday(day);
                Period::from_days(monday, monday + 7)
            }
            Grain::Month => months(year, month, 1),
            Grain::Quarter => months(year, (month - 1) / 3 * 3 + 1, 3),
            Grain::Half => months(year, (month - 1) / 6 * 6 + 1, 6),
            Grain::Year => months(year, 1, 12),
        }
    }

    /// First day, as days since 1970-01-01.
    pub const fn start_day(&self) -> i32 {
        self.start
    }

    /// Day after the last, as days since 1970-01-01.
    pub const fn end_day(&self) -> i32 {
        self.end
    }

    /// How long it is, as a word.
    pub const fn grain(&self) -> Grain {
        self.grain
    }

    /// Number of days, at least 1.
    pub const fn n_days(&self) -> i32 {
        self.end - self.start
    }

    /// Whether every day of the other lies in this one.
    pub const fn contains(&self, other: &Period) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two have a day in common.
    pub const fn overlaps(&self, other: &Period) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// The comparable period just before: the previous month of a month, the previous year of a year.
    ///
    /// `None` for a span, which has no neighbours, and before the year 1.
    pub fn previous(&self) -> Option<Period> {
        if self.grain == Grain::Span || self.start <= day_number(1, 1, 1) {
            return None;
        }
        Some(Period::containing(self.start - 1, self.grain))
    }

    /// The comparable period just after; `None` for a span, and after the year 9999.
    pub fn next(&self) -> Option<Period> {
        if self.grain == Grain::Span || self.end >= day_number(10_000, 1, 1) {
            return None;
        }
        Some(Period::containing(self.end, self.grain))
    }

    /// The same period one year earlier: the same month, quarter, date or ISO week number.
    ///
    /// 29 February becomes 28 February, week 53 becomes week 52 where that year has no such week; the ends of a
    /// span move by one calendar year each. `None` before the year 1.
    pub fn same_period_last_year(&self) -> Option<Period> {
        if self.grain == Grain::Week {
            let (year, week) = iso_week(self.start);
            let earlier = year - 1;
            if earlier < 1 {
                return None;
            }
            let monday = first_iso_monday(earlier) + 7 * (week.min(iso_weeks_in_year(earlier)) - 1);
            return Some(Period::containing(monday, Grain::Week));
        }
        let start = one_year_earlier(self.start)?;
        match self.grain {
            Grain::Span => {
                let end = one_year_earlier(self.end)?;
                Some(Period::from_days(start, end))
            }
            grain => Some(Period::containing(start, grain)),
        }
    }

    /// The pieces of a shorter grain that make up this period, in order.
    ///
    /// A unit that sticks out at an edge is cut there, so the pieces always cover exactly this period (a cut unit
    /// is then a span). A grain that isn't shorter, and [`Grain::Span`], give the period itself.
    pub fn split(&self, grain: Grain) -> Vec<Period> {
        let is_shorter = grain < self.grain && grain != Grain::Instant;
        if !is_shorter {
            return vec![*self];
        }
        let mut pieces = Vec::new();
        let mut day = self.start;
        while day < self.end {
            let unit = Period::containing(day, grain);
            let piece = Period::from_days(day, unit.end.min(self.end));
            pieces.push(piece);
            day = piece.end;
        }
        pieces
    }
}

/// A run of whole months; the caller gives an existing year and month.
fn months(year: i32, month: i32, n_months: i32) -> Period {
    let months_to_end = year * 12 + (month - 1) + n_months;
    let end = day_number(months_to_end.div_euclid(12), months_to_end.rem_euclid(12) + 1, 1);
    Period::from_days(day_number(year, month, 1), end)
}

fn infer_grain(start: i32, end: i32) -> Grain {
    let n_days = end - start;
    if n_days == 1 {
        return Grain::Day;
    }
    if n_days == 7 && weekday_from_monday(start) == 0 {
        return Grain::Week;
    }
    if !(28..=366).contains(&n_days) {
        return Grain::Span;
    }
    let first = civil_date(start);
    let after = civil_date(end);
    if first.day != 1 || after.day != 1 {
        return Grain::Span;
    }
    let n_months = (after.year - first.year) * 12 + after.month - first.month;
    match (n_months, (first.month - 1) % n_months.max(1)) {
        (1, 0) => Grain::Month,
        (3, 0) => Grain::Quarter,
        (6, 0) => Grain::Half,
        (12, 0) => Grain::Year,
        _ => Grain::Span,
    }
}

fn one_year_earlier(day: i32) -> Option<i32> {
    let date = civil_date(day);
    let day_of_month = date.day.min(days_in_month(date.year - 1, date.month));
    // The end of the last year of the calendar is 10000-01-01, one year before it 9999-01-01.
    day_number_checked(date.year - 1, date.month, day_of_month)
}

impl fmt::Display for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CivilDate { year, month, day } = civil_date(self.start);
        let text = match self.grain {
            Grain::Instant => format!("{year:04}-{month:02}-{day:02}T00:00:00Z"),
            Grain::Day => format!("{year:04}-{month:02}-{day:02}"),
            Grain::Week => {
                let (week_year, week) = iso_week(self.start);
                format!("{week_year:04}-W{week:02}")
            }
            Grain::Month => format!("{year:04}-{month:02}"),
            Grain::Quarter => format!("{year:04}-Q{}", (month + 2) / 3),
            Grain::Half => format!("{year:04}-H{}", (month + 5) / 6),
            Grain::Year => format!("{year:04}"),
            Grain::Span => format!("{}/{}", day_to_string(self.start), day_to_string(self.end)),
        };
        formatter.pad(&text)
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Period({self})")
    }
}

impl std::str::FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Period::parse(text)
    }
}

impl serde::Serialize for Period {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Period {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Period::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(text: &str) -> Period {
        Period::parse(text).unwrap()
    }

    fn texts(periods: &[Period]) -> Vec<String> {
        periods.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn neighbours_are_of_the_same_grain() {
        for (text, before, after) in [
            ("2024-03-01", "2024-02-29", "2024-03-02"),
            ("2025-W01", "2024-W52", "2025-W02"),
            ("2024-01", "2023-12", "2024-02"),
            ("2024-Q1", "2023-Q4", "2024-Q2"),
            ("2025-H1", "2024-H2", "2025-H2"),
            ("2024", "2023", "2025"),
        ] {
            assert_eq!(period(text).previous(), Some(period(before)), "{text}");
            assert_eq!(period(text).next(), Some(period(after)), "{text}");
        }
        assert_eq!(period("2024-01-01/2024-06-15").previous(), None);
        assert_eq!(period("0001").previous(), None);
        assert_eq!(period("9999").next(), None);
    }

    #[test]
    fn a_year_earlier_keeps_the_name() {
        for (text, earlier) in [
            ("2024-02-29", "2023-02-28"),
            ("2024-02", "2023-02"),
            ("2024-Q4", "2023-Q4"),
            ("2020-W53", "2019-W52"),
            ("2024-01-01/2024-06-15", "2023-01-01/2023-06-15"),
        ] {
            assert_eq!(period(text).same_period_last_year(), Some(period(earlier)), "{text}");
        }
        assert_eq!(period("0001-02").same_period_last_year(), None);
    }

    #[test]
    fn a_split_covers_exactly_the_period() {
        assert_eq!(texts(&period("2024").split(Grain::Quarter)), ["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"]);
        assert_eq!(
            texts(&period("2024-05-20/2024-07-02").split(Grain::Month)),
            ["2024-05-20/2024-06-01", "2024-06", "2024-07-01"]
        );
        assert_eq!(texts(&period("2024-06").split(Grain::Year)), ["2024-06"]);
        assert_eq!(period("2024").split(Grain::Week).len(), 53);
    }

    #[test]
    fn the_days_decide_the_grain() {
        let december = period("2024-12");
        assert_eq!(Period::new(december.start, december.end, Grain::Span), Ok(december));
        assert_eq!(Period::new(december.start, december.end, Grain::Month), Ok(december));
        assert!(Period::new(december.start, december.end, Grain::Quarter).is_err());
        assert!(Period::new(5, 5, Grain::Day).is_err());
        assert_eq!(Period::from_days(5, 5), Period::from_days(5, 6));
        // A quarter that starts in February is no calendar quarter.
        assert_eq!(period("2024-02/2024-04").grain(), Grain::Span);
    }

    #[test]
    fn the_ends_of_the_calendar_hold() {
        assert!(Period::new(i32::MIN, i32::MAX, Grain::Span).is_err());
        assert_eq!(Period::from_days(i32::MAX, i32::MIN), period("9999-12-31"));
        assert_eq!(Period::containing(i32::MIN, Grain::Year), period("0001"));
        assert_eq!(day_to_string(i32::MIN), "0001-01-01");
        assert_eq!(day_to_string(i32::MAX), "10000-01-01");
        let last = Period::from_days(period("9990-02-03").start, i32::MAX);
        assert_eq!(last.to_string(), "9990-02-03/10000-01-01");
        assert_eq!(period(&last.to_string()), last);
    }

    #[test]
    fn containment_is_by_days() {
        assert!(period("2024").contains(&period("2024-12")));
        assert!(!period("2024-12").contains(&period("2024")));
        assert!(period("2024-W01").overlaps(&period("2024-01")));
        assert!(!period("2024-01").overlaps(&period("2024-02")));
        assert_eq!(period("2024").n_days(), 366);
    }

    #[test]
    fn grains_are_ordered_by_length() {
        assert!(Grain::Day < Grain::Week && Grain::Half < Grain::Year);
    }
}
