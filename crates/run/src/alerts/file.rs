//! `alerts.toml`: rules, where they are told, and digests, read and checked as a whole.
//!
//! In: the market's folder. Out: an [`AlertsFile`], or all of its faults at once. Channels stay tables here: what a form
//! of channel takes is known where messages are sent.
//!
//! To add a kind of rule: a variant of [`Condition`] with its keys here, and a file that looks for it beside this one.

use std::path::PathBuf;

use crowsnest_lake::{LakeError, Language, Market, files};
use crowsnest_model::{Grain, Metric};
use serde::Deserialize;
use toml::{Table, Value};

use super::plan::{DigestPlan, read_digest};
use crate::watch::watch_lists;

/// The file's name.
pub const ALERTS_FILE: &str = "alerts.toml";

/// The file, checked.
#[derive(Debug, Clone, Default)]
pub struct AlertsFile {
    /// Where the pages can be reached, without a slash at the end; links in messages begin with it.
    pub base_url: Option<String>,
    /// Language of messages.
    pub language: Language,
    /// What became known longer ago than this is not alerted of.
    pub fresh_days: u32,
    /// The rules, in the file's order.
    pub rules: Vec<Rule>,
    /// The channels: name, and the whole table.
    pub channels: Vec<(String, Table)>,
    /// Digests that are sent by themselves.
    pub digests: Vec<DigestPlan>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Channels that are told; all where empty.
    pub channels: Vec<String>,
    /// Only of what this watch-list means.
    pub watch: Option<String>,
    /// After one alert, nothing more of the same subject for so many days.
    pub cooldown_days: u32,
    /// What it waits for.
    pub condition: Condition,
}

/// What decides how much is enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
    /// This much.
    Fixed(f64),
    /// As much as keeps false alarms to so many a week, by the market's past.
    Budget(f64),
}

/// What a rule waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A breakout that is likelier than the aim.
    Breakout {
        /// Of this metric; of any where not said.
        metric: Option<String>,
        /// A probability.
        aim: Aim,
    },
    /// A product that comes into the first places of a ranking, or leaves them, by at least so many places.
    Rank {
        /// Ranked by this metric.
        metric: String,
        /// Grain of the periods.
        grain: Grain,
        /// The last of the first places.
        top: u32,
        /// Places beyond the line.
        aim: Aim,
    },
    /// A product that loses share from one period to the next.
    Share {
        /// Share of this metric.
        metric: String,
        /// Grain of the periods.
        grain: Grain,
        /// Loss, as a part of the whole: 0.02 for two points.
        aim: Aim,
    },
    /// A rumour that turned out true or false.
    Rumour {
        /// Statuses that are told: confirmed, denied, withdrawn.
        becomes: Vec<String>,
        /// Kinds of events; all where empty.
        events: Vec<String>,
    },
    /// A source that says nothing.
    Silence {
        /// Sources; all where empty.
        sources: Vec<String>,
        /// Days; of a budget, times its usual gap.
        aim: Aim,
    },
    /// A figure that moves from one period to the next.
    Figure {
        /// Of this metric; of any count or amount where not said.
        metric: Option<String>,
        /// Grain of the periods.
        grain: Grain,
        /// Share of the value before: 0.3 for 1.3 times, or as many times less.
        aim: Aim,
    },
}

impl Condition {
    /// The word for it in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Breakout { .. } => "breakout",
            Self::Rank { .. } => "rank",
            Self::Share { .. } => "share",
            Self::Rumour { .. } => "rumour",
            Self::Silence { .. } => "silence",
            Self::Figure { .. } => "figure",
        }
    }
}

const KINDS: &str = "breakout, rank, share, rumour, silence or figure";
const CHANGES: &[&str] = &["confirmed", "denied", "withdrawn"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    base_url: Option<String>,
    language: Option<Language>,
    fresh_days: Option<u32>,
    #[serde(default)]
    rule: Vec<Table>,
    #[serde(default)]
    channel: Vec<Table>,
    #[serde(default)]
    digest: Vec<Table>,
}

/// The keys that every rule may have.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    name: String,
    #[serde(default)]
    channels: Vec<String>,
    watch: Option<String>,
    #[serde(default = "default_cooldown")]
    cooldown_days: u32,
    budget_per_week: Option<f64>,
}

fn default_cooldown() -> u32 {
    7
}

const COMMON: &[&str] = &["name", "channels", "watch", "cooldown_days", "budget_per_week"];

/// The keys of all kinds; which of them a kind takes is in [`keys_of`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    metric: Option<String>,
    grain: Option<String>,
    over: Option<f64>,
    top: Option<u32>,
    places: Option<f64>,
    loss: Option<f64>,
    becomes: Option<Vec<String>>,
    events: Vec<String>,
    sources: Vec<String>,
    after_days: Option<f64>,
    moved: Option<f64>,
}

