//! Between a connection and the engine: the session that a query belongs to, and its limits.
//!
//! In: a query of a connection, with who asks and as of when. Out: its answer over the lake as it is now. Sessions are kept
//! until the lake moves on; a statement that was prepared earlier is planned anew when it runs, so that it sees what was
//! committed since.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use crowsnest_lake::questions::parse_as_of;
use crowsnest_lake::sessions::{EngineSession, MemoryShare, Narrowing};
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_postgres::datafusion_pg_catalog::setup_pg_catalog;
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::results::{DescribePortalResponse, FieldInfo, Response};
use datafusion_postgres::pgwire::api::stmt::{QueryParser, StoredStatement};
use datafusion_postgres::pgwire::api::store::PortalStore;
use datafusion_postgres::pgwire::api::{
    ClientInfo, ClientPortalStore, ConnectionManager, RandomPidSecretKeyGenerator, Type,
};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::{DfSessionService, Parser};
use futures::Sink;
use tracing::Instrument as _;

use super::limits::{SqlLimits, refusal};
use super::{catalogue, statements};
use crate::cache;
use crate::caller::{Caller, Callers};
use crate::site::CurrentSite;
use crate::{Result, ServeError};

/// The name of the connection's setting that says as of when it asks, and its value for now.
pub(crate) const AS_OF: &str = "as_of";
pub(crate) const NOW: &str = "now";

/// Where datafusion-postgres keeps a connection's `statement_timeout`.
const STATEMENT_TIMEOUT: &str = "statement_timeout_ms";

/// The name of the database, as clients see it.
const DATABASE: &str = "crowsnest";

/// So many sessions are kept.
const N_SESSIONS_MAX: usize = 16;

type Statement = <Parser as QueryParser>::Statement;
type Sql = datafusion::sql::sqlparser::ast::Statement;

/// What a session depends on.
#[derive(Debug, Clone, PartialEq)]
struct Key {
    generation: usize,
    user: String,
    narrowing: Narrowing,
}

/// A session, and what speaks for it.
#[derive(Clone)]
struct Opened {
    engine: Arc<EngineSession>,
    service: Arc<DfSessionService>,
}

/// What all connections share.
pub(crate) struct Door {
    site: CurrentSite,
    pub(crate) callers: Arc<dyn Callers>,
    pub(crate) connections: Arc<ConnectionManager>,
    pub(crate) ids: RandomPidSecretKeyGenerator,
    limits: SqlLimits,
    sessions: Mutex<Vec<(Key, Opened)>>,
    shares: Mutex<HashMap<String, MemoryShare>>,
}

/// Who asks, and as of when.
#[derive(Debug)]
struct Asked {
    caller: Caller,
    as_of: Option<i64>,
}

impl Asked {
    fn of<C: ClientInfo + ?Sized>(client: &C) -> PgWireResult<Self> {
        let caller = client.session_extensions().get::<Caller>();
        let caller = caller.ok_or_else(|| refusal("28000", "nobody is connected", "connect again"))?;
        Ok(Self { caller: caller.as_ref().clone(), as_of: moment(client)? })
    }
}

/// The moment that a connection asks as of.
pub(crate) fn moment<C: ClientInfo + ?Sized>(client: &C) -> PgWireResult<Option<i64>> {
    let text = client.metadata().get(AS_OF).map_or(NOW, String::as_str);
    parse_moment(text)
}

