//! What a product's own series looks like at an origin, in numbers that mean the same in every market.
//!
//! All of it is read off the [`Panel`] as known at the origin: market-adjusted logarithms, so that a factor is a factor
//! whatever the unit. Several were chosen against what fools momentum: spikes (volatility, the distance from own highs),
//! re-entries and truncation (the distance from the list's floor, gaps, the run without a gap), the mean it falls back to.
//!
//! To add a number: a line in [`OWN`] and its value at the same place in [`own`]. A value that is not there is not a number.

use crate::panel::{Panel, median};

/// How many changes back a product is looked at one by one.
const N_CHANGES: usize = 12;

/// The names of a product's own numbers, in order.
pub const OWN: &[&str] = &[
    "level_over_floor",
    "log_rank",
    "rank_share",
    "change_0",
    "change_1",
    "change_2",
    "change_3",
    "change_4",
    "change_5",
    "change_6",
    "change_7",
    "change_8",
    "change_9",
    "change_10",
    "change_11",
    "growth_2",
    "growth_3",
    "growth_4",
    "growth_6",
    "growth_9",
    "growth_12",
    "rank_growth_1",
    "rank_growth_3",
    "rank_growth_6",
    "rank_growth_12",
    "over_high",
    "over_low",
    "over_high_12",
    "over_low_12",
    "over_median_12",
    "over_high_6",
    "over_low_6",
    "over_median_6",
    "deviation_12",
    "typical_change_12",
    "largest_change_12",
    "smallest_change_12",
    "deviation_6",
    "share_rising_6",
    "typical_change_6",
    "median_change_6",
    "smallest_change_3",
    "deviation_3",
    "z_score",
    "acceleration",
    "age",
    "n_periods",
    "n_periods_12",
    "run",
    "is_reentry",
    "n_gaps",
    "entered_over_floor",
    "mean_over_floor_12",
];

/// A product's own numbers at an origin, in the order of [`OWN`].
pub fn own(panel: &Panel, series: usize, t: usize) -> Vec<f32> {
    let now = panel.at(series, t);
    let back = |k: usize| if k <= t { panel.at(series, t - k) } else { f32::NAN };
    let changes: [f32; N_CHANGES] = std::array::from_fn(|k| back(k) - back(k + 1));
    let rank = panel.rank(series, t) as f32;
    let mut numbers = Vec::with_capacity(OWN.len());
    numbers.extend([now - panel.floor(t), rank.ln(), rank / panel.n_listed(t).max(1) as f32]);
    numbers.extend(changes);
    numbers.extend([2, 3, 4, 6, 9, 12].map(|k| now - back(k)));
    numbers.extend([1, 3, 6, 12].map(|k| match t.checked_sub(k).map(|then| panel.rank(series, then)) {
        Some(then) if then > 0 => (rank / then as f32).ln(),
        _ => f32::NAN,
    }));
    let past = |n: usize| (t.saturating_sub(n)..t).map(|then| panel.at(series, then)).filter(|level| !level.is_nan());
    let (high, low) = extremes(past(t));
    numbers.extend([now - high, now - low]);
    for n in [12, 6] {
        let (high, low) = extremes(past(n));
        let mut levels: Vec<f32> = past(n).collect();
        numbers.extend([now - high, now - low, now - median(&mut levels).unwrap_or(f32::NAN)]);
    }
    numbers.extend(of_changes(&changes));
    numbers.extend(of_presence(panel, series, t));
    numbers
}

/// The highest and the lowest; not numbers where there are none.
fn extremes(levels: impl Iterator<Item = f32>) -> (f32, f32) {
    levels.fold((f32::NAN, f32::NAN), |(high, low), level| (high.max(level), low.min(level)))
}

fn deviation(changes: &[f32]) -> f32 {
    if changes.is_empty() {
        return f32::NAN;
    }
    let mean = changes.iter().sum::<f32>() / changes.len() as f32;
    (changes.iter().map(|change| (change - mean).powi(2)).sum::<f32>() / changes.len() as f32).sqrt()
}

