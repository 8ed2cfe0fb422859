//! What stands around every page: title, navigation, as-of date, language, colours, and the page's own data formats.
//!
//! In: a [`PageRequest`] and a title. Out: a [`Frame`], which templates know as `page`, with the phrases, number
//! formats and links that all of them use.

use crowsnest_lake::Language;

use crate::assets;
use crate::numbers;
use crate::palette::{self, PLACES, is_for_analysts};
use crate::request::{Format, PageRequest};
use crate::words;

/// One choice in a row of choices.
pub(crate) struct Choice {
    pub(crate) label: String,
    pub(crate) value: String,
    pub(crate) address: String,
    pub(crate) is_current: bool,
}

/// The frame of a page.
pub(crate) struct Frame {
    request: PageRequest,
    pub(crate) title: String,
    pub(crate) notes: Vec<String>,
    /// Whether the page has a chart that the script can take over.
    pub(crate) has_chart: bool,
    /// Whether the page can be had as data.
    has_data: bool,
    /// Whether the page can be had as a PDF.
    has_paper: bool,
}

impl Frame {
    pub(crate) fn new(request: &PageRequest, title: impl Into<String>) -> Self {
        Self {
            request: request.clone(),
            title: title.into(),
            notes: Vec::new(),
            has_chart: false,
            has_data: true,
            has_paper: false,
        }
    }

    pub(crate) fn with_notes(mut self, notes: &[String]) -> Self {
        let language = self.language();
        let said = notes.iter().map(|note| words::say_note(language, note));
        for note in said {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        self
    }

    pub(crate) fn with_chart(mut self) -> Self {
        self.has_chart = true;
        self
    }

    /// A page that is not to be had as data.
    pub(crate) fn without_data(mut self) -> Self {
        self.has_data = false;
        self
    }

    /// A page that is to be had as a PDF.
    pub(crate) fn with_paper(mut self) -> Self {
        self.has_paper = true;
        self
    }

    /// The address of its PDF, in the page's own language.
    pub(crate) fn paper(&self) -> String {
        self.request.paper_address()
    }

    /// What forms on the page must carry. Only pages that are made anew each time may have one.
    pub(crate) fn form_token(&self) -> &str {
        &self.request.form_token
    }

    pub(crate) fn language(&self) -> Language {
        self.request.language
    }

    pub(crate) fn tag(&self) -> &'static str {
        self.request.language.tag()
    }

    pub(crate) fn theme(&self) -> &'static str {
        self.request.theme
    }

    pub(crate) fn market(&self) -> &str {
        self.request.lake.market().title()
    }

    pub(crate) fn say<'a>(&self, key: &'a str) -> &'a str {
        words::say(self.request.language, key)
    }

    pub(crate) fn say_with(&self, key: &str, filling: impl std::fmt::Display) -> String {
        words::say_with(self.request.language, key, &filling.to_string())
    }

    pub(crate) fn link(&self, path: &str) -> String {
        self.request.link(path)
    }

    /// Whether others than this machine can reach the pages: then what sources' servers said is not shown.
    pub(crate) fn is_shared(&self) -> bool {
        self.request.shared.is_shared
    }

    pub(crate) fn count(&self, n: &i64) -> String {
        numbers::count(*n)
    }

    pub(crate) fn path(&self) -> &str {
        &self.request.path
    }

    pub(crate) fn as_of(&self) -> &str {
        self.request.as_of_day.as_deref().map(numbers::day).unwrap_or_default()
    }

    pub(crate) fn without_as_of(&self) -> String {
        self.request.same_page_with(&[("as_of", "")])
    }

    /// The rest of the query, which the as-of form must send along.
    pub(crate) fn kept_query(&self) -> Vec<(&str, &str)> {
        let is_kept = |name: &str| !matches!(name, "as_of" | "theme");
        self.request
            .query
            .iter()
            .filter(|(name, value)| is_kept(name) && !value.is_empty())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    /// What forms that lead elsewhere must send along: the as-of day and an explicit language.
    pub(crate) fn carried_query(&self) -> Vec<(&str, &str)> {
        let is_carried = |name: &str| matches!(name, "as_of" | "lang");
        let query = self.request.query.iter();
        query
            .filter(|(name, value)| is_carried(name) && !value.is_empty())
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    /// Whether large questions are answered by a cluster, of which there is a page then.
    pub(crate) fn has_cluster(&self) -> bool {
        self.request.lake.market().config.cluster.is_some()
    }

    pub(crate) fn sections(&self) -> Vec<Choice> {
        let here = self.request.path.as_str();
        let sections = PLACES.iter().filter(|place| place.is_section);
        sections
            .filter(|place| !self.is_shared() || !is_for_analysts(place.path))
            .map(|place| Choice {
                label: self.say(place.key).to_owned(),
                value: place.path.to_owned(),
                address: self.link(place.path),
                is_current: here == place.path || is_within(here, place.path),
            })
            .collect()
    }

    /// The letter that leads to a page after "g".
    pub(crate) fn letter_of(&self, path: &str) -> &'static str {
        palette::letter_of(path)
    }

    /// This page's own address, to be saved: without what was done a moment ago.
    pub(crate) fn own_address(&self) -> String {
        self.request.same_page_with(&[("theme", ""), ("did", "")])
    }

    pub(crate) fn languages(&self) -> Vec<Choice> {
        [(Language::En, "EN"), (Language::ZhHans, "简"), (Language::ZhHant, "繁")]
            .into_iter()
            .map(|(language, label)| Choice {
                label: label.to_owned(),
                value: language.tag().to_owned(),
                address: self.request.same_page_with(&[("lang", language.tag())]),
                is_current: language == self.request.language,
            })
            .collect()
    }

    /// Where the link for other colours leads without JavaScript.
    pub(crate) fn theme_switch(&self) -> Choice {
        let other = if self.request.theme == "dark" { "light" } else { "dark" };
        let key = if other == "dark" { "theme.dark" } else { "theme.light" };
        Choice {
            label: self.say(key).to_owned(),
            value: other.to_owned(),
            address: self.request.same_page_with(&[("theme", other)]),
            is_current: false,
        }
    }

    pub(crate) fn formats(&self) -> Vec<Choice> {
        let formats = [("JSON", ".json"), ("CSV", ".csv"), ("Parquet", ".parquet")];
        let choice = |label: &str, ending: &str, address: String| Choice {
            label: label.to_owned(),
            value: ending.to_owned(),
            address,
            is_current: false,
        };
        let data = formats.into_iter().filter(|_| self.has_data);
        let data = data.map(|(label, ending)| choice(label, ending, self.request.data_address(ending)));
        let paper = self.has_paper.then(|| choice("PDF", Format::PDF, self.paper()));
        data.chain(paper).collect()
    }

    /// Sources left out of this page because others may look, as one line; empty where none are.
    pub(crate) fn left_out(&self) -> String {
        let shared = &self.request.shared;
        if !shared.is_shared || shared.kept_back.is_empty() {
            return String::new();
        }
        self.say_with("data.left_out", shared.kept_back.join(", "))
    }

    pub(crate) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// Whether a page belongs to a section of the navigation.
fn is_within(here: &str, section: &str) -> bool {
    match section {
        "/products" => here.starts_with("/product/") || here.starts_with("/company/"),
        "/plans" => here.starts_with("/plans/") || matches!(here, "/loop" | "/bandits"),
        "/digest" => matches!(here, "/alerts" | "/reports") || here.starts_with("/report/"),
        "/sources" => matches!(here, "/source" | "/collecting"),
        "/watch" => here.starts_with("/watch/"),
        _ => false,
    }
}
