//! What a bandit knows, for people and programs.
//!
//! In: a bandit at work. Out: its arms with what came back, an interval, the share that each gets now, and why one is off.

use crowsnest_learn::distributions::{beta_below, normal_quantile};
use serde::Serialize;

use super::live::{Guarded, Live};

/// A bandit.
#[derive(Debug, Clone, Serialize)]
pub struct BanditReport {
    /// Its name.
    pub name: String,
    /// What people read.
    pub title: String,
    /// Lines of its log.
    pub n_lines: i64,
    /// Choices that wait for their reward.
    pub n_waiting: usize,
    /// Its arms, in the file's order.
    pub arms: Vec<ArmReport>,
    /// What arms did to guard-rails.
    pub guarded: Vec<Guarded>,
}

/// One arm.
#[derive(Debug, Clone, Serialize)]
pub struct ArmReport {
    /// Its name.
    pub arm: String,
    /// The probability that the next visitor gets it.
    pub share: f64,
    /// Choices of it.
    pub n_choices: u64,
    /// Rewards that count, faded where the file says so.
    pub n_rewards: f64,
    /// Mean reward.
    pub mean: f64,
    /// A fortieth of what is believed of it lies below.
    pub low: f64,
    /// A fortieth lies above.
    pub high: f64,
    /// `file`, or the guard-rail that it is over; nothing where it is on.
    pub off_because: Option<String>,
}

/// Tells of a bandit.
pub fn report(name: &str, live: &Live) -> BanditReport {
    let policy = live.policy();
    let arms = policy
        .arms()
        .iter()
        .zip(policy.shares())
        .map(|(arm, share)| {
            let (a, b) = (1.0 + arm.gained, 1.0 + arm.missed);
            ArmReport {
                arm: arm.name.clone(),
                share: *share,
                n_choices: arm.n_chosen,
                n_rewards: arm.gained + arm.missed,
                mean: arm.gained / (arm.gained + arm.missed).max(1e-12),
                low: quantile(a, b, 0.025),
                high: quantile(a, b, 0.975),
                off_because: live.off_because(&arm.name),
            }
        })
        .collect();
    let title = if live.file().title.is_empty() { name } else { &live.file().title };
    BanditReport {
        name: name.to_owned(),
        title: title.to_owned(),
        n_lines: live.n_lines(),
        n_waiting: policy.n_waiting(),
        arms,
        guarded: live.guarded().to_vec(),
    }
}

/// A quantile of the beta distribution, by halving about where the normal one has it.
fn quantile(a: f64, b: f64, share: f64) -> f64 {
    let mean = a / (a + b);
    let width = 10.0 * normal_quantile(0.999) * (mean * (1.0 - mean) / (a + b + 1.0)).sqrt();
    let (mut low, mut high) = ((mean - width).max(0.0), (mean + width).min(1.0));
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if beta_below(a, b, middle) < share { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beta(1, 1) is uniform: its quantiles are the shares themselves; and what lies below a quantile is its share.
    #[test]
    fn quantiles_are_those_of_the_beta_distribution() {
        assert!((quantile(1.0, 1.0, 0.025) - 0.025).abs() < 1e-9);
        assert!((beta_below(13.0, 89.0, quantile(13.0, 89.0, 0.975)) - 0.975).abs() < 1e-9);
    }
}
