//! Who may use a market's server: users with a role and the hash of a password, what keeps them logged in, and tokens for
//! their programs.
//!
//! In: names, hashes and secrets made by `serve`, which owns how passwords are hashed. Out: who a secret belongs to, at a
//! moment.
//!
//! Invariants: no password, session or token is kept, only a hash of it (Argon2id for what people choose, SHA-256 for secrets
//! of 256 random bits); a user that is removed takes sessions and tokens along; what somebody may do is read anew with each
//! request, so that a change holds at once. Its own connection, so that a request does not wait for an import's notes.

use std::fmt;
use std::str::FromStr;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::State;
use crate::Result;

pub(super) const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS users (
        name TEXT PRIMARY KEY, role TEXT NOT NULL, password_hash TEXT NOT NULL, created_at INTEGER NOT NULL,
        last_seen_at INTEGER) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sessions (
        hash TEXT PRIMARY KEY, user TEXT NOT NULL, begun_at INTEGER NOT NULL, seen_at INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sessions_user ON sessions (user);
    CREATE TABLE IF NOT EXISTS tokens (
        id INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, user TEXT NOT NULL, label TEXT NOT NULL,
        scopes TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, last_used_at INTEGER, revoked_at INTEGER);
    CREATE INDEX IF NOT EXISTS tokens_user ON tokens (user)";

/// Microseconds after which a session that nobody used is over.
pub const SESSION_IDLE_MICROS: i64 = 7 * DAY_MICROS;
/// Microseconds after which a session is over, used or not.
pub const SESSION_MICROS: i64 = 30 * DAY_MICROS;
const DAY_MICROS: i64 = 86_400_000_000;
/// That somebody was here is noted this often: a request is no reason to write.
const SEEN_EVERY_MICROS: i64 = 600_000_000;

/// What somebody may do; each may do all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read what may be passed on.
    Viewer,
    /// Read everything, rows of sources that may not be passed on too.
    Analyst,
    /// Decide who is who.
    Editor,
    /// Say who may do what, and read the audit log.
    Admin,
}

impl Role {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Analyst, Self::Editor, Self::Admin];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Editor => "editor",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of viewer, analyst, editor, admin"))
    }
}

/// What a token is good for; never for more than its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read what may be passed on.
    Read,
    /// Read rows of sources that may not be passed on.
    Licensed,
    /// Decide who is who.
    Decide,
    /// Everything that its user may.
    Admin,
}

impl Scope {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Licensed, Self::Decide, Self::Admin];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Licensed => "licensed",
            Self::Decide => "decide",
            Self::Admin => "admin",
        }
    }

    /// The role without which the scope is good for nothing.
    pub const fn role(self) -> Role {
        match self {
            Self::Read => Role::Viewer,
            Self::Licensed => Role::Analyst,
            Self::Decide => Role::Editor,
            Self::Admin => Role::Admin,
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        found.ok_or_else(|| format!("{text:?} is none of read, licensed, decide, admin"))
    }
}

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// Lower-case name, by which decisions are signed.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Argon2id hash of the password, in the PHC format; empty where they have none.
    #[serde(skip)]
    pub password_hash: String,
    /// Microseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// The same; `None` where they never came.
    pub last_seen_at: Option<i64>,
}

/// A key for a program, without the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    /// Its number, by which it is revoked.
    pub id: i64,
    /// Whose it is.
    pub user: String,
    /// What it is for.
    pub label: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Microseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// The same; `None` where it has no end.
    pub expires_at: Option<i64>,
    /// The same; `None` where it was never used. To ten minutes.
    pub last_used_at: Option<i64>,
    /// The same; `None` where it holds.
    pub revoked_at: Option<i64>,
}

