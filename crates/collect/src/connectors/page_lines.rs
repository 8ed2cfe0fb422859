//! What of a page matters: the lines of its text, without what pages have beside it and without what changes by itself.

use std::collections::HashSet;

use scraper::{ElementRef, Html, Selector};

use super::html::{self, known_selector};
use super::noise;

/// What is read of a page.
#[derive(Debug)]
pub(crate) struct Rules {
    include: Vec<Selector>,
    exclude: Vec<Selector>,
    /// In lower case.
    ignored: Vec<String>,
    pub(crate) keeps_dates: bool,
    pub(crate) keeps_counters: bool,
    pub(crate) is_whole_page: bool,
}

/// Classes and ids of what pages have beside their text.
const BESIDE: &[&str] = &[
    "ad",
    "ads",
    "advert",
    "ad-banner",
    "ad-container",
    "ad-slot",
    "ad-unit",
    "ad-wrapper",
    "banner-ad",
    "breadcrumb",
    "breadcrumbs",
    "countdown",
    "last-updated",
    "marquee",
    "newsletter",
    "popup",
    "recommended",
    "related",
    "related-articles",
    "related-posts",
    "rotator",
    "share",
    "share-buttons",
    "sharing",
    "social-share",
    "sponsor",
    "sponsored",
    "testimonial",
    "testimonials",
    "ticker",
    "toast",
];

/// How classes and ids of such parts begin.
const BESIDE_STARTS: &[&str] = &[
    "adsbygoogle",
    "advertis",
    "consent-",
    "cookie",
    "gdpr",
    "google-ad",
    "google_ads",
    "gpt-ad",
    "onetrust",
    "sponsored-",
];

const ROLES_BESIDE: &[&str] = &[
    "alert",
    "alertdialog",
    "banner",
    "complementary",
    "contentinfo",
    "dialog",
    "navigation",
    "search",
    "status",
    "timer",
];

/// Texts of pages that stand in for the one that was asked for.
const STANDS_IN: &[&str] = &[
    "just a moment...",
    "verify you are human",
    "checking your browser",
    "enable javascript and cookies to continue",
    "access denied",
    "are you a robot",
    "请完成安全验证",
    "请开启javascript",
    "访问过于频繁",
];
/// Letters of a page beyond which such a text is a part of what it says.
const STANDS_IN_CHARS_MAX: usize = 600;

impl Rules {
    /// Rules of selectors and texts.
    pub(crate) fn new(include: &[String], exclude: &[String], ignore: &[String]) -> Result<Self, String> {
        let all = |option: &str, list: &[String]| -> Result<Vec<Selector>, String> {
            list.iter().map(|css| html::selector(option, css)).collect()
        };
        Ok(Self {
            include: all("include", include)?,
            exclude: all("exclude", exclude)?,
            ignored: ignore.iter().map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty()).collect(),
            keeps_dates: false,
            keeps_counters: false,
            is_whole_page: false,
        })
    }

    fn leaves_out(&self, element: ElementRef<'_>, holds_the_text: &dyn Fn(ElementRef<'_>) -> bool) -> bool {
        let is_date = !self.keeps_dates && element.value().name() == "time";
        is_date
            || self.exclude.iter().any(|css| css.matches(&element))
            || !self.is_whole_page && is_beside(element, holds_the_text)
    }

    fn ignores(&self, line: &str) -> bool {
        if self.ignored.is_empty() {
            return false;
        }
        let line = line.to_lowercase();
        self.ignored.iter().any(|text| line.contains(text))
    }
}

/// The lines that are compared.
///
/// # Errors
/// Where nothing is left, or the page stands in for another.
pub(crate) fn of(document: &Html, rules: &Rules) -> Result<Vec<String>, String> {
    let mut read: Vec<String> = Vec::new();
    let mut around_the_text = HashSet::new();
    for heading in known_selector("main, h1").iter().flat_map(|css| document.select(css)) {
        let mut around = std::iter::once(*heading).chain(heading.ancestors());
        // What is around a node that is known already is known, too.
        while around.next().is_some_and(|node| around_the_text.insert(node.id())) {}
    }
    let holds_the_text = |element: ElementRef<'_>| around_the_text.contains(&element.id());
    for part in parts(document, rules)? {
        // What was asked for by name is read even if its own class looks like an advertisement's.
        read.extend(html::lines(part, |element| {
            element.id() != part.id() && rules.leaves_out(element, &holds_the_text)
        }));
    }
    let n_chars: usize = read.iter().map(|line| line.chars().count()).sum();
    if n_chars < STANDS_IN_CHARS_MAX {
        let all = read.join(" ").to_lowercase();
        if let Some(text) = STANDS_IN.iter().find(|text| all.contains(**text)) {
            return Err(format!("the page only says {text:?}: it stands in for the one that was asked for"));
        }
    }
    let kept: Vec<String> = read
        .iter()
        .filter(|line| !rules.ignores(line))
        .map(|line| noise::without(line, rules.keeps_dates, rules.keeps_counters))
        .filter(|line| line.chars().any(|letter| letter.is_alphanumeric() || is_money(letter)))
        .collect();
    if kept.is_empty() {
        return Err("no text is left of the page: correct include and exclude, or a script fills it in".into());
    }
    Ok(kept)
}

fn is_money(letter: char) -> bool {
    matches!(letter, '$' | '€' | '£' | '¥' | '￥')
}

/// The parts that are read, outermost only.
fn parts<'a>(document: &'a Html, rules: &Rules) -> Result<Vec<ElementRef<'a>>, String> {
    if rules.include.is_empty() {
        let body = known_selector("body").and_then(|css| document.select(&css).next());
        return Ok(vec![body.unwrap_or_else(|| document.root_element())]);
    }
    let is_included = |element: ElementRef<'_>| rules.include.iter().any(|css| css.matches(&element));
    let parts: Vec<ElementRef<'a>> = document
        .root_element()
        .descendent_elements()
        .filter(|element| is_included(*element))
        .filter(|element| !element.ancestors().filter_map(ElementRef::wrap).any(is_included))
        .collect();
    if parts.is_empty() {
        return Err("nothing on the page fits include: its form may have changed, or a script fills it in".into());
    }
    Ok(parts)
}

/// Whether an element stands beside a page's text: navigation, footers, notices, advertisements, what is hidden.
///
/// A wrapper around the page's text is never beside it, whatever it is called.
fn is_beside(element: ElementRef<'_>, holds_the_text: &dyn Fn(ElementRef<'_>) -> bool) -> bool {
    let value = element.value();
    let is_of_page = |element: ElementRef<'_>| {
        let around = element.parent().and_then(ElementRef::wrap);
        around.is_none_or(|around| matches!(around.value().name(), "body" | "html"))
    };
    match value.name() {
        "nav" | "footer" | "aside" | "dialog" => return true,
        "header" if is_of_page(element) => return !holds_the_text(element),
        _ => {}
    }
    let is_hidden = value.attr("hidden").is_some()
        || value.attr("aria-hidden") == Some("true")
        || value.attr("style").is_some_and(|style| style.replace(' ', "").contains("display:none"));
    let has_role = value.attr("role").is_some_and(|role| ROLES_BESIDE.contains(&role));
    let names = value.classes().chain(value.id());
    let is_named = names
        .map(str::to_lowercase)
        .any(|name| BESIDE.contains(&name.as_str()) || BESIDE_STARTS.iter().any(|start| name.starts_with(start)));
    is_hidden || (has_role || is_named) && !holds_the_text(element)
}
