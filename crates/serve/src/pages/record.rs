//! `/record`: what was called, when, by whom, and what came of it.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, RecordQuestion};
use crowsnest_run::Bin;
use crowsnest_run::diagrams::{self, Curve, Words};
use serde::Deserialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::pages::metric_label;
use crate::request::PageRequest;
use crate::rows::entity_link;
use crate::words::say;

const N_ROWS: usize = 200;
const N_ROWS_MAX: usize = 100_000;

pub(crate) struct Record;

#[derive(Debug, Deserialize)]
struct Row {
    entity: String,
    name: String,
    metric: String,
    period: String,
    probability: f64,
    came: Option<f64>,
    evidence: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Score {
    by: String,
    n_calls: i64,
    n_settled: i64,
    n_hits: i64,
    said: Option<f64>,
    came: Option<f64>,
    brier: Option<f64>,
}

struct ScoreLine {
    by: String,
    counts: [String; 3],
    said: String,
    came: String,
    brier: String,
}

struct Line {
    name: String,
    link: String,
    metric: String,
    period: String,
    by: String,
    said: String,
    came: &'static str,
}

#[async_trait]
impl Page for Record {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = ask(request).await?;
        let page = Frame::new(request, say(request.language, "record.title")).with_notes(&answer.notes);
        let rows: Vec<Row> = answer.rows_as()?;
        let scores: Vec<Score> = fact(&answer, "scores");
        let view = RecordView {
            diagrams: diagrams(&answer, request),
            scores: scores.iter().map(score_line).collect(),
            lines: rows.iter().map(|row| line(row, request, &page)).collect(),
            page: &page,
        };
        Ok(view.render()?)
    }
}

/// What was said against what came, and precision by place, where enough has settled.
fn diagrams(answer: &Answer, request: &PageRequest) -> Vec<String> {
    let words = |title: &str, across: &str, up: &str, reference: &str| Words {
        title: say(request.language, title).to_owned(),
        across: say(request.language, across).to_owned(),
        up: say(request.language, up).to_owned(),
        reference: say(request.language, reference).to_owned(),
        is_file: false,
    };
    let bins: Vec<Bin> = fact(answer, "reliability");
    let curves: Vec<Curve> = fact(answer, "precision");
    let mut drawn = Vec::new();
    if !bins.is_empty() {
        let words = words("record.reliability", "record.said_share", "record.came_share", "record.as_said");
        drawn.push(diagrams::reliability(&bins, &words));
    }
    if !curves.is_empty() {
        let n: usize = bins.iter().map(|bin| bin.n).sum();
        let hits: f64 = bins.iter().map(|bin| bin.came * bin.n as f64).sum();
        let words = words("record.precision", "record.first", "record.came_share", "record.all_calls");
        drawn.push(diagrams::precision(&curves, hits / n.max(1) as f64, &words));
    }
    drawn
}

fn fact<T: serde::de::DeserializeOwned>(answer: &Answer, name: &str) -> Vec<T> {
    answer.facts.get(name).cloned().and_then(|fact| serde_json::from_value(fact).ok()).unwrap_or_default()
}

async fn ask(request: &PageRequest) -> Result<Answer, ServeError> {
    let question = RecordQuestion {
        metric: request.text("metric"),
        limit: request.number("limit", N_ROWS, N_ROWS_MAX)?,
        as_of: request.as_of,
        language: request.question_language(),
    };
    request.ask(questions::record(&request.lake, &question)).await
}

fn score_line(score: &Score) -> ScoreLine {
    let percent = |share: Option<f64>| share.map(numbers::percent).unwrap_or_default();
    ScoreLine {
        by: score.by.clone(),
        counts: [score.n_calls, score.n_settled, score.n_hits].map(numbers::count),
        said: percent(score.said),
        came: percent(score.came),
        brier: score.brier.map(|brier| format!("{brier:.3}")).unwrap_or_default(),
    }
}

fn line(row: &Row, request: &PageRequest, page: &Frame) -> Line {
    let evidence: serde_json::Value =
        row.evidence.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let came = match row.came {
        Some(came) if came > 0.5 => "record.hit",
        Some(_) => "record.miss",
        None => "record.open",
    };
    Line {
        name: row.name.clone(),
        link: entity_link(page, Some(&row.entity), false),
        metric: metric_label(request, &row.metric),
        period: numbers::period(&row.period, request.language),
        by: evidence["by"].as_str().unwrap_or_default().to_owned(),
        said: numbers::percent(row.probability),
        came,
    }
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordView<'a> {
    page: &'a Frame,
    diagrams: Vec<String>,
    scores: Vec<ScoreLine>,
    lines: Vec<Line>,
}
