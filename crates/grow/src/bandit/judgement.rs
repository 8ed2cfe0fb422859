//! What another way of choosing would have brought, from the log of this one.
//!
//! Inverse propensity scoring (D. G. Horvitz, D. J. Thompson, 1952), the same with weights that add up (A. Swaminathan, T. Joachims,
//! 2015), and doubly robust (M. Dudík, J. Langford, L. Li, *Doubly robust policy evaluation and learning*, ICML 2011), whose
//! expected rewards are learnt from the other half of the log. Intervals are normal, by the spread of the terms.

use crowsnest_learn::distributions::normal_quantile;
use serde::{Deserialize, Serialize};

/// One line of a log, with what the other way would have done there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Logged {
    /// Arm that was given.
    pub arm: usize,
    /// Probability that it was given with; more than 0.
    pub propensity: f64,
    /// What came back.
    pub reward: f64,
    /// Kind of visitor, from 0 on; rewards are learnt for each by itself.
    #[serde(default)]
    pub segment: usize,
    /// Probability of each arm in the other way; adds up to one.
    pub target: Vec<f64>,
}

/// Kinds of visitors at most.
pub const SEGMENTS_MAX: usize = 10_000;

/// A mean reward with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// Mean reward.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Three estimates of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judgement {
    /// Inverse propensity scoring: right on average, wide.
    pub ips: Estimate,
    /// The same with weights that add up.
    pub snips: Estimate,
    /// Doubly robust: the one to use.
    pub doubly_robust: Estimate,
    /// Lines that the weights are worth; few of many mean that the log hardly does what the other way would.
    pub n_effective: f64,
}

/// Judges another way of choosing; intervals hold with probability 1 - `alpha`.
///
/// # Errors
/// A log of fewer than ten lines, or one that cannot be: what and where.
pub fn judge(log: &[Logged], alpha: f64) -> Result<Judgement, String> {
    if log.len() < 10 {
        return Err(format!("the log has {} lines: it takes at least 10", log.len()));
    }
    let n_arms = log[0].target.len();
    for (at, line) in log.iter().enumerate() {
        let is_whole = line.target.len() == n_arms && (line.target.iter().sum::<f64>() - 1.0).abs() < 1e-6;
        if line.arm >= n_arms || !is_whole || !line.reward.is_finite() || line.target.iter().any(|share| *share < 0.0) {
            return Err(format!("line {}: arm and probabilities do not fit {n_arms} arms", at + 1));
        }
        if line.segment >= SEGMENTS_MAX {
            return Err(format!(
                "line {}: segment {}: number segments from 0 to {}",
                at + 1,
                line.segment,
                SEGMENTS_MAX - 1
            ));
        }
        if !(line.propensity > 0.0 && line.propensity <= 1.0) {
            return Err(format!("line {}: propensity {} is not more than 0 and at most 1", at + 1, line.propensity));
        }
    }
    let weights: Vec<f64> = log.iter().map(|line| line.target[line.arm] / line.propensity).collect();
    let whole: f64 = weights.iter().sum();
    if whole <= 0.0 {
        return Err("the log never did what the other way would do".to_owned());
    }
    let terms: Vec<f64> = weights.iter().zip(log).map(|(weight, line)| weight * line.reward).collect();
    let normalised = terms.iter().sum::<f64>() / whole;
    let n = log.len() as f64;
    // The terms of a ratio, made linear.
    let linear: Vec<f64> = weights
        .iter()
        .zip(log)
        .map(|(weight, line)| weight * (line.reward - normalised) * n / whole + normalised)
        .collect();
    Ok(Judgement {
        ips: estimate(&terms, alpha),
        snips: Estimate { value: normalised, ..estimate(&linear, alpha) },
        doubly_robust: estimate(&doubly_robust(log, &weights), alpha),
        n_effective: whole * whole / weights.iter().map(|weight| weight * weight).sum::<f64>(),
    })
}

