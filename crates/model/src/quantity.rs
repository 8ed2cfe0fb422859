//! Numbers as people write them: in digits or Chinese numerals, with scales, qualifiers, ranges and units.
//!
//! Text flows in; out come a value, the bounds that the writing implies, the unit and the exact place in the text.
//! Every value is made from decimal digits and a power of ten and rounded once, so `1.87亿` is exactly 187,000,000
//! and `149.03%` exactly the double nearest 1.4903.
//!
//! How separators are read (`decimal`): with both `.` and `,` the last is the decimal sign; several of one kind are
//! thousands separators, in groups of three, of two and three (Indian) or of four (Chinese); a single `,` before
//! exactly three digits separates thousands, before one or two it is the decimal sign; a single `.` is always the
//! decimal sign. What fits none of these is an error, never a guess.
//!
//! To add a word (a qualifier, a scale): a row in `quantity/words.rs` and a case in `tests/cases/quantities.toml`.

mod affix;
mod body;
mod decimal;
mod han;
mod meaning;
mod scan;
mod text;
mod words;

use std::ops::Range;

use crate::unit::Unit;
use crate::word::word_enum;

word_enum! {
    /// What a written number says about its exactness.
    pub enum Bound called "bound" {
        /// The number itself.
        Exact = "exact",
        /// About that: `约`, `近`, `around`, `左右`.
        Approximate = "approximate",
        /// That or more: `超`, `over`, `余`, `+`.
        AtLeast = "at_least",
        /// That or less: `不到`, `under`, `up to`.
        AtMost = "at_most",
        /// Between two numbers: `10-15亿`, `三四百万`, `数亿`.
        Range = "range",
    }
}

/// A number found in a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The number in `unit`; a percentage as a ratio (5 % is 0.05); the midpoint of a range.
    pub value: f64,
    /// Lower bound that the writing implies; see [`Quantity::high`].
    pub low: Option<f64>,
    /// Upper bound that the writing implies.
    ///
    /// | bound | low | high |
    /// |---|---|---|
    /// | exact | – | – |
    /// | at least (`超230个`) | the number; whether it is itself possible depends on the word and is not kept | – |
    /// | at most (`不到5%`) | – | the number, as above |
    /// | range (`10-15亿`) | the smaller, included | the larger, included |
    /// | range, vague (`数亿`) | 1 × the scale | 9.99 × the scale |
    /// | approximate (`近1.87亿`) | half a step below | half a step above |
    ///
    /// A step is one unit of the last significant digit written: 0.01亿 for `1.87亿`, 1000万 for `3000万`, whose
    /// zeros say nothing.
    pub high: Option<f64>,
    /// What the writing says about exactness.
    pub bound: Bound,
    /// The unit, if one is written: a currency, a ratio (`%`, `倍`), or what is counted.
    pub unit: Option<Unit>,
    /// Bytes of the text that the number takes up, with qualifiers and unit.
    pub span: Range<usize>,
}

/// Why a text is not one quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// There is nothing to read.
    #[error("empty: expected a number such as 1,520, 7116万 or 3.3bn")]
    Empty,
    /// The text says that there's no value.
    #[error("{text:?} says that there is no value: leave the row out or the cell empty")]
    NoValue {
        /// The text as found.
        text: String,
    },
    /// The text does not begin with a number.
    #[error("{text:?} is not a number: expected one such as 1,520, 7116万 or 3.3bn")]
    NotANumber {
        /// The text as found.
        text: String,
    },
    /// It's a date, a time, a version or a fraction.
    #[error("{text:?} looks like {what}, not a quantity: map the column to another field, or write a plain number")]
    LooksLike {
        /// The text as found.
        text: String,
        /// What it looks like.
        what: &'static str,
    },
    /// The separators fit no locale.
    #[error("{text:?}: the separators fit no way of writing numbers: write 1,234,567.89 or 1.234.567,89")]
    Separators {
        /// The text as found.
        text: String,
    },
    /// The range runs downward.
    #[error("{text:?}: the range begins with its larger number: write the smaller first")]
    ReversedRange {
        /// The text as found.
        text: String,
    },
    /// A quantity is there, with other words after it.
    #[error("{text:?}: {rest:?} follows the number: keep only the number and its unit")]
    TrailingText {
        /// The text as found.
        text: String,
        /// What follows the number.
        rest: String,
    },
    /// Too large for a double, or longer than any number is written.
    #[error("{text:?} is out of range: numbers up to 1e308 with at most 60 digits can be read")]
    OutOfRange {
        /// The text as found, cut after 80 characters.
        text: String,
    },
}

