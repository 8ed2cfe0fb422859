//! What handlers share, and how it follows the files of sources while it is served.
//!
//! In: a lake, and who may look. Out: a [`Site`] for each request, as the market is then: as everybody may see it, or, for those
//! who may read all of it, as it is ([`Site::seen_by`]). Each has caches of its own. A file of a source that changed makes
//! another site, with empty caches and its own list of what may not be passed on.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use crowsnest_lake::{Lake, SourceFiles};

use crate::cache::Cache;
use crate::caller::Caller;
use crate::guard::Asker;
use crate::names::Names;
use crate::request::Shared;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) lake: Lake,
    pub(crate) shared: Arc<Shared>,
    /// For those who may read what may not be passed on.
    unrestricted: Arc<Shared>,
    /// For everybody else.
    restricted: Arc<Shared>,
}

impl Site {
    /// The same as somebody may see it; nobody sees what a visitor does.
    pub(crate) fn seen_by(mut self, caller: Option<&Caller>) -> Self {
        let may_read_all = caller.is_some_and(|caller| caller.may_read_restricted);
        self.shared = Arc::clone(if may_read_all { &self.unrestricted } else { &self.restricted });
        self
    }

    fn of(lake: Lake) -> Self {
        let kept_back = lake.market().kept_back();
        let shared = |is_shared| {
            Arc::new(Shared {
                is_shared,
                kept_back: kept_back.clone(),
                pages: Cache::new(),
                answers: Cache::new(),
                digests: Cache::new(),
                names: Names::default(),
            })
        };
        let restricted = shared(true);
        Self { lake, shared: Arc::clone(&restricted), unrestricted: shared(false), restricted }
    }
}

/// The site of now. Cloning is cheap; clones see the same.
#[derive(Clone)]
pub(crate) struct CurrentSite {
    site: Arc<RwLock<Site>>,
    files: Arc<Mutex<SourceFiles>>,
}

impl std::fmt::Debug for CurrentSite {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CurrentSite").finish_non_exhaustive()
    }
}

impl CurrentSite {
    pub(crate) fn new(lake: Lake) -> Self {
        let files = Arc::new(Mutex::new(SourceFiles::of(lake.market())));
        Self { site: Arc::new(RwLock::new(Site::of(lake))), files }
    }

    pub(crate) fn now(&self) -> Site {
        self.site.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether files of sources changed; where one cannot be read, what is known of them stays.
    pub(crate) fn follow_sources(&self) {
        let site = self.now();
        let changed = self.files.lock().unwrap_or_else(PoisonError::into_inner).changed(site.lake.market());
        match changed {
            None => {}
            Some(Ok(market)) => {
                let next = Site::of(site.lake.with_market(market));
                *self.site.write().unwrap_or_else(PoisonError::into_inner) = next;
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "a source's file cannot be read; the pages show sources as they were");
            }
        }
    }
}

/// The site as whoever asks may see it: what handlers take.
pub(crate) struct Seen(pub(crate) Site);

impl FromRequestParts<CurrentSite> for Seen {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, current: &CurrentSite) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Asker>().and_then(|asker| asker.caller.as_ref());
        Ok(Self(current.now().seen_by(caller)))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use crowsnest_lake::{LakeOptions, Market};
    use tower::ServiceExt as _;

    use super::*;
    use crate::router::router_of;
    use crate::server::ServeOptions;

    #[tokio::test]
    async fn a_source_whose_file_comes_later_is_on_the_pages() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let dir = market.dir.clone();
        let lake = Lake::open(market, LakeOptions::default()).await.unwrap();
        let options = ServeOptions {
            listen: "0.0.0.0:7171".parse().unwrap(),
            hosts: vec!["127.0.0.1".into()],
            is_public: true,
            ..ServeOptions::default()
        };
        let current = CurrentSite::new(lake);
        let pages = router_of(current.clone(), &options);
        let sources = async || {
            let request = Request::get("/sources.json").header("host", "127.0.0.1").body(Body::empty()).unwrap();
            let body = pages.clone().oneshot(request).await.unwrap().into_body();
            String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap()
        };
        assert_eq!(sources().await.trim(), "[]");
        let text =
            "name = \"New\"\nredistribute = false\n[collect]\nconnector = \"file\"\n[options]\npatterns = [\"in/*\"]\n";
        std::fs::write(dir.join("sources/new.toml"), text).unwrap();
        current.follow_sources();
        assert!(sources().await.contains("\"New\""));
        assert_eq!(current.now().shared.kept_back, ["New"], "its rows are not passed on from now on");
    }
}
