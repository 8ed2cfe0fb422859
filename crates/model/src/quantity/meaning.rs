//! What the parts of a quantity mean together: its value, its bounds, its unit.

use super::affix::{Prefix, Suffix};
use super::body::Body;
use super::decimal::Decimal;
use super::words::Sense;
use super::{Bound, QuantityError};
use crate::unit::Unit;

/// Why something like a number is no quantity.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    LooksLike(&'static str),
    Separators,
    ReversedRange,
    OutOfRange,
    NotANumber,
}

impl Refusal {
    pub(super) fn of_text(self, text: &str) -> QuantityError {
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

/// Everything that has been read of one quantity.
pub(super) struct Parts<'a> {
    pub(super) from: usize,
    pub(super) prefix: &'a Prefix,
    pub(super) body: &'a Body,
    pub(super) first_suffix: &'a Suffix,
    pub(super) second: Option<&'a Body>,
    pub(super) suffix: &'a Suffix,
}

pub(super) type Numbers = (f64, Option<f64>, Option<f64>, Bound);

pub(super) fn numbers_of(parts: &Parts<'_>) -> Result<Numbers, Refusal> {
    let ratio_power = if parts.prefix.is_per_cent { -2 } else { parts.suffix.ratio_power };
    let is_decline = parts.prefix.senses.contains(&Sense::Decline);
    let sign = |body: &Body| {
        if body.is_negative != (parts.prefix.is_negative != is_decline) { -1.0 } else { 1.0 }
    };
    let value_of = |decimal: Decimal| decimal.shifted(ratio_power).value().ok_or(Refusal::OutOfRange);
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
fn range_start(parts: &Parts<'_>, second: &Body) -> Decimal {
    let start = parts.body.low.clone();
    let has_own_scale = parts.body.has_scale || parts.first_suffix.ratio_power != 0;
    if has_own_scale { start } else { start.shifted(second.power) }
}

/// The upper end where one number stands for a range: `三四百万`, `数亿`, `百万级`.
fn order_of_magnitude_or_range(parts: &Parts<'_>) -> Option<Decimal> {
    if let Some(high) = &parts.body.high {
        return Some(high.clone());
    }
    if !parts.suffix.is_order_of_magnitude {
        return None;
    }
    let value = parts.body.low.value()?;
    let is_power_of_ten = parts.body.is_only_units || value.log10().fract() == 0.0;
    is_power_of_ten.then(|| Decimal::from_integer(999).shifted(-2).shifted(value.log10() as i32))
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

pub(super) fn unit_of(parts: &Parts<'_>) -> Option<Unit> {
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