/// The keys of a kind besides those of all rules.
fn keys_of(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "breakout" => &["metric", "over"],
        "rank" => &["metric", "grain", "top", "places"],
        "share" => &["metric", "grain", "loss"],
        "rumour" => &["becomes", "events"],
        "silence" => &["sources", "after_days"],
        "figure" => &["metric", "grain", "moved"],
        _ => return None,
    })
}

/// Reads the market's `alerts.toml`; `None` where it has none.
///
/// # Errors
/// [`LakeError::Config`] with all of its faults.
pub fn read_alerts(market: &Market) -> Result<Option<AlertsFile>, LakeError> {
    let path = market.dir.join(ALERTS_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let text = files::read_text(&path)?;
    let fault = |message: String| LakeError::Config { path: PathBuf::from(ALERTS_FILE), message };
    let written: Written = toml::from_str(&text).map_err(|error| fault(error.to_string().trim().to_owned()))?;
    let mut reading = Reading { market, watch: Vec::new(), channels: Vec::new(), faults: Vec::new() };
    match watch_lists(market) {
        Ok(lists) => reading.watch = lists.into_iter().map(|list| list.name).collect(),
        Err(error) => reading.faults.push(error.to_string()),
    }
    let file = reading.file(written);
    if reading.faults.is_empty() { Ok(Some(file)) } else { Err(fault(reading.faults.join("; "))) }
}

/// What a file is checked against, and what is wrong with it so far.
pub(super) struct Reading<'a> {
    pub(super) market: &'a Market,
    watch: Vec<String>,
    channels: Vec<String>,
    pub(super) faults: Vec<String>,
}

