//! Content codings of answers (RFC 9110, section 8.4), unpacked up to a limit: a bomb is found before it goes off.

use std::io::Read as _;

/// Codings that requests say they take.
pub(super) const ACCEPTED: &str = "gzip, zstd";

/// Why a body could not be unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UnpackError {
    /// It is larger than the limit.
    TooLarge,
    /// It is cut short or damaged.
    Damaged(String),
    /// Its coding is not one that was asked for.
    Unknown(String),
}

/// A body without its codings, of at most so many bytes.
pub(super) fn unpack(body: Vec<u8>, codings: &str, n_bytes_max: u64) -> Result<Vec<u8>, UnpackError> {
    let mut unpacked = body;
    for coding in codings.rsplit(',').map(|coding| coding.trim().to_ascii_lowercase()) {
        unpacked = match coding.as_str() {
            "" | "identity" => unpacked,
            "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(unpacked.as_slice()), n_bytes_max)?,
            "zstd" => {
                let decoder = zstd::Decoder::new(unpacked.as_slice());
                read(decoder.map_err(|error| UnpackError::Damaged(error.to_string()))?, n_bytes_max)?
            }
            other => return Err(UnpackError::Unknown(other.to_owned())),
        };
    }
    Ok(unpacked)
}

fn read(decoder: impl std::io::Read, n_bytes_max: u64) -> Result<Vec<u8>, UnpackError> {
    let mut unpacked = Vec::new();
    decoder
        .take(n_bytes_max + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| UnpackError::Damaged(error.to_string()))?;
    if unpacked.len() as u64 > n_bytes_max {
        return Err(UnpackError::TooLarge);
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_are_unpacked_up_to_the_limit() {
        let bomb = gzip(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        assert_eq!(unpack(bomb, "gzip", 1 << 20), Err(UnpackError::TooLarge));
        assert_eq!(unpack(gzip(b"abc"), "gzip", 3), Ok(b"abc".to_vec()));
        assert_eq!(unpack(gzip(&gzip(b"abc")), "gzip, gzip", 100), Ok(b"abc".to_vec()));
        assert_eq!(unpack(zstd::encode_all(&b"abc"[..], 1).unwrap(), "zstd", 100), Ok(b"abc".to_vec()));
        assert_eq!(unpack(b"abc".to_vec(), "", 100), Ok(b"abc".to_vec()));
        let half = gzip(&[7; 1000]);
        assert!(matches!(unpack(half[..half.len() / 2].to_vec(), "gzip", 9999), Err(UnpackError::Damaged(_))));
        assert!(matches!(unpack(b"abc".to_vec(), "br", 9999), Err(UnpackError::Unknown(_))));
    }
}
