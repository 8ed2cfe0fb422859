//! Where sources overlap: how far two of them are apart at each time, over the series that both tell of.
//!
//! A pair's differences are a table of series by times. What a series adds (a source that always counts one product
//! differently) is taken out by medians in turn (J. W. Tukey's median polish, *Exploratory data analysis*, 1977), so that
//! a change in which series are told of does not look like a change of the source.

use crate::panel::{Panel, Standing};
use crate::robust::{median, spread};

/// How far the first of two sources is above the second at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Difference {
    /// The first source's number.
    pub(crate) left: usize,
    /// The second's; the number of sources stands for what anchors.
    pub(crate) right: usize,
    /// Number of the period.
    pub(crate) time: usize,
    /// Natural logarithm of the first over the second.
    pub(crate) apart: f64,
    /// Its variance by sampling alone.
    pub(crate) variance: f64,
    /// The variance of the whole pair's difference by which series both tell of: the same at all times.
    pub(crate) of_series: f64,
}

/// How many cells of a pair are looked at; more tell nothing new.
const CELLS_MAX: usize = 60_000;

#[derive(Default, Clone)]
struct Cells {
    series: Vec<u32>,
    times: Vec<u32>,
    apart: Vec<f64>,
}

/// The differences of all pairs of sources; anchoring claims are one more source, the last.
pub(crate) fn differences(panel: &Panel) -> Vec<Difference> {
    let n_voices = panel.n_sources + 1;
    let mut pairs = vec![Cells::default(); n_voices * n_voices];
    for cell in panel.observations.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
        for (place, left) in cell.iter().enumerate() {
            for right in &cell[place + 1..] {
                let Some((left_voice, right_voice)) =
                    voice(left.standing, left.source, panel).zip(voice(right.standing, right.source, panel))
                else {
                    continue;
                };
                let is_in_order = left_voice < right_voice;
                let (first, second) = if is_in_order { (left, right) } else { (right, left) };
                let (low, high) = (left_voice.min(right_voice), left_voice.max(right_voice));
                let cells = &mut pairs[low * n_voices + high];
                if low == high || cells.apart.len() >= CELLS_MAX {
                    continue;
                }
                cells.series.push(left.series);
                cells.times.push(left.time);
                cells.apart.push(first.log - second.log);
            }
        }
    }
    let mut found = Vec::new();
    for (place, cells) in pairs.iter().enumerate().filter(|(_, cells)| !cells.apart.is_empty()) {
        by_time(cells, panel, (place / n_voices, place % n_voices), &mut found);
    }
    found
}

/// The number that an observation's bias is kept under; `None` where it may not move anything.
pub(crate) fn voice(standing: Standing, source: u16, panel: &Panel) -> Option<usize> {
    match standing {
        Standing::Counts => Some(usize::from(source)),
        Standing::Anchors => Some(panel.n_sources),
        Standing::Widens | Standing::AtLeast | Standing::AtMost => None,
    }
}

fn by_time(cells: &Cells, panel: &Panel, pair: (usize, usize), found: &mut Vec<Difference>) {
    const ROUNDS: usize = 4;
    let mut apart = cells.apart.clone();
    let middle = median(&mut apart).unwrap_or(0.0);
    let mut of_series = vec![0.0; panel.n_series];
    let mut of_times = vec![middle; panel.n_times];
    let series_places = places(&cells.series, panel.n_series);
    let time_places = places(&cells.times, panel.n_times);
    for _ in 0..ROUNDS {
        for (series, own) in series_places.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
            let mut left: Vec<f64> =
                own.iter().map(|cell| cells.apart[*cell] - of_times[cells.times[*cell] as usize]).collect();
            let n = left.len() as f64;
            // Of a series with few cells little can be said: what it adds is drawn towards nothing.
            of_series[series] = median(&mut left).unwrap_or(0.0) * n / (n + 2.0);
        }
        for (time, own) in time_places.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
            let mut left: Vec<f64> =
                own.iter().map(|cell| cells.apart[*cell] - of_series[cells.series[*cell] as usize]).collect();
            of_times[time] = median(&mut left).unwrap_or(middle);
        }
    }
    // What the series add is nothing in the middle; what they add there belongs to all times.
    let mut added: Vec<f64> =
        (0..panel.n_series).filter(|s| !series_places[*s].is_empty()).map(|s| of_series[s]).collect();
    let added = median(&mut added).unwrap_or(0.0);
    let left: Vec<f64> = (0..cells.apart.len())
        .map(|c| cells.apart[c] - of_series[cells.series[c] as usize] - of_times[cells.times[c] as usize])
        .collect();
    let noise = spread(&left, 0.0).max(0.003);
    let of_series = of_series_variance(&of_series, &series_places, added);
    for (time, own) in time_places.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
        let variance = std::f64::consts::FRAC_PI_2 * noise * noise / own.len() as f64;
        found.push(Difference {
            left: pair.0,
            right: pair.1,
            time,
            apart: of_times[time] + added,
            variance,
            of_series,
        });
    }
}

/// The variance of a pair's difference by the choice of series: how far series are apart, over how many there are. Of few the
/// spread says little: some are taken for granted.
fn of_series_variance(of_series: &[f64], places: &[Vec<usize>], middle: f64) -> f64 {
    const GRANTED: f64 = 4.0;
    const GRANTED_SD: f64 = 0.25;
    let added: Vec<f64> =
        (0..of_series.len()).filter(|own| !places[*own].is_empty()).map(|own| of_series[own]).collect();
    let n = added.len() as f64;
    let seen = spread(&added, middle).powi(2);
    std::f64::consts::FRAC_PI_2 * (n * seen + GRANTED * GRANTED_SD.powi(2)) / (n + GRANTED) / n.max(1.0)
}

/// In how many cells each source is seen beside another, or beside what anchors.
pub(crate) fn n_beside(panel: &Panel) -> Vec<usize> {
    let mut counts = vec![0; panel.n_sources];
    for cell in panel.observations.chunk_by(|a, b| (a.series, a.time) == (b.series, b.time)) {
        let voices = cell.iter().filter_map(|seen| voice(seen.standing, seen.source, panel));
        if voices.clone().count() > 1 {
            voices.filter(|voice| *voice < panel.n_sources).for_each(|voice| counts[voice] += 1);
        }
    }
    counts
}

fn places(numbers: &[u32], n: usize) -> Vec<Vec<usize>> {
    let mut places = vec![Vec::new(); n];
    numbers.iter().enumerate().for_each(|(place, number)| places[*number as usize].push(place));
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::Observation;

    #[test]
    fn two_sources_that_differ_by_a_factor() {
        let mut said = Vec::new();
        for series in 0..5 {
            for time in 0..4 {
                for source in 0..2_u16 {
                    let log = f64::from(series) + 0.5 * f64::from(source) + if time >= 2 { 0.1 } else { 0.0 };
                    said.push(Observation { series, time, source, log, standing: Standing::Counts });
                }
            }
        }
        let found = differences(&Panel::new(5, 4, 2, said));
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|d| (d.apart + 0.5).abs() < 1e-9 && (d.left, d.right) == (0, 1)), "{found:?}");
    }
}
