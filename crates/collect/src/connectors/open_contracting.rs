//! Awards in the Open Contracting Data Standard (OCDS 1.1), as dozens of governments publish them.
//!
//! Read are release packages (`releases`), record packages (`records`, of which the compiled release counts), single
//! releases, and JSON lines of any of these. Publishers differ in freshness (minutes to months) and licence, which the
//! package names. What to know: a release repeats earlier awards in later stages, so that only those with a tag of an
//! award are read; an award to several suppliers has one amount for all, which is then told in the note and not given to
//! each; `unsuccessful` awards have no supplier and are no events.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::json_fields::{day_of, list, number, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct OpenContracting;

/// Where, and what becomes of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Address of a package, or of an interface that gives packages; `{since}` and `{until}` are the first and the last
    /// day that are wanted.
    url: String,
    /// Headers, where the publisher asks for a key; values may hold `{secret:NAME}`.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// What an award becomes: an event of its supplier, or figures of supplier and buyer.
    #[serde(default)]
    records: Records,
    /// Days before today that are asked for in the first run, where the address has `{since}`.
    #[serde(default = "default_days")]
    days: u32,
    /// Pages of one run, at most.
    #[serde(default = "default_pages_max")]
    pages_max: u32,
    /// Region of figures, for example `gb`; for the whole world if not given.
    #[serde(default)]
    region: String,
}

/// What an award becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Records {
    /// `tender_award` with the buyer as its counterparty.
    #[default]
    Events,
    /// `award_amount` of the supplier and `tender_amount_as_buyer` of the buyer; the award's id is the segment.
    Claims,
}

fn default_days() -> u32 {
    30
}

fn default_pages_max() -> u32 {
    200
}

/// Days that are asked for again: packages of the last days grow.
const DAYS_REVISITED: u32 = 3;
/// Tags of releases that tell something new of an award.
const TAGS_OF_AWARDS: [&str; 4] = ["award", "awardUpdate", "awardCancellation", "compiled"];

impl Connector for OpenContracting {
    const SPEC: Spec = Spec {
        name: "open_contracting",
        title: "Open contracting (OCDS)",
        doc: "Awards of public tenders in the Open Contracting Data Standard: release packages, record packages and JSON \
              lines, with pages by `links.next`.",
        homepage: "https://standard.open-contracting.org/1.1/en/schema/",
        licence: "that of the publisher; the package names it in `license`",
        redistribute: true,
        price: "free",
        freshness: "that of the publisher; mostly a day after the award",
        requests_per_minute: 30.0,
        schedule: "30 5 * * *",
        class: Class::Generic,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against the standard's schema 1.1 and its fictional example of a process as releases and as a record; \
                  not against live publishers",
        example: "url = \"https://www.find-tender.service.gov.uk/api/1.0/ocdsReleasePackages?updatedFrom={since}T00:00:00\"",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        let since = window.first_day(DAYS_REVISITED, options.days);
        let url = options.url.replace("{since}", &since.to_string()).replace("{until}", &window.until.to_string());
        super::answers::address(&url)?;
        let request = Request::get("awards", "package", url);
        Ok(vec![options.headers.iter().fold(request, |request, (name, value)| request.header(name, value))])
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let mut parsed = Parsed::default();
        let mut next = None;
        for document in documents(page)? {
            let releases = releases_of(&document);
            if releases.is_empty() && !is_package(&document) {
                return Err("expected an OCDS package (releases or records) or a release with ocid and awards".into());
            }
            for release in releases {
                read_release(options, release, &mut parsed);
            }
            let link = text(&document, "/links/next");
            next = next.or_else(|| (!link.is_empty()).then(|| link.to_owned()));
        }
        let next = next.or_else(|| page.links.get("next").cloned());
        if let Some(next) = next {
            parsed.next.extend(next_page(options, page, &next)?);
        }
        Ok(parsed)
    }
}

