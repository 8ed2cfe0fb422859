//! Downloads of packages of the Python Package Index, a day at a time, from PyPI Stats.
//!
//! PyPI Stats sums up the index's public download logs: days are UTC, a day is there in the course of the next, and 180
//! days are kept. Installations by build machines count; known mirrors do not, unless asked for. An answer has all days
//! that are kept; those before the window came in with earlier runs and are passed over. The index's own counting has had
//! breaks (2018, 2021, 2024, 2025), at which all packages jump at once.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Figures, base, check_number_of_requests, shown};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct PypiDownloads;

/// Which packages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Names of the packages, for example `openai` or `scikit-learn`.
    packages: Vec<String>,
    /// Whether downloads with those by known mirrors come in too, as segment `with_mirrors`.
    #[serde(default)]
    mirrors: bool,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
    /// Days that come in with the first run; 180 are kept.
    #[serde(default = "default_days")]
    days: u32,
}

fn default_base() -> String {
    "https://pypistats.org".into()
}

fn default_days() -> u32 {
    180
}

/// Days that are read again, for corrections.
const DAYS_REVISITED: u32 = 7;

#[derive(Deserialize)]
struct Overall {
    package: String,
    data: Vec<Value>,
}

impl Connector for PypiDownloads {
    const SPEC: Spec = Spec {
        name: "pypi_downloads",
        title: "PyPI downloads",
        doc: "Downloads of Python packages per day, as PyPI Stats sums up the index's download logs.",
        homepage: "https://pypistats.org/api/",
        licence: "open interface of PyPI Stats, run by the Python Software Foundation; its terms of use apply",
        redistribute: true,
        price: "free",
        freshness: "a day is there in the course of the next (UTC)",
        requests_per_minute: 20.0,
        schedule: "0 14 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against answers that are recorded in the tests of the interface's usual client program; not \
                  against live answers",
        example: "packages = [\"openai\", \"scikit-learn\"]",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.packages.is_empty() {
            return Err("name at least one package in packages".into());
        }
        check_number_of_requests(options.packages.len())?;
        let first = window.first_day(DAYS_REVISITED, options.days);
        let mut requests = Vec::new();
        for package in &options.packages {
            let name = normalised(package)?;
            // Without the parameter an answer has both counts.
            let query = if options.mirrors { "" } else { "?mirrors=false" };
            let url = format!("{}/api/packages/{name}/overall{query}", base(&options.base));
            let request = Request::get(&name, "overall", url).with("first", first.to_string());
            requests.push(request.with("until", window.until.to_string()));
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let overall: Overall = page.json_as()?;
        let bound = |name: &str| page.context(name).parse::<Date>().ok();
        let (first, until) = (bound("first"), bound("until"));
        let mut parsed = Parsed::default();
        for row in &overall.data {
            let (written, category) = (shown(&row["date"]), shown(&row["category"]));
            let Ok(day) = written.parse::<Date>() else {
                parsed.problem("date", written, "a day such as 2024-12-05");
                continue;
            };
            if first.is_some_and(|first| day < first) || until.is_some_and(|until| day > until) {
                continue;
            }
            let segment = match category.as_str() {
                "without_mirrors" => "",
                "with_mirrors" if options.mirrors => "with_mirrors",
                "with_mirrors" => continue,
                _ => {
                    parsed.problem("category", category, "without_mirrors or with_mirrors");
                    continue;
                }
            };
            let figures = Figures {
                subject: &overall.package,
                native_id: &overall.package,
                period: &written,
                segment,
                status: "official",
                ..Figures::default()
            };
            let n_before = parsed.records.len();
            figures.add(&mut parsed, "downloads", "downloads", &row["downloads"]);
            if parsed.records.len() > n_before {
                parsed.cursor = parsed.cursor.max(Some(day.to_string()));
            }
        }
        Ok(parsed)
    }
}

/// A package's name as addresses have it (PEP 503): small letters, one hyphen for each run of `-_.`.
fn normalised(package: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if package.is_empty() || !package.bytes().all(is_plain) {
        return Err(format!(
            "packages: {package:?} is not the name of a package: letters, digits and -_. were expected"
        ));
    }
    let parts: Vec<&str> = package.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    Ok(parts.join("-").to_ascii_lowercase())
}
