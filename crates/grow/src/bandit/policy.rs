//! Thompson sampling over arms: each gets the probability that it is the best, given what came back so far.
//!
//! W. R. Thompson (1933); D. Russo, B. Van Roy, A. Kazerouni, I. Osband, Z. Wen, *A tutorial on Thompson sampling* (2018).
//! Rewards from 0 to 1 have a beta distribution a priori (a reward between counts in part for both sides: S. Agrawal, N. Goyal,
//! 2012). What is older fades by a half-life, or is forgotten after a window (A. Garivier, E. Moulines, *On upper-confidence bound
//! policies for switching bandit problems*, 2011), so that arms that change are tried again. Choices without a reward yet count
//! as nothing, not as failures (O. Chapelle, L. Li, *An empirical evaluation of Thompson sampling*, 2011).
//!
//! Probabilities are had by drawing, and kept until enough has come back to change them; arms are then drawn from these very
//! probabilities, so that the logged ones are exact.

use std::collections::{BTreeMap, VecDeque};

use crowsnest_learn::distributions::draw_beta;
use crowsnest_learn::random::Random;
use serde::{Deserialize, Serialize};

/// How arms are chosen.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySettings {
    /// Each arm that is on gets at least this probability; times the arms, at most 1.
    pub floor: f64,
    /// No arm gets more than this.
    pub max_share: f64,
    /// Rewards after which an older one counts half; none: nothing fades.
    pub half_life: Option<f64>,
    /// Only the last so many rewards count; none: all.
    pub window: Option<usize>,
    /// Choices that may wait for their reward; the oldest beyond are given up.
    pub n_waiting_max: usize,
    /// Seed of chance.
    pub seed: u64,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { floor: 0.01, max_share: 1.0, half_life: None, window: None, n_waiting_max: 1_000_000, seed: 1 }
    }
}

/// One arm, and what came back for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Whether it is given at all.
    pub is_on: bool,
    /// Rewards that came back, faded.
    pub gained: f64,
    /// What was missing from them to 1, faded.
    pub missed: f64,
    /// Choices of it so far.
    pub n_chosen: u64,
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Its number, to be given back with the reward.
    pub id: u64,
    /// Place of the arm.
    pub arm: usize,
    /// The probability that it was chosen with.
    pub propensity: f64,
}

/// A policy and all it remembers; can be written down and read again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Policy {
    settings: PolicySettings,
    arms: Vec<Arm>,
    shares: Vec<f64>,
    next_id: u64,
    waiting: BTreeMap<u64, usize>,
    recent: VecDeque<(usize, f64)>,
    n_new: f64,
    random: u64,
}

/// Draws from which the probability of being best is counted.
const N_DRAWS: usize = 512;
/// Share of all that came back which, new, makes the probabilities be counted again.
const NEWS: f64 = 0.01;

