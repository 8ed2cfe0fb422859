//! The bytes of a document, as they arrived.
//!
//! A document is somebody else's text: it is served as plain text or as a download, never as HTML, and under a policy
//! in which nothing runs.

use std::io::Read;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use futures::{StreamExt as _, stream};

use crate::router::{Site, plain_error};
use crate::security::DOCUMENT_POLICY;
use crate::{ServeError, redistribution};

const CHUNK_BYTES: usize = 128 * 1024;

/// Serves a document's bytes: text as `text/plain`, other media as a download.
pub(crate) async fn serve(
    State(site): State<Site>,
    Path(document): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let is_download = uri.query().is_some_and(|query| query.contains("download"));
    match open(&site, &document).await {
        Ok((first, rest)) => respond(&document, first, rest, is_download),
        Err(error) => plain_error(&site, &uri, &headers, &error),
    }
}

type Reader = Box<dyn Read + Send>;

async fn open(site: &Site, document: &str) -> Result<(Vec<u8>, Reader), ServeError> {
    check_name(document)?;
    redistribution::check_document(&site.lake, &site.shared, document).await?;
    let reader = site.lake.documents().open(document)?;
    read_chunk(reader).await.map_err(|source| ServeError::Document { document: document.to_owned(), source })
}

/// Reads on, off the async threads; an empty chunk is the end.
async fn read_chunk(mut reader: Reader) -> std::io::Result<(Vec<u8>, Reader)> {
    let reading = tokio::task::spawn_blocking(move || {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        Ok((chunk, reader))
    });
    reading.await.unwrap_or_else(|error| Err(std::io::Error::other(error)))
}

/// Checks that a document's name is a SHA-256 in lower-case hexadecimal, before it becomes part of a path.
pub(crate) fn check_name(document: &str) -> Result<(), ServeError> {
    let is_sha256 = document.len() == 64 && document.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_sha256 { Ok(()) } else { Err(ServeError::NotFound(format!("/document/{document}"))) }
}

fn respond(document: &str, first: Vec<u8>, rest: Reader, is_download: bool) -> Response {
    let is_text = looks_like_text(&first);
    let media_type = if is_text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
    let following = stream::try_unfold(rest, |reader| async {
        let (chunk, reader) = read_chunk(reader).await?;
        Ok::<_, std::io::Error>((!chunk.is_empty()).then_some((chunk, reader)))
    });
    let mut response = Response::new(Body::from_stream(stream::iter([Ok(first)]).chain(following)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCUMENT_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    if is_download || !is_text {
        let disposition = format!("attachment; filename=\"{}.bin\"", &document[..12]);
        if let Ok(value) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    response
}

/// Whether bytes are the beginning of UTF-8 text; a character cut off at the end is none against it.
pub(crate) fn looks_like_text(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => !text.contains('\0'),
        Err(error) => error.error_len().is_none() && !bytes.contains(&0),
    }
}
