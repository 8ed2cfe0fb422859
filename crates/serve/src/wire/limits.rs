//! What the queries of a user may take: time, memory, rows.

use std::time::Duration;

use datafusion_postgres::pgwire::api::results::{QueryResponse, Response};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};
use futures::StreamExt as _;
use tokio::time::Instant;

/// What the queries of one user may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlLimits {
    /// Seconds for one query, until its last row is sent.
    pub seconds: u64,
    /// Bytes that all queries of a user may hold at once; what can spill, spills.
    pub memory_bytes: usize,
    /// Rows of one query.
    pub n_rows: usize,
}

impl Default for SqlLimits {
    /// One minute, 512 MiB, a million rows.
    fn default() -> Self {
        Self { seconds: 60, memory_bytes: 512 << 20, n_rows: 1_000_000 }
    }
}

impl SqlLimits {
    /// When a query that begins now has to be done; a connection may ask for less time than the limit, not for more.
    pub(crate) fn deadline(&self, asked: Option<Duration>) -> Instant {
        let most = Duration::from_secs(self.seconds);
        Instant::now() + asked.map_or(most, |asked| asked.min(most))
    }

    /// The same answer, which ends with an error where it takes longer or is larger than it may.
    pub(crate) fn within(self, response: Response, deadline: Instant) -> Response {
        let QueryResponse { command_tag, row_schema, data_rows, .. } = match response {
            Response::Query(answered) => answered,
            other => return other,
        };
        let rows = futures::stream::unfold(Some((data_rows, 0)), move |left| async move {
            let (mut rows, n) = left?;
            match tokio::time::timeout_at(deadline, rows.next()).await {
                Err(_) => Some((Err(self.too_long()), None)),
                Ok(None) => None,
                Ok(Some(Ok(_))) if n == self.n_rows => Some((Err(self.too_many()), None)),
                Ok(Some(row)) => Some((row, Some((rows, n + 1)))),
            }
        });
        let mut limited = QueryResponse::new(row_schema, rows);
        limited.set_command_tag(&command_tag);
        Response::Query(limited)
    }

    pub(crate) fn too_long(&self) -> PgWireError {
        refusal(
            "57014",
            format!("the query took longer than it may, which is {} s at most", self.seconds),
            "ask for less; the limit is --sql-seconds of crowsnest serve, or your own statement_timeout",
        )
    }

    fn too_many(&self) -> PgWireError {
        refusal(
            "54000",
            format!("the answer has more than {} rows", self.n_rows),
            "add a LIMIT or a condition; the limit is --sql-rows of crowsnest serve",
        )
    }
}

/// An error with its SQLSTATE and what to do.
pub(crate) fn refusal(code: &str, message: impl Into<String>, hint: &str) -> PgWireError {
    let mut info = ErrorInfo::new("ERROR".to_owned(), code.to_owned(), message.into());
    info.hint = Some(hint.to_owned());
    PgWireError::UserError(Box::new(info))
}
