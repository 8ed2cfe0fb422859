//! Who asks: over HTTP, over the SQL port, or as an agent.
//!
//! In: what a request or a connection brings along (headers, a user name and a password). Out: a [`Caller`], which says
//! under what name limits are counted and whether rows may be seen that are not to be passed on. Every way out for
//! programs asks [`Callers`] and nothing else, so that accounts and tokens are one implementation of it.

use std::fmt;

use async_trait::async_trait;
use axum::http::HeaderMap;

use crate::ServeError;

/// What somebody may do, each more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks, and asks in SQL.
    Analyst,
    /// Decides who is who, besides.
    Editor,
    /// Everything.
    Admin,
}

/// Somebody who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Under which limits are counted.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they see rows of sources that may not be passed on.
    pub may_read_restricted: bool,
}

impl Caller {
    /// Whoever works on the machine that the market is on.
    pub fn owner() -> Self {
        Self { name: "owner".to_owned(), role: Role::Admin, may_read_restricted: true }
    }

    /// Somebody of whom nothing is known.
    pub fn visitor() -> Self {
        Self { name: "visitor".to_owned(), role: Role::Analyst, may_read_restricted: false }
    }
}

/// Tells who asks.
#[async_trait]
pub trait Callers: fmt::Debug + Send + Sync {
    /// Of an HTTP request.
    ///
    /// # Errors
    /// [`ServeError::BadRequest`] and the like, where what it brings along is wrong.
    async fn of_headers(&self, headers: &HeaderMap) -> Result<Caller, ServeError>;

    /// Of a connection with a user's name and a password, which may be a token; `None` where they are wrong.
    async fn of_password(&self, user: &str, password: &str) -> Option<Caller>;

    /// Of a connection without a password; `None` where one has to be given.
    fn without_password(&self) -> Option<Caller>;
}

/// A server without accounts: on loopback everybody is the owner, elsewhere a visitor; connections may need one password.
#[derive(Clone)]
pub struct NoAccounts {
    is_shared: bool,
    password: Option<String>,
}

impl fmt::Debug for NoAccounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_password = self.password.is_some();
        formatter
            .debug_struct("NoAccounts")
            .field("is_shared", &self.is_shared)
            .field("password", &has_password)
            .finish()
    }
}

impl NoAccounts {
    /// `is_shared` where others than this machine can reach the server.
    pub fn new(is_shared: bool, password: Option<String>) -> Self {
        Self { is_shared, password }
    }

    fn anybody(&self) -> Caller {
        if self.is_shared { Caller::visitor() } else { Caller::owner() }
    }
}

#[async_trait]
impl Callers for NoAccounts {
    async fn of_headers(&self, _headers: &HeaderMap) -> Result<Caller, ServeError> {
        Ok(self.anybody())
    }

    async fn of_password(&self, user: &str, password: &str) -> Option<Caller> {
        let is_right = self.password.as_deref().is_none_or(|known| is_same(known, password));
        is_right.then(|| Caller { name: user.to_owned(), ..self.anybody() })
    }

    fn without_password(&self) -> Option<Caller> {
        (self.password.is_none() && !self.is_shared).then(|| self.anybody())
    }
}

/// Compares in a time that does not tell where texts differ.
fn is_same(known: &str, given: &str) -> bool {
    let differing = known.bytes().zip(given.bytes()).fold(0, |all, (left, right)| all | (left ^ right));
    differing == 0 && known.len() == given.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_accounts_loopback_is_the_owner_and_elsewhere_nobody_gets_in_unasked() {
        let home = NoAccounts::new(false, None);
        assert_eq!(home.without_password(), Some(Caller::owner()));
        let shared = NoAccounts::new(true, Some("right".to_owned()));
        assert_eq!(shared.without_password(), None);
        assert_eq!(shared.of_password("ann", "wrong").await, None);
        assert_eq!(shared.of_password("ann", "right but longer").await, None);
        let ann = shared.of_password("ann", "right").await.unwrap();
        assert_eq!((ann.name.as_str(), ann.may_read_restricted), ("ann", false));
        assert!(!format!("{shared:?}").contains("right\""), "no password in logs");
    }
}