impl Policy {
    /// A policy that knows nothing yet.
    ///
    /// # Errors
    /// No arms, two of one name, or floors that do not fit.
    pub fn new(names: &[&str], settings: PolicySettings) -> Result<Self, String> {
        if names.is_empty() {
            return Err("there are no arms".to_owned());
        }
        if let Some(name) =
            names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)).map(|(_, name)| name)
        {
            return Err(format!("arm {name:?} is there twice"));
        }
        let n = names.len() as f64;
        if !(0.0..=1.0 / n).contains(&settings.floor)
            || settings.max_share * n < 1.0
            || settings.max_share < settings.floor
        {
            return Err(format!(
                "floor {} and max_share {} do not fit {n} arms: the floor is 0 to {:.4}, max_share at least that",
                settings.floor,
                settings.max_share,
                1.0 / n
            ));
        }
        if settings.half_life.is_some_and(|half_life| half_life <= 0.0 || !half_life.is_finite())
            || settings.window == Some(0)
        {
            return Err("half_life and window are more than 0, or left out".to_owned());
        }
        let arms = names
            .iter()
            .map(|name| Arm { name: (*name).to_owned(), is_on: true, gained: 0.0, missed: 0.0, n_chosen: 0 })
            .collect();
        let random = settings.seed;
        let mut made = Self {
            settings,
            arms,
            shares: Vec::new(),
            next_id: 1,
            waiting: BTreeMap::new(),
            recent: VecDeque::new(),
            n_new: 0.0,
            random,
        };
        made.count_shares();
        Ok(made)
    }

    /// The arms.
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// The probabilities that the next choice is drawn with.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Chooses an arm for a visitor.
    pub fn choose(&mut self) -> Choice {
        let mut place = self.chance().share();
        let mut arm = self.shares.iter().rposition(|share| *share > 0.0).unwrap_or(0);
        for (at, share) in self.shares.iter().enumerate() {
            if place < *share {
                arm = at;
                break;
            }
            place -= share;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.arms[arm].n_chosen += 1;
        self.waiting.insert(id, arm);
        while self.waiting.len() > self.settings.n_waiting_max {
            self.waiting.pop_first();
        }
        Choice { id, arm, propensity: self.shares[arm] }
    }

    /// Takes a reward for an earlier choice, from 0 to 1.
    ///
    /// # Errors
    /// The reward is out of bounds; the choice is unknown, was rewarded already, or waited too long.
    pub fn reward(&mut self, id: u64, reward: f64) -> Result<(), String> {
        if !(0.0..=1.0).contains(&reward) {
            return Err(format!("reward {reward}: give a number from 0 to 1"));
        }
        let arm = self.waiting.remove(&id).ok_or_else(|| format!("choice {id} is not waiting for a reward"))?;
        if let Some(half_life) = self.settings.half_life {
            let kept = (-std::f64::consts::LN_2 / half_life).exp();
            for arm in &mut self.arms {
                arm.gained *= kept;
                arm.missed *= kept;
            }
        }
        self.arms[arm].gained += reward;
        self.arms[arm].missed += 1.0 - reward;
        if let Some(window) = self.settings.window {
            self.recent.push_back((arm, reward));
            if self.recent.len() > window
                && let Some((arm, reward)) = self.recent.pop_front()
            {
                self.arms[arm].gained = (self.arms[arm].gained - reward).max(0.0);
                self.arms[arm].missed = (self.arms[arm].missed - 1.0 + reward).max(0.0);
            }
        }
        self.n_new += 1.0;
        let known: f64 = self.arms.iter().map(|arm| arm.gained + arm.missed).sum();
        if self.n_new >= 1.0 + NEWS * known {
            self.count_shares();
        }
        Ok(())
    }

    /// The arm of a choice that still waits for its reward.
    pub fn waits(&self, id: u64) -> Option<usize> {
        self.waiting.get(&id).copied()
    }

    /// Choices that wait for their reward.
    pub fn n_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Gives a waiting choice up: it counts as nothing, and its reward is refused from now on.
    pub fn give_up(&mut self, id: u64) {
        self.waiting.remove(&id);
    }

    /// Takes in a choice that was made before, from a log.
    pub fn remember(&mut self, id: u64, arm: usize) {
        if let Some(own) = self.arms.get_mut(arm) {
            own.n_chosen += 1;
            self.waiting.insert(id, arm);
            self.next_id = self.next_id.max(id + 1);
            while self.waiting.len() > self.settings.n_waiting_max {
                self.waiting.pop_first();
            }
        }
    }

    /// Draws from another place of the seed's chance: after a restart, so that no draws come twice.
    pub fn draw_from(&mut self, place: u64) {
        self.random = Random::new(self.settings.seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15)).next();
        self.count_shares();
    }

    /// The same memory with other arms and settings: arms keep what came back for them, by their names.
    ///
    /// # Errors
    /// Those of [`Policy::new`]; the policy is then as it was.
    pub fn adopt(&mut self, names: &[&str], settings: PolicySettings) -> Result<(), String> {
        let mut next = Self::new(names, settings)?;
        let places: Vec<Option<usize>> =
            self.arms.iter().map(|arm| names.iter().position(|name| *name == arm.name)).collect();
        for (arm, place) in self.arms.iter().zip(&places) {
            if let Some(place) = place {
                next.arms[*place] = Arm { is_on: true, ..arm.clone() };
            }
        }
        let moved = |arm: usize| places.get(arm).copied().flatten();
        next.waiting = self.waiting.iter().filter_map(|(id, arm)| Some((*id, moved(*arm)?))).collect();
        next.recent = self.recent.iter().filter_map(|(arm, reward)| Some((moved(*arm)?, *reward))).collect();
        (next.next_id, next.random) = (self.next_id, self.random);
        next.count_shares();
        *self = next;
        Ok(())
    }

    /// Switches an arm on or off, for instance because it broke something else (a guard-rail).
    ///
    /// # Errors
    /// There is no such arm, or it is the last one.
    pub fn switch(&mut self, name: &str, is_on: bool) -> Result<(), String> {
        let arm =
            self.arms.iter().position(|arm| arm.name == name).ok_or_else(|| format!("there is no arm {name:?}"))?;
        if !is_on && self.arms.iter().enumerate().all(|(at, own)| at == arm || !own.is_on) {
            return Err(format!("{name:?} is the last arm that is on"));
        }
        self.arms[arm].is_on = is_on;
        self.count_shares();
        Ok(())
    }

    fn chance(&mut self) -> Random {
        let mut random = Random::new(self.random);
        self.random = random.next();
        random
    }

    /// Counts how often each arm is the best of a draw, then keeps to floor and ceiling.
    fn count_shares(&mut self) {
        let mut random = self.chance();
        let mut n_best = vec![0.0; self.arms.len()];
        for _ in 0..N_DRAWS {
            let (mut best, mut most) = (0, f64::NEG_INFINITY);
            for (at, arm) in self.arms.iter().enumerate().filter(|(_, arm)| arm.is_on) {
                let drawn = draw_beta(&mut random, 1.0 + arm.gained, 1.0 + arm.missed);
                if drawn > most {
                    (best, most) = (at, drawn);
                }
            }
            n_best[best] += 1.0 / N_DRAWS as f64;
        }
        let is_on: Vec<bool> = self.arms.iter().map(|arm| arm.is_on).collect();
        self.shares = bounded(&n_best, &is_on, self.settings.floor, self.settings.max_share);
        self.n_new = 0.0;
    }
}

