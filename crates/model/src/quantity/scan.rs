//! Quantities in a text: qualifiers, the number, a range, the unit, in this order.
//!
//! Two ways of reading share one grammar. *Whole*: the text is one quantity, so anything that can be one is.
//! *Running*: the text is prose, so a candidate needs a reason to be one (see `is_credible`).

use std::ops::Range;

use super::affix::{Mode, Prefix, Suffix, currency_at, read_prefix, read_suffix};
use super::body::{self, Attempt, Body};
use super::meaning::{Parts, Refusal, numbers_of, unit_of};
use super::text::Letters;
use super::words::{CLASSIFIERS, DATE_ENDINGS, NO_VALUE, RANGE_SIGNS, Sense, longest_at};
use super::{Bound, Quantity, QuantityError};
use crate::unit::Unit;

/// Longer than any quantity with its words; keeps an accidental document in a cell from being scanned.
const WHOLE_LETTERS_MAX: usize = 200;

/// What stands at a place in the text.
enum Candidate {
    Found(Found),
    /// Something like a number that isn't a quantity, up to the index.
    Refused(Refusal, usize),
    Nothing,
}

struct Found {
    from: usize,
    to: usize,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    bound: Bound,
    unit: Option<Unit>,
}

pub(super) fn whole(text: &str) -> Result<Quantity, QuantityError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(QuantityError::Empty);
    }
    let letters = Letters::of(text);
    if letters.len() > WHOLE_LETTERS_MAX {
        return Err(QuantityError::OutOfRange { text: trimmed.chars().take(80).collect() });
    }
    if NO_VALUE.contains(&trimmed.to_lowercase().as_str()) {
        return Err(QuantityError::NoValue { text: trimmed.to_owned() });
    }
    let from = letters.skip_blanks(0);
    if let Some(quantity) = accounting_negative(text, &letters, from) {
        return Ok(quantity);
    }
    match candidate_at(&letters, from, Mode::Whole) {
        Candidate::Found(found) => {
            let end = skip_closing(&letters, found.to);
            if end < letters.len() {
                let rest = &text[letters.span(found.to, letters.len())];
                return Err(QuantityError::TrailingText { text: trimmed.to_owned(), rest: rest.trim().to_owned() });
            }
            Ok(found.into_quantity(&letters))
        }
        Candidate::Refused(refusal, _) => Err(refusal.of_text(trimmed)),
        Candidate::Nothing => Err(QuantityError::NotANumber { text: trimmed.to_owned() }),
    }
}

pub(super) fn all(text: &str) -> Vec<Quantity> {
    let letters = Letters::of(text);
    let mut quantities = Vec::new();
    let mut index = 0;
    while index < letters.len() {
        match candidate_at(&letters, index, Mode::Running) {
            Candidate::Found(found) => {
                index = found.to.max(index + 1);
                quantities.push(found.into_quantity(&letters));
            }
            Candidate::Refused(_, next) => index = next.max(index + 1),
            Candidate::Nothing => index += 1,
        }
    }
    quantities
}

/// `(1,234)` is minus 1234 where a whole cell is written so.
fn accounting_negative(text: &str, letters: &Letters, from: usize) -> Option<Quantity> {
    let last = (from..letters.len()).rev().find(|index| !letters.at(*index).is_whitespace())?;
    if letters.at(from) != '(' || letters.at(last) != ')' || last <= from + 1 {
        return None;
    }
    let inner = letters.span(from + 1, last);
    let quantity = whole(&text[inner]).ok()?;
    let is_plain = quantity.bound == Bound::Exact && quantity.value >= 0.0;
    is_plain.then(|| Quantity { value: -quantity.value, span: letters.span(from, last + 1), ..quantity })
}

/// Index after full stops, commas and one note in brackets that end a cell.
fn skip_closing(letters: &Letters, index: usize) -> usize {
    let mut next = letters.skip_blanks(index);
    let is_note = letters.at(next) == '(';
    if is_note && (next..letters.len()).any(|at| letters.at(at) == ')') {
        while letters.at(next) != ')' {
            next += 1;
        }
        next += 1;
    }
    while matches!(letters.at(next), '.' | ',' | ';' | '。' | '、') || letters.at(next).is_whitespace() {
        next += 1;
    }
    next
}

