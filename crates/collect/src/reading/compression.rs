//! Compression by its first bytes: gzip (RFC 1952) and zstd (RFC 8878); several members or frames in a row are one.

use std::io::{self, BufReader, Read};

use crate::ImportError;

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Not at all.
    None,
    /// gzip, RFC 1952.
    Gzip,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl Compression {
    /// Tells by the first bytes.
    pub(crate) fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            // A skippable frame may come first (RFC 8878, 3.1.2).
            [first, 0x2a, 0x4d, 0x18, ..] if first & 0xf0 == 0x50 => Self::Zstd,
            _ => Self::None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Unpacks what `reader` gives.
    pub(crate) fn unpack(self, reader: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::None => reader,
            Self::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(256 * 1024, reader))),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::new(reader)?),
        })
    }

    /// The error for a file that could not be unpacked: cut short, damaged, or unreadable.
    pub(crate) fn error(self, file: &str, source: io::Error) -> ImportError {
        let file = file.to_owned();
        match (self, source.kind()) {
            (Self::None, _) => ImportError::Read { file, source },
            (_, io::ErrorKind::UnexpectedEof) => ImportError::Truncated { file, format: self.name() },
            (_, io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other) => {
                ImportError::Format { file, format: self.name(), message: source.to_string() }
            }
            _ => ImportError::Read { file, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let compression = Compression::of(bytes);
        compression.unpack(Box::new(io::Cursor::new(bytes.to_vec())))?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn both_packings_are_known_by_their_first_bytes_and_unpacked() {
        let text = b"subject,metric\n".repeat(1000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        assert_eq!(unpacked(&gzip.finish().unwrap()).unwrap(), text);
        assert_eq!(unpacked(&zstd::encode_all(&text[..], 1).unwrap()).unwrap(), text);
        assert_eq!(unpacked(&text).unwrap(), text);
    }

    #[test]
    fn cut_short_is_said_as_such() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        let zstd = zstd::encode_all(&text[..], 1).unwrap();
        for whole in [gzip, zstd] {
            let error = unpacked(&whole[..whole.len() / 2]).unwrap_err();
            let error = Compression::of(&whole).error("a.gz", error);
            assert!(matches!(error, ImportError::Truncated { .. }), "{error}");
        }
    }
}
