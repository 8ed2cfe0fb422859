//! The engine: one DataFusion session over one moment of all tables, with bounded memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use crowsnest_model::tables::{TABLES, Table};
#[cfg(unix)]
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext, col, lit};

use crate::distinct::CountDistinct;
use crate::identity::{self, Identity};
use crate::provider::LakeTable;
use crate::sessions::NarrowedSessions;
use crate::stores::{SessionStores, Settings};
use crate::table::{DataFile, TableSnapshot};
use crate::{Market, Result, coded, files, functions, views};

/// How much of the machine the lake may use.
#[derive(Debug, Clone, Copy)]
pub struct LakeOptions {
    /// Bytes that queries may hold before they spill; the default is half of what the machine, or the container, has.
    /// Memory is taken as it is needed: a small question takes a few MiB.
    pub memory_bytes: usize,
    /// Threads that queries and writers use; the default is the machine's.
    pub n_threads: usize,
}

impl Default for LakeOptions {
    fn default() -> Self {
        let n_threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { memory_bytes: files::memory_of_machine().map_or(1 << 30, |all| all / 2), n_threads }
    }
}

/// The parts that outlive a moment: memory pool, spill files, caches of Parquet footers.
pub(crate) fn runtime(options: LakeOptions, settings: &Settings) -> Result<Arc<RuntimeEnv>> {
    // The first lake of a process says how many threads sort and gather rows; later ones find them there.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(options.n_threads).build_global();
    let builder = runtime_builder(settings).with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes)));
    #[cfg(unix)]
    let builder = builder.with_disk_manager_builder(
        DiskManagerBuilder::default().with_temp_file_factory(Arc::new(crate::spill::Nameless)),
    );
    Ok(builder.build_arc()?)
}

/// What runtimes have in common, here and on a cluster: the stores and a cache of Parquet footers.
pub(crate) fn runtime_builder(settings: &Settings) -> RuntimeEnvBuilder {
    RuntimeEnvBuilder::new()
        .with_object_store_registry(Arc::new(SessionStores::new(settings.clone())))
        .with_metadata_cache_limit(256 << 20)
}

/// Where tables, views and functions are, for those who write out the whole name.
pub(crate) const CATALOG: &str = "crowsnest";
pub(crate) const SCHEMA: &str = "public";

pub(crate) fn session_config(n_threads: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(n_threads)
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_batch_size(8192);
    let options = config.options_mut();
    options.execution.parquet.pushdown_filters = true;
    options.execution.parquet.reorder_filters = true;
    // Few rows pass a question's filters: keeping what they were judged by costs more than reading it again for those.
    options.execution.parquet.max_predicate_cache_size = Some(0);
    // Where each thread has runs of rows to itself (`arranged.rs`), nothing is dealt out again, with few threads neither.
    options.optimizer.subset_repartition_threshold = options.optimizer.subset_repartition_threshold.min(n_threads);
    options.sql_parser.enable_ident_normalization = true;
    config
}

/// All tables at one moment, ready for questions.
pub(crate) struct Engine {
    pub(crate) snapshots: BTreeMap<&'static str, TableSnapshot>,
    pub(crate) context: SessionContext,
    /// The same for questions about few rows, which run on one thread each: to share them out takes longer than to read them.
    pub(crate) few: SessionContext,
    pub(crate) identity: Arc<Identity>,
    /// Sessions over the same tables in which less may be seen.
    pub(crate) narrowed: NarrowedSessions,
}

impl Engine {
    /// Builds the session; the identity of the engine before is kept where its tables did not change. With `as_of`,
    /// everyone is who they were known to be at that moment.
    pub(crate) async fn build(
        market: &Market,
        snapshots: BTreeMap<&'static str, TableSnapshot>,
        runtime: &Arc<RuntimeEnv>,
        n_threads: usize,
        before: Option<&Engine>,
        as_of: Option<i64>,
    ) -> Result<Self> {
        let mut context = SessionContext::new_with_config_rt(session_config(n_threads), Arc::clone(runtime));
        context.add_optimizer_rule(Arc::new(CountDistinct::new()));
        for table in TABLES {
            context.register_table(table.name, Arc::new(LakeTable::new(&snapshots[table.name])))?;
        }
        let is_same = |name: &str| before.is_some_and(|b| b.snapshots[name].version() == snapshots[name].version());
        let identity = match before {
            Some(before) if identity::TABLES.into_iter().all(is_same) => Arc::clone(&before.identity),
            _ => Arc::new(Identity::read(&context, market, as_of).await?),
        };
        functions::add_to(&mut context)?;
        identity.register(&context)?;
        views::register(&context, &identity).await?;
        functions::register(&context, market, &identity)?;
        let few = of_one_thread(&context);
        Ok(Self { snapshots, context, few, identity, narrowed: NarrowedSessions::default() })
    }
}

