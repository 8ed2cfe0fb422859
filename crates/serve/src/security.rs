//! What protects the visitor and the owner: headers on every response, and a check of the Host header. Who may do what is
//! in [`crate::access`].
//!
//! - A page may load scripts, styles, images and data from its own origin and nothing else, and nobody may frame it.
//!   No inline script or style is needed anywhere, so none is allowed.
//! - A request must name a host that is ours: otherwise a web page elsewhere could read the market through a name
//!   that it points at 127.0.0.1 (DNS rebinding).
//! - No page may use what a browser knows of its surroundings: camera, place, sensors.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::accounts::is_secure;
use crate::server::ServeOptions;

const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const NO_SURROUNDINGS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
     magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// Where questions may come by POST: reconciliation's, in batches.
pub(crate) const QUESTIONS_PATH: &str = "/reconcile";

/// The policy for a preview that other programs on this machine show in a frame: text only.
pub(crate) const PREVIEW_POLICY: &str = "default-src 'none'; sandbox allow-popups; base-uri 'none'; form-action 'none'";

/// The policy for PDFs that we made: a browser's viewer brings its own styles.
pub(crate) const PDF_POLICY: &str =
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// The policy for raw documents: whatever they hold, nothing in them runs or loads.
pub(crate) const DOCUMENT_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Other sites learn nothing; with "no-referrer" browsers would not say of our own forms that they are ours.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), NO_SURROUNDINGS),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
];

/// Adds the headers that a response does not have already.
pub(crate) async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The hosts under which the server may be asked.
#[derive(Debug)]
pub(crate) struct AllowedHosts {
    names: Vec<String>,
}

impl AllowedHosts {
    pub(crate) fn new(options: &ServeOptions) -> Self {
        let own = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), options.listen.ip().to_string()];
        let named = options.hosts.iter().map(|host| host.to_ascii_lowercase());
        Self { names: own.into_iter().chain(named).collect() }
    }

    /// Whether a page of that origin (`http://name:port`) may read answers: one of this machine, or of a host that is ours.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some_and(|host| self.allows(host))
    }

    /// Whether a Host header (`name`, `name:port`, `[v6]:port`) is one of ours.
    fn allows(&self, host: &str) -> bool {
        let host = host.trim().to_ascii_lowercase();
        let name = match host.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((name, port)) if port.is_empty() || port.starts_with(':') => name,
                _ => "",
            },
            None => host.split_once(':').map_or(host.as_str(), |(name, _)| name),
        };
        !name.is_empty() && self.names.iter().any(|known| known == name)
    }
}

/// The host that a request names (`name`, `name:port`, `[v6]:port`): by its header, or, where it has none, by its address, as
/// in HTTP/2.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let by_header = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    by_header.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

/// The address that the server was asked under, without a path, so that links lead back: `https://radar.example.com`. The name
/// was checked before.
pub(crate) fn site_address(uri: &Uri, headers: &HeaderMap) -> String {
    let scheme = if is_secure(headers) { "https" } else { "http" };
    format!("{scheme}://{}", host_of(uri, headers).unwrap_or("localhost"))
}

/// Refuses requests whose Host header is not ours.
pub(crate) async fn check_host(State(hosts): State<Arc<AllowedHosts>>, request: Request, next: Next) -> Response {
    if host_of(request.uri(), request.headers()).is_some_and(|host| hosts.allows(host)) {
        return next.run(request).await;
    }
    let message = "this server is not known by that name; start it with --host NAME to allow it\n";
    (StatusCode::MISDIRECTED_REQUEST, message).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_back_to_the_name_that_was_asked() {
        let asked = |uri: &str, named: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in named {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let uri: Uri = uri.parse().unwrap();
            site_address(&uri, &headers)
        };
        assert_eq!(asked("/products", &[("host", "radar.example:7171")]), "http://radar.example:7171");
        assert_eq!(asked("/", &[("host", "radar.example"), ("x-forwarded-proto", "https")]), "https://radar.example");
        assert_eq!(asked("http://radar.example/products", &[]), "http://radar.example");
        assert_eq!(asked("/", &[]), "http://localhost");
    }

    #[test]
    fn only_own_hosts_are_allowed() {
        let options = ServeOptions { hosts: vec!["Radar.example".into()], ..ServeOptions::default() };
        let hosts = AllowedHosts::new(&options);
        for host in ["localhost", "localhost:7171", "127.0.0.1:80", "[::1]:7171", "radar.example", "RADAR.example:1"] {
            assert!(hosts.allows(host), "{host}");
        }
        for host in
            ["evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost.evil", "[]:80", "[::1].evil.example:80"]
        {
            assert!(!hosts.allows(host), "{host}");
        }
    }
}
