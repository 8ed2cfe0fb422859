//! News by RSS, Atom or JSON Feed: a press room, a blog, releases, a search that is offered as a feed.
//!
//! An entry becomes an event for each subject that it names. The same entry in the next answer gives the same event, which
//! is in already; so does an entry that two feeds carry. Feeds hold only their last entries: fetch them often enough.
//! Headlines belong to their publishers; what is kept is the title, the link and the day.

use std::collections::BTreeSet;

use feed_rs::model::Entry;
use schemars::JsonSchema;
use scraper::Html;
use serde::Deserialize;

use super::html;
use super::mentioned::Watched;
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct Feed;

/// Which feeds, and whom to look for in them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Addresses of the feeds.
    urls: Vec<String>,
    /// Whom to look for in titles and summaries.
    #[serde(default)]
    watch: Vec<Watched>,
    /// Whom entries are about in which nobody is found: a company's own press room. Such entries are left out if not
    /// given.
    #[serde(default)]
    subject: Option<String>,
    /// Kind of that subject: product, company or segment.
    #[serde(default = "company")]
    kind: String,
    /// What the events are called.
    #[serde(default = "default_event")]
    event: String,
    /// How firmly it is said: `official` for a company's own press room, else `reported` or `rumoured`.
    #[serde(default = "default_status")]
    status: String,
    /// Whether summaries are searched, too, or titles alone.
    #[serde(default = "yes")]
    summaries: bool,
}

fn company() -> String {
    "company".into()
}

fn default_event() -> String {
    "news".into()
}

fn default_status() -> String {
    "reported".into()
}

fn yes() -> bool {
    true
}

/// Letters of a title that are kept.
const TITLE_CHARS_MAX: usize = 500;
/// Letters of a summary that are searched.
const SUMMARY_CHARS_MAX: usize = 20_000;

impl Connector for Feed {
    const SPEC: Spec = Spec {
        name: "feed",
        title: "News feed",
        doc: "Entries of RSS, Atom and JSON feeds as events of the companies and products that they name.",
        homepage: "https://validator.w3.org/feed/docs/",
        licence: "headlines are their publishers'; title, link and day are kept",
        redistribute: false,
        price: "free",
        freshness: "minutes to hours",
        requests_per_minute: 30.0,
        schedule: "*/30 * * * *",
        class: Class::Generic,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against feeds in the forms of RSS 2.0, Atom (RFC 4287) and JSON Feed 1.1, written for the \
                  cases; not against live feeds",
        example: "urls = [\"https://openai.com/news/rss.xml\"]\nsubject = \"OpenAI\"\nstatus = \"official\"",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.urls.is_empty() {
            return Err("name at least one feed in urls".into());
        }
        if options.watch.is_empty() && options.subject.is_none() {
            return Err("say in watch whom to look for, or in subject whom all entries are about".into());
        }
        if options.watch.iter().any(|watched| watched.name.trim().is_empty()) {
            return Err("watch has a subject without a name".into());
        }
        let mut requests = Vec::new();
        for url in &options.urls {
            let url = super::answers::address(url)?;
            requests.push(Request::get(url.to_string(), "feed", url));
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let parser = feed_rs::parser::Builder::new().base_uri(Some(page.url)).build();
        let feed = parser
            .parse(page.body)
            .map_err(|error| format!("the answer is not a feed, expected RSS, Atom or JSON Feed: {error}"))?;
        let mut parsed = Parsed::default();
        let mut taken = BTreeSet::new();
        for entry in &feed.entries {
            if taken.insert(entry.id.clone()) {
                add(options, entry, &mut parsed);
            }
        }
        Ok(parsed)
    }
}

/// Adds the events of an entry, one for each subject that it names.
fn add(options: &Options, entry: &Entry, parsed: &mut Parsed) {
    let title = entry.title.as_ref().map(|title| plain(&title.content)).unwrap_or_default();
    let summary = summary(entry);
    let text = if options.summaries { format!("{title}\n{summary}") } else { title.clone() };
    let found: Vec<(&str, &str)> = options
        .watch
        .iter()
        .filter(|watched| watched.is_in(&text))
        .map(|watched| (watched.name.as_str(), watched.kind.as_str()))
        .collect();
    let else_all = options.subject.as_deref().map(|subject| (subject, options.kind.as_str()));
    let subjects = if found.is_empty() { else_all.into_iter().collect() } else { found };
    if subjects.is_empty() {
        return;
    }
    let headline = if title.is_empty() { summary } else { title };
    if headline.is_empty() {
        parsed.problem("title", entry.id.as_str(), "a title or a summary");
        return;
    }
    let note: String = headline.chars().take(TITLE_CHARS_MAX).collect();
    let said_on = entry.published.or(entry.updated).and_then(|at| jiff::Timestamp::from_second(at.timestamp()).ok());
    for (subject, kind) in subjects {
        parsed.push([
            ("event", options.event.as_str().into()),
            ("subject", subject.into()),
            ("kind", kind.into()),
            ("note", note.as_str().into()),
            ("url", link(entry).into()),
            ("said_on", said_on.map(|at| at.to_string()).into()),
            ("status", options.status.as_str().into()),
            ("_entry", entry.id.as_str().into()),
        ]);
    }
}

/// The page of an entry; links to the feed itself or to a recording are not.
fn link(entry: &Entry) -> &str {
    let is_page = |rel: &Option<String>| rel.as_deref().is_none_or(|rel| rel == "alternate");
    let link = entry.links.iter().find(|link| is_page(&link.rel)).or(entry.links.first());
    link.map_or("", |link| link.href.as_str())
}

fn summary(entry: &Entry) -> String {
    let summary = entry.summary.as_ref().map(|summary| summary.content.as_str());
    let content = entry.content.as_ref().and_then(|content| content.body.as_deref());
    let text: String = summary.or(content).unwrap_or_default().chars().take(SUMMARY_CHARS_MAX).collect();
    plain(&text)
}

/// A text without the markup that feeds put into titles and summaries.
fn plain(text: &str) -> String {
    if !text.contains(['<', '&']) {
        return html::one_line(text);
    }
    html::text(Html::parse_fragment(text).root_element())
}