/// The same tables, views and functions, for plans that are not shared out.
fn of_one_thread(context: &SessionContext) -> SessionContext {
    let state = context.state();
    let mut config = state.config().clone().with_target_partitions(1).with_create_default_catalog_and_schema(false);
    // A second pass finds nothing more to do in such plans, and takes as long as the first.
    config.options_mut().optimizer.max_passes = 1;
    SessionContext::new_with_state(SessionStateBuilder::new_from_existing(state).with_config(config).build())
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let versions: Vec<_> = self.snapshots.values().map(|s| (s.table.name, s.version())).collect();
        formatter.debug_struct("Engine").field("versions", &versions).finish_non_exhaustive()
    }
}

/// A session of its own for upkeep of one table.
pub(crate) fn session_of(snapshot: &TableSnapshot, n_threads: usize) -> SessionContext {
    let context = SessionContext::new_with_config(session_config(n_threads));
    let url = snapshot.delta.table_url();
    if url.scheme() != "file" {
        context.register_object_store(url, snapshot.delta.log_store().root_object_store(None));
    }
    context
}

/// Few enough keys are looked up one by one, which prunes to the pages that can hold them.
const KEYS_LISTED_MAX: usize = 200;

/// Streams the `unique_by` columns of the rows in `files` that could equal one of the given rows; `None` where no file
/// can hold any.
pub(crate) async fn scan_keys(
    snapshot: &TableSnapshot,
    files: Vec<DataFile>,
    rows: &[RecordBatch],
) -> Result<Option<SendableRecordBatchStream>> {
    let table = snapshot.table;
    let context = session_of(snapshot, LakeOptions::default().n_threads);
    let provider = Arc::new(LakeTable::with_files(snapshot, Arc::new(files)));
    let mut frame = context.read_table(provider)?;
    for name in bounding_columns(table).iter().chain(table.unique_by).copied() {
        let Some((low, high)) = bounds(table, name, rows) else { continue };
        frame = frame.filter(col(name).between(lit(low), lit(high)))?;
    }
    if let Some(listed) = listed_keys(table, rows) {
        frame = frame.filter(col(table.unique_by[0]).in_list(listed, false))?;
    }
    let frame = frame.select_columns(table.unique_by)?;
    Ok(Some(frame.execute_stream().await?))
}

/// Columns that equal rows have in common besides their key: those that the table is laid out by, as far as they are
/// part of what the key is made of.
fn bounding_columns(table: &Table) -> &'static [&'static str] {
    if table.name == "claims" { &["metric", "period_start"] } else { &[] }
}

fn bounds(
    table: &Table,
    name: &str,
    rows: &[RecordBatch],
) -> Option<(datafusion::scalar::ScalarValue, datafusion::scalar::ScalarValue)> {
    let index = table.columns.iter().position(|column| column.name == name)?;
    let mut gathered: Option<(datafusion::scalar::ScalarValue, datafusion::scalar::ScalarValue)> = None;
    for batch in rows.iter().filter(|batch| batch.num_rows() > 0) {
        let (low, high) = crate::statistics::bounds_of(batch.column(index))?;
        gathered = Some(match gathered {
            None => (low, high),
            Some((had_low, had_high)) => {
                (if low < had_low { low } else { had_low }, if high > had_high { high } else { had_high })
            }
        });
    }
    gathered
}

/// The values of the first key column: ids or texts.
fn listed_keys(table: &Table, rows: &[RecordBatch]) -> Option<Vec<datafusion::prelude::Expr>> {
    use arrow::array::AsArray as _;
    let n_rows: usize = rows.iter().map(RecordBatch::num_rows).sum();
    if n_rows > KEYS_LISTED_MAX {
        return None;
    }
    let mut listed = Vec::with_capacity(n_rows);
    for batch in rows {
        let values = batch.column_by_name(table.unique_by[0])?;
        match values.as_primitive_opt::<arrow::datatypes::Int64Type>() {
            Some(numbers) => listed.extend(numbers.values().iter().map(|number| lit(*number))),
            None => {
                for row in 0..batch.num_rows() {
                    listed.push(lit(coded::text_at(values.as_ref(), row)?));
                }
            }
        }
    }
    Some(listed)
}
