//! How well chains agree and how many independent draws they are worth.
//!
//! Rank-normalised split R-hat and bulk effective sample size as in A. Vehtari, A. Gelman, D. Simpson, B. Carpenter, P.-C.
//! Bürkner, *Rank-normalization, folding, and localization: an improved R-hat*, Bayesian Analysis 16 (2021).

use crate::distributions::normal_quantile;

/// R-hat and effective sample size of one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// 1 where all chains say the same; over 1.01 they do not quite, over 1.05 they do not.
    pub r_hat: f64,
    /// Independent draws that the middle of the distribution is worth.
    pub n_effective: f64,
}

/// Judges chains of one quantity, all of one length of at least 4.
pub fn agreement(chains: &[Vec<f64>]) -> Agreement {
    let halves = split(chains);
    let ranked = rank_normalised(&halves);
    let all: Vec<f64> = halves.iter().flatten().copied().collect();
    let middle = quantile(&all, 0.5);
    let folded: Vec<Vec<f64>> =
        halves.iter().map(|half| half.iter().map(|value| (value - middle).abs()).collect()).collect();
    let r_hat = r_hat(&ranked).max(r_hat(&rank_normalised(&folded)));
    Agreement { r_hat, n_effective: n_effective(&ranked) }
}

/// The value below which a share of the values lies, between the two nearest (R. J. Hyndman, Y. Fan, type 7); NaN if there are none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted_quantile(&sorted, share)
}

/// [`quantile`] of values in rising order.
pub fn sorted_quantile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return f64::NAN;
    }
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

fn split(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    chains
        .iter()
        .flat_map(|chain| {
            let half = chain.len() / 2;
            [chain[..half].to_vec(), chain[chain.len() - half..].to_vec()]
        })
        .collect()
}

fn rank_normalised(chains: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = chains.first().map_or(0, Vec::len);
    let all: Vec<f64> = chains.iter().flatten().copied().collect();
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|left, right| all[*left].total_cmp(&all[*right]));
    let mut scores = vec![0.0; all.len()];
    let mut at = 0;
    while at < order.len() {
        let mut end = at;
        while end + 1 < order.len() && all[order[end + 1]] == all[order[at]] {
            end += 1;
        }
        let rank = (at + end) as f64 / 2.0 + 1.0;
        let score = normal_quantile((rank - 0.375) / (all.len() as f64 + 0.25));
        order[at..=end].iter().for_each(|place| scores[*place] = score);
        at = end + 1;
    }
    scores.chunks(n.max(1)).map(<[f64]>::to_vec).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// The variance within chains, and the estimate of the whole from it and the spread of the chains' means.
fn variances(chains: &[Vec<f64>]) -> (f64, f64) {
    let n = chains[0].len() as f64;
    let within = mean(&chains.iter().map(|chain| variance(chain)).collect::<Vec<_>>());
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let between = if means.len() > 1 { variance(&means) } else { 0.0 };
    (within, within * (n - 1.0) / n + between)
}

fn r_hat(chains: &[Vec<f64>]) -> f64 {
    let (within, whole) = variances(chains);
    if within <= 0.0 { 1.0 } else { (whole / within).sqrt() }
}

/// The sum of autocorrelations is cut by Geyer's initial monotone positive sequence (C. J. Geyer, 1992).
fn n_effective(chains: &[Vec<f64>]) -> f64 {
    let n = chains[0].len();
    let (within, whole) = variances(chains);
    let n_all = (n * chains.len()) as f64;
    if whole <= 0.0 {
        return n_all;
    }
    let centred: Vec<Vec<f64>> = chains
        .iter()
        .map(|chain| {
            let mean = mean(chain);
            chain.iter().map(|value| value - mean).collect()
        })
        .collect();
    let correlation = |lag: usize| {
        let covariance = mean(
            &centred
                .iter()
                .map(|chain| chain[lag..].iter().zip(chain).map(|(late, early)| late * early).sum::<f64>() / n as f64)
                .collect::<Vec<_>>(),
        );
        1.0 - (within * (n as f64 - 1.0) / n as f64 - covariance) / whole
    };
    let (mut sum, mut least) = (0.0, f64::INFINITY);
    let mut lag = 0;
    while lag + 1 < n {
        let first = if lag == 0 { 1.0 } else { correlation(lag) };
        let pair = first + correlation(lag + 1);
        if pair <= 0.0 {
            break;
        }
        least = least.min(pair);
        sum += least;
        lag += 2;
    }
    let time = (2.0 * sum - 1.0).max(1.0 / n_all.log10());
    n_all / time
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn independent_draws_agree_and_moved_chains_do_not() {
        let mut random = Random::new(3);
        let mut chains: Vec<Vec<f64>> = (0..4).map(|_| (0..500).map(|_| random.normal()).collect()).collect();
        let good = agreement(&chains);
        assert!(good.r_hat < 1.01 && (1500.0..2600.0).contains(&good.n_effective), "{good:?}");
        chains[0].iter_mut().for_each(|value| *value += 2.0);
        let bad = agreement(&chains);
        assert!(bad.r_hat > 1.2 && bad.n_effective < 100.0, "{bad:?}");
    }

    /// An autoregression with 0.8 has an integrated autocorrelation time of 1.8 / 0.2 = 9.
    #[test]
    fn draws_that_hang_together_count_less() {
        let mut random = Random::new(8);
        let chains: Vec<Vec<f64>> = (0..4)
            .map(|_| {
                let mut value = 0.0;
                (0..4000)
                    .map(|_| {
                        value = 0.8 * value + 0.6 * random.normal();
                        value
                    })
                    .collect()
            })
            .collect();
        let found = agreement(&chains).n_effective;
        assert!((found - 16_000.0 / 9.0).abs() < 350.0, "{found}");
    }

    #[test]
    fn quantiles_lie_between_values() {
        assert_eq!(quantile(&[4.0, 1.0, 3.0, 2.0], 0.5), 2.5);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
