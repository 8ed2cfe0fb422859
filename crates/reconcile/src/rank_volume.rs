//! From ranks to volumes: a chart's order with a few known volumes gives the volumes between them.
//!
//! Volumes of charts fall by a power of the rank (G. K. Zipf, 1949; for app stores R. Garg, R. Telang, *Inferring app demand
//! from publicly available data*, MIS Quarterly 2013), and not everywhere by the same. So for each period, logarithms are
//! drawn straight between the known volumes beside, and beyond the last by the slope that all periods share. How far that
//! is off is learnt by leaving known volumes out, one and three at a time: as a power of how far away the known ones are,
//! scaled so that 80 % are within (conformal prediction: V. Vovk et al., *Algorithmic learning in a random world*, 2005).

use crate::evaluate::Z_80;
use crate::robust::median;

/// A volume that is known: the logarithm of its rank, and of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// Natural logarithm of the rank.
    pub rank: f64,
    /// Natural logarithm of the volume.
    pub log: f64,
}

/// How the volumes of one chart follow its ranks.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// For each period what is known, by rank; one for each rank.
    times: Vec<Vec<Known>>,
    /// By how much the logarithm of the volume changes where that of the rank grows by 1; not above 0.
    slope: f64,
    /// The logarithm of the spread where known ones are 1 away, and its power.
    spread: f64,
    power: f64,
    /// The logarithm of how near known ones were where it was learnt; nearer than that, they are trusted no more.
    nearest: f64,
}

/// A volume as told: its place, and how far away what it was told from is.
struct Told {
    log: f64,
    away: f64,
}

impl Curve {
    /// Fits a chart; `None` where fewer than four volumes are known in all.
    pub fn fit(mut times: Vec<Vec<Known>>) -> Option<Self> {
        const KNOWN_MIN: usize = 4;
        for known in &mut times {
            known.retain(|own| own.rank.is_finite() && own.log.is_finite());
            known.sort_by(|a, b| a.rank.total_cmp(&b.rank).then(a.log.total_cmp(&b.log)));
            known.dedup_by(|a, b| a.rank == b.rank);
        }
        if times.iter().map(Vec::len).sum::<usize>() < KNOWN_MIN {
            return None;
        }
        let slope = slope(&times);
        let mut curve = Self { times, slope, spread: 0.0, power: 1.0, nearest: f64::NEG_INFINITY };
        curve.learn_spread();
        Some(curve)
    }

    /// The logarithm of the volume of a rank in a period, and its standard deviation. `None` where nothing is known of that
    /// period.
    pub fn at(&self, time: usize, rank: f64) -> Option<(f64, f64)> {
        let told = told(self.times.get(time)?, rank, self.slope)?;
        let sd = (self.spread + self.power * told.away.max(AWAY_MIN).ln().max(self.nearest)).exp();
        Some((told.log, sd))
    }

    fn learn_spread(&mut self) {
        const FEW: usize = 8;
        const NEAREST_OF: usize = 5;
        let mut apart: Vec<(f64, f64)> = Vec::new();
        for known in &self.times {
            for around in [0, 1] {
                for place in 0..known.len() {
                    let left: Vec<Known> = known
                        .iter()
                        .enumerate()
                        .filter(|(other, _)| other.abs_diff(place) > around)
                        .map(|(_, own)| *own)
                        .collect();
                    if let Some(told) = told(&left, known[place].rank, self.slope) {
                        let error = (told.log - known[place].log).abs().max(1e-6);
                        apart.push((told.away.max(AWAY_MIN).ln(), error.ln()));
                    }
                }
            }
        }
        if apart.len() < FEW {
            // A third off where known ones are twice as far up or down.
            (self.spread, self.power) = (-1.0, 1.0);
            return;
        }
        apart.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.nearest = apart[(apart.len() - 1) / NEAREST_OF].0;
        self.power = power(&apart);
        let mut left: Vec<f64> =
            apart.iter().map(|(away, error)| error - self.power * away.max(self.nearest)).collect();
        left.sort_by(f64::total_cmp);
        let at_80 = left[((left.len() as f64 * 0.8).ceil() as usize).min(left.len()) - 1];
        self.spread = at_80 - Z_80.ln();
    }
}

