//! The lake of one market: the handle that everything else holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arrow::array::RecordBatch;
use crowsnest_model::tables::{TABLES, Table};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::prelude::DataFrame;
use datafusion::scalar::ScalarValue;
use futures::future::{BoxFuture, try_join_all};
use futures::{FutureExt as _, TryStreamExt as _};
use object_store::ObjectStore as _;
use tracing::Instrument as _;
use url::Url;

use crate::among;
use crate::append::{self, Appended};
use crate::documents::DocumentStore;
use crate::engine::{self, Engine, LakeOptions};
use crate::identity::Identity;
use crate::run::{InProcess, Job, Jobs, Runner};
use crate::state::State;
use crate::table::TableSnapshot;
use crate::{LakeError, Market, Result, files, maintain, stores};

/// The tables, documents and state of one market. Cloning is cheap; clones see the same moment.
#[derive(Debug, Clone)]
pub struct Lake {
    market: Arc<Market>,
    inner: Arc<dyn Holds<Inner>>,
    /// Set where questions are asked with the identities of an earlier moment.
    then: Option<Arc<dyn Holds<Arc<Engine>>>>,
}

/// Holds something behind a type that the compiler need not look into. Whether a future that has a [`Lake`] may move between
/// threads was asked of every type of the engine's plans and its parser's trees, anew for each future: eight minutes for the
/// pages.
trait Holds<T>: std::fmt::Debug + Send + Sync {
    fn held(&self) -> &T;
}

impl<T: std::fmt::Debug + Send + Sync> Holds<T> for T {
    fn held(&self) -> &T {
        self
    }
}

#[derive(Debug)]
struct Inner {
    options: LakeOptions,
    runtime: Arc<RuntimeEnv>,
    engine: RwLock<Arc<Engine>>,
    /// Appends of one process to one table follow each other, so that they do not race with themselves.
    writing: BTreeMap<&'static str, tokio::sync::Mutex<()>>,
    documents: DocumentStore,
    state: State,
    runner: Box<dyn Runner>,
    jobs: Jobs,
    /// Engines with the identities of earlier moments, latest asked last; dropped when the tables change.
    moments: Mutex<Vec<(i64, Arc<Engine>)>>,
}

/// So many earlier moments are kept.
const MOMENTS_MAX: usize = 4;

impl Lake {
    /// Opens a market's lake; tables that are missing are made.
    ///
    /// # Errors
    /// Where the folder cannot be read or written, or a table's log is damaged.
    pub async fn open(market: Market, options: LakeOptions) -> Result<Self> {
        Self::opened(market, options).boxed().await
    }

    async fn opened(market: Market, options: LakeOptions) -> Result<Self> {
        let storage = market.storage()?;
        let url = match &storage {
            Some(address) => below(address, "lake"),
            None => {
                let folder = market.dir.join("lake");
                files::create_folder(&folder)?;
                folder_url(&folder)?
            }
        };
        let runtime = engine::runtime(options, &market.secrets)?;
        // Side by side: in a store, each waits for answers most of the time.
        let opening = TABLES.iter().map(|table| TableSnapshot::open(&url, table, &market.secrets));
        let opened = try_join_all(opening).await?;
        let snapshots: BTreeMap<_, _> = opened.into_iter().map(|snapshot| (snapshot.table.name, snapshot)).collect();
        let engine = Engine::build(&market, snapshots, &runtime, options.n_threads, None, None).await?;
        let raw = market.dir.join("raw");
        let documents = match &storage {
            Some(address) => DocumentStore::in_store(raw, stores::open(&below(address, "raw"), &market.secrets)?),
            None => DocumentStore::new(raw),
        };
        let state = State::open(&market.dir.join("state.db"))?;
        let writing = TABLES.iter().map(|table| (table.name, tokio::sync::Mutex::new(()))).collect();
        let jobs = Jobs::default();
        let runner = runner_of(&market, &jobs)?;
        let engine = RwLock::new(Arc::new(engine));
        let moments = Mutex::default();
        let inner = Inner { options, runtime, engine, writing, documents, state, runner, jobs, moments };
        Ok(Self { market: Arc::new(market), inner: Arc::new(inner), then: None })
    }

    /// The market that this is the lake of.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The same lake, for a market whose sources' files were read again ([`crate::SourceFiles`]).
    #[must_use]
    pub fn with_market(&self, market: Market) -> Self {
        Self { market: Arc::new(market), inner: Arc::clone(&self.inner), then: self.then.clone() }
    }

    /// The archive of document bodies.
    pub fn documents(&self) -> &DocumentStore {
        &self.inner().documents
    }

    /// The operational state.
    pub fn state(&self) -> &State {
        &self.inner().state
    }

    /// What the lake may use of the machine.
    pub fn options(&self) -> LakeOptions {
        self.inner().options
    }

