//! How much the world's news writes about a name: the GDELT Project's search in articles of many languages (DOC 2.0).
//!
//! Articles a day that match a query, from 2017 on; articles are translated by machine, so that an English query finds
//! Chinese ones. Counts are of what GDELT watches, which grows: compare them with its total. Figures of today are not
//! complete. One request in five seconds is allowed; longer queries are slow. Free for any use with the source named.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window, days_before};

/// The connector.
pub(crate) struct Gdelt;

/// What is searched for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Names, each with its query: `OpenAI = '"OpenAI"'`, `Doubao = '(doubao OR "豆包") sourcelang:chinese'`. A query of
    /// several words is a phrase in quotes.
    queries: BTreeMap<String, String>,
    /// What the names are: product, company or segment.
    #[serde(default = "default_kind")]
    kind: String,
    /// Whether the newest articles are fetched as events too, at most 250 for each name and run.
    #[serde(default)]
    articles: bool,
    /// Days that are asked for in the first run.
    #[serde(default = "default_days")]
    days: u32,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn default_kind() -> String {
    "company".into()
}

fn default_days() -> u32 {
    90
}

fn default_base() -> String {
    "https://api.gdeltproject.org".into()
}

/// Days that are asked for again. Spans under a week are answered by the hour.
const DAYS_REVISITED: u32 = 14;
/// Articles of one answer, at most; the interface gives no more.
const ARTICLES_MAX: u32 = 250;

impl Connector for Gdelt {
    const SPEC: Spec = Spec {
        name: "gdelt",
        title: "GDELT news volume",
        doc: "Articles a day that mention a name in the world's online news, and on demand the articles themselves.",
        homepage: "https://blog.gdeltproject.org/gdelt-doc-2-0-api-debuts/",
        licence: "free for any use; name the GDELT Project",
        redistribute: true,
        price: "free",
        freshness: "15 minutes; a day is complete on the next",
        requests_per_minute: 10.0,
        schedule: "0 2 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against client programs that read it and their fixtures; neither against its own documentation \
                  nor against live answers",
        example: "[queries]\nOpenAI = '\"OpenAI\"'",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.queries.is_empty() {
            return Err("name at least one query in queries".into());
        }
        let last = window.until.min(days_before(window.today, 1));
        let first = window.first_day(DAYS_REVISITED, options.days).min(days_before(last, DAYS_REVISITED));
        let base = options.base.trim_end_matches('/');
        let mut requests = Vec::new();
        for (name, query) in &options.queries {
            let ask = |mode: &str, first: jiff::civil::Date| {
                let query = super::answers::escaped(query);
                let (from, to) = (first.strftime("%Y%m%d000000"), last.strftime("%Y%m%d235959"));
                format!(
                    "{base}/api/v2/doc/doc?query={query}&mode={mode}&format=json&startdatetime={from}&enddatetime={to}"
                )
            };
            let volume = Request::get(name, "volume", ask("timelinevolraw", first));
            requests.push(volume.with("name", name).with("kind", "volume"));
            if options.articles {
                let url = format!("{}&maxrecords={ARTICLES_MAX}&sort=datedesc", ask("artlist", days_before(last, 1)));
                let articles = Request::get(format!("articles of {name}"), "articles", url);
                requests.push(articles.with("name", name).with("kind", "articles"));
            }
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        // What is wrong with a query, or with the pace, is told as a sentence with status 200.
        let answer = page.json().map_err(|_| {
            let told: String = page.text().trim().chars().take(200).collect();
            format!("expected JSON, found {told:?}")
        })?;
        let mut parsed = Parsed::default();
        match page.context("kind") {
            "articles" => read_articles(options, page, &answer, &mut parsed),
            _ => read_volume(options, page, &answer, &mut parsed),
        }
        Ok(parsed)
    }
}

fn read_volume(options: &Options, page: &Page<'_>, answer: &Value, parsed: &mut Parsed) {
    // An answer by the hour is summed to days.
    let mut days: BTreeMap<String, f64> = BTreeMap::new();
    for point in list(answer, "/timeline/0/data") {
        match (day_of(text(point, "/date")), point.get("value").and_then(number)) {
            (Some(day), Some(count)) => *days.entry(day).or_default() += count,
            _ => parsed.problem("timeline", shown(Some(point)), "date as 20241205T000000Z, and value"),
        }
    }
    for (day, count) in days {
        parsed.push([
            ("subject", page.context("name").into()),
            ("kind", options.kind.clone().into()),
            ("metric", "mentions".into()),
            ("period", day.clone().into()),
            ("platform", "news".into()),
            ("value", count.into()),
            ("status", "estimated".into()),
        ]);
        parsed.cursor = parsed.cursor.take().max(Some(day));
    }
}

fn read_articles(options: &Options, page: &Page<'_>, answer: &Value, parsed: &mut Parsed) {
    for article in list(answer, "/articles") {
        let (title, url) = (text(article, "/title"), text(article, "/url"));
        let Some(day) = day_of(text(article, "/seendate")).filter(|_| !title.is_empty()) else {
            parsed.problem("articles", shown(Some(article)), "title, and seendate as 20241205T101500Z");
            continue;
        };
        parsed.push([
            ("event", "news".into()),
            ("subject", page.context("name").into()),
            ("kind", options.kind.clone().into()),
            ("happened_on", day.clone().into()),
            ("status", "reported".into()),
            ("said_on", day.into()),
            ("url", url.into()),
            ("note", format!("{title} ({})", text(article, "/domain")).into()),
        ]);
    }
}

/// The day of `20241205T101500Z`.
fn day_of(moment: &str) -> Option<String> {
    let date = jiff::civil::Date::strptime("%Y%m%d", moment.get(..8)?).ok()?;
    Some(date.to_string())
}
