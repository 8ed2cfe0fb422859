//! The archive of documents: every body byte for byte, compressed, under its SHA-256.
//!
//! A body is written beside its place and moved there when it is whole, so that a document is there or not, never
//! half. Putting the same bytes again changes nothing.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use futures::TryStreamExt as _;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt as _};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;

use crate::{LakeError, Result, files, objects, stores};

/// Faster than zstd's first regular level: archives of exports are read seldom, and written during imports.
const LEVEL: i32 = -6;

/// Where document bodies are kept: `raw/ab/abcdef….zst`.
#[derive(Debug, Clone)]
pub struct DocumentStore {
    /// Of this machine: bodies that are being written, and where no store is named, all bodies.
    folder: PathBuf,
    /// The object store that bodies are kept in, and the place in it.
    store: Option<(Arc<dyn ObjectStore>, StorePath)>,
}

impl DocumentStore {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, store: None }
    }

    pub(crate) fn in_store(folder: PathBuf, store: (Arc<dyn ObjectStore>, StorePath)) -> Self {
        Self { folder, store: Some(store) }
    }

    /// The folder and file of a body.
    fn names(sha256: &str) -> Result<(String, String)> {
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash {
            return Err(LakeError::NoDocument(sha256.to_owned()));
        }
        let sha256 = sha256.to_ascii_lowercase();
        Ok((sha256[..2].to_owned(), format!("{sha256}.zst")))
    }

    fn path(&self, sha256: &str) -> Result<PathBuf> {
        let (folder, file) = Self::names(sha256)?;
        Ok(self.folder.join(folder).join(file))
    }

    /// Whether a body is there.
    pub fn contains(&self, sha256: &str) -> bool {
        self.n_bytes_stored(sha256).is_some()
    }

    /// The size of the compressed body in bytes.
    pub fn n_bytes_stored(&self, sha256: &str) -> Option<u64> {
        let Some((store, place)) = &self.store else {
            let found = self.path(sha256).ok()?.metadata().ok()?;
            return found.is_file().then_some(found.len());
        };
        let (store, path) = (Arc::clone(store), object_path(place, sha256).ok()?);
        let found = stores::wait(async move { store.head(&path).await }).ok()?;
        found.ok().map(|object| object.size)
    }

    /// The bytes of all bodies.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub fn n_bytes_of_all(&self) -> Result<u64> {
        let Some((store, place)) = &self.store else { return Ok(files::size_of(&self.folder)) };
        let (store, place) = (Arc::clone(store), place.clone());
        let listing = async move {
            let sizes = store.list(Some(&place)).map_ok(|object| object.size);
            sizes.try_fold(0, |sum, size| async move { Ok(sum + size) }).await
        };
        Ok(stores::wait(listing).map_err(waiting_failed)??)
    }

    /// Every body as it is stored: its place in the archive (`ab/abcdef….zst`), sorted.
    pub(crate) fn packed(&self) -> Result<Vec<String>> {
        let Some((store, place)) = &self.store else {
            let mut names = Vec::new();
            for folder in files::folders(&self.folder)? {
                let within = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                for path in files::list(&folder, "zst")? {
                    names.push(format!("{within}/{}", path.file_name().unwrap_or_default().to_string_lossy()));
                }
            }
            return Ok(names);
        };
        let (store, place) = (Arc::clone(store), place.clone());
        let listing =
            async move { store.list(Some(&place)).map_ok(|object| object.location).try_collect::<Vec<_>>().await };
        let mut names = Vec::new();
        for location in stores::wait(listing).map_err(waiting_failed)?? {
            let parts: Vec<_> = location.parts().map(|part| part.as_ref().to_owned()).collect();
            if let [.., folder, file] = parts.as_slice() {
                names.push(format!("{folder}/{file}"));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Opens a body as it is stored, by its place in the archive; `None` where it is gone by now.
    pub(crate) fn open_packed(&self, name: &str) -> Result<Option<Box<dyn Read + Send>>> {
        let Some((store, place)) = &self.store else {
            let path = self.folder.join(name);
            return if path.is_file() { Ok(Some(Box::new(files::open(&path)?))) } else { Ok(None) };
        };
        let path = name.split('/').fold(place.clone(), |path, part| path.join(part));
        match objects::read(Arc::clone(store), path) {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            body => Ok(Some(Box::new(body?))),
        }
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
        Ok(DocumentWriter {
            store: self.clone(),
            threads: None,
            temporary: Temporary(temporary),
            block: Vec::new(),
            n_bytes: 0,
        })
    }

    /// Removes bodies that were being written and have not been touched for so long; gives their number.
    pub(crate) fn remove_incoming(&self, untouched: std::time::Duration, is_dry_run: bool) -> Result<usize> {
        let mut n_removed = 0;
        let mut incoming = files::list(&self.folder, "tmp")?;
        for folder in files::folders(&self.folder)? {
            incoming.extend(files::list(&folder, "tmp")?);
        }
        for path in incoming {
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
        if let Some((store, place)) = &self.store {
            let path = object_path(place, sha256)?;
            let body = match objects::read(Arc::clone(store), path.clone()) {
                Err(object_store::Error::NotFound { .. }) => return Err(LakeError::NoDocument(sha256.to_owned())),
                body => body?,
            };
            return unpacked(body, path.as_ref().into());
        }
        let path = self.path(sha256)?;
        if !path.is_file() {
            return Err(LakeError::NoDocument(sha256.to_owned()));
        }
        unpacked(files::open(&path)?, path)
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

    /// Removes a body that nothing refers to any more; one that is not there is no error.
    pub(crate) fn remove(&self, sha256: &str) -> Result<()> {
        let Some((store, place)) = &self.store else {
            return files::remove(&self.path(sha256)?);
        };
        let (store, path) = (Arc::clone(store), object_path(place, sha256)?);
        match stores::wait(async move { store.delete(&path).await }).map_err(waiting_failed)? {
            Err(error) if !matches!(error, object_store::Error::NotFound { .. }) => Err(error.into()),
            _ => Ok(()),
        }
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

fn unpacked(body: impl Read + Send + 'static, path: PathBuf) -> Result<Box<dyn Read + Send>> {
    match zstd::Decoder::new(body) {
        Ok(decoder) => Ok(Box::new(decoder)),
        Err(source) => Err(LakeError::File { doing: "reading", path, source }),
    }
}

fn object_path(place: &StorePath, sha256: &str) -> Result<StorePath> {
    let (folder, file) = DocumentStore::names(sha256)?;
    Ok(place.clone().join(folder).join(file))
}

fn waiting_failed(source: std::io::Error) -> LakeError {
    LakeError::File { doing: "waiting for", path: "raw".into(), source }
}

/// Bytes that a store is sent at once.
const PIECE_BYTES: usize = 8 << 20;

/// Sends a whole file to a store; it is there when all of it has arrived, or not at all.
async fn upload(mut file: File, store: Arc<dyn ObjectStore>, path: StorePath) -> Result<()> {
    file.seek(std::io::SeekFrom::Start(0)).map_err(waiting_failed)?;
    let mut writer = object_store::buffered::BufWriter::with_capacity(store, path, PIECE_BYTES);
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        if (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).map_err(waiting_failed)? == 0 {
            break;
        }
        writer.put(piece.into()).await?;
    }
    writer.shutdown().await.map_err(waiting_failed)
}

fn write_error(path: &Path, source: std::io::Error) -> LakeError {
    LakeError::File { doing: "writing", path: path.to_owned(), source }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
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
///
/// Bytes are gathered into blocks. A body of one block is hashed and compressed at its end; of a longer one, each block
/// is compressed as a frame of its own by one thread and hashed by another, beside whoever reads it.
pub struct DocumentWriter {
    store: DocumentStore,
    /// Those of a body of more than one block; without their senders they end.
    threads: Option<Threads>,
    temporary: Temporary,
    block: Vec<u8>,
    n_bytes: u64,
}

/// Bytes that are compressed at once: as many as zstd's faster levels look back, several times over.
const BLOCK_BYTES: usize = 4 << 20;
/// Blocks that may wait for each thread.
const BLOCKS_WAITING_MAX: usize = 2;

type Block = Arc<Vec<u8>>;

struct Threads {
    to_hash: SyncSender<Block>,
    to_compress: SyncSender<Block>,
    hashing: JoinHandle<String>,
    compressing: JoinHandle<std::io::Result<File>>,
}

impl Threads {
    fn start(file: File) -> Self {
        let (to_hash, blocks) = sync_channel::<Block>(BLOCKS_WAITING_MAX);
        let hashing = std::thread::spawn(move || hash(blocks.iter()));
        let (to_compress, blocks) = sync_channel::<Block>(BLOCKS_WAITING_MAX);
        let compressing = std::thread::spawn(move || compress(file, blocks.iter()));
        Self { to_hash, to_compress, hashing, compressing }
    }

    /// Whether both threads still take blocks; what stopped one is told at the end.
    fn take(&self, block: Block) -> bool {
        self.to_hash.send(Arc::clone(&block)).is_ok() && self.to_compress.send(block).is_ok()
    }

    fn finish(self) -> std::io::Result<(String, File)> {
        drop((self.to_hash, self.to_compress));
        let panicked = |_| std::io::Error::other("a thread of the archive panicked");
        let file = self.compressing.join().map_err(panicked)??;
        Ok((self.hashing.join().map_err(panicked)?, file))
    }
}

fn hash(blocks: impl Iterator<Item = Block>) -> String {
    let mut hasher = Sha256::new();
    blocks.for_each(|block| hasher.update(block.as_slice()));
    hex(&hasher.finalize())
}

/// Writes a frame per block; frames one after another are one body.
fn compress(mut file: File, blocks: impl Iterator<Item = Block>) -> std::io::Result<File> {
    thread_local! {
        // Making one costs more than packing a small body.
        static KEPT: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    let mut compressor = match KEPT.take() {
        Some(kept) => kept,
        None => zstd::bulk::Compressor::new(LEVEL)?,
    };
    for block in blocks {
        file.write_all(&compressor.compress(&block)?)?;
    }
    KEPT.set(Some(compressor));
    Ok(file)
}

impl std::fmt::Debug for DocumentWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DocumentWriter").field("n_bytes", &self.n_bytes).finish_non_exhaustive()
    }
}

impl DocumentWriter {
    /// Adds bytes.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.n_bytes += bytes.len() as u64;
        while self.block.len() + bytes.len() > BLOCK_BYTES {
            let (now, later) = bytes.split_at(BLOCK_BYTES - self.block.len());
            self.block.extend_from_slice(now);
            bytes = later;
            let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES));
            self.pass_on(Arc::new(block))?;
        }
        self.block.extend_from_slice(bytes);
        Ok(())
    }

    fn pass_on(&mut self, block: Block) -> Result<()> {
        if self.threads.is_none() {
            self.threads = Some(Threads::start(files::create(&self.temporary.0)?));
        }
        let is_taken = self.threads.as_ref().is_some_and(|threads| threads.take(block));
        match self.threads.take() {
            Some(threads) if !is_taken => {
                let failed = threads.finish().err().unwrap_or_else(|| std::io::Error::other("the archive stopped"));
                Err(write_error(&self.temporary.0, failed))
            }
            threads => {
                self.threads = threads;
                Ok(())
            }
        }
    }

    /// Bytes so far.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Moves the body into its place and gives its SHA-256 in lower-case hex.
    pub fn finish(mut self) -> Result<String> {
        let block = Arc::new(std::mem::take(&mut self.block));
        let (sha256, file) = match self.threads.take() {
            Some(threads) => {
                threads.take(Arc::clone(&block));
                let (sha256, file) = threads.finish().map_err(|source| write_error(&self.temporary.0, source))?;
                (sha256, Some(file))
            }
            None => (hex(&Sha256::digest(block.as_slice())), None),
        };
        if self.store.contains(&sha256) {
            return Ok(sha256);
        }
        let file = match file {
            Some(file) => file,
            None => {
                // In the folder where it will stay: many at once would wait for the one above.
                let folder = self.store.folder.join(&sha256[..2]);
                self.temporary.0 = folder.join(self.temporary.0.file_name().unwrap_or_default());
                let file = match files::create(&self.temporary.0) {
                    Err(_) if !folder.is_dir() => {
                        files::create_folder(&folder)?;
                        files::create(&self.temporary.0)?
                    }
                    file => file?,
                };
                compress(file, std::iter::once(block)).map_err(|source| write_error(&self.temporary.0, source))?
            }
        };
        if let Some((store, place)) = &self.store.store {
            let sending = upload(file, Arc::clone(store), object_path(place, &sha256)?);
            stores::wait(sending).map_err(|source| write_error(&self.temporary.0, source))??;
            return Ok(sha256);
        }
        file.sync_all().map_err(|source| write_error(&self.temporary.0, source))?;
        let path = self.store.path(&sha256)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
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
    fn long_bodies_come_in_several_frames() {
        let folder = tempfile::tempdir().unwrap();
        let store = DocumentStore::new(folder.path().to_owned());
        for n_bytes in [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 7] {
            let body: Vec<u8> =
                (0..n_bytes as u32).map(|n| (n / 7).wrapping_mul(0x9E37_79B9).to_be_bytes()[0]).collect();
            let mut writer = store.writer().unwrap();
            body.chunks(1_000_003).for_each(|piece| writer.write(piece).unwrap());
            assert_eq!(writer.n_bytes(), n_bytes as u64);
            let sha256 = writer.finish().unwrap();
            assert_eq!(sha256, hex(&Sha256::digest(&body)));
            assert_eq!(store.read_up_to(&sha256, n_bytes).unwrap(), (body, true));
        }
    }

    #[test]
    fn a_body_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = DocumentStore::new(folder.path().to_owned());
        let mut writer = store.writer().unwrap();
        writer.write(b"half").unwrap();
        drop(writer);
        let mut writer = store.writer().unwrap();
        writer.write(&vec![1; 2 * BLOCK_BYTES]).unwrap();
        drop(writer);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(matches!(store.open("../../etc/passwd"), Err(LakeError::NoDocument(_))));
    }
}
