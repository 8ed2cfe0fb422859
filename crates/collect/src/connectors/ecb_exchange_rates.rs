//! The European Central Bank's euro reference rates of each working day.
//!
//! Units of a currency for one euro, set at about 16:00 Central European Time and not restated; days on which banks are
//! closed have none. What the market converts with are monthly and yearly averages (`[fx]`); these rates are for whoever
//! wants to see or chart the days. Free to use with the source named.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct EcbExchangeRates;

/// Which currencies.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Currencies, as ISO 4217 codes.
    #[serde(default = "default_currencies")]
    currencies: Vec<String>,
    /// Days that are asked for in the first run.
    #[serde(default = "default_days")]
    days: u32,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn default_currencies() -> Vec<String> {
    ["USD", "CNY", "GBP", "JPY", "HKD"].map(str::to_owned).to_vec()
}

fn default_days() -> u32 {
    365
}

fn default_base() -> String {
    "https://data-api.ecb.europa.eu".into()
}

/// Days that are asked for again: a run before 16:00 has not got the day.
const DAYS_REVISITED: u32 = 3;

impl Connector for EcbExchangeRates {
    const SPEC: Spec = Spec {
        name: "ecb_exchange_rates",
        title: "ECB euro reference rates",
        doc: "Units of currencies for one euro on each working day, as the European Central Bank publishes them.",
        homepage: "https://data.ecb.europa.eu/help/api/overview",
        licence: "free to use; name the source: European Central Bank",
        redistribute: true,
        price: "free",
        freshness: "the same day at 16:00 Central European Time",
        requests_per_minute: 30.0,
        schedule: "30 16 * * 1-5",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against client programs that read it and their fixtures; neither against its own documentation \
                  nor against live answers",
        example: "currencies = [\"USD\", \"CNY\"]",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.currencies.is_empty() {
            return Err("name at least one currency in currencies".into());
        }
        let is_code = |code: &&String| code.len() == 3 && code.bytes().all(|letter| letter.is_ascii_uppercase());
        if let Some(wrong) = options.currencies.iter().find(|code| !is_code(code)) {
            return Err(format!("currency {wrong:?}: write an ISO 4217 code in capitals, as USD"));
        }
        let base = options.base.trim_end_matches('/');
        let (first, last) = (window.first_day(DAYS_REVISITED, options.days), window.until);
        let series = format!("D.{}.EUR.SP00.A", options.currencies.join("+"));
        let query = format!("startPeriod={first}&endPeriod={last}&detail=dataonly&format=csvdata");
        let mut request = Request::get("rates", "rates", format!("{base}/service/data/EXR/{series}?{query}"));
        // No rate in these days: a weekend.
        if let Via::Http(http) = &mut request.via {
            http.also_accepts.push(404);
        }
        Ok(vec![request])
    }

    fn parse(_options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let body = page.text();
        let mut parsed = Parsed::default();
        if page.status == 404 || body.trim().is_empty() {
            return Ok(parsed);
        }
        let mut lines = body.lines().map(|line| line.trim_start_matches('\u{feff}'));
        let heading: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
        let column = |name: &str| {
            let found = heading.iter().position(|column| *column == name);
            found.ok_or_else(|| format!("expected CSV with a column {name}, found {:?}", heading.join(",")))
        };
        let (key, currency, day, rate) =
            (column("KEY")?, column("CURRENCY")?, column("TIME_PERIOD")?, column("OBS_VALUE")?);
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |index: usize| cells.get(index).copied().unwrap_or_default().trim();
            if cells.len() != heading.len() || cell(day).parse::<jiff::civil::Date>().is_err() {
                parsed.problem("line", line, "as many cells as the heading has, and a day");
                continue;
            }
            // A day without a rate has an empty cell, or none.
            if matches!(cell(rate), "" | "NaN") {
                continue;
            }
            parsed.push([
                ("subject", cell(currency).into()),
                ("native_id", cell(key).into()),
                ("kind", "segment".into()),
                ("metric", "exchange_rate".into()),
                ("period", cell(day).into()),
                ("value", cell(rate).into()),
                ("status", "official".into()),
                ("said_on", cell(day).into()),
            ]);
            parsed.cursor = parsed.cursor.max(Some(cell(day).to_owned()));
        }
        Ok(parsed)
    }
}