fn candidate_at(letters: &Letters, from: usize, mode: Mode) -> Candidate {
    let prefix = read_prefix(letters, from, mode);
    let at = prefix.next;
    if mode == Mode::Running && !may_begin_here(letters, at, from) {
        return Candidate::Nothing;
    }
    let body = match body::read(letters, at) {
        Attempt::Number(body) => body,
        Attempt::BadSeparators(next) => return Candidate::Refused(Refusal::Separators, next),
        Attempt::TooLong(next) => return Candidate::Refused(Refusal::OutOfRange, next),
        Attempt::Nothing => return Candidate::Nothing,
    };
    if let Some((what, next)) = looks_like(letters, at, &body, &prefix) {
        return Candidate::Refused(Refusal::LooksLike(what), next);
    }
    let first_suffix = read_suffix(letters, body.next, mode);
    let range = read_range_end(letters, &body, &first_suffix, &prefix);
    let (last, suffix) = match &range {
        Some(second) => (second, read_suffix(letters, second.next, mode)),
        None => (&body, first_suffix.clone()),
    };
    if let Some(what) = date_or_duration_after(letters, last, &suffix) {
        return Candidate::Refused(Refusal::LooksLike(what), suffix.next.max(last.next) + 1);
    }
    if mode == Mode::Running && !is_credible(letters, at, last, &prefix, &suffix) {
        return Candidate::Refused(Refusal::NotANumber, last.next);
    }
    assemble(&Parts {
        from,
        prefix: &prefix,
        body: &body,
        first_suffix: &first_suffix,
        second: range.as_ref(),
        suffix: &suffix,
    })
}

/// Whether a number in prose may begin here: `4` of `GPT-4` and `5` of `v1.5` are part of a name.
fn may_begin_here(letters: &Letters, at: usize, from: usize) -> bool {
    let has_prefix = at > from;
    let before = letters.before(at);
    let first = letters.at(at);
    let is_sign = matches!(first, '-' | '+' | '–');
    if is_sign {
        return has_prefix || !(before.is_alphanumeric() || before == ')');
    }
    if has_prefix {
        return true;
    }
    if first.is_ascii_digit() {
        let joins_name = matches!(before, '-' | '–' | '_' | '/' | '.' | ',' | ':' | '\'' | '#')
            && at.checked_sub(1).is_some_and(|sign| letters.before(sign).is_ascii_alphanumeric());
        let is_padded = first == '0' && letters.at(at + 1).is_ascii_digit();
        return !before.is_ascii_alphanumeric() && !joins_name && !is_padded;
    }
    // 零一万物 is a name; 第一 is an ordinal, which has a prefix.
    !matches!(first, '零' | '〇') && super::han::digit(before).is_none()
}

/// Dates, times, fractions and versions, by what is around the digits.
fn looks_like(letters: &Letters, at: usize, body: &Body, prefix: &Prefix) -> Option<(&'static str, usize)> {
    let after = letters.at(body.next);
    let is_followed_by_digit = letters.at(body.next + 1).is_ascii_digit();
    let is_plain = !body.has_scale && body.n_han == 0;
    if is_plain && is_followed_by_digit && matches!(after, '/' | ':') {
        let what = if after == ':' { "a time" } else { "a fraction or a date" };
        return Some((what, skip_digits_and_signs(letters, body.next)));
    }
    let n_digits = body.digits_end - at;
    let is_year = is_plain && n_digits == 4 && matches!(letters.at(at), '1' | '2') && prefix.currency.is_none();
    if is_year && matches!(after, '-' | '–') {
        let end = skip_digits_and_signs(letters, body.next);
        let n_more = (body.next + 1..end).take_while(|index| letters.at(*index).is_ascii_digit()).count();
        let is_month = n_more == 2 && !is_scaled_or_unit(letters, end);
        let is_year_span =
            n_more == 4 && matches!(letters.at(body.next + 1), '1' | '2') && !is_scaled_or_unit(letters, end);
        if is_month || is_year_span {
            return Some(("a date", end));
        }
    }
    None
}