impl Token {
    /// Whether it opens anything at a moment.
    pub fn holds_at(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// SHA-256 of a text in lower-case hexadecimal: what is kept of a secret that nobody could guess.
pub fn digest(secret: &str) -> String {
    crate::documents::hex(&Sha256::digest(secret.as_bytes()))
}

/// What became of a change to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It holds.
    Made,
    /// There is no such user.
    NoUser,
    /// They are the only admin, and nobody could let others in any more.
    LastAdmin,
}

pub(super) const USER_COLUMNS: &str =
    "users.name, users.role, users.password_hash, users.created_at, users.last_seen_at";
const TOKEN_COLUMNS: &str = "tokens.id, tokens.user, tokens.label, tokens.scopes, tokens.created_at, tokens.expires_at, \
     tokens.last_used_at, tokens.revoked_at";

/// Nobody is more than a viewer by mistake: a word that this version does not know is the least.
pub(super) fn user_of_row(row: &Row<'_>) -> rusqlite::Result<User> {
    let role: String = row.get(1)?;
    Ok(User {
        name: row.get(0)?,
        role: role.parse().unwrap_or(Role::Viewer),
        password_hash: row.get(2)?,
        created_at: row.get(3)?,
        last_seen_at: row.get(4)?,
    })
}

fn token(row: &Row<'_>) -> rusqlite::Result<Token> {
    let scopes: String = row.get(3)?;
    Ok(Token {
        id: row.get(0)?,
        user: row.get(1)?,
        label: row.get(2)?,
        scopes: scopes.split(' ').filter_map(|word| word.parse().ok()).collect(),
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        last_used_at: row.get(6)?,
        revoked_at: row.get(7)?,
    })
}

impl State {
    /// Whether anybody may log in; a market whose state was never written has nobody, and stays unwritten.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub fn has_users(&self) -> Result<bool> {
        if !self.path.exists() {
            return Ok(false);
        }
        self.with_people(|connection| connection.prepare_cached("SELECT 1 FROM users")?.exists([]))
    }

    /// Adds a user; false where there is one of that name.
    ///
    /// # Errors
    /// Where the state cannot be written; so below.
    pub fn add_user(&self, user: &User) -> Result<bool> {
        let n = self.with_people(|connection| insert_user(connection, user))?;
        self.close_to_others()?;
        Ok(n > 0)
    }

    /// Once there is a user or a secret, there is something in it that is nobody else's.
    pub(super) fn close_to_others(&self) -> Result<()> {
        for ending in ["db", "db-wal", "db-shm"] {
            crate::files::close_to_others(&self.path.with_extension(ending))?;
        }
        Ok(())
    }

