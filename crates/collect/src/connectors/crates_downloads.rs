//! Downloads of crates of the Rust registry, a day at a time.
//!
//! crates.io counts downloads of a crate's archive, those of build machines and mirrors too. An answer has the last 90
//! days, by version for the five newest and as a rest (`extra_downloads`) for all others; a day is the sum of both.
//! Today's count still grows and is left out. A day of which a part cannot be read is left out as well, because its sum
//! would be too small. The answer does not say which crate it is of. Crawlers may ask once a second and have to say who
//! they are.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::figures::{Figures, base, check_number_of_requests, shown};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct CratesDownloads;

/// Which crates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Names of the crates, for example `candle-core`.
    crates: Vec<String>,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
    /// Days that come in with the first run; the interface has 90.
    #[serde(default = "default_days")]
    days: u32,
}

fn default_base() -> String {
    "https://crates.io".into()
}

fn default_days() -> u32 {
    90
}

/// Days that are read again, for corrections.
const DAYS_REVISITED: u32 = 7;

#[derive(Deserialize)]
struct Downloads {
    version_downloads: Vec<Value>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Default, Deserialize)]
struct Meta {
    #[serde(default)]
    extra_downloads: Vec<Value>,
}

impl Connector for CratesDownloads {
    const SPEC: Spec = Spec {
        name: "crates_downloads",
        title: "crates.io downloads",
        doc: "Downloads of crates of the Rust registry per day, all versions together.",
        homepage: "https://crates.io/data-access",
        licence: "open interface of crates.io; its data access policy applies",
        redistribute: true,
        price: "free",
        freshness: "a day is whole when it is over (UTC)",
        requests_per_minute: 30.0,
        schedule: "30 2 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against the registry's own source and answers that are recorded in the tests of public client \
                  programs; not against live answers",
        example: "crates = [\"candle-core\"]",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.crates.is_empty() {
            return Err("name at least one crate in crates".into());
        }
        check_number_of_requests(options.crates.len())?;
        let first = window.first_day(DAYS_REVISITED, options.days).to_string();
        let mut requests = Vec::new();
        for name in &options.crates {
            let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
            if name.is_empty() || !is_plain {
                return Err(format!(
                    "crates: {name:?} is not the name of a crate: letters, digits and -_ were expected"
                ));
            }
            let url = format!("{}/api/v1/crates/{name}/downloads", base(&options.base));
            let request = Request::get(name, "downloads", url).with("crate", name).with("first", &first);
            requests.push(request.with("until", window.until.to_string()));
        }
        Ok(requests)
    }

    fn parse(_options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer: Downloads = page.json_as()?;
        let bound = |name: &str| page.context(name).parse::<Date>().ok();
        let (first, until) = (bound("first"), bound("until"));
        let today: Option<Date> = page.day().parse().ok();
        let name = page.context("crate");
        let mut parsed = Parsed::default();
        for (day, n_downloads) in days(&answer, &mut parsed) {
            let is_over = today.is_none_or(|today| day < today);
            if !is_over || first.is_some_and(|first| day < first) || until.is_some_and(|until| day > until) {
                continue;
            }
            let period = day.to_string();
            let figures =
                Figures { subject: name, native_id: name, period: &period, status: "official", ..Figures::default() };
            figures.add(&mut parsed, "downloads", "downloads", &n_downloads.into());
            parsed.cursor = Some(period);
        }
        Ok(parsed)
    }
}

/// The sum of each day of which all parts can be read, the oldest first.
fn days(answer: &Downloads, parsed: &mut Parsed) -> BTreeMap<Date, u64> {
    let mut sums: BTreeMap<Date, u64> = BTreeMap::new();
    let mut broken = BTreeSet::new();
    for row in answer.version_downloads.iter().chain(&answer.meta.extra_downloads) {
        let written = shown(&row["date"]);
        let Ok(day) = written.parse::<Date>() else {
            parsed.problem("date", written, "a day such as 2024-12-05");
            continue;
        };
        let sum = sums.entry(day).or_default();
        match row["downloads"].as_u64().and_then(|n| sum.checked_add(n)) {
            Some(n) => *sum = n,
            None => {
                parsed.problem("downloads", format!("{} on {day}", shown(&row["downloads"])), "a whole number");
                broken.insert(day);
            }
        }
    }
    sums.retain(|day, _| !broken.contains(day));
    sums
}
