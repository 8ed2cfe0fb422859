//! Periods in Chinese: `2024年12月`, `2024年第二季度`, `2025年上半年`, `去年12月`, `上个月`, `近30天`.
//!
//! The text comes normalised: simplified characters, half-width digits, no blanks beside Chinese characters.

use super::super::iso::{self, Problem};
use super::super::{Grain, Period, PeriodContext};
use super::{Issue, Reading, fiscal, full_year, last_days, latest, relative, this_year, year_to_date};
use crate::calendar::days_in_month;

/// Words that are a whole period: grain and number of units from now.
const RELATIVE: &[(&str, Grain, i32)] = &[
    ("今天", Grain::Day, 0),
    ("今日", Grain::Day, 0),
    ("当日", Grain::Day, 0),
    ("昨天", Grain::Day, -1),
    ("昨日", Grain::Day, -1),
    ("前天", Grain::Day, -2),
    ("本周", Grain::Week, 0),
    ("这周", Grain::Week, 0),
    ("本星期", Grain::Week, 0),
    ("上周", Grain::Week, -1),
    ("上一周", Grain::Week, -1),
    ("上星期", Grain::Week, -1),
    ("上上周", Grain::Week, -2),
    ("本月", Grain::Month, 0),
    ("这个月", Grain::Month, 0),
    ("当月", Grain::Month, 0),
    ("上月", Grain::Month, -1),
    ("上个月", Grain::Month, -1),
    ("上一个月", Grain::Month, -1),
    ("上上个月", Grain::Month, -2),
    ("下个月", Grain::Month, 1),
    ("下月", Grain::Month, 1),
    ("本季度", Grain::Quarter, 0),
    ("本季", Grain::Quarter, 0),
    ("这个季度", Grain::Quarter, 0),
    ("上季度", Grain::Quarter, -1),
    ("上季", Grain::Quarter, -1),
    ("上个季度", Grain::Quarter, -1),
    ("上一季度", Grain::Quarter, -1),
    ("下季度", Grain::Quarter, 1),
    ("今年", Grain::Year, 0),
    ("本年", Grain::Year, 0),
    ("本年度", Grain::Year, 0),
    ("当年", Grain::Year, 0),
    ("去年", Grain::Year, -1),
    ("上年", Grain::Year, -1),
    ("上一年", Grain::Year, -1),
    ("前年", Grain::Year, -2),
    ("明年", Grain::Year, 1),
];

pub(super) fn parse(key: &str, context: &PeriodContext) -> Reading {
    if key.is_ascii() {
        return Ok(None);
    }
    if let Some((_, grain, offset)) = RELATIVE.iter().find(|(word, _, _)| *word == key) {
        return relative(context, *grain, *offset);
    }
    if matches!(key, "今年以来" | "年初至今" | "今年至今") {
        return year_to_date(context, None);
    }
    if let Some(n_days) = days_back(key) {
        return last_days(context, n_days);
    }
    let key = until(key);
    let (year, rest) = leading_year(key, context)?;
    let rest = rest.trim_start_matches('的');
    match year {
        Some(year) if matches!(rest, "" | "年" | "全年" | "年度" | "度" | "整年") => {
            Ok(Some(iso::year_of(year)?))
        }
        Some(year) if matches!(rest, "底" | "末" | "年底" | "年末") => Ok(Some(iso::month_of(year, 12)?)),
        Some(year) if matches!(rest, "初" | "年初") => Ok(Some(iso::month_of(year, 1)?)),
        Some(year) if matches!(rest, "财年" | "财政年度") => fiscal(context, year, 0, 12),
        Some(year) if matches!(rest, "以来" | "至今") => year_to_date(context, Some(year)),
        Some(year) => part_of_year(rest, year),
        // Tried on a leap year first, to know whether the form fits before the day is asked for.
        None => match part_of_year(rest, 2000)? {
            Some(_) => latest(context, |year| part_of_year(rest, year)?.ok_or(Issue::Problem(Problem::NotAPeriod))),
            None => Ok(None),
        },
    }
}

/// `截至2024年12月31日` is that day: what is counted up to an end is a stock.
fn until(key: &str) -> &str {
    let words = ["截至到", "截止到", "截至", "截止"];
    words.iter().find_map(|word| key.strip_prefix(word)).unwrap_or(key).trim_start()
}

/// `近30天`, `过去7日`.
fn days_back(key: &str) -> Option<i32> {
    let words = ["最近", "过去", "近"];
    let rest = words.iter().find_map(|word| key.strip_prefix(word))?;
    let rest = rest.strip_suffix('天').or_else(|| rest.strip_suffix('日'))?;
    number(rest)
}

/// The year at the start of the text, if there is one, and the rest.
fn leading_year<'a>(key: &'a str, context: &PeriodContext) -> Result<(Option<i32>, &'a str), Issue> {
    for (word, offset) in [("今年", 0), ("本年", 0), ("去年", -1), ("上年", -1), ("前年", -2), ("明年", 1)]
    {
        if let Some(rest) = key.strip_prefix(word) {
            return Ok((Some(this_year(context)? + offset), rest));
        }
    }
    let n_digits = key.bytes().take_while(u8::is_ascii_digit).count();
    let rest = &key[n_digits..];
    let year = iso::digits(&key.as_bytes()[..n_digits]).and_then(|number| full_year(number, n_digits));
    match (year, rest.strip_prefix('年')) {
        (Some(year), Some(rest)) => Ok((Some(year), rest)),
        // 2024上半年, 2024财年: four digits need no 年 where a word follows.
        (Some(year), None) if n_digits == 4 => Ok((Some(year), rest)),
        _ => Ok(year_in_numerals(key).unwrap_or((None, key))),
    }
}

