//! Quantities in a text: qualifiers, the number, a range, the unit, in this order.
//!
//! Two ways of reading share one grammar. *Whole*: the text is one quantity, so anything that can be one is.
//! *Running*: the text is prose, so a candidate needs a reason to be one (see `is_credible`).

use std::ops::Range;

use super::body::{self, Attempt, Body};
use super::text::Letters;
use super::words::{
    AFTER, BEFORE, CLASSIFIERS, DATE_ENDINGS, NO_VALUE, RANGE_SIGNS, Sense, longest_at,
};
use super::{Bound, Quantity, QuantityError};
use crate::currency::{self, Currency};
use crate::unit::{COUNT_WORDS, Unit};

/// Longer than any quantity with its words; keeps an accidental document in a cell from being scanned.
const WHOLE_LETTERS_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Whole,
    Running,
}

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

#[derive(Debug, Clone, Copy)]
enum Refusal {
    LooksLike(&'static str),
    Separators,
    ReversedRange,
    OutOfRange,
    NotANumber,
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
                return Err(QuantityError::TrailingText {
                    text: trimmed.to_owned(),
                    rest: rest.trim().to_owned(),
                });
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

/// What the words before a number say.
#[derive(Debug, Default)]
struct Prefix {
    senses: Vec<Sense>,
    currency: Option<Currency>,
    is_between: bool,
    is_per_cent: bool,
    is_negative: bool,
    next: usize,
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
    assemble(&Parts { from, prefix: &prefix, body: &body, first_suffix: &first_suffix, second: range.as_ref(), suffix: &suffix })
}

fn read_prefix(letters: &Letters, from: usize, mode: Mode) -> Prefix {
    let mut prefix = Prefix { next: from, ..Prefix::default() };
    // Eight words are more than anybody puts before a number.
    for _ in 0..8 {
        let at = letters.skip_blanks(prefix.next);
        if prefix.next > from || mode == Mode::Whole {
            prefix.next = at;
        }
        let at = prefix.next;
        if let Some((sense, next)) = longest_at(BEFORE, letters, at).filter(|_| begins_word(letters, at)) {
            prefix.is_between |= letters.word_at(at, "between").is_some();
            prefix.senses.push(sense);
            prefix.next = next;
        } else if let Some(next) = letters.word_at(at, "百分之") {
            prefix.is_per_cent = true;
            prefix.next = next;
        } else if letters.at(at) == '上' && matches!(letters.at(at + 1), '百' | '千' | '万' | '亿') {
            prefix.senses.push(Sense::AtLeast);
            prefix.next = at + 1;
        } else if let Some((currency, next)) = currency_at(letters, at, mode).filter(|_| prefix.currency.is_none()) {
            prefix.currency = Some(currency);
            prefix.next = next;
        } else if is_sign_before_currency(letters, at, mode) {
            prefix.is_negative = letters.at(at) == '-';
            prefix.next = at + 1;
        } else {
            break;
        }
    }
    prefix
}

/// Whether a qualifier may begin here: not within a Latin word, nor as the end of another Chinese word.
fn begins_word(letters: &Letters, at: usize) -> bool {
    let before = letters.before(at);
    match letters.at(at) {
        first if first.is_ascii_alphabetic() => !before.is_ascii_alphanumeric(),
        '过' => !matches!(before, '通' | '经' | '超' | '不' | '曾' | '路'),
        '近' => !matches!(before, '最' | '附' | '靠' | '邻'),
        '约' => !matches!(before, '签' | '合' | '节' | '预' | '条'),
        '共' => !matches!(before, '公' | '一'),
        '为' => !matches!(before, '华' | '因' | '作'),
        '破' => before != '打',
        _ => true,
    }
}

/// `-$5m`: the sign comes before the currency.
fn is_sign_before_currency(letters: &Letters, at: usize, mode: Mode) -> bool {
    let is_sign = matches!(letters.at(at), '-' | '+');
    let is_free = mode == Mode::Whole || !letters.before(at).is_alphanumeric();
    is_sign && is_free && !letters.at(at + 1).is_ascii_digit() && currency_at(letters, at + 1, mode).is_some()
}

/// A currency's sign, name or code at a place, and the index after it.
fn currency_at(letters: &Letters, at: usize, mode: Mode) -> Option<(Currency, usize)> {
    if let Some((code, next)) = longest_at(currency::WRITTEN, letters, at) {
        let begins_in_word = letters.at(at).is_ascii_alphabetic() && letters.before(at).is_ascii_alphabetic();
        return Currency::from_code(code).filter(|_| !begins_in_word).map(|currency| (currency, next));
    }
    // In prose only capitals are a code: "all" and "try" are currencies too.
    let code: String = (at..at + 3).map(|index| letters.written_at(index)).collect();
    let is_code = mode == Mode::Whole || code.chars().all(|letter| letter.is_uppercase());
    let is_one_word = !letters.at(at + 3).is_ascii_alphabetic() && !letters.before(at).is_ascii_alphabetic();
    let currency = Currency::from_code(&code)?;
    (is_code && is_one_word).then_some((currency, at + 3))
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
        let is_year_span = n_more == 4 && matches!(letters.at(body.next + 1), '1' | '2') && !is_scaled_or_unit(letters, end);
        if is_month || is_year_span {
            return Some(("a date", end));
        }
    }
    None
}

fn is_scaled_or_unit(letters: &Letters, at: usize) -> bool {
    let after_blanks = letters.skip_blanks(at);
    let after = letters.at(after_blanks);
    after == '%' || super::han::power(after).is_some() || longest_at(super::words::LATIN_SCALES, letters, after_blanks).is_some()
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

/// What follows a number.
#[derive(Debug, Clone, Default)]
struct Suffix {
    senses: Vec<Sense>,
    unit: Option<Unit>,
    /// Power of ten of a per cent or per mille sign.
    ratio_power: i32,
    has_classifier: bool,
    is_order_of_magnitude: bool,
    next: usize,
}

fn read_suffix(letters: &Letters, from: usize, mode: Mode) -> Suffix {
    let mut suffix = Suffix { next: from, ..Suffix::default() };
    for _ in 0..5 {
        let at = letters.skip_blanks(suffix.next);
        let is_adjacent = at == suffix.next;
        if let Some((sense, next)) = longest_at(AFTER, letters, at) {
            suffix.senses.push(sense);
            suffix.next = next;
        } else if let Some((power, next)) = ratio_at(letters, at, is_adjacent).filter(|_| suffix.unit.is_none()) {
            suffix.unit = Some(Unit::Ratio);
            suffix.ratio_power = power;
            suffix.next = next;
        } else if let Some((word, next)) = longest_at(COUNT_WORDS, letters, at).filter(|_| suffix.unit.is_none()) {
            suffix.unit = Some(Unit::Count(word.to_owned()));
            suffix.next = next;
        } else if let Some((currency, next)) = currency_at(letters, at, mode).filter(|_| suffix.takes_currency()) {
            suffix.unit = Some(Unit::Currency(currency));
            suffix.next = next;
        } else if letters.at(at) == '级' && is_adjacent {
            suffix.is_order_of_magnitude = true;
            suffix.next = at + 1;
        } else if CLASSIFIERS.contains(letters.at(at)) && !suffix.has_classifier {
            suffix.has_classifier = true;
            suffix.next = at + 1;
        } else {
            break;
        }
    }
    suffix
}

impl Suffix {
    /// Whether a currency may follow: once, or a second time as in `5元人民币`.
    fn takes_currency(&self) -> bool {
        self.unit.is_none()
    }
}

const RATIO_SIGNS: &[(&str, i32)] = &[
    ("%", -2),
    ("‰", -3),
    ("percentage points", -2),
    ("percentage point", -2),
    ("percent", -2),
    ("per cent", -2),
    ("pct", -2),
    ("pp", -2),
    ("个百分点", -2),
    ("百分点", -2),
    ("成", -1),
    ("倍", 0),
    ("times", 0),
];

fn ratio_at(letters: &Letters, at: usize, is_adjacent: bool) -> Option<(i32, usize)> {
    if let Some(found) = longest_at(RATIO_SIGNS, letters, at) {
        return Some(found);
    }
    let is_multiple = is_adjacent && matches!(letters.at(at), 'x' | '×') && !letters.at(at + 1).is_alphanumeric();
    is_multiple.then_some((0, at + 1))
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

/// Everything that has been read of one quantity.
struct Parts<'a> {
    from: usize,
    prefix: &'a Prefix,
    body: &'a Body,
    first_suffix: &'a Suffix,
    second: Option<&'a Body>,
    suffix: &'a Suffix,
}

fn assemble(parts: &Parts<'_>) -> Candidate {
    let to = parts.suffix.next;
    match numbers_of(parts) {
        Ok((value, low, high, bound)) => Candidate::Found(Found {
            from: parts.from,
            to,
            value,
            low,
            high,
            bound,
            unit: unit_of(parts),
        }),
        Err(refusal) => Candidate::Refused(refusal, to),
    }
}

type Numbers = (f64, Option<f64>, Option<f64>, Bound);

fn numbers_of(parts: &Parts<'_>) -> Result<Numbers, Refusal> {
    let ratio_power = if parts.prefix.is_per_cent { -2 } else { parts.suffix.ratio_power };
    let is_decline = parts.prefix.senses.contains(&Sense::Decline);
    let sign = |body: &Body| if body.is_negative != (parts.prefix.is_negative != is_decline) { -1.0 } else { 1.0 };
    let value_of = |decimal: super::decimal::Decimal| decimal.shifted(ratio_power).value().ok_or(Refusal::OutOfRange);
    if let Some(second) = parts.second {
        let high = sign(second) * value_of(second.low.clone())?;
        let low = sign(parts.body) * value_of(range_start(parts, second))?;
        if low > high && !is_decline {
            return Err(Refusal::ReversedRange);
        }
        return Ok(range(low.min(high), low.max(high)));
    }
    let magnitude = parts.body.low.clone();
    if let Some(high) = order_of_magnitude_or_range(parts) {
        let (low, high) = (sign(parts.body) * value_of(magnitude)?, sign(parts.body) * value_of(high)?);
        return Ok(range(low.min(high), low.max(high)));
    }
    let value = sign(parts.body) * value_of(magnitude.clone())?;
    let bound = match (bound_of(parts), value < 0.0) {
        // A decline of more than 3 % is a change of at most −3 %.
        (Bound::AtLeast, true) if is_decline => Bound::AtMost,
        (Bound::AtMost, true) if is_decline => Bound::AtLeast,
        (bound, _) => bound,
    };
    Ok(match bound {
        Bound::AtLeast => (value, Some(value), None, bound),
        Bound::AtMost => (value, None, Some(value), bound),
        Bound::Approximate => {
            let (below, above) = magnitude.shifted(ratio_power).rounding_interval().ok_or(Refusal::OutOfRange)?;
            let (low, high) = if value < 0.0 { (-above, -below) } else { (below, above) };
            (value, Some(low), Some(high), bound)
        }
        Bound::Exact | Bound::Range => (value, None, None, Bound::Exact),
    })
}

fn range(low: f64, high: f64) -> Numbers {
    (low / 2.0 + high / 2.0, Some(low), Some(high), Bound::Range)
}

/// The first number of a range, with the scale of the second where it has none of its own: `10-15亿`.
fn range_start(parts: &Parts<'_>, second: &Body) -> super::decimal::Decimal {
    let start = parts.body.low.clone();
    let has_own_unit = parts.first_suffix.ratio_power != 0;
    if parts.body.has_scale || !second.has_scale || has_own_unit {
        return start;
    }
    let scaled = start.clone().shifted(second.power);
    let is_in_order = match (scaled.value(), second.low.value()) {
        (Some(low), Some(high)) => low <= high,
        _ => false,
    };
    if is_in_order { scaled } else { start }
}

/// The upper end where one number stands for a range: `三四百万`, `数亿`, `百万级`.
fn order_of_magnitude_or_range(parts: &Parts<'_>) -> Option<super::decimal::Decimal> {
    if let Some(high) = &parts.body.high {
        return Some(high.clone());
    }
    if !parts.suffix.is_order_of_magnitude {
        return None;
    }
    let value = parts.body.low.value()?;
    let is_power_of_ten = parts.body.is_only_units || value.log10().fract() == 0.0;
    is_power_of_ten.then(|| super::decimal::Decimal::from_integer(999).shifted(-2).shifted(value.log10() as i32))
}

fn bound_of(parts: &Parts<'_>) -> Bound {
    let mut senses = parts.prefix.senses.iter().chain(&parts.suffix.senses);
    let says = |wanted: Sense| senses.clone().any(|sense| *sense == wanted);
    if parts.body.is_at_least || says(Sense::AtLeast) {
        return Bound::AtLeast;
    }
    if says(Sense::AtMost) {
        return Bound::AtMost;
    }
    let is_bare_unit = parts.body.is_only_units;
    if is_bare_unit || senses.any(|sense| *sense == Sense::About) {
        return Bound::Approximate;
    }
    Bound::Exact
}

fn unit_of(parts: &Parts<'_>) -> Option<Unit> {
    if parts.prefix.senses.contains(&Sense::Ordinal) {
        return Some(Unit::Count("rank".to_owned()));
    }
    if parts.prefix.is_per_cent {
        return Some(Unit::Ratio);
    }
    // 港币5000元: the sign before says more than the plain 元 after.
    if let Some(currency) = parts.prefix.currency {
        return Some(Unit::Currency(currency));
    }
    parts.suffix.unit.clone().or_else(|| parts.first_suffix.unit.clone())
}

impl Found {
    fn into_quantity(self, letters: &Letters) -> Quantity {
        let span: Range<usize> = letters.span(self.from, self.to);
        Quantity { value: self.value, low: self.low, high: self.high, bound: self.bound, unit: self.unit, span }
    }
}

impl Refusal {
    fn of_text(self, text: &str) -> QuantityError {
        let text = text.to_owned();
        match self {
            Refusal::LooksLike(what) => QuantityError::LooksLike { text, what },
            Refusal::Separators => QuantityError::Separators { text },
            Refusal::ReversedRange => QuantityError::ReversedRange { text },
            Refusal::OutOfRange => QuantityError::OutOfRange { text: text.chars().take(80).collect() },
            Refusal::NotANumber => QuantityError::NotANumber { text },
        }
    }
}