impl Reading<'_> {
    fn file(&mut self, written: Written) -> AlertsFile {
        let base_url = written.base_url.map(|url| url.trim_end_matches('/').to_owned());
        if let Some(url) = base_url.as_ref().filter(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            self.faults
                .push(format!("base_url {url:?} is no address: write for example \"https://radar.example.com\""));
        }
        let channels = self.channels(written.channel);
        self.channels = channels.iter().map(|(name, _)| name.clone()).collect();
        let rules: Vec<Rule> =
            written.rule.into_iter().enumerate().filter_map(|(nth, table)| self.rule(nth + 1, table)).collect();
        let digests: Vec<DigestPlan> = written
            .digest
            .into_iter()
            .enumerate()
            .filter_map(|(nth, table)| read_digest(self, nth + 1, table))
            .collect();
        for (what, names) in [
            ("rules", rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>()),
            ("digests", digests.iter().map(|digest| digest.name.as_str()).collect()),
            ("channels", self.channels.iter().map(String::as_str).collect()),
        ] {
            let twice = names.iter().enumerate().find(|(nth, name)| names[..*nth].contains(name));
            let fault = twice.map(|(_, name)| format!("two {what} are called {name:?}: give each a name of its own"));
            self.faults.extend(fault);
        }
        AlertsFile {
            base_url,
            language: written.language.unwrap_or(self.market.config.language),
            fresh_days: written.fresh_days.unwrap_or(30),
            rules,
            channels,
            digests,
        }
    }

    fn channels(&mut self, tables: Vec<Table>) -> Vec<(String, Table)> {
        let mut channels = Vec::new();
        for (nth, table) in tables.into_iter().enumerate() {
            match table.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) {
                Some(name) => channels.push((name.to_owned(), table)),
                None => self.faults.push(format!("channel {}: it has no name", nth + 1)),
            }
        }
        channels
    }

    /// Notes channels and watch-lists that do not exist.
    pub(super) fn check_names(&mut self, place: &str, channels: &[String], watch: Option<&String>) {
        for name in channels.iter().filter(|name| !self.channels.contains(name)) {
            let there = if self.channels.is_empty() { "there is none".into() } else { self.channels.join(", ") };
            self.faults.push(format!("{place}: no channel is called {name:?} ({there})"));
        }
        if let Some(name) = watch.filter(|name| !self.watch.contains(name)) {
            let there = if self.watch.is_empty() { "there is none".into() } else { self.watch.join(", ") };
            self.faults.push(format!("{place}: there is no watch/{name}.toml ({there})"));
        }
    }

    fn rule(&mut self, nth: usize, mut table: Table) -> Option<Rule> {
        let named = table.get("name").and_then(Value::as_str).map(|name| format!("rule {name:?}"));
        let place = named.unwrap_or_else(|| format!("rule {nth}"));
        let kind = match table.remove("kind") {
            Some(Value::String(kind)) => kind,
            Some(other) => return self.refuse(&place, &format!("kind {other} is no text: write {KINDS}")),
            None => return self.refuse(&place, &format!("it has no kind: write {KINDS}")),
        };
        let Some(keys) = keys_of(&kind) else {
            return self.refuse(&place, &format!("no rule is of kind {kind:?}: write {KINDS}"));
        };
        let (common, own): (Table, Table) = table.into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
        for key in own.keys().filter(|key| !keys.contains(&key.as_str())) {
            self.fault(
                &place,
                &format!("a rule of kind {kind} has no {key:?}: it takes {}, {}", keys.join(", "), COMMON.join(", ")),
            );
        }
        let common: Common = match Value::Table(common).try_into() {
            Ok(common) => common,
            Err(error) => return self.refuse(&place, &one_line(&error)),
        };
        let own: Own = match Value::Table(own).try_into() {
            Ok(own) => own,
            Err(error) => return self.refuse(&place, &one_line(&error)),
        };
        let condition = self.condition(&place, &kind, own, common.budget_per_week)?;
        self.check_names(&place, &common.channels, common.watch.as_ref());
        Some(Rule {
            name: common.name,
            channels: common.channels,
            watch: common.watch,
            cooldown_days: common.cooldown_days,
            condition,
        })
    }

    fn condition(&mut self, place: &str, kind: &str, own: Own, budget: Option<f64>) -> Option<Condition> {
        let mut aim = |key: &str, value: Option<f64>, range: (f64, f64)| self.aim(place, key, value, budget, range);
        let condition = match kind {
            "breakout" => {
                let aim = aim("over", own.over, (0.0, 1.0))?;
                Condition::Breakout { metric: own.metric, aim }
            }
            "rank" => {
                let places = own.places.or(budget.is_none().then_some(1.0));
                let aim = aim("places", places, (1.0, 10_000.0))?;
                let (metric, grain) = self.ranked(place, own.metric, own.grain)?;
                let top = own.top.filter(|top| *top > 0);
                let Some(top) = top else { return self.refuse(place, "top is missing: write top = 10") };
                Condition::Rank { metric, grain, top, aim }
            }
            "share" => {
                let aim = aim("loss", own.loss, (0.0, 1.0))?;
                let (metric, grain) = self.ranked(place, own.metric, own.grain)?;
                Condition::Share { metric, grain, aim }
            }
            "rumour" => {
                if budget.is_some() {
                    self.fault(place, "it takes no budget_per_week: what was confirmed or denied was so");
                }
                let becomes = own.becomes.unwrap_or_else(|| vec!["confirmed".into(), "denied".into()]);
                for word in becomes.iter().filter(|word| !CHANGES.contains(&word.as_str())) {
                    self.fault(place, &format!("becomes {word:?} is none of {}", CHANGES.join(", ")));
                }
                Condition::Rumour { becomes, events: own.events }
            }
            "silence" => {
                let aim = aim("after_days", own.after_days, (1.0, 400.0))?;
                let sources = own.sources.iter().map(|name| self.source(name)).collect();
                Condition::Silence { sources, aim }
            }
            _ => {
                let aim = aim("moved", own.moved, (0.001, 1000.0))?;
                let grain = self.grain(place, own.grain.as_deref())?;
                Condition::Figure { metric: own.metric, grain, aim }
            }
        };
        if let Condition::Breakout { metric: Some(metric), .. } | Condition::Figure { metric: Some(metric), .. } =
            &condition
        {
            self.metric(place, metric)?;
        }
        Some(condition)
    }

    fn aim(
        &mut self,
        place: &str,
        key: &str,
        value: Option<f64>,
        budget: Option<f64>,
        range: (f64, f64),
    ) -> Option<Aim> {
        let (low, high) = range;
        match (value, budget) {
            (Some(_), Some(_)) => self.refuse(place, &format!("it has {key} and budget_per_week: leave one out")),
            (None, None) => self.refuse(place, &format!("it has neither {key} nor budget_per_week: write one")),
            (Some(value), None) if value.is_finite() && (low..=high).contains(&value) => Some(Aim::Fixed(value)),
            (Some(value), None) => self.refuse(place, &format!("{key} is {value}: write {low} to {high}")),
            (None, Some(budget)) if budget.is_finite() && (0.0..=1000.0).contains(&budget) => Some(Aim::Budget(budget)),
            (None, Some(budget)) => self.refuse(place, &format!("budget_per_week is {budget}: write 0 to 1000")),
        }
    }

    fn ranked(&mut self, place: &str, metric: Option<String>, grain: Option<String>) -> Option<(String, Grain)> {
        let Some(metric) = metric else { return self.refuse(place, "metric is missing: write metric = \"mau\"") };
        let known = self.metric(place, &metric)?;
        if known.lower_is_better {
            let message = format!("of {metric} less is more: a ranking by it is not kept; use a rule of kind figure");
            return self.refuse(place, &message);
        }
        Some((metric, self.grain(place, grain.as_deref())?))
    }

    fn metric(&mut self, place: &str, id: &str) -> Option<Metric> {
        let metrics = &self.market.metrics;
        if let Some(metric) = metrics.get(id) {
            return Some(metric.clone());
        }
        let close = metrics.closest(id).map(|close| format!(": did you mean {close}")).unwrap_or_default();
        self.refuse(place, &format!("no metric is called {id:?}{close}"))
    }

    fn grain(&mut self, place: &str, text: Option<&str>) -> Option<Grain> {
        let text = text.unwrap_or("month");
        match text.parse::<Grain>() {
            Ok(grain) if !matches!(grain, Grain::Instant | Grain::Span) => Some(grain),
            _ => self.refuse(place, &format!("grain {text:?} is none of day, week, month, quarter, half, year")),
        }
    }

    /// A source by the name that claims have.
    fn source(&self, name: &str) -> String {
        self.market.source_called(name).map_or_else(|| name.to_owned(), |card| card.name.clone())
    }

    pub(super) fn fault(&mut self, place: &str, message: &str) {
        self.faults.push(format!("{place}: {message}"));
    }

    /// Notes a fault after which there is nothing to go on with.
    pub(super) fn refuse<T>(&mut self, place: &str, message: &str) -> Option<T> {
        self.fault(place, message);
        None
    }
}

