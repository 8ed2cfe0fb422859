//! Decimal numbers: digits and a power of ten, rounded to a double once, at the end.

use super::text::Letters;

/// More digits than any figure has; longer runs are identifiers.
const DIGITS_MAX: usize = 60;

/// A decimal number, exactly as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    /// Digits without leading zeros; empty for zero.
    digits: String,
    /// Power of ten that the digits are to be multiplied by.
    exponent: i32,
    /// Whether zeros at the end of the digits were written to be exact (after a decimal sign).
    zeros_count: bool,
}

impl Decimal {
    pub(super) fn from_integer(number: u128) -> Decimal {
        Decimal::from_digits(&number.to_string(), 0, false)
    }

    /// What one character stands for that is a fraction: `½` is 0.5. Thirds and their like have no end in decimals.
    pub(super) fn from_fraction(letter: char) -> Option<Decimal> {
        let (digits, n_decimals) = match letter {
            '½' => ("5", 1),
            '¼' => ("25", 2),
            '¾' => ("75", 2),
            '⅕' => ("2", 1),
            '⅖' => ("4", 1),
            '⅗' => ("6", 1),
            '⅘' => ("8", 1),
            '⅛' => ("125", 3),
            '⅜' => ("375", 3),
            '⅝' => ("625", 3),
            '⅞' => ("875", 3),
            '⅒' => ("1", 1),
            _ => return None,
        };
        Some(Decimal::from_digits(digits, n_decimals, true))
    }

    fn from_digits(digits: &str, n_decimals: i32, zeros_count: bool) -> Decimal {
        Decimal { digits: digits.trim_start_matches('0').to_owned(), exponent: -n_decimals, zeros_count }
    }

    /// The number times a power of ten.
    pub(super) fn shifted(mut self, powers_of_ten: i32) -> Decimal {
        self.exponent = self.exponent.saturating_add(powers_of_ten);
        self
    }

    /// The double nearest to the number; `None` if it is too large for one.
    pub(super) fn value(&self) -> Option<f64> {
        if self.digits.is_empty() {
            return Some(0.0);
        }
        let number: f64 = fast_float2::parse(format!("{}e{}", self.digits, self.exponent)).ok()?;
        number.is_finite().then_some(number)
    }

    /// Doubles half a step below and above, where a step is one unit of the last significant digit.
    pub(super) fn rounding_interval(&self) -> Option<(f64, f64)> {
        let significant = if self.zeros_count { &self.digits } else { self.digits.trim_end_matches('0') };
        let n_dropped = i32::try_from(self.digits.len() - significant.len()).ok()?;
        let exponent = self.exponent.checked_add(n_dropped)?.checked_sub(1)?;
        // With one more digit, half a step is 5; eighteen digits are within a u128.
        if significant.len() > 17 {
            let value = self.value()?;
            return Some((value, value));
        }
        let tenfold = significant.parse::<u128>().unwrap_or(0) * 10;
        let below = Decimal::from_integer(tenfold.saturating_sub(5)).shifted(exponent);
        let above = Decimal::from_integer(tenfold + 5).shifted(exponent);
        Some((below.value()?, above.value()?))
    }

    /// The sum of two numbers that are not negative, for `1亿2000万` and `1½`.
    pub(super) fn plus(&self, other: &Decimal) -> Option<Decimal> {
        let exponent = self.exponent.min(other.exponent);
        let sum = self.scaled_to(exponent)?.checked_add(other.scaled_to(exponent)?)?;
        Some(Decimal {
            digits: if sum == 0 { String::new() } else { sum.to_string() },
            exponent,
            zeros_count: other.zeros_count,
        })
    }

    /// Whether the number is below a power of ten.
    pub(super) fn is_below_power(&self, power: i32) -> bool {
        let n_digits = i32::try_from(self.digits.len()).unwrap_or(i32::MAX);
        n_digits.saturating_add(self.exponent) <= power
    }

    fn scaled_to(&self, exponent: i32) -> Option<u128> {
        let digits: u128 = if self.digits.is_empty() { 0 } else { self.digits.parse().ok()? };
        let shift = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        digits.checked_mul(10u128.checked_pow(shift)?)
    }
}

/// What stands at a place where ASCII digits begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Digits {
    /// A number that ends before the index.
    Number(Decimal, usize),
    /// Digits with separators that fit no way of writing numbers, up to the index.
    BadSeparators(usize),
    /// More digits than a number has, up to the index.
    TooLong(usize),
}

