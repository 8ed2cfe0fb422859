//! A market's folder: its configuration, metrics and source cards, read from files.

use std::path::{Path, PathBuf};

use crowsnest_model::{Currency, MetricRegistry};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::identity::Language;
use crate::login::LoginConfig;
use crate::source_card::SourceCard;
use crate::stores::{self, Settings};
use crate::{LakeError, Result, files, sealed, state};

const CONFIG_FILE: &str = "crowsnest.toml";
pub(crate) const STATE_FILE: &str = "state.db";
/// What git leaves alone: what a market builds for itself. Templates of reports stand beside the reports of imports.
const GITIGNORE: &[u8] =
    b"/lake\n/raw\n/reports/*\n!/reports/*.md\n/state.db*\n/state.locks\n/state.detect\n/alerts.log\n";
pub(crate) const SOURCES_FOLDER: &str = "sources";

/// `crowsnest.toml`: what a market is called and which conventions hold in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    /// Short name, for example `ai`.
    pub name: String,
    /// What people read at the top of the pages.
    #[serde(default)]
    pub title: String,
    /// The language in which names are shown when nobody says otherwise.
    #[serde(default)]
    pub language: Language,
    /// ISO 4217 code that amounts are converted to where they must be compared.
    #[serde(default = "default_currency")]
    pub currency: String,
    /// 1 (January) to 12: the month in which fiscal years begin.
    #[serde(default = "default_fiscal_start")]
    pub fiscal_year_start_month: u8,
    /// Address in an object store (`s3://bucket/folder`, `gs://…`, `az://…`) that tables and raw documents are kept
    /// below, instead of the market's folder.
    #[serde(default)]
    pub storage: Option<String>,
    /// The scheduler of a cluster, `HOST:PORT`, that answers questions which read much.
    #[serde(default)]
    pub cluster: Option<String>,
    /// Questions that read fewer rows than this are answered by the process that is asked: a cluster takes a moment to
    /// begin.
    #[serde(default = "default_cluster_from_rows")]
    pub cluster_from_rows: u64,
    /// Into how many parts a question is cut on the cluster: two to four for each of its cores.
    #[serde(default = "default_cluster_partitions")]
    pub cluster_partitions: usize,
    /// File with credentials and endpoints of stores, and the cluster's secret, as `NAME = "value"`; a path from the
    /// market's folder, better outside of it. Variables of the environment go before its lines, and these before what
    /// `crowsnest secret set` keeps.
    #[serde(default)]
    pub secrets: Option<String>,
    /// Metric → name of the segment whose claims are the total of the whole market.
    #[serde(default)]
    pub totals: std::collections::BTreeMap<String, String>,
    /// How figures are made.
    #[serde(default)]
    pub reconcile: ReconcileConfig,
    /// Ways to log in besides passwords.
    #[serde(default)]
    pub login: LoginConfig,
    /// Data files that `crowsnest demo` imports, in order.
    #[serde(default)]
    pub imports: Vec<ImportFile>,
}

/// How figures are made of claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReconcileConfig {
    /// What becomes of a series where the only source that tells of it changes how it counts.
    #[serde(default)]
    pub breaks: Breaks,
    /// Metric of a chart → metric that it ranks by; `downloads_rank` ranks by `downloads` without a word.
    #[serde(default)]
    pub charts: std::collections::BTreeMap<String, String>,
    /// What adds up to what, so that figures do: `[[reconcile.wholes]]`.
    #[serde(default)]
    pub wholes: Vec<Whole>,
}

/// Values of a dimension that make up one, with nothing missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Whole {
    /// `region`, `platform` or `segment`.
    pub dimension: String,
    /// The value that is the whole, for example `all`.
    pub whole: String,
    /// Its parts.
    pub parts: Vec<String>,
}

/// What becomes of breaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breaks {
    /// Figures go on as they were counted before the first break.
    #[default]
    Splice,
    /// Figures are as they are counted on either side.
    Apart,
}

/// One file that belongs to the market and is imported by `crowsnest demo`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    /// Path from the market's folder.
    pub file: String,
    /// Source for rows that name none.
    #[serde(default)]
    pub source: Option<String>,
    /// Mapping file from the market's folder.
    #[serde(default)]
    pub map: Option<String>,
}

fn default_cluster_from_rows() -> u64 {
    5_000_000
}

fn default_cluster_partitions() -> usize {
    8
}

fn default_currency() -> String {
    "USD".into()
}

fn default_fiscal_start() -> u8 {
    1
}

/// A market: one folder with its configuration as code.
#[derive(Debug, Clone)]
pub struct Market {
    /// The folder.
    pub dir: PathBuf,
    /// `crowsnest.toml`.
    pub config: MarketConfig,
    /// The built-in metrics and those of `metrics.toml`.
    pub metrics: MetricRegistry,
    /// The files of `sources/`, by name.
    pub sources: Vec<SourceCard>,
    /// The lines of the secrets file, and what is kept in the state; never shown.
    pub(crate) secrets: Secrets,
}

