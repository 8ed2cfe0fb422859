//! Secrets that the market keeps: each encrypted by itself, for one name. The key is never here; see [`crate::sealed`].

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, params};

use super::State;
use crate::Result;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS secrets (
        name TEXT PRIMARY KEY, key_id TEXT NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL, set_at INTEGER NOT NULL,
        set_by TEXT NOT NULL) WITHOUT ROWID";

const COLUMNS: &str = "name, key_id, nonce, sealed, set_at, set_by";

/// A secret as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What it is called, as in `{secret:NAME}`.
    pub name: String,
    /// Which key it was encrypted with: the beginning of a digest of it.
    pub key_id: String,
    /// 12 random bytes, used for nothing else.
    pub nonce: Vec<u8>,
    /// The encrypted value with its tag.
    pub sealed: Vec<u8>,
    /// Microseconds since 1970-01-01 UTC.
    pub set_at: i64,
    /// Who set it.
    pub set_by: String,
}

fn sealed(row: &Row<'_>) -> rusqlite::Result<Sealed> {
    Ok(Sealed {
        name: row.get(0)?,
        key_id: row.get(1)?,
        nonce: row.get(2)?,
        sealed: row.get(3)?,
        set_at: row.get(4)?,
        set_by: row.get(5)?,
    })
}

impl State {
    /// Keeps a secret, in the place of one of the same name.
    ///
    /// # Errors
    /// Where the state cannot be written; so below.
    pub fn keep_secret(&self, secret: &Sealed) -> Result<()> {
        self.with_people(|connection| {
            connection.execute(
                &format!("INSERT OR REPLACE INTO secrets ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
                params![secret.name, secret.key_id, secret.nonce, secret.sealed, secret.set_at, secret.set_by],
            )
        })?;
        self.close_to_others()
    }

    /// The secrets that are kept, by name.
    pub fn kept_secrets(&self) -> Result<Vec<Sealed>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with_people(|connection| all(connection))
    }

    /// Forgets a secret; false where none of that name is kept.
    pub fn forget_secret(&self, name: &str) -> Result<bool> {
        let n = self.with_people(|connection| connection.execute("DELETE FROM secrets WHERE name = ?1", [name]))?;
        Ok(n > 0)
    }
}

fn all(connection: &Connection) -> rusqlite::Result<Vec<Sealed>> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM secrets ORDER BY name"))?;
    let rows = statement.query_map([], sealed)?;
    rows.collect()
}

/// The secrets that are kept in a state that nobody has opened: none where there is no such file or table.
///
/// # Errors
/// [`crate::LakeError::State`] where it cannot be read, as on a disk that cannot be written; [`crate::LakeError::BadQuestion`] where a later
/// version has changed the market's form.
pub(crate) fn read(path: &Path) -> Result<Vec<Sealed>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(super::WAIT_FOR_OTHERS)?;
    super::check_format(&connection)?;
    Ok(if connection.table_exists(None, "secrets")? { all(&connection)? } else { Vec::new() })
}
