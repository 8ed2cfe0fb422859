//! Sessions for programs that ask in SQL from outside: over the network, or as agents.
//!
//! In: what may be seen ([`Narrowing`]) and a share of the memory. Out: a [`Session`] over the lake as it is now, whose
//! *tables* hold only that: views, functions and joins are made of them, so nothing else can be reached by any query.
//!
//! Invariants: a session only reads ([`only_reads`] is asked before a plan runs); it sees one moment of the tables, and
//! whoever wants to see what was committed since asks for another one.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crowsnest_model::tables::{PLANS, TABLES, Table};
use datafusion::catalog::{
    CatalogProvider as _, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider as _, TableProvider,
};
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::prelude::SessionContext;
use futures::{FutureExt as _, StreamExt as _};

use crate::distinct::CountDistinct;
use crate::engine::{CATALOG, Engine, SCHEMA, session_config};
use crate::lake::reading;
use crate::provider::{LakeTable, Narrowed};
use crate::{Answer, Lake, LakeError, Result, functions, sql, views};

/// The engine's session, under a name that those may use who do not build any.
pub type EngineSession = SessionContext;

/// What a session may see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// Only what was known by then, in microseconds since 1970-01-01 UTC.
    pub as_of: Option<i64>,
    /// Sources whose rows are left out.
    pub kept_back: Vec<String>,
    /// Whether plans are left out: a team's own figures, and what it is going to do.
    pub without_plans: bool,
}

/// Bytes that some queries may hold together, out of what the lake may use. Clones are the same share.
#[derive(Debug, Clone)]
pub struct MemoryShare {
    n_bytes: usize,
    n_used: Arc<AtomicUsize>,
}

impl MemoryShare {
    /// A share of so many bytes.
    pub fn new(n_bytes: usize) -> Self {
        Self { n_bytes, n_used: Arc::default() }
    }
}

/// A session that reads.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    lake: Lake,
    n_bytes_max: usize,
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("lake", &self.lake).finish_non_exhaustive()
    }
}

impl Lake {
    /// A session over the lake as it is now, for what may be seen of it, within a share of its memory.
    ///
    /// # Errors
    /// Where the tables cannot be read.
    pub async fn session(&self, narrowing: &Narrowing, memory: &MemoryShare) -> Result<Session> {
        let lake = self.at(narrowing.as_of).await?;
        let engine = lake.engine();
        let context = context_of(&lake, &engine, narrowing, memory).boxed().await?;
        Ok(Session { context, lake, n_bytes_max: memory.n_bytes })
    }
}

/// The session of what may be seen, made before where it was, with its own share of the memory.
async fn context_of(
    lake: &Lake,
    engine: &Engine,
    narrowing: &Narrowing,
    memory: &MemoryShare,
) -> Result<SessionContext> {
    let whole = match engine.narrowed.get(narrowing) {
        Some(context) => context,
        None => engine.narrowed.keep(narrowing, narrowed(lake, engine, narrowing).await?),
    };
    let mut runtime = engine.context.runtime_env().as_ref().clone();
    runtime.memory_pool = Arc::new(SharedPool { of: Arc::clone(&runtime.memory_pool), share: memory.clone() });
    let state = SessionStateBuilder::new_from_existing(whole.state())
        .with_catalog_list(catalogs_of(&whole).await?)
        .with_runtime_env(Arc::new(runtime));
    Ok(SessionContext::new_with_state(state.build()))
}

/// The same tables and views, in a list to which a protocol may add its own.
async fn catalogs_of(whole: &SessionContext) -> Result<Arc<dyn CatalogProviderList>> {
    let (catalogs, catalog, schema) =
        (MemoryCatalogProviderList::new(), MemoryCatalogProvider::new(), MemorySchemaProvider::new());
    if let Some(made) = whole.catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA)) {
        for name in made.table_names() {
            if let Some(table) = made.table(&name).await? {
                schema.register_table(name, table)?;
            }
        }
    }
    catalog.register_schema(SCHEMA, Arc::new(schema))?;
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    Ok(Arc::new(catalogs))
}

