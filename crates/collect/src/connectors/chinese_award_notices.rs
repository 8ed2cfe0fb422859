//! Notices of awarded tenders (中标公告, 成交公告, 结果公告) on Chinese procurement sites, the central one and provincial ones.
//!
//! A list page leads to notices, a notice becomes one event for each supplier that has won. Notices appear within days
//! of the award; they are public announcements that the law requires, but a site's terms may limit copying, and sites
//! turn quick readers away, so that `robots.txt` is obeyed and the pace is slow. Layouts differ by province and year: a
//! table with a heading, a table of labels and values, or paragraphs; `notice_text.rs` finds the words in all three.
//! Sites that fill their lists by script have an interface of their own: read that with `http_json`.

mod lots;
mod notice_text;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use scraper::{Html, Selector};
use serde::Deserialize;

use self::notice_text::day_in;
use super::answers::address;
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct ChineseAwardNotices;

/// Which lists, and which of their notices.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Addresses of list pages, the newest notices first.
    lists: Vec<String>,
    /// List pages that are read of each list.
    #[serde(default = "one")]
    pages: u32,
    /// Address of further list pages, from the first: `index_{page}.htm`, where the second page has number 1. Needed if
    /// `pages` is above 1.
    #[serde(default)]
    next_page: Option<String>,
    /// Only notices whose title has one of these words, for example `大模型`; all if empty.
    #[serde(default)]
    keywords: Vec<String>,
    /// Words of which the title of an award notice has one.
    #[serde(default = "default_title_words")]
    title_words: Vec<String>,
    /// CSS selector of the links of a list; all links if not given.
    #[serde(default = "default_links")]
    links: String,
    /// Notices of so many days before today are read in the first run, where the list says their days.
    #[serde(default = "default_days")]
    days: u32,
    /// Notices that are taken from one list page, at most.
    #[serde(default = "default_notices_max")]
    notices_max: usize,
}

fn one() -> u32 {
    1
}

fn default_title_words() -> Vec<String> {
    ["中标", "成交", "中选", "结果公告"].map(str::to_owned).to_vec()
}

fn default_links() -> String {
    "a[href]".into()
}

fn default_days() -> u32 {
    30
}

fn default_notices_max() -> usize {
    200
}

/// Notices of so many days before the last are read again, for those that could not be.
const DAYS_REVISITED: u32 = 3;
/// Titles with these words tell that nobody has won, or change a notice that is read by itself.
const TITLE_WORDS_OF_NO_AWARD: [&str; 5] = ["废标", "流标", "终止", "更正", "中标候选人"];

impl Connector for ChineseAwardNotices {
    const SPEC: Spec = Spec {
        name: "chinese_award_notices",
        title: "Chinese award notices (中标公告)",
        doc: "Awards of public tenders in China from list pages and the notices that they lead to: supplier, amount, buyer, \
              project and day, one event for each supplier and lot.",
        homepage: "https://www.ccgp.gov.cn/cggg/dfgg/zbgg/",
        licence: "public announcements; the terms of each site apply",
        redistribute: false,
        price: "free",
        freshness: "a notice appears within days of the award",
        requests_per_minute: 6.0,
        schedule: "0 22 * * *",
        class: Class::Public,
        is_crawler: true,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against layouts of list and notice pages of ccgp.gov.cn and of provincial sites as public crawlers \
                  record them; not against live pages",
        example: "lists = [\"https://www.ccgp.gov.cn/cggg/dfgg/zbgg/index.htm\"]\nkeywords = [\"大模型\", \"人工智能\"]",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.lists.is_empty() {
            return Err("name at least one list page in lists".into());
        }
        Selector::parse(&options.links)
            .map_err(|error| format!("links {:?} is no CSS selector: {error}", options.links))?;
        let since = window.first_day(DAYS_REVISITED, options.days).to_string();
        let list_page = |url: &str| Request::get(url, "list", url).with("kind", "list").with("since", since.clone());
        let mut requests = Vec::new();
        for list in &options.lists {
            let first = address(list)?;
            requests.push(list_page(first.as_str()));
            for number in 1..options.pages {
                let Some(pattern) = &options.next_page else {
                    return Err(
                        "pages is above 1: say in next_page what the address of the second is, with {page}".into()
                    );
                };
                let link = pattern.replace("{page}", &number.to_string());
                let url =
                    first.join(&link).map_err(|error| format!("next_page {link:?} is not an address: {error}"))?;
                requests.push(list_page(url.as_str()));
            }
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let html = Html::parse_document(&page.text());
        match page.context("kind") {
            "notice" => lots::read_notice(&html, page),
            _ => read_list(options, &html, page),
        }
    }
}

fn read_list(options: &Options, html: &Html, page: &Page<'_>) -> Result<Parsed, String> {
    let here = address(page.url)?;
    let links = Selector::parse(&options.links).map_err(|error| format!("links is no CSS selector: {error}"))?;
    let mut parsed = Parsed::default();
    let mut n_links = 0;
    let mut seen = BTreeSet::new();
    for link in html.select(&links) {
        let Some(href) = link.value().attr("href") else { continue };
        n_links += 1;
        let text: String = link.text().collect();
        // The text of a link may be cut off; its title is whole.
        let title = link.value().attr("title").filter(|title| title.len() > text.trim().len()).unwrap_or(&text).trim();
        if !is_wanted(options, title) || parsed.next.len() >= options.notices_max {
            continue;
        }
        let Ok(url) = here.join(href.trim()) else {
            parsed.problem("href", href, "an address");
            continue;
        };
        if !matches!(url.scheme(), "http" | "https") || !seen.insert(url.to_string()) {
            continue;
        }
        let beside: String =
            link.parent().and_then(scraper::ElementRef::wrap).map_or(String::new(), |item| item.text().collect());
        let day = day_in(&beside).unwrap_or_default();
        if !day.is_empty() && day.as_str() < page.context("since") {
            continue;
        }
        let request = Request::get(url.as_str(), "notice", url.as_str()).with("kind", "notice").with("title", title);
        parsed.next.push(if day.is_empty() { request } else { request.with("day", day) });
    }
    if n_links == 0 {
        return Err("the list page has no links: it may be filled by a script, or ask who is there".into());
    }
    Ok(parsed)
}

fn is_wanted(options: &Options, title: &str) -> bool {
    let has = |words: &[String]| words.iter().any(|word| title.contains(word.as_str()));
    has(&options.title_words)
        && (options.keywords.is_empty() || has(&options.keywords))
        && !TITLE_WORDS_OF_NO_AWARD.iter().any(|word| title.contains(word))
}
