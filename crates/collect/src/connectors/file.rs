//! Files that somebody puts somewhere: exports in a watched folder, deliveries to a bucket.
//!
//! Each file is read once, and again when its bytes are others; what was said in it before is then corrected.

use schemars::JsonSchema;
use serde::Deserialize;

use super::body;
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct Files;

/// Which files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Paths, patterns or store addresses: `inbox/`, `exports/*.csv`, `s3://bucket/deliveries/`. Paths are from the
    /// market's folder.
    patterns: Vec<String>,
}

impl Connector for Files {
    const SPEC: Spec = Spec {
        name: "file",
        title: "Files",
        doc: "CSV, JSON, Parquet and spreadsheets in a watched folder, by a pattern or below an address of an object store; \
              new and changed ones are read.",
        homepage: "https://docs.rs/glob/latest/glob/struct.Pattern.html",
        licence: "that of the source",
        redistribute: true,
        price: "free",
        freshness: "at the next run after a file is there",
        requests_per_minute: 600.0,
        schedule: "*/15 * * * *",
        class: Class::Generic,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, by recorded cases; the formats are those of the import, with its own cases",
        example: "patterns = [\"inbox/*.csv\"]",
    };
    type Options = Options;

    fn requests(options: &Options, _window: &Window) -> Result<Vec<Request>, String> {
        if options.patterns.is_empty() {
            return Err("name at least one path or pattern in patterns".into());
        }
        let mut requests: Vec<Request> = Vec::new();
        for pattern in &options.patterns {
            let pattern = pattern.trim();
            if pattern.is_empty() {
                return Err("patterns has an empty text: write a path such as \"inbox/*.csv\"".into());
            }
            if requests.iter().any(|request| request.slot == pattern) {
                return Err(format!("patterns names {pattern:?} twice"));
            }
            let via = Via::Files { pattern: pattern.to_owned() };
            let context = Default::default();
            requests.push(Request { slot: pattern.to_owned(), kind: "file", via, context, is_once: false });
        }
        Ok(requests)
    }

    fn parse(_options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        body::file_of_records(page, "file")
    }
}