/// Shares of at least the floor and, where there are arms enough, at most the ceiling, that add up to one.
fn bounded(shares: &[f64], is_on: &[bool], floor: f64, ceiling: f64) -> Vec<f64> {
    let n_on = is_on.iter().filter(|on| **on).count() as f64;
    let ceiling = ceiling.max(1.0 / n_on);
    let mut bounded: Vec<f64> = shares
        .iter()
        .zip(is_on)
        .map(|(share, on)| if *on { floor + (1.0 - floor * n_on) * share } else { 0.0 })
        .collect();
    for _ in 0..shares.len() {
        let over: f64 = bounded.iter().map(|share| (share - ceiling).max(0.0)).sum();
        let below: f64 =
            bounded.iter().zip(is_on).filter(|(share, on)| **on && **share < ceiling).map(|(share, _)| share).sum();
        let n_below = bounded.iter().zip(is_on).filter(|(share, on)| **on && **share < ceiling).count() as f64;
        if over <= 1e-12 || n_below == 0.0 {
            break;
        }
        for (share, on) in bounded.iter_mut().zip(is_on).filter(|(_, on)| **on) {
            debug_assert!(*on);
            if *share >= ceiling {
                *share = ceiling;
            } else {
                *share += over * if below > 0.0 { *share / below } else { 1.0 / n_below };
            }
        }
    }
    bounded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(settings: PolicySettings, chances: &dyn Fn(usize, usize) -> f64, n: usize, delay: usize) -> (Policy, f64) {
        let mut policy = Policy::new(&["a", "b", "c"], settings).unwrap();
        let mut random = Random::new(99);
        let mut late = VecDeque::new();
        let mut regret = 0.0;
        for round in 0..n {
            let choice = policy.choose();
            let best = (0..3).map(|arm| chances(round, arm)).fold(0.0, f64::max);
            regret += best - chances(round, choice.arm);
            late.push_back((choice.id, f64::from(u8::from(random.share() < chances(round, choice.arm)))));
            if late.len() > delay {
                let (id, reward) = late.pop_front().unwrap();
                policy.reward(id, reward).unwrap();
            }
        }
        (policy, regret)
    }

    #[test]
    fn the_best_arm_gets_most_and_the_floor_holds() {
        let (policy, regret) = play(PolicySettings::default(), &|_, arm| [0.1, 0.2, 0.3][arm], 20_000, 500);
        assert!(policy.shares()[2] > 0.95 && policy.shares()[0] >= 0.01 - 1e-12, "{:?}", policy.shares());
        assert!(regret < 20_000.0 * 0.03, "{regret}");
        assert!((policy.shares().iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_fades_follows_a_change() {
        let chances = |round: usize, arm: usize| if (arm == 0) == (round < 10_000) { 0.3 } else { 0.1 };
        let (still, slow) = play(PolicySettings::default(), &chances, 20_000, 0);
        let (fading, quick) =
            play(PolicySettings { half_life: Some(800.0), ..PolicySettings::default() }, &chances, 20_000, 0);
        assert!(quick < slow, "{quick} {slow}");
        assert!(fading.shares()[0] < 0.2, "{:?} {:?}", fading.shares(), still.shares());
        let windowed = PolicySettings { window: Some(2000), ..PolicySettings::default() };
        assert!(play(windowed, &chances, 20_000, 0).1 < slow);
    }

    #[test]
    fn rewards_count_once_and_bounds_are_told() {
        let mut policy = Policy::new(&["a", "b"], PolicySettings::default()).unwrap();
        let choice = policy.choose();
        policy.reward(choice.id, 1.0).unwrap();
        assert!(policy.reward(choice.id, 1.0).is_err());
        assert!(policy.reward(77, 0.5).is_err());
        let choice = policy.choose();
        assert!(policy.reward(choice.id, f64::NAN).is_err());
        assert!(Policy::new(&[], PolicySettings::default()).is_err());
        assert!(Policy::new(&["a", "a"], PolicySettings::default()).is_err());
        assert!(Policy::new(&["a", "b"], PolicySettings { floor: 0.6, ..PolicySettings::default() }).is_err());
        policy.switch("a", false).unwrap();
        assert_eq!(policy.shares(), [0.0, 1.0]);
        assert!(policy.switch("b", false).is_err());
    }

    #[test]
    fn other_arms_keep_what_is_known_by_name() {
        let (mut policy, _) = play(PolicySettings::default(), &|_, arm| [0.1, 0.2, 0.3][arm], 5_000, 10);
        let (best, n_waiting) = (policy.arms()[2].clone(), policy.n_waiting());
        policy.adopt(&["c", "new"], PolicySettings::default()).unwrap();
        assert_eq!((policy.arms()[0].gained, policy.arms()[0].n_chosen), (best.gained, best.n_chosen));
        assert!(policy.n_waiting() <= n_waiting && policy.arms()[1].n_chosen == 0);
        assert!(policy.adopt(&[], PolicySettings::default()).is_err() && policy.arms().len() == 2);
        let choice = policy.choose();
        policy.give_up(choice.id);
        assert!(policy.reward(choice.id, 1.0).is_err());
        policy.remember(9_000_000, 1);
        assert_eq!((policy.waits(9_000_000), policy.choose().id), (Some(1), 9_000_001));
    }

    #[test]
    fn no_arm_is_over_the_ceiling() {
        let shares = bounded(&[1.0, 0.0, 0.0], &[true, true, true], 0.05, 0.6);
        assert!((shares[0] - 0.6).abs() < 1e-9 && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{shares:?}");
    }
}
