//! The files of sources, followed while a process lives: what is added or changed counts without a restart.
//!
//! In: the market's folder, looked at again and again. Out: the market with its sources and secrets as they are then.
//! Files are compared by what they hold, so that a copy with an old date counts, too; they are few and small.

use std::hash::Hasher as _;

use xxhash_rust::xxh3::Xxh3;

use crate::market::{SOURCES_FOLDER, STATE_FILE};
use crate::{Market, Result, files, state};

/// What the files held when they were last looked at.
#[derive(Debug)]
pub struct SourceFiles {
    seen: u64,
}

impl SourceFiles {
    /// Begins with what the files hold now.
    pub fn of(market: &Market) -> Self {
        Self { seen: stamp(market) }
    }

    /// The market with its sources and secrets as their files are now; `None` where nothing changed.
    ///
    /// # Errors
    /// Inside, what is wrong with a file; told once, until the files change again.
    pub fn changed(&mut self, market: &Market) -> Option<Result<Market>> {
        let now = stamp(market);
        if now == self.seen {
            return None;
        }
        self.seen = now;
        Some(market.with_sources_read_again())
    }
}

/// A number that changes with the files; a file that cannot be read counts as one that is not there.
fn stamp(market: &Market) -> u64 {
    let mut hasher = Xxh3::new();
    let secrets = market.config.secrets.iter().map(|file| market.dir.join(file));
    let cards = files::list(&market.dir.join(SOURCES_FOLDER), "toml").unwrap_or_default();
    for path in cards.into_iter().chain(secrets) {
        let Ok(text) = files::read_text(&path) else { continue };
        for part in [path.as_os_str().as_encoded_bytes(), text.as_bytes()] {
            hasher.write(part);
            hasher.write_u8(0);
        }
    }
    for secret in state::secrets::read(&market.dir.join(STATE_FILE)).unwrap_or_default() {
        hasher.write(secret.name.as_bytes());
        hasher.write(&secret.nonce);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_or_changes_counts_and_a_broken_one_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let mut files = SourceFiles::of(&market);
        let write = |text: &str| std::fs::write(market.dir.join("sources/new.toml"), text).unwrap();
        assert!(files.changed(&market).is_none());
        write("name = \"New\"\n");
        let changed = files.changed(&market).unwrap().unwrap();
        assert_eq!(changed.sources[0].name, "New");
        assert!(files.changed(&changed).is_none());
        write("nme = \"New\"\n");
        assert!(files.changed(&changed).unwrap().is_err());
        assert!(files.changed(&changed).is_none());
        write("name = \"New\"\nlicence = \"quoted\"\n");
        assert_eq!(files.changed(&changed).unwrap().unwrap().sources[0].licence, "quoted");
    }
}
