//! `crowsnest cluster executor`: asks a scheduler for tasks, runs them within its memory, and keeps their outcome for
//! whoever reads it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_flight::flight_service_server::FlightServiceServer;
use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::error::BallistaError;
use ballista_core::registry::BallistaFunctionRegistry;
use ballista_core::utils::create_grpc_server;
use ballista_executor::executor_process::{ExecutorProcessConfig, start_executor_process};
use ballista_executor::flight_service::BallistaFlightService;
use ballista_executor::{ArrowFlightServerProvider, shutdown::Shutdown};
use datafusion::execution::SessionStateDefaults;
use datafusion::prelude::SessionConfig;

use super::client::split_address;
use super::trust::Trust;
use super::{MESSAGE_BYTES_MAX, Secrets, client, config, failed, secret_of};
use crate::engine::runtime_builder;
use crate::{Result, files, functions};

/// How to run an executor.
#[derive(Debug, Clone)]
pub struct ExecutorOptions {
    /// The scheduler, `HOST:PORT`.
    pub scheduler: String,
    /// Where others read its outcomes; loopback unless the user said otherwise.
    pub listen: SocketAddr,
    /// The name under which others reach it; by default the address it listens at.
    pub advertise: Option<String>,
    /// Tasks at the same time.
    pub n_cores: usize,
    /// Bytes that its tasks may hold together before they spill.
    pub memory_bytes: usize,
    /// Folder for what is spilled and what waits to be read.
    pub work_dir: PathBuf,
    /// The secrets file's lines.
    pub secrets: Secrets,
}

/// Runs an executor until it is told to stop by a signal.
///
/// # Errors
/// [`crate::LakeError::Cluster`] where the scheduler cannot be reached, does not know the secret, or is of another
/// version.
pub async fn run_executor(options: ExecutorOptions) -> Result<()> {
    let trust = Trust::new(&secret_of(&options.secrets)?, env!("CARGO_PKG_VERSION"))?;
    // Ballista would only log a refusal, and go on asking.
    client::greet(&trust, &options.scheduler).await?;
    let (host, port) = split_address(&options.scheduler)?;
    files::create_folder(&options.work_dir)?;
    let work_dir = options.work_dir.to_string_lossy().into_owned();
    let settings = options.secrets;
    let spill = options.work_dir.clone();
    let runtime = move |_: &SessionConfig| runtime_builder(&settings).with_temp_file_path(spill.clone()).build_arc();
    let mut process = ExecutorProcessConfig {
        bind_host: options.listen.ip().to_string(),
        external_host: Some(options.advertise.unwrap_or_else(|| options.listen.ip().to_string())),
        port: options.listen.port(),
        scheduler_host: host,
        scheduler_port: port,
        vcores: options.n_cores.max(1),
        task_scheduling_policy: TaskSchedulingPolicy::PullStaged,
        work_dir: Some(work_dir),
        job_data_ttl_seconds: 3600,
        job_data_clean_up_interval_seconds: 600,
        grpc_max_decoding_message_size: MESSAGE_BYTES_MAX as u32,
        grpc_max_encoding_message_size: MESSAGE_BYTES_MAX as u32,
        memory_pool_size: Some(options.memory_bytes as u64),
        ..ExecutorProcessConfig::default()
    };
    let of_config = trust.clone();
    process.override_function_registry = Some(Arc::new(registry()));
    process.override_runtime_producer = Some(Arc::new(runtime));
    process.override_config_producer = Some(Arc::new(move || config(1, &of_config)));
    process.override_arrow_flight_service = Some(flight_server(trust.clone()));
    process.override_create_grpc_client_endpoint = Some(trust.endpoints());
    start_executor_process(Arc::new(process)).await.map_err(|error| {
        failed(format!("the executor stopped: {error}"), "check that the scheduler runs and that the port is free")
    })
}

/// Ballista's functions and ours, by name.
fn registry() -> BallistaFunctionRegistry {
    let mut registry = BallistaFunctionRegistry::default();
    let engines = SessionStateDefaults::default_scalar_functions();
    for function in engines.into_iter().chain(functions::scalars().into_iter().map(Arc::new)) {
        registry.scalar_functions.insert(function.name().to_owned(), function);
    }
    for function in functions::aggregates() {
        registry.aggregate_functions.insert(function.name().to_owned(), Arc::new(function));
    }
    registry
}

/// The server that outcomes are read from: only by parts that know the secret.
fn flight_server(trust: Trust) -> Arc<ArrowFlightServerProvider> {
    Arc::new(move |work_dir, address: SocketAddr, mut shutdown: Shutdown, server_config| {
        let trust = trust.clone();
        tokio::spawn(async move {
            let service = FlightServiceServer::new(BallistaFlightService::new(work_dir))
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .max_encoding_message_size(MESSAGE_BYTES_MAX);
            let mut server = create_grpc_server(&server_config).tls_config(trust.of_server())?;
            let serving = server.add_service(service).serve_with_shutdown(address, shutdown.recv());
            serving.await.map_err(BallistaError::TonicError)
        })
    })
}
