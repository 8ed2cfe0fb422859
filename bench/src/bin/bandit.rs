//! Bandits by themselves: regret on three kinds of arms, allocations a second, and how often off-policy intervals hold the truth.
//! Prints JSON. The kinds are those of `peer_bandit.py`.

use std::collections::VecDeque;
use std::time::Instant;

use crowsnest_grow::bandit::judgement::{Logged, judge};
use crowsnest_grow::bandit::policy::{Policy, PolicySettings};
use crowsnest_learn::random::Random;

const N_ROUNDS: usize = 10_000;
const N_REPEATS: u64 = 40;
const N_ARMS: usize = 5;
const DELAY: usize = 500;
const NAMES: [&str; N_ARMS] = ["a", "b", "c", "d", "e"];

fn main() {
    let regret = serde_json::json!({
        "stationary": regret("stationary"), "drifting": regret("drifting"), "delayed": regret("delayed"),
    });
    let [ips, snips, doubly_robust] = covered();
    let found = serde_json::json!({
        "regret": regret,
        "allocations_per_second": allocations_per_second(),
        "covered_ips": ips,
        "covered_snips": snips,
        "covered_doubly_robust": doubly_robust,
    });
    report(&found);
}

#[expect(clippy::print_stdout, reason = "what this program is for")]
fn report(found: &serde_json::Value) {
    println!("{found}");
}

fn policy(seed: u64, kind: &str) -> Policy {
    let half_life = (kind == "drifting").then_some(800.0);
    let settings = PolicySettings { floor: 0.0005, half_life, seed, ..PolicySettings::default() };
    Policy::new(&NAMES, settings).unwrap_or_else(|error| unreachable!("{error}"))
}

fn regret(kind: &str) -> f64 {
    let mut total = 0.0;
    for seed in 0..N_REPEATS {
        let mut random = Random::new(seed);
        let n_pieces = if kind == "drifting" { 4 } else { 1 };
        let pieces: Vec<Vec<f64>> =
            (0..n_pieces).map(|_| (0..N_ARMS).map(|_| 0.02 + 0.28 * random.share()).collect()).collect();
        let mut policy = policy(seed, kind);
        let mut waiting = VecDeque::new();
        for round in 0..N_ROUNDS {
            let chances = &pieces[round * n_pieces / N_ROUNDS];
            let choice = policy.choose();
            total += chances.iter().copied().fold(0.0, f64::max) - chances[choice.arm];
            waiting.push_back((choice.id, f64::from(u8::from(random.share() < chances[choice.arm]))));
            if (kind != "delayed" || waiting.len() > DELAY)
                && let Some((id, reward)) = waiting.pop_front()
            {
                let _known = policy.reward(id, reward);
            }
        }
    }
    total / N_REPEATS as f64
}

/// Choices with their rewards, on one core.
fn allocations_per_second() -> f64 {
    let mut policy = policy(1, "stationary");
    let mut random = Random::new(2);
    let n = 500_000;
    let started = Instant::now();
    for _ in 0..n {
        let choice = policy.choose();
        let reward = f64::from(u8::from(random.share() < [0.1, 0.11, 0.12, 0.13, 0.14][choice.arm]));
        let _known = policy.reward(choice.id, reward);
    }
    f64::from(n) / started.elapsed().as_secs_f64()
}

/// How often the three estimates' 95 % intervals hold the true value, in 10,000 logs of 1,000 lines.
fn covered() -> [f64; 3] {
    let chances = [[0.2, 0.4, 0.3], [0.6, 0.1, 0.3]];
    let given = [0.5, 0.3, 0.2];
    let targets = [[0.1, 0.8, 0.1], [0.7, 0.1, 0.2]];
    let value: f64 = (0..2)
        .map(|segment| 0.5 * (0..3).map(|arm: usize| targets[segment][arm] * chances[segment][arm]).sum::<f64>())
        .sum();
    let mut random = Random::new(5);
    let n = 10_000;
    let mut covered = [0.0; 3];
    for _ in 0..n {
        let log: Vec<Logged> = (0..1000)
            .map(|_| {
                let segment = random.below(2);
                let place = random.share();
                let arm = usize::from(place >= 0.5) + usize::from(place >= 0.8);
                let reward = f64::from(u8::from(random.share() < chances[segment][arm]));
                Logged { arm, propensity: given[arm], reward, segment, target: targets[segment].to_vec() }
            })
            .collect();
        if let Ok(judged) = judge(&log, 0.05) {
            for (count, own) in covered.iter_mut().zip([judged.ips, judged.snips, judged.doubly_robust]) {
                *count += f64::from(u8::from((own.low..=own.high).contains(&value))) / f64::from(n);
            }
        }
    }
    covered
}
