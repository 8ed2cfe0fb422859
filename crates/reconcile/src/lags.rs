//! Sources whose values are late: what they say of a period is what was true of an earlier one.
//!
//! A panel that is asked for the last thirty days in the middle of a month, or that publishes a moving mean, follows the others'
//! steps one or two periods later. In: a panel. Out: for each source by how many periods its values lag behind what the
//! others say. A lag is told where a source's steps are much nearer to the others' earlier steps than to those of the
//! same period.

use crate::panel::{Observation, Panel, Standing};
use crate::robust::{median, spread};

/// No more is looked for.
pub(crate) const LAG_MAX: usize = 2;
/// How many steps have to be compared.
const STEPS_MIN: usize = 60;
/// By how much smaller the spread has to be for a lag to be told.
const NEARER: f64 = 0.75;
/// So many observations are looked at; more tell nothing new.
const OBSERVATIONS_MAX: usize = 300_000;

/// By how many periods each source lags.
pub(crate) fn find(panel: &Panel) -> Vec<u8> {
    let mut apart: Vec<[Vec<f64>; LAG_MAX + 1]> = vec![Default::default(); panel.n_sources];
    let mut n_seen = 0;
    for series in panel.by_series().take_while(|series| {
        n_seen += series.len();
        n_seen <= OBSERVATIONS_MAX + series.len()
    }) {
        compare(series, panel.n_sources, &mut apart);
    }
    apart.iter().map(lag_of).collect()
}

fn lag_of(apart: &[Vec<f64>; LAG_MAX + 1]) -> u8 {
    if apart[0].len() < STEPS_MIN {
        return 0;
    }
    let spreads = apart.each_ref().map(|own| spread(own, median(&mut own.clone()).unwrap_or(0.0)));
    let best = (0..=LAG_MAX).min_by(|a, b| spreads[*a].total_cmp(&spreads[*b])).unwrap_or(0);
    if spreads[best] < NEARER * spreads[0] { best as u8 } else { 0 }
}

/// How far the steps of each source in a series are from those that the others made at the same time, and before.
fn compare(series: &[Observation], n_sources: usize, apart: &mut [[Vec<f64>; LAG_MAX + 1]]) {
    let (Some(first), Some(last)) = (series.first(), series.last()) else { return };
    let n_times = (last.time - first.time + 1) as usize;
    let counts: Vec<&Observation> = series.iter().filter(|seen| seen.standing == Standing::Counts).collect();
    let mut sources: Vec<usize> = counts.iter().map(|seen| usize::from(seen.source)).collect();
    sources.sort_unstable();
    sources.dedup();
    if sources.len() < 3 || n_times > 100_000 || n_sources == 0 {
        return;
    }
    // For each source and time what it says.
    let mut said = vec![vec![None; n_times]; sources.len()];
    for seen in counts {
        if let Ok(place) = sources.binary_search(&usize::from(seen.source)) {
            said[place][(seen.time - first.time) as usize] = Some(seen.log);
        }
    }
    let step = |place: usize, time: usize| Some(said[place][time]? - said[place][time.checked_sub(1)?]?);
    let of_others = |but: usize, time: usize| {
        let mut steps: Vec<f64> =
            (0..sources.len()).filter(|own| *own != but).filter_map(|own| step(own, time)).collect();
        if steps.len() < 2 { None } else { median(&mut steps) }
    };
    for (place, source) in sources.iter().enumerate() {
        for time in LAG_MAX + 1..n_times {
            let Some(own) = step(place, time) else { continue };
            let others: Vec<f64> = (0..=LAG_MAX).filter_map(|lag| of_others(place, time - lag)).collect();
            if others.len() == LAG_MAX + 1 {
                others.iter().enumerate().for_each(|(lag, other)| apart[*source][lag].push(own - other));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crowsnest_learn::random::Random;

    #[test]
    fn a_source_that_follows_a_period_later_is_told_from_those_that_are_merely_loud() {
        let mut random = Random::new(5);
        let mut said = Vec::new();
        for series in 0..40 {
            let mut truth = vec![10.0];
            (0..20).for_each(|time| truth.push(truth[time] + 0.1 * random.normal()));
            for time in 1..20_u32 {
                for (source, noise) in [(0, 0.02), (1, 0.02), (2, 0.02), (3, 0.2)] {
                    let at = if source == 2 { time - 1 } else { time };
                    let log = truth[at as usize] + noise * random.normal();
                    said.push(Observation { series, time, source, log, standing: Standing::Counts });
                }
            }
        }
        assert_eq!(find(&Panel::new(40, 21, 4, said)), [0, 0, 1, 0]);
    }
}
