//! `/views`: the visitor's own names for pages, and forms to save one more and to remove one.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::own_rows::{self, Holds};

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::request::PageRequest;
use crate::views::{self, NAME_CHARACTERS_MAX};
use crate::words::say;

pub(crate) struct Views;

const FIELDS: &[(&str, Holds)] = &[("name", Holds::Text), ("address", Holds::Text), ("saved_at", Holds::Instant)];

struct ViewLine {
    name: String,
    address: String,
    saved: String,
}

#[async_trait]
impl Page for Views {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        Ok(own_rows::answer(FIELDS, &views::own(request)?)?)
    }

    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let page = Frame::new(request, say(request.language, "views.title"));
        let lines = views::own(request)?.into_iter().map(|view| ViewLine {
            name: view.name,
            address: view.address,
            saved: numbers::minute(view.saved_at),
        });
        let view = ViewsView {
            can_keep: views::can_keep(request) && !request.form_token.is_empty(),
            lines: lines.collect(),
            address: request.get("save").and_then(views::of_our_own).unwrap_or_default(),
            name_max: NAME_CHARACTERS_MAX,
            did: match request.get("did") {
                Some("saved") => say(request.language, "views.did.saved"),
                Some("removed") => say(request.language, "views.did.removed"),
                _ => "",
            },
            page: &page,
        };
        Ok(view.render()?)
    }
}

#[derive(Template)]
#[template(path = "views.html")]
struct ViewsView<'a> {
    page: &'a Frame,
    can_keep: bool,
    lines: Vec<ViewLine>,
    /// The page that is about to be saved; empty where none is.
    address: &'a str,
    name_max: usize,
    did: &'a str,
}