/// Settings that no message and no debugging output may show.
#[derive(Clone, Default)]
pub struct Secrets {
    values: Settings,
    /// Those that are kept and cannot be read, with the reason.
    locked: Settings,
    /// Why it is not known which are kept.
    unread: Option<String>,
}

impl From<Settings> for Secrets {
    fn from(values: Settings) -> Self {
        Self { values, ..Self::default() }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} secrets", self.values.len())
    }
}

impl std::ops::Deref for Secrets {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.values
    }
}

impl Market {
    /// What the market is called where people read it: its title, or its name.
    pub fn title(&self) -> &str {
        if self.config.title.is_empty() { &self.config.name } else { &self.config.title }
    }

    /// Names of the sources whose rows may not be passed on, and their other names.
    pub fn kept_back(&self) -> Vec<String> {
        let cards = self.sources.iter().filter(|card| !card.may_be_passed_on());
        cards.flat_map(|card| std::iter::once(&card.name).chain(&card.aliases)).cloned().collect()
    }

    /// Reads the market in a folder.
    ///
    /// # Errors
    /// [`LakeError::NotAMarket`] without a `crowsnest.toml`; [`LakeError::Config`] where a file is wrong.
    pub fn open(dir: &Path) -> Result<Self> {
        let config_path = dir.join(CONFIG_FILE);
        if !config_path.is_file() {
            return Err(LakeError::NotAMarket(dir.to_owned()));
        }
        let config: MarketConfig = read_toml(&config_path)?;
        check(&config, &config_path)?;
        let (sources, secrets) = (read_sources(dir)?, read_secrets(dir, &config)?);
        Ok(Self { dir: dir.to_owned(), config, metrics: read_metrics(dir)?, sources, secrets })
    }

    /// This market with its sources and secrets as their files are now; all else stays.
    ///
    /// # Errors
    /// [`LakeError::Config`] where a file is wrong.
    pub(crate) fn with_sources_read_again(&self) -> Result<Self> {
        let (sources, secrets) = (read_sources(&self.dir)?, read_secrets(&self.dir, &self.config)?);
        Ok(Self { sources, secrets, ..self.clone() })
    }

    /// Makes an empty market in a folder that has none.
    ///
    /// # Errors
    /// [`LakeError::MarketExists`] where there is one already; [`LakeError::File`] where the folder cannot be written.
    pub fn create(dir: &Path, name: &str) -> Result<Self> {
        Self::create_in(dir, name, None)
    }

    /// The same, with its tables and documents in an object store.
    ///
    /// # Errors
    /// Those of [`Market::create`].
    pub fn create_in(dir: &Path, name: &str, storage: Option<&str>) -> Result<Self> {
        let config_path = dir.join(CONFIG_FILE);
        if config_path.exists() {
            return Err(LakeError::MarketExists(dir.to_owned()));
        }
        if let Some(address) = storage {
            storage_url(address, &config_path)?;
        }
        let text = include_str!("market_template.toml").replace("{name}", &plain(name));
        let text = match storage {
            Some(address) => {
                text.replace("# storage = \"s3://bucket/folder\"", &format!("storage = \"{}\"", plain(address)))
            }
            None => text,
        };
        for folder in ["catalogue", "sources", "maps"] {
            files::create_folder(&dir.join(folder))?;
        }
        files::write_whole(&dir.join(".gitignore"), GITIGNORE)?;
        files::write_whole(&dir.join("catalogue/aliases.csv"), b"entity,kind,alias,language\n")?;
        files::write_whole(&dir.join("catalogue/owners.csv"), b"product,company\n")?;
        files::write_whole(&config_path, text.as_bytes())?;
        Self::open(dir)
    }

    /// The source that a person means by a name, an alias or the name of its file.
    pub fn source_called(&self, name: &str) -> Option<&SourceCard> {
        self.source(name).or_else(|| self.sources.iter().find(|card| card.is_called(name)))
    }

