//! What stands before and after a number: qualifiers, currencies, units, classifiers.

use super::text::Letters;
use super::words::{AFTER, BEFORE, CLASSIFIERS, Sense, longest_at};
use crate::currency::{self, Currency};
use crate::unit::{COUNT_WORDS, Unit};

/// Whether the text is one quantity, or prose that holds some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Whole,
    Running,
}

/// What the words before a number say.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    pub(super) senses: Vec<Sense>,
    pub(super) currency: Option<Currency>,
    pub(super) is_between: bool,
    pub(super) is_per_cent: bool,
    pub(super) is_negative: bool,
    pub(super) next: usize,
}

pub(super) fn read_prefix(letters: &Letters, from: usize, mode: Mode) -> Prefix {
    let mut prefix = Prefix { next: from, ..Prefix::default() };
    // Eight words are more than anybody puts before a number.
    for _ in 0..8 {
        // In prose a candidate begins with its first word, never with blanks: that keeps runs of them linear.
        if prefix.next > from || mode == Mode::Whole {
            prefix.next = letters.skip_blanks(prefix.next);
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
pub(super) fn currency_at(letters: &Letters, at: usize, mode: Mode) -> Option<(Currency, usize)> {
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

/// What follows a number.
#[derive(Debug, Clone, Default)]
pub(super) struct Suffix {
    pub(super) senses: Vec<Sense>,
    pub(super) unit: Option<Unit>,
    /// Power of ten of a per cent or per mille sign.
    pub(super) ratio_power: i32,
    pub(super) has_classifier: bool,
    pub(super) is_order_of_magnitude: bool,
    pub(super) next: usize,
}

pub(super) fn read_suffix(letters: &Letters, from: usize, mode: Mode) -> Suffix {
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
        } else if let Some((currency, next)) = currency_at(letters, at, mode).filter(|_| suffix.unit.is_none()) {
            suffix.unit = Some(Unit::Currency(currency));
            suffix.next = next;
        } else if let Some((word, next)) = longest_at(COUNT_WORDS, letters, at).filter(|_| suffix.unit.is_none()) {
            suffix.unit = Some(Unit::Count(word.to_owned()));
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
