//! What steps have learnt and keep from run to run, so that a few new rows do not cost learning everything anew. All of it
//! can be learnt again: losing it loses time only.

use rusqlite::{OptionalExtension as _, params};

use super::State;
use crate::Result;

pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS learnt (
        step TEXT NOT NULL, of TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (step, of));";

impl State {
    /// Keeps what a step has learnt of something, in place of what it had before.
    ///
    /// # Errors
    /// Those of the state's database.
    pub fn keep_learnt(&self, step: &str, of: &str, body: &str) -> Result<()> {
        self.with(|connection| {
            connection
                .execute("INSERT OR REPLACE INTO learnt (step, of, body) VALUES (?1, ?2, ?3)", params![step, of, body])
        })?;
        Ok(())
    }

    /// What a step has learnt of something.
    ///
    /// # Errors
    /// Those of the state's database.
    pub fn learnt(&self, step: &str, of: &str) -> Result<Option<String>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT body FROM learnt WHERE step = ?1 AND of = ?2")?;
            statement.query_row(params![step, of], |row| row.get(0)).optional()
        })
    }
}
