//! Every connector, a line each. To add one: its file in `connectors/`, its `mod` and its line here.

mod answers;
mod apple_app_store_charts;
mod apple_app_store_lookup;
mod crates_downloads;
mod docker_hub;
mod figures;
mod gh_archive;
mod github_repositories;
mod google_play_charts;
mod http_json;
mod hugging_face;
mod npm_downloads;
mod open_vsx;
mod pypi_downloads;
mod store_charts;
mod vscode_marketplace;

use crate::connector::Entry;

/// Every connector, by name.
pub static CONNECTORS: &[Entry] = &[
    Entry::of::<apple_app_store_charts::AppleAppStoreCharts>(),
    Entry::of::<apple_app_store_lookup::AppleAppStoreLookup>(),
    Entry::of::<crates_downloads::CratesDownloads>(),
    Entry::of::<docker_hub::DockerHub>(),
    Entry::of::<gh_archive::GhArchive>(),
    Entry::of::<github_repositories::GithubRepositories>(),
    Entry::of::<google_play_charts::GooglePlayCharts>(),
    Entry::of::<http_json::HttpJson>(),
    Entry::of::<hugging_face::HuggingFace>(),
    Entry::of::<npm_downloads::NpmDownloads>(),
    Entry::of::<open_vsx::OpenVsx>(),
    Entry::of::<pypi_downloads::PypiDownloads>(),
    Entry::of::<vscode_marketplace::VscodeMarketplace>(),
];

/// The connector of that name.
pub fn connector(name: &str) -> Option<&'static Entry> {
    CONNECTORS.iter().find(|entry| entry.spec.name == name)
}
