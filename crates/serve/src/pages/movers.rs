//! `/movers`: who gained and who lost most within a year or another span, each by one source's own figures, with what
//! other sources say beside it.
//!
//! Where the address names no metric or span, the metric with the most sources is taken, and its newest year in which
//! anybody moved.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, Direction, MoversQuestion};
use futures::FutureExt as _;
use serde::Deserialize;

use super::league::{MetricRow, ask_metrics, ask_periods};
use super::metric_label;
use crate::ServeError;
use crate::frame::{Choice, Frame};
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::{entity_link, scope};
use crate::words::{say, say_source};

/// Rows on the page; the data formats have all.
const N_ROWS: usize = 100;
/// Years that the page offers.
const YEARS_MAX: usize = 8;

pub(crate) struct Movers;

#[async_trait]
impl Page for Movers {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let metric = metric(request, &ask_metrics(request).await?);
        let (_, answer) = newest(request, &metric, &years(request, &metric).await?, None).await?;
        answer
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let metrics = ask_metrics(request).await?;
        let metric = metric(request, &metrics);
        let years = years(request, &metric).await?;
        let limit = request.number("limit", N_ROWS, 5_000)?;
        let (within, answer) = newest(request, &metric, &years, Some(limit)).await?;
        let (rows, notes) = match answer {
            Ok(answer) => (answer.rows_as::<MoverRow>()?, answer.notes),
            Err(error) if error.is_bad_question() => {
                (Vec::new(), std::iter::once(error.to_string()).chain(error.hint()).collect())
            }
            Err(error) => return Err(error),
        };
        let label = metric_label(request, &metric);
        let title = format!(
            "{} · {label} · {}",
            say(request.language, "movers.title"),
            numbers::period(&within, request.language)
        );
        let page = Frame::new(request, title).with_notes(&notes);
        let view = MoversView {
            metrics: metrics.iter().map(|row| choice_of(row, &metric, request)).collect(),
            spans: years.iter().map(|year| span(request, year, &within)).collect(),
            directions: directions(request),
            lines: rows.iter().map(|row| Line::new(row, &page)).collect(),
            label,
            within,
            page: &page,
        };
        Ok(view.render()?)
    }
}

fn metric(request: &PageRequest, metrics: &[MetricRow]) -> String {
    let first = metrics.first().map(|row| row.metric.clone());
    request.text("metric").or(first).unwrap_or_else(|| "mau".to_owned())
}

/// The years that a metric has figures of, newest first, and the span asked for if it is another.
async fn years(request: &PageRequest, metric: &str) -> Result<Vec<String>, ServeError> {
    let periods = ask_periods(request, metric).await?;
    let mut years: Vec<String> = periods.iter().filter_map(|row| row.period.get(..4)).map(str::to_owned).collect();
    years.sort_unstable_by(|left, right| right.cmp(left));
    years.dedup();
    years.truncate(YEARS_MAX);
    if let Some(asked) = request.text("within").filter(|asked| !years.contains(asked)) {
        years.push(asked);
    }
    Ok(years)
}

/// The span asked for, else the newest year in which anybody moved; with its answer.
async fn newest(
    request: &PageRequest,
    metric: &str,
    years: &[String],
    limit: Option<usize>,
) -> Result<(String, Result<Answer, ServeError>), ServeError> {
    let asked = request.text("within");
    let candidates = asked.map_or_else(|| years.to_vec(), |asked| vec![asked]);
    let mut last = None;
    for within in candidates {
        let answer = ask(request, metric, &within, limit).await;
        let is_nothing = answer.as_ref().is_err_and(ServeError::is_bad_question);
        if !is_nothing {
            return Ok((within, answer));
        }
        last = last.or(Some((within, answer)));
    }
    match last {
        Some(last) => Ok(last),
        None => Ok(("2025".to_owned(), ask(request, metric, "2025", limit).await)),
    }
}

