//! A backup to a market in a new folder. A backup comes from somewhere: each name in it is checked before it becomes a
//! path, and each byte before anything is where it belongs.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use zip::ZipArchive;

use super::{FORMAT, FileCopy, MANIFEST, Manifest, pack, refused};
use crate::market::MarketConfig;
use crate::{LakeError, Result, files};

/// A list of contents larger than this is none.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// What was restored, or checked.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// The market's name.
    pub market: String,
    /// When the backup was made, microseconds since 1970-01-01 UTC.
    pub made_at: i64,
    /// Files.
    pub n_files: usize,
    /// Their bytes.
    pub n_bytes: u64,
    /// Rows in its tables.
    pub n_rows: u64,
    /// Whether the market's tables were in a store, and are in its folder now.
    pub was_in_store: bool,
}

enum Source {
    Folder(PathBuf),
    File(Box<ZipArchive<File>>),
}

impl Source {
    fn open(from: &Path) -> Result<Self> {
        if from.is_dir() {
            return Ok(Self::Folder(from.to_owned()));
        }
        let file = files::open(from)?;
        match ZipArchive::new(file) {
            Ok(archive) => Ok(Self::File(Box::new(archive))),
            Err(error) => Err(refused(format!("{} is no backup: {error}", from.display()), NO_BACKUP)),
        }
    }

    fn read<T>(&mut self, name: &str, work: impl FnOnce(&mut dyn Read) -> Result<T>) -> Result<T> {
        match self {
            Self::Folder(folder) => work(&mut files::open(&folder.join(name))?),
            Self::File(archive) => match archive.by_name(name) {
                Ok(mut file) => work(&mut file),
                Err(error) => Err(refused(format!("the backup lacks {name}: {error}"), DAMAGED)),
            },
        }
    }

    fn manifest(&mut self, from: &Path) -> Result<Manifest> {
        let no_backup = |why: String| refused(format!("{} is no backup: {why}", from.display()), NO_BACKUP);
        let text = self.read(MANIFEST, |file| {
            let mut text = Vec::new();
            file.take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(|error| no_backup(error.to_string()))?;
            Ok(text)
        });
        let text = text.map_err(|error| no_backup(error.to_string()))?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| no_backup(format!("{MANIFEST}: {error}")))?;
        if manifest.format > FORMAT {
            let message = format!("the backup was made by crowsnest {}, which is newer", manifest.program);
            return Err(refused(message, "restore it with that version, or a later one"));
        }
        let mut seen = HashSet::new();
        for file in &manifest.files {
            if !is_plain(&file.path) || !seen.insert(file.path.as_str()) {
                return Err(refused(
                    format!("the backup names a file {:?}", file.path),
                    "take another: this one was tampered with",
                ));
            }
        }
        Ok(manifest)
    }
}

const NO_BACKUP: &str = "name what `crowsnest backup` wrote";
const DAMAGED: &str = "take another backup: this one is damaged";

/// A path that stays in its folder.
fn is_plain(path: &str) -> bool {
    let is_inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    is_inside && !path.is_empty() && !path.contains(['\\', '\0', ':'])
}

/// Checks each file of a backup against its SHA-256, and writes nothing.
///
/// # Errors
/// [`LakeError::BadQuestion`] where it is no backup, or a file is not what it was.
pub fn verify(from: &Path) -> Result<Restored> {
    let mut source = Source::open(from)?;
    let manifest = source.manifest(from)?;
    for file in &manifest.files {
        check(&mut source, file, &mut std::io::sink())?;
    }
    Ok(restored(&manifest, false))
}

/// Makes a market of a backup in a folder that is not there yet, or empty.
///
/// # Errors
/// Those of [`verify`]; where the folder holds something, or cannot be written. Nothing is left half-done.
pub fn restore(from: &Path, into: &Path) -> Result<Restored> {
    if files::is_taken(into) {
        return Err(refused(format!("{} is not empty", into.display()), "name a folder that is not there yet"));
    }
    let mut source = Source::open(from)?;
    let manifest = source.manifest(from)?;
    let partial = pack::beside(into, "restoring");
    let done = write_all(&mut source, &manifest, &partial);
    let was_in_store = match done.and_then(|()| keep_in_folder(&partial)) {
        Ok(was_in_store) => was_in_store,
        Err(error) => {
            files::remove_folder_quietly(&partial);
            return Err(error);
        }
    };
    files::rename(&partial, into)?;
    Ok(restored(&manifest, was_in_store))
}

fn restored(manifest: &Manifest, was_in_store: bool) -> Restored {
    Restored {
        market: manifest.market.clone(),
        made_at: manifest.made_at,
        n_files: manifest.files.len(),
        n_bytes: manifest.files.iter().map(|file| file.n_bytes).sum(),
        n_rows: manifest.tables.iter().map(|table| table.n_rows).sum(),
        was_in_store,
    }
}

fn write_all(source: &mut Source, manifest: &Manifest, folder: &Path) -> Result<()> {
    files::create_folder(folder)?;
    for file in &manifest.files {
        let path = folder.join(&file.path);
        // What everybody on the machine could read before is the market's own affair; accounts are not.
        let mut out = if file.path == "state.db" { files::create_private(&path)? } else { files::create(&path)? };
        check(source, file, &mut out)?;
        out.sync_all().map_err(|source| LakeError::File { doing: "writing", path, source })?;
    }
    Ok(())
}

/// Copies a file, and sees whether it is what it was.
fn check(source: &mut Source, file: &FileCopy, out: &mut dyn std::io::Write) -> Result<()> {
    let copied = source.read(&file.path, |from| {
        // One byte more than it may have shows that it has more.
        pack::copy(&mut from.take(file.n_bytes + 1), out).map_err(|source| LakeError::File {
            doing: "restoring",
            path: file.path.clone().into(),
            source,
        })
    })?;
    if copied == (file.n_bytes, file.sha256.clone()) {
        return Ok(());
    }
    Err(refused(format!("the backup's {} is not what was backed up: its SHA-256 differs", file.path), DAMAGED))
}

/// A market that was kept in a store is now kept in its folder: two must not write one store's tables.
fn keep_in_folder(folder: &Path) -> Result<bool> {
    let path = folder.join("crowsnest.toml");
    let text = files::read_text(&path)?;
    let config = |text: &str| -> Result<MarketConfig> {
        toml::from_str(text).map_err(|error| LakeError::Config { path: path.clone(), message: error.to_string() })
    };
    if config(&text)?.storage.is_none() {
        return Ok(false);
    }
    let is_storage = |line: &&str| line.split_once('=').is_some_and(|(name, _)| name.trim() == "storage");
    let lines = text
        .lines()
        .map(|line| if is_storage(&line) { format!("# restored from: {line}\n") } else { format!("{line}\n") });
    let text: String = lines.collect();
    if config(&text)?.storage.is_some() {
        return Err(refused("the market's `storage` could not be taken out of crowsnest.toml", "report this"));
    }
    files::write_whole(&path, text.as_bytes())?;
    Ok(true)
}
