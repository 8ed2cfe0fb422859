//! The tags of reports: what each asks of the lake, and how the answer stands in the text.

use std::collections::{BTreeMap, BTreeSet};

use crowsnest_lake::questions::{self, BreakoutsQuestion, LeagueQuestion};
use crowsnest_lake::{Answer, Lake, LakeError};
use crowsnest_run::digest::{DigestRequest, EVERYTHING, digest};
use serde::Deserialize;

use super::{Audience, ReportRequest};
use crate::digests::digest_message;
use crate::message::{Markdown, Markup as _};
use crate::request::push_query;
use crate::words::{say, say_source};
use crate::{ServeError, numbers, redistribution};

const DAY_MICROS: i64 = 86_400_000_000;
const N_ROWS_MAX: usize = 200;

/// The tag that tells of what happened until now.
pub(crate) const TELLS_OF_LATE: &str = "digest";

/// Every tag, with what it takes and what it gives.
pub(crate) const TAGS: &[(&str, &str)] = &[
    ("figure NAME METRIC PERIOD", "the figure, leading to its claim"),
    ("share NAME METRIC PERIOD", "its share of all that are told of"),
    ("rank NAME METRIC PERIOD", "its place"),
    ("change NAME METRIC PERIOD", "its change from the period before, as a share"),
    ("source NAME METRIC PERIOD", "whose word the figure is"),
    ("league METRIC PERIOD limit=10", "a table of the first products"),
    ("breakouts limit=10 metric=METRIC", "a table of the likeliest breakouts"),
    ("digest days=30 watch=NAME", "what happened in the days before"),
    ("as_of", "the day"),
    ("market", "the market's title"),
];

/// What is put into a report, and what could not be.
pub(super) struct Filling<'a> {
    lake: &'a Lake,
    request: &'a ReportRequest,
    /// League tables that were asked for already.
    leagues: BTreeMap<String, Result<Vec<LeagueRow>, String>>,
    kept_back: Vec<String>,
    /// Whose word the figures are that were filled in.
    pub(super) sources: BTreeSet<String>,
    pub(super) problems: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct LeagueRow {
    rank: Option<i64>,
    name: String,
    entity: String,
    kind: String,
    value: f64,
    low: Option<f64>,
    high: Option<f64>,
    unit: String,
    bound: Option<String>,
    share: Option<f64>,
    change_percent: Option<f64>,
    source: String,
    claim: String,
}

#[derive(Debug, Deserialize)]
struct BreakoutRow {
    entity: String,
    name: String,
    metric: String,
    period: String,
    probability: f64,
}

/// The words of a tag after its name.
struct Words {
    plain: Vec<String>,
    named: BTreeMap<String, String>,
}

impl Words {
    fn of(words: &[String]) -> Self {
        let mut all = Self { plain: Vec::new(), named: BTreeMap::new() };
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => _ = all.named.insert(name.to_owned(), value.to_owned()),
                None => all.plain.push(word.clone()),
            }
        }
        all
    }

    fn known(&self, names: &[&str]) -> Result<(), String> {
        match self.named.keys().find(|name| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(format!("{name}= is not known here; there is {}", names.join("=, "))),
        }
    }

    fn limit(&self, name: &str, default: usize) -> Result<usize, String> {
        let Some(text) = self.named.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (1..=N_ROWS_MAX).contains(number));
        number.ok_or_else(|| format!("{name}={text} is no whole number from 1 to {N_ROWS_MAX}"))
    }
}

const DIMENSIONS: &[&str] = &["region", "platform", "segment", "source", "limit"];

impl<'a> Filling<'a> {
    pub(super) fn new(lake: &'a Lake, request: &'a ReportRequest) -> Self {
        let is_kept_back = request.audience == Audience::Others;
        let kept_back = if is_kept_back { lake.market().kept_back() } else { Vec::new() };
        Self { lake, request, leagues: BTreeMap::new(), kept_back, sources: BTreeSet::new(), problems: Vec::new() }
    }

    /// What stands for a tag; `n/a` where it cannot be filled in.
    pub(super) async fn fill(&mut self, line: usize, words: Vec<String>) -> Result<String, LakeError> {
        let said = words.join(" ");
        match self.tag(&words).await {
            Ok(text) => Ok(text),
            Err(Fault::Told(what)) => {
                self.problems.push(format!("line {line}, {{{{ {said} }}}}: {what}"));
                Ok("n/a".to_owned())
            }
            Err(Fault::Lake(error)) => Err(error),
        }
    }

