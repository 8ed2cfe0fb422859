//! Downloads of packages of the npm registry, a day at a time.
//!
//! The registry counts every request for a package's archive, those of mirrors and build machines too. Days are UTC;
//! a day is there by the middle of the next, and is rarely corrected afterwards. One answer holds up to 365 days.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window, days_before};

/// The connector.
pub(crate) struct NpmDownloads;

/// Which packages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Names of the packages, for example `openai` or `@anthropic-ai/sdk`.
    packages: Vec<String>,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
    /// Days that are asked for in the first run.
    #[serde(default = "default_days")]
    days: u32,
}

fn default_base() -> String {
    "https://api.npmjs.org".into()
}

fn default_days() -> u32 {
    90
}

/// Days of one request, at most; the interface allows 18 months.
const DAYS_MAX: u32 = 365;
/// Days that are asked for again, for corrections.
const DAYS_REVISITED: u32 = 7;

#[derive(Deserialize)]
struct Range {
    package: String,
    downloads: Vec<Day>,
}

#[derive(Deserialize)]
struct Day {
    day: String,
    downloads: Value,
}

impl Connector for NpmDownloads {
    const SPEC: Spec = Spec {
        name: "npm_downloads",
        title: "npm downloads",
        doc: "Downloads of packages of the npm registry per day, as the registry counts them.",
        homepage: "https://github.com/npm/registry/blob/main/docs/download-counts.md",
        licence: "open interface of the npm registry; its terms of use apply",
        redistribute: true,
        price: "free",
        freshness: "a day is there by the middle of the next (UTC)",
        requests_per_minute: 60.0,
        schedule: "30 13 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against the registry's own documentation of the interface; not against live answers",
        example: "packages = [\"openai\", \"@anthropic-ai/sdk\"]",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.packages.is_empty() {
            return Err("name at least one package in packages".into());
        }
        let first = window.first_day(DAYS_REVISITED, options.days);
        let last = window.until.min(days_before(window.today, 1));
        let mut requests = Vec::new();
        for package in &options.packages {
            let mut from = first;
            while from <= last {
                let to = from.checked_add(jiff::Span::new().days(DAYS_MAX - 1)).unwrap_or(last).min(last);
                requests.push(request(options, package, from, to));
                let Ok(next) = to.tomorrow() else { break };
                from = next;
            }
        }
        Ok(requests)
    }

    fn parse(_options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let range: Range = page.json_as()?;
        let mut parsed = Parsed::default();
        for Day { day, downloads } in range.downloads {
            parsed.push([
                ("subject", range.package.clone().into()),
                ("native_id", range.package.clone().into()),
                ("metric", "downloads".into()),
                ("period", day.clone().into()),
                ("value", downloads),
                ("status", "official".into()),
            ]);
            parsed.cursor = parsed.cursor.max(Some(day));
        }
        Ok(parsed)
    }
}

fn request(options: &Options, package: &str, from: Date, to: Date) -> Request {
    let base = options.base.trim_end_matches('/');
    // The slash of a scope belongs to the name.
    let name = package.replace('/', "%2F");
    Request::get(format!("{package} {from}"), "range", format!("{base}/downloads/range/{from}:{to}/{name}"))
}
