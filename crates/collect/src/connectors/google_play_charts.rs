//! Charts of Google Play: an app's rank by country, chart and category, once a day.
//!
//! FRAGILE. Google documents no interface for its charts, and its pages build them in the browser. This asks what the
//! store's own page asks (`batchexecute`, call `vyAe2`) and reads apps from fixed places of nested lists without names:
//! 0.1.0.28.0 is the chart, 0.0.0 of each row the package, 0.3 its name. These places have held since 2022 and may move
//! any day; then the document goes into quarantine, and no rank is made up. Which apps a chart has depends on the place
//! and device that Google takes the asker for. robots.txt is obeyed, so nothing is fetched where it says no. Whoever
//! needs charts that must not fail buys them from a provider of market data.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answers::escaped;
use super::figures::{Figures, base, check_number_of_requests, shown, text};
use super::store_charts::{Chart, countries, free_chart};
use crate::connector::{Class, Connector, HttpRequest, Page, Parsed, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct GooglePlayCharts;

/// Which charts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Countries of the store, two letters each, for example `us` or `jp`.
    countries: Vec<String>,
    /// The charts: `top-free`, `top-paid`, `top-grossing`.
    #[serde(default = "free_chart")]
    charts: Vec<Chart>,
    /// Google's names of categories: `APPLICATION` (all apps), `GAME` (all games), `PRODUCTIVITY`, …
    #[serde(default = "default_categories")]
    categories: Vec<String>,
    /// Places of each chart, at most 200; Google may send fewer.
    #[serde(default = "default_n")]
    n: u32,
    /// The language of apps' names, for example `en` or `zh-TW`.
    #[serde(default = "default_language")]
    language: String,
    /// Address of the store.
    #[serde(default = "default_base")]
    base: String,
}

fn default_categories() -> Vec<String> {
    vec![ALL_APPS.into()]
}

fn default_n() -> u32 {
    100
}

fn default_language() -> String {
    "en".into()
}

fn default_base() -> String {
    "https://play.google.com".into()
}

const N_MAX: u32 = 200;
/// The category that is no category.
const ALL_APPS: &str = "APPLICATION";
/// The call that answers with a chart.
const CALL: &str = "vyAe2";
/// The signs with which answers begin, so that no browser runs them.
const GUARD: &str = ")]}'";
/// Where the chart is in an answer, as a JSON pointer.
const CHART_AT: &str = "/0/1/0/28/0";

impl Connector for GooglePlayCharts {
    const SPEC: Spec = Spec {
        name: "google_play_charts",
        title: "Google Play charts",
        doc: "Ranks of apps in the charts of Google Play, by country, chart and category. Fragile: it reads what the \
              store's page loads, for which there is no documented interface.",
        homepage: "https://play.google.com/store/apps",
        licence: "Google Play's terms of service; no licence to pass the charts on",
        redistribute: false,
        price: "free",
        freshness: "the chart of the moment",
        requests_per_minute: 6.0,
        schedule: "45 12 * * *",
        class: Class::Public,
        is_crawler: true,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against the request and the answers' form in two public client programs (of 2022 and of \
                  September 2026); not against live answers; what robots.txt says of that address is not known",
        example: "countries = [\"us\"]\ncategories = [\"APPLICATION\", \"PRODUCTIVITY\"]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if !(1..=N_MAX).contains(&options.n) {
            return Err(format!("n is {}: a chart has 1 to {N_MAX} places", options.n));
        }
        for category in &options.categories {
            if category.is_empty() || !category.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
                return Err(format!("categories: {category:?} is not one of Google's, for example GAME_PUZZLE"));
            }
        }
        if options.charts.is_empty() || options.categories.is_empty() {
            return Err("name at least one chart in charts and one category in categories".into());
        }
        let countries = countries(&options.countries)?;
        check_number_of_requests(countries.len() * options.charts.len() * options.categories.len())?;
        let mut requests = Vec::new();
        for country in &countries {
            for chart in &options.charts {
                requests.extend(options.categories.iter().map(|category| request(options, country, *chart, category)));
            }
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let payload = payload(&page.text())?;
        let rows = payload.pointer(CHART_AT).and_then(Value::as_array).ok_or_else(|| {
            format!(
                "the chart is not where it was: a list at {CHART_AT} was expected; Google may have changed its page"
            )
        })?;
        let day = page.day();
        let mut parsed = Parsed::default();
        for (row, rank) in rows.iter().zip(1_u64..) {
            let at = |pointer: &str| row.pointer(pointer).unwrap_or(&Value::Null);
            let (id, name) = (text(at("/0/0/0")), text(at("/0/3")));
            if !is_package(id) {
                parsed.problem("package", format!("{} at rank {rank}", shown(at("/0/0/0"))), "such as com.example.app");
                continue;
            }
            if name.is_empty() {
                parsed.problem("name", format!("{} at rank {rank}", shown(at("/0/3"))), "the app's name");
                continue;
            }
            let url = format!("{}/store/apps/details?id={id}", base(&options.base));
            let figures = Figures {
                subject: name,
                native_id: id,
                period: &day,
                region: page.context("country"),
                platform: "android",
                segment: page.context("segment"),
                url: &url,
                status: "official",
                ..Figures::default()
            };
            figures.add(&mut parsed, "rank", "rank", &rank.into());
        }
        Ok(parsed)
    }
}

fn request(options: &Options, country: &str, chart: Chart, category: &str) -> Request {
    let collection = match chart {
        Chart::TopFree => "topselling_free",
        Chart::TopPaid => "topselling_paid",
        Chart::TopGrossing => "topgrossing",
    };
    let chart = chart.as_str();
    let segment = if category == ALL_APPS { chart.to_owned() } else { format!("{chart}/{category}") };
    // 113 asks for what a row shows least: package, name and picture.
    let question = json!([[null, [[null, [null, options.n]], null, null, [113]], [2, collection, category]]]);
    let envelope = json!([[[CALL, question.to_string()]]]);
    let url = format!(
        "{}/_/PlayStoreUi/data/batchexecute?hl={}&gl={country}",
        base(&options.base),
        escaped(&options.language)
    );
    let http = HttpRequest {
        url,
        body: Some(format!("f.req={}", escaped(&envelope.to_string()))),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded;charset=utf-8".into())],
        ..HttpRequest::default()
    };
    let request = Request::get(format!("{country}/{segment}"), "chart", "");
    Request { via: Via::Http(http), ..request }.with("country", country).with("segment", segment)
}

/// The call's answer, which is JSON as a text within JSON; the outer one is whole, or in lines between numbers.
fn payload(answer: &str) -> Result<Value, String> {
    let guarded = answer.trim_start();
    let body = guarded.strip_prefix(GUARD).unwrap_or(guarded).trim();
    let whole = serde_json::from_str::<Value>(body).into_iter();
    let in_lines = body.lines().filter_map(|line| serde_json::from_str(line).ok());
    for envelope in whole.chain(in_lines) {
        let calls = envelope.as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(call) = calls.iter().find(|call| text(&call[1]) == CALL) else { continue };
        let inner = text(&call[2]);
        if inner.is_empty() {
            return Err(format!("Google Play gives no chart: call {CALL} is answered with {}", shown(call)));
        }
        return serde_json::from_str(inner).map_err(|error| format!("the chart is not JSON: {error}"));
    }
    Err(format!("the answer is not a chart: a list with the call {CALL} was expected after {GUARD}"))
}

fn is_package(id: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|sign| sign.is_ascii_alphanumeric() || sign == '_');
    id.contains('.') && id.split('.').all(is_part)
}
