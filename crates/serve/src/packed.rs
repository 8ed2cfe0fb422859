//! What is kept to be sent again, packed once: packing a page costs more than finding it again, and packed it takes a
//! tenth of the room.
//!
//! In: a body with its headers. Out: the same packed with gzip (RFC 1952), which the headers say; and back for the few
//! who do not take that.

use std::io::{Read as _, Write as _};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// Smaller bodies are sent as they are.
const N_BYTES_MIN: usize = 1024;
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const SUITED: [&str; 3] = ["text/", "application/json", "image/svg+xml"];

/// Whether who sent these headers takes gzip.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let told = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    told.split(',').any(|one| {
        let (name, rest) = one.split_once(';').unwrap_or((one, ""));
        let is_refused = matches!(rest.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// The body packed, where it is text, and long.
pub(crate) fn pack(headers: &mut HeaderMap, body: Bytes) -> Bytes {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_suited = SUITED.iter().any(|beginning| media_type.starts_with(beginning));
    if body.len() < N_BYTES_MIN || !is_suited || headers.contains_key(header::CONTENT_ENCODING) {
        return body;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::default());
    match encoder.write_all(&body).and_then(|()| encoder.finish()) {
        Ok(packed) => {
            headers.insert(header::CONTENT_ENCODING, GZIP);
            packed.into()
        }
        Err(_) => body,
    }
}

/// The body as it was; what cannot be unpacked, which [`pack`] never makes, stays as it is.
pub(crate) fn unpack(headers: &mut HeaderMap, body: Bytes) -> Bytes {
    if headers.get(header::CONTENT_ENCODING) != Some(&GZIP) {
        return body;
    }
    let mut unpacked = Vec::new();
    match GzDecoder::new(body.as_ref()).read_to_end(&mut unpacked) {
        Ok(_) => {
            headers.remove(header::CONTENT_ENCODING);
            unpacked.into()
        }
        Err(_) => body,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn what_was_packed_is_as_it_was() {
        let body = Bytes::from("豆包 ".repeat(2000));
        let mut of_page = headers(header::CONTENT_TYPE, "text/html; charset=utf-8");
        let packed = pack(&mut of_page, body.clone());
        assert!(packed.len() < body.len() / 10);
        assert_eq!(of_page[header::CONTENT_ENCODING], "gzip");
        assert_eq!(pack(&mut of_page, packed.clone()), packed, "once is enough");
        assert_eq!(unpack(&mut of_page, packed), body);
        assert!(!of_page.contains_key(header::CONTENT_ENCODING));
    }

    #[test]
    fn short_and_binary_bodies_stay() {
        for (media_type, body) in [("text/html", "short".to_owned()), ("application/pdf", "long ".repeat(2000))] {
            let mut of_page = headers(header::CONTENT_TYPE, media_type);
            assert_eq!(pack(&mut of_page, Bytes::from(body.clone())), body);
            assert!(!of_page.contains_key(header::CONTENT_ENCODING));
        }
    }

    #[test]
    fn who_takes_gzip_says_so() {
        let takes = |value| takes_gzip(&headers(header::ACCEPT_ENCODING, value));
        assert!(takes("gzip, deflate, br, zstd") && takes("br;q=1, GZIP;q=0.5"));
        assert!(!takes("") && !takes("br") && !takes("gzip;q=0") && !takes("identity, gzip; q=0"));
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
