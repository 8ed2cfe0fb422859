//! Every connector, a line each. To add one: its file in `connectors/`, its `mod` and its line here.

mod answers;
mod chinese_award_notices;
mod http_json;
mod json_fields;
mod lmarena;
mod npm_downloads;
mod open_contracting;
mod openrouter_rankings;

use crate::connector::Entry;

/// Every connector, by name.
pub static CONNECTORS: &[Entry] = &[
    Entry::of::<chinese_award_notices::ChineseAwardNotices>(),
    Entry::of::<http_json::HttpJson>(),
    Entry::of::<lmarena::Lmarena>(),
    Entry::of::<npm_downloads::NpmDownloads>(),
    Entry::of::<open_contracting::OpenContracting>(),
    Entry::of::<openrouter_rankings::OpenrouterRankings>(),
];

/// The connector of that name.
pub fn connector(name: &str) -> Option<&'static Entry> {
    CONNECTORS.iter().find(|entry| entry.spec.name == name)
}
