//! Periods as people write them, in English and Chinese, and in digits with other separators than ISO's.
//!
//! The text is made one shape by [`normalise`](crate::normalise) (width, script, case, blanks); then each way of
//! writing is tried in turn: Chinese, digits, English, and two of them with a word between. What has the
//! form of one way but is impossible in the calendar is an error at once, so that `2024年13月` says so.
//!
//! What is dated by an end (`2024年底`, `end of 2024`, `截至2024年12月`) is a stock, and is read as its last month: that is
//! what monthly figures stand beside. `截至2024年12月31日` names a day, and is that day.
//!
//! To add a way of writing: a pattern in one of the modules, and a case in `tests/cases/periods.toml`.

mod chinese;
mod english;
mod named_by_a_day;

use super::iso::{self, Problem};
use super::{Grain, Period, PeriodContext, PeriodError, months};
use crate::calendar::civil_date;

/// Why a text of a known form is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Issue {
    Problem(Problem),
    NeedsToday,
    Ambiguous(&'static str),
}

impl From<Problem> for Issue {
    fn from(problem: Problem) -> Self {
        Issue::Problem(problem)
    }
}

/// `Ok(None)` where the text has another form.
type Reading = Result<Option<Period>, Issue>;

/// Years that two digits stand for, and the bounds within which six or eight digits are taken for a date.
const PLAUSIBLE_YEARS: std::ops::RangeInclusive<i32> = 1900..=2100;

pub(super) fn parse(text: &str, context: &PeriodContext) -> Result<Period, PeriodError> {
    match iso::parse(text) {
        Err(PeriodError::NotAPeriod { .. }) => {}
        settled => return settled,
    }
    let not_a_period = || PeriodError::NotAPeriod { text: text.trim().to_owned() };
    // Longer than any period is written; keeps a document in a cell from being searched.
    if text.len() > 200 {
        return Err(PeriodError::NotAPeriod { text: text.chars().take(80).collect() });
    }
    let key = crate::name::normalise(text);
    match single(&key, context).and_then(|found| match found {
        Some(period) => Ok(Some(period)),
        None => two_with_a_word_between(&key, context),
    }) {
        Ok(Some(period)) => Ok(period),
        Ok(None) => Err(not_a_period()),
        Err(Issue::Problem(problem)) => Err(problem.in_text(text.trim())),
        Err(Issue::NeedsToday) => Err(PeriodError::NeedsToday { text: text.trim().to_owned() }),
        Err(Issue::Ambiguous(reason)) => Err(PeriodError::Ambiguous { text: text.trim().to_owned(), reason }),
    }
}

fn single(key: &str, context: &PeriodContext) -> Reading {
    if let Some(period) = chinese::parse(key, context)? {
        return Ok(Some(period));
    }
    if let Some(period) = digits_with_separators(key, context)? {
        return Ok(Some(period));
    }
    if let Some(period) = named_by_a_day::parse(key, context)? {
        return Ok(Some(period));
    }
    english::parse(key, context)
}

/// `2025-01..2025-11`, `2024年1月1日至2024年6月15日`: both ends are included, days too.
fn two_with_a_word_between(key: &str, context: &PeriodContext) -> Reading {
    for between in ["..", "至", "到", "~", " to ", " - ", " through ", " until ", "-"] {
        let mut parts = key.split(between);
        let (Some(first), Some(last), None) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let first = one_end(first.trim().trim_start_matches("from "), context)?;
        let last = one_end(last.trim(), context)?;
        let (Some(first), Some(last)) = (first, last) else {
            continue;
        };
        if first.grain() != last.grain() {
            continue;
        }
        if last.end_day() <= first.start_day() || last.start_day() < first.start_day() {
            return Err(Issue::Problem(Problem::Reversed));
        }
        return Ok(Some(Period::from_days(first.start_day(), last.end_day())));
    }
    Ok(None)
}

fn one_end(key: &str, context: &PeriodContext) -> Reading {
    match iso::parse(key) {
        Ok(period) => Ok(Some(period)),
        Err(_) => single(key, context),
    }
}

