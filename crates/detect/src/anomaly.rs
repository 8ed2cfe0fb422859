//! Anomalies, told apart from growth: a spike that fell or will fall back, a pattern as bots make, an error of the data, a
//! break of the whole market.
//!
//! In: a product's adjusted log levels up to an origin, and the market's own change there. Out: what kind of thing
//! happened, with its size. Rules, each with its bound beside it; what none of them fits is growth, and breakouts judge it.

use serde::Serialize;

use crate::change_point::usual_step;

/// A step of the whole market by this factor is a break.
pub(crate) const MARKET_FACTOR: f32 = 1.2;
/// A product's step by this factor that comes back is an error of the data rather than a spike.
const ERROR_FACTOR: f32 = 100.0;
/// A spike is so many usual steps, and at least [`SPIKE_FACTOR`].
const SPIKE_SCALES: f32 = 4.0;
const SPIKE_FACTOR: f32 = 1.5;
/// A spike has fallen back when no more than this share of it is left.
const LEFT: f32 = 0.4;
/// So many spikes in the periods looked back on are a pattern.
const PATTERN: usize = 3;
const LOOK_BACK: usize = 12;
/// The same number so many times in a row is a source that stands still.
const STUCK: usize = 6;

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Up and back again.
    Spike,
    /// Up and back again, over and over.
    BotLike,
    /// A number that cannot be: a factor of a hundred and back, or the same number again and again.
    DataError,
    /// The whole market moved at once.
    MarketBreak,
}

/// One anomaly.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Anomaly {
    /// Place of the point.
    pub at: usize,
    /// What kind.
    pub kind: Kind,
    /// By how much the log level moved; 0 where it stood still.
    pub size: f32,
}

/// Spikes of a series: points that left the ones around them and came back.
fn spikes(levels: &[f32]) -> Vec<Anomaly> {
    let Some(step) = usual_step(levels) else { return Vec::new() };
    let bound = (SPIKE_SCALES * step).max(SPIKE_FACTOR.ln());
    let mut found = Vec::new();
    for at in 1..levels.len() {
        let up = levels[at] - levels[at - 1];
        let is_far = up.abs() >= bound;
        let back = levels[at + 1..(at + 3).min(levels.len())].iter().copied().find(|level| level.is_finite());
        let Some(back) = back.filter(|_| is_far) else { continue };
        if (back - levels[at - 1]) / up <= LEFT {
            let kind = if up.abs() >= ERROR_FACTOR.ln() { Kind::DataError } else { Kind::Spike };
            found.push(Anomaly { at, kind, size: up });
        }
    }
    // What falls back from a spike looks like one downwards: the first of two neighbours is meant.
    found.dedup_by(|next, last| next.at == last.at + 1);
    found
}

/// The anomalies of a product; `raw` are its log levels as said, `market` the market's change in each period.
pub fn anomalies(levels: &[f32], raw: &[f32], market: &[f32]) -> Vec<Anomaly> {
    let mut found = spikes(levels);
    let from = levels.len().saturating_sub(LOOK_BACK);
    let ups: Vec<usize> = found.iter().filter(|one| one.at >= from && one.size > 0.0).map(|one| one.at).collect();
    if ups.len() >= PATTERN {
        for one in found.iter_mut().filter(|one| ups.contains(&one.at) && one.kind == Kind::Spike) {
            one.kind = Kind::BotLike;
        }
    }
    let mut run = 1;
    for at in 1..raw.len() {
        run = if raw[at] == raw[at - 1] { run + 1 } else { 1 };
        if run == STUCK {
            found.push(Anomaly { at, kind: Kind::DataError, size: 0.0 });
        }
    }
    found.extend(market_breaks(market));
    found.sort_by_key(|one| one.at);
    found
}

/// The periods in which the whole market moved at once.
pub fn market_breaks(market: &[f32]) -> Vec<Anomaly> {
    let breaks = market.iter().enumerate().filter(|(_, change)| change.abs() >= MARKET_FACTOR.ln());
    breaks.map(|(at, change)| Anomaly { at, kind: Kind::MarketBreak, size: *change }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(n: usize) -> Vec<f32> {
        (0..n).map(|t| (t % 3) as f32 * 0.03).collect()
    }

    fn kinds(levels: &[f32]) -> Vec<(usize, Kind)> {
        anomalies(levels, levels, &[]).iter().map(|one| (one.at, one.kind)).collect()
    }

    #[test]
    fn growth_is_none_and_spikes_are_told_from_errors_and_patterns() {
        let mut grown = steady(20);
        grown[10..].iter_mut().for_each(|level| *level += 1.5);
        assert!(kinds(&grown).is_empty());
        let mut spiked = steady(20);
        spiked[10] += 1.5;
        assert_eq!(kinds(&spiked), [(10, Kind::Spike)]);
        spiked[10] += 10.0;
        assert_eq!(kinds(&spiked), [(10, Kind::DataError)]);
        let mut bots = steady(20);
        [10, 13, 16].iter().for_each(|at| bots[*at] += 1.5);
        assert_eq!(kinds(&bots), [(10, Kind::BotLike), (13, Kind::BotLike), (16, Kind::BotLike)]);
    }

    #[test]
    fn a_source_that_stands_still_and_a_market_that_jumps() {
        assert_eq!(kinds(&[1.0; 8]), [(5, Kind::DataError)]);
        let breaks = market_breaks(&[0.0, 0.05, 1.2, -0.01]);
        assert_eq!((breaks.len(), breaks[0].at, breaks[0].kind), (1, 2, Kind::MarketBreak));
    }
}
