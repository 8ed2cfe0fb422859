//! `state.db`: what is operational and small, in SQLite: runs of commands; cursors, the journal, the ledger and the
//! quarantine of sources that are collected ([`collecting`]); the log of bandits ([`bandits`]); alerts and their deliveries
//! ([`alerts`]); what steps have learnt; who may use the server ([`people`], [`logins`]), what
//! they saved ([`views`]) and noted ([`notes`]); secrets, encrypted; the audit log.
//!
//! To add a table: its `CREATE` in the file that reads and writes it, and a line in [`connect`].

pub mod alerts;
mod audit;
pub mod bandits;
pub mod collecting;
mod learnt;
pub mod logins;
pub mod notes;
pub mod people;
mod records;
pub(crate) mod secrets;
pub mod views;

pub use audit::AuditLine;
pub use secrets::Sealed;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior, params};
use serde::Serialize;

use crate::market::STATE_FILE;
use crate::{LakeError, Market, Result, files};

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
    /// For requests, which must not wait for what the others write.
    people: Mutex<Option<Connection>>,
}

impl State {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            files::create_folder(folder)?;
        }
        Ok(Self { path: path.to_owned(), connection: Mutex::default(), people: Mutex::default() })
    }

    /// The state of a market, for who needs nothing else of it.
    ///
    /// # Errors
    /// [`crate::LakeError::File`] where its folder cannot be written.
    pub fn of(market: &Market) -> Result<Self> {
        Self::open(&market.dir.join(STATE_FILE))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.by(&self.connection, work)
    }

    fn with_people<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.by(&self.people, work)
    }

    fn by<T>(
        &self,
        slot: &Mutex<Option<Connection>>,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut slot = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(connect(&self.path)?);
        }
        match slot.as_mut() {
            Some(connection) => Ok(work(connection)?),
            None => Err(rusqlite::Error::InvalidQuery.into()),
        }
    }

    /// Writes the whole database, as it is at one moment, into a file that is not there yet; others may go on writing.
    pub(crate) fn copy_to(&self, file: &Path) -> Result<()> {
        let Some(name) = file.to_str() else { return Err(rusqlite::Error::InvalidPath(file.to_owned()).into()) };
        self.with(|connection| connection.execute("VACUUM INTO ?1", params![name]))?;
        Ok(())
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

/// The form of the market that this version writes. It becomes another only where an older version would damage what is there:
/// tables and columns that are merely new are added by whoever opens it, and an older version leaves them alone.
const FORMAT: i64 = 1;

/// Refuses a market that a later version has changed in ways that this one does not know.
fn check_format(connection: &Connection) -> Result<()> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format <= FORMAT {
        return Ok(());
    }
    let own = env!("CARGO_PKG_VERSION");
    Err(LakeError::bad_question(
        format!(
            "the market was written by a later version of crowsnest: its form is {format}, and {own} knows {FORMAT}"
        ),
        "use that version or a later one; or restore a backup from before it into another folder",
    ))
}

fn connect(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(WAIT_FOR_OTHERS)?;
    check_format(&connection)?;
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    write_ahead(&connection)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS runs (
             run TEXT PRIMARY KEY, step TEXT NOT NULL, started_at INTEGER NOT NULL,
             finished_at INTEGER, summary TEXT NOT NULL)",
    )?;
    connection.execute_batch(collecting::TABLES)?;
    connection.execute_batch(learnt::CREATE)?;
    connection.execute_batch(people::TABLES)?;
    connection.execute_batch(logins::TABLES)?;
    connection.execute_batch(views::TABLES)?;
    connection.execute_batch(notes::TABLES)?;
    connection.execute_batch(audit::TABLES)?;
    connection.execute_batch(secrets::TABLES)?;
    audit::add_missing_columns(&mut connection)?;
    connection.execute_batch(bandits::TABLES)?;
    connection.execute_batch(alerts::TABLES)?;
    if connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))? < FORMAT {
        connection.pragma_update(None, "user_version", FORMAT)?;
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_state_is_taken_over_and_a_later_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(folder.path(), "m").unwrap();
        let path = folder.path().join("state.db");
        let older = Connection::open(&path).unwrap();
        let runs = "CREATE TABLE runs (run TEXT PRIMARY KEY, step TEXT NOT NULL, started_at INTEGER NOT NULL, \
             finished_at INTEGER, summary TEXT NOT NULL)";
        older.execute_batch(runs).unwrap();
        older.execute("INSERT INTO runs VALUES ('import-1', 'import', 1, 2, 'done')", []).unwrap();
        drop(older);
        let state = State::of(&market).unwrap();
        assert_eq!(state.runs(9).unwrap()[0].run, "import-1");
        assert!(state.kept_secrets().unwrap().is_empty());
        drop(state);
        let later = Connection::open(&path).unwrap();
        let format: i64 = later.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(format, FORMAT);
        later.pragma_update(None, "user_version", FORMAT + 1).unwrap();
        drop(later);
        for error in [Market::open(folder.path()).unwrap_err(), State::open(&path).unwrap().runs(9).unwrap_err()] {
            assert!(
                error.to_string().contains("later version") && error.hint().is_some() && error.is_users(),
                "{error}"
            );
        }
        let later = Connection::open(&path).unwrap();
        let kept: String = later.query_row("SELECT run FROM runs", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, "import-1", "and nothing of it is touched");
    }

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
