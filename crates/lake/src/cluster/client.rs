//! A question's way through a cluster: planned here, sent to the scheduler, its outcome read from the executors.
//!
//! A question that is small, or that cannot be cut into stages, runs in this process, and says why. Outcomes are read
//! whole before the first row is given as long as they are small, so that an executor lost while it is read only means
//! that the question is asked again.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use ballista_core::client::BallistaClient;
use ballista_core::extension::BallistaConfigGrpcEndpoint;
use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, ExecuteQueryParams, GetJobMetricsParams, GetJobStatusParams, KeyValuePair, PartitionLocation,
    job_status::Status,
};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::DataFrame;
use futures::{StreamExt as _, TryStreamExt as _};
use tonic::transport::Channel;

use super::trust::{Trust, VERSIONS_DIFFER};
use super::{MESSAGE_BYTES_MAX, failed, plan, scheduler, secret_of};
use crate::run::{Job, Jobs, Runner};
use crate::{LakeError, Market, Result};

/// Outcomes up to this size are held before their first row is given.
const HELD_BYTES_MAX: usize = 64 << 20;
/// How often a question is asked again after executors were lost.
const RETRIES_MAX: usize = 5;
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// How often the scheduler is asked which stages are done.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// `HOST` or `HOST:PORT`, with or without a scheme, in its parts.
///
/// # Errors
/// [`LakeError::Cluster`] for anything else.
pub(crate) fn split_address(address: &str) -> Result<(String, u16)> {
    let bare = address.trim().trim_end_matches('/');
    let bare = bare.split_once("://").map_or(bare, |(_, rest)| rest);
    let url = url::Url::parse(&format!("https://{bare}")).ok();
    let parts = url.as_ref().and_then(|url| Some((url.host_str()?.to_owned(), url.port().unwrap_or(scheduler::PORT))));
    match parts {
        Some(parts) if url.is_some_and(|url| url.path() == "/" && url.username().is_empty()) => Ok(parts),
        _ => Err(failed(format!("{address:?} is not an address of a scheduler"), "write HOST:PORT")),
    }
}

type Scheduler = SchedulerGrpcClient<Channel>;

