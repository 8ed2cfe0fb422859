//! What the command names: paths, patterns, `file://` addresses, object-store addresses, standard input, documents of
//! the archive.

use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crowsnest_lake::objects::{self, StoredObject};
use crowsnest_lake::{Lake, LakeError, Market, files};

use crate::{ImportError, Result};

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A local file.
    File(PathBuf),
    /// An object of an object store; read once, because each reading costs.
    Object(StoredObject),
    /// Standard input; can be read once.
    Stdin,
    /// A document of the archive, by its SHA-256.
    Archived(String),
    /// Bytes in memory.
    Held(Arc<[u8]>),
}

/// One thing to import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Input {
    /// As the user named it; used in messages.
    pub(crate) label: String,
    /// The file's name without folders; patterns for periods read it.
    pub(crate) file_name: String,
    /// Where the bytes are.
    pub(crate) origin: Origin,
}

/// Resolves what the command names to inputs, patterns sorted by path.
///
/// # Errors
/// [`ImportError::NoFile`], [`ImportError::IsFolder`], [`ImportError::Pattern`], [`ImportError::UnsupportedAddress`];
/// of the lake, what a store says.
pub(crate) async fn resolve(arguments: &[String], market: Option<&Market>) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for argument in arguments {
        if argument == "-" {
            inputs.push(Input { label: "standard input".into(), file_name: "stdin".into(), origin: Origin::Stdin });
            continue;
        }
        if objects::is_address(argument) {
            inputs.extend(objects::find(argument, market).await?.into_iter().map(of_object));
            continue;
        }
        let path = match argument.split_once("://") {
            Some(("file", rest)) => PathBuf::from(percent_decoded(rest.strip_prefix("localhost").unwrap_or(rest))),
            Some(_) => return Err(ImportError::UnsupportedAddress(argument.clone())),
            None => PathBuf::from(argument),
        };
        if path.exists() {
            inputs.push(of_path(argument, path)?);
            continue;
        }
        if !argument.contains(['*', '?', '[']) {
            return Err(ImportError::NoFile(argument.clone()));
        }
        inputs.extend(matching(argument)?);
    }
    Ok(inputs)
}

fn of_object(object: StoredObject) -> Input {
    let (label, file_name) = (object.address.clone(), object.file_name().to_owned());
    Input { label, file_name, origin: Origin::Object(object) }
}

fn of_path(label: &str, path: PathBuf) -> Result<Input> {
    if path.is_dir() {
        return Err(ImportError::IsFolder(path));
    }
    let file_name = path.file_name().map_or_else(|| label.to_owned(), |name| name.to_string_lossy().into_owned());
    Ok(Input { label: label.to_owned(), file_name, origin: Origin::File(path) })
}

fn matching(pattern: &str) -> Result<Vec<Input>> {
    let paths = glob::glob(pattern)
        .map_err(|error| ImportError::Pattern { pattern: pattern.to_owned(), message: error.to_string() })?;
    let mut found = Vec::new();
    for path in paths {
        let path =
            path.map_err(|error| ImportError::Read { file: error.path().display().to_string(), source: error.into() })?;
        if path.is_file() {
            found.push(of_path(&path.display().to_string(), path)?);
        }
    }
    if found.is_empty() {
        return Err(ImportError::NoFile(pattern.to_owned()));
    }
    found.sort_by(|left, right| left.label.cmp(&right.label));
    Ok(found)
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = text.get(i + 1..i + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[i], hex) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                i += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

impl Input {
    /// Opens the bytes as they arrived.
    pub(crate) fn open(&self, lake: &Lake) -> Result<Box<dyn Read + Send>> {
        match &self.origin {
            Origin::Archived(sha256) => Ok(lake.documents().open(sha256)?),
            _ => self.open_outside(),
        }
    }

    /// Opens the bytes of what is in no archive.
    pub(crate) fn open_outside(&self) -> Result<Box<dyn Read + Send>> {
        match &self.origin {
            Origin::File(path) => Ok(Box::new(files::open(path)?)),
            Origin::Object(object) => Ok(object.open()?),
            Origin::Stdin => Ok(Box::new(std::io::stdin())),
            Origin::Archived(sha256) => Err(LakeError::NoDocument(sha256.clone()).into()),
            Origin::Held(bytes) => Ok(Box::new(Cursor::new(Arc::clone(bytes)))),
        }
    }

    /// The number of bytes, where it can be known without reading.
    pub(crate) fn n_bytes(&self) -> Option<u64> {
        match &self.origin {
            Origin::File(path) => path.metadata().ok().filter(|found| found.is_file()).map(|found| found.len()),
            Origin::Object(object) => Some(object.n_bytes),
            Origin::Held(bytes) => Some(bytes.len() as u64),
            Origin::Stdin | Origin::Archived(_) => None,
        }
    }

    /// Whether it can be read more than once from where it is.
    pub(crate) fn is_rereadable(&self) -> bool {
        match &self.origin {
            Origin::File(path) => path.is_file(),
            Origin::Object(_) | Origin::Stdin => false,
            Origin::Archived(_) | Origin::Held(_) => true,
        }
    }
}

/// Counts the bytes that pass, for the progress.
#[derive(Debug)]
pub(crate) struct Counting<R> {
    inner: R,
    n_bytes: Arc<AtomicU64>,
}

impl<R> Counting<R> {
    pub(crate) fn new(inner: R, n_bytes: Arc<AtomicU64>) -> Self {
        Self { inner, n_bytes }
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.n_bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_of_the_web_are_refused_by_name() {
        let error = resolve(&["https://example.org/x.csv".into()], None).await.unwrap_err();
        assert!(error.to_string().contains("https://example.org/x.csv"), "{error}");
    }

    #[tokio::test]
    async fn a_pattern_without_a_match_is_an_error() {
        let error = resolve(&["/nowhere/*.csv".into()], None).await.unwrap_err();
        assert_eq!(error.to_string(), "no file matches \"/nowhere/*.csv\"");
    }

    #[test]
    fn file_addresses_are_decoded() {
        assert_eq!(percent_decoded("/a%20b/%E8%B1%86.csv"), "/a b/豆.csv");
        assert_eq!(percent_decoded("/100%"), "/100%");
    }
}
