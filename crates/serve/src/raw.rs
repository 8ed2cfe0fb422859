//! The bytes of a document, as they arrived.
//!
//! A document is somebody else's text: it is served as plain text or as a download under its own name, never as HTML,
//! and under a policy in which nothing runs.

use std::io::Read;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::Response;
use futures::{StreamExt as _, stream};

use crate::page::plain_error;
use crate::pages::document::{DocumentRow, row_of};
use crate::security::DOCUMENT_POLICY;
use crate::site::{Seen, Site};
use crate::{ServeError, redistribution};

const CHUNK_BYTES: usize = 128 * 1024;

/// Serves a document's bytes: UTF-8 text as `text/plain`, other media as a download.
pub(crate) async fn serve(Seen(site): Seen, Path(document): Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    let is_download = uri.query().is_some_and(|query| query.contains("download"));
    match open(&site, &document).await {
        Ok(opened) => respond(&document, opened, is_download),
        Err(error) => plain_error(&site, &uri, &headers, &error),
    }
}

type Reader = Box<dyn Read + Send>;

/// A document that is ready to be sent.
struct Opened {
    row: DocumentRow,
    first: Vec<u8>,
    rest: Reader,
}

async fn open(site: &Site, document: &str) -> Result<Opened, ServeError> {
    check_name(document)?;
    redistribution::check_document(&site.lake, &site.shared, document).await?;
    let row = row_of(&site.lake, document).await?;
    let reader = site.lake.documents().open(document)?;
    let failed = |source| ServeError::Document { document: document.to_owned(), source };
    let (first, rest) = read_chunk(reader).await.map_err(failed)?;
    Ok(Opened { row, first, rest })
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

fn respond(document: &str, opened: Opened, is_download: bool) -> Response {
    let Opened { row, first, rest } = opened;
    let is_shown = !is_download && looks_like_text(&first);
    let media_type = if is_shown { "text/plain; charset=utf-8" } else { media_type_of(&first, &row.media_type) };
    let name = if row.name.is_empty() { format!("{}.bin", &document[..12]) } else { row.name };
    let following = stream::try_unfold(rest, |reader| async {
        let (chunk, reader) = read_chunk(reader).await?;
        Ok::<_, std::io::Error>((!chunk.is_empty()).then_some((chunk, reader)))
    });
    let mut response = Response::new(Body::from_stream(stream::iter([Ok(first)]).chain(following)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCUMENT_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable"));
    if let Ok(value) = HeaderValue::from_str(&disposition(&name, is_shown)) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// What a download is: packed, or one of the media types that imports note down; nothing else is passed on, whatever
/// the table says.
fn media_type_of(first: &[u8], noted: &str) -> &'static str {
    const KNOWN: [&str; 6] = [
        "text/csv",
        "text/tab-separated-values",
        "application/json",
        "application/x-ndjson",
        "application/vnd.apache.parquet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ];
    match first {
        [0x1f, 0x8b, ..] => "application/gzip",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "application/zstd",
        _ => KNOWN.into_iter().find(|known| *known == noted).unwrap_or("application/octet-stream"),
    }
}

/// How a browser names the file: the name in full, and in ASCII for old ones (RFC 6266, RFC 8187).
fn disposition(name: &str, is_shown: bool) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
    let ascii: String = name.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        if is_plain(char::from(byte)) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let how = if is_shown { "inline" } else { "attachment" };
    format!("{how}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// Whether bytes are the beginning of UTF-8 text; a character cut off at the end is none against it.
fn looks_like_text(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(text) => !text.contains('\0'),
        Err(error) => error.error_len().is_none() && !bytes.contains(&0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn downloads_carry_the_documents_own_name() {
        assert_eq!(
            disposition("豆包 1.csv", false),
            "attachment; filename=\"___1.csv\"; filename*=UTF-8''%E8%B1%86%E5%8C%85%201.csv"
        );
        assert!(disposition("a\"\r\nb", true).starts_with("inline; filename=\"a___b\";"));
    }

    #[test]
    fn media_types_are_those_of_imports_only() {
        assert_eq!(media_type_of(b"a,b", "text/csv"), "text/csv");
        assert_eq!(media_type_of(b"<b>", "text/html"), "application/octet-stream");
        assert_eq!(media_type_of(&[0x1f, 0x8b, 8], "text/csv"), "application/gzip");
        assert!(looks_like_text("豆包".as_bytes()) && !looks_like_text(&[0xb6, 0xb9, 0xb0]));
    }
}
