//! Opening the port and serving until told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use crowsnest_lake::Lake;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::deliver::keep_delivering;
use crate::router::router_of;
use crate::site::CurrentSite;
use crate::{Result, ServeError, work};

/// How often the lake is looked at for what others have added.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);
/// The same where each look costs: in an object store, one list request a table.
const FOLLOW_STORE_EVERY: Duration = Duration::from_secs(20);

/// How long a delivery that is under way may take once the server was told to stop.
const FINISH_TIMEOUT: Duration = Duration::from_secs(20);

/// Where and for whom to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Address and port; port 0 takes a free one. Beyond loopback, rows of sources that may not be passed on are
    /// left out of every page.
    pub listen: SocketAddr,
    /// Further names under which visitors reach the server, without port.
    pub hosts: Vec<String>,
    /// Whether anybody who reaches the server may read what may be passed on, without logging in.
    pub is_public: bool,
    /// By what name whoever runs the server signs decisions, as long as there are no users.
    pub owner: String,
}

impl ServeOptions {
    /// Whether others than this machine reach the server: it listens to more than loopback, or goes by a name, which is how
    /// a proxy before it is told.
    pub fn is_reached_by_others(&self) -> bool {
        let is_own = |host: &String| ["localhost", "127.0.0.1", "::1"].contains(&host.to_ascii_lowercase().as_str());
        !self.listen.ip().is_loopback() || !self.hosts.iter().all(is_own)
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7171)),
            hosts: Vec::new(),
            is_public: false,
            owner: "owner".to_owned(),
        }
    }
}

/// Serves the pages until `shutdown` is done; requests under way are finished first.
///
/// `bound` is told the address once the port is open; a receiver that is gone is no error.
///
/// # Errors
/// [`ServeError::Listen`] if the port cannot be opened or is lost.
pub async fn serve(
    lake: Lake,
    options: ServeOptions,
    bound: oneshot::Sender<SocketAddr>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let address = options.listen;
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    if bound.send(local).is_err() {
        tracing::debug!("nobody waits for the bound address");
    }
    let current = CurrentSite::new(lake);
    let following = Following::begin(current.clone());
    let (stop, stopped) = watch::channel(false);
    let delivering = tokio::spawn(keep_delivering(current.clone(), stopped));
    let service = router_of(current, &options).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, service).with_graceful_shutdown(shutdown).await;
    finish(stop, delivering).await;
    following.end().await;
    served.map_err(failed)
}

/// Lets what is being sent be sent to its end, within reason; what was not noted as sent is sent again by the next process.
async fn finish(stop: watch::Sender<bool>, task: JoinHandle<()>) {
    // Nobody listens any more where it ended by itself.
    let _ = stop.send(true);
    let abort = task.abort_handle();
    if tokio::time::timeout(FINISH_TIMEOUT, task).await.is_err() {
        abort.abort();
    }
}

/// Sees what imports commit, and which files of sources change, while a site is served.
pub(crate) struct Following {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Following {
    pub(crate) fn begin(current: CurrentSite) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: work::spawn(follow(current, stopped)) }
    }

    /// A look that has begun goes on to its end: what reads tables panics where its runtime is gone.
    pub(crate) async fn end(self) {
        finish(self.stop, self.task).await;
    }
}

async fn follow(current: CurrentSite, mut stopped: watch::Receiver<bool>) {
    let lake = current.now().lake;
    let is_in_store = lake.market().config.storage.is_some();
    let mut ticks = tokio::time::interval(if is_in_store { FOLLOW_STORE_EVERY } else { FOLLOW_EVERY });
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopped.changed() => return,
        }
        current.follow_sources();
        if let Err(error) = lake.refresh().await {
            tracing::warn!(%error, "the lake could not be looked at again");
        }
    }
}
