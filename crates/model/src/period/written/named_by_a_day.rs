//! Periods named by a day or a month that they hold, begin or end with: `week of 2024-12-09`, `month ended Dec 2024`,
//! `three months ended 30 June 2025`, `as of 2024-12-31`.
//!
//! The words are taken off, what remains is read like any period, and the words say what is meant with it.

use super::super::iso::Problem;
use super::super::{Grain, Period, PeriodContext, months};
use super::{Issue, Reading, one_end};
use crate::calendar::civil_date;

const AS_OF: &[&str] = &["as of ", "as at "];

const BEGINS: &[&str] = &["week beginning ", "week commencing ", "week starting ", "week from "];

const ENDS: &[&str] = &[" ended ", " ending ", " to "];

pub(super) fn parse(key: &str, context: &PeriodContext) -> Reading {
    if let Some(rest) = after_any(key, AS_OF) {
        return one_end(rest, context);
    }
    if let Some(rest) = key.strip_prefix("week of ") {
        // `week of 2024`, without a day, is no week.
        let day = one_end(rest, context)?.filter(|found| found.grain() == Grain::Day);
        return Ok(day.map(|day| Period::containing(day.start_day(), Grain::Week)));
    }
    if let Some(rest) = after_any(key, BEGINS) {
        let day = one_end(rest, context)?.filter(|found| found.grain() == Grain::Day);
        return Ok(day.map(|day| Period::from_days(day.start_day(), day.start_day() + 7)));
    }
    let parts = ENDS.iter().find_map(|word| key.split_once(word));
    match parts.and_then(|(length, end)| Some((length_of(length)?, end))) {
        Some((length, end)) => ending(length, end.trim_start_matches("on "), context),
        None => Ok(None),
    }
}

fn after_any<'a>(key: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| key.strip_prefix(word)).map(str::trim)
}

/// How long a period is whose end is named.
#[derive(Debug, Clone, Copy)]
enum Length {
    Days(i32),
    Months(i32),
}

fn length_of(words: &str) -> Option<Length> {
    let words = words.trim_start_matches("the ").trim();
    match words {
        "week" => return Some(Length::Days(7)),
        "month" => return Some(Length::Months(1)),
        "quarter" => return Some(Length::Months(3)),
        "half" | "half year" | "half-year" => return Some(Length::Months(6)),
        "year" | "full year" => return Some(Length::Months(12)),
        _ => {}
    }
    let n_months = match words.strip_suffix(" months")? {
        "three" | "3" => 3,
        "six" | "6" => 6,
        "nine" | "9" => 9,
        "twelve" | "12" => 12,
        _ => return None,
    };
    Some(Length::Months(n_months))
}

/// The period of that length up to the end of a day or month.
fn ending(length: Length, end: &str, context: &PeriodContext) -> Reading {
    let Some(end) = one_end(end, context)? else { return Ok(None) };
    let is_precise = matches!(end.grain(), Grain::Day | Grain::Month);
    match length {
        Length::Days(n_days) if end.grain() == Grain::Day => {
            Ok(Some(Period::from_days(end.end_day() - n_days, end.end_day())))
        }
        Length::Months(n_months) if is_precise => {
            let last = civil_date(end.end_day() - 1);
            // Counted from the year 0, in months.
            let first = last.year * 12 + last.month - n_months;
            if first < 12 {
                return Err(Issue::Problem(Problem::NoSuch(super::iso::NO_SUCH_YEAR)));
            }
            Ok(Some(months(first / 12, first % 12 + 1, n_months)))
        }
        _ => Ok(None),
    }
}
