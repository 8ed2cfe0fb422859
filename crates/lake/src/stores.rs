//! Object stores by address: `s3://bucket/key`, `gs://bucket/key`, `az://container/key`, and folders by `file://`.
//!
//! Credentials, region and endpoint come from the environment under the names that the stores' own tools use (`AWS_…`,
//! `GOOGLE_…`, `AZURE_…`), or from the secrets file that a market names; never from an address. Delta tables, raw
//! documents, imports and the engine's scans all open stores here, so that what works for one works for all.
//!
//! To add a store: a line in [`STORES`], and its feature of `object_store`.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path as FilePath;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use deltalake::logstore::{ObjectStoreFactory, StorageConfig, logstore_factories, object_store_factories};
use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

use crate::{LakeError, Result, files};

/// Schemes of addresses, and how the variables begin that configure their store.
const STORES: &[(&str, &str)] = &[
    ("s3", "AWS_"),
    ("s3a", "AWS_"),
    ("gs", "GOOGLE_"),
    ("az", "AZURE_"),
    ("azure", "AZURE_"),
    ("abfs", "AZURE_"),
    ("abfss", "AZURE_"),
];

/// Variables of stores by name, from the market's secrets file; the environment goes before them.
pub(crate) type Settings = BTreeMap<String, String>;

/// How variables begin that configure the store of an address; `None` where it is in no store.
pub(crate) fn variables_prefix(address: &str) -> Option<&'static str> {
    let (scheme, _) = address.split_once("://")?;
    STORES.iter().find(|(known, _)| *known == scheme).map(|(_, prefix)| *prefix)
}

fn failed(url: &Url, message: impl ToString) -> LakeError {
    LakeError::Address { address: url.to_string(), message: message.to_string() }
}

/// The variables for one store: the environment's, and those of the secrets file that the environment does not have.
fn variables(prefix: &str, settings: &Settings) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect();
    all.extend(std::env::vars());
    all.retain(|name, _| name.starts_with(prefix));
    all
}

/// Opens the store of an address, and gives the place in it.
///
/// # Errors
/// [`LakeError::Address`] where the address is of no known store, or its settings are wrong.
pub(crate) fn open(url: &Url, settings: &Settings) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let Some(prefix) = variables_prefix(url.as_str()) else {
        return Err(failed(url, "not an address of s3://, gs:// or az://"));
    };
    if url.password().is_some() || url.query().is_some() {
        return Err(failed(&bare(url), "an address holds no secrets and no parameters"));
    }
    let (store, path) =
        object_store::parse_url_opts(url, variables(prefix, settings)).map_err(|error| failed(url, error))?;
    Ok((Arc::from(store), path))
}

/// The address without what may be secret.
fn bare(url: &Url) -> Url {
    let mut url = url.clone();
    // An address of a store has a host: neither can fail.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.set_query(None);
    url
}

/// The secrets file of a market: `NAME = "value"` per line, as TOML.
///
/// # Errors
/// [`LakeError::File`] where it cannot be read; [`LakeError::Config`] where it is not such a file; the message never
/// holds its text.
pub(crate) fn read_secrets(path: &FilePath) -> Result<Settings> {
    let wrong = |message: String| LakeError::Config { path: path.to_owned(), message };
    let text = files::read_text(path)?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
        wrong(format!("line {line} is not NAME = \"value\""))
    })?;
    if files::is_open_to_others(path) {
        tracing::warn!("{} can be read by every user of this machine: chmod 600 it", path.display());
    }
    let mut settings = Settings::new();
    for (name, value) in table {
        let toml::Value::String(value) = value else { return Err(wrong(format!("{name} is not a text in quotes"))) };
        settings.insert(name, value);
    }
    Ok(settings)
}

/// Opens stores for Delta tables; their settings come with the table.
#[derive(Debug)]
struct DeltaStores;

impl ObjectStoreFactory for DeltaStores {
    fn parse_url_opts(
        &self,
        url: &Url,
        config: &StorageConfig,
    ) -> deltalake::DeltaResult<(Arc<dyn ObjectStore>, Path)> {
        let settings: Settings = config.raw.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        open(url, &settings).map_err(|error| deltalake::DeltaTableError::generic(error.to_string()))
    }
}

