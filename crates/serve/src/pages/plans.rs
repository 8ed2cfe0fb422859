//! `/plans`: what was planned, fitted and tried, the last made first.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, PlansQuestion};
use serde::Deserialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::words::{say, say_note, say_word};

const N_ROWS: usize = 100;
const N_ROWS_MAX: usize = 10_000;

pub(crate) struct Plans;

#[derive(Debug, Deserialize)]
struct Row {
    plan: String,
    kind: String,
    known_at: String,
    spend: Option<f64>,
    outcome: Option<f64>,
    q05: Option<f64>,
    q95: Option<f64>,
    direction: Option<String>,
    comes_from: Option<String>,
    note: Option<String>,
    n_versions: i64,
}

struct Line {
    name: String,
    link: String,
    kind: String,
    day: String,
    spend: String,
    outcome: String,
    interval: String,
    comes_from: String,
    note: String,
    n_versions: String,
}

/// Plans hold own figures and what is going to be done: they are the owner's, who sits at the machine.
pub(crate) fn only_owner(request: &PageRequest) -> Result<(), ServeError> {
    if request.shared.is_shared {
        return Err(ServeError::Forbidden("plans are shown on the owner's own machine only".to_owned()));
    }
    Ok(())
}

/// The address of a plan's page.
pub(crate) fn plan_link(page: &Frame, name: &str) -> String {
    let mut path = "/plans/".to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => path.push(byte as char),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    page.link(&path)
}

#[async_trait]
impl Page for Plans {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = ask(request).await?;
        let page = Frame::new(request, say(request.language, "plans.title")).with_notes(&answer.notes);
        let rows: Vec<Row> = answer.rows_as()?;
        let view = PlansView { lines: rows.iter().map(|row| line(row, &page)).collect(), page: &page };
        Ok(view.render()?)
    }
}

async fn ask(request: &PageRequest) -> Result<Answer, ServeError> {
    only_owner(request)?;
    let question = PlansQuestion {
        kind: request.text("kind"),
        limit: request.number("limit", N_ROWS, N_ROWS_MAX)?,
        as_of: request.as_of,
    };
    request.ask(questions::plans(&request.lake, &question)).await
}

fn line(row: &Row, page: &Frame) -> Line {
    let language = page.language();
    let figure = |value: Option<f64>| value.map(|value| numbers::compact(value, language)).unwrap_or_default();
    Line {
        name: row.plan.clone(),
        link: plan_link(page, &row.plan),
        kind: say_word(language, "plan.kind", &row.kind),
        day: numbers::day(&row.known_at).to_owned(),
        spend: figure(row.spend),
        outcome: figure(row.outcome),
        interval: match (row.q05, row.q95) {
            (Some(_), Some(_)) => format!("{} – {}", figure(row.q05), figure(row.q95)),
            _ => String::new(),
        },
        comes_from: row.comes_from.clone().or_else(|| row.direction.clone()).unwrap_or_default(),
        note: row.note.as_deref().map(|note| say_note(language, note)).unwrap_or_default(),
        n_versions: numbers::count(row.n_versions),
    }
}

#[derive(Template)]
#[template(path = "plans.html")]
struct PlansView<'a> {
    page: &'a Frame,
    lines: Vec<Line>,
}
