//! Wiring: the routes list, embedded files, raw documents, and the layers around them.
//!
//! Layers from the outside in: span (id, log, traces), security headers, Host check, guard (who may do what), compression, pages.

use std::sync::Arc;

use axum::extract::RawPathParams;
use axum::http::{HeaderMap, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use crowsnest_lake::Lake;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

use crate::api::Api;
use crate::caller::Callers;
use crate::guard::{self, Asker, Guard};
use crate::page::{Page, plain_error, respond};
use crate::request::{Format, PageRequest};
use crate::routes::ROUTES;
use crate::security::{self, AllowedHosts};
use crate::server::ServeOptions;
use crate::site::{CurrentSite, Seen, Site};
use crate::{ServeError, account, agents, allocate, api, assets, deciding, feed, login, metrics, notes, reconcile};

/// A market is nobody's search result: pages change with every import, and sources may not permit it.
const NO_ROBOTS: &str = "User-agent: *\nDisallow: /\n";

/// All pages over a lake, as options for serving say who may look.
pub fn router(lake: Lake, options: &ServeOptions) -> Router {
    router_of(CurrentSite::new(lake), options)
}

pub(crate) fn router_of(current: CurrentSite, options: &ServeOptions) -> Router {
    let hosts = Arc::new(AllowedHosts::new(options));
    let guard = Arc::new(Guard::new(current.clone(), options));
    let mut router = Router::new()
        .route("/static/{*name}", get(assets::serve))
        .route("/document/{document}/raw", get(crate::raw::serve))
        .route("/favicon.ico", get(assets::icon))
        .route("/robots.txt", get(|| async { NO_ROBOTS }))
        .route("/digest.atom", get(feed::serve))
        .route("/metrics", get(metrics::of_pages))
        .route("/healthz", get(|| async { "ok\n" }));
    router = deciding::add(account::add(login::add(reconcile::add(router, &hosts), &guard), &guard));
    router = crate::ready::add(notes::add(crate::views::add(router)));
    router = allocate::add(router, &current);
    let api = Arc::new(Api::new(Arc::clone(&guard.accounts) as Arc<dyn Callers>));
    router = agents::add(router, &current, &api, &hosts);
    router = api::add(router, api);
    for route in ROUTES {
        router = add(router, route.path, route.page);
    }
    let is_compressible = DefaultPredicate::new()
        .and(NotForContentType::const_new("application/vnd.apache.parquet"))
        .and(NotForContentType::const_new("application/pdf"));
    router
        .fallback(nowhere)
        .with_state(current)
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new().gzip(true).compress_when(is_compressible))
        .layer(middleware::from_fn_with_state(guard, guard::guard))
        .layer(middleware::from_fn_with_state(hosts, security::check_host))
        .layer(middleware::from_fn(security::add_headers))
        .layer(middleware::from_fn(crate::span::span))
}

/// One route per page. Where the path ends in a parameter, the format's ending is part of what it matches; elsewhere
/// the endings are routes of their own.
fn add(mut router: Router<CurrentSite>, path: &'static str, page: &'static dyn Page) -> Router<CurrentSite> {
    let handler = get(
        move |Seen(site): Seen,
              Extension(asker): Extension<Asker>,
              parameters: RawPathParams,
              uri: Uri,
              headers: HeaderMap| async move {
            let parameter = parameters.iter().next().map(|(_, value)| value.to_owned());
            show(page, &site, &asker, (&uri, &headers), parameter.as_deref()).await
        },
    );
    router = router.route(path, handler.clone());
    if path.ends_with('}') {
        return router;
    }
    let endings = Format::DATA.into_iter().map(|(ending, _)| ending);
    for ending in endings.chain([Format::PDF, Format::SVG]) {
        router = router.route(&format!("{path}{ending}"), handler.clone());
    }
    router
}

async fn show(
    page: &'static dyn Page,
    site: &Site,
    asker: &Asker,
    (uri, headers): (&Uri, &HeaderMap),
    parameter: Option<&str>,
) -> Response {
    match PageRequest::read(&site.lake, &site.shared, uri, headers, parameter) {
        Ok(request) => match request.asked_by(asker).at_its_moment().await {
            Ok(request) => respond(page, request).await,
            Err(error) => plain_error(site, uri, headers, &error),
        },
        Err(error) => plain_error(site, uri, headers, &error),
    }
}

async fn nowhere(Seen(site): Seen, uri: Uri, headers: HeaderMap) -> Response {
    if let Some(address) = without_slash(&uri) {
        return Redirect::permanent(&address).into_response();
    }
    plain_error(&site, &uri, &headers, &ServeError::NotFound(uri.path().to_owned()))
}

/// The page's own address for one with a slash too many. Only pages there are: any other path might lead a browser to
/// somebody else's site.
fn without_slash(uri: &Uri) -> Option<String> {
    let path = uri.path().strip_suffix('/')?;
    ROUTES.iter().any(|route| route.is_of(path)).then(|| match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_too_many_leads_to_the_page_and_nowhere_else() {
        let address = |text: &str| without_slash(&text.parse().unwrap());
        assert_eq!(address("/products/").as_deref(), Some("/products"));
        assert_eq!(address("/products/?search=x").as_deref(), Some("/products?search=x"));
        assert_eq!(address("/product/0123456789abcdef/").as_deref(), Some("/product/0123456789abcdef"));
        for elsewhere in ["/", "/nothing/", "//example.org/", "/product//", "/product/a/b/", "/products"] {
            assert_eq!(address(elsewhere), None, "{elsewhere}");
        }
    }
}
