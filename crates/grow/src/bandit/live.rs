//! A bandit at work: its file, its policy, and what its log says, kept together.
//!
//! In: who asks, and what came back. Out: the choice or the count, and with it the lines that have to be in the log before anybody is
//! told. Invariants: the lines alone bring the bandit back ([`Live::restore`]); no clock is read here, so that reading a log again
//! gives the same counts.

use std::collections::{BTreeMap, VecDeque};

use crowsnest_lake::Lake;
use crowsnest_lake::state::bandits::BanditLine;
use crowsnest_learn::distributions::beta_below;
use serde::{Deserialize, Serialize};

use super::file::BanditFile;
use super::policy::Policy;
use crate::error::GrowError;

const HOUR_MICROS: f64 = 3_600_000_000.0;
/// Lines after which what is known is written down as a whole.
const LINES_PER_SHEET: i64 = 50_000;
/// An arm is switched off when it is over a guard-rail with this probability.
const SURE: f64 = 0.95;
/// Expired choices that one request may settle, so that none waits for all of them.
const SETTLED_MAX: usize = 100;

/// What is answered to whoever asks for an arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Allocation {
    /// The bandit.
    pub bandit: String,
    /// Number of the choice, to be given back with the reward.
    pub choice: u64,
    /// The arm.
    pub arm: String,
    /// The probability that it was chosen with.
    pub propensity: f64,
}

/// What came back for a choice.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reward {
    /// The bandit.
    pub bandit: String,
    /// Number of the choice.
    #[serde(deserialize_with = "whole")]
    pub choice: u64,
    /// From 0 to 1.
    pub reward: f64,
    /// What came back for guard-rails, by their names, each 0 to 1.
    #[serde(default)]
    pub guards: BTreeMap<String, f64>,
}

/// A whole number from 0 on. JSON has one kind of number, in which 7.0 is one too.
fn whole<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    let of_fraction = || number.as_f64().filter(|value| value.fract() == 0.0 && (0.0..1e18).contains(value));
    let not_whole = || serde::de::Error::custom(format!("{number} is not the number of a choice"));
    number.as_u64().or_else(|| of_fraction().map(|value| value as u64)).ok_or_else(not_whole)
}

/// What an arm did to a guard-rail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guarded {
    /// The arm.
    pub arm: String,
    /// The guard-rail.
    pub guard: String,
    /// Reports.
    pub n: f64,
    /// What they add up to.
    pub harm: f64,
}

/// All that is remembered, as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sheet {
    policy: Policy,
    waits: VecDeque<(i64, u64)>,
    guarded: Vec<Guarded>,
}

/// A bandit at work.
#[derive(Debug, Clone)]
pub struct Live {
    name: String,
    file: BanditFile,
    policy: Policy,
    /// When choices were made, where they expire; oldest first, with some that are settled already.
    waits: VecDeque<(i64, u64)>,
    guarded: Vec<Guarded>,
    seq: i64,
    seq_of_sheet: i64,
}

