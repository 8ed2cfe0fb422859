//! Chinese numerals: `十二`, `两千三百`, `一百零五万`, `三四百万` (a range), `数亿` and `十几万` (vague).
//!
//! Read from left to right: a digit waits for its unit (十, 百, 千), units add up to a section below ten thousand,
//! and 万, 亿 and 兆 scale the section. Everything is counted in hundredths, so that the upper end of a vague
//! number, 9.99 times its unit, is exact.

use super::decimal::Decimal;
use super::text::Letters;

/// A Chinese numeral.
#[derive(Debug)]
pub(super) struct Numeral {
    pub(super) low: Decimal,
    /// The larger number of a range or a vague number.
    pub(super) high: Option<Decimal>,
    /// Whether `多` or `余` stands within it.
    pub(super) is_at_least: bool,
    /// Whether it holds 万, 亿 or 兆.
    pub(super) has_scale: bool,
    /// Whether it is only units, as in `千亿`.
    pub(super) is_only_units: bool,
    /// Number of numeral characters.
    pub(super) n_letters: usize,
    /// Index after it.
    pub(super) next: usize,
}

/// Two numbers in hundredths; equal unless the numeral is a range or vague.
type Bounds = (u128, u128);

const ONE: Bounds = (100, 100);
const NOTHING: Bounds = (0, 0);

/// The value of a digit, plain or as banks write it.
pub(super) fn digit(letter: char) -> Option<u128> {
    let value = match letter {
        '〇' | '零' => 0,
        '一' | '壹' => 1,
        '二' | '两' | '贰' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' => 7,
        '八' | '捌' => 8,
        '九' | '玖' => 9,
        _ => return None,
    };
    Some(value)
}

/// The power of ten of a unit within a section.
fn unit_power(letter: char) -> Option<u32> {
    match letter {
        '十' | '拾' => Some(1),
        '百' | '佰' => Some(2),
        '千' | '仟' => Some(3),
        _ => None,
    }
}

/// The power of ten of 万, 亿 and 兆 (10¹², as Taiwan counts).
fn scale_power(letter: char) -> Option<u32> {
    match letter {
        '万' => Some(4),
        '亿' => Some(8),
        '兆' => Some(12),
        _ => None,
    }
}

/// The power of ten of any unit or scale, as it may follow ASCII digits.
pub(super) fn power(letter: char) -> Option<u32> {
    unit_power(letter).or_else(|| scale_power(letter))
}

/// What has been read so far.
#[derive(Debug)]
struct Reader {
    total: Bounds,
    section: Bounds,
    /// A digit, two alternatives, or 几, that wait for their unit.
    pending: Option<Bounds>,
    pending_is_vague: bool,
    /// Power of the last unit or scale, for `两千三` (2300).
    last_power: Option<u32>,
    last_was_zero: bool,
    is_at_least: bool,
    has_scale: bool,
    has_digit: bool,
    n_letters: usize,
}

/// The numeral that begins at the index, if one does.
pub(super) fn read(letters: &Letters, index: usize) -> Option<Numeral> {
    if let Some(numeral) = read_digit_by_digit(letters, index) {
        return Some(numeral);
    }
    let mut reader = Reader {
        total: NOTHING,
        section: NOTHING,
        pending: None,
        pending_is_vague: false,
        last_power: None,
        last_was_zero: false,
        is_at_least: false,
        has_scale: false,
        has_digit: false,
        n_letters: 0,
    };
    let mut next = index;
    while let Some(after) = reader.step(letters, next)? {
        next = after;
    }
    reader.finish(next)
}

/// `二〇二四`: three or more digits in a row are read as in Arabic numerals.
fn read_digit_by_digit(letters: &Letters, index: usize) -> Option<Numeral> {
    let mut number: u128 = 0;
    let mut next = index;
    while let Some(value) = digit(letters.at(next)) {
        number = number.checked_mul(10)?.checked_add(value)?;
        next += 1;
    }
    let is_followed_by_unit = power(letters.at(next)).is_some();
    if next - index < 3 || is_followed_by_unit {
        return None;
    }
    Some(Numeral {
        low: Decimal::from_integer(number),
        high: None,
        is_at_least: false,
        has_scale: false,
        is_only_units: false,
        n_letters: next - index,
        next,
    })
}

