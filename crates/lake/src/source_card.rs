//! `sources/NAME.toml`: who a source is, what it costs and permits, and how it is collected.
//!
//! The lake reads the file and enforces what it permits; what `[collect]`, `[options]` and `[map]` mean is for the step
//! that collects. A file with only a name is a card of a source whose files people import themselves.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `sources/NAME.toml`: what a source costs and permits, and how it is collected.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceCard {
    /// The source as claims name it.
    pub name: String,
    /// Names of the source in other scripts or languages.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Licence or terms, in a few words.
    #[serde(default)]
    pub licence: String,
    /// Whether its figures are the team's own, first-party.
    #[serde(default)]
    pub own: bool,
    /// Whether its rows may leave the market in exports and shared pages; if not given, those of all but own sources may.
    #[serde(default)]
    pub redistribute: Option<bool>,
    /// Price in words, for example `free` or `12,000 USD a year`.
    #[serde(default)]
    pub price: String,
    /// Where it is published.
    #[serde(default)]
    pub homepage: String,
    /// What a reader should know of its method.
    #[serde(default)]
    pub note: String,
    /// Who in the team looks after it.
    #[serde(default)]
    pub owner: String,
    /// Days after which its rows and documents are to be gone; `crowsnest lake vacuum` removes them. Kept for ever if
    /// not given.
    #[serde(default)]
    pub retention_days: Option<u32>,
    /// `[cost]`: what it costs and may cost, for the ledger.
    #[serde(default)]
    pub cost: SourceCost,
    /// `[collect]`: how it is fetched; without it, people import its files.
    #[serde(default)]
    pub collect: Option<SourceCollect>,
    /// `[options]`: the connector's own settings, as its reference page lists them.
    #[serde(default)]
    pub options: toml::Table,
    /// `[map]`: how records become claims or events, as in a mapping file; for connectors that need one.
    #[serde(default)]
    pub map: toml::Table,
    /// The file the card was read from; from the market's folder.
    #[serde(skip)]
    pub path: PathBuf,
}

/// What a source costs and may cost.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceCost {
    /// ISO 4217 code of the amounts here; the market's currency if not given.
    #[serde(default)]
    pub currency: Option<String>,
    /// What a month of it costs, however much is fetched.
    #[serde(default)]
    pub per_month: f64,
    /// What each call costs that is answered.
    #[serde(default)]
    pub per_call: f64,
    /// What it may cost in a calendar month (UTC); it stops there, and goes on with the next month.
    #[serde(default)]
    pub budget_per_month: Option<f64>,
    /// How many calls it may take in a calendar month (UTC); it stops there, and goes on with the next month.
    #[serde(default)]
    pub calls_per_month_max: Option<u64>,
    /// What was bought once, each as a table of `on`, `amount` and `what`.
    #[serde(default)]
    pub purchases: Vec<Purchase>,
}

/// Something that was bought once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purchase {
    /// The day, `2024-12-05`.
    pub on: String,
    /// What was paid, in the source's currency.
    pub amount: f64,
    /// What was bought.
    #[serde(default)]
    pub what: String,
}

/// How a source is fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceCollect {
    /// Which connector; `crowsnest source connectors` lists them.
    pub connector: String,
    /// When it is fetched, as five cron fields, for example `15 6 * * *`; only by `crowsnest collect NAME` if not given.
    #[serde(default)]
    pub schedule: Option<String>,
    /// IANA name of the schedule's time zone.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// At most so many requests a minute; the connector's own limit if not given.
    #[serde(default)]
    pub requests_per_minute: Option<f64>,
    /// First day that is fetched, `2024-01-01`; the connector's own choice if not given.
    #[serde(default)]
    pub start: Option<String>,
    /// A mapping file from the market's folder, instead of `[map]`.
    #[serde(default)]
    pub map: Option<String>,
    /// A preset's mapping, instead of `[map]`; `crowsnest source presets` lists them.
    #[serde(default)]
    pub preset: Option<String>,
    /// How often a request that failed is tried again within a run.
    #[serde(default = "default_retries")]
    pub retry_max: u32,
    /// Seconds that a whole response may take.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
    /// Largest response that is taken, in MiB, unpacked.
    #[serde(default = "default_size")]
    pub response_mib_max: u64,
    /// Most requests of one run.
    #[serde(default = "default_requests")]
    pub requests_max: u64,
    /// Whether it may be fetched from loopback, link-local and private addresses.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// Whether `robots.txt` is obeyed even where the connector is no crawler; for crawlers it always is.
    #[serde(default)]
    pub obey_robots: bool,
    /// Share of a document's records (0 to 1) that may be rejected before it is put into quarantine.
    #[serde(default = "default_reject_share")]
    pub reject_share_max: f64,
    /// Whether a document of another shape than the last good one is put into quarantine.
    #[serde(default = "yes")]
    pub check_shape: bool,
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "UTC".into()
}

fn default_retries() -> u32 {
    4
}

fn default_timeout() -> u64 {
    60
}

fn default_size() -> u64 {
    64
}

fn default_requests() -> u64 {
    10_000
}

fn default_reject_share() -> f64 {
    0.2
}

impl SourceCard {
    /// Whether it goes by that name: its own, an alias, or the name of its file.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name) || self.file_stem() == name
    }

    /// Whether its rows may leave the market: as it says itself; without a word, unless its figures are the team's own.
    pub fn may_be_passed_on(&self) -> bool {
        self.redistribute.unwrap_or(!self.own)
    }

    /// The name of its file without the ending.
    pub fn file_stem(&self) -> &str {
        self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_figures_stay_unless_their_card_says_that_they_may_leave() {
        for (lines, may_leave) in [
            ("", true),
            ("redistribute = true", true),
            ("redistribute = false", false),
            ("own = true", false),
            ("own = true\nredistribute = false", false),
            ("own = true\nredistribute = true", true),
            ("own = false", true),
        ] {
            let card: SourceCard = toml::from_str(&format!("name = \"Ours\"\n{lines}\n")).unwrap();
            assert_eq!(card.may_be_passed_on(), may_leave, "{lines}");
        }
    }
}