/// The document, or those of its lines.
fn documents(page: &Page<'_>) -> Result<Vec<Value>, String> {
    let lines: Vec<&[u8]> =
        page.body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    let are_lines = lines.len() > 1 && lines.iter().all(|line| line.trim_ascii().starts_with(b"{\""));
    if are_lines {
        let read = |(index, line): (usize, &&[u8])| {
            serde_json::from_slice(line).map_err(|error| format!("line {} is not JSON: {error}", index + 1))
        };
        return lines.iter().enumerate().map(read).collect();
    }
    match page.json()? {
        Value::Array(documents) => Ok(documents),
        document => Ok(vec![document]),
    }
}

fn is_package(document: &Value) -> bool {
    document.get("releases").is_some_and(Value::is_array) || document.get("records").is_some_and(Value::is_array)
}

fn releases_of(document: &Value) -> Vec<&Value> {
    let mut releases: Vec<&Value> = list(document, "/releases").iter().filter(|release| release.is_object()).collect();
    let records: &[Value] =
        if is_package(document) { list(document, "/records") } else { std::slice::from_ref(document) };
    for record in records {
        match record.get("compiledRelease") {
            Some(compiled) => releases.push(compiled),
            None if is_package(document) => {
                releases.extend(list(record, "/releases").iter().filter(|release| release.get("ocid").is_some()));
            }
            None => {}
        }
    }
    if document.get("ocid").is_some() && document.get("compiledRelease").is_none() && !is_package(document) {
        releases.push(document);
    }
    releases
}

/// What is the same for all awards of a release.
struct Process<'a> {
    release: &'a Value,
    ocid: &'a str,
    buyer: (&'a str, &'a str),
    /// When a release was published; a compiled release is published again with each change, so that it does not say.
    said_on: &'a str,
}

fn read_release(options: &Options, release: &Value, parsed: &mut Parsed) {
    let tags = list(release, "/tag");
    let tells_of_awards = tags.iter().filter_map(Value::as_str).any(|tag| TAGS_OF_AWARDS.contains(&tag));
    if !tags.is_empty() && !tells_of_awards {
        return;
    }
    let is_compiled = tags.iter().any(|tag| tag == "compiled");
    let date = text(release, "/date");
    parsed.cursor = parsed.cursor.take().max((!day_of(date).is_empty()).then(|| day_of(date).to_owned()));
    let process = Process {
        release,
        ocid: text(release, "/ocid"),
        buyer: buyer_of(release),
        said_on: if is_compiled { "" } else { date },
    };
    for award in list(release, "/awards") {
        read_award(options, &process, award, parsed);
    }
}

fn buyer_of(release: &Value) -> (&str, &str) {
    for place in ["/buyer", "/tender/procuringEntity"] {
        let id = text(release, &format!("{place}/id"));
        let name = text(release, &format!("{place}/name"));
        let name = if name.is_empty() { name_of_party(release, id) } else { name };
        if !name.is_empty() {
            return (name, id);
        }
    }
    let is_buyer = |party: &&Value| list(party, "/roles").iter().any(|role| role == "buyer");
    let party = list(release, "/parties").iter().find(is_buyer).unwrap_or(&Value::Null);
    (text(party, "/name"), text(party, "/id"))
}

fn name_of_party<'a>(release: &'a Value, id: &str) -> &'a str {
    let party = list(release, "/parties").iter().find(|party| !id.is_empty() && text(party, "/id") == id);
    party.map_or("", |party| text(party, "/name"))
}

fn read_award(options: &Options, process: &Process<'_>, award: &Value, parsed: &mut Parsed) {
    let status = match text(award, "/status") {
        "unsuccessful" => return,
        "cancelled" => "withdrawn",
        "pending" => "reported",
        _ => "official",
    };
    let suppliers: Vec<(&str, &str)> = list(award, "/suppliers")
        .iter()
        .map(|supplier| {
            let (name, id) = (text(supplier, "/name"), text(supplier, "/id"));
            (if name.is_empty() { name_of_party(process.release, id) } else { name }, id)
        })
        .collect();
    let id = text(award, "/id");
    if suppliers.is_empty() || suppliers.iter().any(|(name, _)| name.is_empty()) {
        let found = format!("award {id} of {}: {}", process.ocid, shown(award.get("suppliers")));
        return parsed.problem("suppliers", found, "suppliers with names, in the award or among the parties");
    }
    let amount = award.pointer("/value/amount").filter(|amount| !amount.is_null());
    if let Some(amount) = amount
        && number(amount).is_none()
    {
        return parsed.problem("value.amount", shown(Some(amount)), "a number");
    }
    let award = Award {
        award,
        id,
        day: day_of(text(award, "/date")),
        status,
        amount: amount.cloned().unwrap_or_default(),
        currency: text(award, "/value/currency"),
    };
    match options.records {
        Records::Events => push_events(process, &award, &suppliers, parsed),
        Records::Claims => push_claims(options, process, &award, &suppliers, parsed),
    }
}

