//! Extensions in the Visual Studio Marketplace: installations so far, mean rating and number of ratings.
//!
//! This asks what VS Code itself asks (`extensionquery`), up to 100 extensions at a time; Microsoft does not document
//! the interface for others. Installations are counted since the extension exists; updates are a count of their own,
//! which is not read. Counts are of the moment, and come as decimals.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::figures::{Figures, base, check_number_of_requests, check_owner_and_name, shown, text};
use crate::connector::{Class, Connector, HttpRequest, Page, Parsed, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct VscodeMarketplace;

/// Which extensions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The extensions, as publisher and name, for example `GitHub.copilot`.
    extensions: Vec<String>,
    /// Address of the marketplace.
    #[serde(default = "default_base")]
    base: String,
}

fn default_base() -> String {
    "https://marketplace.visualstudio.com".into()
}

/// Extensions of one request.
const PAGE_SIZE: usize = 100;
/// A criterion that is an extension's full name.
const BY_NAME: u32 = 7;
/// What an answer has to hold: statistics (256), and of versions only the last (512).
const FLAGS: u32 = 256 | 512;

/// A metric, and the statistic that holds it.
const STATISTICS: [(&str, &str); 3] =
    [("downloads_total", "install"), ("rating", "averagerating"), ("ratings", "ratingcount")];

#[derive(Deserialize)]
struct Answer {
    results: Vec<Extensions>,
}

#[derive(Deserialize)]
struct Extensions {
    extensions: Vec<Value>,
}

impl Connector for VscodeMarketplace {
    const SPEC: Spec = Spec {
        name: "vscode_marketplace",
        title: "Visual Studio Marketplace",
        doc: "Installations so far, rating and number of ratings of extensions for VS Code.",
        homepage: "https://marketplace.visualstudio.com/vscode",
        licence: "Microsoft's terms of use of the marketplace; no licence to pass the counts on",
        redistribute: false,
        price: "free",
        freshness: "counts are renewed a few times a day",
        requests_per_minute: 20.0,
        schedule: "30 6 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against answers that are recorded in public client programs (2026); not against live answers",
        example: "extensions = [\"GitHub.copilot\", \"Continue.continue\"]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.extensions.is_empty() {
            return Err("name at least one extension in extensions".into());
        }
        check_number_of_requests(options.extensions.len())?;
        for extension in &options.extensions {
            check_owner_and_name(&extension.replacen('.', "/", 1))
                .map_err(|_| format!("extensions: {extension:?} is not of the form publisher.name"))?;
        }
        let parts = options.extensions.chunks(PAGE_SIZE).zip(1..);
        Ok(parts.map(|(part, number)| request(options, part, number)).collect())
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let Answer { results } = page.json_as()?;
        let day = page.day();
        let mut parsed = Parsed::default();
        let mut missing: Vec<&str> = page.context("extensions").split(',').filter(|name| !name.is_empty()).collect();
        for extension in results.iter().flat_map(|result| &result.extensions) {
            let (publisher, name) = (text(&extension["publisher"]["publisherName"]), text(&extension["extensionName"]));
            if publisher.is_empty() || name.is_empty() {
                parsed.problem("extensionName", shown(&extension["extensionName"]), "publisher and name");
                continue;
            }
            let id = format!("{publisher}.{name}");
            missing.retain(|wanted| !wanted.eq_ignore_ascii_case(&id));
            add(&mut parsed, options, extension, &id, &day);
        }
        for name in missing {
            parsed.problem("extension", name, "an extension that the marketplace has: correct extensions");
        }
        Ok(parsed)
    }
}

fn request(options: &Options, part: &[String], number: usize) -> Request {
    let criteria: Vec<Value> = part.iter().map(|name| json!({ "filterType": BY_NAME, "value": name })).collect();
    let filter = json!({ "criteria": criteria, "pageNumber": 1, "pageSize": PAGE_SIZE });
    let http = HttpRequest {
        url: format!("{}/_apis/public/gallery/extensionquery", base(&options.base)),
        body: Some(json!({ "filters": [filter], "flags": FLAGS }).to_string()),
        headers: vec![
            ("accept".into(), "application/json;api-version=7.1-preview.1".into()),
            ("content-type".into(), "application/json".into()),
        ],
        ..HttpRequest::default()
    };
    let request = Request::get(format!("part {number}"), "extensions", "").with("extensions", part.join(","));
    Request { via: Via::Http(http), ..request }
}

fn add(parsed: &mut Parsed, options: &Options, extension: &Value, id: &str, day: &str) {
    let title = text(&extension["displayName"]);
    let url = format!("{}/items?itemName={id}", base(&options.base));
    let figures = Figures {
        subject: if title.is_empty() { id } else { title },
        native_id: id,
        period: day,
        url: &url,
        status: "official",
        ..Figures::default()
    };
    let statistics = extension["statistics"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (metric, name) in STATISTICS {
        let found = statistics.iter().find(|statistic| text(&statistic["statisticName"]) == name);
        match found {
            Some(statistic) => figures.add(parsed, metric, name, &statistic["value"]),
            // What nobody has rated has no rating; installations there always are.
            None if name == "install" => figures.add(parsed, metric, name, &Value::Null),
            None => {}
        }
    }
}