async fn connect(trust: &Trust, address: &str) -> Result<Scheduler> {
    let (host, port) = split_address(address)?;
    let channel = match trust.endpoint(&host, port) {
        Ok(endpoint) => endpoint.connect().await,
        Err(error) => Err(error),
    };
    let channel = channel.map_err(|error| {
        failed(
            format!("the scheduler at {host}:{port} cannot be reached: {}", root_cause(&error)),
            "check that `crowsnest cluster scheduler` runs there with the same secret, or leave out --cluster",
        )
    })?;
    Ok(SchedulerGrpcClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Asks a scheduler whether it would have us.
///
/// # Errors
/// [`LakeError::Cluster`] where it cannot be reached, does not know the secret, or is of another version.
pub(crate) async fn greet(trust: &Trust, address: &str) -> Result<()> {
    let mut scheduler = connect(trust, address).await?;
    match scheduler.get_job_status(GetJobStatusParams { job_id: String::new() }).await {
        Err(status) if is_refusal(&status) => Err(refused(address, &status)),
        _ => Ok(()),
    }
}

/// How many executors the scheduler has lost so far.
async fn losses(scheduler: &mut Scheduler) -> Result<u64, tonic::Status> {
    let mut request = tonic::Request::new(GetJobStatusParams { job_id: String::new() });
    request.metadata_mut().insert(scheduler::LOSSES_ASKED, tonic::metadata::MetadataValue::from_static("1"));
    match scheduler.get_job_status(request).await {
        Err(status) if status.code() == tonic::Code::Aborted => {
            status.message().parse().map_err(|_| tonic::Status::unknown("it does not count losses"))
        }
        Err(status) => Err(status),
        Ok(_) => Err(tonic::Status::unknown("it does not count losses")),
    }
}

/// Whether the scheduler could not, or would not, hear us; any other status is its answer.
fn is_refusal(status: &tonic::Status) -> bool {
    use tonic::Code;
    matches!(status.code(), Code::FailedPrecondition | Code::Unavailable | Code::Unauthenticated | Code::Unknown)
}

fn refused(address: &str, status: &tonic::Status) -> LakeError {
    let hint = match status.message().starts_with(VERSIONS_DIFFER) {
        true => "install the same version of crowsnest on all machines",
        false => "check that the scheduler runs, with the same secret, and ask again",
    };
    let cause = std::error::Error::source(status).map_or_else(|| status.message().to_owned(), root_cause);
    failed(format!("the scheduler at {address} refused: {cause}"), hint)
}

/// A cluster that a market's questions may be sent to.
#[derive(Debug)]
pub(crate) struct Cluster {
    address: String,
    trust: Trust,
    from_rows: u64,
    n_partitions: usize,
    /// The same for all clients of a market: what executors remember of its files serves them all, and the scheduler has
    /// no more sessions than markets.
    session: String,
    jobs: Jobs,
}

/// Where a question runs.
enum Place {
    Here { state: Box<SessionState>, plan: Arc<dyn ExecutionPlan>, reason: String },
    There(Box<Sent>),
}

/// A question on its way, and how it would run here.
struct Sent {
    state: SessionState,
    plan: Arc<dyn ExecutionPlan>,
    bytes: Vec<u8>,
    n_rows: u64,
    own_state: SessionState,
    own_plan: Arc<dyn ExecutionPlan>,
}

/// How one attempt ended.
enum Ended {
    Failed(LakeError),
    /// An executor was lost: asking again may help.
    Lost(LakeError),
    /// The cluster cannot do this, for the reason given.
    Unable(String),
}

impl From<LakeError> for Ended {
    fn from(error: LakeError) -> Self {
        Self::Failed(error)
    }
}

impl Cluster {
    /// The cluster of a market; `None` where it names none.
    ///
    /// # Errors
    /// [`LakeError::Cluster`] without a secret or with an address that is none.
    pub(crate) fn of(market: &Market, jobs: &Jobs) -> Result<Option<Self>> {
        let Some(address) = &market.config.cluster else { return Ok(None) };
        split_address(address)?;
        Ok(Some(Self {
            address: address.clone(),
            trust: Trust::new(&secret_of(&market.secrets)?, env!("CARGO_PKG_VERSION"))?,
            from_rows: market.config.cluster_from_rows,
            n_partitions: market.config.cluster_partitions.clamp(1, 4096),
            session: session_of(market),
            jobs: jobs.clone(),
        }))
    }

    async fn place(&self, frame: DataFrame) -> Result<Place> {
        let (state, question) = frame.into_parts();
        let here = state.create_physical_plan(&question).await?;
        let n_rows = plan::rows_read(&here);
        let stays = |reason: String| Place::Here { state: Box::new(state.clone()), plan: Arc::clone(&here), reason };
        if !plan::is_question(&question) {
            return Ok(stays("it asks about the session".into()));
        }
        if n_rows < self.from_rows {
            return Ok(stays(format!("it reads about {n_rows} rows, fewer than {}", self.from_rows)));
        }
        let planned = plan::for_cluster(state.clone(), &question, self.n_partitions, &self.trust).await;
        let sent = planned.map_err(|error| error.to_string()).and_then(|(there, plan)| {
            let bytes = plan::encoded(&plan)?;
            let (own_state, own_plan) = (state.clone(), Arc::clone(&here));
            Ok(Place::There(Box::new(Sent { state: there, plan, bytes, n_rows, own_state, own_plan })))
        });
        Ok(sent.unwrap_or_else(|reason| {
            warn_of(&reason);
            stays(reason)
        }))
    }

    /// The rows from the cluster, or why it cannot give them.
    async fn ask(
        &self,
        state: &SessionState,
        bytes: Vec<u8>,
        schema: SchemaRef,
    ) -> Result<Result<SendableRecordBatchStream, String>> {
        let entries = state.config().options().entries();
        let settings: Vec<KeyValuePair> =
            entries.into_iter().map(|entry| KeyValuePair { key: entry.key, value: entry.value }).collect();
        let (mut n_lost, mut has_failed) = (0, false);
        loop {
            let reason = match self.attempt(bytes.clone(), settings.clone(), Arc::clone(&schema), n_lost).await {
                Ok(rows) => return Ok(Ok(rows)),
                Err(Ended::Failed(error)) => return Err(error),
                // What is gone may show itself in any words: only what fails twice is told apart from it.
                Err(Ended::Unable(reason)) if has_failed => return Ok(Err(reason)),
                Err(Ended::Unable(reason)) => {
                    has_failed = true;
                    reason
                }
                Err(Ended::Lost(error)) if n_lost >= RETRIES_MAX => return Err(error),
                Err(Ended::Lost(error)) => {
                    n_lost += 1;
                    error.to_string()
                }
            };
            tracing::info!("asking the cluster again: {reason}");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn attempt(
        &self,
        bytes: Vec<u8>,
        settings: Vec<KeyValuePair>,
        schema: SchemaRef,
        n_retries: usize,
    ) -> Result<SendableRecordBatchStream, Ended> {
        let mut scheduler = connect(&self.trust, &self.address).await?;
        let n_lost = losses(&mut scheduler).await.map_err(|status| refused(&self.address, &status))?;
        let mut request = tonic::Request::new(ExecuteQueryParams {
            session_id: self.session.clone(),
            settings,
            operation_id: format!("{:x}", crate::commit::unique()),
            query: Some(Query::PhysicalPlan(bytes)),
        });
        ballista_core::version::insert_version_header(request.metadata_mut());
        let sent = scheduler.execute_query_push(request).await;
        let mut statuses = sent.map_err(|status| refused(&self.address, &status))?.into_inner();
        let mut running =
            Running { job: None, scheduler: scheduler.clone(), jobs: self.jobs.clone(), n_retries, is_done: false };
        let mut clock = tokio::time::interval(PROGRESS_EVERY);
        let locations = loop {
            let message = tokio::select! {
                message = statuses.message() => message,
                _ = clock.tick() => {
                    running.look().await;
                    self.check_losses(&mut scheduler, n_lost).await?;
                    continue;
                }
            };
            let status = message.map_err(|status| self.lost(&status))?;
            let Some(status) = status.map(|found| found.status.unwrap_or_default()) else {
                return Err(self.lost(&tonic::Status::unavailable("it ended the conversation")).into());
            };
            running.named(&status.job_id);
            match status.status {
                Some(Status::Failed(job)) => return Err(ended_badly(&job.error)),
                Some(Status::Successful(job)) => break job.partition_location,
                _ => {}
            }
        };
        self.check_losses(&mut scheduler, n_lost).await?;
        self.outcome(locations, schema, running).await
    }

    /// That no executor was lost since the question was sent: what was begun anew because of it may be counted twice.
    async fn check_losses(&self, scheduler: &mut Scheduler, n_lost: u64) -> Result<(), Ended> {
        match losses(scheduler).await {
            Ok(now) if now == n_lost => Ok(()),
            Ok(_) => Err(Ended::Lost(failed("an executor was lost while it worked on this", "ask again"))),
            Err(status) => Err(self.lost(&status).into()),
        }
    }

    fn lost(&self, status: &tonic::Status) -> LakeError {
        failed(
            format!("the scheduler at {} was lost: {}", self.address, status.message()),
            "ask again when it runs; nothing was changed",
        )
    }

    /// The rows of all parts of an outcome, in order.
    async fn outcome(
        &self,
        locations: Vec<PartitionLocation>,
        schema: SchemaRef,
        mut running: Running,
    ) -> Result<SendableRecordBatchStream, Ended> {
        running.is_done = true;
        let endpoints = Arc::new(BallistaConfigGrpcEndpoint::new(self.trust.endpoints()));
        let parts = futures::stream::iter(locations).then(move |location| read_part(location, Arc::clone(&endpoints)));
        let mut rows = Box::pin(parts.try_flatten());
        let (mut held, mut n_bytes) = (Vec::<RecordBatch>::new(), 0);
        while n_bytes < HELD_BYTES_MAX {
            match rows.next().await {
                Some(Ok(batch)) => {
                    n_bytes += batch.get_array_memory_size();
                    held.push(batch);
                }
                Some(Err(error)) => {
                    return Err(Ended::Lost(failed(format!("an executor was lost: {error}"), "ask again")));
                }
                None => break,
            }
        }
        let given = Arc::clone(&schema);
        let all = futures::stream::iter(held.into_iter().map(Ok)).chain(rows).map(move |batch| {
            // It counts as running until its last row was read.
            let _still = &running;
            // Names of columns may be lost on the way; their types and order are not.
            batch.and_then(|batch| Ok(RecordBatch::try_new(Arc::clone(&given), batch.columns().to_vec())?))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, all)))
    }
}

fn session_of(market: &Market) -> String {
    let place = market.config.storage.clone().unwrap_or_else(|| market.dir.to_string_lossy().into_owned());
    let parts = format!("{place}\n{}", market.config.cluster_partitions);
    format!("market-{:016x}", xxhash_rust::xxh3::xxh3_64(parts.as_bytes()))
}

/// An outcome's part, from the executor that has it.
async fn read_part(
    location: PartitionLocation,
    endpoints: Arc<BallistaConfigGrpcEndpoint>,
) -> datafusion::error::Result<SendableRecordBatchStream> {
    let layout = location.layout();
    let missing = || datafusion::error::DataFusionError::Internal("an outcome without a place".to_owned());
    let executor = location.executor_meta.ok_or_else(missing)?;
    let part = location.partition_id.ok_or_else(missing)?;
    let port = u16::try_from(executor.port).map_err(|_| missing())?;
    let host = executor.host.as_str();
    let mut client = BallistaClient::try_new(host, port, MESSAGE_BYTES_MAX, true, Some(endpoints), 3, 100, 0, 0)
        .await
        .map_err(ballista_core::error::BallistaError::into_datafusion)?;
    client
        .fetch_partition(&executor.id, &part.into(), location.file_id, layout, true)
        .await
        .map_err(ballista_core::error::BallistaError::into_datafusion)
}

/// What a failed job's message means. Executors that are lost while others need what they held are worth another try.
fn ended_badly(message: &str) -> Ended {
    /// Words of errors of connections, which an executor leaves behind that is gone.
    const LOST: [&str; 8] = [
        "FetchPartition",
        "fetch partition",
        "xecutorLost",
        "xecutor lost",
        "Error connecting to Ballista",
        "h2 protocol error",
        "error reading a body",
        "transport error",
    ];
    if message.contains("Resources exhausted") || message.contains("Not enough memory") {
        return Ended::Failed(failed(
            format!("an executor has too little memory for this: {message}"),
            "give executors more with --memory, or cut the question into more parts with cluster_partitions",
        ));
    }
    if message.contains("No space left") {
        return Ended::Failed(failed(
            format!("an executor's disk is full: {message}"),
            "free space below its --work-dir",
        ));
    }
    if message.contains("no executors") || message.contains("No executors") || message.contains("lost its last") {
        return Ended::Failed(failed(
            format!("the cluster has no executors: {message}"),
            "start some with `crowsnest cluster executor --scheduler HOST:PORT`",
        ));
    }
    if LOST.iter().any(|sign| message.contains(sign)) {
        return Ended::Lost(failed(format!("the cluster lost a part of it: {message}"), "ask again"));
    }
    Ended::Unable(message.trim().to_owned())
}

fn warn_of(reason: &str) {
    tracing::warn!("a question runs in this process, not on the cluster: {reason}");
}

/// A job on the cluster; dropped before it is done, it is stopped there.
struct Running {
    /// Once the scheduler has named it.
    job: Option<Job>,
    scheduler: Scheduler,
    jobs: Jobs,
    n_retries: usize,
    is_done: bool,
}

impl Running {
    fn named(&mut self, id: &str) {
        if self.job.is_none() && !id.is_empty() {
            let started_at = jiff::Timestamp::now().as_microsecond();
            let job = Job { id: id.to_owned(), n_stages_done: 0, started_at, n_retries: self.n_retries };
            self.jobs.put(job.clone());
            self.job = Some(job);
        }
    }

    /// Asks how far it is; not knowing is no harm.
    async fn look(&mut self) {
        let Some(job) = &mut self.job else { return };
        if let Ok(found) = self.scheduler.get_job_metrics(GetJobMetricsParams { job_id: job.id.clone() }).await {
            job.n_stages_done = found.into_inner().stages.len();
            self.jobs.put(job.clone());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(Job { id, .. }) = self.job.take() else { return };
        self.jobs.remove(&id);
        if self.is_done {
            return;
        }
        let mut scheduler = self.scheduler.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Nobody waits for it: a scheduler that is gone has nothing to stop.
            runtime.spawn(async move { scheduler.cancel_job(CancelJobParams { job_id: id }).await });
        }
    }
}

#[async_trait]
impl Runner for Cluster {
    async fn run(&self, frame: DataFrame) -> Result<SendableRecordBatchStream> {
        match Box::pin(self.place(frame)).await? {
            Place::Here { state, plan, reason } => {
                tracing::debug!("a question runs in this process: {reason}");
                Ok(execute_stream(plan, state.task_ctx())?)
            }
            Place::There(sent) => {
                let Sent { state, plan, bytes, n_rows, own_state, own_plan } = *sent;
                tracing::debug!("a question of about {n_rows} rows runs on the cluster at {}", self.address);
                match Box::pin(self.ask(&state, bytes, plan.schema())).await? {
                    Ok(rows) => Ok(rows),
                    Err(reason) => {
                        warn_of(&reason);
                        Ok(execute_stream(own_plan, own_state.task_ctx())?)
                    }
                }
            }
        }
    }

    async fn explain(&self, frame: DataFrame) -> Result<String> {
        Ok(match Box::pin(self.place(frame)).await? {
            Place::Here { plan, reason, .. } => {
                format!("runs in this process: {reason}\n\n{}", displayable(plan.as_ref()).indent(false))
            }
            Place::There(sent) => format!(
                "runs on the cluster at {}: it reads about {} rows\n\n{}",
                self.address,
                sent.n_rows,
                displayable(sent.plan.as_ref()).indent(false)
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_schedulers() {
        assert_eq!(split_address("localhost").unwrap(), ("localhost".into(), 50050));
        assert_eq!(split_address("df://10.0.0.7:6000/").unwrap(), ("10.0.0.7".into(), 6000));
        assert_eq!(split_address("[::1]:6000").unwrap(), ("[::1]".into(), 6000));
        for wrong in ["", "host:port", "user@host:1", "host:1/path"] {
            assert!(split_address(wrong).is_err(), "{wrong}");
        }
    }
}
