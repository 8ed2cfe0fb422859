//! What a connection may say: questions, settings of its own, transactions and cursors that change nothing. All else is
//! refused by its kind, and a question is looked at once more when it is a plan.

use std::sync::Arc;

use async_trait::async_trait;
use crowsnest_lake::sessions::{EngineSession, is_bounded, only_reads};
use crowsnest_lake::state::people::digest;
use datafusion::common::ParamValues;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Declare, Set, Statement};
use datafusion_postgres::QueryHook;
use datafusion_postgres::arrow_pg::datatypes::df;
use datafusion_postgres::hooks::HookClient;
use datafusion_postgres::hooks::cursor::CursorStatementHook;
use datafusion_postgres::hooks::set_show::SetShowHook;
use datafusion_postgres::hooks::transactions::TransactionStatementHook;
use datafusion_postgres::pgwire::api::ClientInfo;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::types::format::FormatOptions;

use super::catalogue;
use super::door::{AS_OF, NOW, moment, parse_moment};
use super::limits::refusal;

/// What statements go through, in this order, until one of them answers.
pub(crate) fn hooks(as_of: Option<i64>) -> Vec<Arc<dyn QueryHook>> {
    vec![
        Arc::new(Own),
        Arc::new(CursorStatementHook),
        Arc::new(SetShowHook),
        Arc::new(TransactionStatementHook),
        Arc::new(Questions { as_of }),
    ]
}

/// The span of what a client sends: by its digest, for its text may hold names that people look up.
pub(crate) fn span_of(text: &str) -> tracing::Span {
    tracing::info_span!("sql statement", otel.kind = "server", sql.sha256 = %&digest(text)[..16])
}

/// Whether a statement is a question to the tables.
pub(crate) fn is_question(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Query(_)
            | Statement::Explain { .. }
            | Statement::ExplainTable { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowFunctions { .. }
    )
}

/// The plan of a statement that only reads.
pub(crate) async fn plan(statement: &Statement, session: &EngineSession) -> PgWireResult<LogicalPlan> {
    let parsed = Parsed::Statement(Box::new(catalogue::fitted(statement)));
    let planned = Box::pin(session.state().statement_to_plan(parsed)).await;
    let plan = planned.map_err(|error| PgWireError::ApiError(Box::new(error)))?;
    only_reads(&plan).map_err(|error| read_only(&error.to_string()))?;
    is_bounded(&plan).map_err(|error| refusal("54000", error.to_string(), &error.hint().unwrap_or_default()))?;
    Ok(plan)
}

fn read_only(what: &str) -> PgWireError {
    refusal(
        "25006",
        format!("the SQL port only reads: {what}"),
        "ask with SELECT; rows come into the market with crowsnest import or collect",
    )
}

/// What this port answers or refuses by itself.
#[derive(Debug)]
struct Own;

impl Own {
    async fn answer(
        statement: &Statement,
        session: &EngineSession,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        if let Some(tag) = nothing_to_do(statement) {
            return Some(Ok(Response::Execution(Tag::new(tag))));
        }
        match statement {
            Statement::Set(set) => Self::set(set, client),
            Statement::Reset(_) => {
                client.metadata_mut().insert(AS_OF.to_owned(), NOW.to_owned());
                Some(Ok(Response::Execution(Tag::new("RESET"))))
            }
            Statement::Declare { stmts } => only_reading_cursors(stmts, session).await.err().map(Err),
            _ => refused(statement).map(Err),
        }
    }

    /// `SET as_of`; the engine's own settings belong to all connections, and are refused.
    fn set(set: &Set, client: &mut dyn HookClient) -> Option<PgWireResult<Response>> {
        if set.to_string().to_lowercase().contains("datafusion.") {
            let message = format!("{set} would change the engine for everybody");
            return Some(Err(refusal("42501", message, "leave it out: the limits are options of crowsnest serve")));
        }
        let Set::SingleAssignment { variable, values, .. } = set else { return None };
        if !variable.to_string().eq_ignore_ascii_case(AS_OF) {
            return None;
        }
        let text = values.first().map(ToString::to_string).unwrap_or_default();
        let text = text.trim_matches(['\'', '"']);
        Some(parse_moment(text).map(|moment| {
            let value = if moment.is_some() { text } else { NOW };
            client.metadata_mut().insert(AS_OF.to_owned(), value.to_owned());
            Response::Execution(Tag::new("SET"))
        }))
    }
}

