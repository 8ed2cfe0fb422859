//! Opening the port and serving until told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use crowsnest_lake::Lake;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::deliver::keep_delivering;
use crate::router::router_of;
use crate::site::CurrentSite;
use crate::{Result, ServeError};

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
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 7171)), hosts: Vec::new() }
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
    let current = CurrentSite::new(lake, &options);
    let following = tokio::spawn(follow(current.clone()));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let delivering = tokio::spawn(keep_delivering(current.clone(), stopped));
    let served =
        axum::serve(listener, router_of(current, &options).into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(shutdown)
            .await;
    following.abort();
    finish(stop, delivering).await;
    served.map_err(failed)
}

/// Lets what is being sent be sent to its end, within reason; what was not noted as sent is sent again by the next process.
async fn finish(stop: tokio::sync::watch::Sender<bool>, delivering: tokio::task::JoinHandle<()>) {
    // Nobody listens any more where it ended by itself.
    let _ = stop.send(true);
    let abort = delivering.abort_handle();
    if tokio::time::timeout(FINISH_TIMEOUT, delivering).await.is_err() {
        abort.abort();
    }
}

/// Sees what imports commit, and which files of sources change, while the pages are served.
pub(crate) async fn follow(current: CurrentSite) {
    let lake = current.now().lake;
    let is_in_store = lake.market().config.storage.is_some();
    let mut ticks = tokio::time::interval(if is_in_store { FOLLOW_STORE_EVERY } else { FOLLOW_EVERY });
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        current.follow_sources();
        if let Err(error) = lake.refresh().await {
            tracing::warn!(%error, "the lake could not be looked at again");
        }
    }
}
