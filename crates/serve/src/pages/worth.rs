//! `/sources/worth`: what each source is worth: what it alone tells, how early, how it counts, and figures without it.

use std::sync::Arc;

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::{Answer, LakeError, Language};
use crowsnest_run::{ReconcileError, ReconcileRequest, Worth, worth};
use futures::FutureExt as _;

use super::metric_label;
use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::runs::source_link;
use crate::words::{say, say_note, say_source};

pub(crate) struct SourcesWorth;

const FIELDS: &[(&str, Holds)] = &[
    ("source", Holds::Text),
    ("metric", Holds::Text),
    ("n_claims", Holds::Count),
    ("only_share", Holds::Number),
    ("days_ahead", Holds::Number),
    ("bias", Holds::Number),
    ("noise", Holds::Number),
    ("figures_lost", Holds::Number),
    ("own_lost", Holds::Number),
    ("wider_without", Holds::Number),
    ("moved_without", Holds::Number),
    ("price", Holds::Text),
    ("price_per_figure", Holds::Number),
    ("recommendation", Holds::Text),
];

/// The answer, found once per state of the lake. A source that may not be passed on is left out where others may look.
async fn ask(request: &PageRequest) -> Result<Answer, ServeError> {
    let question = ReconcileRequest {
        metric: request.text("metric"),
        as_of: request.as_of,
        is_whole: false,
        now: jiff::Timestamp::now().as_microsecond(),
    };
    let key = format!("worth {:?} {:?}", question.metric, question.as_of);
    let (lake, shared) = (request.lake.clone(), Arc::clone(&request.shared));
    let asked = async move {
        let found = match worth(&lake, &question).await {
            Ok(found) => found,
            Err(ReconcileError::Lake(error)) => return Err(error.into()),
            Err(error) => {
                let hint = error.hint().unwrap_or_default();
                return Err(LakeError::BadQuestion { message: error.to_string(), hint }.into());
            }
        };
        shared.may_show(own_rows::answer(FIELDS, &found)?)
    };
    request.find_once(key, asked.boxed()).await
}

struct WorthLine {
    source: String,
    link: String,
    metric: String,
    n_claims: String,
    only: String,
    ahead: String,
    bias: String,
    noise: String,
    lost: String,
    wider: String,
    price: String,
    per_figure: String,
    advice: String,
}

impl WorthLine {
    fn new(worth: &Worth, request: &PageRequest, page: &Frame) -> Self {
        Self {
            source: say_source(page.language(), &worth.source),
            link: source_link(page, &worth.source),
            metric: metric_label(request, &worth.metric),
            n_claims: numbers::count(worth.n_claims as i64),
            only: numbers::percent(worth.only_share),
            ahead: worth.days_ahead.map(|days| format!("{days:+.0}")).unwrap_or_default(),
            bias: format!("×{:.2}", worth.bias),
            noise: numbers::percent(worth.noise),
            lost: numbers::percent(worth.own_lost),
            wider: numbers::percent(worth.wider_without.max(0.0)),
            price: worth.price.clone(),
            per_figure: worth.price_per_figure.map(|price| format!("{price:.2}")).unwrap_or_default(),
            advice: advice(&worth.recommendation, page.language()),
        }
    }
}

/// The recommendation in the visitor's language; how much earlier others are is a sentence within it.
fn advice(recommendation: &str, language: Language) -> String {
    let said = say_note(language, recommendation);
    if language == Language::En {
        return said;
    }
    let phrases =
        [("at the same time", "worth.same_time"), (" days earlier", "worth.earlier"), (" days later", "worth.later")];
    phrases.iter().fold(said, |said, (english, key)| said.replace(english, say(language, key)))
}

#[async_trait]
impl Page for SourcesWorth {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        ask(request).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let answer = ask(request).await?;
        let mut rows: Vec<Worth> = answer.rows_as()?;
        rows.sort_by(|a, b| b.n_claims.cmp(&a.n_claims).then_with(|| a.source.cmp(&b.source)));
        let page = Frame::new(request, say(request.language, "worth.title")).with_notes(&answer.notes);
        let lines = rows.iter().map(|row| WorthLine::new(row, request, &page)).collect();
        Ok(WorthView { page: &page, lines }.render()?)
    }
}

#[derive(Template)]
#[template(path = "worth.html")]
struct WorthView<'a> {
    page: &'a Frame,
    lines: Vec<WorthLine>,
}