impl Live {
    /// A bandit as its log left it.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn restore(lake: &Lake, name: &str, file: BanditFile) -> Result<Self, GrowError> {
        let policy = Policy::new(&file.names(), file.policy()).map_err(|message| bandit_error(name, message))?;
        let mut live = Self {
            name: name.to_owned(),
            policy,
            waits: VecDeque::new(),
            guarded: Vec::new(),
            seq: 0,
            seq_of_sheet: 0,
            file,
        };
        if let Some((seq, text)) = lake.state().kept_bandit(name)?
            && let Ok(sheet) = serde_json::from_str::<Sheet>(&text)
        {
            let Sheet { policy, waits, guarded } = sheet;
            (live.policy, live.waits, live.guarded) = (policy, waits, guarded);
            (live.seq, live.seq_of_sheet) = (seq, seq);
            live.adopt(live.file.clone())?;
        }
        let from = live.seq;
        lake.state().bandit_lines(name, from, |line| live.replay(&line))?;
        live.policy.draw_from(live.seq.unsigned_abs());
        live.switch_arms();
        Ok(live)
    }

    /// Takes over what a changed file says; arms keep what came back for them.
    ///
    /// # Errors
    /// Arms or settings that do not fit; the bandit is then as it was.
    pub fn adopt(&mut self, file: BanditFile) -> Result<(), GrowError> {
        self.policy.adopt(&file.names(), file.policy()).map_err(|message| bandit_error(&self.name, message))?;
        self.file = file;
        self.switch_arms();
        Ok(())
    }

    /// Chooses an arm for a visitor of a kind; the lines have to be in the log before the visitor is told.
    pub fn allocate(&mut self, segment: &str, now: i64) -> (Allocation, Vec<BanditLine>) {
        let mut lines = self.settle(now);
        let choice = self.policy.choose();
        self.note_wait(now, choice.id);
        let arm = self.policy.arms()[choice.arm].name.clone();
        let line = BanditLine {
            choice: choice.id as i64,
            arm: arm.clone(),
            propensity: choice.propensity,
            segment: segment.to_owned(),
            ..self.line(now, CHOICE)
        };
        lines.push(line);
        let allocation =
            Allocation { bandit: self.name.clone(), choice: choice.id, arm, propensity: choice.propensity };
        (allocation, lines)
    }

    /// Takes what came back for a choice.
    ///
    /// # Errors
    /// Numbers out of bounds, guard-rails that the file does not name, a choice that is not waiting.
    pub fn reward(&mut self, told: &Reward, now: i64) -> Result<Vec<BanditLine>, GrowError> {
        let is_share = |value: f64| (0.0..=1.0).contains(&value);
        if !is_share(told.reward) || told.guards.values().any(|value| !is_share(*value)) {
            return Err(bandit_error(&self.name, "rewards and guard-rails are numbers from 0 to 1".to_owned()));
        }
        let is_known = |name: &String| self.file.guard_rails.iter().any(|rail| rail.name == *name);
        if let Some(name) = told.guards.keys().find(|name| !is_known(name)) {
            return Err(bandit_error(&self.name, format!("there is no guard-rail {name:?}")));
        }
        let Some(arm) = self.policy.waits(told.choice) else {
            return Err(GrowError::NotWaiting { name: self.name.clone(), choice: told.choice });
        };
        let guards = if told.guards.is_empty() {
            String::new()
        } else {
            serde_json::to_string(&told.guards).unwrap_or_default()
        };
        let arm = self.policy.arms()[arm].name.clone();
        let line =
            BanditLine { choice: told.choice as i64, arm, reward: Some(told.reward), guards, ..self.line(now, REWARD) };
        self.count(&line);
        Ok(vec![line])
    }

    /// What is known as a whole, and after which line, where it is time to write it down.
    pub fn due_sheet(&mut self) -> Option<(i64, String)> {
        if self.seq - self.seq_of_sheet < LINES_PER_SHEET {
            return None;
        }
        self.seq_of_sheet = self.seq;
        let sheet = Sheet { policy: self.policy.clone(), waits: self.waits.clone(), guarded: self.guarded.clone() };
        Some((self.seq, serde_json::to_string(&sheet).ok()?))
    }

    /// The policy as it is.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The file as it is.
    pub fn file(&self) -> &BanditFile {
        &self.file
    }

    /// What arms did to guard-rails.
    pub fn guarded(&self) -> &[Guarded] {
        &self.guarded
    }

    /// Lines of the log.
    pub fn n_lines(&self) -> i64 {
        self.seq
    }

    /// Why an arm is off: `file`, or the guard-rail that it is over; nothing where it is on.
    pub fn off_because(&self, arm: &str) -> Option<String> {
        if self.file.arms.iter().any(|own| own.name == arm && !own.is_on) {
            return Some("file".to_owned());
        }
        self.guarded.iter().find(|own| own.arm == arm && self.is_over(own)).map(|own| own.guard.clone())
    }

    fn line(&mut self, at: i64, what: &str) -> BanditLine {
        self.seq += 1;
        BanditLine { bandit: self.name.clone(), seq: self.seq, at, what: what.to_owned(), ..BanditLine::default() }
    }

    fn note_wait(&mut self, at: i64, choice: u64) {
        if self.file.reward_within_hours.is_none() {
            return;
        }
        self.waits.push_back((at, choice));
        while self.waits.len() > self.file.n_waiting_max {
            if let Some((_, oldest)) = self.waits.pop_front() {
                self.policy.give_up(oldest);
            }
        }
    }

    /// Choices whose time is over count as without reward; a line for each.
    fn settle(&mut self, now: i64) -> Vec<BanditLine> {
        let Some(hours) = self.file.reward_within_hours else { return Vec::new() };
        let until = now - (hours * HOUR_MICROS) as i64;
        let mut lines = Vec::new();
        while let Some((at, choice)) = self.waits.front().copied() {
            let arm = self.policy.waits(choice);
            if arm.is_some() && (at > until || lines.len() >= SETTLED_MAX) {
                break;
            }
            self.waits.pop_front();
            if let Some(arm) = arm {
                let arm = self.policy.arms()[arm].name.clone();
                let line = BanditLine { choice: choice as i64, arm, reward: Some(0.0), ..self.line(now, NOTHING) };
                self.count(&line);
                lines.push(line);
            }
        }
        lines
    }

    fn replay(&mut self, line: &BanditLine) {
        self.seq = self.seq.max(line.seq);
        if line.what != CHOICE {
            return self.count(line);
        }
        if let Some(arm) = self.policy.arms().iter().position(|arm| arm.name == line.arm) {
            let choice = line.choice.unsigned_abs();
            self.policy.remember(choice, arm);
            self.note_wait(line.at, choice);
        }
    }

    /// Takes a reward of the log into the counts.
    fn count(&mut self, line: &BanditLine) {
        let Some(reward) = line.reward else { return };
        // A choice of an arm that is gone, or that was given up, counts no more.
        if self.policy.reward(line.choice.unsigned_abs(), reward).is_err() || line.guards.is_empty() {
            return;
        }
        let guards: BTreeMap<String, f64> = serde_json::from_str(&line.guards).unwrap_or_default();
        for (guard, harm) in guards {
            let place = self.guarded.iter().position(|own| own.arm == line.arm && own.guard == guard);
            let place = place.unwrap_or_else(|| {
                self.guarded.push(Guarded { arm: line.arm.clone(), guard, n: 0.0, harm: 0.0 });
                self.guarded.len() - 1
            });
            let own = &mut self.guarded[place];
            (own.n, own.harm) = (own.n + 1.0, own.harm + harm);
        }
        self.switch_arms();
    }

    fn is_over(&self, own: &Guarded) -> bool {
        let Some(rail) = self.file.guard_rails.iter().find(|rail| rail.name == own.guard) else { return false };
        own.n >= rail.n_least as f64 && 1.0 - beta_below(1.0 + own.harm, 1.0 + own.n - own.harm, rail.at_most) > SURE
    }

    /// Arms are on as file and guard-rails have it; the last one stays, whatever it harms.
    fn switch_arms(&mut self) {
        let is_off: Vec<bool> = self.file.arms.iter().map(|arm| self.off_because(&arm.name).is_some()).collect();
        let keeps_one = is_off.iter().any(|off| !off);
        for (arm, off) in self.file.arms.iter().zip(is_off) {
            let is_on = !off || (!keeps_one && arm.is_on);
            let is_changed = self.policy.arms().iter().any(|own| own.name == arm.name && own.is_on != is_on);
            if is_changed && let Err(reason) = self.policy.switch(&arm.name, is_on) {
                tracing::warn!(bandit = self.name, reason, "an arm could not be switched");
            }
        }
    }
}