/// `二〇二四年`, `二零二四年`.
fn year_in_numerals(key: &str) -> Option<(Option<i32>, &str)> {
    let (written, rest) = key.split_once('年')?;
    if written.chars().count() != 4 {
        return None;
    }
    let mut year = 0;
    for letter in written.chars() {
        year = year * 10 + numeral_digit(letter)?;
    }
    Some((Some(year), rest))
}

/// What may follow the year.
fn part_of_year(rest: &str, year: i32) -> Reading {
    if let Some(half) = half(rest) {
        return Ok(Some(iso::half_of(year, half)?));
    }
    if let Some(quarter) = quarter(rest) {
        return Ok(Some(iso::quarter_of(year, quarter)?));
    }
    if let Some(week) = rest.strip_prefix('第').and_then(|rest| rest.strip_suffix('周')).and_then(number) {
        return Ok(Some(iso::week_of(year, week)?));
    }
    if let Some((first, last)) = first_and_last_month(rest) {
        let span = iso::span_of(iso::month_of(year, first)?, iso::month_of(year, last)?)?;
        return Ok(Some(span));
    }
    month_or_day(rest, year)
}

fn half(rest: &str) -> Option<i32> {
    match rest {
        "上半年" | "h1" => Some(1),
        "下半年" | "h2" => Some(2),
        _ => None,
    }
}

fn quarter(rest: &str) -> Option<i32> {
    if let Some(written) = rest.strip_prefix('q') {
        return number(written);
    }
    let written = rest.strip_suffix("季度").or_else(|| rest.strip_suffix('季'))?;
    number(written.strip_prefix('第').unwrap_or(written))
}

/// `1-11月`, `1月至11月`, `前三季度`, `前11个月`.
fn first_and_last_month(rest: &str) -> Option<(i32, i32)> {
    if let Some(front) = rest.strip_prefix('前') {
        if let Some(quarters) = front.strip_suffix("季度").or_else(|| front.strip_suffix("个季度")) {
            return Some((1, number(quarters.trim_end_matches('个'))? * 3));
        }
        let n_months = front.strip_suffix("个月").or_else(|| front.strip_suffix('月'))?;
        return Some((1, number(n_months)?));
    }
    let written = rest.strip_suffix("月份").or_else(|| rest.strip_suffix('月'))?;
    let (first, last) = ["至", "到", "-", "~"].iter().find_map(|sign| written.split_once(*sign))?;
    let first = first.strip_suffix("月份").or_else(|| first.strip_suffix('月')).unwrap_or(first);
    Some((number(first)?, number(last)?))
}

/// `12月`, `12月份`, `12月底`, `12月5日`, `12月上旬`.
fn month_or_day(rest: &str, year: i32) -> Reading {
    let Some((month, rest)) = rest.split_once('月') else {
        return Ok(None);
    };
    let Some(month) = number(month) else {
        return Ok(None);
    };
    if matches!(rest, "" | "份" | "全月" | "底" | "末" | "份底") {
        return Ok(Some(iso::month_of(year, month)?));
    }
    let third = match rest {
        "上旬" => Some((1, 10)),
        "中旬" => Some((11, 20)),
        "下旬" => Some((21, 31)),
        _ => None,
    };
    if let Some((first, last)) = third {
        iso::month_of(year, month)?;
        let last = last.min(days_in_month(year, month));
        let first = iso::day_of(year, month, first)?;
        return Ok(Some(Period::from_days(first.start_day(), iso::day_of(year, month, last)?.end_day())));
    }
    let day = rest.strip_suffix('日').or_else(|| rest.strip_suffix('号'));
    match day.and_then(number) {
        Some(day) => Ok(Some(iso::day_of(year, month, day)?)),
        None => Ok(None),
    }
}

/// A number up to 9999 in digits, or up to 99 in Chinese numerals.
fn number(text: &str) -> Option<i32> {
    if text.is_ascii() {
        return iso::digits(text.as_bytes()).filter(|number| *number <= 9999);
    }
    let (tens, ones) = match text.split_once('十') {
        None => ("零", text),
        Some(("", ones)) => ("一", ones),
        Some((tens, ones)) => (tens, ones),
    };
    let ones = if ones.is_empty() { "零" } else { ones };
    Some(one_numeral(tens)? * 10 + one_numeral(ones)?)
}

fn one_numeral(text: &str) -> Option<i32> {
    let mut letters = text.chars();
    let value = numeral_digit(letters.next()?)?;
    letters.next().is_none().then_some(value)
}

fn numeral_digit(letter: char) -> Option<i32> {
    let position = "〇一二三四五六七八九".chars().position(|digit| digit == letter);
    match (letter, position) {
        ('零', _) => Some(0),
        (_, Some(position)) => i32::try_from(position).ok(),
        _ => None,
    }
}
