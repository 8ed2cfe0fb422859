//! Views of Wikipedia's articles, a day at a time, by language: how many people look something up.
//!
//! Views by people (`user`), not by programs, on all devices. A day (UTC) is there by the next afternoon; figures begin
//! with July 2015 and are not restated. An article that was renamed is counted under each name by itself. The figures
//! are dedicated to the public (CC0). Wikimedia asks programs to say who runs them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Via, Window, days_before};

/// The connector.
pub(crate) struct WikipediaPageViews;

/// Which articles.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Names, each with its articles as language and title: `"DeepSeek" = ["en:DeepSeek", "zh:深度求索"]`.
    articles: BTreeMap<String, Vec<String>>,
    /// A mail address or web address of whoever runs this, as Wikimedia's policy asks.
    contact: String,
    /// What the names are: product, company or segment.
    #[serde(default = "default_kind")]
    kind: String,
    /// Days that are asked for in the first run.
    #[serde(default = "default_days")]
    days: u32,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn default_kind() -> String {
    "product".into()
}

fn default_days() -> u32 {
    365
}

fn default_base() -> String {
    "https://wikimedia.org/api/rest_v1".into()
}

/// Days that are asked for again: the last day may have come late.
const DAYS_REVISITED: u32 = 3;

impl Connector for WikipediaPageViews {
    const SPEC: Spec = Spec {
        name: "wikipedia_page_views",
        title: "Wikipedia page views",
        doc: "Daily views of Wikipedia's articles by people, by language, under the names that the source's file gives them.",
        homepage: "https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html",
        licence: "CC0",
        redistribute: true,
        price: "free",
        freshness: "a day is there by the afternoon of the next (UTC)",
        requests_per_minute: 100.0,
        schedule: "0 16 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against client programs that read it and their fixtures; neither against its own documentation \
                  nor against live answers",
        example: "contact = \"radar@example.org\"\n\n[articles]\nDeepSeek = [\"en:DeepSeek\", \"zh:深度求索\"]",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.articles.is_empty() {
            return Err("name at least one article in articles".into());
        }
        if options.contact.trim().is_empty() {
            return Err("say in contact who runs this: Wikimedia asks for it".into());
        }
        let base = options.base.trim_end_matches('/');
        let first = window.first_day(DAYS_REVISITED, options.days);
        let last = window.until.min(days_before(window.today, 1));
        let mut requests = Vec::new();
        for (name, articles) in &options.articles {
            for article in articles {
                let Some((language, title)) = article.split_once(':').filter(|(_, title)| !title.is_empty()) else {
                    return Err(format!("article {article:?} of {name}: write language and title, as en:ChatGPT"));
                };
                let title = super::answers::escaped(&title.replace(' ', "_"));
                let (from, to) = (first.strftime("%Y%m%d00"), last.strftime("%Y%m%d00"));
                let path = format!("{language}.wikipedia/all-access/user/{title}/daily/{from}/{to}");
                let url = format!("{base}/metrics/pageviews/per-article/{path}");
                let agent = format!("crowsnest ({})", options.contact);
                let mut request = Request::get(article, "views", url).with("name", name).header("user-agent", agent);
                if let Via::Http(http) = &mut request.via {
                    http.also_accepts.push(404);
                }
                requests.push(request);
            }
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        let mut parsed = Parsed::default();
        if page.status == 404 {
            parsed.problem("article", page.slot, "an article with views in these days; check its language and title");
            return Ok(parsed);
        }
        if !answer.get("items").is_some_and(Value::is_array) {
            return Err(format!("expected items with views, found {:?}", text(&answer, "/detail")));
        }
        for item in list(&answer, "/items") {
            let (project, article) = (text(item, "/project"), text(item, "/article"));
            let day = jiff::civil::Date::strptime("%Y%m%d", text(item, "/timestamp").get(..8).unwrap_or_default());
            let (Ok(day), Some(views)) = (day, item.get("views").filter(|views| number(views).is_some())) else {
                parsed.problem("items", shown(Some(item)), "timestamp as 2024120500, and views");
                continue;
            };
            let day = day.to_string();
            let language = project.split('.').next().unwrap_or_default();
            parsed.push([
                ("subject", page.context("name").into()),
                ("native_id", format!("{project}/{article}").into()),
                ("kind", options.kind.clone().into()),
                ("metric", "views".into()),
                ("period", day.clone().into()),
                ("platform", "wikipedia".into()),
                ("segment", language.into()),
                ("value", views.clone()),
                ("status", "official".into()),
            ]);
            parsed.cursor = parsed.cursor.max(Some(day));
        }
        Ok(parsed)
    }
}