struct Award<'a> {
    award: &'a Value,
    id: &'a str,
    day: &'a str,
    status: &'static str,
    amount: Value,
    currency: &'a str,
}

fn push_events(process: &Process<'_>, award: &Award<'_>, suppliers: &[(&str, &str)], parsed: &mut Parsed) {
    let title =
        [text(award.award, "/title"), text(process.release, "/tender/title"), text(award.award, "/description")]
            .into_iter()
            .find(|title| !title.is_empty())
            .unwrap_or_default();
    let pending = if text(award.award, "/status") == "pending" { "; pending" } else { "" };
    for (name, id) in suppliers {
        let is_shared = suppliers.len() > 1 && !award.amount.is_null();
        let shared = if is_shared {
            format!("; {} {} to {} suppliers together", award.amount, award.currency, suppliers.len())
        } else {
            String::new()
        };
        let amount = if is_shared { Value::Null } else { award.amount.clone() };
        let currency = if amount.is_null() { "" } else { award.currency };
        let said_not_before = if process.said_on.is_empty() { award.day } else { "" };
        parsed.push([
            ("event", "tender_award".into()),
            ("subject", (*name).into()),
            ("native_id", (*id).into()),
            ("kind", "company".into()),
            ("counterparty", process.buyer.0.into()),
            ("happened_on", award.day.into()),
            ("amount", amount),
            ("currency", currency.into()),
            ("status", award.status.into()),
            ("said_on", process.said_on.into()),
            ("said_not_before", said_not_before.into()),
            ("note", format!("{title} (award {} of {}{pending}{shared})", award.id, process.ocid).trim().into()),
        ]);
    }
}

fn push_claims(
    options: &Options,
    process: &Process<'_>,
    award: &Award<'_>,
    suppliers: &[(&str, &str)],
    parsed: &mut Parsed,
) {
    if award.amount.is_null() {
        return;
    }
    if award.day.is_empty() {
        let found = format!("award {} of {}: {}", award.id, process.ocid, shown(award.award.get("date")));
        return parsed.problem("date", found, "the day of the award, because figures need a period");
    }
    let mut push = |(name, id): (&str, &str), metric: &str| {
        parsed.push([
            ("subject", name.into()),
            ("native_id", id.into()),
            ("kind", "company".into()),
            ("metric", metric.into()),
            ("period", award.day.into()),
            ("region", options.region.clone().into()),
            ("segment", award.id.into()),
            ("value", award.amount.clone()),
            ("unit", award.currency.into()),
            ("status", award.status.into()),
            ("said_on", process.said_on.into()),
            ("said_not_before", if process.said_on.is_empty() { award.day } else { "" }.into()),
        ]);
    };
    // One amount for several suppliers is nobody's own.
    if let [supplier] = suppliers {
        push(*supplier, "award_amount");
    }
    if !process.buyer.0.is_empty() {
        push(process.buyer, "tender_amount_as_buyer");
    }
}

fn next_page(options: &Options, page: &Page<'_>, link: &str) -> Result<Option<Request>, String> {
    let number: u32 = page.context("page").parse().unwrap_or(1);
    if number >= options.pages_max {
        return Ok(None);
    }
    let here = super::answers::address(page.url)?;
    let url = here.join(link).map_err(|error| format!("links.next {link:?} is not an address: {error}"))?;
    let number = number + 1;
    Ok(Some(Request::get(format!("awards page {number}"), "package", url).with("page", number.to_string())))
}
