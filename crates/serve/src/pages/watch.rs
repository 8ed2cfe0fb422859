//! `/watch`: the market's watch-lists. `/watch/NAME`: one of them: the latest figures of those watched, how they changed,
//! how likely they are to break out, and what happened to them last.

use std::collections::HashMap;

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::questions::{self, BreakoutsQuestion, EventsQuestion};
use crowsnest_run::watch::{WatchList, watch_lists};
use futures::FutureExt as _;
use serde::{Deserialize, Serialize};

use super::compare::{Cell, cell};
use super::metric_label;
use crate::ServeError;
use crate::compared::{self, Line, N_SUBJECTS_MAX, Subject};
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::{PageRequest, push_query};
use crate::rows::{EventRow, Story, entity_link, stories};
use crate::words::{say, say_with};

pub(crate) struct WatchLists;
pub(crate) struct Watched;

/// Of whom figures are shown; a company stands for its products too, and may have hundreds.
const N_WATCHED_MAX: usize = 40;
/// Metrics with a column of their own.
const N_METRICS: usize = 4;
const N_EVENTS: usize = 20;
/// Events among which those of the list are looked for.
const N_EVENTS_LOOKED_AT: usize = 5_000;
const N_BREAKOUTS_LOOKED_AT: usize = 10_000;

#[derive(Debug, Serialize)]
struct ListRow {
    list: String,
    title: String,
    n_products: usize,
    n_companies: usize,
    n_segments: usize,
}

const LIST_FIELDS: &[(&str, Holds)] = &[
    ("list", Holds::Text),
    ("title", Holds::Text),
    ("n_products", Holds::Count),
    ("n_companies", Holds::Count),
    ("n_segments", Holds::Count),
];

fn list_rows(request: &PageRequest) -> Result<Vec<ListRow>, ServeError> {
    let lists = watch_lists(request.lake.market())?;
    let row = |list: WatchList| ListRow {
        title: if list.title.is_empty() { list.name.clone() } else { list.title },
        list: list.name,
        n_products: list.products.len(),
        n_companies: list.companies.len(),
        n_segments: list.segments.len(),
    };
    Ok(lists.into_iter().map(row).collect())
}

#[async_trait]
impl Page for WatchLists {
    /// Files are not the lake's.
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        Ok(own_rows::answer(LIST_FIELDS, &list_rows(request)?)?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let page = Frame::new(request, say(request.language, "nav.watch"));
        let line = |row: ListRow| ListLine {
            link: page.link(&format!("/watch/{}", encoded(&row.list))),
            digest: page.link(&digest_of(&row.list)),
            row,
        };
        let view = WatchListsView { lines: list_rows(request)?.into_iter().map(line).collect(), page: &page };
        Ok(view.render()?)
    }
}

fn encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

fn digest_of(list: &str) -> String {
    let mut address = "/digest".to_owned();
    push_query(&mut address, "watch", list);
    address
}

struct ListLine {
    row: ListRow,
    link: String,
    digest: String,
}

/// A watch-list with all that is told of it.
struct Told {
    list: WatchList,
    subjects: Vec<Subject>,
    /// Breakout probability by entity, the likeliest of its metrics.
    probabilities: HashMap<String, f64>,
    unknown: Vec<String>,
    n_more: usize,
}

#[derive(Debug, Deserialize)]
struct BreakoutRow {
    entity: String,
    probability: f64,
}

fn list_of(request: &PageRequest) -> Result<WatchList, ServeError> {
    let lists = watch_lists(request.lake.market())?;
    let found = lists.into_iter().find(|list| list.name == request.parameter);
    found.ok_or_else(|| ServeError::NotFound(format!("/watch/{}", request.parameter)))
}

async fn told(request: &PageRequest) -> Result<Told, ServeError> {
    let list = list_of(request)?;
    let (mut entities, unknown) = whom(request, &list);
    let n_more = entities.len().saturating_sub(N_WATCHED_MAX);
    entities.truncate(N_WATCHED_MAX);
    let (subjects, probabilities) = futures::try_join!(compared::subjects(request, &entities), probabilities(request))?;
    Ok(Told { list, subjects, probabilities, unknown, n_more })
}

/// Those watched, whom the list names before the products of its companies; and names that nobody has.
fn whom(request: &PageRequest, list: &WatchList) -> (Vec<String>, Vec<String>) {
    let watched = list.watched(&request.lake.identity());
    let others = watched.entities.difference(&watched.named);
    (watched.named.iter().chain(others).cloned().collect(), watched.unknown)
}

async fn probabilities(request: &PageRequest) -> Result<HashMap<String, f64>, ServeError> {
    let question = BreakoutsQuestion {
        limit: N_BREAKOUTS_LOOKED_AT,
        as_of: request.as_of,
        language: Some(request.language),
        ..BreakoutsQuestion::default()
    };
    let asked = request.ask_once(question, |lake, question| questions::breakouts(lake, question).boxed());
    let mut probabilities: HashMap<String, f64> = HashMap::new();
    for row in asked.await?.rows_as::<BreakoutRow>()? {
        let most = probabilities.entry(row.entity).or_default();
        *most = most.max(row.probability);
    }
    Ok(probabilities)
}

