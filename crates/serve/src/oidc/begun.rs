//! Logins that were begun and not ended yet.
//!
//! In: what was sent along to the provider, under its state. Out: the same, once, to the browser that began it. Kept in memory:
//! whoever is on their way while the server starts anew begins again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crowsnest_lake::state::people::digest;

use crate::caller::is_same;

/// How long somebody may take at the provider.
pub(super) const WITHIN_SECS: u32 = 600;
const WITHIN_MICROS: i64 = WITHIN_SECS as i64 * 1_000_000;
/// Who floods the server with logins that are begun makes it forget the oldest.
const KEPT_MAX: usize = 10_000;

/// What a login is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To log in.
    LogIn,
    /// So that this user may log in by it from now on.
    Link(String),
}

/// A login on its way.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    /// Hash of the secret in the cookie of the browser that began it.
    pub(super) cookie: String,
    /// What the provider puts into what it signs.
    pub(super) nonce: String,
    /// What PKCE proves to the provider (RFC 7636).
    pub(super) verifier: String,
    /// Where the provider sends people back to.
    pub(super) redirect: String,
    /// Where they go on to, an address of ours.
    pub(super) next: String,
    pub(super) purpose: Purpose,
    /// Microseconds since 1970-01-01 UTC.
    pub(super) at: i64,
}

/// All of them, by the hash of their state.
#[derive(Debug, Default)]
pub(super) struct Logins {
    kept: Mutex<HashMap<String, Begun>>,
}

impl Logins {
    pub(super) fn put(&self, state: &str, begun: Begun) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, other| begun.at - other.at < WITHIN_MICROS);
        }
        while kept.len() >= KEPT_MAX {
            let oldest = kept.iter().min_by_key(|(_, begun)| begun.at).map(|(key, _)| key.clone());
            match oldest {
                Some(key) => kept.remove(&key),
                None => break,
            };
        }
        kept.insert(digest(state), begun);
    }

    /// The login of a state, if that browser began it, and not too long ago. It is given once.
    pub(super) fn take(&self, state: &str, cookie: &str, now: i64) -> Option<Begun> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let key = digest(state);
        // Who knows the state alone, and not the cookie, ends nobody's login.
        if !kept.get(&key).is_some_and(|begun| is_same(&begun.cookie, &digest(cookie))) {
            return None;
        }
        kept.remove(&key).filter(|begun| now - begun.at < WITHIN_MICROS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(at: i64) -> Begun {
        Begun {
            cookie: digest("cookie"),
            nonce: String::new(),
            verifier: String::new(),
            redirect: String::new(),
            next: "/".into(),
            purpose: Purpose::LogIn,
            at,
        }
    }

    #[test]
    fn a_login_is_ended_once_by_the_browser_that_began_it_and_in_time() {
        let logins = Logins::default();
        logins.put("state", begun(0));
        assert!(logins.take("state", "", 1).is_none() && logins.take("state", "another", 1).is_none());
        assert!(logins.take("another", "cookie", 1).is_none() && logins.take("", "cookie", 1).is_none());
        assert!(logins.take("state", "cookie", 1).is_some());
        assert!(logins.take("state", "cookie", 1).is_none(), "once");
        logins.put("late", begun(0));
        assert!(logins.take("late", "cookie", WITHIN_MICROS).is_none());
    }

    #[test]
    fn a_flood_is_bounded_and_forgets_the_oldest() {
        let logins = Logins::default();
        for n in 0..KEPT_MAX as i64 + 3 {
            logins.put(&format!("{n}"), begun(n));
        }
        assert_eq!(logins.kept.lock().unwrap().len(), KEPT_MAX);
        assert!(logins.take("2", "cookie", 5).is_none() && logins.take("3", "cookie", 5).is_some());
        logins.put("a", begun(WITHIN_MICROS * 2));
        logins.put("b", begun(WITHIN_MICROS * 2));
        assert_eq!(logins.kept.lock().unwrap().len(), 2, "what is over goes first");
    }
}
