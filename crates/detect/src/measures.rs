//! How good a ranking and its probabilities are: precision at the top, average precision, recall at few false alarms, Brier
//! skill and calibration, with intervals.
//!
//! In: for each origin the candidates' scores and what came of them. Out: plain numbers. Ties are broken by the order in
//! which candidates come, which knows nothing of their outcomes.

use crowsnest_learn::random::Random;
use serde::{Deserialize, Serialize};

/// A candidate as judged: how high it was put, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// What it was ranked by; higher is likelier.
    pub score: f64,
    /// The probability that was said, 0 to 1; `None` for what only ranks.
    pub probability: Option<f64>,
    /// Whether it was a hit.
    pub is_hit: bool,
    /// Periods until the rise, where it was one.
    pub lead_time: Option<f64>,
}

/// The measures over some candidates, named as the backtest prints them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measures {
    /// Share of hits among candidates.
    pub base_rate: f64,
    /// Share of hits among the first 50.
    pub precision_at_50: f64,
    /// Share of hits among the first 200.
    pub precision_at_200: f64,
    /// Mean over all hits of the precision at the place of each.
    pub average_precision: f64,
    /// Share of hits found before 1 % of the others are taken for hits.
    pub recall_at_1pct_false_alarms: f64,
    /// One less the Brier score over that of always saying the base rate; `None` for what only ranks.
    pub brier_skill: Option<f64>,
    /// Expected calibration error in ten bins of equally many candidates; `None` for what only ranks.
    pub ece: Option<f64>,
    /// Median of the periods from the origin to the rise, of hits among the first 200; `None` where there are none.
    pub median_lead_time: Option<f64>,
}

/// The measures of one origin.
pub fn measure(judged: &[Judged]) -> Measures {
    let ordered = ordered(judged);
    let n_hits = ordered.iter().filter(|one| one.is_hit).count();
    let base_rate = n_hits as f64 / ordered.len().max(1) as f64;
    Measures {
        base_rate,
        precision_at_50: precision_at(&ordered, 50),
        precision_at_200: precision_at(&ordered, 200),
        average_precision: average_precision(&ordered, n_hits),
        recall_at_1pct_false_alarms: recall_at_false_alarms(&ordered, n_hits, 0.01),
        brier_skill: brier_skill(judged, base_rate),
        ece: calibration_error(judged),
        median_lead_time: median_lead_time(&ordered[..ordered.len().min(200)]),
    }
}

/// The measures of several origins: rankings are measured within each and averaged, each origin alike; probabilities over
/// all candidates together.
pub fn measure_all(origins: &[Vec<Judged>]) -> Measures {
    let each: Vec<Measures> = origins.iter().map(|judged| measure(judged)).collect();
    let mean = |of: &dyn Fn(&Measures) -> f64| each.iter().map(of).sum::<f64>() / each.len().max(1) as f64;
    let all: Vec<Judged> = origins.concat();
    let n_hits = all.iter().filter(|one| one.is_hit).count();
    let base_rate = n_hits as f64 / all.len().max(1) as f64;
    let tops: Vec<Judged> = origins.iter().flat_map(|judged| ordered(judged).into_iter().take(200)).collect();
    Measures {
        base_rate,
        precision_at_50: mean(&|one| one.precision_at_50),
        precision_at_200: mean(&|one| one.precision_at_200),
        average_precision: mean(&|one| one.average_precision),
        recall_at_1pct_false_alarms: mean(&|one| one.recall_at_1pct_false_alarms),
        brier_skill: brier_skill(&all, base_rate),
        ece: calibration_error(&all),
        median_lead_time: median_lead_time(&tops),
    }
}

fn ordered(judged: &[Judged]) -> Vec<Judged> {
    let mut ordered = judged.to_vec();
    ordered.sort_by(|a, b| b.score.total_cmp(&a.score));
    ordered
}

fn precision_at(ordered: &[Judged], n: usize) -> f64 {
    let first = &ordered[..n.min(ordered.len())];
    first.iter().filter(|one| one.is_hit).count() as f64 / first.len().max(1) as f64
}

fn average_precision(ordered: &[Judged], n_hits: usize) -> f64 {
    let (mut n_found, mut sum) = (0, 0.0);
    for (place, _) in ordered.iter().enumerate().filter(|(_, one)| one.is_hit) {
        n_found += 1;
        sum += f64::from(n_found) / (place + 1) as f64;
    }
    sum / n_hits.max(1) as f64
}

fn recall_at_false_alarms(ordered: &[Judged], n_hits: usize, share: f64) -> f64 {
    let allowed = ((ordered.len() - n_hits) as f64 * share).floor() as usize;
    let (mut n_alarms, mut n_found) = (0, 0);
    for one in ordered {
        if one.is_hit {
            n_found += 1;
        } else {
            n_alarms += 1;
        }
        if n_alarms > allowed {
            break;
        }
    }
    f64::from(n_found) / n_hits.max(1) as f64
}

/// One less the ratio of mean squared errors (G. W. Brier, 1950): of what was said, and of always saying the base rate.
fn brier_skill(judged: &[Judged], base_rate: f64) -> Option<f64> {
    let (mut own, mut plain) = (0.0, 0.0);
    for one in judged {
        let outcome = f64::from(u8::from(one.is_hit));
        own += (one.probability? - outcome).powi(2);
        plain += (base_rate - outcome).powi(2);
    }
    (plain > 0.0).then(|| 1.0 - own / plain)
}