/// Lines of choices, of rewards, and of choices that nothing came of in time.
pub(super) const CHOICE: &str = "choice";
const REWARD: &str = "reward";
const NOTHING: &str = "nothing";

fn bandit_error(name: &str, message: String) -> GrowError {
    GrowError::Bandit { name: name.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crowsnest_lake::{LakeOptions, Market};
    use crowsnest_learn::random::Random;

    const FILE: &str = "reward_within_hours = 1\n[[arms]]\nname = \"a\"\n[[arms]]\nname = \"b\"\n[[guard_rails]]\nname = \"crash\"\n\
                        at_most = 0.05\n";

    fn file(text: &str) -> BanditFile {
        BanditFile::parse(text, std::path::Path::new("home.toml")).unwrap()
    }

    #[test]
    fn a_choice_is_a_whole_number_however_json_writes_it() {
        let read = |choice: &str| {
            serde_json::from_str::<Reward>(&format!(r#"{{"bandit": "home", "choice": {choice}, "reward": 1}}"#))
        };
        assert_eq!(read("7").unwrap().choice, 7);
        assert_eq!(read("5933.0").unwrap().choice, 5933);
        for choice in ["7.5", "-1", "1e300", "\"7\""] {
            assert!(read(choice).is_err(), "{choice}");
        }
    }

    async fn lake(folder: &std::path::Path) -> Lake {
        let market = Market::create(&folder.join("m"), "m").unwrap();
        Lake::open(market, LakeOptions::default()).await.unwrap()
    }

    fn told(choice: u64, reward: f64, crash: f64) -> Reward {
        Reward { bandit: "home".into(), choice, reward, guards: BTreeMap::from([("crash".to_owned(), crash)]) }
    }

    fn counts(live: &Live) -> Vec<(f64, f64, u64, bool)> {
        live.policy().arms().iter().map(|arm| (arm.gained, arm.missed, arm.n_chosen, arm.is_on)).collect()
    }

    /// Rewards come for two in three choices, arm b crashes; killed after each thousand lines, the log alone gives the same
    /// counts, waiting choices, and the arm that is off.
    #[tokio::test]
    async fn a_log_brings_a_bandit_back() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        let mut live = Live::restore(&lake, "home", file(FILE)).unwrap();
        let mut random = Random::new(4);
        for round in 0..3000_i64 {
            let now = round * 60_000_000;
            let (choice, mut lines) = live.allocate("new", now);
            assert!((0.0..=1.0).contains(&choice.propensity));
            if random.share() < 0.66 {
                let crash = f64::from(u8::from(choice.arm == "b" && random.share() < 0.3));
                lines.extend(
                    live.reward(&told(choice.choice, f64::from(u8::from(random.share() < 0.2)), crash), now).unwrap(),
                );
                assert!(live.reward(&told(choice.choice, 1.0, 0.0), now).is_err());
            }
            lake.state().note_bandits(&lines).unwrap();
            if round % 1000 == 700 {
                let again = Live::restore(&lake, "home", file(FILE)).unwrap();
                assert_eq!(counts(&again), counts(&live), "round {round}");
                assert_eq!((again.policy.n_waiting(), again.seq), (live.policy.n_waiting(), live.seq));
                live = again;
            }
        }
        assert_eq!(live.off_because("b").as_deref(), Some("crash"));
        assert!(!live.policy().arms()[1].is_on && live.policy().arms()[0].is_on);
        assert!(live.policy.n_waiting() < 62, "an hour of choices waits at most: {}", live.policy.n_waiting());
        let back = file(&FILE.replace("at_most = 0.05", "at_most = 0.9"));
        live.adopt(back).unwrap();
        assert!(live.policy().arms()[1].is_on, "a looser guard-rail lets it in again");
    }

    #[tokio::test]
    async fn a_sheet_spares_the_log_and_says_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        let mut live = Live::restore(&lake, "home", file(FILE)).unwrap();
        let mut kept = None;
        for round in 0..26_000_i64 {
            let now = round * 1000;
            let (choice, mut lines) = live.allocate("", now);
            lines.extend(live.reward(&told(choice.choice, 0.5, 0.0), now).unwrap());
            if let Some((seq, sheet)) = live.due_sheet() {
                lake.state().keep_bandit("home", seq, &sheet).unwrap();
                kept = Some(seq);
            }
            if kept.is_some() {
                lake.state().note_bandits(&lines).unwrap();
            }
        }
        assert_eq!(kept, Some(50_000));
        let again = Live::restore(&lake, "home", file(FILE)).unwrap();
        assert_eq!(again.seq, 52_000);
        for (left, right) in counts(&again).iter().zip(counts(&live)) {
            assert!((left.0 - right.0).abs() < 1e-6 && left.2 == right.2, "{left:?} {right:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let lake = lake(folder.path()).await;
        let mut live = Live::restore(&lake, "home", file(FILE)).unwrap();
        let (choice, _) = live.allocate("", 0);
        assert!(live.reward(&told(choice.choice, f64::NAN, 0.0), 0).is_err());
        assert!(live.reward(&told(choice.choice, 2.0, 0.0), 0).is_err());
        assert!(live.reward(&told(99, 1.0, 0.0), 0).unwrap_err().to_string().contains("choice 99 is not waiting"));
        let unknown = Reward { guards: BTreeMap::from([("smell".to_owned(), 0.0)]), ..told(choice.choice, 1.0, 0.0) };
        assert!(live.reward(&unknown, 0).unwrap_err().to_string().contains("smell"));
        assert!(live.reward(&told(choice.choice, 1.0, 0.0), 0).is_ok(), "what was refused costs the choice nothing");
    }
}