    /// Who is who in the market, at the moment that questions see.
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.engine().identity)
    }

    /// The same lake for questions as of a moment (microseconds): who is who is what was known by then. Where that is
    /// what is known now, or `as_of` is `None`, it is the lake itself.
    ///
    /// # Errors
    /// Where the tables cannot be read.
    pub async fn at(&self, as_of: Option<i64>) -> Result<Self> {
        let Some(change) = as_of.and_then(|moment| self.identity().changed_before(moment)) else {
            return Ok(self.clone());
        };
        self.as_before(change).boxed().await
    }

    async fn as_before(&self, change: i64) -> Result<Self> {
        let inner = self.inner();
        let known = |moments: &Mutex<Vec<(i64, Arc<Engine>)>>| {
            let moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
            moments.iter().find(|(moment, _)| *moment == change).map(|(_, engine)| Arc::clone(engine))
        };
        let engine = match known(&inner.moments) {
            Some(engine) => engine,
            None => {
                let snapshots = self.engine().snapshots.clone();
                let n_threads = inner.options.n_threads;
                let built = Engine::build(&self.market, snapshots, &inner.runtime, n_threads, None, Some(change));
                let engine = Arc::new(Box::pin(built).await?);
                let mut moments = inner.moments.lock().unwrap_or_else(PoisonError::into_inner);
                if moments.len() >= MOMENTS_MAX {
                    moments.remove(0);
                }
                moments.push((change, Arc::clone(&engine)));
                engine
            }
        };
        Ok(Self { then: Some(Arc::new(engine)), ..self.clone() })
    }

    fn inner(&self) -> &Inner {
        (*self.inner).held()
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        if let Some(then) = &self.then {
            return Arc::clone((**then).held());
        }
        Arc::clone(&self.inner().engine.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sees what was committed since, by whomever; cheap where nothing was.
    pub async fn refresh(&self) -> Result<()> {
        self.look_again().boxed().await
    }

    async fn look_again(&self) -> Result<()> {
        let before = self.engine();
        let latest = try_join_all(before.snapshots.values().map(TableSnapshot::latest)).await?;
        let snapshots: BTreeMap<_, _> = latest.into_iter().map(|snapshot| (snapshot.table.name, snapshot)).collect();
        let is_changed =
            |(name, snapshot): (&&str, &TableSnapshot)| snapshot.version() != before.snapshots[*name].version();
        if snapshots.iter().any(is_changed) {
            self.replace_engine(&before, snapshots).await?;
        }
        Ok(())
    }

    pub(crate) async fn replace_engine(
        &self,
        before: &Engine,
        snapshots: BTreeMap<&'static str, TableSnapshot>,
    ) -> Result<()> {
        let inner = self.inner();
        let engine =
            Engine::build(&self.market, snapshots, &inner.runtime, inner.options.n_threads, Some(before), None).await?;
        inner.moments.lock().unwrap_or_else(PoisonError::into_inner).clear();
        *inner.engine.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(engine);
        Ok(())
    }

    /// The rows of a query that have one of some whole numbers in a column, which joins by it and reads its files once.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn stream_of<'w>(
        &self,
        sql: &str,
        column: &str,
        wanted: impl IntoIterator<Item = &'w i64>,
    ) -> Result<SendableRecordBatchStream> {
        let engine = self.engine();
        let wanted: Vec<&i64> = wanted.into_iter().collect();
        among::stream_of(&engine.context, sql, column, wanted).boxed().await
    }

    /// As [`Lake::stream_of`], all of them.
    ///
    /// # Errors
    /// What the engine says.
    pub async fn rows_of<'w>(
        &self,
        sql: &str,
        column: &str,
        wanted: impl IntoIterator<Item = &'w i64>,
    ) -> Result<Vec<RecordBatch>> {
        Ok(self.stream_of(sql, column, wanted).await?.try_collect().await?)
    }

    /// Adds rows to a table: those it does not have yet, all at once, safe against other writers. Questions see them
    /// after [`Lake::refresh`].
    ///
    /// # Errors
    /// A batch with other columns than the table's; a full or read-only disk; [`LakeError::TooBusy`].
    pub async fn append(&self, table: &'static Table, batches: Vec<RecordBatch>) -> Result<Appended> {
        let _turn = self.inner().writing[table.name].lock().await;
        let snapshot = self.engine().snapshots[table.name].clone();
        let n_threads = self.inner().options.n_threads;
        let (appended, after) = append::append(snapshot, batches, n_threads).boxed().await?;
        if appended.n_added > 0 {
            maintain::after_append(after, appended.version, n_threads).boxed().await;
        }
        Ok(appended)
    }

    /// Rows of one table, from its log alone.
    pub fn n_rows(&self, table: &Table) -> usize {
        self.engine().snapshots[table.name].n_rows()
    }

    /// The Parquet files that a table has in its folder, those that only earlier versions need included, and the
    /// bytes of the folder.
    ///
    /// # Errors
    /// Where the folder cannot be listed.
    pub async fn stored(&self, table: &Table) -> Result<(usize, u64)> {
        let store = self.engine().snapshots[table.name].delta.object_store();
        let objects: Vec<object_store::ObjectMeta> = store.list(None).try_collect().await?;
        let is_data = |object: &&object_store::ObjectMeta| {
            object.location.extension() == Some("parquet") && !object.location.as_ref().starts_with('_')
        };
        Ok((objects.iter().filter(is_data).count(), objects.iter().map(|object| object.size).sum()))
    }

    /// What this process has running on the cluster.
    pub fn jobs(&self) -> Vec<Job> {
        self.inner().jobs.all()
    }

    /// The rows of a plan, here or on the cluster.
    pub(crate) async fn run(&self, frame: DataFrame) -> Result<SendableRecordBatchStream> {
        Box::pin(self.inner().runner.run(frame)).await
    }

    /// Where a read-only query would run, why there, and its steps.
    ///
    /// # Errors
    /// What the engine says of the query.
    pub async fn explain(&self, sql: &str) -> Result<String> {
        let frame = self.frame(sql, &[]).boxed().await?;
        self.inner().runner.explain(frame).boxed().await
    }

    /// Plans a read-only query.
    pub(crate) async fn frame(&self, sql: &str, params: &[(&str, ScalarValue)]) -> Result<DataFrame> {
        let frame = self.engine().context.sql_with_options(sql, reading()).await?;
        if params.is_empty() {
            return Ok(frame);
        }
        let values: Vec<(String, ScalarValue)> =
            params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Ok(frame.with_param_values(values)?)
    }

    /// Plans a read-only query of which few rows are read.
    pub(crate) async fn frame_of_few(&self, sql: &str) -> Result<DataFrame> {
        Ok(self.engine().few.sql_with_options(sql, reading()).await?)
    }

    /// The rows of a read-only query over tables, views and functions.
    ///
    /// # Errors
    /// [`LakeError::Engine`] for what the engine refuses: writing, unknown names, more memory than allowed.
    pub fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Vec<RecordBatch>>> {
        self.query_with(sql, &[])
    }

    /// The same with values for `$name` placeholders.
    pub fn query_with<'a>(
        &'a self,
        sql: &'a str,
        params: &'a [(&str, ScalarValue)],
    ) -> BoxFuture<'a, Result<Vec<RecordBatch>>> {
        as_question(async move {
            let frame = self.frame(sql, params).await?;
            Ok(self.run(frame).await?.try_collect().await?)
        })
    }

    /// The same as a stream, for answers larger than memory.
    pub fn stream<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<SendableRecordBatchStream>> {
        as_question(async move {
            let frame = self.frame(sql, &[]).await?;
            self.run(frame).await
        })
    }
}

