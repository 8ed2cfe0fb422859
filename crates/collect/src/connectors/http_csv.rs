//! A file behind an address: CSV or another delimited text, JSON, Parquet, a spreadsheet; packed or not.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::answers::{self, Auth};
use super::body;
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct HttpCsv;

/// How to ask for the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Address; `{day}`, `{since}`, `{until}` and `{secret:NAME}` are put in.
    url: String,
    /// Addresses of the same form: each name in turn takes the place of `{item}`.
    #[serde(default)]
    items: Vec<String>,
    /// Query parameters; values may hold what `url` may hold.
    #[serde(default)]
    query: BTreeMap<String, String>,
    /// Headers; values may hold `{secret:NAME}`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Body of a POST, as text; a GET if not given.
    #[serde(default)]
    body: Option<String>,
    /// How one shows who one is.
    #[serde(default)]
    auth: Option<Auth>,
    /// One file for each day, with `{day}` in the address; a day that is in is not asked for again.
    #[serde(default)]
    daily: bool,
    /// Days before today that `{since}` is, or that are fetched by day.
    #[serde(default = "default_days")]
    days: u32,
}

fn default_days() -> u32 {
    30
}

impl Connector for HttpCsv {
    const SPEC: Spec = Spec {
        name: "http_csv",
        title: "Any file over HTTP",
        doc: "Any CSV, delimited text, JSON, Parquet file or spreadsheet behind an address, one or one a day, with the \
              authentication of the JSON connector; its columns are mapped by the source's file.",
        homepage: "https://www.rfc-editor.org/rfc/rfc4180",
        licence: "that of the source",
        redistribute: true,
        price: "that of the source",
        freshness: "that of the source",
        requests_per_minute: 60.0,
        schedule: "0 6 * * *",
        class: Class::Generic,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, by recorded cases; the formats are those of the import, with its own cases",
        example: "url = \"https://data.example.org/exports/{day}.csv\"\ndaily = true",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        let has_day = options.url.contains("{day}")
            || options.query.values().chain(&options.body).any(|text| text.contains("{day}"));
        if options.daily && !has_day {
            return Err("daily is set, but url has no {day}: every day would be the same file".into());
        }
        let template = answers::Template {
            url: &options.url,
            items: &options.items,
            query: &options.query,
            headers: &options.headers,
            body: options.body.as_deref(),
            auth: options.auth.as_ref(),
            paging: None,
            is_daily: options.daily,
            n_days: options.days,
            n_days_revisited: 0,
        };
        answers::requests(&template, window)
    }

    fn parse(_options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        body::file_of_records(page, "answer")
    }
}
