//! `/sources`: who provides data, how much of it, and on which terms.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::questions::{self, SourcesQuestion};
use crowsnest_lake::{Answer, Language};
use serde::Deserialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::web_address;
use crate::words::{say, say_source};

pub(crate) struct Sources;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SourceRow {
    source: String,
    n_claims: Option<i64>,
    n_events: Option<i64>,
    n_mentions: Option<i64>,
    n_metrics: Option<i64>,
    n_documents: Option<i64>,
    first_known_at: Option<String>,
    latest_known_at: Option<String>,
    licence: Option<String>,
    redistribute: Option<bool>,
    price: Option<String>,
    homepage: Option<String>,
    note: Option<String>,
}

struct SourceLine {
    source: String,
    homepage: String,
    note: String,
    counts: [String; 5],
    first: String,
    latest: String,
    licence: String,
    may_pass_on: bool,
    price: String,
}

impl SourceLine {
    fn new(row: SourceRow, language: Language) -> Self {
        let day = |instant: &Option<String>| instant.as_deref().map(numbers::day).unwrap_or_default().to_owned();
        let counts = [row.n_claims, row.n_events, row.n_mentions, row.n_metrics, row.n_documents];
        Self {
            first: day(&row.first_known_at),
            latest: day(&row.latest_known_at),
            homepage: web_address(row.homepage.as_deref()),
            counts: counts.map(|n| n.filter(|n| *n > 0).map(numbers::count).unwrap_or_default()),
            note: row.note.unwrap_or_default(),
            licence: row.licence.unwrap_or_default(),
            may_pass_on: row.redistribute.unwrap_or(true),
            price: row.price.unwrap_or_default(),
            source: say_source(language, &row.source),
        }
    }
}

#[async_trait]
impl Page for Sources {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        // Not filtered by licence: that a source exists, and its terms, may be told.
        Ok(questions::sources(&request.lake, &SourcesQuestion { as_of: request.as_of }).await?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = self.answer(request).await?;
        let rows: Vec<SourceRow> = answer.rows_as()?;
        let page = Frame::new(request, say(request.language, "sources.title")).with_notes(&answer.notes);
        let lines = rows.into_iter().map(|row| SourceLine::new(row, request.language)).collect();
        let view = SourcesView { page: &page, lines };
        Ok(view.render()?)
    }
}

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesView<'a> {
    page: &'a Frame,
    lines: Vec<SourceLine>,
}
