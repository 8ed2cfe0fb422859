//! The audit log: who changed what, when, and by which way. Lines are added and never changed.

use rusqlite::{Connection, TransactionBehavior, params};
use serde::Serialize;

use super::State;
use crate::Result;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS audit (at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS audit_at ON audit (at)";

/// One line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditLine {
    /// Microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The user, or who ran the command.
    pub who: String,
    /// Which sort of change: `merge`, `user.add`, `login` …
    pub action: String,
    /// In words.
    pub what: String,
    /// `command`, `page` or `token`.
    pub via: String,
}

/// The columns that states of older versions lack.
pub(super) fn add_missing_columns(connection: &mut Connection) -> rusqlite::Result<()> {
    const HAS: &str = "SELECT 1 FROM pragma_table_info('audit') WHERE name = 'action'";
    if connection.prepare(HAS)?.exists([])? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done so in the meantime.
    if !transaction.prepare(HAS)?.exists([])? {
        transaction.execute_batch(
            "ALTER TABLE audit ADD COLUMN action TEXT NOT NULL DEFAULT '';
             ALTER TABLE audit ADD COLUMN via TEXT NOT NULL DEFAULT 'command'",
        )?;
    }
    transaction.commit()
}

impl State {
    /// Adds a line to the audit log: what was removed or changed that cannot be taken back, and by whom.
    pub fn audit(&self, at: i64, who: &str, what: &str) -> Result<()> {
        let line = AuditLine { at, who: who.into(), what: what.into(), via: "command".into(), ..AuditLine::default() };
        self.note(&line)
    }

    /// Adds a line to the audit log.
    pub fn note(&self, line: &AuditLine) -> Result<()> {
        self.with_people(|connection| {
            connection.execute(
                "INSERT INTO audit (at, who, what, action, via) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![line.at, line.who, line.what, line.action, line.via],
            )
        })?;
        Ok(())
    }

    /// The audit log, newest first: when (microseconds since 1970-01-01 UTC), who, what.
    pub fn audit_log(&self, limit: usize) -> Result<Vec<(i64, String, String)>> {
        let lines = self.audit_lines(None, limit)?;
        Ok(lines.into_iter().map(|line| (line.at, line.who, line.what)).collect())
    }

    /// The lines of the audit log, newest first; of one person, or of all.
    pub fn audit_lines(&self, who: Option<&str>, limit: usize) -> Result<Vec<AuditLine>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with_people(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT at, who, action, what, via FROM audit WHERE ?1 IS NULL OR who = ?1
                 ORDER BY at DESC, rowid DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![who, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                Ok(AuditLine {
                    at: row.get(0)?,
                    who: row.get(1)?,
                    action: row.get(2)?,
                    what: row.get(3)?,
                    via: row.get(4)?,
                })
            })?;
            rows.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_an_older_version_is_read_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let older = Connection::open(&path).unwrap();
        older.execute_batch("CREATE TABLE audit (at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL)").unwrap();
        older.execute("INSERT INTO audit VALUES (1, 'mei', 'removed 3 claims')", []).unwrap();
        drop(older);
        let state = State::open(&path).unwrap();
        let line = AuditLine {
            at: 2,
            who: "ann".into(),
            action: "merge".into(),
            what: "a and b are one".into(),
            via: "page".into(),
        };
        state.note(&line).unwrap();
        let lines = state.audit_lines(None, 9).unwrap();
        assert_eq!(lines[0], line);
        assert_eq!((lines[1].who.as_str(), lines[1].via.as_str()), ("mei", "command"));
        assert_eq!(state.audit_lines(Some("ann"), 9).unwrap().len(), 1);
        assert_eq!(State::open(&path).unwrap().audit_log(1).unwrap().len(), 1, "opened again");
    }
}
