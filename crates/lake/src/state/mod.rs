//! `state.db`: what is operational and small, in SQLite: runs of commands; cursors, the journal, the ledger and the
//! quarantine of sources that are collected ([`collecting`]); the log of bandits ([`bandits`]); alerts and their deliveries
//! ([`alerts`]); the audit log.
//!
//! To add a table: its `CREATE` in the file that reads and writes it, and a line in [`connect`].

pub mod alerts;
pub mod bandits;
pub mod collecting;
mod records;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};
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

/// How long a command waits for others that use the database.
const WAIT_FOR_OTHERS: Duration = Duration::from_secs(10);

/// Switches a new database to write-ahead logging. SQLite itself does not wait where two do so at once: one is refused
/// with "database is locked" whatever the busy timeout.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < WAIT_FOR_OTHERS =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(WAIT_FOR_OTHERS)?;
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    write_ahead(&connection)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS runs (
             run TEXT PRIMARY KEY, step TEXT NOT NULL, started_at INTEGER NOT NULL,
             finished_at INTEGER, summary TEXT NOT NULL);
         CREATE TABLE IF NOT EXISTS audit (at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL)",
    )?;
    connection.execute_batch(collecting::TABLES)?;
    connection.execute_batch(bandits::TABLES)?;
    connection.execute_batch(alerts::TABLES)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_open_a_new_database_at_once() {
        for _ in 0..10 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state.db");
            let begin = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                for run in 0..8 {
                    let (begin, path) = (&begin, &path);
                    scope.spawn(move || {
                        let state = State::open(path).unwrap();
                        begin.wait();
                        state.begin_run(&run.to_string(), "import").unwrap();
                    });
                }
            });
            assert_eq!(State::open(&path).unwrap().runs(100).unwrap().len(), 8);
        }
    }
}
