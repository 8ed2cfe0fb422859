//! `/sources`: who provides data, how much of it, on which terms; and how collecting it goes.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::questions::{self, SourcesQuestion};
use crowsnest_lake::{Answer, own_rows};
use crowsnest_run::{SOURCE_FIELDS, SourceState, source_states_of};
use futures::FutureExt as _;

use super::source_view::{CollectedLine, collected_line};
use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::rows::web_address;
use crate::runs::{self, source_link};
use crate::words::{say, say_source};

pub(crate) struct Sources;

struct SourceLine {
    source: String,
    link: String,
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
    fn new(state: &SourceState, page: &Frame) -> Self {
        let day = |instant: Option<i64>| instant.map(numbers::minute).unwrap_or_default();
        let counts = [state.n_claims, state.n_events, state.n_mentions, state.n_metrics, state.n_documents];
        Self {
            first: numbers::day(&day(state.first_known_at)).to_owned(),
            latest: numbers::day(&day(state.latest_known_at)).to_owned(),
            homepage: web_address(Some(&state.homepage)),
            counts: counts.map(|n| if n > 0 { numbers::count(n) } else { String::new() }),
            note: state.note.clone(),
            licence: state.licence.clone(),
            may_pass_on: state.redistribute,
            price: state.price.clone(),
            source: say_source(page.language(), &state.source),
            link: source_link(page, &state.source),
        }
    }
}

/// The sources as they are at this moment; what each gave is asked for once per state of the lake.
async fn ask(request: &PageRequest, now: i64) -> Result<Vec<SourceState>, ServeError> {
    let question = SourcesQuestion { as_of: request.as_of };
    // Its answer has the sources' names and terms only, which may be told of every source.
    let (lake, key) = (request.lake.clone(), format!("{question:?}"));
    let answer = request.find_once(key, async move { Ok(questions::sources(&lake, &question).await?) }.boxed());
    Ok(runs::for_everybody(source_states_of(&request.lake, &answer.await?, now)?, request))
}

/// The state of one source, by its name.
pub(crate) async fn ask_one(request: &PageRequest, name: &str, now: i64) -> Result<Option<SourceState>, ServeError> {
    let states = ask(request, now).await?;
    Ok(states.into_iter().find(|state| state.source == name))
}

#[async_trait]
impl Page for Sources {
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        let states = ask(request, jiff::Timestamp::now().as_microsecond()).await?;
        let has_collected = states.iter().any(|state| !state.connector.is_empty());
        let answer = own_rows::answer(SOURCE_FIELDS, &states)?;
        Ok(runs::with_note(answer, request.shared.is_shared && has_collected))
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let states = ask(request, jiff::Timestamp::now().as_microsecond()).await?;
        let mut page = Frame::new(request, say(request.language, "sources.title"));
        // How collecting goes is of now: it says nothing of the day that is looked back from.
        let is_collected = |state: &&SourceState| !state.connector.is_empty() && request.as_of.is_none();
        let collected: Vec<CollectedLine> =
            states.iter().filter(is_collected).map(|state| collected_line(state, &page)).collect();
        if page.is_shared() && !collected.is_empty() {
            page = page.with_notes(&[runs::LEFT_OUT.to_owned()]);
        }
        let lines = states.iter().map(|state| SourceLine::new(state, &page)).collect();
        Ok(SourcesView { page: &page, collected, lines }.render()?)
    }
}

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesView<'a> {
    page: &'a Frame,
    collected: Vec<CollectedLine>,
    lines: Vec<SourceLine>,
}
