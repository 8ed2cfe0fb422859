//! Any interface that answers in JSON: how to ask, how to go from page to page, and what the records are.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::answers::{self, Auth, Paging};
use super::json_lines::shortened;
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};
use crate::jq;

/// The connector.
pub(crate) struct HttpJson;

/// How to ask, and what to read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Address; `{day}`, `{since}`, `{until}`, `{cursor}` and `{secret:NAME}` are put in.
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
    /// How one goes from page to page; one page if not given.
    #[serde(default)]
    paging: Option<Paging>,
    /// A jq program whose outputs are the records, for example `.data[]`; the answer itself, or the elements of its list,
    /// if not given.
    #[serde(default)]
    records: Option<String>,
    /// A jq program that gives where the next run goes on, for example `[.data[].updated_at] | max`.
    #[serde(default)]
    cursor: Option<String>,
    /// One request for each day that is not done, with `{day}`: a history that is published day by day.
    #[serde(default)]
    daily: bool,
    /// Days before today that `{since}` is in the first run, or that are fetched by day.
    #[serde(default = "default_days")]
    days: u32,
    /// Days before the cursor that are asked for again, for late and restated figures.
    #[serde(default)]
    days_revisited: u32,
    /// Whether the answer tells the state of the day on which it is fetched; then `period` is that day where the mapping
    /// gives none.
    #[serde(default)]
    is_snapshot: bool,
}

fn default_days() -> u32 {
    30
}

impl Connector for HttpJson {
    const SPEC: Spec = Spec {
        name: "http_json",
        title: "Any JSON interface",
        doc: "Any interface over HTTP that answers in JSON: authentication by header, query, bearer token or OAuth 2 client \
              credentials; pages by number, cursor or link; records chosen by a jq program and mapped by the source's file.",
        homepage: "https://jqlang.github.io/jq/manual/",
        licence: "that of the source",
        redistribute: true,
        price: "that of the source",
        freshness: "that of the source",
        requests_per_minute: 60.0,
        schedule: "0 6 * * *",
        class: Class::Generic,
        is_crawler: false,
        is_snapshot: false,
        needs_map: true,
        checked: "2026-11-25, against a local server that plays each kind of authentication and paging",
        example: "url = \"https://api.example.org/v1/apps\"\nrecords = \".data[]\"",
    };
    type Options = Options;

    fn is_snapshot(options: &Options) -> bool {
        options.is_snapshot
    }

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if let Some(program) = &options.records {
            jq::check(program).map_err(|error| format!("records: {error}"))?;
        }
        if let Some(program) = &options.cursor {
            jq::check(program).map_err(|error| format!("cursor: {error}"))?;
        }
        answers::requests(&options.template(), window)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        let found = match &options.records {
            Some(program) => jq::run(program, &answer).map_err(|error| format!("records: {error}"))?,
            None => match answer.clone() {
                Value::Array(values) => values,
                value => vec![value],
            },
        };
        let mut parsed = Parsed::default();
        let n_found = found.len();
        for value in found {
            match value {
                Value::Object(fields) => parsed.records.push(fields),
                other => parsed.problem("", shortened(&other.to_string()), "an object"),
            }
        }
        answers::place(&mut parsed.records, page, options.is_snapshot);
        if let Some(program) = &options.cursor {
            let found = jq::run(program, &answer).map_err(|error| format!("cursor: {error}"))?;
            parsed.cursor = found.into_iter().next().and_then(|value| answers::as_text(&value));
        }
        if let Some(paging) = &options.paging {
            parsed.next.extend(paging.next(&options.template(), page, &answer, n_found)?);
        }
        Ok(parsed)
    }
}

impl Options {
    fn template(&self) -> answers::Template<'_> {
        answers::Template {
            url: &self.url,
            items: &self.items,
            query: &self.query,
            headers: &self.headers,
            body: self.body.as_deref(),
            auth: self.auth.as_ref(),
            paging: self.paging.as_ref(),
            is_daily: self.daily,
            n_days: self.days,
            n_days_revisited: self.days_revisited,
        }
    }
}
