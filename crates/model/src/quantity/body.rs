//! The number itself: digits or Chinese numerals, with sign and scale, without qualifiers and unit.

use super::decimal::{self, Decimal, Digits};
use super::han;
use super::text::Letters;
use super::words::{LATIN_SCALES, SEVERAL, longest_at};

/// A number with its scale.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) low: Decimal,
    /// The larger number of a range (`三四百万`) or vague number (`数亿`).
    pub(super) high: Option<Decimal>,
    pub(super) is_negative: bool,
    /// Whether `多`, `余` or the like stands within it.
    pub(super) is_at_least: bool,
    /// Whether a scale is written.
    pub(super) has_scale: bool,
    /// Whether it is nothing but Chinese units, as in `千亿`.
    pub(super) is_only_units: bool,
    /// The power of ten of its scale.
    pub(super) power: i32,
    /// Number of characters if it is in Chinese numerals, else 0.
    pub(super) n_han: usize,
    /// First letter after its digits, before its scale.
    pub(super) digits_end: usize,
    /// First letter after it.
    pub(super) next: usize,
}

/// What stands where a number could begin.
#[derive(Debug)]
pub(super) enum Attempt {
    Number(Body),
    /// Digits that are no number in any locale, up to the index.
    BadSeparators(usize),
    /// Too many digits, up to the index.
    TooLong(usize),
    Nothing,
}

/// Reads a sign, a number and its scale.
pub(super) fn read(letters: &Letters, index: usize) -> Attempt {
    let sign = letters.at(index);
    let has_sign = matches!(sign, '-' | '+' | '–');
    let first = if has_sign { index + 1 } else { index };
    let is_fraction = Decimal::from_fraction(letters.at(first)).is_some();
    let attempt = if letters.at(first).is_ascii_digit() || is_fraction {
        read_digits(letters, first)
    } else if let Some(body) = read_several(letters, first) {
        Attempt::Number(body)
    } else {
        read_numeral(letters, first)
    };
    match attempt {
        Attempt::Number(body) => Attempt::Number(Body { is_negative: has_sign && sign != '+', ..body }),
        other => other,
    }
}

fn read_digits(letters: &Letters, index: usize) -> Attempt {
    let (number, digits_end) = if letters.at(index).is_ascii_digit() {
        match decimal::read(letters, index) {
            Digits::Number(number, next) => (number, next),
            Digits::BadSeparators(next) => return Attempt::BadSeparators(next),
            Digits::TooLong(next) => return Attempt::TooLong(next),
        }
    } else {
        (Decimal::from_integer(0), index)
    };
    let fraction = Decimal::from_fraction(letters.at(digits_end));
    let (number, digits_end) = match fraction.and_then(|fraction| number.plus(&fraction)) {
        Some(sum) => (sum, digits_end + 1),
        None => (number, digits_end),
    };
    let scale = read_scale(letters, digits_end);
    let body = Body {
        low: number.shifted(scale.power),
        high: None,
        is_negative: false,
        is_at_least: scale.is_at_least,
        has_scale: scale.is_written,
        is_only_units: false,
        power: scale.power,
        n_han: 0,
        digits_end,
        next: scale.next,
    };
    Attempt::Number(with_smaller_part(letters, body))
}

/// `1亿2000万`: a second number with a smaller scale adds to the first.
fn with_smaller_part(letters: &Letters, body: Body) -> Body {
    let is_chinese_scale = body.has_scale && han::power(letters.before(body.next)).is_some();
    if !is_chinese_scale || body.is_at_least || !letters.at(body.next).is_ascii_digit() {
        return body;
    }
    let Digits::Number(number, digits_end) = decimal::read(letters, body.next) else {
        return body;
    };
    let scale = read_scale(letters, digits_end);
    let smaller = number.shifted(scale.power);
    let is_smaller = scale.is_written && scale.power < body.power && smaller.is_below_power(body.power);
    match body.low.plus(&smaller) {
        Some(sum) if is_smaller => Body { low: sum, is_at_least: scale.is_at_least, next: scale.next, ..body },
        _ => body,
    }
}

/// `several hundred million`.
fn read_several(letters: &Letters, index: usize) -> Option<Body> {
    let latin = SEVERAL.iter().filter(|word| word.is_ascii());
    let after = latin.filter_map(|word| letters.word_at(index, word)).max()?;
    let scale = read_scale(letters, after);
    if !scale.is_written {
        return None;
    }
    Some(Body {
        low: Decimal::from_integer(1).shifted(scale.power),
        high: Some(Decimal::from_integer(999).shifted(scale.power - 2)),
        is_negative: false,
        is_at_least: false,
        has_scale: true,
        is_only_units: false,
        power: scale.power,
        n_han: 0,
        digits_end: after,
        next: scale.next,
    })
}

fn read_numeral(letters: &Letters, index: usize) -> Attempt {
    let Some(numeral) = han::read(letters, index) else {
        return Attempt::Nothing;
    };
    Attempt::Number(Body {
        low: numeral.low,
        high: numeral.high,
        is_negative: false,
        is_at_least: numeral.is_at_least,
        has_scale: numeral.has_scale,
        is_only_units: numeral.is_only_units,
        power: 0,
        n_han: numeral.n_letters,
        digits_end: numeral.next,
        next: numeral.next,
    })
}

#[derive(Debug)]
struct Scale {
    power: i32,
    is_written: bool,
    is_at_least: bool,
    next: usize,
}

/// Scales in a row multiply: `百万`, `万亿`, `hundred million`.
fn read_scale(letters: &Letters, index: usize) -> Scale {
    let mut scale = Scale { power: 0, is_written: false, is_at_least: false, next: index };
    loop {
        let adjacent = scale.next;
        let after_blanks = letters.skip_blanks(adjacent);
        let is_open =
            matches!(letters.at(after_blanks), '多' | '余') && han::power(letters.at(after_blanks + 1)).is_some();
        let at = if is_open { after_blanks + 1 } else { after_blanks };
        if let Some(power) = han::power(letters.at(at)) {
            scale.power = scale.power.saturating_add(i32::try_from(power).unwrap_or(0));
            scale.is_at_least |= is_open;
            scale.next = at + 1;
        } else if let Some((power, next)) = latin_scale(letters, adjacent, after_blanks) {
            scale.power = scale.power.saturating_add(power);
            scale.next = next;
        } else {
            return scale;
        }
        scale.is_written = true;
    }
}

/// A scale in Latin letters; a single letter only right behind the number (`5 m` is a length).
fn latin_scale(letters: &Letters, adjacent: usize, after_blanks: usize) -> Option<(i32, usize)> {
    let (power, next) = longest_at(LATIN_SCALES, letters, after_blanks)?;
    let is_single_letter = next - after_blanks == 1;
    let is_too_far = is_single_letter && after_blanks > adjacent;
    let is_inside_word = letters.at(next).is_ascii_digit() || matches!(letters.at(next), '²' | '³');
    (!is_too_far && !is_inside_word).then_some((power, next))
}