/// A session of what may be seen of an engine's tables.
async fn narrowed(lake: &Lake, engine: &Engine, narrowing: &Narrowing) -> Result<SessionContext> {
    let config = session_config(lake.options().n_threads);
    let mut context = SessionContext::new_with_config_rt(config, engine.context.runtime_env());
    context.add_optimizer_rule(Arc::new(CountDistinct::new()));
    for table in TABLES {
        let whole = LakeTable::new(&engine.snapshots[table.name]);
        let provider: Arc<dyn TableProvider> = match condition(table, narrowing) {
            None => Arc::new(whole),
            Some(condition) => {
                let text = format!("SELECT * FROM {} WHERE {condition}", table.name);
                let plan = engine.context.sql(&text).await?.into_unoptimized_plan();
                Arc::new(Narrowed::new(ViewTable::new(plan, None)))
            }
        };
        context.register_table(table.name, provider)?;
    }
    for function in UNBOUNDED {
        context.deregister_udf(function);
    }
    functions::add_to(&mut context)?;
    engine.identity.register(&context)?;
    views::register(&context, &engine.identity).await?;
    functions::register(&context, lake.market(), &engine.identity)?;
    Ok(context)
}

/// So many are kept of one moment of the tables.
const NARROWED_MAX: usize = 8;

/// Sessions of one engine by what may be seen in them, latest made last. To make one takes longer than most questions.
#[derive(Default)]
pub(crate) struct NarrowedSessions(Mutex<Vec<(Narrowing, SessionContext)>>);

impl NarrowedSessions {
    fn get(&self, narrowing: &Narrowing) -> Option<SessionContext> {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.iter().find(|(own, _)| own == narrowing).map(|(_, context)| context.clone())
    }

    fn keep(&self, narrowing: &Narrowing, context: SessionContext) -> SessionContext {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= NARROWED_MAX {
            made.remove(0);
        }
        made.push((narrowing.clone(), context.clone()));
        context
    }
}

/// The condition that a row of a table may be seen; `None` where all may.
fn condition(table: &Table, narrowing: &Narrowing) -> Option<String> {
    let known = narrowing.as_of.filter(|_| table.column("known_at").is_some());
    let known = known.map(|moment| format!("known_at <= {}", sql::instant(moment)));
    let is_own = narrowing.without_plans && table.name == PLANS.name;
    let own = is_own.then(|| "false".to_owned());
    let parts: Vec<String> = known.into_iter().chain(own).chain(may_leave(table, &narrowing.kept_back)).collect();
    (!parts.is_empty()).then(|| parts.join(" AND "))
}

/// The condition that a row may be passed on. Figures and signals name no single source: what is about an entity and
/// metric of which a source speaks that is kept back stays here.
fn may_leave(table: &Table, kept_back: &[String]) -> Option<String> {
    if kept_back.is_empty() {
        return None;
    }
    let listed = sql::listed(kept_back);
    if matches!(table.name, "figures" | "signals") {
        let about = |entity: &str, metric: &str| format!("concat(CAST({entity} AS VARCHAR), ' ', {metric})");
        return Some(format!(
            "{} NOT IN (SELECT {} FROM claims c JOIN identities i ON c.mention_id = i.mention_id \
             WHERE c.source IN ({listed}))",
            about("entity_id", "metric"),
            about("i.entity_id", "c.metric")
        ));
    }
    table.column("source").is_some().then(|| format!("(source IS NULL OR source NOT IN ({listed}))"))
}

/// Refuses plans that would do anything but read.
///
/// # Errors
/// [`LakeError::Engine`] for a plan that makes, changes or writes something.
pub fn only_reads(plan: &LogicalPlan) -> Result<()> {
    reading().verify_plan(plan).map_err(LakeError::from)
}

