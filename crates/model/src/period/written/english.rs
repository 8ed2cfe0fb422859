//! Periods in English: `Dec 2024`, `Q4 2024`, `4Q24`, `H1 2025`, `FY2024`, `last quarter`, `first half of 2025`.
//!
//! The text is cut into runs of letters and runs of digits (`4q24` is 4, q, 24), words that say nothing are left
//! out, and what remains is matched as a whole.

use super::super::iso::{self, Problem};
use super::super::{Grain, Period, PeriodContext};
use super::{
    Issue, Reading, fiscal, follows, full_year, last_days, latest, over_two_years, relative, today, year_to_date,
};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Words without meaning for a period.
const FILLERS: &[&str] = &["of", "the", "in", "th", "st", "nd", "rd", "cy", "calendar", "full", "during", "for"];

/// A run of letters or of digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Number(i32, usize),
}

use Token::{Number, Word};

pub(super) fn parse(key: &str, context: &PeriodContext) -> Reading {
    if !key.is_ascii() {
        return Ok(None);
    }
    let Some(mut tokens) = tokens(key) else {
        return Ok(None);
    };
    if let Some(period) = relative_to_today(&tokens, context)? {
        return Ok(Some(period));
    }
    let is_fiscal = take_fiscal(&mut tokens);
    tokens.retain(|token| !matches!(token, Word(word) if *word == "year"));
    if let Some(month) = last_month(&tokens)? {
        return Ok(Some(month));
    }
    if let Some(period) = months_and_days(key, &tokens, context)? {
        return if is_fiscal { Ok(None) } else { Ok(Some(period)) };
    }
    parts_of_years(&tokens, is_fiscal, context)
}

/// `None` if a run of digits is too long for a period.
fn tokens(key: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = key;
    while let Some(first) = rest.bytes().next() {
        let is_same_kind = |byte: &u8| {
            (first.is_ascii_digit() && byte.is_ascii_digit())
                || (first.is_ascii_alphabetic() && byte.is_ascii_alphabetic())
        };
        let length = rest.bytes().take_while(|byte| is_same_kind(byte)).count().max(1);
        let (run, after) = rest.split_at(length);
        if first.is_ascii_digit() {
            tokens.push(Number(iso::digits(run.as_bytes())?, length));
        } else if first.is_ascii_alphabetic() && !FILLERS.contains(&run) {
            tokens.push(Word(run));
        } else if !first.is_ascii_alphabetic()
            && !matches!(first, b' ' | b',' | b'.' | b'-' | b'\'' | b'/' | b'(' | b')')
        {
            return None;
        }
        rest = after;
    }
    Some(tokens)
}

