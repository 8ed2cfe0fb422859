//! What handlers share, and how it follows the files of sources while it is served.
//!
//! In: a lake, and who may look. Out: a [`Site`] for each request, as the market is then. A file of a source that changed
//! makes another site, with empty caches and its own list of what may not be passed on.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use axum::extract::FromRef;
use crowsnest_lake::{Lake, SourceFiles};

use crate::cache::Cache;
use crate::names::Names;
use crate::request::Shared;
use crate::server::ServeOptions;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) lake: Lake,
    pub(crate) shared: Arc<Shared>,
}

impl Site {
    fn of(lake: Lake, is_shared: bool) -> Self {
        let cards = &lake.market().sources;
        let kept_back = cards
            .iter()
            .filter(|card| !card.redistribute)
            .flat_map(|card| std::iter::once(card.name.clone()).chain(card.aliases.iter().cloned()));
        let kept_back = kept_back.collect();
        let shared = Arc::new(Shared {
            is_shared,
            kept_back,
            pages: Cache::new(),
            answers: Cache::new(),
            names: Names::default(),
        });
        Self { lake, shared }
    }
}

/// The site of now. Cloning is cheap; clones see the same.
#[derive(Clone)]
pub(crate) struct CurrentSite {
    site: Arc<RwLock<Site>>,
    files: Arc<Mutex<SourceFiles>>,
}

impl CurrentSite {
    pub(crate) fn new(lake: Lake, options: &ServeOptions) -> Self {
        let files = SourceFiles::of(lake.market());
        let site = Site::of(lake, !options.listen.ip().is_loopback());
        Self { site: Arc::new(RwLock::new(site)), files: Arc::new(Mutex::new(files)) }
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
                let next = Site::of(site.lake.with_market(market), site.shared.is_shared);
                *self.site.write().unwrap_or_else(PoisonError::into_inner) = next;
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "a source's file cannot be read; the pages show sources as they were");
            }
        }
    }
}

impl FromRef<CurrentSite> for Site {
    fn from_ref(current: &CurrentSite) -> Self {
        current.now()
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

    #[tokio::test]
    async fn a_source_whose_file_comes_later_is_on_the_pages() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let dir = market.dir.clone();
        let lake = Lake::open(market, LakeOptions::default()).await.unwrap();
        let options = ServeOptions { listen: "0.0.0.0:7171".parse().unwrap(), hosts: vec!["127.0.0.1".into()] };
        let current = CurrentSite::new(lake, &options);
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
