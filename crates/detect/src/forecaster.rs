//! Forecasts of a list's products, with intervals: what is common to all of them, learnt from all of them.
//!
//! In: a [`Panel`] as known at its last period. A product's adjusted level is forecast by itself ([`crate::forecast`]), and the
//! market's own movement is added: its usual change of late. Taking the market's breaks out before, and its growth back in
//! afterwards, is what pooling is worth here; weights of the models learnt from all series together were tried, and gained nothing.
//!
//! Intervals are what such forecasts missed by when ends were held out, by how lively a product is and how far ahead, in units
//! of its own misses (split conformal by class: V. Vovk et al., *Algorithmic learning in a random world*, 2005), and what the
//! market itself was missed by. Ends at which the whole market broke are left out: an interval is for a market that does not break.
//!
//! Out: for each period ahead the median and the ends of an interval of 80 %, as logarithms of the level.

use rayon::prelude::*;

use crate::anomaly::MARKET_FACTOR;
use crate::forecast::{self, Parts};
use crate::panel::{Panel, median};

/// Series that are learnt from at each held-out end, at most.
const SERIES_MAX: usize = 1500;
/// Held-out ends that are learnt from, those that are tried for it, and how many periods they are apart.
const CUTS: usize = 6;
const CUTS_TRIED: usize = 16;
const CUTS_APART: usize = 2;
/// Ends without which those at which the market broke count too.
const CALM_MIN: usize = 3;
/// Points that are looked back on.
const LOOK_BACK: usize = 156;
/// Misses without which nothing is learnt of a class.
const MISSES_MIN: usize = 100;
/// Classes by liveliness, of equally many.
const CLASSES: usize = 4;
/// Periods over which the market's usual change is looked at.
const MARKET_BACK: usize = 12;
/// From the median of a normal distribution's sizes to the end of its middle 80 %.
const MEDIAN_TO_END: f32 = 1.4826 * 1.2816;
/// How much of what the market was missed by counts: products' own misses have some of it already.
const MARKET_SHARE: f32 = 0.7;

/// One period ahead, as logarithms of the level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ahead {
    /// The middle.
    pub median: f32,
    /// Lower end of the interval of 80 %.
    pub low: f32,
    /// Upper end.
    pub high: f32,
}

/// What was learnt of a list.
#[derive(Debug, Clone)]
pub struct Forecaster {
    horizon: usize,
    /// The market index now, and how much it is expected to change by each period ahead.
    index: f32,
    path: Vec<f32>,
    /// What the market was missed by at each period ahead: half of the middle 80 %.
    market: Vec<f32>,
    /// Liveliness at which a class ends.
    bounds: Vec<f32>,
    /// By class and period ahead the ends of the interval, in units of a series' own misses.
    ends: Vec<Vec<(f32, f32)>>,
}

/// An end that was held out.
struct Cut {
    /// Periods from the cut to the market's first break after it.
    n_calm: usize,
    series: Vec<Held>,
}

/// A series whose end was held out, and how the adjusted level changed after.
struct Held {
    parts: Parts,
    came: Vec<f32>,
}

impl Forecaster {
    /// Learns from a list as it is known at its last period.
    pub fn learn(panel: &Panel, horizon: usize) -> Self {
        let changes = changes(panel);
        let cuts = cuts(panel, &changes, horizon);
        let index = panel.n_periods().checked_sub(1).map_or(0.0, |last| panel.index(last));
        let mut liveliness: Vec<f32> = cuts.iter().flat_map(|cut| &cut.series).map(|one| one.parts.usual).collect();
        liveliness.sort_unstable_by(f32::total_cmp);
        let bound = |nth: usize| liveliness.get(nth * liveliness.len() / CLASSES).copied();
        let mut own = Self {
            horizon,
            index,
            path: market_path(&changes, horizon),
            market: market_misses(&changes, horizon),
            bounds: (1..CLASSES).filter_map(bound).collect(),
            ends: Vec::new(),
        };
        let ends_of = |class: usize| (0..horizon).map(|ahead| own.ends_at(&cuts, class, ahead)).collect();
        let ends = (0..CLASSES).map(ends_of).collect();
        own.ends = ends;
        own
    }

    fn ends_at(&self, cuts: &[Cut], class: usize, ahead: usize) -> (f32, f32) {
        let calm: Vec<&Cut> = cuts.iter().filter(|cut| cut.n_calm > ahead).take(CUTS).collect();
        let used = if calm.len() < CALM_MIN { cuts.iter().take(CUTS).collect() } else { calm };
        let of_class = used.iter().flat_map(|cut| &cut.series).filter(|one| self.class(&one.parts) == class);
        let miss = |one: &Held| (one.came[ahead] - one.parts.change(ahead)) / one.parts.miss[ahead];
        let mut misses: Vec<f32> = of_class.map(miss).filter(|miss| miss.is_finite()).collect();
        if misses.len() < MISSES_MIN {
            return forecast::USUAL_ENDS;
        }
        misses.sort_unstable_by(f32::total_cmp);
        (misses[misses.len() / 10], misses[misses.len() - misses.len() / 10 - 1])
    }

