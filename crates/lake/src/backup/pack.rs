//! Where a backup's files go: a folder, or a ZIP file. Each is hashed on its way.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::{FileCopy, MANIFEST, Manifest, refused};
use crate::documents::hex;
use crate::{LakeError, Result, files};

const PIECE_BYTES: usize = 1 << 20;

/// A backup that is being written beside its place; dropped before [`Pack::finish`], it leaves nothing.
pub(super) struct Pack {
    to: PathBuf,
    partial: Partial,
    zip: Option<ZipWriter<File>>,
    copied: Vec<FileCopy>,
}

/// Removed when dropped, unless it was moved to its place before.
struct Partial {
    path: PathBuf,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.path.is_dir() {
            files::remove_folder_quietly(&self.path);
        } else if self.path.exists() {
            files::remove_quietly(&self.path);
        }
    }
}

/// A name beside a place, for what is not whole yet.
pub(super) fn beside(place: &Path, what: &str) -> PathBuf {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    place.with_file_name(format!("{name}.{what}-{}", std::process::id()))
}

/// Whether a backup of that name is one file.
pub(super) fn is_file_name(place: &Path) -> bool {
    place.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"))
}

impl Pack {
    pub(super) fn begin(to: &Path) -> Result<Self> {
        if files::is_taken(to) {
            return Err(refused(format!("{} is there already", to.display()), "name a file or folder that is not"));
        }
        let partial = Partial { path: beside(to, "partial") };
        let zip = if is_file_name(to) {
            Some(ZipWriter::new(files::create_private(&partial.path)?))
        } else {
            files::create_folder(&partial.path)?;
            None
        };
        Ok(Self { to: to.to_owned(), partial, zip, copied: Vec::new() })
    }

    /// A place for a file that has to be made before it can be added.
    pub(super) fn beside(&self, what: &str) -> PathBuf {
        beside(&self.to, what)
    }

    /// Where the backup is being written.
    pub(super) fn place(&self) -> &Path {
        &self.partial.path
    }

    pub(super) fn copied(&self) -> &[FileCopy] {
        &self.copied
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: &str, from: &mut dyn Read) -> Result<()> {
        let failed = |source| LakeError::File { doing: "backing up", path: name.into(), source };
        let (n_bytes, sha256) = match &mut self.zip {
            Some(zip) => {
                start(zip, name).map_err(failed)?;
                copy(from, zip).map_err(failed)?
            }
            None => {
                let mut file = files::create_private(&self.partial.path.join(name))?;
                let copied = copy(from, &mut file).map_err(failed)?;
                file.sync_all().map_err(failed)?;
                copied
            }
        };
        self.copied.push(FileCopy { path: name.to_owned(), n_bytes, sha256 });
        Ok(())
    }

    /// Writes what it holds, and moves it to its place.
    pub(super) fn finish(mut self, manifest: &Manifest) -> Result<()> {
        let text = serde_json::to_vec_pretty(manifest)?;
        self.add(MANIFEST, &mut text.as_slice())?;
        if let Some(zip) = self.zip.take() {
            let failed = |source| LakeError::File { doing: "writing", path: self.to.clone(), source };
            zip.finish().map_err(std::io::Error::other).and_then(|file| file.sync_all()).map_err(failed)?;
        }
        files::rename(&self.partial.path, &self.to)
    }
}

/// Tables and documents are packed already; the rest is text.
fn start(zip: &mut ZipWriter<File>, name: &str) -> std::io::Result<()> {
    let is_packed = name.ends_with(".parquet") || name.ends_with(".zst");
    let method = if is_packed { CompressionMethod::Stored } else { CompressionMethod::Deflated };
    let options = SimpleFileOptions::default().compression_method(method).large_file(true).unix_permissions(0o600);
    zip.start_file(name, options).map_err(std::io::Error::other)
}

/// Copies to the end; gives the number of bytes and their SHA-256.
pub(super) fn copy(from: &mut dyn Read, to: &mut dyn Write) -> std::io::Result<(u64, String)> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut n_bytes = 0;
    loop {
        let n = match from.read(&mut piece) {
            Ok(0) => return Ok((n_bytes, hex(&hasher.finalize()))),
            Ok(n) => n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&piece[..n]);
        to.write_all(&piece[..n])?;
        n_bytes += n as u64;
    }
}
