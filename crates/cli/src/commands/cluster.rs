//! `crowsnest cluster …`: the parts of a cluster, and its secret.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use crowsnest_lake::cluster::{self, ExecutorOptions, SchedulerOptions};
use crowsnest_lake::{LakeOptions, Secrets};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::options::parse_address;
use crate::print;
use crate::signals::stopped;

/// Answer large questions on several machines: run a cluster's scheduler and executors
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  export CROWSNEST_CLUSTER_SECRET=$(crowsnest cluster secret)
  crowsnest cluster scheduler --listen 10.0.0.1:50050
  crowsnest cluster executor --scheduler 10.0.0.1:50050 --listen 10.0.0.2:50051
  crowsnest league --metric mau --period 2024-12 --cluster 10.0.0.1:50050

All parts need the same secret, in the environment or in a secrets file, and the same version of crowsnest. They reach
the market's files under the same path or address. See the guide's page \"When one machine is not enough\".")]
pub(crate) struct ClusterCommand {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Take questions, cut them into tasks, hand them out
    Scheduler(Scheduler),
    /// Do a scheduler's tasks
    Executor(Executor),
    /// Make a secret that all parts are to share
    Secret,
}

#[derive(Debug, Args)]
struct Common {
    /// Address and port to listen at; loopback unless you say otherwise
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    listen: Option<SocketAddr>,
    /// File with the cluster's secret and the stores' credentials, as NAME = "value"
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// Serve figures for Prometheus at this address, under /metrics
    #[arg(long, value_name = "ADDRESS", value_parser = parse_address)]
    metrics: Option<SocketAddr>,
}

#[derive(Debug, Args)]
struct Scheduler {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Executor {
    /// The scheduler's address
    #[arg(long, value_name = "HOST:PORT")]
    scheduler: String,
    #[command(flatten)]
    common: Common,
    /// Name under which the other parts reach this machine [default: the address it listens at]
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// Folder for what is spilled and what waits to be read [default: one below the system's temporary folder]
    #[arg(long, value_name = "DIR")]
    work_dir: Option<PathBuf>,
}

const EXECUTOR_PORT: u16 = 50051;

impl ClusterCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        match self.part {
            Part::Secret => print::line(&cluster::new_secret()?)?,
            Part::Scheduler(scheduler) => scheduler.run(context).await?,
            Part::Executor(executor) => executor.run(context).await?,
        }
        Ok(Done::Well)
    }
}

impl Common {
    fn listen(&self, port: u16) -> SocketAddr {
        self.listen.unwrap_or_else(|| SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port))
    }

    fn settings(&self) -> Result<Secrets, Failure> {
        Ok(cluster::settings_of(self.secrets.as_ref())?)
    }

    /// Serves metrics beside a part, where that was asked for.
    async fn beside(&self, part: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        let Some(address) = self.metrics else { return part.await };
        tokio::select! {
            ended = part => ended,
            served = crowsnest_serve::serve_metrics(address, cluster::metrics_text) => Ok(served?),
        }
    }
}

impl Scheduler {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let listen = self.common.listen(cluster::SCHEDULER_PORT);
        let options = SchedulerOptions { listen, secrets: self.common.settings()? };
        context.note(&format!("the scheduler listens at {listen} (Ctrl-C stops)"));
        let part = async { Ok(cluster::run_scheduler(options, stopped()).await?) };
        self.common.beside(part).await
    }
}

impl Executor {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let listen = self.common.listen(EXECUTOR_PORT);
        let defaults = LakeOptions::default();
        let work_dir =
            self.work_dir.unwrap_or_else(|| std::env::temp_dir().join(format!("crowsnest-executor-{}", listen.port())));
        let options = ExecutorOptions {
            scheduler: self.scheduler,
            listen,
            advertise: self.advertise,
            n_cores: context.global.threads.unwrap_or(defaults.n_threads),
            memory_bytes: context.global.memory.map_or(defaults.memory_bytes, |memory| memory.bytes),
            work_dir,
            secrets: self.common.settings()?,
        };
        if listen.ip().is_unspecified() && options.advertise.is_none() {
            return Err(Failure::users(
                format!("{listen} is every address of this machine: the others would not know which to use"),
                "say how they reach it with --advertise HOST",
            ));
        }
        let (n_cores, scheduler) = (options.n_cores, options.scheduler.clone());
        context.note(&format!("an executor of {n_cores} cores for the scheduler at {scheduler} (Ctrl-C stops)"));
        let part = async { Ok(cluster::run_executor(options).await?) };
        self.common.beside(part).await
    }
}
