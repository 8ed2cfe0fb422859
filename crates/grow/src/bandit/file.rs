//! A bandit as code: `bandits/NAME.toml` in the market's folder says which arms there are and what keeps them in bounds.
//!
//! Invariants: unknown keys are errors; all that is wrong is told at once; a name is letters, digits, `-` and `_`, so that it can
//! stand in an address and in the name of a file.

use std::path::{Path, PathBuf};

use crowsnest_lake::files;
use serde::{Deserialize, Serialize};

use super::policy::{Policy, PolicySettings};
use crate::error::GrowError;

/// What a file says.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BanditFile {
    /// What people read; the name if nothing is said.
    #[serde(default)]
    pub title: String,
    /// What is chosen between.
    pub arms: Vec<ArmSettings>,
    /// Each arm that is on gets at least this probability.
    #[serde(default = "default_floor")]
    pub floor: f64,
    /// No arm gets more than this.
    #[serde(default = "default_max_share")]
    pub max_share: f64,
    /// Rewards after which an older one counts half; none: nothing fades.
    pub half_life: Option<f64>,
    /// Only the last so many rewards count; none: all.
    pub window: Option<usize>,
    /// Hours after which a choice without a reward counts as one that brought nothing; none: it counts as not known.
    pub reward_within_hours: Option<f64>,
    /// Choices that may wait for their reward; the oldest beyond are given up.
    #[serde(default = "default_waiting")]
    pub n_waiting_max: usize,
    /// Seed of chance.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// What must not be harmed.
    #[serde(default)]
    pub guard_rails: Vec<GuardRail>,
}

/// One thing that can be chosen.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSettings {
    /// Its name.
    pub name: String,
    /// Whether it is given at all.
    #[serde(default = "default_on")]
    pub is_on: bool,
}

/// A share that must stay low: crashes, complaints, refunds. An arm that is over it with probability 0.95 is switched off.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GuardRail {
    /// Its name, as rewards write it.
    pub name: String,
    /// The share that is still allowed, 0 to 1.
    pub at_most: f64,
    /// Fewer reports than this on an arm decide nothing.
    #[serde(default = "default_reports")]
    pub n_least: u64,
}

fn default_floor() -> f64 {
    0.01
}

fn default_max_share() -> f64 {
    1.0
}

fn default_waiting() -> usize {
    100_000
}

fn default_seed() -> u64 {
    1
}

fn default_on() -> bool {
    true
}

fn default_reports() -> u64 {
    50
}

impl BanditFile {
    /// Names of the arms, in the file's order.
    pub fn names(&self) -> Vec<&str> {
        self.arms.iter().map(|arm| arm.name.as_str()).collect()
    }

    /// What the policy needs of it.
    pub fn policy(&self) -> PolicySettings {
        PolicySettings {
            floor: self.floor,
            max_share: self.max_share,
            half_life: self.half_life,
            window: self.window,
            n_waiting_max: self.n_waiting_max,
            seed: self.seed,
        }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`GrowError::File`] with all that is wrong.
    pub fn parse(text: &str, path: &Path) -> Result<Self, GrowError> {
        let failed = |message: String| GrowError::File { path: path.to_owned(), message };
        let file: Self = toml::from_str(text).map_err(|error| failed(error.to_string().trim().to_owned()))?;
        let faults = file.faults();
        if faults.is_empty() { Ok(file) } else { Err(failed(faults.join("; "))) }
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Err(fault) = Policy::new(&self.names(), self.policy()) {
            faults.push(fault);
        }
        if self.arms.iter().any(|arm| arm.name.trim().is_empty() || arm.name.len() > 200) {
            faults.push("an arm needs a name of 1 to 200 bytes".to_owned());
        }
        if !self.arms.is_empty() && self.arms.iter().all(|arm| !arm.is_on) {
            faults.push("no arm is on".to_owned());
        }
        if self.n_waiting_max == 0 {
            faults.push("n_waiting_max is 0: no choice could ever be rewarded".to_owned());
        }
        if let Some(hours) = self.reward_within_hours.filter(|hours| !(*hours > 0.0 && *hours <= 87_600.0)) {
            faults.push(format!("reward_within_hours {hours}: give a number above 0, at most ten years"));
        }
        for rail in &self.guard_rails {
            if !(0.0..1.0).contains(&rail.at_most) || rail.name.is_empty() {
                faults.push(format!("guard-rail {:?}: give a name, and at_most from 0 to below 1", rail.name));
            }
        }
        faults
    }
}

/// Whether a text can be a bandit's name.
pub fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (1..=64).contains(&name.len()) && name.chars().all(is_plain)
}

fn folder(market: &Path) -> PathBuf {
    market.join("bandits")
}

/// Names of a market's bandits, in order.
///
/// # Errors
/// Where the folder cannot be read.
pub fn names(market: &Path) -> Result<Vec<String>, GrowError> {
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(files::list(&folder(market), "toml")?.into_iter().filter_map(stem).filter(|name| is_name(name)).collect())
}

/// Where a bandit's file is, and its text.
///
/// # Errors
/// [`GrowError::NoBandit`]; where the file cannot be read.
pub fn text(market: &Path, name: &str) -> Result<(PathBuf, String), GrowError> {
    let path = folder(market).join(format!("{name}.toml"));
    if !is_name(name) || !path.is_file() {
        return Err(GrowError::NoBandit { name: name.to_owned(), known: names(market)? });
    }
    let text = files::read_text(&path)?;
    Ok((path, text))
}

/// A bandit of a market.
///
/// # Errors
/// [`GrowError::NoBandit`]; [`GrowError::File`] with all that is wrong.
pub fn read(market: &Path, name: &str) -> Result<BanditFile, GrowError> {
    let (path, text) = text(market, name)?;
    BanditFile::parse(&text, &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let text = "floor = 0.6\nreward_within_hours = -1\n[[arms]]\nname = \"a\"\nis_on = false\n[[arms]]\nname = \"b\"\nis_on = false\n\
                    [[guard_rails]]\nname = \"crash\"\nat_most = 2\n";
        let told = BanditFile::parse(text, Path::new("x.toml")).unwrap_err().to_string();
        for word in ["floor 0.6", "no arm is on", "reward_within_hours -1", "crash"] {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert!(BanditFile::parse("[[arms]]\nname = \"a\"\ncolour = 1\n", Path::new("x.toml")).is_err());
        assert!(BanditFile::parse("arms = []\n", Path::new("x.toml")).is_err());
    }

    #[test]
    fn a_name_leads_nowhere_else() {
        assert!(is_name("home-banner_2"));
        for name in ["", "../state", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
