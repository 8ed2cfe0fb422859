//! Notes: what people write about a product, company or segment on a day, to be seen on its charts.
//!
//! In: words of people. Out: the notes that hold at a moment. Rows are only ever added: a note is withdrawn by a row that
//! says so, with who did it and when, so that a page as of an earlier day still shows it.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::State;
use crate::Result;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS notes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, entity TEXT NOT NULL, name TEXT NOT NULL, metric TEXT NOT NULL,
        day TEXT NOT NULL, words TEXT NOT NULL, who TEXT NOT NULL, at INTEGER NOT NULL, withdraws INTEGER);
    CREATE INDEX IF NOT EXISTS notes_withdraws ON notes (withdraws)";

/// What somebody noted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Its number, by which it is withdrawn; 0 before it is kept.
    pub id: i64,
    /// Of whom: 16 hexadecimal digits, as the entity was known then.
    pub entity: String,
    /// The entity's name then, by which it is found again if it has become part of another.
    pub name: String,
    /// Of which metric; empty for all.
    pub metric: String,
    /// The day it is about, `2025-01-20`.
    pub day: String,
    /// What it says.
    pub words: String,
    /// Who wrote it.
    pub by: String,
    /// When, in microseconds since 1970-01-01 UTC.
    pub at: i64,
}

fn note_of(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        id: row.get(0)?,
        entity: row.get(1)?,
        name: row.get(2)?,
        metric: row.get(3)?,
        day: row.get(4)?,
        words: row.get(5)?,
        by: row.get(6)?,
        at: row.get(7)?,
    })
}

const COLUMNS: &str = "id, entity, name, metric, day, words, who, at";

fn note_that_holds(connection: &Connection, id: i64) -> rusqlite::Result<Option<Note>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM notes n WHERE id = ?1 AND withdraws IS NULL
         AND NOT EXISTS (SELECT 1 FROM notes w WHERE w.withdraws = n.id)"
    );
    connection.query_row(&sql, params![id], note_of).optional()
}

impl State {
    /// Keeps a note; gives its number.
    pub fn add_note(&self, note: &Note) -> Result<i64> {
        self.with_people(|connection| {
            connection.execute(
                "INSERT INTO notes (entity, name, metric, day, words, who, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![note.entity, note.name, note.metric, note.day, note.words, note.by, note.at],
            )?;
            Ok(connection.last_insert_rowid())
        })
    }

    /// Withdraws a note, by a row that says so; gives the note, or `None` where none of that number holds.
    pub fn withdraw_note(&self, id: i64, by: &str, at: i64) -> Result<Option<Note>> {
        self.with_people(|connection| {
            let transaction = connection.transaction()?;
            let Some(note) = note_that_holds(&transaction, id)? else { return Ok(None) };
            transaction.execute(
                "INSERT INTO notes (entity, name, metric, day, words, who, at, withdraws)
                 VALUES (?1, ?2, ?3, ?4, '', ?5, ?6, ?7)",
                params![note.entity, note.name, note.metric, note.day, by, at, id],
            )?;
            transaction.commit()?;
            Ok(Some(note))
        })
    }

    /// The notes that held at a moment (microseconds), or that hold now; by day, the earliest first.
    pub fn notes(&self, as_of: Option<i64>) -> Result<Vec<Note>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with_people(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM notes n WHERE withdraws IS NULL AND at <= ?1
                 AND NOT EXISTS (SELECT 1 FROM notes w WHERE w.withdraws = n.id AND w.at <= ?1) ORDER BY day, id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![as_of.unwrap_or(i64::MAX)], note_of)?;
            rows.collect()
        })
    }

    /// A number that grows with each row about notes: pages that show them are made anew when it has.
    pub fn notes_state(&self) -> Result<i64> {
        if !self.path.exists() {
            return Ok(0);
        }
        self.with_people(|connection| {
            connection.prepare_cached("SELECT coalesce(max(id), 0) FROM notes")?.query_row([], |row| row.get(0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_that_is_withdrawn_still_held_before() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        assert_eq!((state.notes(None).unwrap().len(), state.notes_state().unwrap()), (0, 0));
        let note = |day: &str, at: i64| Note {
            entity: "00".into(),
            name: "豆包".into(),
            metric: "mau".into(),
            day: day.into(),
            words: "<b>campaign</b>".into(),
            by: "mei".into(),
            at,
            ..Note::default()
        };
        let later = state.add_note(&note("2025-02-01", 10)).unwrap();
        let earlier = state.add_note(&note("2025-01-01", 20)).unwrap();
        let held: Vec<i64> = state.notes(None).unwrap().iter().map(|note| note.id).collect();
        assert_eq!(held, [earlier, later], "by day");
        assert_eq!(state.withdraw_note(later, "ann", 30).unwrap().map(|note| note.by), Some("mei".into()));
        assert_eq!(state.withdraw_note(later, "ann", 31).unwrap(), None, "once");
        assert_eq!(state.notes(None).unwrap().len(), 1);
        assert_eq!(state.notes(Some(25)).unwrap().len(), 2);
        assert_eq!(state.notes(Some(15)).unwrap()[0].id, later);
        assert_eq!(state.notes_state().unwrap(), 3);
    }
}
