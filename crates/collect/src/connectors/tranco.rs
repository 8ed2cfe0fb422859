//! Ranks of websites in Tranco, a daily list of a million domains that averages several rankings over 30 days.
//!
//! For named domains the interface gives the ranks of about the last month; a whole top list comes day by day as CSV.
//! Lists are made for research and hold up against manipulation, but move slowly. Each list has an id and stays. Its
//! parts come under terms of their own (Cloudflare Radar CC BY-NC 4.0, Majestic CC BY 3.0, CrUX CC BY-SA 4.0, Umbrella),
//! so that rows are not passed on by default. One request a second, as the site asks.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window, days_before};

/// The connector.
pub(crate) struct Tranco;

/// Which domains.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Domains whose ranks are fetched, for example `deepseek.com`.
    #[serde(default)]
    domains: Vec<String>,
    /// How many places of each day's whole list are fetched; none if 0.
    #[serde(default)]
    top: u32,
    /// Days of whole lists that are asked for in the first run.
    #[serde(default = "default_days")]
    days: u32,
    /// Address of the site.
    #[serde(default = "default_base")]
    base: String,
}

fn default_days() -> u32 {
    7
}

fn default_base() -> String {
    "https://tranco-list.eu".into()
}

/// Places of a whole list, at most: a list has a million.
const TOP_MAX: u32 = 1_000_000;
/// Lists of one run, at most.
const LISTS_OF_A_RUN_MAX: usize = 60;

impl Connector for Tranco {
    const SPEC: Spec = Spec {
        name: "tranco",
        title: "Tranco",
        doc: "Daily ranks of websites: of named domains, or of a whole top list.",
        homepage: "https://tranco-list.eu/api_documentation",
        licence: "free to use with its paper cited; its parts are under terms of their own",
        redistribute: false,
        price: "free",
        freshness: "a list a day, made of the 30 days before",
        requests_per_minute: 50.0,
        schedule: "0 3 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against client programs that read it and their fixtures; neither against its own documentation \
                  nor against live answers",
        example: "domains = [\"deepseek.com\", \"chatgpt.com\"]",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.domains.is_empty() && options.top == 0 {
            return Err("name at least one domain in domains, or set top".into());
        }
        if options.top > TOP_MAX {
            return Err(format!("top is {}: a list has {TOP_MAX} places", options.top));
        }
        let base = options.base.trim_end_matches('/');
        let mut requests = Vec::new();
        for domain in &options.domains {
            let url = format!("{base}/api/ranks/domain/{}", super::answers::escaped(domain));
            requests.push(Request::get(domain, "ranks", url).with("kind", "ranks"));
        }
        if options.top > 0 {
            // Today's list is made in the course of today.
            let until = window.until.min(days_before(window.today, 1));
            let window = Window { until, ..window.clone() };
            for day in window.days(options.days, LISTS_OF_A_RUN_MAX, slot) {
                let url = format!("{base}/api/lists/date/{}?subdomains=false", day.strftime("%Y%m%d"));
                let request = Request::get(slot(day), "list", url).with("kind", "list");
                requests.push(request.with("day", day.to_string()).once());
            }
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        match page.context("kind") {
            "list" => find_list(options, page),
            "top" => read_top(options, page),
            _ => read_ranks(page),
        }
    }
}

fn slot(day: jiff::civil::Date) -> String {
    format!("list {day}")
}

fn push_rank(parsed: &mut Parsed, domain: &str, day: &str, rank: Value) {
    parsed.push([
        ("subject", domain.into()),
        ("native_id", domain.into()),
        ("metric", "rank_web".into()),
        ("period", day.into()),
        ("platform", "web".into()),
        ("value", rank),
        ("status", "estimated".into()),
    ]);
}

fn read_ranks(page: &Page<'_>) -> Result<Parsed, String> {
    let answer = page.json()?;
    if !answer.get("ranks").is_some_and(Value::is_array) {
        return Err(format!("expected the ranks of a domain, found {}", shown(Some(&answer))));
    }
    let named = text(&answer, "/domain");
    let domain = if named.is_empty() { page.slot } else { named };
    let mut parsed = Parsed::default();
    for row in list(&answer, "/ranks") {
        let day = text(row, "/date");
        match row.get("rank").filter(|rank| number(rank).is_some() && !day.is_empty()) {
            Some(rank) => push_rank(&mut parsed, domain, day, rank.clone()),
            None => parsed.problem("ranks", shown(Some(row)), "date and rank"),
        }
        parsed.cursor = parsed.cursor.max((!day.is_empty()).then(|| day.to_owned()));
    }
    Ok(parsed)
}

/// The list of a day has an id, under which it is fetched.
fn find_list(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
    let answer = page.json()?;
    let id = text(&answer, "/list_id");
    if id.is_empty() {
        return Err(format!("expected list_id, found {}", shown(Some(&answer))));
    }
    let day = page.context("day");
    if answer.get("available") == Some(&Value::Bool(false)) {
        return Err(format!("list {id} of {day} is not made yet"));
    }
    let mut parsed = Parsed::default();
    let url =
        format!("{}/download/{}/{}", options.base.trim_end_matches('/'), super::answers::escaped(id), options.top);
    parsed.next.push(Request::get(format!("top of list {day}"), "top", url).with("kind", "top").with("day", day));
    Ok(parsed)
}

/// Lines of rank and domain.
fn read_top(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
    let body = page.text();
    if !body.trim_start().starts_with("1,") {
        return Err("expected lines of rank and domain, the first with rank 1".into());
    }
    let day = page.context("day");
    let mut parsed = Parsed { cursor: Some(day.to_owned()), ..Parsed::default() };
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()).take(options.top as usize) {
        match line.split_once(',').and_then(|(rank, domain)| Some((rank.parse::<u32>().ok()?, domain.trim()))) {
            Some((rank, domain)) if !domain.is_empty() => push_rank(&mut parsed, domain, day, rank.into()),
            _ => parsed.problem("line", line, "a rank, a comma and a domain"),
        }
    }
    Ok(parsed)
}
