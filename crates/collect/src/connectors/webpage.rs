//! A watched page: an event when what it says changes, and only then.
//!
//! The complaint about tools of this kind is noise. So what is compared is what a reader would call the text: lines
//! without markup, in any order, without navigation, notices and advertisements, without dates, counters and ids
//! (`page_lines.rs`, `noise.rs`). A page that differs in nothing else is the same page and is not kept.
//!
//! The framework gives what was there last: `digest`, and `before`, the text that was compared, or `before_page`, the page
//! itself, which is then read by the same rules: what is watched can be changed without a change being told. Pages that a
//! script fills in the browser say nothing here and are refused, rather than compared.

use schemars::JsonSchema;
use scraper::Html;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::page_diff;
use super::page_lines::{self, Rules};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct Webpage;

/// Which pages, and what of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The pages.
    pages: Vec<WatchedPage>,
    /// CSS selectors of the parts that are watched; the whole page if none are given.
    #[serde(default)]
    include: Vec<String>,
    /// CSS selectors of parts that are not: what rotates, what is drawn anew for every visitor.
    #[serde(default)]
    exclude: Vec<String>,
    /// Lines that hold one of these texts, in any case, are not compared.
    #[serde(default)]
    ignore: Vec<String>,
    /// Whether dates, times and ages (`3 hours ago`) are compared, too.
    #[serde(default)]
    keep_dates: bool,
    /// Whether numbers of views, likes, comments and the like are compared, too.
    #[serde(default)]
    keep_counters: bool,
    /// Whether navigation, footers, notices about cookies and advertisements are compared, too.
    #[serde(default)]
    whole_page: bool,
    /// Whether another order of the same lines is a change.
    #[serde(default)]
    is_ordered: bool,
    /// How firmly it is said: `official` for a company's own page.
    #[serde(default = "official")]
    status: String,
}

/// A page and whom it is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchedPage {
    /// Its address.
    url: String,
    /// Whom it is about.
    subject: String,
    /// Kind of the subject: product, company or segment.
    #[serde(default = "company")]
    kind: String,
}

fn official() -> String {
    "official".into()
}

fn company() -> String {
    "company".into()
}

impl Connector for Webpage {
    const SPEC: Spec = Spec {
        name: "webpage",
        title: "Watched web page",
        doc: "Changes of what a page says, as events with what was there before and after: prices, plans, terms, jobs.",
        homepage: "https://docs.rs/similar/latest/similar/",
        licence: "that of the page; only what changed is kept as text",
        redistribute: false,
        price: "free",
        freshness: "that of the page",
        requests_per_minute: 10.0,
        schedule: "0 */6 * * *",
        class: Class::Generic,
        is_crawler: true,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against pairs of pages written for the cases, with what users of such tools complain of; not \
                  against live pages",
        example: "include = [\"main\"]\n\n[[pages]]\nurl = \"https://openai.com/api/pricing/\"\nsubject = \"OpenAI\"",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.pages.is_empty() {
            return Err("name at least one page in [[pages]]".into());
        }
        options.rules()?;
        let mut requests = Vec::new();
        for page in &options.pages {
            if page.subject.trim().is_empty() {
                return Err(format!("page {}: say in subject whom it is about", page.url));
            }
            let url = super::answers::address(&page.url)?;
            let request = Request::get(url.to_string(), "page", url);
            requests.push(request.with("subject", page.subject.trim()).with("kind", page.kind.as_str()));
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let rules = options.rules()?;
        let lines = page_lines::of(&Html::parse_document(&page.text()), &rules)?;
        let digest = digest(&lines, options.is_ordered);
        let before = before(page, &rules);
        let is_same_digest = page.context("digest") == digest;
        let is_same_text =
            before.as_ref().is_some_and(|before| page_diff::says_the_same(before, &lines, options.is_ordered));
        // A page that today's rules find nothing in is not one to compare with.
        let is_comparable = page.context("before_page").is_empty() && !page.context("digest").is_empty();
        let is_first = before.is_none() && !is_comparable;
        let mut parsed = Parsed { is_unchanged: is_same_digest || is_same_text, ..Parsed::default() };
        if !is_first && !parsed.is_unchanged {
            let note = match &before {
                Some(before) => page_diff::in_words(before, &lines),
                None => "the page changed; what it said before is not known".to_owned(),
            };
            parsed.push([
                ("event", "page_change".into()),
                ("subject", page.context("subject").into()),
                ("kind", page.context("kind").into()),
                ("happened_on", page.day().into()),
                ("note", note.into()),
                ("url", page.url.into()),
                ("status", options.status.as_str().into()),
            ]);
        }
        parsed.digest = Some(digest);
        parsed.remembered = Some(lines.join("\n"));
        Ok(parsed)
    }
}

impl Options {
    fn rules(&self) -> Result<Rules, String> {
        let mut rules = Rules::new(&self.include, &self.exclude, &self.ignore)?;
        rules.keeps_dates = self.keep_dates;
        rules.keeps_counters = self.keep_counters;
        rules.is_whole_page = self.whole_page;
        Ok(rules)
    }
}

/// The lines that were there before, if they are known.
fn before(page: &Page<'_>, rules: &Rules) -> Option<Vec<String>> {
    match (page.context("before_page"), page.context("before")) {
        ("", "") => None,
        ("", text) => Some(text.lines().map(str::to_owned).collect()),
        (page, _) => page_lines::of(&Html::parse_document(page), rules).ok(),
    }
}

/// What identifies a text: its lines, each once, in the order of their letters unless their own order counts.
fn digest(lines: &[String], is_ordered: bool) -> String {
    let mut lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    if !is_ordered {
        lines.sort_unstable();
        lines.dedup();
    }
    crowsnest_lake::documents::hex(&Sha256::digest(lines.join("\n").as_bytes()))
}