/// Reads digits with separators and an exponent; the letter at the index is an ASCII digit.
pub(super) fn read(letters: &Letters, index: usize) -> Digits {
    let mut groups: Vec<String> = vec![String::new()];
    let mut separators: Vec<char> = Vec::new();
    let mut next = index;
    let mut n_digits = 0;
    loop {
        let letter = letters.at(next);
        if letter.is_ascii_digit() {
            if let Some(group) = groups.last_mut() {
                group.push(letter);
            }
            n_digits += 1;
            next += 1;
        } else if continues_number(letters, next, &groups, &separators) {
            separators.push(letter);
            groups.push(String::new());
            next += 1;
        } else {
            break;
        }
    }
    if n_digits > DIGITS_MAX {
        return Digits::TooLong(next);
    }
    let Some((digits, n_decimals, has_point)) = join_groups(&groups, &separators) else {
        return Digits::BadSeparators(next);
    };
    let number = Decimal::from_digits(&digits, n_decimals, has_point);
    let (exponent, next) = read_exponent(letters, next);
    Digits::Number(number.shifted(exponent), next)
}

/// Whether the letter at the index separates digits of one number.
fn continues_number(letters: &Letters, index: usize, groups: &[String], separators: &[char]) -> bool {
    let is_digit_next = letters.at(index + 1).is_ascii_digit();
    match letters.at(index) {
        '.' | ',' => is_digit_next,
        // Only ever between groups of three, or two numbers beside each other would become one.
        separator @ (' ' | '\'' | '_') => {
            let is_same_as_before = separators.iter().all(|other| *other == separator);
            let n_following = (1..=4).take_while(|step| letters.at(index + step).is_ascii_digit()).count();
            let group_fits = groups.len() > 1 || groups[0].len() <= 3;
            is_digit_next && is_same_as_before && n_following == 3 && group_fits && groups[0] != "0"
        }
        _ => false,
    }
}

/// Digits without separators, the number of decimals, and whether there was a decimal sign.
fn join_groups(groups: &[String], separators: &[char]) -> Option<(String, i32, bool)> {
    let decimal_sign = decimal_sign(groups, separators)?;
    let n_whole = if decimal_sign.is_some() { groups.len() - 1 } else { groups.len() };
    let whole = &groups[..n_whole];
    let whole_separators = &separators[..n_whole - 1];
    let is_uniform = whole_separators.windows(2).all(|pair| pair[0] == pair[1]);
    let is_separate = !whole_separators.iter().any(|separator| Some(*separator) == decimal_sign);
    if !is_uniform || !is_separate || !are_thousands(whole, whole_separators.first().copied()) {
        return None;
    }
    let decimals = if decimal_sign.is_some() { groups.last()?.as_str() } else { "" };
    let n_decimals = i32::try_from(decimals.len()).ok()?;
    Some((whole.concat() + decimals, n_decimals, decimal_sign.is_some()))
}

/// The decimal sign if there is one; the outer `None` if the separators fit no locale.
fn decimal_sign(groups: &[String], separators: &[char]) -> Option<Option<char>> {
    let Some(last) = separators.last().copied() else {
        return Some(None);
    };
    let is_only_kind = separators.iter().all(|separator| *separator == last);
    if !is_only_kind {
        return Some(Some(last));
    }
    if separators.len() > 1 || !matches!(last, '.' | ',') {
        return Some(None);
    }
    if last == '.' {
        return Some(Some('.'));
    }
    let n_after = groups.last()?.len();
    let begins_like_thousands = groups[0].len() <= 3 && !groups[0].starts_with('0');
    match n_after {
        3 if begins_like_thousands => Some(None),
        // Neither a group of three nor a usual number of decimals.
        4.. if groups[0] != "0" => None,
        _ => Some(Some(',')),
    }
}

/// Whether groups are Western (3) or, between commas, Indian (2, then 3) or Chinese (4) groups of digits.
fn are_thousands(groups: &[String], separator: Option<char>) -> bool {
    let [first, middle @ .., last] = groups else {
        return groups.len() == 1;
    };
    if middle.is_empty() && last.is_empty() {
        return false;
    }
    let fits = |first_max: usize, middle_size: usize, last_size: usize| {
        !first.is_empty()
            && first.len() <= first_max
            && middle.iter().all(|group| group.len() == middle_size)
            && last.len() == last_size
    };
    let begins_with_zero = first.starts_with('0');
    let is_asian = separator == Some(',') && (fits(2, 2, 3) || (!middle.is_empty() && fits(4, 4, 4)));
    !begins_with_zero && (fits(3, 3, 3) || is_asian)
}

fn read_exponent(letters: &Letters, index: usize) -> (i32, usize) {
    if letters.at(index) != 'e' {
        return (0, index);
    }
    let has_sign = matches!(letters.at(index + 1), '+' | '-');
    let first_digit = if has_sign { index + 2 } else { index + 1 };
    let mut next = first_digit;
    let mut exponent = 0;
    while letters.at(next).is_ascii_digit() && next - first_digit < 4 {
        let digit = i32::try_from(letters.at(next).to_digit(10).unwrap_or(0)).unwrap_or(0);
        exponent = exponent * 10 + digit;
        next += 1;
    }
    let is_exponent = next > first_digit && !letters.at(next).is_ascii_alphanumeric();
    if !is_exponent {
        return (0, index);
    }
    let is_negative = letters.at(index + 1) == '-';
    (if is_negative { -exponent } else { exponent }, next)
}