/// `2024/12`, `2024.12.5`, `12/2024`, `31/12/2024`, `20241201`, `202412`, `2023/24`.
fn digits_with_separators(key: &str, context: &PeriodContext) -> Reading {
    let parts: Vec<&str> = key.split(['/', '.', '-']).collect();
    let numbers: Option<Vec<i32>> = parts.iter().map(|part| iso::digits(part.as_bytes())).collect();
    let Some(numbers) = numbers else {
        return Ok(None);
    };
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    match (numbers.as_slice(), lengths.as_slice()) {
        ([compact], [8]) if PLAUSIBLE_YEARS.contains(&(compact / 10_000)) => {
            Ok(Some(iso::day_of(compact / 10_000, compact / 100 % 100, compact % 100)?))
        }
        ([compact], [6]) if PLAUSIBLE_YEARS.contains(&(compact / 100)) => {
            Ok(Some(iso::month_of(compact / 100, compact % 100)?))
        }
        ([first, last], [4, 2]) if *last > 12 && key.contains('/') && follows(*first, *last) => {
            over_two_years(context, *first)
        }
        ([year, month], [4, 1 | 2]) => Ok(Some(iso::month_of(*year, *month)?)),
        ([month, year], [1 | 2, 4]) => Ok(Some(iso::month_of(*year, *month)?)),
        ([year, month, day], [4, 1 | 2, 1 | 2]) => Ok(Some(iso::day_of(*year, *month, *day)?)),
        ([first, second, year], [1 | 2, 1 | 2, 4]) => day_and_month(*first, *second, *year),
        _ => Ok(None),
    }
}

/// Day and month in the one order that's possible; the American and the European one differ.
fn day_and_month(first: i32, second: i32, year: i32) -> Reading {
    if first == second || second > 12 {
        return Ok(Some(iso::day_of(year, first, second)?));
    }
    if first > 12 {
        return Ok(Some(iso::day_of(year, second, first)?));
    }
    Err(Issue::Ambiguous("day/month or month/day: write it as 2024-12-05"))
}

/// The full year of a number with two digits (1980–2079) or four.
fn full_year(number: i32, n_digits: usize) -> Option<i32> {
    match n_digits {
        4 => Some(number),
        2 if number >= 80 => Some(1900 + number),
        2 => Some(2000 + number),
        _ => None,
    }
}

/// Whether two digits are the year after: 24 of 2023.
fn follows(year: i32, two_digits: i32) -> bool {
    (year + 1) % 100 == two_digits
}

/// `2023/24`: the fiscal year that begins in the first of two calendar years.
fn over_two_years(context: &PeriodContext, first_year: i32) -> Reading {
    if context.fiscal_year_start_month <= 1 {
        let reason = "it depends on the month in which fiscal years start: set fiscal_year_start_month, or write it as 2023-07/2024-06";
        return Err(Issue::Ambiguous(reason));
    }
    fiscal(context, first_year + 1, 0, 12)
}

fn today(context: &PeriodContext) -> Result<i32, Issue> {
    context.today.ok_or(Issue::NeedsToday)
}

fn this_year(context: &PeriodContext) -> Result<i32, Issue> {
    Ok(civil_date(today(context)?).year)
}

/// The unit of a grain so many units from the one in which today lies.
fn relative(context: &PeriodContext, grain: Grain, offset: i32) -> Reading {
    let mut period = Period::containing(today(context)?, grain);
    for _ in 0..offset.abs() {
        let neighbour = if offset < 0 { period.previous() } else { period.next() };
        period = neighbour.ok_or(Issue::Problem(Problem::NoSuch(iso::NO_SUCH_YEAR)))?;
    }
    Ok(Some(period))
}

/// The days up to and including today, so many.
fn last_days(context: &PeriodContext, n_days: i32) -> Reading {
    if !(1..=3660).contains(&n_days) {
        return Err(Issue::Problem(Problem::NoSuch("at most 3660 days can be looked back on")));
    }
    let end = today(context)? + 1;
    Ok(Some(Period::from_days(end - n_days, end)))
}

/// From 1 January to today; the whole year if it is over.
fn year_to_date(context: &PeriodContext, year: Option<i32>) -> Reading {
    let today = today(context)?;
    let year = iso::year_of(year.unwrap_or(civil_date(today).year))?;
    if year.start_day() > today {
        return Err(Issue::Problem(Problem::Reversed));
    }
    Ok(Some(Period::from_days(year.start_day(), year.end_day().min(today + 1))))
}

/// What is read with the year left out: the latest one that has begun by today.
fn latest(context: &PeriodContext, of_year: impl Fn(i32) -> Result<Period, Issue>) -> Reading {
    let today = today(context)?;
    let year = civil_date(today).year;
    let candidate = of_year(year)?;
    if candidate.start_day() <= today {
        return Ok(Some(candidate));
    }
    Ok(Some(of_year(year - 1)?))
}

/// Months of a fiscal year, counted from its first (0); the year is named after the one in which it ends.
fn fiscal(context: &PeriodContext, year: i32, first_month: i32, n_months: i32) -> Reading {
    iso::year_of(year)?;
    iso::year_of(year - 1)?;
    let start_month = i32::from(context.fiscal_year_start_month.clamp(1, 12));
    let first_year = if start_month == 1 { year } else { year - 1 };
    let month = start_month - 1 + first_month;
    Ok(Some(months(first_year + month / 12, month % 12 + 1, n_months)))
}
