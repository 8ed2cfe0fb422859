//! Every connector, a line each. To add one: its file in `connectors/`, its `mod` and its line here.

mod answers;
mod body;
mod feed;
mod file;
mod html;
mod html_select;
mod html_table;
mod http_csv;
mod http_json;
mod json_lines;
mod mentioned;
mod noise;
mod npm_downloads;
mod page_diff;
mod page_lines;
mod sql;
mod table;
mod table_grid;
mod webpage;

use crate::connector::Entry;

/// Every connector, by name.
pub static CONNECTORS: &[Entry] = &[
    Entry::of::<feed::Feed>(),
    Entry::of::<file::Files>(),
    Entry::of::<html_select::HtmlSelect>(),
    Entry::of::<html_table::HtmlTable>(),
    Entry::of::<http_csv::HttpCsv>(),
    Entry::of::<http_json::HttpJson>(),
    Entry::of::<npm_downloads::NpmDownloads>(),
    Entry::of::<sql::Sql>(),
    Entry::of::<table::Table>(),
    Entry::of::<webpage::Webpage>(),
];

/// The connector of that name.
pub fn connector(name: &str) -> Option<&'static Entry> {
    CONNECTORS.iter().find(|entry| entry.spec.name == name)
}