    fn class(&self, parts: &Parts) -> usize {
        self.bounds.partition_point(|bound| *bound <= parts.usual)
    }

    /// The forecast of a product by its adjusted log levels up to now, gaps as not numbers; `None` for too few points.
    pub fn forecast(&self, adjusted: &[f32]) -> Option<Vec<Ahead>> {
        let parts = forecast::parts(adjusted, self.horizon)?;
        let class = self.class(&parts);
        let of = |ahead: usize| {
            let median = parts.last + self.index + self.path[ahead] + parts.change(ahead);
            let (low, high) = self.ends[class][ahead];
            let far = |end: f32| (end * parts.miss[ahead]).hypot(self.market[ahead]);
            // The middle lies within, whichever way misses leaned.
            Ahead { median, low: median - far(low.min(0.0)), high: median + far(high.max(0.0)) }
        };
        Some((0..self.horizon).map(of).collect())
    }
}

/// The market index's change in each period; none in the first.
fn changes(panel: &Panel) -> Vec<f32> {
    (1..panel.n_periods()).map(|t| panel.index(t) - panel.index(t - 1)).collect()
}

/// Held-out ends, the latest first; of long lists a part of the series.
fn cuts(panel: &Panel, changes: &[f32], horizon: usize) -> Vec<Cut> {
    let Some(latest) = panel.n_periods().checked_sub(1 + horizon) else { return Vec::new() };
    let of_cut = |cut: usize| {
        let listed: Vec<usize> = (0..panel.n_series()).filter(|series| panel.has(*series, cut)).collect();
        let every = listed.len().div_ceil(SERIES_MAX).max(1);
        let chosen: Vec<usize> = listed.into_iter().step_by(every).collect();
        let of = |series: &usize| {
            let adjusted: Vec<f32> =
                ((cut + 1).saturating_sub(LOOK_BACK)..=cut).map(|t| panel.at(*series, t)).collect();
            let parts = forecast::parts(&adjusted, horizon)?;
            let came = (1..=horizon).map(|ahead| panel.at(*series, cut + ahead) - parts.last).collect();
            Some(Held { parts, came })
        };
        let n_calm = changes[cut..].iter().position(|change| change.abs() >= MARKET_FACTOR.ln());
        Cut { n_calm: n_calm.unwrap_or(usize::MAX), series: chosen.par_iter().filter_map(of).collect() }
    };
    (0..CUTS_TRIED).filter_map(|nth| latest.checked_sub(nth * CUTS_APART)).map(of_cut).collect()
}

/// How much the market index is expected to change by each period ahead: its middle change of late. What breaks it, nobody
/// foresees.
fn market_path(changes: &[f32], horizon: usize) -> Vec<f32> {
    let mut of_late = changes[changes.len().saturating_sub(MARKET_BACK)..].to_vec();
    let usual = median(&mut of_late).unwrap_or(0.0);
    (1..=horizon).map(|ahead| usual * ahead as f32).collect()
}

/// What such a path missed by, from every past period on: half of the middle 80 % as far as the middle misses tell, so that
/// breaks do not count.
fn market_misses(changes: &[f32], horizon: usize) -> Vec<f32> {
    let of = |ahead: usize| {
        let from = MARKET_BACK.min(changes.len());
        let origins = from..changes.len().saturating_sub(ahead);
        let miss = |origin: usize| {
            let came: f32 = changes[origin..=origin + ahead].iter().sum();
            (came - market_path(&changes[..origin], ahead + 1)[ahead]).abs()
        };
        let mut misses: Vec<f32> = origins.map(miss).collect();
        median(&mut misses).unwrap_or(0.0) * MEDIAN_TO_END * MARKET_SHARE
    };
    (0..horizon).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_market_goes_on_as_of_late_and_its_breaks_are_no_habit() {
        // Ten per cent a period, and one break.
        let mut changes = vec![0.1; 30];
        changes[24] = 1.2;
        let path = market_path(&changes, 3);
        assert!(path.iter().zip([0.1, 0.2, 0.3]).all(|(one, expected)| (one - expected).abs() < 1e-6), "{path:?}");
        assert!(market_misses(&changes, 3).iter().all(|miss| *miss < 1e-5));
        assert_eq!(market_path(&[], 2), [0.0, 0.0]);
        assert_eq!(market_misses(&[], 2), [0.0, 0.0]);
    }
}
