//! Scripts and styles, built from `web/` and embedded in the binary.
//!
//! Addresses carry a piece of the file's SHA-256 (`/static/app.js?v=1a2b3c4d`), so browsers may keep them for ever.
//! Where `web/dist` was not built, pages still work: plain, and without charts that move.

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
struct Dist;

/// The address of an embedded file, with its version.
pub(crate) fn address(name: &str) -> String {
    match Dist::get(name) {
        Some(file) => format!("/static/{name}?v={}", version(&file)),
        None => format!("/static/{name}"),
    }
}

/// Serves an embedded file.
pub(crate) async fn serve(Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let Some(file) = Dist::get(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let version = version(&file);
    let etag = format!("\"{version}\"");
    // Chunks carry a hash in their name already, given by the bundler.
    let is_pinned = query.is_some_and(|query| query == format!("v={version}")) || name.starts_with("chunk-");
    let keep = if is_pinned { "public, max-age=31536000, immutable" } else { "no-cache" };
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { file.data.into_owned().into_response() };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(&name)));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    response
}

/// Serves the icon where browsers look for it unasked.
pub(crate) async fn icon(headers: HeaderMap) -> Response {
    serve(Path("icon.svg".to_owned()), RawQuery(None), headers).await
}

fn version(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash()[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
