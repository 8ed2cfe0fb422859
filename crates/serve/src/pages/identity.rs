//! `/identity/…`: what ties an entity together: who writes its names, what people and the catalogue said of them; for
//! editors, the forms to say otherwise.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::questions::{self, NamesQuestion};
use crowsnest_lake::state::people::Role;
use crowsnest_lake::{Answer, Entity};
use serde::Deserialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::words::{say, say_source, say_word};

/// Names shown, and names in the data.
const N_NAMES: usize = 500;
const N_NAMES_MAX: usize = 100_000;
const N_DECISIONS: usize = 50;

pub(crate) struct IdentityPage;

#[derive(Debug, Deserialize)]
struct NameRow {
    name: String,
    source: String,
    native_id: Option<String>,
    developer: Option<String>,
    known_at: String,
}

#[derive(Debug, Deserialize)]
struct DecisionRow {
    known_at: String,
    by: String,
    what: String,
    one: String,
    other: String,
    why: Option<String>,
}

fn entity_of(request: &PageRequest) -> Result<Entity, ServeError> {
    Ok(request.lake.identity().find(&request.parameter, None)?.clone())
}

#[async_trait]
impl Page for IdentityPage {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let question = NamesQuestion { name: request.parameter.clone(), limit: Some(N_NAMES_MAX) };
        request.ask(questions::names(&request.lake, &question)).await
    }

    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let entity = entity_of(request)?;
        let language = request.language;
        let of = |limit| NamesQuestion { name: entity.hex(), limit: Some(limit) };
        let (of_names, of_decisions) = (of(N_NAMES), of(N_DECISIONS));
        let (written, decided) = futures::try_join!(
            request.ask(questions::names(&request.lake, &of_names)),
            request.ask(questions::decided(&request.lake, &of_decisions))
        )?;
        let (written, decided): (Vec<NameRow>, Vec<DecisionRow>) = (written.rows_as()?, decided.rows_as()?);
        let title = format!("{}: {}", entity.name(language), say(language, "identity.title"));
        let page = Frame::new(request, title);
        let folder = if entity.kind == crowsnest_model::Kind::Company { "company" } else { "product" };
        // Beyond those who may read all, what was decided quotes names that sources may not pass on.
        let may_read_all = !request.shared.is_shared || request.shared.kept_back.is_empty();
        let may_edit = request.caller.role >= Role::Editor && request.as_of.is_none() && !request.form_token.is_empty();
        let view = IdentityView {
            entity: entity.hex(),
            kind: entity.kind.as_str(),
            kind_label: say_word(language, "kind", entity.kind.as_str()),
            link: page.link(&format!("/{folder}/{}", entity.hex())),
            is_catalogued: entity.is_catalogued,
            did: did(request),
            choices: choices(&written),
            sources: sources(&written),
            names: written.iter().map(|row| NameLine::new(row, request)).collect(),
            decisions: if may_read_all {
                decided.iter().map(|row| Line::new(row, request)).collect()
            } else {
                Vec::new()
            },
            may_edit,
            page: &page,
        };
        Ok(view.render()?)
    }
}

/// What was done a moment ago, in words.
fn did(request: &PageRequest) -> &'static str {
    let key = match request.get("did") {
        Some("merge") => "did.merge",
        Some("split") => "did.split",
        Some("rename") => "did.rename",
        Some("undone") => "did.undone",
        Some("nothing") => "did.nothing",
        _ => return "",
    };
    crate::words::find(request.language, key).unwrap_or_default()
}

fn choices(names: &[NameRow]) -> Vec<String> {
    let mut choices: Vec<String> = names.iter().map(|row| row.name.clone()).collect();
    choices.sort();
    choices.dedup();
    choices
}

fn sources(names: &[NameRow]) -> Vec<String> {
    let mut sources: Vec<String> = names.iter().map(|row| row.source.clone()).collect();
    sources.sort();
    sources.dedup();
    sources
}

struct NameLine {
    name: String,
    source: String,
    id: String,
    developer: String,
    known: String,
}

impl NameLine {
    fn new(row: &NameRow, request: &PageRequest) -> Self {
        Self {
            name: row.name.clone(),
            source: say_source(request.language, &row.source),
            id: row.native_id.clone().unwrap_or_default(),
            developer: row.developer.clone().unwrap_or_default(),
            known: numbers::day(&row.known_at).to_owned(),
        }
    }
}

struct Line {
    at: String,
    by: String,
    what: String,
    left: String,
    right: String,
    why: String,
    address: String,
}

impl Line {
    fn new(row: &DecisionRow, request: &PageRequest) -> Self {
        Self {
            at: row.known_at.get(..16).unwrap_or(&row.known_at).replace('T', " "),
            by: row.by.clone(),
            what: say(request.language, &format!("decided.{}", row.what)).to_owned(),
            left: row.one.clone(),
            right: row.other.clone(),
            why: row.why.clone().unwrap_or_default(),
            address: crate::rows::web_address(row.why.as_deref()),
        }
    }
}

#[derive(Template)]
#[template(path = "identity.html")]
struct IdentityView<'a> {
    page: &'a Frame,
    entity: String,
    kind: &'static str,
    kind_label: String,
    link: String,
    is_catalogued: bool,
    did: &'static str,
    names: Vec<NameLine>,
    choices: Vec<String>,
    sources: Vec<String>,
    decisions: Vec<Line>,
    may_edit: bool,
}
