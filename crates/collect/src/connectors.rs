//! Every connector, a line each. To add one: its file in `connectors/`, its `mod` and its line here.

mod answers;
mod http_json;
mod npm_downloads;

use crate::connector::Entry;

/// Every connector, by name.
pub static CONNECTORS: &[Entry] = &[Entry::of::<http_json::HttpJson>(), Entry::of::<npm_downloads::NpmDownloads>()];

/// The connector of that name.
pub fn connector(name: &str) -> Option<&'static Entry> {
    CONNECTORS.iter().find(|entry| entry.spec.name == name)
}
