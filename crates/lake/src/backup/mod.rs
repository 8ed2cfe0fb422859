//! Backups: a whole market as it is at one moment, in a folder or a file, while others go on writing; and back again.
//!
//! In: a lake. Out: a folder, or a ZIP file, with the market as it would lie on a disk and `manifest.json`, which names each
//! file with its size and SHA-256. [`restore`] makes a market of it in a new folder, after checking every byte.
//!
//! What makes the copy whole, although nothing is stopped for it, is the order. The state comes first: what it calls not
//! yet in the tables may be there by then, and appending twice is appending once; the other way round, a document might be
//! in neither. Then each table at one version, those that refer to others before them; its files never change once they
//! are written. Then documents, which are in the archive before any row names them.
//!
//! Invariants: a backup is there whole or not at all, and so is what is restored; nothing is written outside of it; a
//! secrets file and what keeps people logged in stay behind; only the owner may read what is made. A market whose tables are in a store is
//! restored into a folder of its own, never over the store.

mod pack;
mod restoring;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crowsnest_model::tables::{CLAIMS, DOCUMENTS, EVENTS, MENTIONS, TABLES, Table};
use futures::TryStreamExt as _;
use object_store::ObjectStore as _;
use object_store::path::Path as StorePath;
use serde::{Deserialize, Serialize};

use self::pack::Pack;
pub use self::restoring::{Restored, restore, verify};
use crate::table::TableSnapshot;
use crate::{Lake, LakeError, Result, files, objects};

/// What the file of contents is called.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The form of backups that this program writes.
pub(crate) const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// The form; a program reads its own and earlier ones.
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// The market's name.
    pub market: String,
    /// When it was begun, microseconds since 1970-01-01 UTC.
    pub made_at: i64,
    /// Each table at the version that was copied.
    pub tables: Vec<TableCopy>,
    /// Each file.
    pub files: Vec<FileCopy>,
}

/// A table in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCopy {
    /// Its name.
    pub table: String,
    /// The version of its log.
    pub version: u64,
    /// Rows at that version.
    pub n_rows: u64,
}

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCopy {
    /// From the market's folder, with `/`.
    pub path: String,
    /// Its size.
    pub n_bytes: u64,
    /// SHA-256 of its bytes in lower-case hexadecimal.
    pub sha256: String,
}

/// What was backed up.
#[derive(Debug, Clone, Serialize)]
pub struct BackedUp {
    /// Where it is.
    pub to: PathBuf,
    /// Files in it.
    pub n_files: usize,
    /// Their bytes.
    pub n_bytes: u64,
    /// Rows in its tables.
    pub n_rows: u64,
    /// Documents in its archive.
    pub n_documents: usize,
}

/// Writes a backup into a folder, or, where the name ends in `.zip`, into one file; neither may be there yet.
///
/// # Errors
/// [`LakeError::BadQuestion`] where something is there; [`LakeError::File`] where the disk is full or cannot be written; those
/// of the lake.
pub async fn back_up(lake: &Lake, to: &Path, now: i64) -> Result<BackedUp> {
    let mut pack = Pack::begin(to)?;
    copy_state(lake, &mut pack)?;
    let mut tables = Vec::new();
    for table in in_order() {
        let (copy, snapshot) = at_its_latest(lake, table).await?;
        tables.push(copy);
        copy_table(&snapshot, &mut pack).await?;
    }
    let n_documents = copy_documents(lake, &mut pack)?;
    copy_configuration(lake, &mut pack, to)?;
    let manifest = Manifest {
        format: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        market: lake.market().config.name.clone(),
        made_at: now,
        tables,
        files: pack.copied().to_vec(),
    };
    let done = BackedUp {
        to: to.to_owned(),
        n_files: manifest.files.len(),
        n_bytes: manifest.files.iter().map(|file| file.n_bytes).sum(),
        n_rows: manifest.tables.iter().map(|table| table.n_rows).sum(),
        n_documents,
    };
    pack.finish(&manifest)?;
    Ok(done)
}

/// The tables, those whose rows refer to others' before those: what a row of the copy refers to is in it, too.
fn in_order() -> Vec<&'static Table> {
    let last: [&'static Table; 4] = [&DOCUMENTS, &EVENTS, &CLAIMS, &MENTIONS];
    let is_last = |table: &Table| last.iter().any(|known| known.name == table.name);
    TABLES.iter().rev().copied().filter(|table| !is_last(table)).chain(last).collect()
}

