//! The body of an answer from elsewhere, up to a size: whoever answers may send without end.
//!
//! In: an answer whose head has come. Out: so much of its body as was asked for, and whether that is all.

/// What was read of a body.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Whether there is no more of it.
    pub(crate) is_whole: bool,
}

/// Reads a body, at most so many bytes of it.
pub(crate) async fn read_body(response: &mut reqwest::Response, n_bytes_max: usize) -> reqwest::Result<Body> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await? {
        let room = n_bytes_max - bytes.len();
        bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        if piece.len() > room {
            return Ok(Body { bytes, is_whole: false });
        }
    }
    Ok(Body { bytes, is_whole: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        for (n_bytes_max, bytes, is_whole) in [(3, "abc", false), (5, "abcde", true), (9, "abcde", true)] {
            let mut response = reqwest::Response::from(axum::http::Response::new("abcde"));
            let body = read_body(&mut response, n_bytes_max).await.unwrap();
            assert_eq!((body.bytes.as_slice(), body.is_whole), (bytes.as_bytes(), is_whole));
        }
    }
}
