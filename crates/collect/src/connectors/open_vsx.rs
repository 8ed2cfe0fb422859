//! Extensions for editors in the Open VSX registry: downloads so far, mean rating and number of reviews.
//!
//! The registry of editors that are built from VS Code's open part. Downloads are counted since the extension exists,
//! updates included. An extension that nobody has reviewed has no rating. Counts are of the moment.

use schemars::JsonSchema;
use serde::Deserialize;

use super::figures::{Figures, base, check_number_of_requests, check_owner_and_name, shown, text};
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Window};

/// The connector.
pub(crate) struct OpenVsx;

/// Which extensions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The extensions, as namespace and name, for example `Continue.continue`.
    extensions: Vec<String>,
    /// Address of the registry.
    #[serde(default = "default_base")]
    base: String,
}

fn default_base() -> String {
    "https://open-vsx.org".into()
}

impl Connector for OpenVsx {
    const SPEC: Spec = Spec {
        name: "open_vsx",
        title: "Open VSX",
        doc: "Downloads so far, rating and number of reviews of editor extensions in the Open VSX registry.",
        homepage: "https://open-vsx.org/swagger-ui/index.html",
        licence: "open interface of the Eclipse Foundation; the registry's terms of use apply",
        redistribute: true,
        price: "free",
        freshness: "the counts of the moment",
        requests_per_minute: 30.0,
        schedule: "20 6 * * *",
        class: Class::Public,
        is_crawler: false,
        is_snapshot: true,
        needs_map: false,
        checked: "2026-11-25, against answers that are recorded in the tests of public client programs; not against live \
                  answers",
        example: "extensions = [\"Continue.continue\"]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.extensions.is_empty() {
            return Err("name at least one extension in extensions".into());
        }
        check_number_of_requests(options.extensions.len())?;
        let mut requests = Vec::new();
        for extension in &options.extensions {
            let path = extension.replacen('.', "/", 1);
            check_owner_and_name(&path)
                .map_err(|_| format!("extensions: {extension:?} is not of the form namespace.name"))?;
            requests.push(Request::get(extension, "extension", format!("{}/api/{path}", base(&options.base))));
        }
        Ok(requests)
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        let answer = page.json()?;
        let (namespace, name) = (text(&answer["namespace"]), text(&answer["name"]));
        if namespace.is_empty() || name.is_empty() {
            let told = shown(&answer["error"]);
            return Err(format!(
                "the answer is not an extension: namespace and name were expected; its error is {told}"
            ));
        }
        let (id, day) = (format!("{namespace}.{name}"), page.day());
        let title = text(&answer["displayName"]);
        let url = format!("{}/extension/{namespace}/{name}", base(&options.base));
        let figures = Figures {
            subject: if title.is_empty() { &id } else { title },
            native_id: &id,
            period: &day,
            url: &url,
            status: "official",
            ..Figures::default()
        };
        let mut parsed = Parsed::default();
        figures.add(&mut parsed, "downloads_total", "downloadCount", &answer["downloadCount"]);
        for (metric, field) in [("rating", "averageRating"), ("ratings", "reviewCount")] {
            if !answer[field].is_null() {
                figures.add(&mut parsed, metric, field, &answer[field]);
            }
        }
        Ok(parsed)
    }
}