    /// Everybody, by name.
    pub fn users(&self) -> Result<Vec<User>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with_people(|connection| {
            let mut statement = connection.prepare(&format!("SELECT {USER_COLUMNS} FROM users ORDER BY name"))?;
            let rows = statement.query_map([], user_of_row)?;
            rows.collect()
        })
    }

    /// The user of a name.
    pub fn user(&self, name: &str) -> Result<Option<User>> {
        if !self.path.exists() {
            return Ok(None);
        }
        self.with_people(|connection| {
            let sql = format!("SELECT {USER_COLUMNS} FROM users WHERE name = ?1");
            connection.prepare_cached(&sql)?.query_row(params![name], user_of_row).optional()
        })
    }

    /// Gives a user another password and ends every session of theirs; false where there is no such user.
    pub fn set_password(&self, name: &str, password_hash: &str) -> Result<bool> {
        self.with_people(|connection| {
            let transaction = connection.transaction()?;
            let n = transaction
                .execute("UPDATE users SET password_hash = ?2 WHERE name = ?1", params![name, password_hash])?;
            transaction.execute("DELETE FROM sessions WHERE user = ?1", params![name])?;
            transaction.commit()?;
            Ok(n > 0)
        })
    }

    /// Gives a user another role; false where there is no such user.
    pub fn set_role(&self, name: &str, role: Role) -> Result<bool> {
        let n = self.with_people(|connection| {
            connection.execute("UPDATE users SET role = ?2 WHERE name = ?1", params![name, role.as_str()])
        })?;
        Ok(n > 0)
    }

    /// The same, unless they are the only admin.
    pub fn change_role(&self, name: &str, role: Role) -> Result<Change> {
        self.with_people(|connection| {
            let transaction = connection.transaction()?;
            let change = if role == Role::Admin { Change::Made } else { without_admin(&transaction, name)? };
            if change != Change::Made {
                return Ok(change);
            }
            let n = transaction.execute("UPDATE users SET role = ?2 WHERE name = ?1", params![name, role.as_str()])?;
            transaction.commit()?;
            Ok(if n > 0 { Change::Made } else { Change::NoUser })
        })
    }

    /// Removes a user with their sessions, tokens and logins; false where there is no such user.
    pub fn remove_user(&self, name: &str) -> Result<bool> {
        self.with_people(|connection| {
            let transaction = connection.transaction()?;
            let is_there = removed(&transaction, name)?;
            transaction.commit()?;
            Ok(is_there)
        })
    }

    /// The same, unless they are the only admin.
    pub fn remove_but_the_last_admin(&self, name: &str) -> Result<Change> {
        self.with_people(|connection| {
            let transaction = connection.transaction()?;
            let change = without_admin(&transaction, name)?;
            if change == Change::Made {
                removed(&transaction, name)?;
                transaction.commit()?;
            }
            Ok(change)
        })
    }

    /// Begins a session of a user, and forgets those that are over.
    pub fn begin_session(&self, secret: &str, user: &str, now: i64) -> Result<()> {
        self.with_people(|connection| {
            let transaction = connection.transaction()?;
            transaction.execute(
                "DELETE FROM sessions WHERE seen_at < ?1 OR begun_at < ?2",
                params![now - SESSION_IDLE_MICROS, now - SESSION_MICROS],
            )?;
            transaction.execute(
                "INSERT INTO sessions (hash, user, begun_at, seen_at) VALUES (?1, ?2, ?3, ?3)",
                params![digest(secret), user, now],
            )?;
            transaction.execute("UPDATE users SET last_seen_at = ?2 WHERE name = ?1", params![user, now])?;
            transaction.commit()
        })
    }

    /// Whose session that is, if it is one and not over.
    pub fn session_user(&self, secret: &str, now: i64) -> Result<Option<User>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let hash = digest(secret);
        let found = self.with_people(|connection| {
            let sql = format!(
                "SELECT {USER_COLUMNS}, sessions.seen_at FROM sessions JOIN users ON users.name = sessions.user
                 WHERE hash = ?1 AND seen_at >= ?2 AND begun_at >= ?3"
            );
            let oldest = (hash.as_str(), now - SESSION_IDLE_MICROS, now - SESSION_MICROS);
            let with_seen = |row: &Row<'_>| Ok((user_of_row(row)?, row.get::<_, i64>(5)?));
            connection.prepare_cached(&sql)?.query_row(oldest, with_seen).optional()
        })?;
        let Some((user, seen_at)) = found else { return Ok(None) };
        if now - seen_at > SEEN_EVERY_MICROS {
            self.with_people(|connection| {
                connection.execute("UPDATE sessions SET seen_at = ?2 WHERE hash = ?1", params![hash, now])?;
                connection.execute("UPDATE users SET last_seen_at = ?2 WHERE name = ?1", params![user.name, now])
            })?;
        }
        Ok(Some(user))
    }

    /// Ends a session; that there is none is no error.
    pub fn end_session(&self, secret: &str) -> Result<()> {
        self.with_people(|connection| {
            connection.execute("DELETE FROM sessions WHERE hash = ?1", params![digest(secret)])
        })?;
        Ok(())
    }

    /// Adds a token with its secret, of which the hash is kept; gives its number.
    pub fn add_token(&self, token: &Token, secret: &str) -> Result<i64> {
        let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
        self.with_people(|connection| {
            connection.execute(
                "INSERT INTO tokens (hash, user, label, scopes, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![digest(secret), token.user, token.label, scopes.join(" "), token.created_at, token.expires_at],
            )?;
            Ok(connection.last_insert_rowid())
        })
    }

    /// Tokens, the latest first; of one user, or of all.
    pub fn tokens(&self, user: Option<&str>) -> Result<Vec<Token>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        self.with_people(|connection| {
            let sql = format!("SELECT {TOKEN_COLUMNS} FROM tokens WHERE ?1 IS NULL OR user = ?1 ORDER BY id DESC");
            let mut statement = connection.prepare(&sql)?;
            let rows = statement.query_map(params![user], token)?;
            rows.collect()
        })
    }

    /// Whose token that is, if it is one and holds; that it was used is noted.
    pub fn token_user(&self, secret: &str, now: i64) -> Result<Option<(Token, User)>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let hash = digest(secret);
        let found = self.with_people(|connection| {
            let sql = format!(
                "SELECT {TOKEN_COLUMNS}, {USER_COLUMNS} FROM tokens JOIN users ON users.name = tokens.user WHERE hash = ?1"
            );
            let both = |row: &Row<'_>| {
                let role: String = row.get(9)?;
                let user = User {
                    name: row.get(8)?,
                    role: role.parse().unwrap_or(Role::Viewer),
                    password_hash: row.get(10)?,
                    created_at: row.get(11)?,
                    last_seen_at: row.get(12)?,
                };
                Ok((token(row)?, user))
            };
            connection.prepare_cached(&sql)?.query_row(params![hash], both).optional()
        })?;
        let Some((token, user)) = found.filter(|(token, _)| token.holds_at(now)) else { return Ok(None) };
        if token.last_used_at.is_none_or(|at| now - at > SEEN_EVERY_MICROS) {
            self.with_people(|connection| {
                connection.execute("UPDATE tokens SET last_used_at = ?2 WHERE id = ?1", params![token.id, now])
            })?;
        }
        Ok(Some((token, user)))
    }

    /// Ends a token for good; of one user, or of anybody. False where there is none that holds.
    pub fn revoke_token(&self, id: i64, user: Option<&str>, now: i64) -> Result<bool> {
        let n = self.with_people(|connection| {
            connection.execute(
                "UPDATE tokens SET revoked_at = ?3 WHERE id = ?1 AND (?2 IS NULL OR user = ?2) AND revoked_at IS NULL",
                params![id, user, now],
            )
        })?;
        Ok(n > 0)
    }
}