    async fn tag(&mut self, words: &[String]) -> Result<String, Fault> {
        let Some((name, rest)) = words.split_first() else { return Err(Fault::told("it is empty")) };
        let words = Words::of(rest);
        match name.as_str() {
            "figure" | "share" | "rank" | "change" | "source" => self.one(name, &words).await,
            "league" => self.league_table(&words).await,
            "breakouts" => self.breakouts(&words).await,
            TELLS_OF_LATE => self.digest(&words).await,
            "as_of" => Ok(numbers::period(&self.day(), self.request.language)),
            "market" => Ok(Markdown.text(self.lake.market().title())),
            other => {
                let known: Vec<&str> = TAGS.iter().filter_map(|(tag, _)| tag.split(' ').next()).collect();
                Err(Fault::told(format!("no tag is called {other:?}; there is {}", known.join(", "))))
            }
        }
    }

    /// The day that it tells of, `2025-02-01`.
    pub(super) fn day(&self) -> String {
        match &self.request.as_of {
            Some((day, _)) => numbers::day(day).to_owned(),
            None => jiff::Timestamp::now().to_string().get(..10).unwrap_or_default().to_owned(),
        }
    }

    /// Words that lead to a page, as of the report's day.
    fn link(&self, words: &str, path: &str) -> String {
        let mut address = format!("{}{path}", self.request.base_url.as_deref().unwrap_or_default());
        if let Some((day, _)) = &self.request.as_of {
            push_query(&mut address, "as_of", day);
        }
        Markdown.link(&Markdown.text(words), &address)
    }

    async fn league(&mut self, words: &Words, metric: &str, period: &str) -> Result<Vec<LeagueRow>, Fault> {
        words.known(DIMENSIONS)?;
        let named = |name: &str| words.named.get(name).cloned();
        let question = LeagueQuestion {
            metric: metric.to_owned(),
            period: period.to_owned(),
            region: named("region"),
            platform: named("platform"),
            segment: named("segment"),
            source: named("source"),
            as_of: self.request.as_of.as_ref().map(|(_, micros)| *micros),
            language: Some(self.request.language),
            ..LeagueQuestion::default()
        };
        let key = format!("{question:?}");
        if !self.leagues.contains_key(&key) {
            let rows = match questions::league(self.lake, &question).await {
                Ok(answer) => Ok(self.may_show(answer)?.rows_as::<LeagueRow>().map_err(Fault::Lake)?),
                Err(error) if error.is_users() => Err(error.to_string()),
                Err(error) => return Err(Fault::Lake(error)),
            };
            self.leagues.insert(key.clone(), rows);
        }
        match self.leagues.get(&key) {
            Some(Ok(rows)) => Ok(rows.clone()),
            Some(Err(what)) => Err(Fault::told(what.clone())),
            None => Ok(Vec::new()),
        }
    }

    fn may_show(&self, answer: Answer) -> Result<Answer, Fault> {
        if self.kept_back.is_empty() {
            return Ok(answer);
        }
        redistribution::leave_out(answer, &self.kept_back).map_err(|error| match error {
            ServeError::Lake(error) => Fault::Lake(error),
            other => Fault::told(other.to_string()),
        })
    }

    async fn one(&mut self, what: &str, words: &Words) -> Result<String, Fault> {
        let [name, metric, period] = words.plain.as_slice() else {
            return Err(Fault::told(format!("write {{{{ {what} NAME METRIC PERIOD }}}}, names with blanks in quotes")));
        };
        let identity = self.lake.identity();
        let entity = match identity.find(name, None) {
            Ok(entity) => entity.hex(),
            Err(error) => return Err(Fault::told(error.to_string())),
        };
        let rows = self.league(words, metric, period).await?;
        let row = rows.iter().find(|row| row.entity == entity);
        let row = row.ok_or_else(|| Fault::told(format!("nothing that may be shown is known of {name} then")))?;
        self.sources.insert(row.source.clone());
        let claim = format!("/claim/{}", row.claim);
        let missing = || Fault::told("that is not known");
        match what {
            "figure" => Ok(self.link(&self.figure(row), &claim)),
            "share" => Ok(self.link(&numbers::percent(row.share.ok_or_else(missing)?), &claim)),
            "change" => Ok(self.link(&numbers::change(row.change_percent.ok_or_else(missing)?), &claim)),
            "rank" => Ok(self.link(&row.rank.ok_or_else(missing)?.to_string(), &league_path(metric, period))),
            _ => Ok(self.link(&say_source(self.request.language, &row.source), &source_path(&row.source))),
        }
    }

    fn figure(&self, row: &LeagueRow) -> String {
        let bound = row.bound.as_deref().unwrap_or("exact");
        numbers::bounded(row.value, row.low, row.high, bound, &row.unit, self.request.language)
    }

