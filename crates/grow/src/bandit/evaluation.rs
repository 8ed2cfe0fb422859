//! What other shares would have brought, by the log of a bandit.
//!
//! In: the log in `state.db`, and shares of arms, for all visitors or by kind of visitor. Out: [`Evaluation`]: three estimates with
//! intervals ([`super::judgement`]), and how many choices they rest on. Invariant: a choice whose reward is not known yet is left out
//! and counted as such.

use std::collections::HashMap;

use crowsnest_lake::Lake;
use serde::Serialize;

use super::judgement::{Estimate, Judgement, Logged, SEGMENTS_MAX, judge};
use super::live::CHOICE;
use crate::error::GrowError;

/// What other shares would have brought.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// The bandit.
    pub bandit: String,
    /// Choices whose reward is known.
    pub n_choices: usize,
    /// Choices that wait for it, or were given up.
    pub n_left_out: usize,
    /// What the bandit itself brought, for each choice.
    pub own: f64,
    /// The estimates.
    #[serde(flatten)]
    pub judgement: Judgement,
}

impl Evaluation {
    /// The estimates by name, the one to use first.
    pub fn estimates(&self) -> [(&'static str, Estimate); 3] {
        let Judgement { ips, snips, doubly_robust, .. } = self.judgement;
        [("doubly robust", doubly_robust), ("snips", snips), ("ips", ips)]
    }
}

/// Shares of arms: for each kind of visitor that is named, and for all others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shares {
    by_segment: HashMap<String, Vec<(String, f64)>>,
    of_all: Vec<(String, f64)>,
}

impl Shares {
    /// Reads shares: `a=0.7,b=0.3`, or `new:a=1` for one kind of visitor.
    ///
    /// # Errors
    /// What is no share, in words; shares that do not add up to one.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let mut shares = Self::default();
        for text in texts {
            let (segment, list) = match text.split_once(':') {
                Some((segment, list)) => (Some(segment.trim()), list),
                None => (None, text.as_str()),
            };
            let mut arms = Vec::new();
            for pair in list.split(',') {
                let (arm, share) = pair.split_once('=').ok_or_else(|| format!("{pair:?}: write it as ARM=SHARE"))?;
                let share: f64 = share.trim().parse().map_err(|_| format!("{pair:?}: {share:?} is no number"))?;
                if !(0.0..=1.0).contains(&share) {
                    return Err(format!("{pair:?}: a share is 0 to 1"));
                }
                arms.push((arm.trim().to_owned(), share));
            }
            let sum: f64 = arms.iter().map(|(_, share)| share).sum();
            if (sum - 1.0).abs() > 1e-6 {
                return Err(format!("{text:?}: shares add up to {sum}, not to 1"));
            }
            match segment {
                Some(segment) => _ = shares.by_segment.insert(segment.to_owned(), arms),
                None => shares.of_all = arms,
            }
        }
        Ok(shares)
    }

    fn of(&self, segment: &str, arms: &[String]) -> Option<Vec<f64>> {
        let named = self.by_segment.get(segment).unwrap_or(&self.of_all);
        let share = |arm: &String| named.iter().find(|(name, _)| name == arm).map_or(0.0, |(_, share)| *share);
        (!named.is_empty()).then(|| arms.iter().map(share).collect())
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.by_segment.values().flatten().chain(&self.of_all).map(|(arm, _)| arm)
    }
}

struct Read {
    lines: Vec<(Logged, String)>,
    arms: Vec<String>,
    n_left_out: usize,
}

/// Judges other shares; intervals hold with probability 1 - `alpha`.
///
/// # Errors
/// Arms that the log does not know, kinds of visitors without shares, fewer than ten choices with a reward.
pub fn evaluate(lake: &Lake, name: &str, shares: &Shares, alpha: f64) -> Result<Evaluation, GrowError> {
    let failed = |message: String| GrowError::Bandit { name: name.to_owned(), message };
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(failed("alpha lies between 0 and 1".to_owned()));
    }
    let Read { mut lines, arms, n_left_out } = read(lake, name)?;
    if let Some(arm) = shares.names().find(|arm| !arms.contains(arm)) {
        return Err(failed(format!("the log knows no arm {arm:?}, only {}", arms.join(", "))));
    }
    let mut segments: HashMap<String, usize> = HashMap::new();
    for (line, segment) in &mut lines {
        line.target = shares.of(segment, &arms).ok_or_else(|| {
            failed(format!("there are no shares for visitors of segment {segment:?}: give some for all"))
        })?;
        let next = segments.len();
        line.segment = *segments.entry(std::mem::take(segment)).or_insert(next);
        if next >= SEGMENTS_MAX {
            return Err(failed(format!("its log has more than {SEGMENTS_MAX} segments")));
        }
    }
    let log: Vec<Logged> = lines.into_iter().map(|(line, _)| line).collect();
    let judgement = judge(&log, alpha).map_err(failed)?;
    let own = log.iter().map(|line| line.reward).sum::<f64>() / log.len() as f64;
    Ok(Evaluation { bandit: name.to_owned(), n_choices: log.len(), n_left_out, own, judgement })
}

