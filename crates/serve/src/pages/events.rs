//! `/events`: what is said to have happened, as stories: a rumour, its denial and its confirmation side by side.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, EventsQuestion};

use crate::ServeError;
use crate::frame::{Choice, Frame};
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::{EventRow, Story, stories};
use crate::words::{say, say_word};

const N_EVENTS: usize = 500;

pub(crate) struct Events;

#[async_trait]
impl Page for Events {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request, request.text("event")).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        // All kinds are asked for, so that the picker can offer those that exist.
        let answer = ask(request, None).await?;
        let mut rows: Vec<EventRow> = answer.rows_as()?;
        let mut known: Vec<String> = rows.iter().map(|row| row.event.clone()).collect();
        known.sort_unstable();
        known.dedup();
        let wanted = request.get("event").unwrap_or_default();
        rows.retain(|row| wanted.is_empty() || row.event == wanted);
        let mut kinds = vec![choice(request, "", say(request.language, "events.all").to_owned())];
        kinds.extend(known.iter().map(|event| choice(request, event, say_word(request.language, "event", event))));
        let page = Frame::new(request, say(request.language, "events.title")).with_notes(&answer.notes);
        let view = EventsView { stories: stories(rows, &page), page: &page, kinds };
        Ok(view.render()?)
    }
}

async fn ask(request: &PageRequest, event: Option<String>) -> Result<Answer, ServeError> {
    let question = EventsQuestion {
        name: request.text("name"),
        event,
        source: request.text("source"),
        status: request.text("status"),
        limit: Some(request.number("limit", N_EVENTS, 100_000)?),
        as_of: request.as_of,
        language: request.question_language(),
        ..EventsQuestion::default()
    };
    request.ask(questions::events(&request.lake, &question)).await
}

fn choice(request: &PageRequest, value: &str, label: String) -> Choice {
    Choice {
        label,
        value: value.to_owned(),
        address: request.same_page_with(&[("event", value)]),
        is_current: request.get("event").unwrap_or_default() == value,
    }
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsView<'a> {
    page: &'a Frame,
    stories: Vec<Story>,
    kinds: Vec<Choice>,
}
