//! Charts of Apple's App Store: an app's rank by country, chart and genre, once a day.
//!
//! Two feeds are read. The newer one (`rss.marketingtools.apple.com`) has free and bought apps of all genres, 100 at
//! most. The older one (`itunes.apple.com/…/rss`) has genres and the chart by revenue too; it is no longer documented,
//! but answers. Both are of iPhone apps. Charts move several times a day; a rank is that at the moment of fetching. An
//! app is named by Apple's number for it, because the newer feed has no bundle id. A chart of one app is an object in
//! the older feed, not a list, and an empty one is not there at all.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Figures, base, check_number_of_requests, shown, text};
use super::store_charts::{Chart, countries, free_chart};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct AppleAppStoreCharts;

/// Which charts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Countries of the store, two letters each, for example `us` or `cn`.
    countries: Vec<String>,
    /// The charts: `top-free`, `top-paid`, `top-grossing`.
    #[serde(default = "free_chart")]
    charts: Vec<Chart>,
    /// Apple's numbers of genres, for example `6007` (productivity) or `6014` (games); all genres in one if none.
    #[serde(default)]
    genres: Vec<u32>,
    /// Places of each chart, at most 100.
    #[serde(default = "default_n")]
    n: u32,
    /// Address of the newer feed: all genres, free or bought.
    #[serde(default = "default_base")]
    base: String,
    /// Address of the older feed: by genre, and by revenue.
    #[serde(default = "default_base_by_genre")]
    base_by_genre: String,
}

fn default_n() -> u32 {
    N_MAX
}

fn default_base() -> String {
    "https://rss.marketingtools.apple.com".into()
}

fn default_base_by_genre() -> String {
    "https://itunes.apple.com".into()
}

/// Places of a chart; both feeds end there.
const N_MAX: u32 = 100;

#[derive(Deserialize)]
struct Answer {
    feed: Feed,
}

/// Either feed: `results` is the newer's list, `entry` the older's; `author` is in both.
#[derive(Deserialize)]
struct Feed {
    results: Option<Vec<Value>>,
    entry: Option<Value>,
    author: Option<Value>,
}

struct App<'a> {
    id: &'a Value,
    name: &'a Value,
    url: &'a Value,
}

impl Connector for AppleAppStoreCharts {
    const SPEC: Spec = Spec {
        name: "apple_app_store_charts",
        title: "Apple App Store charts",
        doc: "Ranks of apps in the charts of Apple's App Store, by country, chart and genre.",
        homepage: "https://rss.marketingtools.apple.com/",
        licence: "Apple's terms for its feeds, which are meant for promoting what they list",
        redistribute: false,
        price: "free",
        freshness: "the chart of the moment",
        requests_per_minute: 20.0,
        schedule: "15 12 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against answers of both feeds that are recorded in the tests of public client programs; not \
                  against live answers",
        example: "countries = [\"us\", \"cn\"]\ncharts = [\"top-free\", \"top-grossing\"]\ngenres = [6007]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if !(1..=N_MAX).contains(&options.n) {
            return Err(format!("n is {}: the feeds have 1 to {N_MAX} places", options.n));
        }
        if options.charts.is_empty() {
            return Err("name at least one chart in charts".into());
        }
        let countries = countries(&options.countries)?;
        check_number_of_requests(countries.len() * options.charts.len() * options.genres.len().max(1))?;
        let mut requests = Vec::new();
        for country in &countries {
            for chart in &options.charts {
                if options.genres.is_empty() {
                    requests.push(request(options, country, *chart, None));
                }
                requests.extend(options.genres.iter().map(|genre| request(options, country, *chart, Some(*genre))));
            }
        }
        Ok(requests)
    }

    fn parse(_options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let Answer { feed } = page.json_as()?;
        let day = page.day();
        let mut parsed = Parsed::default();
        let figures = Figures {
            period: &day,
            region: page.context("country"),
            platform: "ios",
            segment: page.context("segment"),
            status: "official",
            ..Figures::default()
        };
        match feed {
            Feed { results: Some(results), .. } => {
                for (row, rank) in results.iter().zip(1_u64..) {
                    let app = App { id: &row["id"], name: &row["name"], url: &row["url"] };
                    add(&mut parsed, figures, &app, rank);
                }
            }
            Feed { entry: None, author: None, .. } => {
                return Err("the answer is not a chart: a feed with results or with entry was expected".into());
            }
            Feed { entry, .. } => {
                let rows = match entry {
                    Some(Value::Array(rows)) => rows,
                    Some(row) => vec![row],
                    None => Vec::new(),
                };
                for (row, rank) in rows.iter().zip(1_u64..) {
                    let id = &row["id"];
                    let app = App { id: &id["attributes"]["im:id"], name: &row["im:name"]["label"], url: &id["label"] };
                    add(&mut parsed, figures, &app, rank);
                }
            }
        }
        Ok(parsed)
    }
}

fn request(options: &Options, country: &str, chart: Chart, genre: Option<u32>) -> Request {
    let n = options.n;
    let newer = || format!("{}/api/v2/{country}/apps/{}/{n}/apps.json", base(&options.base), chart.as_str());
    let older = |genre: &str| {
        let name = match chart {
            Chart::TopFree => "topfreeapplications",
            Chart::TopPaid => "toppaidapplications",
            Chart::TopGrossing => "topgrossingapplications",
        };
        format!("{}/{country}/rss/{name}/limit={n}{genre}/json", base(&options.base_by_genre))
    };
    let (segment, url) = match (genre, chart) {
        (Some(genre), _) => (format!("{}/{genre}", chart.as_str()), older(&format!("/genre={genre}"))),
        (None, Chart::TopGrossing) => (chart.as_str().to_owned(), older("")),
        (None, _) => (chart.as_str().to_owned(), newer()),
    };
    Request::get(format!("{country}/{segment}"), "chart", url).with("country", country).with("segment", segment)
}

/// A row that cannot be read keeps its place, so that those below it keep theirs.
fn add(parsed: &mut Parsed, figures: Figures<'_>, app: &App<'_>, rank: u64) {
    let (id, name) = (text(app.id), text(app.name));
    for (field, found, value) in [("id", id, app.id), ("name", name, app.name)] {
        if found.is_empty() {
            parsed.problem(field, format!("{} at rank {rank}", shown(value)), "a text");
            return;
        }
    }
    Figures { subject: name, native_id: id, url: text(app.url), ..figures }.add(parsed, "rank", "rank", &rank.into());
}
