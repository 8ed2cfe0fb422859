//! The phase a product is in: emerging, taking off, mature, fading.
//!
//! In: adjusted log levels up to an origin. Out: one word, or none where there are too few points. Growth is the slope of
//! the median of pairwise slopes over the last year of points (P. K. Sen, 1968), which single spikes do not move.

use serde::Serialize;

use crate::panel::median;

/// Points that are looked back on.
const LOOK_BACK: usize = 12;
/// A product on the list for no longer than this is young.
const YOUNG: usize = 12;
/// Points without which nothing is said.
const POINTS_MIN: usize = 3;
/// Growth in half a year's points that takes a product off: half as much again.
const TAKING_OFF: f32 = 1.5;
/// Decline over the same that makes it fade.
const FADING: f32 = 0.8;

/// A phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// New, and not yet rising fast.
    Emerging,
    /// Rising fast, the market aside.
    TakingOff,
    /// Neither.
    Mature,
    /// Falling, the market aside.
    Fading,
}

impl Phase {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emerging => "emerging",
            Self::TakingOff => "taking_off",
            Self::Mature => "mature",
            Self::Fading => "fading",
        }
    }
}

/// The median of the slopes between all pairs of points, a period; `None` for fewer than [`POINTS_MIN`] points.
pub fn slope(levels: &[f32]) -> Option<f32> {
    let known: Vec<(usize, f32)> = levels.iter().copied().enumerate().filter(|(_, level)| level.is_finite()).collect();
    if known.len() < POINTS_MIN {
        return None;
    }
    let mut slopes = Vec::with_capacity(known.len() * (known.len() - 1) / 2);
    for (place, (at, level)) in known.iter().enumerate() {
        slopes.extend(known[..place].iter().map(|(then, before)| (level - before) / (at - then) as f32));
    }
    median(&mut slopes)
}

/// The phase at the last of the levels.
pub fn phase(levels: &[f32]) -> Option<Phase> {
    let recent = &levels[levels.len().saturating_sub(LOOK_BACK)..];
    let half_year = slope(recent)? * 6.0;
    let age = levels.iter().position(|level| level.is_finite()).map_or(0, |first| levels.len() - first);
    Some(if half_year >= TAKING_OFF.ln() {
        Phase::TakingOff
    } else if half_year <= FADING.ln() {
        Phase::Fading
    } else if age <= YOUNG && levels.len() > YOUNG {
        Phase::Emerging
    } else {
        Phase::Mature
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_by_hand() {
        let line = |slope: f32| (0..20_u16).map(|t| slope * f32::from(t)).collect::<Vec<f32>>();
        assert_eq!(phase(&line(0.1)), Some(Phase::TakingOff));
        assert_eq!(phase(&line(-0.1)), Some(Phase::Fading));
        assert_eq!(phase(&line(0.0)), Some(Phase::Mature));
        let mut young = line(0.01);
        young[..12].fill(f32::NAN);
        assert_eq!(phase(&young), Some(Phase::Emerging));
        assert_eq!(phase(&[1.0, 2.0]), None);
    }
}