/// What clients say to tidy up, of which there is nothing here.
fn nothing_to_do(statement: &Statement) -> Option<&'static str> {
    match statement {
        Statement::Discard { .. } => Some("DISCARD ALL"),
        Statement::UNLISTEN { .. } => Some("UNLISTEN"),
        Statement::Deallocate { .. } => Some("DEALLOCATE"),
        Statement::Savepoint { .. } => Some("SAVEPOINT"),
        Statement::ReleaseSavepoint { .. } => Some("RELEASE"),
        _ => None,
    }
}

/// The refusal of a statement that may not be said here.
fn refused(statement: &Statement) -> Option<PgWireError> {
    let may_be_said = is_question(statement)
        || nothing_to_do(statement).is_some()
        || matches!(
            statement,
            Statement::Set(_)
                | Statement::Reset(_)
                | Statement::ShowVariable { .. }
                | Statement::ShowStatus { .. }
                | Statement::ShowCatalogs { .. }
                | Statement::StartTransaction { .. }
                | Statement::Commit { .. }
                | Statement::Rollback { .. }
                | Statement::Declare { .. }
                | Statement::Fetch { .. }
                | Statement::Close { .. }
        );
    if let Statement::Explain { statement: explained, .. } = statement {
        return refused(explained);
    }
    if may_be_said {
        return None;
    }
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or_default();
    Some(read_only(&format!("{word} is refused")))
}

async fn only_reading_cursors(declared: &[Declare], session: &EngineSession) -> PgWireResult<()> {
    for declare in declared {
        if let Some(query) = &declare.for_query {
            plan(&Statement::Query(query.clone()), session).await?;
        }
    }
    Ok(())
}

fn empty_plan() -> PgWireResult<LogicalPlan> {
    LogicalPlanBuilder::empty(false).build().map_err(|error| PgWireError::ApiError(Box::new(error)))
}

#[async_trait]
impl QueryHook for Own {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        session: &EngineSession,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        Self::answer(statement, session, client).await
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        _session: &EngineSession,
        _client: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        if let Some(refusal) = refused(statement) {
            return Some(Err(refusal));
        }
        let is_own = nothing_to_do(statement).is_some() || matches!(statement, Statement::Reset(_));
        is_own.then(empty_plan)
    }

    async fn handle_extended_query(
        &self,
        statement: &Statement,
        _plan: &LogicalPlan,
        _params: &ParamValues,
        session: &EngineSession,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        Self::answer(statement, session, client).await
    }
}

/// Runs questions.
#[derive(Debug)]
struct Questions {
    /// The moment that the session is of.
    as_of: Option<i64>,
}

impl Questions {
    /// A question behind a `SET as_of` in the same message would still see the moment before it.
    fn check_moment<C: ClientInfo + ?Sized>(&self, client: &C) -> PgWireResult<()> {
        if moment(client)? == self.as_of {
            return Ok(());
        }
        Err(refusal(
            "0A000",
            "as_of was set in the same message as the query",
            "send SET as_of by itself, then the query",
        ))
    }
}

#[async_trait]
impl QueryHook for Questions {
    async fn handle_simple_query(
        &self,
        statement: &Statement,
        session: &EngineSession,
        client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        let asking = async {
            self.check_moment(client)?;
            let plan = plan(statement, session).await?;
            let executed = Box::pin(session.execute_logical_plan(plan)).await;
            let frame = executed.map_err(|error| PgWireError::ApiError(Box::new(error)))?;
            let options = Arc::new(FormatOptions::from_client_metadata(client.metadata()));
            Box::pin(df::encode_dataframe(frame, &Format::UnifiedText, Some(options))).await
        };
        Some(asking.await.map(Response::Query))
    }

    async fn handle_extended_parse_query(
        &self,
        statement: &Statement,
        session: &EngineSession,
        _client: &(dyn ClientInfo + Send + Sync),
    ) -> Option<PgWireResult<LogicalPlan>> {
        Some(plan(statement, session).await)
    }

    async fn handle_extended_query(
        &self,
        _statement: &Statement,
        _plan: &LogicalPlan,
        _params: &ParamValues,
        _session: &EngineSession,
        _client: &mut dyn HookClient,
    ) -> Option<PgWireResult<Response>> {
        None
    }
}
