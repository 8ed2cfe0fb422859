//! `/palette`: where one can go and what keys do, as a page; the same rows are what the command palette searches.

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::own_rows::{self, Holds};
use serde::Serialize;

use super::league::ask_metrics;
use super::metric_label;
use crate::ServeError;
use crate::frame::Frame;
use crate::page::Page;
use crate::palette::{PLACES, is_for_analysts};
use crate::request::PageRequest;
use crate::views;
use crate::words::say;

pub(crate) struct Palette;

/// A line of the palette.
#[derive(Debug, Serialize)]
struct Row {
    /// `pages`, `views`, `metrics` or `keys`.
    group: &'static str,
    /// What the group is called.
    title: String,
    label: String,
    address: Option<String>,
    /// What to press, with blanks between.
    key: Option<String>,
}

const FIELDS: &[(&str, Holds)] = &[
    ("group", Holds::Text),
    ("title", Holds::Text),
    ("label", Holds::Text),
    ("address", Holds::Text),
    ("key", Holds::Text),
];

/// Keys that do something on every page, with their phrases.
const KEYS: [(&str, &str); 5] = [
    ("Ctrl K", "palette.key.palette"),
    ("⌘ K", "palette.key.palette"),
    ("/", "palette.key.search"),
    (".", "palette.key.as_of"),
    ("?", "palette.key.keys"),
];

async fn rows(request: &PageRequest) -> Result<Vec<Row>, ServeError> {
    let language = request.language;
    let row = |group: &'static str, label: String, address: Option<String>, key: Option<String>| {
        let title = match group {
            "pages" => "palette.pages",
            "views" => "views.title",
            "metrics" => "palette.metrics",
            _ => "palette.keys",
        };
        Row { group, title: say(language, title).to_owned(), label, address, key }
    };
    let places = PLACES.iter().filter(|place| !request.shared.is_shared || !is_for_analysts(place.path));
    let mut rows: Vec<Row> = places
        .map(|place| {
            let key = (!place.letter.is_empty()).then(|| format!("g {}", place.letter));
            row("pages", say(language, place.key).to_owned(), Some(request.link(place.path)), key)
        })
        .collect();
    for view in views::own(request)? {
        rows.push(row("views", view.name, Some(view.address), None));
    }
    for metric in ask_metrics(request).await? {
        let address = request.link(&format!("/league?metric={}", metric.metric));
        rows.push(row("metrics", metric_label(request, &metric.metric), Some(address), None));
    }
    let keys = KEYS.into_iter();
    rows.extend(keys.map(|(key, phrase)| row("keys", say(language, phrase).to_owned(), None, Some(key.to_owned()))));
    Ok(rows)
}

#[async_trait]
impl Page for Palette {
    /// Saved views are the visitor's own.
    fn is_of_the_moment(&self) -> bool {
        true
    }

    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        Ok(own_rows::answer(FIELDS, &rows(request).await?)?)
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        let page = Frame::new(request, say(request.language, "palette.title"));
        let mut groups: Vec<Group> = Vec::new();
        for row in rows(request).await? {
            match groups.last_mut().filter(|group| group.title == row.title) {
                Some(group) => group.rows.push(row),
                None => groups.push(Group { title: row.title.clone(), rows: vec![row] }),
            }
        }
        Ok(PaletteView { groups, page: &page }.render()?)
    }
}

struct Group {
    title: String,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "palette.html")]
struct PaletteView<'a> {
    page: &'a Frame,
    groups: Vec<Group>,
}
