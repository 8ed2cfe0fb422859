//! Files with their paths in the errors: the one place where `std::fs` is named.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::{LakeError, Result};

fn named(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LakeError {
    let path = path.to_owned();
    move |source| LakeError::File { doing, path, source }
}

/// Opens a file for reading.
pub fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(named("opening", path))
}

/// Makes (or empties) a file for writing; its folder is made where missing.
pub fn create(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    let options = File::options().read(true).write(true).create(true).truncate(true).clone();
    options.open(path).map_err(named("writing", path))
}

/// A file that this process alone has, until it is dropped or the process ends.
pub type Lock = File;

/// Opens a file that only one holder at a time may have, until it is dropped or its process ends; `None` where another
/// has it.
pub fn try_lock(path: &Path) -> Result<Option<Lock>> {
    let failed = |source| LakeError::File { doing: "locking", path: path.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes (or empties) a file that only its owner may read, for writing; its folder is made where missing.
pub(crate) fn create_private(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path).map_err(named("writing", path))
}

/// Writes a file that only its owner may read, whole or not at all; false where there is one already, which stays. Its folder
/// is made where missing.
pub(crate) fn write_private_once(path: &Path, bytes: &[u8]) -> Result<bool> {
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    let mut file = create_private(&temporary)?;
    let written =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| std::fs::hard_link(&temporary, path));
    remove_quietly(&temporary);
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(named("writing", path)(source)),
    }
}

/// Takes from a file what users of this machine may who are neither its owner nor of its group; one that is not there is
/// no error.
pub(crate) fn close_to_others(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let Ok(found) = std::fs::metadata(path) else { return Ok(()) };
        let mode = found.permissions().mode();
        if mode & 0o007 != 0 {
            let closed = std::fs::Permissions::from_mode(mode & !0o007);
            std::fs::set_permissions(path, closed).map_err(named("closing to others", path))?;
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// Makes a folder and those above it.
pub fn create_folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(named("making folder", path))
}

/// The whole of a text file.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(named("reading", path))
}

/// Writes a whole file by way of a temporary one beside it, so that readers see the old or the new, never a part.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    let mut file = create(&temporary)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(source) = written {
        remove_quietly(&temporary);
        return Err(named("writing", path)(source));
    }
    rename(&temporary, path)
}

/// Adds a line to the end of a file, in one write; the file is made where missing.
pub fn append_line(path: &Path, line: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    let mut file = File::options().append(true).create(true).open(path).map_err(named("writing", path))?;
    file.write_all(format!("{line}\n").as_bytes()).map_err(named("writing", path))
}

/// Moves a file into place.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(named("moving into place", to))
}

/// Removes a file; that it is not there is no error.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(named("removing", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a file; that it is not there, or cannot be removed, is no error.
pub fn remove_quietly(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::trace!(%error, path = %path.display(), "temporary file not removed");
    }
}

/// Removes a folder with all that is in it; that it is not there, or cannot be removed, is no error.
pub(crate) fn remove_folder_quietly(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path) {
        tracing::trace!(%error, path = %path.display(), "temporary folder not removed");
    }
}

/// Whether something is in the way of making a file or folder there: anything but an empty folder.
pub(crate) fn is_taken(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.symlink_metadata().is_ok(),
    }
}

/// The files below a folder, all levels, sorted, but for those that are left out; linked folders are not entered.
pub(crate) fn all_below(folder: &Path, is_left_out: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder, |path| !is_left_out(path))? {
        if path.is_file() {
            files.push(path);
        } else if path.is_dir() && !path.is_symlink() {
            files.extend(all_below(&path, is_left_out)?);
        }
    }
    Ok(files)
}

/// The files of a folder with an ending, sorted; none where the folder is missing.
pub fn list(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    entries(folder, |path| path.extension().is_some_and(|found| found == ending))
}

/// The folders in a folder, sorted; none where it is missing.
pub fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    entries(folder, Path::is_dir)
}

fn entries(folder: &Path, is_wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(named("reading folder", folder)(source)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(named("reading folder", folder))?.path();
        if is_wanted(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The memory of this machine, or of this container where it has less; `None` where the system does not tell.
pub(crate) fn memory_of_machine() -> Option<usize> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes: usize = machine.split_once("MemTotal:")?.1.split_whitespace().next()?.parse().ok()?;
    let container = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    Some(container.map_or(kibibytes << 10, |limit: usize| limit.min(kibibytes << 10)))
}

/// The memory that this process has in use; `None` where the system does not tell.
pub fn memory_of_process() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kibibytes: u64 = status.split_once("VmRSS:")?.1.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Whether other users of the machine may read a file.
pub(crate) fn is_open_to_others(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o007 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// The bytes that a folder holds, all levels; 0 where it is missing or cannot be read.
pub fn size_of(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let mut n_bytes = 0;
    for entry in entries.flatten() {
        n_bytes += match entry.file_type() {
            Ok(kind) if kind.is_dir() => size_of(&entry.path()),
            Ok(_) => entry.metadata().map_or(0, |metadata| metadata.len()),
            Err(_) => 0,
        };
    }
    n_bytes
}