fn read(lake: &Lake, name: &str) -> Result<Read, GrowError> {
    let mut read = Read { lines: Vec::new(), arms: Vec::new(), n_left_out: 0 };
    let mut open: HashMap<i64, (Logged, String)> = HashMap::new();
    lake.state().bandit_lines(name, 0, |line| {
        if line.what == CHOICE {
            let arm = read.arms.iter().position(|arm| *arm == line.arm).unwrap_or_else(|| {
                read.arms.push(line.arm.clone());
                read.arms.len() - 1
            });
            let logged = Logged { arm, propensity: line.propensity, reward: 0.0, segment: 0, target: Vec::new() };
            open.insert(line.choice, (logged, line.segment));
        } else if let (Some((logged, segment)), Some(reward)) = (open.remove(&line.choice), line.reward) {
            read.lines.push((Logged { reward, ..logged }, segment));
        }
    })?;
    read.n_left_out = open.len();
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandit::file::BanditFile;
    use crate::bandit::live::{Live, Reward};
    use crowsnest_lake::{LakeOptions, Market};
    use crowsnest_learn::random::Random;

    #[test]
    fn shares_are_read_or_told() {
        let read = |texts: &[&str]| Shares::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let shares = read(&["a=0.7, b=0.3", "new:b=1"]).unwrap();
        let arms = ["a".to_owned(), "b".to_owned()];
        assert_eq!((shares.of("new", &arms), shares.of("old", &arms)), (Some(vec![0.0, 1.0]), Some(vec![0.7, 0.3])));
        for wrong in ["a", "a=x", "a=0.5", "a=2,b=-1"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
        assert_eq!(read(&["new:b=1"]).unwrap().of("old", &arms), None);
    }

    /// Arm b pays new visitors 0.5 and old ones 0.1, arm a both 0.3: b for new and a for old brings 0.4 of each choice.
    #[tokio::test]
    async fn the_log_of_a_served_bandit_judges_other_shares() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let lake = Lake::open(market, LakeOptions::default()).await.unwrap();
        let file = BanditFile::parse(
            "floor = 0.2\n[[arms]]\nname = \"a\"\n[[arms]]\nname = \"b\"\n",
            std::path::Path::new("x"),
        )
        .unwrap();
        let mut live = Live::restore(&lake, "home", file).unwrap();
        let (mut random, mut lines) = (Random::new(8), Vec::new());
        for at in 0..20_000 {
            let segment = ["new", "old"][at % 2];
            let (choice, noted) = live.allocate(segment, at as i64);
            lines.extend(noted);
            let chance = if choice.arm == "a" { 0.3 } else { [0.5, 0.1][at % 2] };
            let reward = f64::from(u8::from(random.share() < chance));
            let told = Reward { bandit: "home".into(), choice: choice.choice, reward, guards: Default::default() };
            if at % 9 > 0 {
                lines.extend(live.reward(&told, at as i64).unwrap());
            }
        }
        lake.state().note_bandits(&lines).unwrap();
        let shares = Shares::parse(&["new:b=1".to_owned(), "old:a=1".to_owned()]).unwrap();
        let found = evaluate(&lake, "home", &shares, 0.01).unwrap();
        assert_eq!((found.n_choices, found.n_left_out), (17_777, 2_223));
        for (name, estimate) in found.estimates() {
            assert!(
                estimate.low < 0.4 && 0.4 < estimate.high && estimate.high - estimate.low < 0.1,
                "{name} {estimate:?}"
            );
        }
        let unknown = Shares::parse(&["c=1".to_owned()]).unwrap();
        assert!(evaluate(&lake, "home", &unknown, 0.05).unwrap_err().to_string().contains("\"c\""));
        assert!(evaluate(&lake, "nobody", &shares, 0.05).is_err());
    }
}
