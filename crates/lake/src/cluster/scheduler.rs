//! `crowsnest cluster scheduler`: takes plans, cuts them into stages, hands the tasks to executors that ask for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::Result as BallistaResult;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_scheduler::cluster::{BallistaCluster, ClusterStateEvent};
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::create_scheduler;
use ballista_scheduler::scheduler_server::SchedulerServer;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use futures::StreamExt as _;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;

use super::trust::Trust;
use super::{MESSAGE_BYTES_MAX, Secrets, config, failed, secret_of};
use crate::engine::runtime_builder;
use crate::{Result, functions};

/// The port that schedulers listen at unless told otherwise.
pub const PORT: u16 = 50050;

/// A request with this header is answered, as an error, with the number of executors that were lost so far.
pub(super) const LOSSES_ASKED: &str = "crowsnest-losses";

/// An executor that has not asked for this long is gone, and its tasks are given to others.
const EXECUTOR_SILENT_SECONDS_MAX: u64 = 12;

/// How to run a scheduler.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// Where it listens; loopback unless the user said otherwise.
    pub listen: SocketAddr,
    /// The secrets file's lines.
    pub secrets: Secrets,
}

/// Runs a scheduler until `stop` ends.
///
/// # Errors
/// [`crate::LakeError::Cluster`] without a secret, or where the address is taken.
pub async fn run_scheduler(options: SchedulerOptions, stop: impl Future<Output = ()> + Send) -> Result<()> {
    let trust = Trust::new(&secret_of(&options.secrets)?, env!("CARGO_PKG_VERSION"))?;
    let settings = options.secrets;
    let builder = Arc::new(move |config: SessionConfig| session(config, &settings));
    let of_config = trust.clone();
    let scheduler = SchedulerConfig {
        bind_host: options.listen.ip().to_string(),
        bind_port: options.listen.port(),
        external_host: options.listen.ip().to_string(),
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        // What Ballista 55 begins anew in the middle of a job it may count twice, because tasks of before cannot be called
        // back from executors that ask for work. So nothing is: the client asks the whole question again.
        stage_max_failures: 1,
        executor_timeout_seconds: EXECUTOR_SILENT_SECONDS_MAX,
        expire_dead_executor_interval_seconds: 2,
        no_executors_grace_period_seconds: 30,
        finished_job_data_clean_up_interval_seconds: 60,
        grpc_server_max_decoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_server_max_encoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_client_max_message_size: MESSAGE_BYTES_MAX as u32,
        override_session_builder: Some(builder),
        override_config_producer: Some(Arc::new(move || config(1, &of_config))),
        override_create_grpc_client_endpoint: Some(trust.endpoints()),
        use_tls: true,
        ..SchedulerConfig::default()
    };
    let unusable = |error: String| failed(format!("the scheduler cannot start: {error}"), "check its options");
    let cluster = BallistaCluster::new_from_config(&scheduler).await.map_err(|error| unusable(error.to_string()))?;
    let server = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, Arc::new(scheduler))
        .await
        .map_err(|error| unusable(error.to_string()))?;
    let losses = count_losses(&server).await.map_err(|error| unusable(error.to_string()))?;
    let service = SchedulerGrpcServer::new(server)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let tls = trust.of_server();
    let checked = InterceptedService::new(service, move |request: tonic::Request<()>| {
        trust.check_version(request.metadata()).map_err(|status| *status)?;
        match request.metadata().contains_key(LOSSES_ASKED) {
            true => Err(tonic::Status::aborted(losses.load(Ordering::Acquire).to_string())),
            false => Ok(request),
        }
    });
    let listening = |error: tonic::transport::Error| {
        use std::error::Error as _;
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        failed(
            format!("cannot listen at {}: {cause}", options.listen),
            "another program may have the port: choose one with --listen",
        )
    };
    let mut grpc = Server::builder().tcp_nodelay(true).tls_config(tls).map_err(listening)?;
    grpc.add_service(checked).serve_with_shutdown(options.listen, stop).await.map_err(listening)
}

/// Counts the executors that were lost, from now on.
async fn count_losses(server: &SchedulerServer<LogicalPlanNode, PhysicalPlanNode>) -> BallistaResult<Arc<AtomicU64>> {
    let losses = Arc::new(AtomicU64::new(0));
    let (counted, mut events) = (Arc::clone(&losses), server.cluster_state_events().await?);
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if matches!(event, ClusterStateEvent::RemovedExecutor { .. }) {
                counted.fetch_add(1, Ordering::Release);
            }
        }
    });
    Ok(losses)
}

/// A session of the scheduler: it decodes plans and plans their stages, with our functions.
fn session(config: SessionConfig, secrets: &Secrets) -> datafusion::common::Result<SessionState> {
    let mut state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime_builder(secrets).build_arc()?)
        .with_default_features()
        .build();
    functions::add_to(&mut state)?;
    Ok(state)
}

/// The scheduler's counts for Prometheus, in its text format; empty before the first.
pub fn metrics_text() -> String {
    let families = prometheus::gather();
    prometheus::TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}
