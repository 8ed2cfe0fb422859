//! Launches on Product Hunt, and the votes that they have got.
//!
//! With a token of its interface (GraphQL, version 2): launches of the last days as events, and their votes as figures of
//! the day of fetching. Without one: launches of the front page's feed. The interface's terms ask for permission before
//! commercial use, and limit the work of a client in 15 minutes.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::json_fields::{day_of, list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct ProductHunt;

/// Which launches.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Token of the interface, `{secret:NAME}`; the feed is read if not given.
    #[serde(default)]
    token: String,
    /// Only launches of this topic, for example `artificial-intelligence`.
    #[serde(default)]
    topic: Option<String>,
    /// Launches of so many days before today.
    #[serde(default = "default_days")]
    days: u32,
    /// Pages of 20 launches that are read in one run, at most.
    #[serde(default = "default_pages_max")]
    pages_max: u32,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
    /// Address of the feed.
    #[serde(default = "default_feed")]
    feed: String,
}

fn default_days() -> u32 {
    7
}

fn default_pages_max() -> u32 {
    20
}

fn default_base() -> String {
    "https://api.producthunt.com".into()
}

fn default_feed() -> String {
    "https://www.producthunt.com/feed".into()
}

/// Launches of one page, at most; the interface gives no more.
const LAUNCHES_OF_PAGE: u32 = 20;
/// Days before the cursor that are asked for again: a launch is approved late.
const DAYS_REVISITED: u32 = 2;

/// Votes are asked for apart from launches: one document holds figures or events, and launches do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Launches,
    Votes,
}

impl Asked {
    const fn word(self) -> &'static str {
        match self {
            Self::Launches => "launches",
            Self::Votes => "votes",
        }
    }

    const fn fields(self) -> &'static str {
        match self {
            Self::Launches => "id name tagline url createdAt featuredAt",
            Self::Votes => "id name url votesCount",
        }
    }
}

impl Connector for ProductHunt {
    const SPEC: Spec = Spec {
        name: "product_hunt",
        title: "Product Hunt",
        doc: "Launches of products as events, and their votes day by day.",
        homepage: "https://api.producthunt.com/v2/docs",
        licence: "terms of Product Hunt's interface; commercial use needs permission",
        redistribute: false,
        price: "free; votes need a token",
        freshness: "minutes",
        requests_per_minute: 20.0,
        schedule: "30 9 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against the interface's schema and queries as client programs hold them; feed and answers not seen live",
        example: "token = \"{secret:PRODUCT_HUNT_TOKEN}\"\ntopic = \"artificial-intelligence\"",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.token.is_empty() {
            if options.topic.is_some() {
                return Err("topic needs a token: the feed has no topics".into());
            }
            super::answers::address(&options.feed)?;
            return Ok(vec![Request::get("feed", "feed", options.feed.clone()).with("kind", "feed")]);
        }
        let since = window.first_day(DAYS_REVISITED, options.days).to_string();
        Ok(vec![
            request(options, Asked::Launches, (&since, ""), 1),
            request(
                options,
                Asked::Votes,
                (&crate::connector::days_before(window.until, options.days).to_string(), ""),
                1,
            ),
        ])
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        if page.context("kind") == "feed" {
            return read_feed(page);
        }
        let answer = page.json()?;
        let posts = answer.pointer("/data/posts").filter(|posts| posts.is_object());
        let Some(posts) = posts else {
            return Err(format!("expected posts, found {}", shown(answer.get("errors"))));
        };
        let asked = if page.context("kind") == "votes" { Asked::Votes } else { Asked::Launches };
        let mut parsed = Parsed::default();
        for edge in list(posts, "/edges") {
            let post = edge.get("node").unwrap_or(&Value::Null);
            match asked {
                Asked::Launches => read_launch(post, &mut parsed),
                Asked::Votes => read_votes(post, page, &mut parsed),
            }
        }
        let number: u32 = page.context("page").parse().unwrap_or(1);
        let cursor = text(posts, "/pageInfo/endCursor");
        let has_next = posts.pointer("/pageInfo/hasNextPage") == Some(&Value::Bool(true));
        if has_next && !cursor.is_empty() && number < options.pages_max {
            parsed.next.push(request(options, asked, (page.context("since"), cursor), number + 1));
        }
        Ok(parsed)
    }
}

