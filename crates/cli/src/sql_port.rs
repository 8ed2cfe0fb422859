//! The options of `crowsnest serve` for the SQL port, and serving it beside the pages.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use crowsnest_lake::Lake;
use crowsnest_serve::{SqlLimits, SqlOptions, TlsFiles, serve_sql};
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::options::{Size, parse_address, parse_size};
use crate::print;
use crate::signals::stopped;

/// The secret that connections give as their password.
const PASSWORD: &str = "CROWSNEST_SQL_PASSWORD";

/// The SQL port
#[derive(Debug, Args)]
pub(crate) struct SqlPort {
    /// Address and port for psql, drivers and dashboards, as Postgres speaks; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    sql: Option<SocketAddr>,
    /// PEM file with the SQL port's certificate chain; needed beyond loopback
    #[arg(long, value_name = "FILE", requires = "sql", requires = "sql_key")]
    sql_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "sql_cert")]
    sql_key: Option<PathBuf>,
    /// Seconds that one query of the SQL port may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    sql_seconds: u64,
    /// Memory that one user's queries of the SQL port may hold before they spill or fail [default: 512MiB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    sql_memory: Option<Size>,
    /// Rows that one query of the SQL port may give
    #[arg(long, value_name = "ROWS", default_value_t = 1_000_000)]
    sql_rows: usize,
}

impl SqlPort {
    /// What was asked for; `None` where the port stays closed.
    pub(crate) fn options(&self, lake: &Lake) -> Result<Option<SqlOptions>, Failure> {
        let Some(listen) = self.sql else { return Ok(None) };
        let tls = self.sql_cert.clone().zip(self.sql_key.clone());
        let memory_bytes = self.sql_memory.map_or(SqlLimits::default().memory_bytes, |memory| memory.bytes);
        Ok(Some(SqlOptions {
            listen,
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            limits: SqlLimits { seconds: self.sql_seconds, memory_bytes, n_rows: self.sql_rows },
            password: lake.market().readable_secret(PASSWORD)?,
        }))
    }
}

/// Serves until the command is asked to stop, and says where.
pub(crate) async fn serve(lake: Lake, options: SqlOptions) -> Result<(), Failure> {
    let mode = if options.tls.is_some() { "?sslmode=require" } else { "" };
    let (bound, address) = oneshot::channel();
    let serving = Box::pin(serve_sql(lake, options, bound, stopped()));
    let telling = async {
        let Ok(address) = address.await else { return Ok(()) };
        print::line(&format!("SQL at postgresql://crowsnest@{address}/crowsnest{mode}"))
    };
    let (served, told) = tokio::join!(serving, telling);
    served?;
    match told {
        Err(Failure::Output { .. }) | Ok(()) => Ok(()),
        Err(failure) => Err(failure),
    }
}