/// What a question may do.
pub(crate) fn reading() -> SQLOptions {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
}

/// What the engine is asked, within its span. As one type, whatever is in it, and not as an `async fn`, whose type would hold
/// what it was given: the compiler looks into the futures of every page and step again for each that awaits them.
pub(crate) fn as_question<'a, T>(asking: impl Future<Output = Result<T>> + Send + 'a) -> BoxFuture<'a, Result<T>> {
    asking.instrument(tracing::info_span!("question")).boxed()
}

/// A cluster where the market names one, else this process.
#[cfg(feature = "cluster")]
fn runner_of(market: &Market, jobs: &Jobs) -> Result<Box<dyn Runner>> {
    match crate::cluster::Cluster::of(market, jobs)? {
        Some(cluster) => Ok(Box::new(cluster)),
        None => Ok(Box::new(InProcess)),
    }
}

#[cfg(not(feature = "cluster"))]
fn runner_of(market: &Market, _jobs: &Jobs) -> Result<Box<dyn Runner>> {
    match &market.config.cluster {
        Some(_) => Err(LakeError::Cluster {
            message: "this crowsnest was built without the cluster".into(),
            hint: "build it without `--no-default-features`, or leave out `cluster` and --cluster".into(),
        }),
        None => Ok(Box::new(InProcess)),
    }
}

/// The address of a folder in a store.
fn below(address: &Url, name: &str) -> Url {
    let mut url = address.clone();
    url.set_path(&format!("{}/{name}/", address.path().trim_end_matches('/')));
    url
}

fn folder_url(folder: &std::path::Path) -> Result<Url> {
    let named = |source| LakeError::File { doing: "opening", path: folder.to_owned(), source };
    let absolute = folder.canonicalize().map_err(named)?;
    Url::from_directory_path(&absolute)
        .map_err(|()| named(std::io::Error::other("the path cannot be written as an address")))
}