    async fn league_table(&mut self, words: &Words) -> Result<String, Fault> {
        let [metric, period] = words.plain.as_slice() else {
            return Err(Fault::told("write {{ league METRIC PERIOD limit=10 }}"));
        };
        let limit = words.limit("limit", 10)?;
        let rows = self.league(words, metric, period).await?;
        let language = self.request.language;
        let heads = ["col.rank", "col.product", "col.value", "col.share", "col.change", "col.source"];
        let mut table = self.head(&heads);
        for row in rows.iter().filter(|row| row.rank.is_some()).take(limit) {
            self.sources.insert(row.source.clone());
            let folder = if row.kind == "company" { "company" } else { "product" };
            let cells = [
                row.rank.map(|rank| rank.to_string()).unwrap_or_default(),
                self.link(&row.name, &format!("/{folder}/{}", row.entity)),
                self.link(&self.figure(row), &format!("/claim/{}", row.claim)),
                row.share.map(numbers::percent).unwrap_or_default(),
                row.change_percent.map(numbers::change).unwrap_or_default(),
                self.link(&say_source(language, &row.source), &source_path(&row.source)),
            ];
            table.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        Ok(table)
    }

    fn head(&self, keys: &[&str]) -> String {
        let words: Vec<&str> = keys.iter().map(|key| say(self.request.language, key)).collect();
        format!("\n| {} |\n|{}\n", words.join(" | "), "---|".repeat(keys.len()))
    }

    async fn breakouts(&mut self, words: &Words) -> Result<String, Fault> {
        words.known(&["metric", "limit"])?;
        let question = BreakoutsQuestion {
            metric: words.named.get("metric").cloned(),
            limit: words.limit("limit", 10)?,
            as_of: self.request.as_of.as_ref().map(|(_, micros)| *micros),
            language: Some(self.request.language),
            ..BreakoutsQuestion::default()
        };
        let answer = match questions::breakouts(self.lake, &question).await {
            Ok(answer) => self.may_show(answer)?,
            Err(error) if error.is_users() => return Err(Fault::told(error.to_string())),
            Err(error) => return Err(Fault::Lake(error)),
        };
        let rows: Vec<BreakoutRow> = answer.rows_as().map_err(Fault::Lake)?;
        if rows.is_empty() {
            return Err(Fault::told("nothing was detected by then"));
        }
        let mut table = self.head(&["col.product", "breakouts.probability", "col.metric", "col.period"]);
        for row in &rows {
            let mut board = "/breakouts".to_owned();
            push_query(&mut board, "metric", &row.metric);
            let metric = self.lake.market().metrics.get(&row.metric);
            let metric =
                metric.map_or(row.metric.as_str(), |metric| crate::pages::label(metric, self.request.language));
            let cells = [
                self.link(&row.name, &format!("/product/{}", row.entity)),
                self.link(&numbers::percent(row.probability), &board),
                Markdown.text(metric),
                numbers::period(&row.period, self.request.language),
            ];
            table.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        Ok(table)
    }

    async fn digest(&mut self, words: &Words) -> Result<String, Fault> {
        words.known(&["days", "watch"])?;
        let n_days = words.limit("days", 30)? as i64;
        let until = self.request.as_of.as_ref().map(|(_, micros)| *micros);
        let until_or_now = until.unwrap_or_else(|| jiff::Timestamp::now().as_microsecond());
        let asked = DigestRequest {
            name: EVERYTHING.to_owned(),
            since: Some(until_or_now - n_days * DAY_MICROS),
            until: until_or_now,
            is_as_of: until.is_some(),
            watch: words.named.get("watch").cloned(),
            language: Some(self.request.language),
        };
        let made = match Box::pin(digest(self.lake, &asked)).await {
            Ok(made) => made,
            Err(error) if error.is_users() => return Err(Fault::told(error.to_string())),
            Err(error) => return Err(Fault::Lake(error)),
        };
        let message = digest_message(self.lake, &made, self.request.language, self.request.audience, None);
        self.sources.extend(message.happenings.iter().flat_map(|one| one.sources.iter().cloned()));
        let mut text = String::new();
        for section in &message.sections {
            text.push_str(&format!("\n**{}**\n\n", Markdown.text(&section.heading)));
            for line in &section.lines {
                let parts = line.parts.iter().map(|part| match part.path.as_str() {
                    "" => Markdown.text(&part.text),
                    path => self.link(&part.text, path),
                });
                text.push_str(&Markdown.line(&parts.collect::<String>(), &Markdown.text(&line.aside)));
            }
        }
        for note in &message.notes {
            text.push_str(&format!("\n{}\n", Markdown.text(note)));
        }
        Ok(text)
    }
}

fn league_path(metric: &str, period: &str) -> String {
    let mut address = "/league".to_owned();
    push_query(&mut address, "metric", metric);
    push_query(&mut address, "period", period);
    address
}

fn source_path(source: &str) -> String {
    let mut address = "/source".to_owned();
    push_query(&mut address, "name", source);
    address
}

/// Why a tag is not filled in.
enum Fault {
    /// What its author can mend, or what nobody knows.
    Told(String),
    /// The lake failed.
    Lake(LakeError),
}

impl Fault {
    fn told(what: impl Into<String>) -> Self {
        Self::Told(what.into())
    }
}

impl From<String> for Fault {
    fn from(what: String) -> Self {
        Self::Told(what)
    }
}
