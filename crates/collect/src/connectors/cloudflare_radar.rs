//! Ranks of websites by queries to Cloudflare's resolver 1.1.1.1: Cloudflare Radar.
//!
//! The first hundred domains, worldwide or by country, have a place; of all others only a bucket is told (top 200, 500,
//! 1,000, … 1,000,000), which becomes an upper bound. Domains stand for a service with all its subdomains. Figures are
//! those of the day; the licence forbids commercial use of the data (CC BY-NC 4.0). Needs a token with the permission
//! "Account / Radar / Read".

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{day_of, list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct CloudflareRadar;

/// Which domains and countries.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The token, `{secret:NAME}`.
    token: String,
    /// Domains whose place or bucket is fetched, for example `deepseek.com`.
    #[serde(default)]
    domains: Vec<String>,
    /// Places of the top list; none if 0, 100 at most.
    #[serde(default)]
    top: u32,
    /// Countries whose top list is fetched, as ISO 3166 codes (`CN`); the whole world if empty.
    #[serde(default)]
    countries: Vec<String>,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn default_base() -> String {
    "https://api.cloudflare.com/client/v4".into()
}

/// Places of a top list, at most.
const TOP_MAX: u32 = 100;

impl Connector for CloudflareRadar {
    const SPEC: Spec = Spec {
        name: "cloudflare_radar",
        title: "Cloudflare Radar domain ranking",
        doc: "Places and buckets of websites by queries to Cloudflare's resolver, worldwide and by country.",
        homepage: "https://developers.cloudflare.com/radar/investigate/domain-ranking-datasets/",
        licence: "CC BY-NC 4.0",
        redistribute: false,
        price: "free; needs a token",
        freshness: "daily for the first hundred, weekly for buckets",
        requests_per_minute: 60.0,
        schedule: "0 7 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against Cloudflare's reference of the interface as its client libraries hold it; not against \
                  live answers",
        example: "token = \"{secret:CLOUDFLARE_TOKEN}\"\ndomains = [\"deepseek.com\"]\ntop = 100\ncountries = [\"CN\", \"US\"]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.domains.is_empty() && options.top == 0 {
            return Err("name at least one domain in domains, or set top".into());
        }
        if options.top > TOP_MAX {
            return Err(format!("top is {}: the interface orders the first {TOP_MAX}", options.top));
        }
        let base = options.base.trim_end_matches('/');
        let mut requests = Vec::new();
        for domain in &options.domains {
            let url = format!("{base}/radar/ranking/domain/{}", super::answers::escaped(domain));
            requests.push(Request::get(domain, "domain", url).with("domain", domain));
        }
        if options.top > 0 {
            let world = [String::new()];
            let countries = if options.countries.is_empty() { &world[..] } else { &options.countries };
            for country in countries {
                let place = if country.is_empty() { String::new() } else { format!("&location={country}") };
                let slot = if country.is_empty() { "top".to_owned() } else { format!("top {country}") };
                let url = format!("{base}/radar/ranking/top?limit={}{place}", options.top);
                requests.push(Request::get(slot, "top", url).with("region", country.to_lowercase()));
            }
        }
        let authorization = format!("Bearer {}", options.token);
        Ok(requests.into_iter().map(|request| request.header("authorization", authorization.clone())).collect())
    }

    fn parse(_options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        let result = answer.get("result").filter(|result| result.is_object());
        let Some(result) = result else {
            return Err(format!("expected a result, found {}", shown(answer.get("errors"))));
        };
        let mut parsed = Parsed::default();
        if page.context("domain").is_empty() {
            read_top(page, result, &mut parsed);
        } else {
            read_domain(page, result, &mut parsed);
        }
        Ok(parsed)
    }
}

/// A place, or with `is_bucket` that place or better.
fn push(parsed: &mut Parsed, domain: &str, day: &str, region: &str, (place, is_bucket): (Value, bool)) {
    parsed.push([
        ("subject", domain.into()),
        ("native_id", domain.into()),
        ("metric", "rank_web".into()),
        ("period", day.into()),
        ("region", region.into()),
        ("platform", "web".into()),
        ("high", if is_bucket { place.clone() } else { Value::Null }),
        ("value", place),
        ("status", "estimated".into()),
    ]);
}

fn read_top(page: &Page<'_>, result: &Value, parsed: &mut Parsed) {
    let told = day_of(text(result, "/meta/top_0/date"));
    let day = if told.is_empty() { page.day() } else { told.to_owned() };
    for row in list(result, "/top_0") {
        let domain = text(row, "/domain");
        match row.get("rank").filter(|rank| number(rank).is_some() && !domain.is_empty()) {
            Some(rank) => push(parsed, domain, &day, page.context("region"), (rank.clone(), false)),
            None => parsed.problem("top_0", shown(Some(row)), "rank and domain"),
        }
    }
}

fn read_domain(page: &Page<'_>, result: &Value, parsed: &mut Parsed) {
    let (domain, day) = (page.context("domain"), page.day());
    let details = result.get("details_0").unwrap_or(&Value::Null);
    let rank = details.get("rank").filter(|rank| number(rank).is_some());
    match (rank, bucket(details.get("bucket"))) {
        (Some(rank), _) => push(parsed, domain, &day, "", (rank.clone(), false)),
        (None, Some(bucket)) => push(parsed, domain, &day, "", (bucket.into(), true)),
        (None, None) => {
            parsed.problem("details_0", format!("{domain}: {}", shown(Some(details))), "a rank or a bucket")
        }
    }
}

/// `200`, `"200"`, `"1,000"`
fn bucket(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.replace([',', '_', ' '], "").parse().ok(),
        _ => None,
    }
}
