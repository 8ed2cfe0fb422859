//! `/match?name=…`: whose name a name is, with how probable it is and why.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::own_rows;
use crowsnest_lake::{Answer, Language};
use crowsnest_model::Kind;
use crowsnest_run::{MATCH_FIELDS, NameMatch, name_matches};

use crate::ServeError;
use crate::frame::Frame;
use crate::names::NAME_CHARACTERS_MAX;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::entity_link;
use crate::words::{say, say_word};

const N_ROWS: usize = 5;
const N_ROWS_MAX: usize = 50;

pub(crate) struct Matching;

#[async_trait]
impl Page for Matching {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        Ok(own_rows::answer(MATCH_FIELDS, &ask(request).await?)?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let rows = ask(request).await?;
        let page = Frame::new(request, say(request.language, "match.title"));
        let view = MatchView {
            lines: rows.iter().map(|row| MatchLine::new(row, &page, request.language)).collect(),
            page: &page,
            name: request.get("name").unwrap_or_default(),
        };
        Ok(view.render()?)
    }
}

async fn ask(request: &PageRequest) -> Result<Vec<NameMatch>, ServeError> {
    let Some(name) = request.text("name") else { return Ok(Vec::new()) };
    if name.chars().count() > NAME_CHARACTERS_MAX {
        return Err(ServeError::BadRequest {
            message: format!("name: more than {NAME_CHARACTERS_MAX} characters"),
            hint: "ask for one name".to_owned(),
        });
    }
    let kinds = match request.text("kind") {
        None => Vec::new(),
        Some(kind) => vec![kind.parse::<Kind>().map_err(|error| ServeError::BadRequest {
            message: format!("kind: {error}"),
            hint: "say product, company or segment".to_owned(),
        })?],
    };
    found(request, &name, &kinds, request.number("limit", N_ROWS, N_ROWS_MAX)?).await
}

/// The candidates for a name; of some kinds only, where any are named.
pub(crate) async fn found(
    request: &PageRequest,
    name: &str,
    kinds: &[Kind],
    limit: usize,
) -> Result<Vec<NameMatch>, ServeError> {
    let index = request.shared.names.of(&request.lake).await?;
    Ok(name_matches(&index, &request.lake.identity(), name, kinds, limit, request.language))
}

struct MatchLine {
    name: String,
    name_link: String,
    kind: String,
    company: String,
    score: String,
    is_match: bool,
    by_name: String,
    why: String,
}

impl MatchLine {
    fn new(row: &NameMatch, page: &Frame, language: Language) -> Self {
        Self {
            name: row.name.clone(),
            name_link: entity_link(page, Some(&row.entity), row.kind == "company"),
            kind: say_word(language, "kind", &row.kind),
            company: row.company.clone().unwrap_or_default(),
            score: format!("{:.0} %", row.score * 100.0),
            is_match: row.is_match,
            by_name: row.by_name.clone(),
            why: row.why.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "match.html")]
struct MatchView<'a> {
    page: &'a Frame,
    lines: Vec<MatchLine>,
    name: &'a str,
}