/// Adds a user, unless there is one of that name; gives how many were added.
pub(super) fn insert_user(connection: &Connection, user: &User) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT OR IGNORE INTO users (name, role, password_hash, created_at) VALUES (?1, ?2, ?3, ?4)",
        params![user.name, user.role.as_str(), user.password_hash, user.created_at],
    )
}

/// Whether there is an admin without that user.
fn without_admin(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<Change> {
    let role: Option<String> =
        transaction.query_row("SELECT role FROM users WHERE name = ?1", params![name], |row| row.get(0)).optional()?;
    let Some(role) = role else { return Ok(Change::NoUser) };
    let mut others = transaction.prepare("SELECT 1 FROM users WHERE role = ?1 AND name <> ?2")?;
    let is_last = role == Role::Admin.as_str() && !others.exists(params![role, name])?;
    Ok(if is_last { Change::LastAdmin } else { Change::Made })
}

fn removed(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<bool> {
    let n = transaction.execute("DELETE FROM users WHERE name = ?1", params![name])?;
    for table in ["sessions", "tokens", "logins", "views"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE user = ?1"), params![name])?;
    }
    Ok(n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db")).unwrap();
        (folder, state)
    }

    fn ann(role: Role) -> User {
        User { name: "ann".into(), role, password_hash: "$x".into(), created_at: 1, last_seen_at: None }
    }

    fn key(scopes: &[Scope], expires_at: Option<i64>) -> Token {
        Token {
            id: 0,
            user: "ann".into(),
            label: "l".into(),
            scopes: scopes.to_vec(),
            created_at: 1,
            expires_at,
            last_used_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn nobody_is_there_before_the_first_and_nothing_is_written_to_find_out() {
        let (folder, state) = state();
        assert!(!state.has_users().unwrap() && state.users().unwrap().is_empty());
        assert!(state.session_user("x", 1).unwrap().is_none() && state.token_user("x", 1).unwrap().is_none());
        assert!(!folder.path().join("state.db").exists());
        assert!(state.add_user(&ann(Role::Editor)).unwrap() && !state.add_user(&ann(Role::Admin)).unwrap());
        assert!(state.has_users().unwrap());
        assert_eq!(state.user("ann").unwrap().unwrap().role, Role::Editor, "the second changed nothing");
    }

    #[test]
    fn sessions_end_by_themselves_by_logout_and_with_the_password() {
        let (_folder, state) = state();
        state.add_user(&ann(Role::Viewer)).unwrap();
        state.begin_session("s", "ann", 0).unwrap();
        assert!(state.session_user("s", SESSION_IDLE_MICROS).unwrap().is_some(), "used on the last day");
        assert!(state.session_user("s", 2 * SESSION_IDLE_MICROS).unwrap().is_some(), "a use renews it");
        assert!(state.session_user("s", 3 * SESSION_IDLE_MICROS + 1).unwrap().is_none());
        let mut now = 0;
        state.begin_session("t", "ann", now).unwrap();
        while now + SESSION_IDLE_MICROS <= SESSION_MICROS {
            now += SESSION_IDLE_MICROS;
            assert!(state.session_user("t", now).unwrap().is_some());
        }
        assert!(state.session_user("t", SESSION_MICROS + 1).unwrap().is_none(), "used or not");
        state.begin_session("u", "ann", 0).unwrap();
        state.end_session("u").unwrap();
        assert!(state.session_user("u", 1).unwrap().is_none());
        state.begin_session("v", "ann", 0).unwrap();
        state.set_password("ann", "$y").unwrap();
        assert!(state.session_user("v", 1).unwrap().is_none());
    }

    #[test]
    fn tokens_expire_are_revoked_and_go_with_their_user() {
        let (_folder, state) = state();
        state.add_user(&ann(Role::Editor)).unwrap();
        let id = state.add_token(&key(&[Scope::Read, Scope::Decide], Some(100)), "one").unwrap();
        let (token, user) = state.token_user("one", 99).unwrap().unwrap();
        assert_eq!((token.id, user.role, token.scopes), (id, Role::Editor, vec![Scope::Read, Scope::Decide]));
        assert_eq!(state.tokens(Some("ann")).unwrap()[0].last_used_at, Some(99));
        assert!(state.token_user("one", 100).unwrap().is_none() && state.token_user("two", 1).unwrap().is_none());
        assert!(!state.revoke_token(id, Some("bob"), 5).unwrap(), "not somebody else's");
        assert!(state.revoke_token(id, Some("ann"), 5).unwrap() && !state.revoke_token(id, None, 6).unwrap());
        assert!(state.token_user("one", 6).unwrap().is_none());
        state.add_token(&key(&[Scope::Read], None), "three").unwrap();
        state.begin_session("s", "ann", 0).unwrap();
        assert!(state.remove_user("ann").unwrap() && !state.remove_user("ann").unwrap());
        assert!(state.token_user("three", 6).unwrap().is_none() && state.session_user("s", 1).unwrap().is_none());
    }

    #[test]
    fn the_last_admin_stays_one() {
        let (_folder, state) = state();
        let bob = User { name: "bob".into(), ..ann(Role::Editor) };
        assert!(state.add_user(&ann(Role::Admin)).unwrap() && state.add_user(&bob).unwrap());
        assert_eq!(state.change_role("ann", Role::Editor).unwrap(), Change::LastAdmin);
        assert_eq!(state.remove_but_the_last_admin("ann").unwrap(), Change::LastAdmin);
        assert_eq!(state.change_role("ann", Role::Admin).unwrap(), Change::Made);
        assert_eq!(state.change_role("nobody", Role::Viewer).unwrap(), Change::NoUser);
        assert_eq!(state.change_role("nobody", Role::Admin).unwrap(), Change::NoUser);
        assert_eq!(state.remove_but_the_last_admin("nobody").unwrap(), Change::NoUser);
        assert_eq!(state.change_role("bob", Role::Admin).unwrap(), Change::Made);
        state.begin_session("s", "ann", 0).unwrap();
        assert_eq!(state.remove_but_the_last_admin("ann").unwrap(), Change::Made);
        assert!(state.user("ann").unwrap().is_none() && state.session_user("s", 1).unwrap().is_none());
        assert_eq!(state.change_role("bob", Role::Viewer).unwrap(), Change::LastAdmin);
    }

    #[test]
    fn secrets_are_nowhere_in_the_file() {
        let (folder, state) = state();
        state.add_user(&ann(Role::Admin)).unwrap();
        state.add_token(&key(&[Scope::Read], None), "cn_very-secret-token").unwrap();
        state.begin_session("very-secret-session", "ann", 0).unwrap();
        drop(state);
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for secret in ["very-secret-token", "very-secret-session"] {
                assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
            }
        }
    }
}
