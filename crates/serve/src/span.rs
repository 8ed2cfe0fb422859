//! What is told of each request: an id, a span for the log and for traces, and a line on how it went.
//!
//! In: a request, with `x-request-id` and `traceparent` where a proxy sends them. Out: its answer with `x-request-id`. The span
//! is of the level of warnings, so that each line of the log that was written meanwhile carries the id; the line itself is an
//! `info`. Invariant: of an address only its path is told: its query may hold names that people look up.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::counts;
use crate::request::Format;
use crate::routes::ROUTES;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ID_LENGTH_MAX: usize = 64;
/// Paths longer than this are cut in spans.
const PATH_LENGTH_MAX: usize = 200;

/// Answers a request within its span.
pub(crate) async fn span(request: Request, next: Next) -> Response {
    let id = id_of(request.headers());
    let span = span_of(&request, &id);
    let is_page = page_of(request.uri().path()).is_some();
    let method = request.method().clone();
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), begun.elapsed());
    counts::note(status, took);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    if status == StatusCode::NOT_FOUND && !is_page {
        // Whoever tries addresses out makes no names of spans. (A span that has begun takes no other name as a field.)
        span.context().span().update_name(format!("{method} nowhere"));
    }
    let took_ms = took.as_secs_f64() * 1000.0;
    span.in_scope(|| tracing::info!(status = status.as_u16(), took_ms = (took_ms * 10.0).round() / 10.0, "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

fn span_of(request: &Request, id: &str) -> Span {
    let path: String = request.uri().path().chars().take(PATH_LENGTH_MAX).collect();
    let span = tracing::warn_span!(
        "request",
        request_id = %id,
        http.request.method = %request.method(),
        url.path = %path,
        http.response.status_code = Empty,
        otel.name = %format_args!("{} {}", request.method(), route_of(&path)),
        otel.kind = "server",
        otel.status_code = Empty,
    );
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(request.headers()));
    if parent.span().span_context().is_valid() {
        // Fails where no traces are sent, and nobody needs to know.
        let _ = span.set_parent(parent);
    }
    span
}

/// The route of a page.
fn page_of(path: &str) -> Option<&'static str> {
    let (bare, _) = Format::split(path);
    ROUTES.iter().find(|route| route.is_of(bare)).map(|route| route.path)
}

/// The route of a path, as spans are named: the same for all products, so that there are few names.
fn route_of(path: &str) -> String {
    if let Some(route) = page_of(path) {
        return route.to_owned();
    }
    // Whatever else there is has at most two parts that are its own: `/v1/products`, `/account/token`, `/static/app.js`.
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        [first] => format!("/{first}"),
        ["v1" | "account" | "review", second] => format!("/{}/{second}", parts[0]),
        ["v1" | "account" | "review", second, ..] => format!("/{}/{second}/…", parts[0]),
        [first, ..] => format!("/{first}/…"),
        [] => path.to_owned(),
    }
}

/// The id that a proxy gave the request, if it is one; else one of our own.
fn id_of(headers: &HeaderMap) -> String {
    let is_plain = |text: &&str| {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !text.is_empty() && text.len() <= ID_LENGTH_MAX && text.bytes().all(is_good)
    };
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(is_plain);
    given.map_or_else(new_id, str::to_owned)
}

/// A number of this process's own, and one that counts: nobody's secret, and not to be confused with another.
fn new_id() -> String {
    static PROCESS: LazyLock<u32> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()) as u32);
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut id = String::with_capacity(16);
    // Infallible: writing to a String never fails.
    let _ = write!(id, "{:08x}{:08x}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_named_by_route() {
        for (path, route) in [
            ("/", "/"),
            ("/league.csv", "/league"),
            ("/product/0123456789abcdef.json", "/product/{entity}"),
            ("/sources/worth", "/sources/worth"),
            ("/v1/products/0123456789abcdef", "/v1/products/…"),
            ("/document/ab12/raw", "/document/…"),
            ("/healthz", "/healthz"),
            ("/readyz", "/readyz"),
        ] {
            assert_eq!(route_of(path), route);
        }
    }

    #[test]
    fn an_id_of_a_proxy_is_kept_if_it_is_one() {
        let of = |text: &'static str| id_of(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(text))]));
        assert_eq!(of("f058ebd6-02f7-4d3f"), "f058ebd6-02f7-4d3f");
        assert!(of("a b").len() == 16 && of("").len() == 16);
        assert_ne!(new_id(), new_id());
    }
}
