//! `/loop`: what became of calls: the direction, the plan, the experiment, the outcome, with dates.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, LoopQuestion};
use serde::Deserialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::pages::plans::{only_owner, plan_link};
use crate::request::PageRequest;
use crate::rows::entity_link;
use crate::words::{say, say_note, say_word};

const N_OPEN: usize = 10;
const N_OPEN_MAX: usize = 1_000;

pub(crate) struct Loop;

#[derive(Debug, Deserialize)]
struct Row {
    thread: String,
    step: String,
    at: Option<String>,
    name: String,
    entity: Option<String>,
    plan: Option<String>,
    value: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    said: Option<String>,
}

/// One step of a thread.
struct Step {
    kind: String,
    day: String,
    name: String,
    link: String,
    value: String,
    said: String,
}

/// What belongs together.
struct Thread {
    title: String,
    id: String,
    is_open: bool,
    steps: Vec<Step>,
}

#[async_trait]
impl Page for Loop {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = ask(request).await?;
        let page = Frame::new(request, say(request.language, "loop.title")).with_notes(&answer.notes);
        let mut threads: Vec<Thread> = Vec::new();
        let mut last = String::new();
        for row in answer.rows_as::<Row>()? {
            if row.thread != last {
                last.clone_from(&row.thread);
                threads.push(Thread {
                    title: row.name.clone(),
                    id: if row.step == "call" { row.thread.clone() } else { String::new() },
                    is_open: true,
                    steps: Vec::new(),
                });
            }
            if let Some(thread) = threads.last_mut() {
                thread.is_open &= matches!(row.step.as_str(), "call" | "came");
                thread.steps.push(step(&row, &page));
            }
        }
        let (open, begun): (Vec<Thread>, Vec<Thread>) = threads.into_iter().partition(|thread| thread.is_open);
        Ok(LoopView { page: &page, begun, open }.render()?)
    }
}

async fn ask(request: &PageRequest) -> Result<Answer, ServeError> {
    only_owner(request)?;
    let question = LoopQuestion {
        n_open_calls: request.number("open", N_OPEN, N_OPEN_MAX)?,
        as_of: request.as_of,
        language: request.question_language(),
    };
    request.ask(questions::the_loop(&request.lake, &question)).await
}

fn step(row: &Row, page: &Frame) -> Step {
    let language = page.language();
    let figure = |value: f64| numbers::compact(value, language);
    let value = match (row.step.as_str(), row.value) {
        ("call", Some(probability)) => numbers::percent(probability),
        ("came", Some(came)) => say(language, if came > 0.5 { "record.hit" } else { "record.miss" }).to_owned(),
        (_, Some(value)) => match (row.low, row.high) {
            (Some(low), Some(high)) => format!("{} ({} – {})", figure(value), figure(low), figure(high)),
            _ => figure(value),
        },
        _ => String::new(),
    };
    Step {
        kind: say_word(language, "loop.step", &row.step),
        day: row.at.as_deref().map(numbers::day).unwrap_or_default().to_owned(),
        name: row.name.clone(),
        link: match (&row.plan, &row.entity) {
            (Some(plan), _) => plan_link(page, plan),
            (None, Some(entity)) => entity_link(page, Some(entity), false),
            _ => String::new(),
        },
        value,
        said: row.said.as_deref().map(|said| say_note(language, said)).unwrap_or_default(),
    }
}

#[derive(Template)]
#[template(path = "loop.html")]
struct LoopView<'a> {
    page: &'a Frame,
    begun: Vec<Thread>,
    open: Vec<Thread>,
}
