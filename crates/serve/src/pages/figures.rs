//! `/figures/{entity}`: reconciled values of a product, company or segment: with intervals, the sources that they rest on, and
//! why. And what other pages say of figures: intervals, reasons in the visitor's language, bands of charts.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::questions::{self, FiguresQuestion};
use crowsnest_lake::{Answer, Language};
use crowsnest_model::parse_claim_ref;
use serde::Deserialize;

use super::metric_label;
use crate::ServeError;
use crate::chart::{BandPoint, middle_day};
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::{entity_link, scope};
use crate::words::{say, say_note, say_with};

pub(crate) struct Figures;

/// Rows on the page; the data formats have all.
const N_LINES: usize = 120;

/// A figure as `figures` gives it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FigureRow {
    /// Whose it is, where several were asked for.
    pub(crate) entity: String,
    pub(crate) metric: String,
    pub(crate) period: String,
    pub(crate) period_start: String,
    pub(crate) period_end: String,
    pub(crate) grain: String,
    pub(crate) region: String,
    pub(crate) platform: String,
    pub(crate) segment: String,
    pub(crate) unit: String,
    pub(crate) value: f64,
    pub(crate) low_50: Option<f64>,
    pub(crate) high_50: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) low_95: Option<f64>,
    pub(crate) high_95: Option<f64>,
    pub(crate) agreement: Option<f64>,
    pub(crate) claims: String,
    pub(crate) reason: Option<String>,
    pub(crate) known_at: Option<String>,
}

/// The figures of the entity that an address names.
pub(crate) async fn ask(request: &PageRequest, kind: Option<&str>) -> Result<Answer, ServeError> {
    let question = FiguresQuestion {
        name: request.parameter.clone(),
        kind: kind.map(str::to_owned),
        metric: request.text("metric"),
        period: request.text("period"),
        as_of: request.as_of,
        language: request.question_language(),
    };
    request.ask(questions::figures(&request.lake, &question)).await
}

/// An interval as people read it: `69M–75M`; nothing where an end is not known.
pub(crate) fn interval(low: Option<f64>, high: Option<f64>, unit: &str, language: Language) -> String {
    let (Some(low), Some(high)) = (low, high) else { return String::new() };
    let end = |value| numbers::with_unit(value, unit, language);
    format!("{}–{}", end(low), end(high))
}

/// A figure's reason, part by part in the visitor's language.
pub(crate) fn reason(reason: &str, language: Language) -> String {
    if reason.is_empty() {
        return String::new();
    }
    let between = if language == Language::En { "; " } else { "；" };
    reason.split("; ").map(|part| say_note(language, part)).collect::<Vec<String>>().join(between)
}

/// Where a figure is shown with its work; empty where the row names no entity.
pub(crate) fn link(page: &Frame, entity: Option<&str>, metric: &str, period: &str) -> String {
    let Some(entity) = entity else { return String::new() };
    page.link(&format!("/figures/{entity}?metric={metric}&period={period}"))
}

/// The band of a chart: figures of one slice and grain, that with the most of them, oldest first.
pub(crate) fn band(rows: &[FigureRow], metric: &str, language: Language, page: &Frame, entity: &str) -> Vec<BandPoint> {
    let key = |row: &FigureRow| {
        (row.region.clone(), row.platform.clone(), row.segment.clone(), row.unit.clone(), row.grain.clone())
    };
    let mut own: Vec<&FigureRow> = rows.iter().filter(|row| row.metric == metric && row.grain != "span").collect();
    own.sort_by_key(|row| (key(row), row.period_start.clone()));
    let most = own.chunk_by(|a, b| key(a) == key(b)).max_by_key(|group| group.len()).unwrap_or_default();
    let point = |row: &&FigureRow| {
        let within = interval(row.low, row.high, &row.unit, language);
        let said = numbers::with_unit(row.value, &row.unit, language);
        Some(BandPoint {
            day: middle_day(&row.period_start, &row.period_end)?,
            value: row.value,
            ends: [row.low_95?, row.low?, row.low_50?, row.high_50?, row.high?, row.high_95?],
            period: numbers::period(&row.period, language),
            figure: format!("{said} ({within})"),
            reason: reason(row.reason.as_deref().unwrap_or_default(), language),
            link: link(page, Some(entity), metric, &row.period),
        })
    };
    most.iter().filter_map(point).collect()
}

struct FigureLine {
    metric: String,
    period: String,
    scope: String,
    figure: String,
    exact: String,
    within_50: String,
    within_80: String,
    within_95: String,
    agreement: String,
    claims: Vec<String>,
    reason: String,
}

impl FigureLine {
    fn new(row: &FigureRow, request: &PageRequest, page: &Frame) -> Self {
        let language = page.language();
        let within = |low, high| interval(low, high, &row.unit, language);
        let parts = [("region", &row.region), ("platform", &row.platform), ("segment", &row.segment)];
        let claims = row.claims.split(' ').filter(|claim| parse_claim_ref(claim).is_some());
        Self {
            metric: metric_label(request, &row.metric),
            period: numbers::period(&row.period, language),
            scope: scope(language, parts.map(|(group, value)| (group, Some(value.as_str())))),
            figure: numbers::with_unit(row.value, &row.unit, language),
            exact: format!("{} {}", numbers::exact(row.value), numbers::unit_label(&row.unit, language)),
            within_50: within(row.low_50, row.high_50),
            within_80: within(row.low, row.high),
            within_95: within(row.low_95, row.high_95),
            agreement: row.agreement.map(numbers::percent).unwrap_or_default(),
            claims: claims.map(|claim| page.link(&format!("/claim/{claim}"))).collect(),
            reason: reason(row.reason.as_deref().unwrap_or_default(), language),
        }
    }
}

#[async_trait]
impl Page for Figures {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request, None).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = ask(request, None).await?;
        let rows: Vec<FigureRow> = answer.rows_as()?;
        let fact =
            |name: &str| answer.facts.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let (name, entity) = (fact("name"), fact("entity"));
        let title = say_with(request.language, "figures.of", &name);
        let page = Frame::new(request, title).with_notes(&answer.notes);
        let view = FiguresView {
            name_link: entity_link(&page, Some(&entity), fact("kind") == "company"),
            all_link: request.link(&format!("/figures/{entity}")),
            is_narrowed: request.text("metric").is_some() || request.text("period").is_some(),
            n_more: rows.len().saturating_sub(N_LINES),
            lines: rows.iter().take(N_LINES).map(|row| FigureLine::new(row, request, &page)).collect(),
            note: say(request.language, "figures.note"),
            name,
            page: &page,
        };
        Ok(view.render()?)
    }
}

#[derive(Template)]
#[template(path = "figures.html")]
struct FiguresView<'a> {
    page: &'a Frame,
    name: String,
    name_link: String,
    all_link: String,
    note: &'a str,
    is_narrowed: bool,
    n_more: usize,
    lines: Vec<FigureLine>,
}
