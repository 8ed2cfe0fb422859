//! Stories on Hacker News that mention a name: how many a day, with their points and comments, and launches.
//!
//! Read through Algolia's search of Hacker News, which is open and current to minutes. The search forgives spelling
//! mistakes, so that only stories are counted whose title, text or address has the name. Points and comments grow for
//! some days, which are asked for again. One answer holds a thousand stories; a span with more is asked for in halves.

use std::collections::BTreeMap;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{day_of, list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window, days_before};

/// The connector.
pub(crate) struct HackerNews;

/// Which names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Names that are searched for, for example `DeepSeek`.
    names: Vec<String>,
    /// What the names are: product, company or segment.
    #[serde(default = "default_kind")]
    kind: String,
    /// Whether stories that begin with `Show HN` or `Launch HN` are events too.
    #[serde(default)]
    launches: bool,
    /// Days that are asked for in the first run.
    #[serde(default = "default_days")]
    days: u32,
    /// Address of the search.
    #[serde(default = "default_base")]
    base: String,
}

fn default_kind() -> String {
    "product".into()
}

fn default_days() -> u32 {
    90
}

fn default_base() -> String {
    "https://hn.algolia.com".into()
}

/// Days that are asked for again, for points and comments.
const DAYS_REVISITED: u32 = 7;
/// Days of one request, at most.
const DAYS_OF_REQUEST: u32 = 30;
/// Stories of one answer, at most; the search gives no more.
const STORIES_OF_ANSWER: u64 = 1000;

