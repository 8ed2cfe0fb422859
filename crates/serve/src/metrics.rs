//! Figures about running programs, for Prometheus, in its text format: at `/metrics` of the pages, and alone for the
//! parts of a cluster.

use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use crowsnest_lake::Lake;
use crowsnest_model::tables::TABLES;
use crowsnest_run::SourceState;

use crate::site::Seen;
use crate::{Result, ServeError, counts};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves `/metrics` and `/healthz` alone, until dropped.
///
/// # Errors
/// [`ServeError::Listen`] where the address cannot be had.
pub async fn serve_metrics(listen: SocketAddr, text: fn() -> String) -> Result<()> {
    let failed = |source| ServeError::Listen { address: listen, source };
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(failed)?;
    let router = Router::new()
        .route("/metrics", get(move || async move { ([(header::CONTENT_TYPE, TEXT)], text() + &of_process()) }))
        .route("/healthz", get(|| async { "ok\n" }));
    axum::serve(listener, router).await.map_err(failed)
}

/// The figures of a market that is being served.
pub(crate) async fn of_pages(Seen(site): Seen) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, TEXT)],
        of_lake(&site.lake) + &of_sources(&site.lake) + &of_deliveries(&site.lake) + &counts::text() + &of_process(),
    )
}

/// What to be woken for: a source that is late or gave what could not be read.
fn of_sources(lake: &Lake) -> String {
    let states = match crowsnest_run::collecting_states(lake, jiff::Timestamp::now().as_microsecond()) {
        Ok(states) => states,
        Err(error) => {
            tracing::warn!(%error, "figures of sources cannot be read");
            return String::new();
        }
    };
    const OK_AT: &str = "crowsnest_source_last_ok_timestamp_seconds";
    const LATE: &str = "crowsnest_source_late";
    const QUARANTINED: &str = "crowsnest_source_quarantined_documents";
    let mut text = String::new();
    let mut family = |name: &str, help: &str, value: &dyn Fn(&SourceState) -> Option<u64>| {
        head(&mut text, name, help);
        for state in &states {
            if let Some(value) = value(state) {
                line(&mut text, &format!("{name}{{source=\"{}\"}}", escaped(&state.source)), value);
            }
        }
    };
    let seconds = |micros: i64| u64::try_from(micros / 1_000_000).unwrap_or_default();
    family(OK_AT, "When a run of the source last ended well.", &|state| state.last_ok_at.map(seconds));
    family(LATE, "1 where a source is overdue, or its last run failed.", &|state| Some(u64::from(state.is_late)));
    family(QUARANTINED, "Documents that wait for somebody to look at them.", &|state| {
        u64::try_from(state.n_in_quarantine).ok()
    });
    text
}

/// What waits to be told, and what could not be.
fn of_deliveries(lake: &Lake) -> String {
    let mut text = String::new();
    match lake.state().n_deliveries() {
        Ok(counted) => {
            head(&mut text, "crowsnest_deliveries", "Messages to channels that wait, were sent, or were given up.");
            for (outcome, n) in counted {
                line(&mut text, &format!("crowsnest_deliveries{{outcome=\"{}\"}}", escaped(&outcome)), n);
            }
        }
        Err(error) => tracing::warn!(%error, "figures of deliveries cannot be read"),
    }
    text
}

/// A label's value, as the text format has it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn of_lake(lake: &Lake) -> String {
    let mut text = String::new();
    head(&mut text, "crowsnest_table_rows", "Rows of a table.");
    for table in TABLES {
        line(&mut text, &format!("crowsnest_table_rows{{table=\"{}\"}}", table.name), lake.n_rows(table) as u64);
    }
    head(&mut text, "crowsnest_cluster_questions", "Questions of this process that run on the cluster.");
    line(&mut text, "crowsnest_cluster_questions", lake.jobs().len() as u64);
    text
}

fn of_process() -> String {
    let mut text = String::new();
    head(&mut text, "crowsnest_build_info", "1, for the version that runs.");
    line(&mut text, concat!("crowsnest_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1);
    if let Some(n_bytes) = crowsnest_lake::files::memory_of_process() {
        head(&mut text, "crowsnest_memory_bytes", "Memory that this process has in use.");
        line(&mut text, "crowsnest_memory_bytes", n_bytes);
    }
    text
}

fn head(text: &mut String, name: &str, help: &str) {
    // Infallible: writing to a String never fails.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

fn line(text: &mut String, name: &str, value: u64) {
    let _ = writeln!(text, "{name} {value}");
}