fn is_scaled_or_unit(letters: &Letters, at: usize) -> bool {
    let after_blanks = letters.skip_blanks(at);
    let after = letters.at(after_blanks);
    after == '%'
        || super::han::power(after).is_some()
        || longest_at(super::words::LATIN_SCALES, letters, after_blanks).is_some()
        || CLASSIFIERS.contains(after)
        || currency_at(letters, after_blanks, Mode::Running).is_some()
}

fn skip_digits_and_signs(letters: &Letters, mut at: usize) -> usize {
    while letters.at(at).is_ascii_digit() || matches!(letters.at(at), '/' | ':' | '-' | '–' | '.') {
        at += 1;
    }
    at
}

fn date_or_duration_after(letters: &Letters, last: &Body, suffix: &Suffix) -> Option<&'static str> {
    let after_blanks = letters.skip_blanks(last.next);
    let has_unit = suffix.unit.is_some();
    let ends_like_date = DATE_ENDINGS.iter().any(|ending| letters.word_at(after_blanks, ending).is_some());
    if ends_like_date && !has_unit && !last.has_scale {
        return Some("a date");
    }
    let ends_in_measure = suffix.has_classifier && matches!(letters.at(suffix.next), '月' | '季' | '星');
    ends_in_measure.then_some("a duration")
}

/// The second number of a range, if a sign of range and a number follow.
fn read_range_end(letters: &Letters, first: &Body, first_suffix: &Suffix, prefix: &Prefix) -> Option<Body> {
    if first.high.is_some() || !first_suffix.senses.is_empty() {
        return None;
    }
    let at = first_suffix.next;
    let next = range_sign_at(letters, at, prefix.is_between)?;
    let after = letters.skip_blanks(next);
    let number_at = currency_at(letters, after, Mode::Running).map_or(after, |(_, next)| letters.skip_blanks(next));
    match body::read(letters, number_at) {
        Attempt::Number(second) if second.high.is_none() => Some(second),
        _ => None,
    }
}

fn range_sign_at(letters: &Letters, at: usize, is_between: bool) -> Option<usize> {
    for sign in RANGE_SIGNS {
        let is_and = *sign == " and ";
        if is_and && !is_between {
            continue;
        }
        let begins = if sign.starts_with(' ') { at } else { letters.skip_blanks(at) };
        if let Some(next) = letters.word_at(begins, sign) {
            return Some(next);
        }
    }
    None
}

/// Whether a candidate in prose is meant as a quantity.
fn is_credible(letters: &Letters, at: usize, last: &Body, prefix: &Prefix, suffix: &Suffix) -> bool {
    let has_unit = suffix.unit.is_some() || prefix.currency.is_some() || prefix.is_per_cent;
    let is_ordinal = prefix.senses.contains(&Sense::Ordinal);
    if is_ordinal {
        let is_chinese = letters.before(at) == '第';
        return !is_chinese || matches!(letters.at(last.next), '名' | '位');
    }
    if last.n_han == 0 {
        let runs_into_word = letters.at(last.next).is_ascii_alphanumeric() && suffix.next == last.next;
        return !runs_into_word;
    }
    if last.is_only_units {
        let is_qualified = prefix.senses.iter().any(|sense| *sense != Sense::Neutral);
        return suffix.is_order_of_magnitude || (last.has_scale && (has_unit || is_qualified));
    }
    let is_scaled = last.has_scale && letters.at(last.next) != '物';
    has_unit || is_scaled || (suffix.has_classifier && last.n_han > 1)
}

fn assemble(parts: &Parts<'_>) -> Candidate {
    let to = parts.suffix.next;
    match numbers_of(parts) {
        Ok((value, low, high, bound)) => {
            Candidate::Found(Found { from: parts.from, to, value, low, high, bound, unit: unit_of(parts) })
        }
        Err(refusal) => Candidate::Refused(refusal, to),
    }
}

impl Found {
    fn into_quantity(self, letters: &Letters) -> Quantity {
        let span: Range<usize> = letters.span(self.from, self.to);
        Quantity { value: self.value, low: self.low, high: self.high, bound: self.bound, unit: self.unit, span }
    }
}
