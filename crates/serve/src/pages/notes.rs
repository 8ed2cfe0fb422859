//! `/notes/{entity}`: what people noted of a product, company or segment; for editors, forms to write a note and to withdraw one.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::noting::WORDS_MAX;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::notes::Note;
use crowsnest_lake::state::people::Role;
use crowsnest_model::Kind;

use super::metric_label;
use crate::ServeError;
use crate::frame::{Choice, Frame};
use crate::notes;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::entity_link;
use crate::words::{say, say_with};

pub(crate) struct Notes;

const FIELDS: &[(&str, Holds)] = &[
    ("id", Holds::Count),
    ("entity", Holds::Text),
    ("name", Holds::Text),
    ("metric", Holds::Text),
    ("day", Holds::Text),
    ("words", Holds::Text),
    ("by", Holds::Text),
    ("at", Holds::Instant),
];

/// A note in a table.
pub(crate) struct NoteLine {
    pub(crate) id: i64,
    pub(crate) day: String,
    pub(crate) metric: String,
    pub(crate) words: String,
    pub(crate) by: String,
    pub(crate) written: String,
}

impl NoteLine {
    pub(crate) fn new(note: &Note, request: &PageRequest) -> Self {
        Self {
            id: note.id,
            day: numbers::period(&note.day, request.language),
            metric: if note.metric.is_empty() { String::new() } else { metric_label(request, &note.metric) },
            words: note.words.clone(),
            by: note.by.clone(),
            written: numbers::minute(note.at),
        }
    }
}

/// The entity that the address names: its id, name and kind.
fn entity(request: &PageRequest) -> Result<(String, String, Kind), ServeError> {
    let identity = request.lake.identity();
    let entity = identity.find(&request.parameter, None)?;
    Ok((entity.hex(), entity.name(request.language).to_owned(), entity.kind))
}

#[async_trait]
impl Page for Notes {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let (entity, _, _) = entity(request)?;
        Ok(own_rows::answer(FIELDS, &notes::of(request, &entity)?)?)
    }

    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let (entity, name, kind) = entity(request)?;
        let page = Frame::new(request, say_with(request.language, "notes.of", &name));
        let asked = request.get("metric").unwrap_or_default();
        let metric = |metric: &crowsnest_model::Metric| Choice {
            label: metric_label(request, &metric.id),
            value: metric.id.clone(),
            address: String::new(),
            is_current: metric.id == asked,
        };
        let is_editor = request.caller.role >= Role::Editor;
        let view = NotesView {
            link: entity_link(&page, Some(&entity), kind == Kind::Company),
            can_write: is_editor && request.as_of.is_none() && !request.form_token.is_empty(),
            lines: notes::of(request, &entity)?.iter().map(|note| NoteLine::new(note, request)).collect(),
            metrics: request.lake.market().metrics.iter().map(metric).collect(),
            words_max: WORDS_MAX,
            did: match request.get("did") {
                Some("written") => say(request.language, "notes.did.written"),
                Some("withdrawn") => say(request.language, "notes.did.withdrawn"),
                _ => "",
            },
            entity,
            name,
            page: &page,
        };
        Ok(view.render()?)
    }
}

#[derive(Template)]
#[template(path = "notes.html")]
struct NotesView<'a> {
    page: &'a Frame,
    entity: String,
    name: String,
    link: String,
    can_write: bool,
    lines: Vec<NoteLine>,
    metrics: Vec<Choice>,
    words_max: usize,
    did: &'a str,
}