async fn at_its_latest(lake: &Lake, table: &'static Table) -> Result<(TableCopy, TableSnapshot)> {
    let known = lake.engine().snapshots[table.name].clone();
    let snapshot = known.latest().await?;
    let copy =
        TableCopy { table: table.name.to_owned(), version: snapshot.version(), n_rows: snapshot.n_rows() as u64 };
    Ok((copy, snapshot))
}

/// The log up to the version, and the files that the version is made of.
async fn copy_table(snapshot: &TableSnapshot, pack: &mut Pack) -> Result<()> {
    let store = snapshot.delta.object_store();
    let log: Vec<_> = store.list(Some(&StorePath::from("_delta_log"))).try_collect().await?;
    let mut paths: Vec<StorePath> =
        log.into_iter().map(|object| object.location).filter(|path| is_of_log(path, snapshot.version())).collect();
    paths.sort();
    for file in snapshot.files.iter() {
        paths.push(StorePath::parse(&file.add.path).map_err(object_store::Error::from)?);
    }
    for path in paths {
        let name = format!("lake/{}/{path}", snapshot.table.name);
        pack.add(&name, &mut objects::read(Arc::clone(&store), path)?)?;
    }
    Ok(())
}

/// Whether an entry of a log says something up to a version. The hint at the last checkpoint is left out: it may be of a
/// later one, and readers find checkpoints without it.
fn is_of_log(path: &StorePath, version: u64) -> bool {
    let Some(name) = path.filename() else { return false };
    let Some((number, rest)) = name.split_once('.') else { return false };
    let is_entry = rest == "json" || rest.starts_with("checkpoint") && rest.ends_with("parquet");
    is_entry && number.len() == 20 && number.parse::<u64>().is_ok_and(|found| found <= version)
}

fn copy_state(lake: &Lake, pack: &mut Pack) -> Result<()> {
    if !lake.market().dir.join("state.db").exists() {
        return Ok(());
    }
    let copy = pack.beside("state");
    files::remove(&copy)?;
    let copied = copy_without_sessions(lake, &copy).and_then(|()| pack.add("state.db", &mut files::open(&copy)?));
    files::remove_quietly(&copy);
    copied
}

fn copy_without_sessions(lake: &Lake, copy: &Path) -> Result<()> {
    // What is in there is nobody else's: the file is private before there is anything in it.
    files::create_private(copy)?;
    lake.state().copy_to(copy)?;
    let connection = rusqlite::Connection::open(copy)?;
    connection.execute_batch("DELETE FROM sessions; VACUUM")?;
    Ok(())
}

fn copy_documents(lake: &Lake, pack: &mut Pack) -> Result<usize> {
    let mut n_documents = 0;
    for name in lake.documents().packed()? {
        // One that is gone by now was removed because its time was over.
        if let Some(mut body) = lake.documents().open_packed(&name)? {
            pack.add(&format!("raw/{name}"), &mut body)?;
            n_documents += 1;
        }
    }
    Ok(n_documents)
}

/// What of a market's folder is no configuration; nor are backups that lie in it.
const NOT_CONFIGURATION: [&str; 7] = ["lake", "raw", "state.locks", "state.detect", ".git", "target", "node_modules"];

fn copy_configuration(lake: &Lake, pack: &mut Pack, to: &Path) -> Result<()> {
    let market = lake.market();
    let secrets = market.config.secrets.as_ref().map(|file| market.dir.join(file));
    let own = [to.to_owned(), pack.place().to_owned()];
    let is_left_out = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_on_top = path.parent() == Some(market.dir.as_path());
        let is_other = NOT_CONFIGURATION.contains(&name.as_ref()) || name.starts_with("state.db") || name == MANIFEST;
        is_on_top && is_other
            || path.join(MANIFEST).is_file()
            || name.contains(".tmp-")
            || secrets.as_deref().is_some_and(|secrets| is_same(secrets, path))
            || own.iter().any(|own| is_same(own, path))
    };
    for path in files::all_below(&market.dir, &is_left_out)? {
        let Ok(within) = path.strip_prefix(&market.dir) else { continue };
        let name = within.to_string_lossy().replace('\\', "/");
        pack.add(&name, &mut files::open(&path)?)?;
    }
    Ok(())
}

fn is_same(left: &Path, right: &Path) -> bool {
    left == right || matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left == right)
}

/// What cannot be made into a backup, or a market.
pub(crate) fn refused(message: impl Into<String>, hint: impl Into<String>) -> LakeError {
    LakeError::bad_question(message, hint)
}

#[cfg(test)]
mod tests;
