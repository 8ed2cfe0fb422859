//! The archive of documents: every body byte for byte, compressed, under its SHA-256.
//!
//! A body is written beside its place and moved there when it is whole, so that a document is there or not, never
//! half. Putting the same bytes again changes nothing.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::{LakeError, Result, files};

/// Faster than zstd's first regular level: archives of exports are read seldom, and written during imports.
const LEVEL: i32 = -6;

/// Where document bodies are kept: `raw/ab/abcdef….zst`.
#[derive(Debug, Clone)]
pub struct DocumentStore {
    folder: PathBuf,
}

impl DocumentStore {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, sha256: &str) -> Result<PathBuf> {
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash {
            return Err(LakeError::NoDocument(sha256.to_owned()));
        }
        let sha256 = sha256.to_ascii_lowercase();
        Ok(self.folder.join(&sha256[..2]).join(format!("{sha256}.zst")))
    }

    /// Whether a body is there.
    pub fn contains(&self, sha256: &str) -> bool {
        self.path(sha256).is_ok_and(|path| path.is_file())
    }

    /// The size of the compressed body in bytes.
    pub fn n_bytes_stored(&self, sha256: &str) -> Option<u64> {
        Some(self.path(sha256).ok()?.metadata().ok()?.len())
    }

    /// Keeps a body and gives its SHA-256 in lower-case hex.
    pub fn put(&self, bytes: &[u8]) -> Result<String> {
        let mut writer = self.writer()?;
        writer.write(bytes)?;
        writer.finish()
    }

    /// Begins a body whose bytes come in pieces.
    pub fn writer(&self) -> Result<DocumentWriter> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = self.folder.join(format!("incoming-{}-{n}.tmp", std::process::id()));
        let file = files::create(&temporary)?;
        let encoder = zstd::Encoder::new(BufWriter::with_capacity(1 << 20, file), LEVEL)
            .map_err(|source| write_error(&temporary, source))?;
        Ok(DocumentWriter {
            store: self.clone(),
            temporary: Temporary(temporary),
            encoder: Some(encoder),
            hasher: Sha256::new(),
            n_bytes: 0,
        })
    }

    /// Removes bodies that were being written and have not been touched for so long; gives their number.
    pub(crate) fn remove_incoming(&self, untouched: std::time::Duration, is_dry_run: bool) -> Result<usize> {
        let mut n_removed = 0;
        for path in files::list(&self.folder, "tmp")? {
            let age = path.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
            if age.is_none_or(|age| age < untouched) {
                continue;
            }
            n_removed += 1;
            if !is_dry_run {
                files::remove_quietly(&path);
            }
        }
        Ok(n_removed)
    }

    /// Opens a body for reading.
    ///
    /// # Errors
    /// [`LakeError::NoDocument`] where there is none.
    pub fn open(&self, sha256: &str) -> Result<Box<dyn Read + Send>> {
        let path = self.path(sha256)?;
        if !path.is_file() {
            return Err(LakeError::NoDocument(sha256.to_owned()));
        }
        let file = files::open(&path)?;
        let decoder = zstd::Decoder::new(file).map_err(|source| LakeError::File {
            doing: "reading",
            path: path.clone(),
            source,
        })?;
        Ok(Box::new(decoder))
    }

    /// The first bytes of a body, up to a limit, and whether that is all of it.
    pub fn read_up_to(&self, sha256: &str, n_bytes_max: usize) -> Result<(Vec<u8>, bool)> {
        let mut bytes = Vec::new();
        let limit = n_bytes_max as u64 + 1;
        self.open(sha256)?.take(limit).read_to_end(&mut bytes).map_err(|source| LakeError::File {
            doing: "reading",
            path: sha256.into(),
            source,
        })?;
        let is_all = bytes.len() <= n_bytes_max;
        bytes.truncate(n_bytes_max);
        Ok((bytes, is_all))
    }

    /// Reads a whole body through and checks that its bytes still have that SHA-256.
    ///
    /// # Errors
    /// [`LakeError::DamagedDocument`] where they do not.
    pub fn verify(&self, sha256: &str) -> Result<()> {
        let mut reader = self.open(sha256)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => hasher.update(&buffer[..n]),
                Err(_) => return Err(LakeError::DamagedDocument(sha256.to_owned())),
            }
        }
        if hex(&hasher.finalize()) == sha256.to_ascii_lowercase() {
            return Ok(());
        }
        Err(LakeError::DamagedDocument(sha256.to_owned()))
    }
}

fn write_error(path: &Path, source: std::io::Error) -> LakeError {
    LakeError::File { doing: "writing", path: path.to_owned(), source }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Removes the file when dropped, unless it was moved away before.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        files::remove_quietly(&self.0);
    }
}

/// A body on its way into the archive; dropped before [`DocumentWriter::finish`], it leaves nothing.
pub struct DocumentWriter {
    store: DocumentStore,
    temporary: Temporary,
    encoder: Option<zstd::Encoder<'static, BufWriter<File>>>,
    hasher: Sha256,
    n_bytes: u64,
}

impl std::fmt::Debug for DocumentWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DocumentWriter").field("n_bytes", &self.n_bytes).finish_non_exhaustive()
    }
}

impl DocumentWriter {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.n_bytes += bytes.len() as u64;
        match &mut self.encoder {
            Some(encoder) => encoder.write_all(bytes).map_err(|source| write_error(&self.temporary.0, source)),
            None => Ok(()),
        }
    }

    /// Bytes so far.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Moves the body into its place and gives its SHA-256 in lower-case hex.
    pub fn finish(mut self) -> Result<String> {
        let sha256 = hex(&self.hasher.finalize_reset());
        let path = self.store.path(&sha256)?;
        if path.is_file() {
            return Ok(sha256);
        }
        if let Some(encoder) = self.encoder.take() {
            encoder
                .finish()
                .and_then(|writer| writer.into_inner().map_err(std::io::IntoInnerError::into_error))
                .and_then(|file| file.sync_all())
                .map_err(|source| write_error(&self.temporary.0, source))?;
        }
        if let Some(folder) = path.parent() {
            files::create_folder(folder)?;
        }
        files::rename(&self.temporary.0, &path)?;
        Ok(sha256)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_byte_for_byte_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let store = DocumentStore::new(folder.path().join("raw"));
        let sha256 = store.put(b"abc").unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(store.put(b"abc").unwrap(), sha256);
        assert_eq!(store.read_up_to(&sha256, 2).unwrap(), (b"ab".to_vec(), false));
        assert_eq!(store.read_up_to(&sha256, 3).unwrap(), (b"abc".to_vec(), true));
        store.verify(&sha256).unwrap();
        let other = store.put(b"other").unwrap();
        std::fs::copy(store.path(&other).unwrap(), store.path(&sha256).unwrap()).unwrap();
        assert!(matches!(store.verify(&sha256), Err(LakeError::DamagedDocument(_))));
    }

    #[test]
    fn a_body_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = DocumentStore::new(folder.path().to_owned());
        let mut writer = store.writer().unwrap();
        writer.write(b"half").unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(matches!(store.open("../../etc/passwd"), Err(LakeError::NoDocument(_))));
    }
}
