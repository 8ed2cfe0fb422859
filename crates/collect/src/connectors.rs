//! Every connector, a line each. To add one: its file in `connectors/`, its `mod` and its line here.

mod answers;
mod chinese_award_notices;
mod cloudflare_radar;
mod ecb_exchange_rates;
mod gdelt;
mod hacker_news;
mod http_json;
mod json_fields;
mod lmarena;
mod npm_downloads;
mod open_contracting;
mod openrouter_rankings;
mod product_hunt;
mod sec_edgar;
mod steam_players;
mod tranco;
mod wikipedia_page_views;

use crate::connector::Entry;

/// Every connector, by name.
pub static CONNECTORS: &[Entry] = &[
    Entry::of::<chinese_award_notices::ChineseAwardNotices>(),
    Entry::of::<cloudflare_radar::CloudflareRadar>(),
    Entry::of::<ecb_exchange_rates::EcbExchangeRates>(),
    Entry::of::<gdelt::Gdelt>(),
    Entry::of::<hacker_news::HackerNews>(),
    Entry::of::<http_json::HttpJson>(),
    Entry::of::<lmarena::Lmarena>(),
    Entry::of::<npm_downloads::NpmDownloads>(),
    Entry::of::<open_contracting::OpenContracting>(),
    Entry::of::<openrouter_rankings::OpenrouterRankings>(),
    Entry::of::<product_hunt::ProductHunt>(),
    Entry::of::<sec_edgar::SecEdgar>(),
    Entry::of::<steam_players::SteamPlayers>(),
    Entry::of::<tranco::Tranco>(),
    Entry::of::<wikipedia_page_views::WikipediaPageViews>(),
];

/// The connector of that name.
pub fn connector(name: &str) -> Option<&'static Entry> {
    CONNECTORS.iter().find(|entry| entry.spec.name == name)
}
