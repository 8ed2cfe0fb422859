//! By which accounts of a provider users log in: the provider's address and its own word for somebody, never a mail address,
//! which may become somebody else's.
//!
//! In: what `serve` has verified. Out: whose login it is. Invariants: a login is one user's, and a user has one login a provider.

use rusqlite::{OptionalExtension as _, params};
use serde::Serialize;

use super::State;
use super::people::{USER_COLUMNS, User, insert_user, user_of_row};
use crate::Result;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS logins (
        issuer TEXT NOT NULL, subject TEXT NOT NULL, user TEXT NOT NULL, linked_at INTEGER NOT NULL,
        PRIMARY KEY (issuer, subject), UNIQUE (issuer, user)) WITHOUT ROWID";

/// An account at a provider by which a user logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The provider's address.
    pub issuer: String,
    /// The provider's word for somebody, which never becomes somebody else's.
    pub subject: String,
    /// Whose it is.
    pub user: String,
    /// Microseconds since 1970-01-01 UTC.
    pub linked_at: i64,
}

impl State {
    /// Whose login that is; `None` where nobody's.
    ///
    /// # Errors
    /// Where the state cannot be read; so below.
    pub fn login_user(&self, issuer: &str, subject: &str) -> Result<Option<User>> {
        if !self.path.exists() {
            return Ok(None);
        }
        self.with_people(|connection| {
            let sql = format!(
                "SELECT {USER_COLUMNS} FROM logins JOIN users ON users.name = logins.user
                 WHERE issuer = ?1 AND subject = ?2"
            );
            connection.prepare_cached(&sql)?.query_row(params![issuer, subject], user_of_row).optional()
        })
    }

    /// Every login, by user.
    pub fn logins(&self) -> Result<Vec<Login>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with_people(|connection| {
            let mut statement =
                connection.prepare("SELECT issuer, subject, user, linked_at FROM logins ORDER BY user, issuer")?;
            let rows = statement.query_map([], |row| {
                Ok(Login { issuer: row.get(0)?, subject: row.get(1)?, user: row.get(2)?, linked_at: row.get(3)? })
            })?;
            rows.collect()
        })
    }

    /// Adds a user with their login, both or neither; false where the name or the login is somebody's already.
    pub fn add_user_with_login(&self, user: &User, login: &Login) -> Result<bool> {
        let is_added = self.with_people(|connection| {
            let transaction = connection.transaction()?;
            let n_users = insert_user(&transaction, user)?;
            let of_user = params![login.issuer, login.subject, user.name, login.linked_at];
            let n_logins = transaction.execute(INSERT, of_user)?;
            // Dropped without a commit, a transaction leaves nothing.
            if n_users + n_logins == 2 { transaction.commit().map(|()| true) } else { Ok(false) }
        })?;
        self.close_to_others()?;
        Ok(is_added)
    }

    /// Gives a user a login; false where it is somebody's, or they have one of that provider already.
    pub fn link_login(&self, login: &Login) -> Result<bool> {
        let n = self.with_people(|connection| {
            connection.execute(INSERT, params![login.issuer, login.subject, login.user, login.linked_at])
        })?;
        Ok(n > 0)
    }
}

const INSERT: &str = "INSERT OR IGNORE INTO logins (issuer, subject, user, linked_at) VALUES (?1, ?2, ?3, ?4)";

#[cfg(test)]
mod tests {
    use super::super::people::Role;
    use super::*;

    const AT: &str = "https://id.example.com";

    fn user(name: &str) -> User {
        User { name: name.into(), role: Role::Viewer, password_hash: String::new(), created_at: 1, last_seen_at: None }
    }

    fn login(subject: &str, user: &str) -> Login {
        Login { issuer: AT.into(), subject: subject.into(), user: user.into(), linked_at: 1 }
    }

    #[test]
    fn a_login_is_one_users_and_goes_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        assert!(state.login_user(AT, "1").unwrap().is_none() && state.logins().unwrap().is_empty());
        assert!(!folder.path().join("state.db").exists(), "nothing is written to find out");
        assert!(state.add_user_with_login(&user("ann"), &login("1", "ann")).unwrap());
        assert!(!state.add_user_with_login(&user("ann"), &login("2", "ann")).unwrap(), "the name is taken");
        assert!(!state.add_user_with_login(&user("bob"), &login("1", "bob")).unwrap(), "the login is taken");
        assert_eq!(state.users().unwrap().len(), 1, "both or neither");
        assert_eq!(state.login_user(AT, "1").unwrap().unwrap().name, "ann");
        assert!(state.login_user("https://other.example.com", "1").unwrap().is_none());
        state.add_user(&user("mei")).unwrap();
        assert!(!state.link_login(&login("1", "mei")).unwrap() && state.link_login(&login("3", "mei")).unwrap());
        assert!(!state.link_login(&login("4", "mei")).unwrap(), "one of a provider");
        state.remove_user("ann").unwrap();
        assert!(state.login_user(AT, "1").unwrap().is_none());
        assert_eq!(state.logins().unwrap(), [login("3", "mei")]);
    }
}
