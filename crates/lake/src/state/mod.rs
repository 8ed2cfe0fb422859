//! `state.db`: what is operational and small, in SQLite: runs of commands; cursors, the journal, the ledger and the
//! quarantine of sources that are collected ([`collecting`]); the audit log.
//!
//! To add a table: its `CREATE` in the file that reads and writes it, and a line in [`connect`].

pub mod collecting;
mod records;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, params};
use serde::Serialize;

use crate::{Result, files};

/// One run of a step, as its report says.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Id of the run, as in the names of its report files.
    pub run: String,
    /// The step, for example `import`.
    pub step: String,
    /// Microseconds since 1970-01-01 UTC.
    pub started_at: i64,
    /// The same; `None` while it runs, or where it was cut off.
    pub finished_at: Option<i64>,
    /// One line on how it went.
    pub summary: String,
}

/// The state database of a market; opened on first use, so that questions never wait for it.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl State {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            files::create_folder(folder)?;
        }
        Ok(Self { path: path.to_owned(), connection: Mutex::new(None) })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        let mut slot = self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(connect(&self.path)?);
        }
        match slot.as_mut() {
            Some(connection) => Ok(work(connection)?),
            None => Err(rusqlite::Error::InvalidQuery.into()),
        }
    }

    /// Notes that a run has begun.
    pub fn begin_run(&self, run: &str, step: &str) -> Result<()> {
        let now = jiff::Timestamp::now().as_microsecond();
        self.with(|connection| {
            connection.execute(
                "INSERT OR REPLACE INTO runs (run, step, started_at, finished_at, summary) VALUES (?1, ?2, ?3, NULL, '')",
                params![run, step, now],
            )
        })?;
        Ok(())
    }

    /// Notes how a run ended.
    pub fn end_run(&self, run: &str, summary: &str) -> Result<()> {
        let now = jiff::Timestamp::now().as_microsecond();
        self.with(|connection| {
            connection
                .execute("UPDATE runs SET finished_at = ?2, summary = ?3 WHERE run = ?1", params![run, now, summary])
        })?;
        Ok(())
    }

    /// Adds a line to the audit log: what was removed or changed that cannot be taken back, and by whom.
    pub fn audit(&self, at: i64, who: &str, what: &str) -> Result<()> {
        self.with(|connection| {
            connection.execute("INSERT INTO audit (at, who, what) VALUES (?1, ?2, ?3)", params![at, who, what])
        })?;
        Ok(())
    }

    /// The audit log, newest first: when (microseconds since 1970-01-01 UTC), who, what.
    pub fn audit_log(&self, limit: usize) -> Result<Vec<(i64, String, String)>> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT at, who, what FROM audit ORDER BY at DESC LIMIT ?1")?;
            let rows = statement.query_map(params![i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
            rows.collect()
        })
    }

    /// The latest runs, newest first.
    pub fn runs(&self, limit: usize) -> Result<Vec<Run>> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT run, step, started_at, finished_at, summary FROM runs ORDER BY started_at DESC LIMIT ?1",
            )?;
            let rows = statement.query_map(params![i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(Run {
                    run: row.get(0)?,
                    step: row.get(1)?,
                    started_at: row.get(2)?,
                    finished_at: row.get(3)?,
                    summary: row.get(4)?,
                })
            })?;
            rows.collect()
        })
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS runs (
             run TEXT PRIMARY KEY, step TEXT NOT NULL, started_at INTEGER NOT NULL,
             finished_at INTEGER, summary TEXT NOT NULL);
         CREATE TABLE IF NOT EXISTS audit (at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL)",
    )?;
    connection.execute_batch(collecting::TABLES)?;
    Ok(connection)
}