fn estimate(terms: &[f64], alpha: f64) -> Estimate {
    let n = terms.len() as f64;
    let value = terms.iter().sum::<f64>() / n;
    let standard_error = (terms.iter().map(|term| (term - value).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
    let edge = -normal_quantile(alpha / 2.0) * standard_error;
    Estimate { value, standard_error, low: value - edge, high: value + edge }
}

fn doubly_robust(log: &[Logged], weights: &[f64]) -> Vec<f64> {
    let halves = [learn(log, 1), learn(log, 0)];
    log.iter()
        .zip(weights)
        .enumerate()
        .map(|(at, (line, weight))| {
            let expected = &halves[at % 2][line.segment];
            let of_target: f64 = line.target.iter().zip(expected).map(|(share, reward)| share * reward).sum();
            of_target + weight * (line.reward - expected[line.arm])
        })
        .collect()
}

/// Mean reward by segment and arm of every second line, drawn towards the mean of all as if by two lines.
fn learn(log: &[Logged], half: usize) -> Vec<Vec<f64>> {
    let n_segments = log.iter().map(|line| line.segment).max().unwrap_or(0) + 1;
    let n_arms = log[0].target.len();
    let lines = || log.iter().skip(half).step_by(2);
    let mean = lines().map(|line| line.reward).sum::<f64>() / lines().count().max(1) as f64;
    let mut sums = vec![vec![(2.0 * mean, 2.0); n_arms]; n_segments];
    for line in lines() {
        let sum = &mut sums[line.segment][line.arm];
        *sum = (sum.0 + line.reward, sum.1 + 1.0);
    }
    sums.iter().map(|arms| arms.iter().map(|(reward, n)| reward / n).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crowsnest_learn::random::Random;

    /// Two segments, three arms; the log is drawn with known probabilities, the other way's worth is known.
    fn log(random: &mut Random, n: usize) -> (Vec<Logged>, f64) {
        let chances = [[0.2, 0.4, 0.3], [0.6, 0.1, 0.3]];
        let given = [0.5, 0.3, 0.2];
        let targets = [[0.1, 0.8, 0.1], [0.7, 0.1, 0.2]];
        let value = (0..2)
            .map(|segment| 0.5 * (0..3).map(|arm| targets[segment][arm] * chances[segment][arm]).sum::<f64>())
            .sum();
        let lines = (0..n)
            .map(|_| {
                let segment = random.below(2);
                let place = random.share();
                let arm = if place < 0.5 {
                    0
                } else if place < 0.8 {
                    1
                } else {
                    2
                };
                let reward = f64::from(u8::from(random.share() < chances[segment][arm]));
                Logged { arm, propensity: given[arm], reward, segment, target: targets[segment].to_vec() }
            })
            .collect();
        (lines, value)
    }

    #[test]
    fn intervals_cover_as_often_as_they_say() {
        let mut random = Random::new(17);
        let n = 2000;
        let mut covered = [0; 3];
        for _ in 0..n {
            let (lines, value) = log(&mut random, 500);
            let judged = judge(&lines, 0.05).unwrap();
            for (at, estimate) in [judged.ips, judged.snips, judged.doubly_robust].iter().enumerate() {
                covered[at] += usize::from((estimate.low..=estimate.high).contains(&value));
            }
            assert!(judged.doubly_robust.standard_error < judged.ips.standard_error);
        }
        for covered in covered {
            assert!((0.93..=0.97).contains(&(covered as f64 / n as f64)), "{covered}");
        }
    }

    #[test]
    fn logs_that_cannot_be_are_told() {
        let mut random = Random::new(1);
        let (mut lines, _) = log(&mut random, 20);
        lines[3].segment = usize::MAX;
        assert!(judge(&lines, 0.05).unwrap_err().contains("line 4"));
        lines[3].segment = 0;
        lines[4].propensity = 0.0;
        assert!(judge(&lines, 0.05).unwrap_err().contains("line 5"));
        assert!(judge(&lines[..3], 0.05).is_err());
    }
}