    /// A secret by its name: of the environment, else of the secrets file, else one that is kept and can be read.
    pub fn secret(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty()).or_else(|| self.secrets.get(name).cloned())
    }

    /// The same where it matters whether there is none: a password that cannot be read is not the same as no password.
    ///
    /// # Errors
    /// [`LakeError::BadQuestion`] where it is kept, but cannot be read with the key that is here, or it cannot be known whether
    /// it is kept.
    pub fn readable_secret(&self, name: &str) -> Result<Option<String>> {
        match (self.secret(name), self.secrets.locked.get(name), &self.secrets.unread) {
            (None, Some(why), _) => Err(LakeError::bad_question(
                format!("secret {name} is kept and cannot be read: {why}"),
                "see them with `crowsnest secret list`",
            )),
            (None, None, Some(why)) => Err(LakeError::bad_question(
                format!("whether the market keeps a secret {name} cannot be known: {why}"),
                format!("give it in the environment as {name}, or make the market's {STATE_FILE} readable"),
            )),
            (found, ..) => Ok(found),
        }
    }

    /// Where tables and documents are: the market's folder, or below an address.
    ///
    /// # Errors
    /// [`LakeError::Config`] where the address is not one.
    pub(crate) fn storage(&self) -> Result<Option<Url>> {
        let path = self.dir.join(CONFIG_FILE);
        self.config.storage.as_deref().map(|address| storage_url(address, &path)).transpose()
    }

    /// The card of a source, by its name or one of its aliases.
    pub fn source(&self, name: &str) -> Option<&SourceCard> {
        let by_name = self.sources.iter().find(|card| card.name == name);
        by_name.or_else(|| self.sources.iter().find(|card| card.aliases.iter().any(|alias| alias == name)))
    }
}

/// The address of a folder in a store, as a market's file names it.
fn storage_url(address: &str, path: &Path) -> Result<Url> {
    match Url::parse(address) {
        Ok(url) if stores::variables_prefix(address).is_some() && url.host_str().is_some() => Ok(url),
        _ => Err(LakeError::Config {
            path: path.to_owned(),
            message: format!("storage {address:?} is not an address such as \"s3://bucket/folder\""),
        }),
    }
}

/// A text that can stand between quotes in TOML.
fn plain(text: &str) -> String {
    text.replace(['"', '\\', '\n'], "")
}

fn check(config: &MarketConfig, path: &Path) -> Result<()> {
    let mut faults = Vec::new();
    if Currency::parse(&config.currency).is_none() {
        faults.push(format!("currency {:?} is not an ISO 4217 code such as \"USD\"", config.currency));
    }
    if !(1..=12).contains(&config.fiscal_year_start_month) {
        faults.push(format!("fiscal_year_start_month {} is not 1 to 12", config.fiscal_year_start_month));
    }
    if config.name.trim().is_empty() {
        faults.push("name is empty".into());
    }
    faults.extend(config.login.faults());
    if faults.is_empty() {
        return Ok(());
    }
    Err(LakeError::Config { path: path.to_owned(), message: faults.join("; ") })
}

fn read_sources(dir: &Path) -> Result<Vec<SourceCard>> {
    let mut sources = Vec::new();
    for path in files::list(&dir.join(SOURCES_FOLDER), "toml")? {
        let card: SourceCard = read_toml(&path)?;
        let path = path.strip_prefix(dir).map(Path::to_owned).unwrap_or(path);
        sources.push(SourceCard { path, ..card });
    }
    Ok(sources)
}

fn read_secrets(dir: &Path, config: &MarketConfig) -> Result<Secrets> {
    let of_file = config.secrets.as_ref().map(|file| stores::read_secrets(&dir.join(file))).transpose()?;
    // A market is opened for each question, and must not fail for a state that cannot be read.
    let (kept, unread) = match state::secrets::read(&dir.join(STATE_FILE)) {
        Err(LakeError::State(error)) => (Vec::new(), Some(error.to_string())),
        read => (read?, None),
    };
    let (mut values, locked) = sealed::open_all(&kept, dir);
    if let Some(why) = locked.values().next() {
        tracing::warn!(n_secrets = locked.len(), why, "secrets that the market keeps cannot be read");
    }
    // The file's lines go before what is kept.
    values.extend(of_file.unwrap_or_default());
    Ok(Secrets { values, locked, unread })
}

fn read_metrics(dir: &Path) -> Result<MetricRegistry> {
    let path = dir.join("metrics.toml");
    if !path.is_file() {
        return Ok(MetricRegistry::built_in());
    }
    let text = files::read_text(&path)?;
    MetricRegistry::built_in()
        .extended_with_toml(&text, "metrics.toml")
        .map_err(|error| LakeError::Config { path, message: error.to_string() })
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = files::read_text(path)?;
    toml::from_str(&text).map_err(|error| LakeError::Config { path: path.to_owned(), message: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_a_state_that_cannot_be_read_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let of = || {
            let market = Market::open(folder.path()).unwrap();
            assert_eq!(market.secret("CROWSNEST_OF_NO_TEST"), None);
            market.readable_secret("CROWSNEST_OF_NO_TEST").map_err(|error| error.to_string())
        };
        std::fs::write(folder.path().join(CONFIG_FILE), "name = \"radar\"\n").unwrap();
        assert_eq!(of(), Ok(None));
        std::fs::write(folder.path().join(STATE_FILE), "no database at all ".repeat(100)).unwrap();
        assert!(of().unwrap_err().contains("cannot be known"));
    }
}
