//! What Apple's App Store says of single apps: mean rating, number of ratings, price, and the current version.
//!
//! iTunes' interface for looking things up, by Apple's number for an app or by its bundle id, about 20 times a minute.
//! Unless told otherwise it answers with 50 things at most, so that many are asked for at a time. Ratings are of all
//! versions, in that country only. An app that a country's store does not have is left out of the answer, and so has no
//! record. Versions are events, asked for in requests of their own, in the first country only: an app's versions appear
//! in all countries at once.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Figures, base, check_number_of_requests, shown, text};
use super::store_charts::countries;
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct AppleAppStoreLookup;

/// Which apps, and where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Apple's numbers of the apps, for example `6448311069`, or their bundle ids, for example `com.openai.chat`.
    apps: Vec<String>,
    /// Countries of the store, two letters each, for example `us` or `cn`.
    countries: Vec<String>,
    /// Whether the current version is asked for too, as an event of the day on which it came out.
    #[serde(default)]
    versions: bool,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn default_base() -> String {
    "https://itunes.apple.com".into()
}

/// Apps of one request: as many as an answer has.
const APPS_OF_A_REQUEST_MAX: usize = 50;

#[derive(Deserialize)]
struct Answer {
    results: Vec<Value>,
}

impl Connector for AppleAppStoreLookup {
    const SPEC: Spec = Spec {
        name: "apple_app_store_lookup",
        title: "Apple App Store apps",
        doc: "Rating, number of ratings and price of apps in Apple's App Store, by country; versions as events.",
        homepage: "https://performance-partners.apple.com/search-api",
        licence: "Apple's terms for the search interface",
        redistribute: false,
        price: "free",
        freshness: "ratings and versions within hours",
        requests_per_minute: 15.0,
        schedule: "30 12 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against answers that are recorded in public client programs (2015 to 2024); not against live \
                  answers",
        example: "apps = [\"6448311069\"]\ncountries = [\"us\"]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.apps.is_empty() {
            return Err("name at least one app in apps".into());
        }
        let is_number = |app: &str| app.bytes().all(|byte| byte.is_ascii_digit());
        for app in &options.apps {
            let is_plain = app.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
            if app.is_empty() || !is_plain {
                return Err(format!("apps: {app:?} is neither Apple's number of an app nor a bundle id"));
            }
        }
        let countries = countries(&options.countries)?;
        check_number_of_requests(countries.len() * options.apps.len().div_ceil(APPS_OF_A_REQUEST_MAX))?;
        let (numbers, bundles): (Vec<&str>, Vec<&str>) =
            options.apps.iter().map(String::as_str).partition(|app| is_number(app));
        let mut requests = Vec::new();
        for (parameter, apps) in [("id", numbers), ("bundleId", bundles)] {
            for (part, number) in apps.chunks(APPS_OF_A_REQUEST_MAX).zip(1..) {
                let asked = |country: &str| {
                    let apps = part.join(",");
                    format!("{}/lookup?{parameter}={apps}&country={country}", base(&options.base))
                };
                for country in &countries {
                    let slot = format!("{country}/{parameter}/{number}");
                    requests.push(Request::get(slot, "apps", asked(country)).with("country", country));
                }
                if let (true, Some(country)) = (options.versions, countries.first()) {
                    let slot = format!("{country}/{parameter}/{number}/versions");
                    let request = Request::get(slot, "versions", asked(country)).with("country", country);
                    requests.push(request.with("versions", "yes"));
                }
            }
        }
        Ok(requests)
    }

    fn parse(_options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let Answer { results } = page.json_as()?;
        let (day, country) = (page.day(), page.context("country"));
        let is_of_versions = !page.context("versions").is_empty();
        let mut parsed = Parsed::default();
        for app in &results {
            if text(&app["wrapperType"]) != "software" {
                parsed.problem("wrapperType", shown(&app["wrapperType"]), "software: an app");
                continue;
            }
            let Some(id) = app["trackId"].as_u64().map(|id| id.to_string()) else {
                parsed.problem("trackId", shown(&app["trackId"]), "Apple's number of the app");
                continue;
            };
            let name = text(&app["trackName"]);
            if name.is_empty() {
                parsed.problem("trackName", format!("{} of app {id}", shown(&app["trackName"])), "a name");
                continue;
            }
            if is_of_versions {
                add_version(&mut parsed, app, name, &id);
                continue;
            }
            let figures = Figures {
                subject: name,
                native_id: &id,
                period: &day,
                region: country,
                platform: "ios",
                url: text(&app["trackViewUrl"]),
                status: "official",
                ..Figures::default()
            };
            add_figures(&mut parsed, app, figures);
        }
        Ok(parsed)
    }
}

/// A mean of no ratings says nothing, and comes as 0.
fn add_figures(parsed: &mut Parsed, app: &Value, figures: Figures<'_>) {
    let (rating, n_ratings, price) = (&app["averageUserRating"], &app["userRatingCount"], &app["price"]);
    let has_ratings = n_ratings.as_u64() != Some(0);
    if has_ratings && !rating.is_null() {
        figures.add(parsed, "rating", "averageUserRating", rating);
    }
    if !n_ratings.is_null() {
        figures.add(parsed, "ratings", "userRatingCount", n_ratings);
    }
    if !price.is_null() {
        Figures { unit: text(&app["currency"]), ..figures }.add(parsed, "price", "price", price);
    }
}

fn add_version(parsed: &mut Parsed, app: &Value, name: &str, id: &str) {
    let (version, released_at) = (text(&app["version"]), text(&app["currentVersionReleaseDate"]));
    let Ok(moment) = released_at.parse::<jiff::Timestamp>() else {
        let found = shown(&app["currentVersionReleaseDate"]);
        parsed.problem("currentVersionReleaseDate", found, "a moment such as 2024-11-20T13:36:18Z");
        return;
    };
    let day = jiff::tz::Offset::UTC.to_datetime(moment).date().to_string();
    parsed.push([
        ("subject", name.into()),
        ("native_id", id.into()),
        ("kind", "product".into()),
        ("event", "release".into()),
        ("happened_on", day.into()),
        ("note", format!("version {version}").trim().into()),
        ("status", "official".into()),
        ("said_on", released_at.into()),
        ("url", text(&app["trackViewUrl"]).into()),
    ]);
}