fn request(options: &Options, asked: Asked, (since, after): (&str, &str), number: u32) -> Request {
    let query = format!(
        "query($since: DateTime, $topic: String, $after: String) {{ posts(first: {LAUNCHES_OF_PAGE}, order: NEWEST, \
         postedAfter: $since, topic: $topic, after: $after) {{ edges {{ node {{ {} }} }} pageInfo {{ endCursor hasNextPage }} }} }}",
        asked.fields()
    );
    let after = if after.is_empty() { Value::Null } else { after.into() };
    let variables = json!({ "after": after, "since": format!("{since}T00:00:00Z"), "topic": options.topic });
    let body = json!({ "query": query, "variables": variables }).to_string();
    let url = format!("{}/v2/api/graphql", options.base.trim_end_matches('/'));
    let mut request = Request::get(format!("{} page {number}", asked.word()), asked.word(), url)
        .with("kind", asked.word())
        .with("since", since)
        .with("page", number.to_string())
        .header("authorization", format!("Bearer {}", options.token))
        .header("content-type", "application/json");
    if let Via::Http(http) = &mut request.via {
        http.body = Some(body);
    }
    request
}

fn read_launch(post: &Value, parsed: &mut Parsed) {
    let (name, id, created) = (text(post, "/name"), text(post, "/id"), text(post, "/createdAt"));
    let featured = text(post, "/featuredAt");
    let moment = if day_of(featured).is_empty() { created } else { featured };
    if name.is_empty() || day_of(moment).is_empty() {
        return parsed.problem("node", shown(Some(post)), "name, and createdAt or featuredAt");
    }
    push_launch(parsed, (name, id), moment, text(post, "/url"), text(post, "/tagline"));
}

fn push_launch(parsed: &mut Parsed, (name, id): (&str, &str), moment: &str, url: &str, note: &str) {
    // The address of a launch carries marks of who asked for it.
    let url = url.split('?').next().unwrap_or_default();
    parsed.push([
        ("event", "launch".into()),
        ("subject", name.into()),
        ("native_id", id.into()),
        ("kind", "product".into()),
        ("happened_on", day_of(moment).into()),
        ("status", "official".into()),
        ("said_on", moment.into()),
        ("url", url.into()),
        ("note", note.into()),
    ]);
    parsed.cursor = parsed.cursor.take().max(Some(day_of(moment).to_owned()));
}

fn read_votes(post: &Value, page: &Page<'_>, parsed: &mut Parsed) {
    let name = text(post, "/name");
    let Some(votes) = post.get("votesCount").filter(|votes| number(votes).is_some() && !name.is_empty()) else {
        return parsed.problem("node", shown(Some(post)), "name and votesCount");
    };
    parsed.push([
        ("subject", name.into()),
        ("native_id", text(post, "/id").into()),
        ("metric", "votes".into()),
        ("period", page.day().into()),
        ("platform", "product_hunt".into()),
        ("value", votes.clone()),
        ("status", "official".into()),
        ("url", text(post, "/url").split('?').next().unwrap_or_default().into()),
    ]);
}

fn read_feed(page: &Page<'_>) -> Result<Parsed, String> {
    let feed = feed_rs::parser::parse(page.body).map_err(|error| format!("expected a feed: {error}"))?;
    let mut parsed = Parsed::default();
    for entry in feed.entries {
        let title = entry.title.map(|title| title.content).unwrap_or_default();
        let Some(moment) = entry.published.or(entry.updated).filter(|_| !title.trim().is_empty()) else {
            parsed.problem("entry", entry.id, "a title and when it was published");
            continue;
        };
        let moment = moment.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        let url = entry.links.first().map(|link| link.href.clone()).unwrap_or_default();
        // The feed's ids end as the interface's are: `tag:www.producthunt.com,2005:Post/1003234`.
        let id =
            entry.id.rsplit('/').next().filter(|id| id.bytes().all(|digit| digit.is_ascii_digit())).unwrap_or_default();
        push_launch(&mut parsed, (title.trim(), id), &moment, &url, "");
    }
    Ok(parsed)
}
