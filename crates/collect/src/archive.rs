//! Puts an input's bytes into the archive of documents, and checks on the way that packed files are whole.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crowsnest_lake::documents::{DocumentWriter, hex};
use crowsnest_lake::{Lake, LakeError};
use sha2::{Digest as _, Sha256};

use crate::reading::compression::Compression;
use crate::reading::input::Input;
use crate::{ImportError, Result};

const BUFFER_BYTES: usize = 1 << 20;

/// A document that is in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archived {
    pub(crate) sha256: String,
    pub(crate) n_bytes: u64,
}

/// Reads an input once and keeps it byte for byte.
///
/// # Errors
/// [`ImportError::Truncated`] or [`ImportError::Format`] if it is packed and not whole; then nothing is kept.
pub(crate) fn archive(lake: &Lake, input: &Input, stop: &Arc<AtomicBool>) -> Result<Archived> {
    let mut raw = input.open(lake)?;
    let mut start = Vec::new();
    let read_error = |source| ImportError::Read { file: input.label.clone(), source };
    raw.by_ref().take(16).read_to_end(&mut start).map_err(read_error)?;
    let compression = Compression::of(&start);
    let tee = Tee {
        inner: Box::new(io::Cursor::new(start).chain(raw)),
        writer: Arc::new(std::sync::Mutex::new(Sink { writer: lake.documents().writer()?, failed: None })),
        stop: Arc::clone(stop),
    };
    let sink = Arc::clone(&tee.writer);
    let passed = if compression == Compression::None { drain(tee) } else { unpack(compression, tee) };
    let sink = Arc::into_inner(sink).and_then(|sink| sink.into_inner().ok());
    let Some(Sink { writer, failed }) = sink else {
        return Err(ImportError::Broken { file: input.label.clone(), message: "the archive is still in use".into() });
    };
    if let Some(failed) = failed {
        return Err(failed.into());
    }
    passed.map_err(|source| compression.error(&input.label, source))?;
    let n_bytes = writer.n_bytes();
    Ok(Archived { sha256: writer.finish()?, n_bytes })
}

struct Sink {
    writer: DocumentWriter,
    failed: Option<LakeError>,
}

/// Passes bytes on and keeps them.
struct Tee {
    inner: Box<dyn Read + Send>,
    writer: Arc<std::sync::Mutex<Sink>>,
    stop: Arc<AtomicBool>,
}

impl Read for Tee {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("the import was given up"));
        }
        let n = self.inner.read(buffer)?;
        let mut sink = self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = sink.writer.write(&buffer[..n]) {
            sink.failed = Some(error);
            return Err(io::Error::other("the archive cannot be written"));
        }
        Ok(n)
    }
}

fn drain(mut reader: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    while reader.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Unpacks to the end; what follows the packed data has to be kept too.
fn unpack(compression: Compression, tee: Tee) -> io::Result<()> {
    drain(compression.unpack(Box::new(tee))?)
}

/// The SHA-256 of an input, in lower-case hex.
pub(crate) fn hash(lake: &Lake, input: &Input) -> Result<String> {
    let mut reader = input.open(lake)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let n = reader.read(&mut buffer).map_err(|source| ImportError::Read { file: input.label.clone(), source })?;
        if n == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..n]);
    }
}