fn relative_to_today(tokens: &[Token<'_>], context: &PeriodContext) -> Reading {
    match tokens {
        [Word("today")] => relative(context, Grain::Day, 0),
        [Word("yesterday")] => relative(context, Grain::Day, -1),
        [Word("ytd")] | [Word("year"), Word("to"), Word("date")] => year_to_date(context, None),
        [Number(year, 4), Word("ytd")] | [Word("ytd"), Number(year, 4)] => year_to_date(context, Some(*year)),
        [Word(which), Word(unit)] => match (offset(which), grain(unit), month(unit)) {
            (Some(offset), Some(grain), _) => relative(context, grain, offset),
            (Some(-1), None, Some(month)) => last_such_month(context, month),
            _ => Ok(None),
        },
        [Word("last" | "past" | "previous"), Number(n_days, _), Word("days" | "day" | "d")] => {
            last_days(context, *n_days)
        }
        _ => Ok(None),
    }
}

fn offset(which: &str) -> Option<i32> {
    match which {
        "this" | "current" => Some(0),
        "last" | "previous" | "prior" | "past" => Some(-1),
        "next" => Some(1),
        _ => None,
    }
}

fn grain(unit: &str) -> Option<Grain> {
    match unit {
        "day" => Some(Grain::Day),
        "week" => Some(Grain::Week),
        "month" => Some(Grain::Month),
        "quarter" => Some(Grain::Quarter),
        "half" => Some(Grain::Half),
        "year" => Some(Grain::Year),
        _ => None,
    }
}

/// `last December`: the latest one that is over.
fn last_such_month(context: &PeriodContext, month: i32) -> Reading {
    let today = today(context)?;
    let latest = latest(context, |year| Ok(iso::month_of(year, month)?))?;
    match latest {
        Some(period) if period.end_day() > today => Ok(period.same_period_last_year()),
        period => Ok(period),
    }
}

/// The number of a month by its name or the first three letters of it (`sept` too).
fn month(word: &str) -> Option<i32> {
    let is_abbreviation =
        |name: &&str| word.len() == 3 && name.starts_with(word) || word == "sept" && **name == *"september";
    let position = MONTHS.iter().position(|name| *name == word || is_abbreviation(name))?;
    i32::try_from(position + 1).ok()
}

fn months_and_days(key: &str, tokens: &[Token<'_>], context: &PeriodContext) -> Reading {
    match tokens {
        [Word(name)] => match month(name) {
            Some(month) => latest(context, |year| Ok(iso::month_of(year, month)?)),
            None => Ok(None),
        },
        [Word(name), Number(year, 4)] | [Number(year, 4), Word(name)] => match month(name) {
            Some(month) => Ok(Some(iso::month_of(*year, month)?)),
            None => Ok(None),
        },
        [Word(name), Number(number, 2)] => match month(name) {
            Some(month) => month_with_two_digits(key, month, *number),
            None => Ok(None),
        },
        [Word(name), Number(day, 1 | 2), Number(year, 4)]
        | [Number(day, 1 | 2), Word(name), Number(year, 4)]
        | [Number(year, 4), Word(name), Number(day, 1 | 2)] => match month(name) {
            Some(month) => Ok(Some(iso::day_of(*year, month, *day)?)),
            None => Ok(None),
        },
        [Word(first), Word(last), Number(year, 4)]
        | [Word(first), Word("to" | "through" | "until" | "and"), Word(last), Number(year, 4)] => {
            match (month(first), month(last)) {
                (Some(first), Some(last)) => {
                    Ok(Some(iso::span_of(iso::month_of(*year, first)?, iso::month_of(*year, last)?)?))
                }
                _ => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// `end of 2024`, `year-end 2024`, `end of Dec 2024`: the last month of it.
fn last_month(tokens: &[Token<'_>]) -> Reading {
    match tokens {
        [Word("end"), Number(year, 4)] => Ok(Some(iso::month_of(*year, 12)?)),
        [Word("end"), Word(name), Number(year, 4)] => match month(name) {
            Some(month) => Ok(Some(iso::month_of(*year, month)?)),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// `Dec-24` and `Dec'24` are a year, `Dec 24` may be a day.
fn month_with_two_digits(key: &str, month: i32, number: i32) -> Reading {
    let is_year = key.contains('\'') || key.contains('-') || number > 31;
    if !is_year {
        return Err(Issue::Ambiguous("a day or a year: write Dec 2024 or 2024-12-24"));
    }
    let year = full_year(number, 2).ok_or(Issue::Problem(Problem::NotAPeriod))?;
    Ok(Some(iso::month_of(year, month)?))
}

/// Takes `FY` and `fiscal year` out; whether there was one.
fn take_fiscal(tokens: &mut Vec<Token<'_>>) -> bool {
    let n_before = tokens.len();
    tokens.retain(|token| !matches!(token, Word("fy" | "fiscal")));
    // 1qfy25 is one run of letters between the digits.
    let mut is_glued = false;
    for token in tokens.iter_mut() {
        match token {
            Word("qfy") => *token = Word("q"),
            Word("hfy") => *token = Word("h"),
            _ => continue,
        }
        is_glued = true;
    }
    is_glued || tokens.len() < n_before
}

fn parts_of_years(tokens: &[Token<'_>], is_fiscal: bool, context: &PeriodContext) -> Reading {
    match tokens {
        [Number(year, n_digits @ (2 | 4))] if is_fiscal => match full_year(*year, *n_digits) {
            Some(year) => fiscal(context, year, 0, 12),
            None => Ok(None),
        },
        [Number(first, 4), Number(last, 2)] if is_fiscal && follows(*first, *last) => over_two_years(context, *first),
        [Number(year, 4)] => Ok(Some(iso::year_of(*year)?)),
        [Word(unit), Number(part, 1 | 2)] if !is_fiscal => match part_grain(unit) {
            Some(grain) => latest(context, |year| part_of_year(grain, year, *part)),
            None => Ok(None),
        },
        [Number(part, 1), Word(unit @ ("q" | "h"))] if !is_fiscal => match part_grain(unit) {
            Some(grain) => latest(context, |year| part_of_year(grain, year, *part)),
            None => Ok(None),
        },
        [Number(year, 4), Word(unit), Number(part, 1 | 2)]
        | [Word(unit), Number(part, 1 | 2), Number(year, 4)]
        | [Number(part, 1 | 2), Word(unit), Number(year, 4)] => part_with_year(unit, *part, *year, is_fiscal, context),
        // fy24q3
        [Number(year, 2), Word(unit @ ("q" | "h")), Number(part, 1)] if is_fiscal => {
            let year = full_year(*year, 2).ok_or(Issue::Problem(Problem::NotAPeriod))?;
            part_with_year(unit, *part, year, is_fiscal, context)
        }
        [Word(unit @ ("q" | "h")), Number(part, 1), Number(year, 2)]
        | [Number(part, 1), Word(unit @ ("q" | "h")), Number(year, 2)] => {
            let year = full_year(*year, 2).ok_or(Issue::Problem(Problem::NotAPeriod))?;
            part_with_year(unit, *part, year, is_fiscal, context)
        }
        [Word(ordinal), Word(unit), Number(year, 4)] => match ordinal_number(ordinal) {
            Some(part) => part_with_year(unit, part, *year, is_fiscal, context),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

fn ordinal_number(word: &str) -> Option<i32> {
    match word {
        "first" => Some(1),
        "second" => Some(2),
        "third" => Some(3),
        "fourth" => Some(4),
        _ => None,
    }
}

fn part_grain(unit: &str) -> Option<Grain> {
    match unit {
        "q" | "quarter" => Some(Grain::Quarter),
        "h" | "half" => Some(Grain::Half),
        "w" | "week" | "wk" => Some(Grain::Week),
        _ => None,
    }
}

fn part_of_year(grain: Grain, year: i32, part: i32) -> Result<Period, Issue> {
    let period = match grain {
        Grain::Quarter => iso::quarter_of(year, part),
        Grain::Half => iso::half_of(year, part),
        _ => iso::week_of(year, part),
    };
    Ok(period?)
}

fn part_with_year(unit: &str, part: i32, year: i32, is_fiscal: bool, context: &PeriodContext) -> Reading {
    let Some(grain) = part_grain(unit) else {
        return Ok(None);
    };
    // Also checks the range of the part.
    let of_calendar = part_of_year(grain, year, part)?;
    match (is_fiscal, grain) {
        (false, _) => Ok(Some(of_calendar)),
        (true, Grain::Quarter) => fiscal(context, year, (part - 1) * 3, 3),
        (true, Grain::Half) => fiscal(context, year, (part - 1) * 6, 6),
        (true, _) => Ok(None),
    }
}