/// `now`, a day or an instant.
pub(crate) fn parse_moment(text: &str) -> PgWireResult<Option<i64>> {
    if text.is_empty() || text.eq_ignore_ascii_case(NOW) || text.eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    let wrong = |error: crowsnest_lake::LakeError| {
        refusal(
            "22023",
            error.to_string(),
            "SET as_of = '2025-02-01', an instant such as '2025-02-01T12:00:00Z', or 'now'",
        )
    };
    parse_as_of(text).map(Some).map_err(wrong)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Door {
    /// The door to a site; a first session is made, so that what cannot be served is told at once.
    pub(crate) async fn new(site: CurrentSite, callers: Arc<dyn Callers>, limits: SqlLimits) -> Result<Self> {
        let (sessions, shares) = (Mutex::default(), Mutex::default());
        let connections = Arc::new(ConnectionManager::new());
        let ids = RandomPidSecretKeyGenerator::default();
        let door = Self { site, callers, connections, ids, limits, sessions, shares };
        door.session_of(&Asked { caller: Caller::owner(), as_of: None }).await?;
        Ok(door)
    }

    async fn session_of(&self, asked: &Asked) -> Result<Opened> {
        let site = self.site.now();
        let kept_back = if asked.caller.may_read_restricted { Vec::new() } else { site.shared.kept_back.clone() };
        let narrowing = Narrowing { as_of: asked.as_of, kept_back, without_plans: !asked.caller.may_read_restricted };
        let key = Key { generation: cache::generation(&site.lake), user: asked.caller.name.clone(), narrowing };
        if let Some((_, known)) = locked(&self.sessions).iter().find(|(known, _)| *known == key) {
            return Ok(known.clone());
        }
        let session = Box::pin(site.lake.session(&key.narrowing, &self.share_of(&key.user))).await?;
        let engine = Arc::new(session.engine().clone());
        setup_pg_catalog(&engine, DATABASE, EmptyContextProvider)
            .map_err(|error| ServeError::Sql(error.to_string()))?;
        catalogue::register(&engine);
        let service = DfSessionService::new_with_hooks(Arc::clone(&engine), statements::hooks(asked.as_of));
        let made = Opened { engine, service: Arc::new(service) };
        let mut sessions = locked(&self.sessions);
        sessions.retain(|(known, _)| known.generation == key.generation);
        if sessions.len() >= N_SESSIONS_MAX {
            sessions.remove(0);
        }
        sessions.push((key, made.clone()));
        Ok(made)
    }

    fn share_of(&self, user: &str) -> MemoryShare {
        let mut shares = locked(&self.shares);
        shares.entry(user.to_owned()).or_insert_with(|| MemoryShare::new(self.limits.memory_bytes)).clone()
    }

    async fn session_for(&self, asked: &Asked) -> PgWireResult<Opened> {
        Box::pin(self.session_of(asked)).await.map_err(|error| PgWireError::ApiError(Box::new(error)))
    }
}

/// Answers the queries of one connection.
pub(crate) struct Asking {
    door: Arc<Door>,
    planning: Arc<Planning>,
}

impl Asking {
    pub(crate) fn new(door: Arc<Door>) -> Self {
        Self { planning: Arc::new(Planning { door: Arc::clone(&door) }), door }
    }
}

fn statement_timeout<C: ClientInfo + ?Sized>(client: &C) -> Option<Duration> {
    client.metadata().get(STATEMENT_TIMEOUT)?.parse().ok().map(Duration::from_millis)
}

#[async_trait]
impl SimpleQueryHandler for Asking {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let limits = self.door.limits;
        let deadline = limits.deadline(statement_timeout(client));
        let asked = Asked::of(client)?;
        let session = self.door.session_for(&asked).await?;
        let asking = Box::pin(SimpleQueryHandler::do_query(session.service.as_ref(), client, query));
        let asking = asking.instrument(statements::span_of(query));
        let answered = tokio::time::timeout_at(deadline, asking).await.map_err(|_| limits.too_long())??;
        Ok(answered.into_iter().map(|response| limits.within(response, deadline)).collect())
    }
}

#[async_trait]
impl ExtendedQueryHandler for Asking {
    type Statement = Statement;
    type QueryParser = Planning;

    fn query_parser(&self) -> Arc<Self::QueryParser> {
        Arc::clone(&self.planning)
    }

