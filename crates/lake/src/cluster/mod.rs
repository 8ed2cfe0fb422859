//! Questions on several machines, with Apache DataFusion Ballista: cargo feature `cluster`.
//!
//! The client plans a question as it does for itself, against one snapshot of the tables: views, table functions, who is
//! who and the files to read are in the physical plan before it leaves. The scheduler cuts the plan into stages at its
//! exchanges, executors ask it for work, and the client reads the outcome from the executors. Our functions travel by
//! name: every part has the same list ([`crate::functions`]), and parts of another version are refused.
//!
//! All parts prove to each other over TLS that they know the cluster's secret ([`trust`]). A plan may read whatever
//! files its executors can: the secret is as much as an account on their machines.

mod client;
mod executor;
mod plan;
mod scheduler;
mod trust;

use std::path::PathBuf;

use ballista_core::extension::SessionConfigExt as _;
use datafusion::prelude::SessionConfig;

pub(crate) use client::Cluster;
pub use executor::{ExecutorOptions, run_executor};
pub use scheduler::{PORT as SCHEDULER_PORT, SchedulerOptions, metrics_text, run_scheduler};
pub use trust::new_secret;

use trust::Trust;

use crate::market::Secrets;
use crate::stores::Settings;
use crate::{LakeError, Result, stores};

/// The environment's variable, or the secrets file's line, with the cluster's secret.
pub const SECRET_VARIABLE: &str = "CROWSNEST_CLUSTER_SECRET";

/// The largest message between parts: plans carry who is who as rows.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// The side of a join that is sent to every task is at most so large.
const SENT_TO_ALL_BYTES_MAX: usize = 4 << 20;
const SENT_TO_ALL_ROWS_MAX: usize = 50_000;

/// Steps whose parts share memory, which stages of a cluster cannot.
const MADE_FOR_ONE_PROCESS: [&str; 4] = ["ScalarSubqueryExec", "RecursiveQueryExec", "WorkTableExec", "AnalyzeExec"];

/// The settings that a scheduler or an executor starts with.
///
/// # Errors
/// Where the secrets file cannot be read.
pub fn settings_of(secrets: Option<&PathBuf>) -> Result<Secrets> {
    Ok(Secrets::from(secrets.map(|path| stores::read_secrets(path)).transpose()?.unwrap_or_default()))
}

fn secret_of(settings: &Settings) -> Result<String> {
    let found = std::env::var(SECRET_VARIABLE).ok().or_else(|| settings.get(SECRET_VARIABLE).cloned());
    found.ok_or_else(|| LakeError::Cluster {
        message: "the cluster's secret is not known".into(),
        hint: format!("make one with `crowsnest cluster secret` and give all parts the same in {SECRET_VARIABLE}"),
    })
}

fn failed(message: impl ToString, hint: impl Into<String>) -> LakeError {
    LakeError::Cluster { message: message.to_string(), hint: hint.into() }
}

/// How all parts run plans.
fn config(n_partitions: usize, trust: &Trust) -> SessionConfig {
    let own = crate::engine::session_config(n_partitions);
    let mut config = own.upgrade_for_ballista().with_target_partitions(n_partitions).with_ballista_use_tls(true);
    config = config
        // What was planned and checked here is what runs.
        .with_ballista_adaptive_query_planner(false)
        .with_ballista_grpc_client_max_message_size(MESSAGE_BYTES_MAX)
        .with_ballista_override_create_grpc_client_endpoint(trust.endpoints());
    let optimizer = &mut config.options_mut().optimizer;
    // A hash join that fits is faster than sorting both sides, and builds are small here: who is who, sources, the latest
    // of a key.
    optimizer.prefer_hash_join = true;
    // What is small enough to be sent to every task: less than what Ballista takes for that, so that it never disagrees.
    optimizer.hash_join_single_partition_threshold = SENT_TO_ALL_BYTES_MAX;
    optimizer.hash_join_single_partition_threshold_rows = SENT_TO_ALL_ROWS_MAX;
    config.with_ballista_broadcast_join_threshold_bytes(16 * SENT_TO_ALL_BYTES_MAX)
}
