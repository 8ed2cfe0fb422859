//! Objects of object stores by address: `s3://bucket/key`, `gs://bucket/key`, `az://container/key`.
//!
//! In: an address, or a pattern of addresses. Out: a reader of the object's bytes. Only stores: pages of the web are
//! fetched by connectors, which mind redirects and private addresses.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use url::Url;

use crate::stores::{self, Settings};
use crate::{LakeError, Market, Result};

/// Characters that make an address a pattern.
const PATTERN_CHARACTERS: [char; 3] = ['*', '?', '['];

/// One object of a store.
#[derive(Debug, Clone)]
pub struct StoredObject {
    /// Its whole address.
    pub address: String,
    /// Its size in bytes.
    pub n_bytes: u64,
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl PartialEq for StoredObject {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address && self.n_bytes == other.n_bytes
    }
}

impl Eq for StoredObject {}

/// Whether a text is an address in a store that can be read.
pub fn is_address(text: &str) -> bool {
    stores::variables_prefix(text).is_some()
}

/// The object at an address, with the settings of the environment and of the market's secrets, or those that a pattern (`s3://bucket/2024-*.csv`) matches, sorted by address.
///
/// # Errors
/// [`LakeError::Address`] where the address is not one, the store cannot be reached, or nothing is there.
pub async fn find(address: &str, market: Option<&Market>) -> Result<Vec<StoredObject>> {
    let none = Settings::new();
    let settings = market.map_or(&none, |market| &*market.secrets);
    let failed = |message: String| LakeError::Address { address: address.to_owned(), message };
    let folder_end = address.find(PATTERN_CHARACTERS).map(|place| address[..place].rfind('/').map_or(0, |end| end + 1));
    let plain = &address[..folder_end.unwrap_or(address.len())];
    let url = Url::parse(plain).map_err(|error| failed(error.to_string()))?;
    let (store, path) = stores::open(&url, settings)?;
    let found = match folder_end {
        None => vec![store.head(&path).await.map_err(|error| failed(error.to_string()))?],
        Some(_) => matching(store.as_ref(), &path, &address[plain.len()..]).await.map_err(failed)?,
    };
    if found.is_empty() {
        return Err(failed("nothing there matches the pattern".into()));
    }
    let bucket = &address[..address.len() - address.splitn(4, '/').nth(3).map_or(0, str::len)];
    Ok(found
        .into_iter()
        .map(|object| StoredObject {
            address: format!("{bucket}{}", object.location),
            n_bytes: object.size,
            store: Arc::clone(&store),
            path: object.location,
        })
        .collect())
}

async fn matching(
    store: &dyn ObjectStore,
    folder: &Path,
    pattern: &str,
) -> std::result::Result<Vec<object_store::ObjectMeta>, String> {
    let prefix = if folder.as_ref().is_empty() { String::new() } else { format!("{folder}/") };
    let whole = glob::Pattern::new(&format!("{}{pattern}", glob::Pattern::escape(&prefix)))
        .map_err(|error| error.to_string())?;
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    let listed: Vec<_> =
        store.list(Some(folder)).try_collect().await.map_err(|error: object_store::Error| error.to_string())?;
    let mut found: Vec<_> =
        listed.into_iter().filter(|object| whole.matches_with(object.location.as_ref(), options)).collect();
    found.sort_by(|left, right| left.location.cmp(&right.location));
    Ok(found)
}

impl StoredObject {
    /// The last part of its address.
    pub fn file_name(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or_default()
    }

    /// Opens its bytes. Reading waits for the network: it is for threads that may wait, such as those of
    /// `tokio::task::spawn_blocking`.
    ///
    /// # Errors
    /// [`LakeError::Address`] where the store refuses.
    pub fn open(&self) -> Result<Box<dyn Read + Send>> {
        let failed = |message: String| LakeError::Address { address: self.address.clone(), message };
        let body = read(Arc::clone(&self.store), self.path.clone()).map_err(|error| failed(error.to_string()))?;
        Ok(Box::new(body))
    }
}

/// Opens an object for reading in pieces as they come.
pub(crate) fn read(store: Arc<dyn ObjectStore>, path: Path) -> object_store::Result<Body> {
    let got = stores::wait(async move { store.get(&path).await });
    let got = got.map_err(|source| object_store::Error::Generic { store: "store", source: Box::new(source) })??;
    Ok(Body { stream: Some(got.into_stream()), piece: Bytes::new() })
}

/// An object's bytes.
pub(crate) struct Body {
    /// `None` after the end or an error.
    stream: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    piece: Bytes,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            let Some(mut stream) = self.stream.take() else { return Ok(0) };
            let (piece, stream) = stores::wait(async move { (stream.next().await, stream) })?;
            match piece {
                Some(piece) => self.piece = piece.map_err(std::io::Error::other)?,
                None => return Ok(0),
            }
            self.stream = Some(stream);
        }
        let n = self.piece.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.piece.split_to(n));
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stores_have_addresses() {
        for address in ["s3://bucket/a.csv", "gs://bucket/a.csv", "az://container/a.csv"] {
            assert!(is_address(address), "{address}");
        }
        for other in ["a.csv", "https://example.org/a.csv", "file:///a.csv", "s3:/a"] {
            assert!(!is_address(other), "{other}");
        }
    }

    #[tokio::test]
    async fn patterns_do_not_cross_folders() {
        let store = object_store::memory::InMemory::new();
        for path in ["in/2024-01.csv", "in/2024-02.csv", "in/old/2024-03.csv", "in/[x].csv", "2024-04.csv"] {
            store.put(&Path::from(path), "x".into()).await.unwrap();
        }
        let found = matching(&store, &Path::from("in"), "2024-*.csv").await.unwrap();
        let paths: Vec<&str> = found.iter().map(|object| object.location.as_ref()).collect();
        assert_eq!(paths, ["in/2024-01.csv", "in/2024-02.csv"]);
        assert_eq!(matching(&store, &Path::from("in"), "*/*.csv").await.unwrap().len(), 1);
        assert_eq!(matching(&store, &Path::default(), "*.csv").await.unwrap().len(), 1);
    }
}
