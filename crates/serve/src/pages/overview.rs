//! `/`: what is in the market, what changed last, and what is collected at this moment. What the lake answers is asked
//! for once per state of the lake.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, EventsQuestion, LeagueQuestion, OverviewQuestion};
use futures::FutureExt as _;
use serde::Deserialize;

use super::collecting::CollectingNow;
use super::league::{LeagueRow, ask_metrics, ask_periods, best_period};
use super::metric_label;
use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::{ClaimLine, ClaimRow, EventRow, Story, entity_link, stories};
use crate::words::{say, say_source};

/// Metrics with a short table on the page.
const N_TEASERS: usize = 3;
const N_TEASER_ROWS: usize = 5;
const N_EVENTS: usize = 12;
const N_RUNS: usize = 6;
/// Events among which the latest are looked for.
const N_EVENTS_LOOKED_AT: usize = 500;

pub(crate) struct Overview;

#[async_trait]
impl Page for Overview {
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let question = OverviewQuestion { as_of: request.as_of, language: request.question_language() };
        let mut answer =
            request.ask_once(question, |lake, question| questions::overview(lake, question).boxed()).await?;
        leave_out_latest(&mut answer, &request.kept_back());
        Ok(answer)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let (answer, teasers, events) =
            futures::try_join!(self.answer(request), teasers(request), latest_events(request))?;
        let movers: Vec<MoverRow> = answer.rows_as()?;
        let facts: Facts = serde_json::from_value(serde_json::Value::Object(answer.facts))?;
        let page = Frame::new(request, say(request.language, "overview.title")).with_notes(&answer.notes);
        let is_empty = facts.counts.n_claims == 0 && facts.counts.n_events == 0;
        let view = OverviewView {
            collecting: CollectingNow::look(request, &page, N_RUNS)?,
            is_now: request.as_of.is_none(),
            counts: counts(&facts.counts, request),
            movers: movers.iter().map(|row| mover(row, request, &page)).collect(),
            claims: facts
                .claims
                .iter()
                .map(|row| ClaimLine::new(row, &page, &metric_label(request, &row.metric)))
                .collect(),
            stories: stories(events, &page),
            steps: if is_empty { first_steps(&page) } else { Vec::new() },
            is_empty,
            page: &page,
            teasers,
        };
        Ok(view.render()?)
    }
}