/// How lively the last changes are.
fn of_changes(changes: &[f32; N_CHANGES]) -> [f32; 12] {
    let known = |n: usize| changes[..n].iter().copied().filter(|change| !change.is_nan()).collect::<Vec<f32>>();
    let (year, half, quarter) = (known(12), known(6), known(3));
    let typical = |of: &[f32]| {
        let mut sizes: Vec<f32> = of.iter().map(|change| change.abs()).collect();
        median(&mut sizes).unwrap_or(f32::NAN)
    };
    let (largest, smallest) = extremes(year.iter().copied());
    let rising = half.iter().filter(|change| **change > 0.0).count() as f32 / half.len() as f32;
    let deviation_12 = deviation(&year);
    let (_, smallest_3) = extremes(quarter.iter().copied());
    [
        deviation_12,
        typical(&year),
        largest,
        smallest,
        deviation(&half),
        rising,
        typical(&half),
        median(&mut half.clone()).unwrap_or(f32::NAN),
        smallest_3,
        deviation(&quarter),
        changes[0] / (deviation_12 + 0.05),
        changes[0] - changes[1],
    ]
}

/// How long and how steadily the list has had the product.
fn of_presence(panel: &Panel, series: usize, t: usize) -> [f32; 8] {
    let first = panel.first(series).unwrap_or(t);
    let age = (t - first.min(t)) as f32;
    let n_there = (first..=t).filter(|then| panel.has(series, *then)).count() as f32;
    let recent = t.saturating_sub(N_CHANGES - 1)..t + 1;
    let over_floor: Vec<f32> =
        recent.map(|then| panel.at(series, then) - panel.floor(then)).filter(|over| !over.is_nan()).collect();
    let run = (first..=t).rev().take_while(|then| panel.has(series, *then)).count() as f32;
    let entered = match t.checked_sub(1) {
        Some(before) if !panel.has(series, before) => panel.at(series, t) - panel.floor(before),
        _ => f32::NAN,
    };
    [
        if panel.entered(series).is_some() { age } else { f32::NAN },
        n_there,
        over_floor.len() as f32,
        run,
        f32::from(u8::from(run < age + 1.0)),
        age + 1.0 - n_there,
        entered,
        over_floor.iter().sum::<f32>() / over_floor.len().max(1) as f32,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{History, Said};

    #[test]
    fn the_numbers_of_a_product_by_hand() {
        // Two products that do not move, and one that doubles each period after a gap.
        let mut said = vec![Vec::new(); 4];
        for period in 0..4_u32 {
            said[period as usize].extend([0, 1].map(|series| Said { series, period, level: 1.0 }));
            if period != 1 {
                let level = 2.0 + 2_f32.ln() * period as f32;
                said[period as usize].push(Said { series: 2, period, level });
            }
        }
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let day = |n: i32| crowsnest_model::Period::containing(n, crowsnest_model::Grain::Day);
        let history = History { names, periods: (0..4).map(day).collect(), said, n_left_out: 0, last_known_at: 0 };
        let panel = Panel::as_of(&history, 3);
        let numbers = own(&panel, 2, 3);
        assert_eq!(numbers.len(), OWN.len());
        let of = |name: &str| numbers[OWN.iter().position(|own| *own == name).unwrap()];
        let near = |name: &str, value: f32| assert!((of(name) - value).abs() < 1e-5, "{name} {}", of(name));
        near("change_0", 2_f32.ln());
        assert!(of("change_1").is_nan() && of("growth_2").is_nan());
        near("growth_3", 3.0 * 2_f32.ln());
        near("level_over_floor", 1.0 + 3.0 * 2_f32.ln());
        near("over_high", 2_f32.ln());
        near("run", 2.0);
        near("n_gaps", 1.0);
        near("is_reentry", 1.0);
    }
}