impl Connector for HackerNews {
    const SPEC: Spec = Spec {
        name: "hacker_news",
        title: "Hacker News",
        doc: "Stories a day that mention a name, their points and comments, and launches (Show HN, Launch HN).",
        homepage: "https://hn.algolia.com/api",
        licence: "open interface; the terms of Hacker News apply",
        redistribute: true,
        price: "free",
        freshness: "minutes; points and comments grow for some days",
        requests_per_minute: 60.0,
        schedule: "0 1 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against client programs that read it and their fixtures; neither against its own documentation \
                  nor against live answers",
        example: "names = [\"DeepSeek\", \"Qwen\"]\nlaunches = true",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.names.is_empty() || options.names.iter().any(|name| name.trim().is_empty()) {
            return Err("name at least one name in names, and none that is empty".into());
        }
        let first = window.first_day(DAYS_REVISITED, options.days);
        let last = window.until.min(days_before(window.today, 1));
        let mut requests = Vec::new();
        for name in &options.names {
            let mut from = first;
            while from <= last {
                let to = days_after(from, DAYS_OF_REQUEST - 1).min(last);
                requests.push(request(options, name, "mentions", (from, to)));
                if options.launches {
                    requests.push(request(options, name, "launches", (from, to)));
                }
                let Ok(next) = to.tomorrow() else { break };
                from = next;
            }
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        if !answer.get("hits").is_some_and(Value::is_array) {
            return Err(format!("expected hits, found {}", shown(Some(&answer))));
        }
        let span = page.context("from").parse::<Date>().ok().zip(page.context("to").parse::<Date>().ok());
        let (from, to) = span.ok_or("the request does not say which days it was for")?;
        let mut parsed = Parsed::default();
        let n_hits = answer.get("nbHits").and_then(Value::as_u64).unwrap_or(0);
        let is_launches = page.context("kind") == "launches";
        if n_hits > STORIES_OF_ANSWER && from < to {
            let n_days = (to - from).get_days().unsigned_abs();
            let middle = days_after(from, n_days / 2);
            let (name, kind) = (page.context("name"), if is_launches { "launches" } else { "mentions" });
            parsed.next.push(request(options, name, kind, (from, middle)));
            parsed.next.push(request(options, name, kind, (days_after(middle, 1), to)));
            return Ok(parsed);
        }
        let name = page.context("name");
        let is_about = |story: &&Value| mentions(story, name);
        let stories: Vec<&Value> = list(&answer, "/hits").iter().filter(is_about).collect();
        if is_launches {
            read_launches(options, name, &stories, &mut parsed);
        } else {
            count_mentions(options, name, &stories, (from, to), &mut parsed);
        }
        if n_hits > STORIES_OF_ANSWER {
            let found = format!("{n_hits} stories on {from}");
            parsed.problem("nbHits", found, "1000 stories a day at most; those beyond are not counted");
        }
        Ok(parsed)
    }
}

fn days_after(day: Date, n_days: u32) -> Date {
    day.checked_add(jiff::Span::new().days(n_days)).unwrap_or(day)
}

fn request(options: &Options, name: &str, kind: &'static str, (from, to): (Date, Date)) -> Request {
    let at = |day: Date| jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_or(0, jiff::Timestamp::as_second);
    let query = super::answers::escaped(&format!("\"{name}\""));
    let filters =
        super::answers::escaped(&format!("created_at_i>={},created_at_i<{}", at(from), at(days_after(to, 1))));
    let base = options.base.trim_end_matches('/');
    let url = format!(
        "{base}/api/v1/search_by_date?query={query}&tags=story&numericFilters={filters}&hitsPerPage={STORIES_OF_ANSWER}"
    );
    let slot =
        if kind == "launches" { format!("launches of {name} {from}/{to}") } else { format!("{name} {from}/{to}") };
    Request::get(slot, kind, url)
        .with("kind", kind)
        .with("name", name)
        .with("from", from.to_string())
        .with("to", to.to_string())
}

fn mentions(story: &Value, name: &str) -> bool {
    let name = name.to_lowercase();
    ["/title", "/url", "/story_text"].iter().any(|place| text(story, place).to_lowercase().contains(&name))
}

/// Each day of the span, those without a story too.
fn count_mentions(options: &Options, name: &str, stories: &[&Value], (from, to): (Date, Date), parsed: &mut Parsed) {
    let mut days: BTreeMap<Date, [f64; 3]> = BTreeMap::new();
    let mut day = from;
    while day <= to {
        days.insert(day, [0.0; 3]);
        let Ok(next) = day.tomorrow() else { break };
        day = next;
    }
    for story in stories {
        let day = day_of(text(story, "/created_at")).parse::<Date>().ok();
        let Some(counts) = day.and_then(|day| days.get_mut(&day)) else {
            parsed.problem(
                "created_at",
                shown(story.get("created_at")),
                "a moment within the days that were asked for",
            );
            continue;
        };
        let count = |field: &str| story.get(field).and_then(number).unwrap_or(0.0);
        for (sum, more) in counts.iter_mut().zip([1.0, count("points"), count("num_comments")]) {
            *sum += more;
        }
    }
    for (day, counts) in days {
        for (metric, count) in ["mentions", "mention_points", "mention_comments"].into_iter().zip(counts) {
            parsed.push([
                ("subject", name.into()),
                ("kind", options.kind.clone().into()),
                ("metric", metric.into()),
                ("period", day.to_string().into()),
                ("platform", "hacker_news".into()),
                ("value", count.into()),
                ("status", "official".into()),
            ]);
        }
    }
    parsed.cursor = Some(to.to_string());
}

fn read_launches(options: &Options, name: &str, stories: &[&Value], parsed: &mut Parsed) {
    for story in stories {
        let (title, id, moment) = (text(story, "/title"), text(story, "/objectID"), text(story, "/created_at"));
        if !title.starts_with("Show HN") && !title.starts_with("Launch HN") {
            continue;
        }
        if day_of(moment).is_empty() || id.is_empty() {
            parsed.problem("hits", shown(Some(story)), "objectID and created_at");
            continue;
        }
        parsed.push([
            ("event", "launch".into()),
            ("subject", name.into()),
            ("kind", options.kind.clone().into()),
            ("happened_on", day_of(moment).into()),
            ("status", "official".into()),
            ("said_on", moment.into()),
            ("url", format!("https://news.ycombinator.com/item?id={id}").into()),
            ("note", title.into()),
        ]);
    }
}