async fn events(request: &PageRequest, subjects: &[Subject]) -> Result<Vec<EventRow>, ServeError> {
    let question = EventsQuestion {
        limit: Some(N_EVENTS_LOOKED_AT),
        as_of: request.as_of,
        language: Some(request.language),
        ..EventsQuestion::default()
    };
    let asked = request.ask_once(question, |lake, question| questions::events(lake, question).boxed());
    let mut rows: Vec<EventRow> = asked.await?.rows_as()?;
    let is_watched = |entity: &str| subjects.iter().any(|subject| subject.entity == entity);
    rows.retain(|row| row.entity.as_deref().is_some_and(is_watched));
    rows.sort_by(|left, right| right.dated().cmp(&left.dated()));
    rows.truncate(N_EVENTS);
    Ok(rows)
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    entity: &'a str,
    metric: String,
    period: &'a str,
    value: f64,
    unit: &'a str,
    change: Option<f64>,
    basis: &'static str,
    source: Option<&'a str>,
    claim: Option<&'a str>,
    breakout_probability: Option<f64>,
}

const FIELDS: &[(&str, Holds)] = &[
    ("name", Holds::Text),
    ("entity", Holds::Text),
    ("metric", Holds::Text),
    ("period", Holds::Text),
    ("value", Holds::Number),
    ("unit", Holds::Text),
    ("change", Holds::Number),
    ("basis", Holds::Text),
    ("source", Holds::Text),
    ("claim", Holds::Text),
    ("breakout_probability", Holds::Number),
];

fn row<'a>(told: &'a Told, metric: &str, line: &'a Line) -> Option<Row<'a>> {
    let subject = &told.subjects[line.subject];
    let (latest, _) = line.latest()?;
    let (basis, source) = line.basis.as_data();
    Some(Row {
        name: &subject.name,
        entity: &subject.entity,
        metric: metric.to_owned(),
        period: &latest.period,
        value: latest.value,
        unit: &line.slice.unit,
        change: line.change(),
        basis,
        source,
        claim: Some(latest.claim.as_str()).filter(|claim| !claim.is_empty()),
        breakout_probability: told.probabilities.get(&subject.entity).copied(),
    })
}

/// Metrics that those watched have figures of, with the lines of each.
fn by_metric(told: &Told) -> Vec<(String, Vec<Line>)> {
    let metrics = compared::metrics_of(&told.subjects).into_iter();
    metrics.map(|metric| (metric.clone(), compared::lines(&told.subjects, &metric))).collect()
}

#[async_trait]
impl Page for Watched {
    /// The list in full: its file is not the lake's. Where it cannot be read, the page says so, and that is not kept.
    fn also_depends_on(&self, request: &PageRequest) -> Option<String> {
        list_of(request).ok().map(|list| format!(" watch {list:?}"))
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let told = told(request).await?;
        let by_metric = by_metric(&told);
        let lines = by_metric.iter().flat_map(|(metric, lines)| lines.iter().map(move |line| (metric, line)));
        let rows: Vec<Row<'_>> = lines.filter_map(|(metric, line)| row(&told, metric, line)).collect();
        Ok(own_rows::answer(FIELDS, &rows)?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let told = told(request).await?;
        let events = events(request, &told.subjects).await?;
        let list = &told.list;
        let title = if list.title.is_empty() { &list.name } else { &list.title };
        let mut page = Frame::new(request, title.clone());
        if !told.unknown.is_empty() {
            page.notes.push(say_with(request.language, "watch.unknown", &told.unknown.join(", ")));
        }
        if told.n_more > 0 {
            page.notes.push(say_with(request.language, "watch.more", &told.n_more.to_string()));
        }
        let mut by_metric = by_metric(&told);
        by_metric.truncate(N_METRICS);
        let view = WatchedView {
            metrics: by_metric.iter().map(|(metric, _)| metric_label(request, metric)).collect(),
            lines: watched_lines(&told, &by_metric, request, &page),
            stories: stories(events, &page),
            compare: compare_of(&told, &page),
            digest: page.link(&digest_of(&list.name)),
            page: &page,
        };
        Ok(view.render()?)
    }
}

/// The first of them beside each other; empty where there is nobody to compare.
fn compare_of(told: &Told, page: &Frame) -> String {
    let mut address = "/compare".to_owned();
    for subject in told.subjects.iter().take(N_SUBJECTS_MAX) {
        push_query(&mut address, "name", &subject.entity);
    }
    if told.subjects.len() < 2 { String::new() } else { page.link(&address) }
}

struct WatchedLine {
    name: String,
    link: String,
    cells: Vec<Cell>,
    probability: String,
}

fn watched_lines(
    told: &Told,
    by_metric: &[(String, Vec<Line>)],
    request: &PageRequest,
    page: &Frame,
) -> Vec<WatchedLine> {
    let mut lines: Vec<WatchedLine> = told
        .subjects
        .iter()
        .map(|subject| WatchedLine {
            name: subject.name.clone(),
            link: entity_link(page, Some(&subject.entity), subject.kind == "company"),
            cells: by_metric.iter().map(|_| Cell::default()).collect(),
            probability: told.probabilities.get(&subject.entity).copied().map(numbers::percent).unwrap_or_default(),
        })
        .collect();
    for (place, (metric, own)) in by_metric.iter().enumerate() {
        for line in own {
            lines[line.subject].cells[place] = cell(&told.subjects[line.subject], metric, line, request, page);
        }
    }
    lines
}

#[derive(Template)]
#[template(path = "watch_lists.html")]
struct WatchListsView<'a> {
    page: &'a Frame,
    lines: Vec<ListLine>,
}

#[derive(Template)]
#[template(path = "watch.html")]
struct WatchedView<'a> {
    page: &'a Frame,
    metrics: Vec<String>,
    lines: Vec<WatchedLine>,
    stories: Vec<Story>,
    compare: String,
    digest: String,
}