/// What the reader of TOML says, in one line.
pub(super) fn one_line(error: &toml::de::Error) -> String {
    error.message().trim().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AlertsFile, String> {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        files::write_whole(&market.dir.join("watch/own.toml"), b"products = [\"Kimi\"]\n").unwrap();
        files::write_whole(&market.dir.join(ALERTS_FILE), text.as_bytes()).unwrap();
        read_alerts(&market).map(Option::unwrap_or_default).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_file_is_read() {
        let file = read(
            "base_url = \"https://radar.example.com/\"\n\
             [[channel]]\nname = \"log\"\nkind = \"file\"\n\
             [[rule]]\nname = \"next\"\nkind = \"breakout\"\nbudget_per_week = 1\nwatch = \"own\"\n\
             [[rule]]\nname = \"top\"\nkind = \"rank\"\nmetric = \"mau\"\ntop = 10\nchannels = [\"log\"]\n\
             [[digest]]\nname = \"morning\"\nat = \"07:30\"\ntime_zone = \"Asia/Shanghai\"\n",
        )
        .unwrap();
        assert_eq!(file.base_url.as_deref(), Some("https://radar.example.com"));
        assert_eq!(file.rules[0].condition, Condition::Breakout { metric: None, aim: Aim::Budget(1.0) });
        let Condition::Rank { top, aim, .. } = &file.rules[1].condition else { panic!() };
        assert_eq!((*top, *aim), (10, Aim::Fixed(1.0)));
        assert_eq!(file.digests.len(), 1);
    }

    #[test]
    fn all_faults_are_told_at_once_with_what_to_do() {
        let faults = read(
            "base_url = \"radar\"\n\
             [[rule]]\nname = \"a\"\nkind = \"breakout\"\nover = 1.5\n\
             [[rule]]\nname = \"b\"\nkind = \"rank\"\nmetric = \"mua\"\ntop = 3\n\
             [[rule]]\nname = \"c\"\nkind = \"share\"\nmetric = \"mau\"\n\
             [[rule]]\nname = \"d\"\nkind = \"quiet\"\n\
             [[rule]]\nname = \"e\"\nkind = \"rumour\"\nover = 0.1\nchannels = [\"mail\"]\nwatch = \"none\"\n\
             [[rule]]\nname = \"e\"\nkind = \"rumour\"\nbecomes = [\"true\"]\nbudget_per_week = 1\n\
             [[rule]]\nkind = \"figure\"\nmoved = 0.3\nbudget_per_week = 2\n\
             [[digest]]\nname = \"m\"\nat = \"25:00\"\n",
        )
        .unwrap_err();
        for part in [
            "base_url \"radar\" is no address",
            "rule \"a\": over is 1.5: write 0 to 1",
            "rule \"b\": no metric is called \"mua\": did you mean mau",
            "rule \"c\": it has neither loss nor budget_per_week",
            "rule \"d\": no rule is of kind \"quiet\": write breakout",
            "rule \"e\": a rule of kind rumour has no \"over\": it takes becomes, events",
            "rule \"e\": no channel is called \"mail\"",
            "rule \"e\": there is no watch/none.toml (own)",
            "becomes \"true\" is none of confirmed, denied, withdrawn",
            "it takes no budget_per_week",
            "two rules are called \"e\"",
            "rule 7: missing field `name`",
            "digest \"m\": at \"25:00\" is no time",
        ] {
            assert!(faults.contains(part), "{part} is not in: {faults}");
        }
    }
}