/// How far probabilities and shares of hits are apart in ten bins of equally many candidates.
fn calibration_error(judged: &[Judged]) -> Option<f64> {
    let bins = reliability(judged)?;
    let n: f64 = bins.iter().map(|bin| bin.n as f64).sum();
    let apart: f64 = bins.iter().map(|bin| bin.n as f64 * (bin.said - bin.came).abs()).sum();
    (n > 0.0).then(|| apart / n)
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Mean probability said.
    pub said: f64,
    /// Share of hits.
    pub came: f64,
    /// Candidates.
    pub n: usize,
}

/// Ten bins of equally many candidates by what was said; `None` for what only ranks.
pub fn reliability(judged: &[Judged]) -> Option<Vec<Bin>> {
    const BINS: usize = 10;
    let mut said: Vec<(f64, bool)> =
        judged.iter().map(|one| one.probability.map(|p| (p, one.is_hit))).collect::<Option<_>>()?;
    said.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bins = (0..BINS).map(|bin| &said[bin * said.len() / BINS..(bin + 1) * said.len() / BINS]);
    let of = |own: &[(f64, bool)]| Bin {
        said: own.iter().map(|(p, _)| p).sum::<f64>() / own.len() as f64,
        came: own.iter().filter(|(_, is_hit)| *is_hit).count() as f64 / own.len() as f64,
        n: own.len(),
    };
    Some(bins.filter(|own| !own.is_empty()).map(of).collect())
}

/// Places at which precision curves are told.
const PLACES: [usize; 9] = [10, 20, 30, 50, 100, 200, 300, 500, 1000];

/// The share of hits among the first so many of each origin, averaged over origins.
pub fn precision_curve(origins: &[Vec<Judged>]) -> Vec<(usize, f64)> {
    let ordered: Vec<Vec<Judged>> = origins.iter().map(|judged| ordered(judged)).collect();
    let longest = ordered.iter().map(Vec::len).max().unwrap_or(0);
    let at = |place: usize| ordered.iter().map(|own| precision_at(own, place)).sum::<f64>() / ordered.len() as f64;
    PLACES.into_iter().filter(|place| *place <= longest).map(|place| (place, at(place))).collect()
}

fn median_lead_time(ordered: &[Judged]) -> Option<f64> {
    let mut times: Vec<f64> = ordered.iter().filter_map(|one| one.lead_time).collect();
    times.sort_by(f64::total_cmp);
    let n = times.len();
    (n > 0).then(|| (times[(n - 1) / 2] + times[n / 2]) / 2.0)
}

/// The middle 95 % of a mean over origins when these are drawn anew in blocks of neighbours (H. R. Künsch, *The jackknife
/// and the bootstrap for general stationary observations*, 1989): outcomes of neighbouring origins overlap.
pub fn interval(of_origins: &[f64], block: usize) -> Option<(f64, f64)> {
    const SAMPLES: usize = 1000;
    let n = of_origins.len();
    if n < 2 {
        return None;
    }
    let block = block.clamp(1, n);
    let mut random = Random::new(11);
    let mut means: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let (mut sum, mut n_drawn) = (0.0, 0);
            while n_drawn < n {
                let start = random.below(n);
                let n_taken = block.min(n - n_drawn);
                sum += (0..n_taken).map(|step| of_origins[(start + step) % n]).sum::<f64>();
                n_drawn += n_taken;
            }
            sum / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Some((means[SAMPLES / 40], means[SAMPLES - SAMPLES / 40 - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(score: f64, is_hit: bool) -> Judged {
        Judged { score, probability: Some(score), is_hit, lead_time: is_hit.then_some(3.0) }
    }

    #[test]
    fn measures_by_hand() {
        // Hits at the first and third place of four: (1/1 + 2/3) / 2.
        let all = [judged(0.9, true), judged(0.4, false), judged(0.3, true), judged(0.1, false)];
        let measures = measure(&all);
        assert!((measures.average_precision - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!((measures.base_rate, measures.precision_at_50), (0.5, 0.5));
        // No false alarm is allowed of two, so only the first hit counts.
        assert_eq!(measures.recall_at_1pct_false_alarms, 0.5);
        // Errors 0.01 + 0.16 + 0.49 + 0.01 against 4 x 0.25.
        assert!((measures.brier_skill.unwrap() - 0.33).abs() < 1e-12);
        assert_eq!(measures.median_lead_time, Some(3.0));
        assert!(measure(&[]).brier_skill.is_none());
    }

    #[test]
    fn what_holds_has_no_error_and_blocks_widen() {
        let all: Vec<Judged> =
            (0..100).map(|n| Judged { probability: Some(0.1), ..judged(0.1, n % 10 == 0) }).collect();
        assert!(measure(&all).ece.unwrap() < 1e-12);
        let (low, high) = interval(&[0.1, 0.2, 0.3, 0.4], 2).unwrap();
        assert!(low >= 0.1 && high <= 0.4 && low < 0.25 && high > 0.25);
        assert!(interval(&[0.1], 2).is_none());
    }
}