/// Reads a text that is one quantity, with nothing else but words that belong to it.
///
/// Qualifiers (`约`, `over`), neutral words (`共计`, `环比增长`), classifiers (`个`, `家`), a unit and a note in
/// brackets at the end (`(不含税)`) belong to it. Words of decline (`下降3%`) make the value negative, and so do
/// brackets around a number (`(1,234)`, as accountants write).
///
/// # Errors
/// [`QuantityError`], which says why it isn't one and what to write instead.
pub fn parse_quantity(text: &str) -> Result<Quantity, QuantityError> {
    scan::whole(text)
}

/// All quantities in running text, in order; never overlapping.
///
/// More careful than [`parse_quantity`]: dates, versions and model names (`GPT-4`, `2024年`, `1.2.3`) are passed
/// over, and Chinese numerals count only with a scale of 万 or 亿, a unit or a qualifier (`一些` is no number).
/// Time is linear in the text.
pub fn find_quantities(text: &str) -> Vec<Quantity> {
    scan::all(text)
}

/// Value of a plain ASCII number: sign, digits with at most one point, exponent; nothing else, no blanks.
///
/// The import's fast path. `None` for everything else, `inf` and `nan` included, and for what overflows.
/// Method: Lemire, "Number Parsing at a Gigabyte per Second" (2021), through `fast_float2`.
pub fn parse_plain_number(text: &[u8]) -> Option<f64> {
    let unsigned = match text {
        [b'+', rest @ ..] => rest,
        [b'-', rest @ ..] => rest,
        rest => rest,
    };
    let begins_with_digit = unsigned.first()?.is_ascii_digit();
    // The parser below also takes a trailing point, and "infinity", which the first digit rules out.
    if !begins_with_digit || text.last() == Some(&b'.') || has_point_without_digit(unsigned) {
        return None;
    }
    let number: f64 = fast_float2::parse(text).ok()?;
    number.is_finite().then_some(number)
}

/// Whether a point is followed by an exponent at once, as in `1.e5`.
fn has_point_without_digit(unsigned: &[u8]) -> bool {
    let Some(point) = unsigned.iter().position(|byte| *byte == b'.') else {
        return false;
    };
    !unsigned.get(point + 1).is_some_and(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_are_digits_and_nothing_else() {
        assert_eq!(parse_plain_number(b"71160000"), Some(71_160_000.0));
        assert_eq!(parse_plain_number(b"-0.5"), Some(-0.5));
        assert_eq!(parse_plain_number(b"+1.5e3"), Some(1500.0));
        for text in
            ["", "-", ".5", "5.", "1.e5", "1,000", " 1", "1 ", "inf", "nan", "0x10", "1e", "1e999", "--1", "+-1"]
        {
            assert_eq!(parse_plain_number(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_span_is_the_number_with_its_words() {
        let text = "豆包的用户超过7116萬,排名第一";
        let found = find_quantities(text);
        assert_eq!(&text[found[0].span.clone()], "超过7116萬");
        assert_eq!(found.len(), 1);
    }

    // A hundred thousand letters of anything that keeps a reader busy: quadratic time would not end here.
    #[test]
    fn long_prose_is_read_in_linear_time() {
        for piece in [" ", "1", "1,", "一", "零", "约", "近 ", "1-", "(", "$", "万"] {
            let _ = find_quantities(&piece.repeat(100_000 / piece.len()));
        }
        let cell = "1 ".repeat(1_000_000);
        assert!(matches!(parse_quantity(&cell), Err(QuantityError::OutOfRange { .. })));
    }

    #[test]
    fn an_error_says_what_to_do() {
        let error = parse_quantity("2024年").unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"2024年\" looks like a date, not a quantity: map the column to another field, or write a plain number"
        );
    }
}
