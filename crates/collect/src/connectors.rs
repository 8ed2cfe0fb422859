//! Every connector, a line each. To add one: its file in `connectors/`, its `mod` and its line here.

mod answers;
mod apple_app_store_charts;
mod apple_app_store_lookup;
mod body;
mod chinese_award_notices;
mod cloudflare_radar;
mod crates_downloads;
mod docker_hub;
mod ecb_exchange_rates;
mod feed;
mod figures;
mod file;
mod gdelt;
mod gh_archive;
mod github_repositories;
mod google_play_charts;
mod hacker_news;
mod html;
mod html_select;
mod html_table;
mod http_csv;
mod http_json;
mod hugging_face;
mod json_fields;
mod json_lines;
mod lmarena;
mod mentioned;
mod noise;
mod npm_downloads;
mod open_contracting;
mod open_vsx;
mod openrouter_rankings;
mod page_diff;
mod page_lines;
mod product_hunt;
mod pypi_downloads;
mod sec_edgar;
mod sql;
mod steam_players;
mod store_charts;
mod table;
mod table_grid;
mod tranco;
mod vscode_marketplace;
mod webpage;
mod wikipedia_page_views;

use crate::connector::Entry;

/// Every connector, by name.
pub static CONNECTORS: &[Entry] = &[
    Entry::of::<apple_app_store_charts::AppleAppStoreCharts>(),
    Entry::of::<apple_app_store_lookup::AppleAppStoreLookup>(),
    Entry::of::<chinese_award_notices::ChineseAwardNotices>(),
    Entry::of::<cloudflare_radar::CloudflareRadar>(),
    Entry::of::<crates_downloads::CratesDownloads>(),
    Entry::of::<docker_hub::DockerHub>(),
    Entry::of::<ecb_exchange_rates::EcbExchangeRates>(),
    Entry::of::<feed::Feed>(),
    Entry::of::<file::Files>(),
    Entry::of::<gdelt::Gdelt>(),
    Entry::of::<gh_archive::GhArchive>(),
    Entry::of::<github_repositories::GithubRepositories>(),
    Entry::of::<google_play_charts::GooglePlayCharts>(),
    Entry::of::<hacker_news::HackerNews>(),
    Entry::of::<html_select::HtmlSelect>(),
    Entry::of::<html_table::HtmlTable>(),
    Entry::of::<http_csv::HttpCsv>(),
    Entry::of::<http_json::HttpJson>(),
    Entry::of::<hugging_face::HuggingFace>(),
    Entry::of::<lmarena::Lmarena>(),
    Entry::of::<npm_downloads::NpmDownloads>(),
    Entry::of::<open_contracting::OpenContracting>(),
    Entry::of::<open_vsx::OpenVsx>(),
    Entry::of::<openrouter_rankings::OpenrouterRankings>(),
    Entry::of::<product_hunt::ProductHunt>(),
    Entry::of::<pypi_downloads::PypiDownloads>(),
    Entry::of::<sec_edgar::SecEdgar>(),
    Entry::of::<sql::Sql>(),
    Entry::of::<steam_players::SteamPlayers>(),
    Entry::of::<table::Table>(),
    Entry::of::<tranco::Tranco>(),
    Entry::of::<vscode_marketplace::VscodeMarketplace>(),
    Entry::of::<webpage::Webpage>(),
    Entry::of::<wikipedia_page_views::WikipediaPageViews>(),
];

/// The connector of that name.
pub fn connector(name: &str) -> Option<&'static Entry> {
    CONNECTORS.iter().find(|entry| entry.spec.name == name)
}
