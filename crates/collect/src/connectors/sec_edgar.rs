//! Figures that companies report to the SEC of the United States, as tagged in their filings (XBRL company facts).
//!
//! One answer holds every figure of a company since about 2009, each with its period, filing and the day it was filed, so
//! that what was known when can be told. A figure is told again in later filings; it is a claim where it is new or
//! restated. Kept are periods of about a quarter and about a year, not the sums of two or three quarters. The data are in
//! the public domain; the SEC asks programs to say who runs them, and allows ten requests a second.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct SecEdgar;

/// Which companies, and which figures.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Numbers of companies at the SEC (CIK), for example `320193`.
    companies: Vec<u64>,
    /// Name and mail address of whoever runs this, as the SEC asks.
    contact: String,
    /// Further figures: names of US GAAP or IFRS concepts, each with the metric that it is:
    /// `ResearchAndDevelopmentExpense = "research_spend"`.
    #[serde(default)]
    concepts: BTreeMap<String, String>,
    /// Filings of so many days before today are read in the first run.
    #[serde(default = "default_days")]
    days: u32,
    /// Address of the interface.
    #[serde(default = "default_base")]
    base: String,
}

fn default_days() -> u32 {
    7300
}

fn default_base() -> String {
    "https://data.sec.gov".into()
}

/// Filings of so many days before the last are read again.
const DAYS_REVISITED: u32 = 7;
/// What is read of each company. Where two concepts of one metric have a figure for a period, the first is it.
const CONCEPTS: [(&str, &str); 8] = [
    ("Revenues", "revenue"),
    ("RevenueFromContractWithCustomerExcludingAssessedTax", "revenue"),
    ("RevenueFromContractWithCustomerIncludingAssessedTax", "revenue"),
    ("SalesRevenueNet", "revenue"),
    ("Revenue", "revenue"),
    ("NetIncomeLoss", "net_income"),
    ("OperatingIncomeLoss", "operating_income"),
    ("AdvertisingExpense", "ad_spend"),
];
/// Taxonomies that hold them: US GAAP, and IFRS of foreign filers.
const TAXONOMIES: [&str; 2] = ["us-gaap", "ifrs-full"];

impl Connector for SecEdgar {
    const SPEC: Spec = Spec {
        name: "sec_edgar",
        title: "SEC company facts (EDGAR)",
        doc: "Revenue, net income, operating income and advertising expense of companies by quarter and year, each with the \
              day it was filed.",
        homepage: "https://www.sec.gov/search-filings/edgar-application-programming-interfaces",
        licence: "public domain",
        redistribute: true,
        price: "free",
        freshness: "minutes after a filing",
        requests_per_minute: 120.0,
        schedule: "0 8 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against client programs that read it and their fixtures; neither against its own documentation \
                  nor against live answers",
        example: "companies = [320193]\ncontact = \"Crowsnest radar@example.org\"",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.companies.is_empty() {
            return Err("name at least one company in companies, by its CIK".into());
        }
        if options.contact.trim().is_empty() {
            return Err("say in contact who runs this: the SEC asks for it".into());
        }
        let base = options.base.trim_end_matches('/');
        let since = window.first_day(DAYS_REVISITED, options.days).to_string();
        let request = |cik: &u64| {
            Request::get(format!("CIK{cik:010}"), "facts", format!("{base}/api/xbrl/companyfacts/CIK{cik:010}.json"))
                .header("user-agent", options.contact.clone())
                .with("since", since.clone())
        };
        Ok(options.companies.iter().map(request).collect())
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        let (name, cik) = (text(&answer, "/entityName"), answer.get("cik").and_then(number));
        let (Some(cik), Some(facts)) = (cik, answer.get("facts").filter(|facts| facts.is_object())) else {
            return Err(format!("expected cik and facts of a company, found {}", shown(Some(&answer))));
        };
        let company = Company { name, cik: format!("{cik:010}"), since: page.context("since") };
        let mut parsed = Parsed::default();
        let further = options.concepts.iter().map(|(concept, metric)| (concept.as_str(), metric.as_str()));
        let mut taken = BTreeSet::new();
        for (concept, metric) in CONCEPTS.into_iter().chain(further) {
            let found =
                TAXONOMIES.iter().find_map(|taxonomy| facts.get(taxonomy)?.get(concept)?.get("units")?.as_object());
            let Some(units) = found else { continue };
            let mut own = BTreeSet::new();
            for (unit, rows) in units {
                let rows = rows.as_array().map_or(&[][..], Vec::as_slice);
                for fact in new_facts(concept, rows, &mut parsed) {
                    let period = (metric, unit.clone(), fact.period.clone());
                    if !taken.contains(&period) {
                        fact.push(&company, metric, unit, &mut parsed);
                        own.insert(period);
                    }
                }
            }
            taken.extend(own);
        }
        Ok(parsed)
    }
}

struct Company<'a> {
    name: &'a str,
    cik: String,
    since: &'a str,
}

struct Fact<'a> {
    period: String,
    value: &'a Value,
    filed: &'a str,
    filing: &'a str,
}

/// The facts of a concept in one unit that say something new, in the order of filing.
fn new_facts<'a>(concept: &str, rows: &'a [Value], parsed: &mut Parsed) -> Vec<Fact<'a>> {
    let mut facts = Vec::new();
    for row in rows {
        let value = row.get("val").filter(|value| number(value).is_some());
        let (end, filed) = (text(row, "/end"), text(row, "/filed"));
        let (Some(value), false, false) = (value, end.is_empty(), filed.is_empty()) else {
            parsed.problem(concept, shown(Some(row)), "val, end and filed");
            continue;
        };
        if let Some(period) = period_of(text(row, "/start"), end) {
            facts.push(Fact { period, value, filed, filing: text(row, "/accn") });
        }
    }
    facts.sort_by_key(|fact| fact.filed);
    let mut last: BTreeMap<String, &Value> = BTreeMap::new();
    facts.retain(|fact| last.insert(fact.period.clone(), fact.value) != Some(fact.value));
    facts
}

/// A moment, or days of about a quarter or about a year; `None` for other spans and for what is no day.
fn period_of(start: &str, end: &str) -> Option<String> {
    let last: jiff::civil::Date = end.parse().ok()?;
    if start.is_empty() {
        return Some(end.to_owned());
    }
    let first: jiff::civil::Date = start.parse().ok()?;
    let n_days = (last - first).get_days() + 1;
    matches!(n_days, 80..=100 | 350..=380).then(|| format!("{start}/{end}"))
}

impl Fact<'_> {
    fn push(&self, company: &Company<'_>, metric: &str, unit: &str, parsed: &mut Parsed) {
        parsed.cursor = parsed.cursor.take().max(Some(self.filed.to_owned()));
        if self.filed < company.since {
            return;
        }
        let number = company.cik.trim_start_matches('0');
        let filing = self.filing.replace('-', "");
        let url = format!("https://www.sec.gov/Archives/edgar/data/{number}/{filing}/");
        parsed.push([
            ("subject", company.name.into()),
            ("native_id", format!("CIK{}", company.cik).into()),
            ("kind", "company".into()),
            ("metric", metric.into()),
            ("period", self.period.clone().into()),
            ("value", self.value.clone()),
            ("unit", if unit == "pure" { "" } else { unit }.into()),
            ("status", "official".into()),
            ("said_on", self.filed.into()),
            ("url", if filing.is_empty() { String::new() } else { url }.into()),
        ]);
    }
}
