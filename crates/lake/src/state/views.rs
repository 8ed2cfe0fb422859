//! Saved views: a person's own names for addresses of the pages.
//!
//! In: addresses that `serve` has checked. Out: the same, by name. A name is one's own, and stands for one address: saved
//! again it stands for the new one. A user that is removed takes theirs along.

use rusqlite::params;
use serde::Serialize;

use super::State;
use crate::Result;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS views (
        user TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, saved_at INTEGER NOT NULL,
        PRIMARY KEY (user, name)) WITHOUT ROWID";

/// A name for an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedView {
    /// What its owner calls it.
    pub name: String,
    /// Path and query of one of the pages.
    pub address: String,
    /// Microseconds since 1970-01-01 UTC.
    pub saved_at: i64,
}

impl State {
    /// The views of somebody, by name.
    pub fn views(&self, user: &str) -> Result<Vec<SavedView>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with_people(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT name, address, saved_at FROM views WHERE user = ?1 ORDER BY name")?;
            let rows = statement.query_map(params![user], |row| {
                Ok(SavedView { name: row.get(0)?, address: row.get(1)?, saved_at: row.get(2)? })
            })?;
            rows.collect()
        })
    }

    /// Saves a view, unless its owner has `n_max` others already: then false.
    pub fn save_view(&self, user: &str, view: &SavedView, n_max: usize) -> Result<bool> {
        self.with_people(|connection| {
            let transaction = connection.transaction()?;
            let n_others: i64 = transaction.query_row(
                "SELECT count(*) FROM views WHERE user = ?1 AND name <> ?2",
                params![user, view.name],
                |row| row.get(0),
            )?;
            if usize::try_from(n_others).unwrap_or(usize::MAX) >= n_max {
                return Ok(false);
            }
            transaction.execute(
                "INSERT OR REPLACE INTO views (user, name, address, saved_at) VALUES (?1, ?2, ?3, ?4)",
                params![user, view.name, view.address, view.saved_at],
            )?;
            transaction.commit()?;
            Ok(true)
        })
    }

    /// Removes a view; false where there is none of that name.
    pub fn remove_view(&self, user: &str, name: &str) -> Result<bool> {
        let n = self.with_people(|connection| {
            connection.execute("DELETE FROM views WHERE user = ?1 AND name = ?2", params![user, name])
        })?;
        Ok(n > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_one_s_own_and_a_name_stands_for_one_address() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        assert!(state.views("ann").unwrap().is_empty());
        let view = |name: &str, address: &str| SavedView { name: name.into(), address: address.into(), saved_at: 7 };
        assert!(state.save_view("ann", &view("leaders", "/league?metric=mau"), 2).unwrap());
        assert!(state.save_view("ann", &view("leaders", "/league?metric=downloads"), 2).unwrap());
        assert!(state.save_view("ann", &view("b", "/movers"), 2).unwrap());
        assert!(!state.save_view("ann", &view("c", "/movers"), 2).unwrap(), "two are enough");
        assert!(state.save_view("ann", &view("b", "/events"), 2).unwrap(), "one of the two may change");
        let addresses: Vec<String> = state.views("ann").unwrap().into_iter().map(|view| view.address).collect();
        assert_eq!(addresses, ["/events", "/league?metric=downloads"]);
        assert!(state.views("mei").unwrap().is_empty());
        assert!(!state.remove_view("mei", "b").unwrap() && state.remove_view("ann", "b").unwrap());
        assert_eq!(state.views("ann").unwrap().len(), 1);
    }
}