async fn ask(request: &PageRequest, metric: &str, within: &str, limit: Option<usize>) -> Result<Answer, ServeError> {
    let question = MoversQuestion {
        metric: metric.to_owned(),
        within: within.to_owned(),
        direction: match request.get("direction") {
            Some("lost") => Some(Direction::Lost),
            Some("gained") => Some(Direction::Gained),
            _ => None,
        },
        by_percent: request.get("rank") == Some("percent"),
        region: request.text("region"),
        platform: request.text("platform"),
        segment: request.text("segment"),
        source: request.text("source"),
        by_source: request.get("by") == Some("source"),
        limit,
        as_of: request.as_of,
        language: None,
    };
    let asked = request.ask_once(question, |lake, question| questions::movers(lake, question).boxed());
    Ok(request.in_own_language(asked.await?)?)
}

fn choice_of(row: &MetricRow, current: &str, request: &PageRequest) -> Choice {
    Choice {
        label: metric_label(request, &row.metric),
        value: row.metric.clone(),
        address: String::new(),
        is_current: row.metric == current,
    }
}

fn span(request: &PageRequest, year: &str, current: &str) -> Choice {
    Choice {
        label: numbers::period(year, request.language),
        value: year.to_owned(),
        address: request.same_page_with(&[("within", year)]),
        is_current: year == current,
    }
}

fn directions(request: &PageRequest) -> Vec<Choice> {
    let current = request.get("direction").unwrap_or_default();
    ["", "lost", "gained"]
        .into_iter()
        .map(|value| Choice {
            label: say(request.language, if value.is_empty() { "movers.both" } else { direction_word(value) })
                .to_owned(),
            value: value.to_owned(),
            address: request.same_page_with(&[("direction", value)]),
            is_current: current == value,
        })
        .collect()
}

fn direction_word(direction: &str) -> &'static str {
    if direction == "lost" { "movers.lost" } else { "movers.gained" }
}

#[derive(Debug, Deserialize)]
struct MoverRow {
    name: String,
    entity: Option<String>,
    kind: Option<String>,
    first_period: String,
    first_value: f64,
    last_period: String,
    last_value: f64,
    change: f64,
    change_percent: Option<f64>,
    unit: String,
    source: String,
    region: String,
    platform: String,
    segment: String,
    others: Option<String>,
    first_claim: String,
    last_claim: String,
}

/// A row of the table.
struct Line {
    name: String,
    name_link: String,
    first: String,
    first_link: String,
    first_period: String,
    last: String,
    last_link: String,
    last_period: String,
    change: String,
    percent: String,
    direction: &'static str,
    source: String,
    scope: String,
    others: String,
}

impl Line {
    fn new(row: &MoverRow, page: &Frame) -> Self {
        let language = page.language();
        let figure = |value: f64| numbers::with_unit(value, &row.unit, language);
        let claim = |claim: &str| page.link(&format!("/claim/{claim}"));
        let sign = if row.change > 0.0 { "+" } else { "" };
        let dims =
            [("region", Some(row.region.as_str())), ("platform", Some(&row.platform)), ("segment", Some(&row.segment))];
        Self {
            name: row.name.clone(),
            name_link: entity_link(page, row.entity.as_deref(), row.kind.as_deref() == Some("company")),
            first: figure(row.first_value),
            first_link: claim(&row.first_claim),
            first_period: numbers::period(&row.first_period, language),
            last: figure(row.last_value),
            last_link: claim(&row.last_claim),
            last_period: numbers::period(&row.last_period, language),
            change: format!("{sign}{}", figure(row.change)),
            percent: row.change_percent.map(numbers::change).unwrap_or_default(),
            direction: if row.change > 0.0 { "up" } else { "down" },
            source: say_source(language, &row.source),
            scope: scope(language, dims),
            others: row.others.clone().unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "movers.html")]
struct MoversView<'a> {
    page: &'a Frame,
    metrics: Vec<Choice>,
    spans: Vec<Choice>,
    directions: Vec<Choice>,
    label: String,
    within: String,
    lines: Vec<Line>,
}