impl Reader {
    /// Takes one character; the index after it, or `None` inside if the numeral ends here. The outer `None` means
    /// that this is no numeral.
    fn step(&mut self, letters: &Letters, index: usize) -> Option<Option<usize>> {
        let letter = letters.at(index);
        if let Some(value) = digit(letter) {
            return self.take_digit(value).map(|taken| taken.then_some(index + 1));
        }
        if let Some(power) = unit_power(letter) {
            return Some(self.take_unit(power)?.then_some(index + 1));
        }
        if let Some(power) = scale_power(letter) {
            return Some(self.take_scale(power)?.then_some(index + 1));
        }
        if matches!(letter, '几' | '数') {
            return Some(self.take_several().then_some(index + 1));
        }
        let is_within = power(letters.at(index + 1)).is_some() && self.n_letters > 0;
        if matches!(letter, '多' | '余') && is_within {
            self.is_at_least = true;
            return Some(Some(index + 1));
        }
        if letter == '个' && self.n_letters > 0 {
            // 一个亿, 一个多亿.
            let is_open = matches!(letters.at(index + 1), '多' | '余');
            let scale = letters.at(if is_open { index + 2 } else { index + 1 });
            if matches!(scale, '亿' | '万') {
                return Some(Some(index + 1));
            }
        }
        Some(None)
    }

    fn take_digit(&mut self, value: u128) -> Option<bool> {
        self.n_letters += 1;
        self.has_digit = true;
        if value == 0 {
            self.last_was_zero = true;
            if self.pending.is_some() {
                return None;
            }
            return Some(true);
        }
        self.pending = match self.pending {
            None => Some((value * 100, value * 100)),
            // 三四百万, 三五个: two neighbours are the ends of a range.
            Some((low, high)) if low == high && !self.pending_is_vague => {
                let distance = (value * 100).checked_sub(low)?;
                let are_ends = distance == 100 || (low == 300 && distance == 200);
                if !are_ends {
                    return None;
                }
                Some((low, value * 100))
            }
            Some(_) => return None,
        };
        Some(true)
    }

    fn take_several(&mut self) -> bool {
        if self.pending.is_some() {
            return false;
        }
        self.n_letters += 1;
        self.has_digit = true;
        self.pending = Some((100, 900));
        self.pending_is_vague = true;
        true
    }

    fn take_unit(&mut self, power: u32) -> Option<bool> {
        let is_descending = self.section == NOTHING || self.last_power.is_some_and(|last| last > power);
        if !is_descending {
            return Some(false);
        }
        self.n_letters += 1;
        let factor = self.take_pending(true).unwrap_or(ONE);
        let scaled = scale(factor, power)?;
        self.section = add(self.section, scaled)?;
        self.last_power = Some(power);
        self.last_was_zero = false;
        Some(true)
    }

    fn take_scale(&mut self, power: u32) -> Option<bool> {
        self.n_letters += 1;
        self.has_scale = true;
        let is_bare = self.section == NOTHING;
        let pending = self.take_pending(is_bare).unwrap_or(NOTHING);
        let section = add(self.section, pending)?;
        let is_after_scale = self.total != NOTHING;
        self.section = NOTHING;
        self.total = if section == NOTHING && !is_after_scale {
            scale(ONE, power)?
        } else if self.total.0 < 10u128.pow(power) * 100 {
            // 一万亿: the larger scale applies to all that came before.
            scale(add(self.total, section)?, power)?
        } else {
            add(self.total, scale(section, power)?)?
        };
        self.last_power = Some(power);
        self.last_was_zero = false;
        Some(true)
    }

    /// The waiting digit; 几 with a unit goes up to 9.99 of it.
    fn take_pending(&mut self, has_unit: bool) -> Option<Bounds> {
        let pending = self.pending.take()?;
        let is_vague = std::mem::replace(&mut self.pending_is_vague, false);
        Some(if is_vague && has_unit { (100, 999) } else { pending })
    }

    fn finish(mut self, next: usize) -> Option<Numeral> {
        if self.n_letters == 0 {
            return None;
        }
        let last_power = self.last_power.filter(|power| *power >= 2 && !self.last_was_zero && !self.pending_is_vague);
        if let Some(pending) = self.take_pending(false) {
            // 两千三 is 2300, 一万二 is 12000, but 十二 is 12 and 一千零三 is 1003.
            let ones = scale(pending, last_power.map_or(0, |power| power - 1))?;
            self.section = add(self.section, ones)?;
        }
        let (low, high) = add(self.total, self.section)?;
        Some(Numeral {
            low: Decimal::from_integer(low).shifted(-2),
            high: (high > low).then(|| Decimal::from_integer(high).shifted(-2)),
            is_at_least: self.is_at_least,
            has_scale: self.has_scale,
            is_only_units: !self.has_digit,
            n_letters: self.n_letters,
            next,
        })
    }
}

fn scale((low, high): Bounds, power: u32) -> Option<Bounds> {
    let factor = 10u128.checked_pow(power)?;
    // More than any amount of money; also keeps later products within range.
    let limit = 10u128.pow(34);
    let scaled = (low.checked_mul(factor)?, high.checked_mul(factor)?);
    (scaled.1 < limit).then_some(scaled)
}

fn add(left: Bounds, right: Bounds) -> Option<Bounds> {
    Some((left.0.checked_add(right.0)?, left.1.checked_add(right.1)?))
}
