//! Whether the market can be read: `/readyz`, for what sends people here.
//!
//! `/healthz` says that the process lives. This looks at the lake's logs and at the state as they are now, at most once in a
//! while: nobody has to log in to ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use crowsnest_lake::Lake;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::site::CurrentSite;

/// How long what was seen holds.
const HOLDS: Duration = Duration::from_secs(1);
/// A store that takes longer is not there.
const LOOKS: Duration = Duration::from_secs(4);

/// Adds `/readyz`: 200, or 503 where the market cannot be read now. Why is in the log: it may hold addresses.
pub(crate) fn add(router: Router<CurrentSite>) -> Router<CurrentSite> {
    let seen = Arc::new(Mutex::new(None));
    let answer = move |State(current): State<CurrentSite>| {
        let seen = Arc::clone(&seen);
        async move { told(is_ready(&seen, &current).await) }
    };
    router.route("/readyz", get(answer))
}

fn told(is_ready: bool) -> (StatusCode, &'static str) {
    if is_ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the market cannot be read: the program's log says why\n")
    }
}

/// What was seen a moment ago, or is seen now.
async fn is_ready(seen: &Mutex<Option<(Instant, bool)>>, current: &CurrentSite) -> bool {
    let mut seen = seen.lock().await;
    match *seen {
        Some((at, is_ready)) if at.elapsed() < HOLDS => is_ready,
        _ => {
            let is_ready = can_be_read(&current.now().lake).await;
            *seen = Some((Instant::now(), is_ready));
            is_ready
        }
    }
}

async fn can_be_read(lake: &Lake) -> bool {
    if let Err(error) = lake.state().n_deliveries() {
        tracing::warn!(%error, "not ready: the state cannot be read");
        return false;
    }
    match timeout(LOOKS, lake.refresh()).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: the lake cannot be read");
            false
        }
        Err(_) => {
            tracing::warn!("not ready: the lake's store does not answer");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use crowsnest_lake::{LakeOptions, Market};
    use tower::ServiceExt as _;

    use super::*;
    use crate::router::router_of;
    use crate::server::ServeOptions;

    #[tokio::test]
    async fn a_market_that_is_taken_away_is_not_ready() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let dir = market.dir.clone();
        let lake = Lake::open(market, LakeOptions::default()).await.unwrap();
        let pages = router_of(CurrentSite::new(lake), &ServeOptions::default());
        let status = async || {
            let request = Request::get("/readyz").header("host", "127.0.0.1").body(Body::empty()).unwrap();
            pages.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(status().await, StatusCode::OK);
        std::fs::rename(dir.join("lake"), dir.join("elsewhere")).unwrap();
        assert_eq!(status().await, StatusCode::OK, "it looks once in a while");
        tokio::time::sleep(HOLDS).await;
        assert_eq!(status().await, StatusCode::SERVICE_UNAVAILABLE);
        std::fs::rename(dir.join("elsewhere"), dir.join("lake")).unwrap();
        tokio::time::sleep(HOLDS).await;
        assert_eq!(status().await, StatusCode::OK);
    }
}