/// Nearer than that, known volumes tell no more.
const AWAY_MIN: f64 = 1e-4;

/// The power by which errors grow, by medians of thirds (J. W. Tukey's resistant line, 1977); sorted by how far away.
fn power(apart: &[(f64, f64)]) -> f64 {
    let third = apart.len() / 3;
    let middle = |part: &[(f64, f64)]| -> (f64, f64) {
        let of =
            |side: &dyn Fn(&(f64, f64)) -> f64| median(&mut part.iter().map(side).collect::<Vec<f64>>()).unwrap_or(0.0);
        (of(&|own| own.0), of(&|own| own.1))
    };
    let (low, high) = (middle(&apart[..third.max(1)]), middle(&apart[apart.len() - third.max(1)..]));
    if high.0 - low.0 < 1e-9 { 1.0 } else { ((high.1 - low.1) / (high.0 - low.0)).clamp(0.25, 3.0) }
}

/// The median slope between neighbours, those far apart counting more often.
fn slope(times: &[Vec<Known>]) -> f64 {
    const APART_MIN: f64 = 0.3;
    let mut slopes = Vec::new();
    for known in times {
        for (place, from) in known.iter().enumerate() {
            if let Some(to) = known[place + 1..].iter().find(|to| to.rank - from.rank >= APART_MIN) {
                slopes.push((to.log - from.log) / (to.rank - from.rank));
            }
        }
    }
    median(&mut slopes).unwrap_or(-1.0).min(0.0)
}

fn told(known: &[Known], rank: f64, slope: f64) -> Option<Told> {
    let after = known.partition_point(|own| own.rank < rank);
    if let Some(same) = known.get(after).filter(|own| own.rank == rank) {
        return Some(Told { log: same.log, away: 0.0 });
    }
    let before = after.checked_sub(1).map(|at| known[at]);
    match (before, known.get(after)) {
        (Some(before), Some(after)) => {
            let (from, to) = (rank - before.rank, after.rank - rank);
            let log = (before.log * to + after.log * from) / (from + to);
            Some(Told { log, away: 2.0 * from * to / (from + to) })
        }
        (Some(end), None) => Some(Told { log: end.log + slope * (rank - end.rank), away: 2.0 * (rank - end.rank) }),
        (None, Some(end)) => Some(Told { log: end.log + slope * (rank - end.rank), away: 2.0 * (end.rank - rank) }),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_is_found_between_and_beyond() {
        // Volume 1,000,000 over the rank: at rank 4, 250,000; at rank 100, beyond what is known, 10,000.
        let known = |rank: f64| Known { rank: rank.ln(), log: (1e6 / rank).ln() };
        let curve = Curve::fit(vec![[1.0, 2.0, 8.0, 16.0, 32.0].map(known).to_vec(), vec![known(2.0)]]).unwrap();
        assert!((curve.at(0, 4_f64.ln()).unwrap().0.exp() - 250_000.0).abs() < 1.0);
        assert!((curve.at(0, 100_f64.ln()).unwrap().0.exp() - 10_000.0).abs() < 1.0);
        assert!((curve.at(1, 4_f64.ln()).unwrap().0.exp() - 250_000.0).abs() < 1.0, "the slope is that of all periods");
        assert!(curve.at(2, 0.0).is_none() && Curve::fit(vec![vec![known(1.0); 9]]).is_none());
    }

    #[test]
    fn what_is_further_away_is_less_sure() {
        let bent = |rank: f64| Known { rank: rank.ln(), log: 14.0 - 0.7 * rank.ln() - 0.05 * rank.ln().powi(2) };
        let known: Vec<Known> = (0..40).map(|n| bent(1.3_f64.powi(n))).collect();
        let curve = Curve::fit(vec![known]).unwrap();
        let within = curve.at(0, 1.3_f64.powf(20.5).ln()).unwrap();
        let beyond = curve.at(0, 1.3_f64.powf(45.0).ln()).unwrap();
        assert!(within.1 < 0.01 && beyond.1 > 5.0 * within.1, "{within:?} {beyond:?}");
    }
}
