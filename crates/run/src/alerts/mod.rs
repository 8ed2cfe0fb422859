//! Alerts: what people want to be told of, and whether it is so.
//!
//! In: the market's `alerts.toml` ([`file`]) and the tables, through the lake's questions, as known at a moment. Out: for each
//! rule what it found ([`Happening`]s with an id each) and how it stood ([`RuleState`]: its threshold, and what that rests on).
//! Invariants: nothing is written and nobody is told here; the same tables, file and moment give the same ids. An id is a
//! hash of rule, subject and period, so that what is found again is known to be the same.
//!
//! To add a kind of rule: see [`file`].

mod breakout;
mod budget;
mod figure;
mod file;
mod places;
mod plan;
mod silence;
mod turns;

use std::collections::BTreeMap;

use crowsnest_lake::{Lake, LakeError, Language};
use serde::{Deserialize, Serialize};

pub use file::{ALERTS_FILE, Aim, AlertsFile, Condition, Rule, read_alerts};
pub use plan::DigestPlan;

use crate::happening::{Happening, id_of};
use crate::watch::{Watched, watch_list};

const DAY_MICROS: i64 = 86_400_000_000;

/// A rule when it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleState {
    /// Its name.
    pub rule: String,
    /// Its kind.
    pub kind: String,
    /// What is told lies above this; none where a rule needs none.
    pub threshold: Option<f64>,
    /// What the threshold is: probability, share, factor, places, days, times.
    pub measure: String,
    /// What the threshold rests on, in words.
    pub basis: String,
    /// Alarms above it in the past that was looked at, where one was.
    pub n_past: Option<usize>,
    /// Those of them that came to nothing.
    pub n_false: Option<usize>,
    /// Weeks of that past.
    pub n_weeks: Option<f64>,
    /// What it found now.
    pub n_found: usize,
    /// Why it could not be looked at.
    pub fault: Option<String>,
}

/// Something that a rule found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The rule.
    pub rule: String,
    /// Channels that are told; all where empty.
    pub channels: Vec<String>,
    /// What it is about, for the rule's cooldown.
    pub subject: String,
    /// Days that its subject rests after it.
    pub cooldown_days: u32,
    /// What happened.
    pub happening: Happening,
}

/// What the rules found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Looked {
    /// All that was found, whether it was told before or not.
    pub alerts: Vec<Alert>,
    /// How each rule stood.
    pub rules: Vec<RuleState>,
}

/// Where and when is looked.
pub(crate) struct Look<'a> {
    pub(crate) lake: &'a Lake,
    /// The moment, microseconds.
    pub(crate) now: i64,
    /// The same where it is not the present: then only what was known by it counts.
    pub(crate) as_of: Option<i64>,
    /// What became known before is no news.
    pub(crate) fresh_after: i64,
    pub(crate) language: Option<Language>,
}

impl Look<'_> {
    /// The day of the moment, as days since 1970-01-01.
    pub(crate) fn today(&self) -> i32 {
        i32::try_from(self.now.div_euclid(DAY_MICROS)).unwrap_or(i32::MAX)
    }
}

/// What one rule found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) happenings: Vec<Happening>,
    pub(crate) state: RuleState,
}

/// Looks at all rules at a moment: `as_of`, or now.
///
/// # Errors
/// Of the lake, where a watch-list cannot be read. What goes wrong with one rule is in its state.
pub async fn look_at_rules(lake: &Lake, file: &AlertsFile, now: i64, as_of: Option<i64>) -> Result<Looked, LakeError> {
    let fresh_after = now - i64::from(file.fresh_days) * DAY_MICROS;
    let look = Look { lake, now, as_of, fresh_after, language: Some(file.language) };
    let mut watched: BTreeMap<&str, Watched> = BTreeMap::new();
    for name in file.rules.iter().filter_map(|rule| rule.watch.as_deref()) {
        watched.insert(name, watch_list(lake, name)?.watched(&lake.identity()));
    }
    let mut looked = Looked::default();
    for rule in &file.rules {
        let mut found = match Box::pin(look_for(&look, &rule.condition)).await {
            Ok(found) => found,
            Err(error) => Found {
                state: RuleState { fault: Some(error.to_string()), ..RuleState::default() },
                ..Found::default()
            },
        };
        if let Some(watched) = rule.watch.as_deref().and_then(|name| watched.get(name)) {
            found.happenings.retain(|happening| watched.has(happening));
        }
        looked.rules.push(RuleState {
            rule: rule.name.clone(),
            kind: rule.condition.kind().to_owned(),
            n_found: found.happenings.len(),
            ..found.state
        });
        looked.alerts.extend(found.happenings.into_iter().map(|happening| alert(rule, happening)));
    }
    Ok(looked)
}

fn alert(rule: &Rule, happening: Happening) -> Alert {
    let subject = happening.entity.clone().unwrap_or_else(|| happening.name.clone());
    let id = id_of(&["alert", &rule.name, &happening.id]);
    Alert {
        rule: rule.name.clone(),
        channels: rule.channels.clone(),
        subject,
        cooldown_days: rule.cooldown_days,
        happening: Happening { id, ..happening },
    }
}

async fn look_for(look: &Look<'_>, condition: &Condition) -> Result<Found, LakeError> {
    match condition {
        Condition::Breakout { metric, aim } => breakout::look_for(look, metric.as_deref(), *aim).await,
        Condition::Rank { metric, grain, top, aim } => places::crossings(look, metric, *grain, *top, *aim).await,
        Condition::Share { metric, grain, aim } => places::losses(look, metric, *grain, *aim).await,
        Condition::Rumour { becomes, events } => turns::look_for(look, becomes, events).await,
        Condition::Silence { sources, aim } => silence::look_for(look, sources, *aim).await,
        Condition::Figure { metric, grain, aim } => figure::look_for(look, metric.as_deref(), *grain, *aim).await,
    }
}

pub(crate) use figure::{Row as MoveRow, happening as moved};
pub(crate) use silence::silent_sources;
pub(crate) use turns::turns_since;

/// The breakouts that were said last, whatever their probability.
pub(crate) async fn breakouts_said_last(look: &Look<'_>) -> Result<Vec<Happening>, LakeError> {
    Ok(breakout::said_last(look, None).await?.into_iter().map(breakout::happening).collect())
}

/// What a threshold by a budget rests on, in words.
fn in_words(budget: f64, n_weeks: f64, n_alarms: usize, what_is_false: &str) -> String {
    format!(
        "{budget} false alarms a week, by {n_alarms} alarms of the past {n_weeks:.0} weeks; false is what {what_is_false}"
    )
}

/// The state of a rule whose threshold was learnt.
fn learnt_state(learnt: budget::Learnt, n_weeks: f64, measure: &str, basis: String) -> RuleState {
    RuleState {
        threshold: Some(learnt.threshold),
        measure: measure.to_owned(),
        basis,
        n_past: Some(learnt.n_past),
        n_false: Some(learnt.n_false),
        n_weeks: Some(n_weeks),
        ..RuleState::default()
    }
}

/// The state of a rule whose threshold is written.
fn fixed_state(threshold: f64, measure: &str) -> RuleState {
    RuleState {
        threshold: Some(threshold),
        measure: measure.to_owned(),
        basis: "as written".to_owned(),
        ..RuleState::default()
    }
}
