//! `/audit`: who changed what, when, and by which way; for admins.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::AuditLine;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::words::{find, say};

const N_LINES: usize = 200;
const N_LINES_MAX: usize = 100_000;

pub(crate) struct Audit;

const FIELDS: &[(&str, Holds)] = &[
    ("at", Holds::Instant),
    ("who", Holds::Text),
    ("action", Holds::Text),
    ("what", Holds::Text),
    ("via", Holds::Text),
];

fn lines(request: &PageRequest) -> Result<Vec<AuditLine>, ServeError> {
    let limit = request.number("limit", N_LINES, N_LINES_MAX)?;
    Ok(request.lake.state().audit_lines(request.get("by"), limit)?)
}

#[async_trait]
impl Page for Audit {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        Ok(own_rows::answer(FIELDS, &lines(request)?)?)
    }

    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let page = Frame::new(request, say(request.language, "audit.title"));
        let by = request.get("by").unwrap_or_default();
        let shown = lines(request)?.into_iter().map(|line| Line::new(line, &page)).collect();
        Ok(AuditView { page: &page, by, lines: shown }.render()?)
    }
}

struct Line {
    at: String,
    who: String,
    who_link: String,
    action: String,
    what: String,
    via: String,
}

impl Line {
    fn new(line: AuditLine, page: &Frame) -> Self {
        let mut who_link = "/audit".to_owned();
        crate::request::push_query(&mut who_link, "by", &line.who);
        let word = |group: &str, word: &str| {
            find(page.language(), &format!("{group}.{word}")).map_or_else(|| word.to_owned(), str::to_owned)
        };
        Self {
            at: numbers::minute(line.at),
            who_link: page.link(&who_link),
            action: word("action", &line.action),
            via: word("via", &line.via),
            who: line.who,
            what: line.what,
        }
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditView<'a> {
    page: &'a Frame,
    by: &'a str,
    lines: Vec<Line>,
}
