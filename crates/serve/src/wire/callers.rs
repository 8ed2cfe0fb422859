//! Who asks at the SQL port: the market's users by their passwords and tokens, as everywhere; as long as there are none, whoever
//! gives the one password of the port, or works on this machine where the port has none.
//!
//! With the first user the port's own password opens nothing any more: a secret that many share says of nobody what they may read.

use async_trait::async_trait;
use axum::http::HeaderMap;
use crowsnest_lake::Lake;

use super::SqlOptions;
use crate::Result;
use crate::accounts::Accounts;
use crate::caller::{Caller, Callers, NoAccounts};
use crate::server::ServeOptions;

/// Those who may ask at the SQL port.
#[derive(Debug)]
pub(super) struct PortCallers {
    lake: Lake,
    users: Accounts,
    without_users: NoAccounts,
}

impl PortCallers {
    pub(super) fn new(lake: &Lake, options: &SqlOptions) -> Self {
        let reached = ServeOptions { listen: options.listen, ..ServeOptions::default() };
        let is_shared = !options.listen.ip().is_loopback();
        Self {
            lake: lake.clone(),
            users: Accounts::new(lake, &reached),
            without_users: NoAccounts::new(is_shared, options.password.clone()),
        }
    }

    /// A state that cannot be read may have users: nobody is let in by the port's password then.
    fn has_users(&self) -> bool {
        self.lake.state().has_users().unwrap_or_else(|error| {
            tracing::error!(%error, "the market's users cannot be read");
            true
        })
    }

    fn those(&self) -> &dyn Callers {
        if self.has_users() { &self.users } else { &self.without_users }
    }
}

#[async_trait]
impl Callers for PortCallers {
    async fn of_headers(&self, headers: &HeaderMap) -> Result<Caller> {
        self.those().of_headers(headers).await
    }

    async fn of_password(&self, user: &str, password: &str, place: &str) -> Option<Caller> {
        self.those().of_password(user, password, place).await
    }

    fn without_password(&self) -> Option<Caller> {
        self.those().without_password()
    }
}