/// The latest claims stand beside the rows, where licences hold as well.
fn leave_out_latest(answer: &mut Answer, kept_back: &[String]) {
    let Some(claims) = answer.facts.get_mut("claims").and_then(serde_json::Value::as_array_mut) else { return };
    let may_leave = |claim: &serde_json::Value| {
        let source = claim.get("source").and_then(serde_json::Value::as_str);
        source.is_none_or(|source| !kept_back.iter().any(|kept| kept == source))
    };
    claims.retain(may_leave);
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Facts {
    counts: Counts,
    claims: Vec<ClaimRow>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Counts {
    n_claims: i64,
    n_events: i64,
    n_sources: i64,
    n_products: i64,
    n_companies: i64,
    n_documents: i64,
}

struct CountTile {
    n: String,
    label: String,
    link: String,
}

fn counts(counts: &Counts, request: &PageRequest) -> Vec<CountTile> {
    let tiles = [
        (counts.n_products, "overview.products", "/products?kind=product"),
        (counts.n_companies, "overview.companies", "/products?kind=company"),
        (counts.n_claims, "overview.claims", ""),
        (counts.n_events, "overview.events", "/events"),
        (counts.n_sources, "overview.sources", "/sources"),
        (counts.n_documents, "overview.documents", ""),
    ];
    let tile = |(n, key, path): (i64, &str, &str)| CountTile {
        n: numbers::count(n),
        label: say(request.language, key).to_owned(),
        link: if path.is_empty() { String::new() } else { request.link(path) },
    };
    tiles.into_iter().map(tile).collect()
}

#[derive(Debug, Deserialize)]
struct MoverRow {
    entity: String,
    name: String,
    metric: String,
    period: String,
    value: f64,
    previous_value: f64,
    unit: String,
    source: String,
    change: Option<f64>,
    claim: String,
}

struct MoverLine {
    name: String,
    name_link: String,
    metric: String,
    period: String,
    figure: String,
    before: String,
    claim_link: String,
    change: String,
    direction: &'static str,
    source: String,
}

fn mover(row: &MoverRow, request: &PageRequest, page: &Frame) -> MoverLine {
    let language = request.language;
    let change = row.change.unwrap_or(0.0);
    MoverLine {
        name: row.name.clone(),
        name_link: entity_link(page, Some(&row.entity), false),
        metric: metric_label(request, &row.metric),
        period: numbers::period(&row.period, language),
        figure: numbers::with_unit(row.value, &row.unit, language),
        before: numbers::with_unit(row.previous_value, &row.unit, language),
        claim_link: page.link(&format!("/claim/{}", row.claim)),
        change: numbers::change(change),
        direction: if change < 0.0 { "down" } else { "up" },
        source: say_source(language, &row.source),
    }
}

/// What was said to have happened last. Events whose source tells no day are known since their import only, and would
/// lead after every import: they are left out unless there is nothing else.
async fn latest_events(request: &PageRequest) -> Result<Vec<EventRow>, ServeError> {
    let question = EventsQuestion {
        limit: Some(N_EVENTS_LOOKED_AT),
        as_of: request.as_of,
        language: Some(request.language),
        ..EventsQuestion::default()
    };
    let asked = request.ask_once(question, |lake, question| questions::events(lake, question).boxed());
    let mut rows: Vec<EventRow> = asked.await?.rows_as()?;
    rows.sort_by(|left, right| right.dated().cmp(&left.dated()));
    rows.truncate(N_EVENTS);
    let has_days = rows.iter().any(|row| row.dated().is_some());
    rows.retain(|row| row.dated().is_some() || !has_days);
    Ok(rows)
}

/// A short league table.
struct Teaser {
    title: String,
    period: String,
    link: String,
    lines: Vec<TeaserLine>,
}

struct TeaserLine {
    rank: String,
    name: String,
    name_link: String,
    figure: String,
    claim_link: String,
    bar: String,
}

async fn teasers(request: &PageRequest) -> Result<Vec<Teaser>, ServeError> {
    let mut metrics = ask_metrics(request).await?;
    // Metrics with a total of the whole market come first: the market's owner cares for them.
    let totals = &request.lake.market().config.totals;
    metrics.sort_by_key(|row| !totals.contains_key(&row.metric));
    let asked = metrics.iter().take(N_TEASERS).map(|row| teaser(request, &row.metric));
    let teasers = futures::future::try_join_all(asked).await?;
    Ok(teasers.into_iter().flatten().collect())
}

/// `None` where the metric has nothing to rank.
async fn teaser(request: &PageRequest, metric: &str) -> Result<Option<Teaser>, ServeError> {
    let Some(period) = best_period(&ask_periods(request, metric).await?) else { return Ok(None) };
    let question = LeagueQuestion {
        metric: metric.to_owned(),
        period: period.clone(),
        limit: Some(N_TEASER_ROWS),
        as_of: request.as_of,
        language: Some(request.language),
        ..LeagueQuestion::default()
    };
    let asked = request.ask_once(question, |lake, question| questions::league(lake, question).boxed());
    let rows: Vec<LeagueRow> = asked.await?.rows_as()?;
    let largest = rows.iter().map(|row| row.value).fold(f64::MIN_POSITIVE, f64::max);
    let line = |row: &LeagueRow| TeaserLine {
        rank: row.rank.map(numbers::count).unwrap_or_default(),
        name: row.name.clone(),
        name_link: request.link(&format!("/product/{}", row.entity.as_deref().unwrap_or_default())),
        figure: numbers::with_unit(row.value, &row.unit, request.language),
        claim_link: row.claim.as_ref().map_or_else(String::new, |claim| request.link(&format!("/claim/{claim}"))),
        bar: format!("{:.1}", 100.0 * row.value.max(0.0) / largest),
    };
    Ok(Some(Teaser {
        title: metric_label(request, metric),
        period: numbers::period(&period, request.language),
        link: request.link(&format!("/league?metric={metric}&period={period}")),
        lines: rows.iter().map(line).collect(),
    }))
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewView<'a> {
    page: &'a Frame,
    collecting: CollectingNow,
    /// Whether the page is of now, and not of a day that is looked back from.
    is_now: bool,
    counts: Vec<CountTile>,
    movers: Vec<MoverLine>,
    claims: Vec<ClaimLine>,
    stories: Vec<Story>,
    teasers: Vec<Teaser>,
    is_empty: bool,
    steps: Vec<FirstStep>,
}

/// Something to do first in a market that is empty.
struct FirstStep {
    title: String,
    about: String,
    command: &'static str,
    guide: String,
}

/// Three ways to see something, each with a command to copy and the page of the guide that says more.
fn first_steps(page: &Frame) -> Vec<FirstStep> {
    const GUIDE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/book/src/");
    let steps = [
        ("first.import", "first.import.about", "crowsnest import FILE --source NAME", "import.md"),
        ("first.source", "first.source.about", "crowsnest source add", "collect.md"),
        ("first.example", "first.example.about", "crowsnest demo", "introduction.md"),
    ];
    let step = |(title, about, command, file): (&str, &str, &'static str, &str)| FirstStep {
        title: page.say(title).to_owned(),
        about: page.say(about).to_owned(),
        command,
        guide: format!("{GUIDE}{file}"),
    };
    steps.into_iter().map(step).collect()
}
