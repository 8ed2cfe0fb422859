//! Every connector, a line each. To add one: its file in `connectors/`, its `mod` and its line here.

mod answers;
mod body;
mod file;
mod http_csv;
mod http_json;
mod json_lines;
mod npm_downloads;
mod sql;
mod table;

use crate::connector::Entry;

/// Every connector, by name.
pub static CONNECTORS: &[Entry] = &[
    Entry::of::<file::Files>(),
    Entry::of::<http_csv::HttpCsv>(),
    Entry::of::<http_json::HttpJson>(),
    Entry::of::<npm_downloads::NpmDownloads>(),
    Entry::of::<sql::Sql>(),
    Entry::of::<table::Table>(),
];

/// The connector of that name.
pub fn connector(name: &str) -> Option<&'static Entry> {
    CONNECTORS.iter().find(|entry| entry.spec.name == name)
}
