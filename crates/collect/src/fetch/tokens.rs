//! Tokens by OAuth 2 client credentials (RFC 6749, section 4.4), kept until shortly before they end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

/// Seconds before its end at which a token is no longer used.
const SECONDS_BEFORE_END: i64 = 30;
const SECONDS_IF_NOT_TOLD: i64 = 300;

/// Tokens by who asked where.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, (String, i64)>>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Tokens")
    }
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    #[serde(default)]
    expires_in: Option<i64>,
}

impl Tokens {
    /// The token, if it is good at a moment (microseconds).
    pub(super) fn get(&self, key: &str, now: i64) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(_, until)| *until > now).map(|(token, _)| token.clone())
    }

    /// Keeps what a server gave at a moment; gives the token.
    pub(super) fn keep(&self, key: &str, answer: &[u8], now: i64) -> Option<String> {
        let given: Given = serde_json::from_slice(answer).ok()?;
        let seconds = given.expires_in.unwrap_or(SECONDS_IF_NOT_TOLD) - SECONDS_BEFORE_END;
        let until = now.saturating_add(seconds.max(1).saturating_mul(1_000_000));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key.to_owned(), (given.access_token.clone(), until));
        Some(given.access_token)
    }

    /// Forgets a token that was refused.
    pub(super) fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
