//! `/breakouts`: the products that are likeliest to multiply, each with why.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, BreakoutsQuestion};
use serde::Deserialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::pages::metric_label;
use crate::request::PageRequest;
use crate::rows::entity_link;
use crate::words::say;

const N_ROWS: usize = 50;
const N_ROWS_MAX: usize = 10_000;

pub(crate) struct Breakouts;

#[derive(Debug, Deserialize)]
struct Row {
    entity: String,
    name: String,
    metric: String,
    period: String,
    probability: f64,
    low: Option<f64>,
    high: Option<f64>,
    expected: Option<f64>,
    evidence: Option<String>,
}

struct Line {
    name: String,
    link: String,
    metric: String,
    period: String,
    probability: String,
    interval: String,
    expected: String,
    facts: String,
    /// What else is told: how it is called, and what.
    more: Vec<(&'static str, String)>,
}

#[async_trait]
impl Page for Breakouts {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = ask(request).await?;
        let page = Frame::new(request, say(request.language, "breakouts.title")).with_notes(&answer.notes);
        let rows: Vec<Row> = answer.rows_as()?;
        let view = BreakoutsView { lines: rows.iter().map(|row| line(row, request, &page)).collect(), page: &page };
        Ok(view.render()?)
    }
}

async fn ask(request: &PageRequest) -> Result<Answer, ServeError> {
    let question = BreakoutsQuestion {
        metric: request.text("metric"),
        prize: if request.get("by") == Some("prize") { 0.3 } else { 0.0 },
        least: None,
        segment: request.text("segment"),
        region: request.text("region"),
        age_max: match request.number("age_max", usize::MAX, usize::MAX)? {
            usize::MAX => None,
            periods => Some(periods),
        },
        limit: request.number("limit", N_ROWS, N_ROWS_MAX)?,
        as_of: request.as_of,
        language: request.question_language(),
    };
    request.ask(questions::breakouts(&request.lake, &question)).await
}

fn line(row: &Row, request: &PageRequest, page: &Frame) -> Line {
    let interval = match (row.low, row.high) {
        (Some(low), Some(high)) => format!("{} – {}", numbers::percent(low), numbers::percent(high)),
        _ => String::new(),
    };
    let evidence: serde_json::Value =
        row.evidence.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let list = |name: &str| -> Vec<String> {
        let told = evidence[name].as_array().into_iter().flatten();
        told.filter_map(|one| match (one.as_str(), one["name"].as_str(), one["period"].as_str()) {
            (Some(fact), _, _) => Some(fact.to_owned()),
            (_, Some(name), Some(period)) => Some(format!("{name} ({})", numbers::period(period, request.language))),
            _ => None,
        })
        .collect()
    };
    let more = [
        ("breakouts.confirming", list("confirming").join("; ")),
        ("breakouts.against", list("against").join("; ")),
        ("breakouts.made_it", list("made_it").join(", ")),
        ("breakouts.did_not", list("did_not").join(", ")),
    ];
    Line {
        name: row.name.clone(),
        link: entity_link(page, Some(&row.entity), false),
        metric: metric_label(request, &row.metric),
        period: numbers::period(&row.period, request.language),
        probability: numbers::percent(row.probability),
        interval,
        expected: row.expected.map(|level| numbers::compact(level, request.language)).unwrap_or_default(),
        facts: list("facts").join("; "),
        more: more.into_iter().filter(|(_, told)| !told.is_empty()).collect(),
    }
}

#[derive(Template)]
#[template(path = "breakouts.html")]
struct BreakoutsView<'a> {
    page: &'a Frame,
    lines: Vec<Line>,
}