/// Functions whose results can be as large as a number in the query says: they would take their memory outside the pool,
/// and a program that gets none ends.
const UNBOUNDED: [&str; 7] =
    ["range", "generate_series", "array_repeat", "list_repeat", "array_resize", "list_resize", "repeat"];

/// Lists of a window, which the engine makes anew for each row, outside the pool too.
const LISTS: [&str; 2] = ["array_agg", "string_agg"];

/// Refuses plans whose memory no limit would hold for: lists gathered over a window.
///
/// # Errors
/// [`LakeError::BadQuestion`].
pub fn is_bounded(plan: &LogicalPlan) -> Result<()> {
    let mut is_found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Window(window) = node {
            for expression in &window.window_expr {
                is_found |= expression.exists(|part| {
                    Ok(matches!(part, Expr::WindowFunction(window) if LISTS.contains(&window.fun.name())))
                })?;
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if is_found {
        return Err(LakeError::bad_question(
            "a list gathered over a window may take any amount of memory",
            "gather it with GROUP BY, which is held to the limit",
        ));
    }
    Ok(())
}

impl Session {
    /// The engine's own session: for protocols that plan by themselves, and ask [`only_reads`] before they run a plan.
    pub fn engine(&self) -> &EngineSession {
        &self.context
    }

    /// The first rows of a query, and whether there are more.
    ///
    /// # Errors
    /// What the engine says of the query; [`LakeError::BadQuestion`] where the rows are larger than the session's memory.
    pub async fn ask(&self, query: &str, n_rows_max: usize) -> Result<(Answer, bool)> {
        let frame = self.context.sql_with_options(query, reading()).boxed().await?;
        is_bounded(frame.logical_plan())?;
        let schema = Arc::clone(frame.schema().inner());
        let mut stream = self.lake.run(frame).await?;
        let (mut batches, mut n_left, mut n_bytes) = (Vec::new(), n_rows_max, 0);
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            n_bytes += batch.get_array_memory_size();
            if n_bytes > self.n_bytes_max {
                return Err(too_large(self.n_bytes_max));
            }
            if batch.num_rows() > n_left {
                batches.push(batch.slice(0, n_left));
                return Ok((Answer::of_batches(&schema, &batches)?, true));
            }
            n_left -= batch.num_rows();
            batches.push(batch);
        }
        let schema = batches.first().map_or(schema, |batch| batch.schema());
        Ok((Answer::of_batches(&schema, &batches)?, false))
    }
}

fn too_large(n_bytes_max: usize) -> LakeError {
    LakeError::bad_question(
        format!("the rows are larger than {} MiB", n_bytes_max >> 20),
        "ask for fewer columns or rows",
    )
}

/// What the lake may use, of which queries of one share get no more than their share.
#[derive(Debug)]
struct SharedPool {
    of: Arc<dyn MemoryPool>,
    share: MemoryShare,
}

impl fmt::Display for SharedPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a share of {} bytes", self.share.n_bytes)
    }
}

impl MemoryPool for SharedPool {
    fn name(&self) -> &str {
        "share"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.of.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.of.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.share.n_used.fetch_add(additional, Ordering::Relaxed);
        self.of.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.share.n_used.fetch_sub(shrink, Ordering::Relaxed);
        self.of.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<(), DataFusionError> {
        let within = |used: usize| used.checked_add(additional).filter(|sum| *sum <= self.share.n_bytes);
        let taken = self.share.n_used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        if taken.is_err() {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "the query needs more than the {} MiB that one user's queries may hold",
                self.share.n_bytes >> 20
            )));
        }
        self.of.try_grow(reservation, additional).inspect_err(|_| {
            self.share.n_used.fetch_sub(additional, Ordering::Relaxed);
        })
    }

    fn reserved(&self) -> usize {
        self.share.n_used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.share.n_bytes)
    }
}
