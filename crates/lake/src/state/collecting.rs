//! What collecting has to remember: which documents are fetched but not yet in the tables, how far each source is, what
//! was spent, what is in quarantine.
//!
//! A document and the cursor that follows from it are written in one transaction, after its body is in the archive
//! ([`State::journal`]); the line is taken away when its claims are in the tables ([`State::settle`]). What a killed
//! process leaves is found by the next one ([`State::pending`]) and brought to its end first, so that nothing is
//! missing, and since appending twice is appending once, nothing is there twice.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::Duration;

use super::State;
pub use super::records::{Journalled, LedgerLine, Quarantined, SourceProgress, SourceRun, Spent, Validator};
use crate::{Result, files};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS journal (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, slot TEXT NOT NULL, document TEXT NOT NULL, name TEXT NOT NULL,
        origin TEXT NOT NULL, recipe TEXT NOT NULL, n_bytes INTEGER NOT NULL, fetched_at INTEGER NOT NULL,
        is_accepted INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS journal_source ON journal (source);
    CREATE TABLE IF NOT EXISTS slots (
        source TEXT NOT NULL, slot TEXT NOT NULL, document TEXT NOT NULL, done_at INTEGER NOT NULL,
        PRIMARY KEY (source, slot)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS slots_seen (
        source TEXT NOT NULL, slot TEXT NOT NULL, seen_at INTEGER NOT NULL, PRIMARY KEY (source, slot)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS progress (
        source TEXT PRIMARY KEY, cursor TEXT, next_run_at INTEGER, not_before INTEGER, n_failures INTEGER NOT NULL,
        last_run_at INTEGER, last_ok_at INTEGER, last_error TEXT NOT NULL, first_run_at INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS validators (
        source TEXT NOT NULL, url TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (source, url)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS ledger (
        source TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL, n_calls INTEGER NOT NULL,
        amount REAL NOT NULL, currency TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS ledger_source ON ledger (source, at);
    CREATE TABLE IF NOT EXISTS shapes (
        source TEXT NOT NULL, of TEXT NOT NULL, shape TEXT NOT NULL, document TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (source, of)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS quarantine (
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, slot TEXT NOT NULL, document TEXT NOT NULL, name TEXT NOT NULL,
        origin TEXT NOT NULL, recipe TEXT NOT NULL, n_bytes INTEGER NOT NULL, fetched_at INTEGER NOT NULL,
        reason TEXT NOT NULL, diff TEXT NOT NULL, resolution TEXT NOT NULL, resolved_at INTEGER);
    CREATE TABLE IF NOT EXISTS source_runs (
        run TEXT NOT NULL, source TEXT NOT NULL, started_at INTEGER NOT NULL, finished_at INTEGER,
        outcome TEXT NOT NULL, message TEXT NOT NULL, n_calls INTEGER NOT NULL, n_documents INTEGER NOT NULL,
        n_unchanged INTEGER NOT NULL, n_quarantined INTEGER NOT NULL, n_bytes INTEGER NOT NULL,
        n_claims INTEGER NOT NULL, n_added INTEGER NOT NULL, n_events_added INTEGER NOT NULL,
        n_rejects INTEGER NOT NULL, cost REAL NOT NULL, PRIMARY KEY (run, source)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS source_runs_at ON source_runs (source, started_at);
    CREATE INDEX IF NOT EXISTS source_runs_latest ON source_runs (started_at)";

/// What is said of a run that was going on when its process ended.
const PROCESS_ENDED: &str = "the process ended before it was done";

const JOURNAL_COLUMNS: &str = "id, source, slot, document, name, origin, recipe, n_bytes, fetched_at, is_accepted";

fn journalled(row: &Row<'_>) -> rusqlite::Result<Journalled> {
    Ok(Journalled {
        id: row.get(0)?,
        source: row.get(1)?,
        slot: row.get(2)?,
        document: row.get(3)?,
        name: row.get(4)?,
        origin: row.get(5)?,
        recipe: row.get(6)?,
        n_bytes: unsigned(row.get(7)?),
        fetched_at: row.get(8)?,
        is_accepted: row.get(9)?,
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl State {
    /// Notes a document whose body is in the archive, and with it where the source goes on, both or none; gives the
    /// number of its line.
    pub fn journal(&self, fetched: &Journalled, cursor: Option<&str>) -> Result<i64> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            transaction.prepare_cached(
                "INSERT INTO journal (source, slot, document, name, origin, recipe, n_bytes, fetched_at, is_accepted)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                fetched.source,
                fetched.slot,
                fetched.document,
                fetched.name,
                fetched.origin,
                fetched.recipe,
                signed(fetched.n_bytes),
                fetched.fetched_at,
                fetched.is_accepted
            ])?;
            let id = transaction.last_insert_rowid();
            if fetched.is_accepted {
                note_slot(&transaction, &fetched.source, &fetched.slot, &fetched.document, fetched.fetched_at)?;
            }
            if let Some(cursor) = cursor {
                transaction.execute(
                    "INSERT INTO progress (source, cursor, n_failures, last_error) VALUES (?1, ?2, 0, '')
                     ON CONFLICT (source) DO UPDATE SET cursor = ?2",
                    params![fetched.source, cursor],
                )?;
            }
            transaction.commit()?;
            Ok(id)
        })
    }

    /// Documents of a source that a process before this one did not bring to their end, in the order they came.
    pub fn pending(&self, source: &str) -> Result<Vec<Journalled>> {
        self.with(|connection| {
            let sql = format!("SELECT {JOURNAL_COLUMNS} FROM journal WHERE source = ?1 ORDER BY id");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![source], journalled)?;
            rows.collect()
        })
    }

    /// Sources that have documents pending.
    pub fn sources_pending(&self) -> Result<Vec<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare("SELECT DISTINCT source FROM journal ORDER BY source")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Takes lines away whose documents are in the tables.
    pub fn settle(&self, ids: &[i64]) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for id in ids {
                transaction.prepare_cached("DELETE FROM journal WHERE id = ?1")?.execute(params![id])?;
            }
            transaction.commit()
        })
    }

    /// Moves a document from the journal into quarantine.
    pub fn put_in_quarantine(&self, fetched: &Journalled, reason: &str, diff: &str) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            // The same answer, fetched again, is held once, as it came first: what it says was known from then on.
            transaction.execute(
                "INSERT INTO quarantine (source, slot, document, name, origin, recipe, n_bytes, fetched_at, reason, diff,
                     resolution)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ''
                 WHERE ?3 IS NOT (SELECT document FROM quarantine
                     WHERE source = ?1 AND slot = ?2 AND resolution = '' ORDER BY fetched_at DESC, id DESC LIMIT 1)",
                params![
                    fetched.source,
                    fetched.slot,
                    fetched.document,
                    fetched.name,
                    fetched.origin,
                    fetched.recipe,
                    signed(fetched.n_bytes),
                    fetched.fetched_at,
                    reason,
                    diff
                ],
            )?;
            transaction.execute("DELETE FROM journal WHERE id = ?1", params![fetched.id])?;
            transaction.execute(
                "DELETE FROM slots WHERE source = ?1 AND slot = ?2",
                params![fetched.source, fetched.slot],
            )?;
            transaction.commit()
        })
    }

    /// Documents in quarantine, newest first; of one source, or of all.
    pub fn quarantined(&self, source: Option<&str>, is_open_only: bool) -> Result<Vec<Quarantined>> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT id, source, slot, document, name, origin, recipe, n_bytes, fetched_at, 1, reason, diff, resolution
                 FROM quarantine WHERE (?1 IS NULL OR source = ?1) AND (NOT ?2 OR resolution = '')
                 ORDER BY id DESC LIMIT 10000",
            )?;
            let rows = statement.query_map(params![source, is_open_only], |row| {
                Ok(Quarantined {
                    fetched: journalled(row)?,
                    reason: row.get(10)?,
                    diff: row.get(11)?,
                    resolution: row.get(12)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Documents of a source's quarantine that were fetched before a moment, those that were accepted or dropped too; by
    /// their SHA-256.
    pub(crate) fn quarantined_before(&self, source: &str, before: i64) -> Result<Vec<String>> {
        self.with(|connection| {
            let mut statement =
                connection.prepare("SELECT document FROM quarantine WHERE source = ?1 AND fetched_at < ?2")?;
            let rows = statement.query_map(params![source, before], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Forgets what of a source's answers is kept here from before a moment: its quarantine, and texts of its pages.
    pub(crate) fn forget_before(&self, source: &str, before: i64) -> Result<()> {
        self.with(|connection| {
            connection
                .execute("DELETE FROM quarantine WHERE source = ?1 AND fetched_at < ?2", params![source, before])?;
            connection.execute("DELETE FROM shapes WHERE source = ?1 AND at < ?2", params![source, before])
        })?;
        Ok(())
    }

    /// Whether a document is in the journal or in quarantine.
    pub(crate) fn is_held(&self, document: &str) -> Result<bool> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT 1 FROM journal WHERE document = ?1 UNION ALL SELECT 1 FROM quarantine WHERE document = ?1",
            )?;
            statement.exists(params![document])
        })
    }

    /// Ends the quarantine of a document: `accepted` puts it back into the journal, `dropped` leaves it out for good.
    pub fn resolve_quarantine(&self, quarantined: &Quarantined, resolution: &str, at: i64) -> Result<()> {
        let fetched = &quarantined.fetched;
        if resolution == "accepted" {
            self.journal(fetched, None)?;
        }
        self.with(|connection| {
            connection.execute(
                "UPDATE quarantine SET resolution = ?2, resolved_at = ?3 WHERE id = ?1",
                params![fetched.id, resolution, at],
            )
        })?;
        Ok(())
    }

    /// The slots of a source that are done and need no fetching any more.
    pub fn slots_done(&self, source: &str) -> Result<std::collections::BTreeSet<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT slot FROM slots WHERE source = ?1")?;
            let rows = statement.query_map(params![source], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// The slots of a source that were fetched at least once.
    pub fn slots_seen(&self, source: &str) -> Result<std::collections::BTreeSet<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT slot FROM slots_seen WHERE source = ?1")?;
            let rows = statement.query_map(params![source], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Notes that slots were fetched, and came in.
    pub fn set_slots_seen(&self, source: &str, slots: &[String], at: i64) -> Result<()> {
        self.with(|connection| {
            let transaction = connection.transaction()?;
            for slot in slots {
                transaction
                    .prepare_cached("INSERT OR REPLACE INTO slots_seen VALUES (?1, ?2, ?3)")?
                    .execute(params![source, slot, at])?;
            }
            transaction.commit()
        })
    }

    /// Notes that a slot needs no fetching any more, without a document of its own.
    pub fn slot_done(&self, source: &str, slot: &str, document: &str, at: i64) -> Result<()> {
        self.with(|connection| note_slot(connection, source, slot, document, at))
    }

    /// How far a source is.
    pub fn progress(&self, source: &str) -> Result<SourceProgress> {
        self.with(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT cursor, next_run_at, not_before, n_failures, last_run_at, last_ok_at, last_error, first_run_at
                     FROM progress WHERE source = ?1",
                )?
                .query_row(params![source], |row| {
                    Ok(SourceProgress {
                        cursor: row.get(0)?,
                        next_run_at: row.get(1)?,
                        not_before: row.get(2)?,
                        n_failures: row.get(3)?,
                        last_run_at: row.get(4)?,
                        last_ok_at: row.get(5)?,
                        last_error: row.get(6)?,
                        first_run_at: row.get(7)?,
                    })
                })
                .optional()?;
            Ok(found.unwrap_or_default())
        })
    }

    /// Notes all of a source's progress but its cursor, which only [`State::journal`] and [`State::set_cursor`] move.
    pub fn set_progress(&self, source: &str, progress: &SourceProgress) -> Result<()> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "INSERT INTO progress (source, cursor, next_run_at, not_before, n_failures, last_run_at, last_ok_at,
                         last_error, first_run_at) VALUES (?1, NULL, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (source) DO UPDATE SET next_run_at = ?2, not_before = ?3, n_failures = ?4,
                         last_run_at = ?5, last_ok_at = ?6, last_error = ?7, first_run_at = ?8",
                )?
                .execute(params![
                    source,
                    progress.next_run_at,
                    progress.not_before,
                    progress.n_failures,
                    progress.last_run_at,
                    progress.last_ok_at,
                    progress.last_error,
                    progress.first_run_at
                ])
        })?;
        Ok(())
    }

    /// Moves a source's cursor where no document does, or forgets it.
    pub fn set_cursor(&self, source: &str, cursor: Option<&str>) -> Result<()> {
        self.with(|connection| {
            connection.execute(
                "INSERT INTO progress (source, cursor, n_failures, last_error) VALUES (?1, ?2, 0, '')
                 ON CONFLICT (source) DO UPDATE SET cursor = ?2",
                params![source, cursor],
            )
        })?;
        Ok(())
    }

    /// What the last answer from an address said of itself.
    pub fn validator(&self, source: &str, url: &str) -> Result<Option<Validator>> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT etag, last_modified FROM validators WHERE source = ?1 AND url = ?2")?
                .query_row(params![source, url], |row| Ok(Validator { etag: row.get(0)?, last_modified: row.get(1)? }))
                .optional()
        })
    }

    /// Remembers what an answer said of itself; only once its document is in the tables.
    pub fn set_validator(&self, source: &str, url: &str, validator: &Validator, at: i64) -> Result<()> {
        self.with(|connection| {
            connection
                .prepare_cached("INSERT OR REPLACE INTO validators VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![source, url, validator.etag, validator.last_modified, at])
        })?;
        Ok(())
    }

    /// Adds a line to the ledger.
    pub fn spend(&self, line: &LedgerLine) -> Result<()> {
        self.with(|connection| {
            connection.prepare_cached("INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
                line.source,
                line.at,
                line.kind,
                line.what,
                signed(line.n_calls),
                line.amount,
                line.currency
            ])
        })?;
        Ok(())
    }

    /// Whether the ledger has a line of that kind and text.
    pub fn is_in_ledger(&self, source: &str, kind: &str, what: &str) -> Result<bool> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM ledger WHERE source = ?1 AND kind = ?2 AND what = ?3")?;
            statement.exists(params![source, kind, what])
        })
    }

    /// What was spent on a source from a moment to another.
    pub fn spent(&self, source: &str, from: i64, to: i64) -> Result<Spent> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT coalesce(sum(n_calls), 0), coalesce(sum(amount), 0.0) FROM ledger
                     WHERE source = ?1 AND at >= ?2 AND at < ?3",
                )?
                .query_row(params![source, from, to], |row| {
                    Ok(Spent { n_calls: unsigned(row.get(0)?), amount: row.get(1)? })
                })
        })
    }

    /// The ledger's lines, newest first; of one source, or of all.
    pub fn ledger(&self, source: Option<&str>, limit: usize) -> Result<Vec<LedgerLine>> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT source, at, kind, what, n_calls, amount, currency FROM ledger WHERE ?1 IS NULL OR source = ?1
                 ORDER BY at DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![source, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(LedgerLine {
                    source: row.get(0)?,
                    at: row.get(1)?,
                    kind: row.get(2)?,
                    what: row.get(3)?,
                    n_calls: unsigned(row.get(4)?),
                    amount: row.get(5)?,
                    currency: row.get(6)?,
                })
            })?;
            rows.collect()
        })
    }

    /// The shape of the last good document of one kind of request of a source, and that document.
    pub fn shape(&self, source: &str, of: &str) -> Result<Option<(String, String)>> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT shape, document FROM shapes WHERE source = ?1 AND of = ?2")?
                .query_row(params![source, of], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
    }

    /// Remembers the shape of a good document; without one, forgets all of a source.
    pub fn set_shape(&self, source: &str, of: &str, shape: Option<&str>, document: &str, at: i64) -> Result<()> {
        self.with(|connection| match shape {
            Some(shape) => connection
                .prepare_cached("INSERT OR REPLACE INTO shapes VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![source, of, shape, document, at]),
            None => connection.execute("DELETE FROM shapes WHERE source = ?1", params![source]),
        })?;
        Ok(())
    }

    /// Notes how a run of a source is going, or how it ended.
    pub fn note_source_run(&self, run: &SourceRun) -> Result<()> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO source_runs (run, source, started_at, finished_at, outcome, message, n_calls,
                         n_documents, n_unchanged, n_quarantined, n_bytes, n_claims, n_added, n_events_added, n_rejects,
                         cost) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
                )?
                .execute(params![
                    run.run,
                    run.source,
                    run.started_at,
                    run.finished_at,
                    run.outcome,
                    run.message,
                    signed(run.n_calls),
                    signed(run.n_documents),
                    signed(run.n_unchanged),
                    signed(run.n_quarantined),
                    signed(run.n_bytes),
                    signed(run.n_claims),
                    signed(run.n_added),
                    signed(run.n_events_added),
                    signed(run.n_rejects),
                    run.cost
                ])
        })?;
        Ok(())
    }

    /// Runs of sources that began from a moment on, newest first; one that goes on no more, since its process ended before
    /// it was done, is noted and told as stopped.
    ///
    /// # Errors
    /// Where the state cannot be read or written.
    pub fn source_runs(&self, source: Option<&str>, from: i64, limit: usize) -> Result<Vec<SourceRun>> {
        let runs = self.noted_runs(source, from, limit)?;
        let going: BTreeSet<&str> =
            runs.iter().filter(|run| run.outcome == "running").map(|run| run.source.as_str()).collect();
        let mut n_ended = 0;
        for source in going {
            n_ended += self.note_ended_processes(source)?;
        }
        if n_ended == 0 { Ok(runs) } else { self.noted_runs(source, from, limit) }
    }

    /// Whoever collects a source holds its lock. So a run that is said to go on is over where the lock can be had, or where
    /// a later one began.
    fn note_ended_processes(&self, source: &str) -> Result<usize> {
        let taken = self.lock_of(source)?;
        self.with(|connection| {
            connection.execute(
                "UPDATE source_runs SET outcome = 'stopped', message = ?2
                 WHERE source = ?1 AND outcome = 'running'
                     AND (?3 OR started_at < (SELECT max(started_at) FROM source_runs WHERE source = ?1))",
                params![source, PROCESS_ENDED, taken.is_some()],
            )
        })
    }

    fn noted_runs(&self, source: Option<&str>, from: i64, limit: usize) -> Result<Vec<SourceRun>> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT run, source, started_at, finished_at, outcome, message, n_calls, n_documents, n_unchanged,
                     n_quarantined, n_bytes, n_claims, n_added, n_events_added, n_rejects, cost
                 FROM source_runs WHERE (?1 IS NULL OR source = ?1) AND started_at >= ?2
                 ORDER BY started_at DESC, source LIMIT ?3",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![source, from, limit], source_run)?;
            rows.collect()
        })
    }

    /// Takes a source for this process, until what is given back is dropped or the process ends, however it ends; `None`
    /// where another has it.
    pub fn take_source(&self, source: &str) -> Result<Option<TakenSource>> {
        // Who looks whether a run goes on has the lock for a moment, too.
        for _ in 0..3 {
            if let Some(file) = self.lock_of(source)? {
                return Ok(Some(TakenSource { _file: file }));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(None)
    }

    fn lock_of(&self, source: &str) -> Result<Option<File>> {
        let folder = self.path.with_extension("locks");
        files::create_folder(&folder)?;
        let name = crate::documents::hex(&xxhash_rust::xxh3::xxh3_64(source.as_bytes()).to_be_bytes());
        files::try_lock(&folder.join(name))
    }
}

/// A source that only this process may collect.
#[derive(Debug)]
pub struct TakenSource {
    _file: File,
}

fn source_run(row: &Row<'_>) -> rusqlite::Result<SourceRun> {
    Ok(SourceRun {
        run: row.get(0)?,
        source: row.get(1)?,
        started_at: row.get(2)?,
        finished_at: row.get(3)?,
        outcome: row.get(4)?,
        message: row.get(5)?,
        n_calls: unsigned(row.get(6)?),
        n_documents: unsigned(row.get(7)?),
        n_unchanged: unsigned(row.get(8)?),
        n_quarantined: unsigned(row.get(9)?),
        n_bytes: unsigned(row.get(10)?),
        n_claims: unsigned(row.get(11)?),
        n_added: unsigned(row.get(12)?),
        n_events_added: unsigned(row.get(13)?),
        n_rejects: unsigned(row.get(14)?),
        cost: row.get(15)?,
    })
}

fn note_slot(connection: &Connection, source: &str, slot: &str, document: &str, at: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO slots VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![source, slot, document, at])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        (folder, state)
    }

    fn fetched(slot: &str) -> Journalled {
        Journalled {
            source: "a".into(),
            slot: slot.into(),
            document: "00".into(),
            is_accepted: true,
            ..Journalled::default()
        }
    }

    #[test]
    fn a_document_and_its_cursor_come_together_and_settle() {
        let (_folder, state) = state();
        let id = state.journal(&fetched("one"), Some("7")).unwrap();
        assert_eq!(state.progress("a").unwrap().cursor.as_deref(), Some("7"));
        assert_eq!(state.pending("a").unwrap()[0].id, id);
        assert!(state.slots_done("a").unwrap().contains("one"));
        state.set_progress("a", &SourceProgress { n_failures: 2, ..SourceProgress::default() }).unwrap();
        let progress = state.progress("a").unwrap();
        assert_eq!((progress.cursor.as_deref(), progress.n_failures), (Some("7"), 2));
        state.settle(&[id]).unwrap();
        assert!(state.pending("a").unwrap().is_empty() && state.sources_pending().unwrap().is_empty());
    }

    #[test]
    fn quarantine_holds_what_repeats_once_as_it_came_first() {
        let (_folder, state) = state();
        for (fetched_at, document) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            let fetched = Journalled { document: document.into(), fetched_at, ..fetched("one") };
            let id = state.journal(&fetched, None).unwrap();
            state.put_in_quarantine(&Journalled { id, ..fetched }, "shape", "").unwrap();
        }
        let held = state.quarantined(None, true).unwrap();
        let held: Vec<_> = held.iter().map(|one| (one.fetched.fetched_at, one.fetched.document.as_str())).collect();
        assert_eq!(held, [(4, "a"), (3, "b"), (1, "a")]);
        assert!(state.pending("a").unwrap().is_empty());
    }

    #[test]
    fn quarantine_opens_the_slot_again_and_accepting_brings_the_document_back() {
        let (_folder, state) = state();
        let id = state.journal(&fetched("one"), None).unwrap();
        state.put_in_quarantine(&Journalled { id, ..fetched("one") }, "shape", "- a").unwrap();
        assert!(state.pending("a").unwrap().is_empty() && state.slots_done("a").unwrap().is_empty());
        let open = state.quarantined(Some("a"), true).unwrap();
        state.resolve_quarantine(&open[0], "accepted", 1).unwrap();
        assert_eq!(state.pending("a").unwrap().len(), 1);
        assert!(state.quarantined(None, true).unwrap().is_empty());
    }

    #[test]
    fn a_source_is_taken_by_one_at_a_time() {
        let (_folder, state) = state();
        let taken = state.take_source("a").unwrap();
        assert!(taken.is_some() && state.take_source("a").unwrap().is_none());
        assert!(state.take_source("b").unwrap().is_some());
        drop(taken);
        assert!(state.take_source("a").unwrap().is_some());
    }

    #[test]
    fn a_run_whose_process_is_gone_is_stopped() {
        let (_folder, state) = state();
        let note = |run: &str, source: &str, started_at: i64, outcome: &str| {
            let run = SourceRun {
                run: run.into(),
                source: source.into(),
                started_at,
                outcome: outcome.into(),
                ..SourceRun::default()
            };
            state.note_source_run(&run).unwrap();
        };
        let outcomes = || -> Vec<String> {
            state.source_runs(None, 0, 9).unwrap().iter().map(|run| format!("{} {}", run.run, run.outcome)).collect()
        };
        note("killed", "a", 1, "running");
        note("done", "a", 2, "done");
        note("goes on", "a", 3, "running");
        note("killed too", "b", 4, "running");
        let taken = state.take_source("a").unwrap();
        assert_eq!(outcomes(), ["killed too stopped", "goes on running", "done done", "killed stopped"]);
        drop(taken);
        assert_eq!(outcomes()[1], "goes on stopped");
        assert_eq!(state.source_runs(Some("a"), 0, 1).unwrap()[0].message, PROCESS_ENDED);
        assert_eq!(state.source_runs(Some("a"), 0, 1).unwrap()[0].finished_at, None);
    }

    #[test]
    fn the_ledger_adds_up() {
        let (_folder, state) = state();
        let line = |at, kind: &str, what: &str, n_calls, amount| LedgerLine {
            source: "a".into(),
            at,
            kind: kind.into(),
            what: what.into(),
            n_calls,
            amount,
            currency: "USD".into(),
        };
        state.spend(&line(5, "call", "x", 1, 0.5)).unwrap();
        state.spend(&line(6, "month", "2024-01", 0, 10.0)).unwrap();
        assert_eq!(state.spent("a", 0, 10).unwrap(), Spent { n_calls: 1, amount: 10.5 });
        assert_eq!(state.spent("a", 6, 10).unwrap().n_calls, 0);
        assert!(state.is_in_ledger("a", "month", "2024-01").unwrap());
    }
}
