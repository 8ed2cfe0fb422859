//! How much is enough: the threshold of a rule that may raise so many false alarms a week, by the market's own past.
//!
//! In: what would have fired before, how far each went, and whether it came to nothing. Out: the lowest threshold above
//! which no more false ones lie than the budget allows for the weeks looked at. No more is promised than that: the future
//! keeps to the budget as far as it is like the past.

/// Something that a rule would have told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PastAlarm {
    /// How far it went; more is more.
    pub(super) size: f64,
    /// Whether nothing came of it.
    pub(super) is_false: bool,
}

/// What the past says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Learnt {
    /// What is larger than this is told.
    pub(super) threshold: f64,
    /// Alarms above it, in the past looked at.
    pub(super) n_past: usize,
    /// False ones of these.
    pub(super) n_false: usize,
}

/// The lowest threshold, at least `floor`, above which at most `budget_per_week · n_weeks` false alarms lie.
pub(super) fn learn(past: &[PastAlarm], n_weeks: f64, budget_per_week: f64, floor: f64) -> Learnt {
    let allowed = (budget_per_week * n_weeks).floor().max(0.0) as usize;
    let mut false_sizes: Vec<f64> =
        past.iter().filter(|alarm| alarm.is_false && alarm.size.is_finite()).map(|alarm| alarm.size).collect();
    false_sizes.sort_by(|left, right| right.total_cmp(left));
    // The first that is one too many sets it: it and all that are no larger stay untold.
    let threshold = false_sizes.get(allowed).copied().unwrap_or(floor).max(floor);
    let above: Vec<&PastAlarm> = past.iter().filter(|alarm| alarm.size > threshold).collect();
    Learnt { threshold, n_past: above.len(), n_false: above.iter().filter(|alarm| alarm.is_false).count() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(sizes: &[(f64, bool)]) -> Vec<PastAlarm> {
        sizes.iter().map(|(size, is_false)| PastAlarm { size: *size, is_false: *is_false }).collect()
    }

    #[test]
    fn the_threshold_keeps_the_past_within_the_budget() {
        let alarms = past(&[(0.9, false), (0.8, true), (0.7, true), (0.6, false), (0.5, true), (0.4, true)]);
        // Four weeks at one in two weeks allow two: 0.8 and 0.7; the third, 0.5, is too many.
        let learnt = learn(&alarms, 4.0, 0.5, 0.0);
        assert_eq!((learnt.threshold, learnt.n_past, learnt.n_false), (0.5, 4, 2));
        assert_eq!(learn(&alarms, 4.0, 0.0, 0.0).threshold, 0.8);
        assert_eq!(learn(&alarms, 4.0, 9.0, 0.1).threshold, 0.1);
        assert_eq!(learn(&[], 4.0, 1.0, 0.05).threshold, 0.05);
    }

    #[test]
    fn of_equal_ones_all_or_none_are_told() {
        let alarms = past(&[(0.5, true), (0.5, true), (0.5, true), (0.6, true)]);
        let learnt = learn(&alarms, 2.0, 1.0, 0.0);
        assert_eq!((learnt.threshold, learnt.n_false), (0.5, 1));
        assert_eq!(learn(&past(&[(f64::NAN, true), (0.3, true)]), 1.0, 0.0, 0.0).threshold, 0.3);
    }

    #[test]
    fn no_series_of_alarms_breaks_its_budget() {
        let mut state = 7_u64;
        for _ in 0..200 {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as f64 / f64::from(1_u32 << 31)
            };
            let alarms: Vec<PastAlarm> =
                (0..50).map(|_| PastAlarm { size: (next() * 10.0).floor(), is_false: next() < 0.7 }).collect();
            let (n_weeks, budget) = (1.0 + next() * 20.0, next() * 2.0);
            let learnt = learn(&alarms, n_weeks, budget, 0.0);
            assert!(learnt.n_false as f64 <= n_weeks * budget);
        }
    }
}