/// Makes the stores known to the tables' library; more than once does no harm.
pub(crate) fn register_for_tables() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let of_files = Url::parse("file://").ok().and_then(|url| logstore_factories().get(&url).map(|f| f.clone()));
        for (scheme, _) in STORES {
            let Ok(url) = Url::parse(&format!("{scheme}://")) else { continue };
            object_store_factories().insert(url.clone(), Arc::new(DeltaStores));
            // A log is a log: commits put a file that must not be there yet, which all of these stores can.
            if let Some(of_files) = &of_files {
                logstore_factories().insert(url, Arc::clone(of_files));
            }
        }
    });
}

/// The stores of a session: those of the lake, and any other of the known schemes when a plan first names it.
#[derive(Debug)]
pub(crate) struct SessionStores {
    settings: Settings,
    others: DefaultObjectStoreRegistry,
    opened: RwLock<BTreeMap<String, Arc<dyn ObjectStore>>>,
}

impl SessionStores {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, others: DefaultObjectStoreRegistry::new(), opened: RwLock::default() }
    }
}

impl ObjectStoreRegistry for SessionStores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.others.register_store(url, store)
    }

    fn deregister_store(&self, url: &Url) -> datafusion::error::Result<Arc<dyn ObjectStore>> {
        self.others.deregister_store(url)
    }

    fn get_store(&self, url: &Url) -> datafusion::error::Result<Arc<dyn ObjectStore>> {
        if variables_prefix(url.as_str()).is_none() {
            return self.others.get_store(url);
        }
        let bucket = url[..url::Position::BeforePath].to_owned();
        if let Some(store) = self.opened.read().unwrap_or_else(PoisonError::into_inner).get(&bucket) {
            return Ok(Arc::clone(store));
        }
        let (store, _) = open(url, &self.settings)
            .map_err(|error| datafusion::error::DataFusionError::Execution(error.to_string()))?;
        self.opened.write().unwrap_or_else(PoisonError::into_inner).insert(bucket, Arc::clone(&store));
        Ok(store)
    }
}

/// Waits for a store on a thread that may wait. The work is done by a thread of its own, so that it goes on even where
/// all threads of the caller's runtime wait.
///
/// # Errors
/// Where the system gives no thread, or the work panics.
pub(crate) fn wait<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> std::io::Result<T> {
    static RUNTIME: OnceLock<std::io::Result<tokio::runtime::Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("stores").enable_all().build()
    });
    let runtime = runtime.as_ref().map_err(|error| std::io::Error::other(error.to_string()))?;
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Nobody waits any more if the caller was stopped.
        let _ = sender.send(work.await);
    });
    receiver.recv().map_err(|_| std::io::Error::other("reading from the store was broken off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_from_their_file_and_never_into_messages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.toml");
        std::fs::write(&path, "AWS_REGION = \"eu-1\"\naws_secret_access_key = \"hidden\"\n").unwrap();
        let settings = read_secrets(&path).unwrap();
        assert_eq!(variables("AWS_", &settings)["AWS_SECRET_ACCESS_KEY"], "hidden");
        for wrong in ["AWS_REGION = \"eu-1\"\nSECRET hidden", "AWS_SECRET = 4711"] {
            std::fs::write(&path, wrong).unwrap();
            let said = read_secrets(&path).unwrap_err().to_string();
            assert!(!said.contains("hidden") && !said.contains("4711"), "{said}");
        }
    }

    #[test]
    fn addresses_hold_no_secrets() {
        for address in ["s3://key:secret@bucket/a", "s3://bucket/a?sig=secret"] {
            let said = open(&Url::parse(address).unwrap(), &Settings::new()).unwrap_err().to_string();
            assert!(!said.contains("secret@") && !said.contains("sig="), "{said}");
        }
        assert!(open(&Url::parse("https://example.org/a").unwrap(), &Settings::new()).is_err());
    }

    #[test]
    fn waiting_works_wherever_it_is_done() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let task = runtime.spawn(async { wait(async { tokio::task::yield_now().await }).is_ok() });
        assert!(runtime.block_on(task).unwrap());
    }
}