    /// Rows of a cursor are told of as its query's are: the engine's hooks leave them without names and types.
    async fn do_describe_portal<C>(
        &self,
        client: &mut C,
        target: &Portal<Self::Statement>,
    ) -> PgWireResult<DescribePortalResponse>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let columns = match query_of_cursor(client.portal_store(), target) {
            None => self.planning.get_result_schema(&target.statement.statement, Some(&target.result_column_format))?,
            Some(query) => match self.planning.parse_sql(&*client, &query, &[]).await? {
                Some(planned) => self.planning.get_result_schema(&planned, Some(&Format::UnifiedText))?,
                None => Vec::new(),
            },
        };
        Ok(DescribePortalResponse::new(columns))
    }

    async fn do_query<C>(
        &self,
        client: &mut C,
        portal: &Portal<Self::Statement>,
        max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Self::Statement>,
        C::Error: std::fmt::Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let limits = self.door.limits;
        let deadline = limits.deadline(statement_timeout(client));
        let asked = Asked::of(client)?;
        let session = self.door.session_for(&asked).await?;
        let portal = planned_anew(portal, &session.engine).await?;
        let span = statements::span_of(&portal.statement.statement.0);
        let asking = Box::pin(ExtendedQueryHandler::do_query(session.service.as_ref(), client, &portal, max_rows));
        let asking = asking.instrument(span);
        let answered = tokio::time::timeout_at(deadline, asking).await.map_err(|_| limits.too_long())??;
        Ok(limits.within(answered, deadline))
    }
}

/// The query of the cursor that a portal is, or fetches from; nothing of any other portal.
fn query_of_cursor<S: PortalStore<Statement = Statement>>(store: &S, target: &Portal<Statement>) -> Option<String> {
    match &target.statement.statement {
        (_, Some((Sql::Fetch { name, .. }, _))) => {
            let cursor = store.get_portal(&name.value)?;
            Some(cursor.value()?.statement.statement.0.clone())
        }
        (query, None) => Some(query.clone()).filter(|query| !query.is_empty()),
        _ => None,
    }
}

/// The same portal with its statement planned over the lake as it is now.
async fn planned_anew(portal: &Portal<Statement>, engine: &EngineSession) -> PgWireResult<Portal<Statement>> {
    let planned = match &portal.statement.statement {
        (text, Some((statement, _))) if statements::is_question(statement) => {
            (text.clone(), Some((statement.clone(), statements::plan(statement, engine).await?)))
        }
        as_it_was => as_it_was.clone(),
    };
    let statement =
        StoredStatement::new(portal.statement.id.clone(), planned, portal.statement.parameter_types.clone());
    let mut anew = Portal::default();
    anew.name.clone_from(&portal.name);
    anew.statement = Arc::new(statement);
    anew.parameter_format = portal.parameter_format.clone();
    anew.parameters.clone_from(&portal.parameters);
    anew.result_column_format = portal.result_column_format.clone();
    Ok(anew)
}

/// Plans statements that are prepared.
pub(crate) struct Planning {
    door: Arc<Door>,
}

impl Planning {
    /// Any session's: what it tells of a plan depends on the plan alone.
    fn any_parser(&self) -> PgWireResult<Arc<Parser>> {
        let sessions = locked(&self.door.sessions);
        let session = sessions.last().map(|(_, session)| session.service.query_parser());
        session.ok_or_else(|| refusal("55000", "there is no session", "connect again"))
    }
}

#[async_trait]
impl QueryParser for Planning {
    type Statement = Statement;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Self::Statement>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let asked = Asked::of(client)?;
        let session = self.door.session_for(&asked).await?;
        session.service.query_parser().parse_sql(client, sql, types).await
    }

    fn get_parameter_types(&self, statement: &Self::Statement) -> PgWireResult<Vec<Type>> {
        self.any_parser()?.get_parameter_types(statement)
    }

    fn get_result_schema(
        &self,
        statement: &Self::Statement,
        column_format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        self.any_parser()?.get_result_schema(statement, column_format)
    }
}
