//! Slowing down who guesses passwords: after some failures each further one takes a wait, twice as long as that before.
//!
//! Counted by name and by where the guesses come from, in memory, and at most for so many of each: who floods the server with
//! names makes it forget the oldest, and still waits by where they come from.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many failures cost nothing: people mistype.
const FREE_OF_NAME: u32 = 5;
/// Several people may come from one place.
const FREE_OF_PLACE: u32 = 20;
/// The longest wait.
const WAIT_MAX_SECS: i64 = 300;
/// Failures are forgotten after so long without one.
const FORGET_AFTER_SECS: i64 = 3_600;
const KEPT_MAX: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Failures {
    n: u32,
    last_at_secs: i64,
}

/// Failures of late, by name and by place.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    kept: Mutex<HashMap<String, Failures>>,
}

impl Guesses {
    /// Seconds to wait before the next guess at a name from a place; 0 where none.
    pub(crate) fn wait_secs(&self, name: &str, place: &str, now_secs: i64) -> i64 {
        let kept = self.kept();
        let wait = |key: &str, free: u32| match kept.get(key) {
            Some(failures) if now_secs - failures.last_at_secs < FORGET_AFTER_SECS && failures.n >= free => {
                let wait = (1_i64 << (failures.n - free).min(16)).min(WAIT_MAX_SECS);
                (failures.last_at_secs + wait - now_secs).max(0)
            }
            _ => 0,
        };
        wait(&of_name(name), FREE_OF_NAME).max(wait(&of_place(place), FREE_OF_PLACE))
    }

    /// A guess was wrong.
    pub(crate) fn failed(&self, name: &str, place: &str, now_secs: i64) {
        let mut kept = self.kept();
        for key in [of_name(name), of_place(place)] {
            let failures = kept.entry(key).or_insert(Failures { n: 0, last_at_secs: now_secs });
            if now_secs - failures.last_at_secs >= FORGET_AFTER_SECS {
                failures.n = 0;
            }
            failures.n = failures.n.saturating_add(1);
            failures.last_at_secs = now_secs;
        }
        if kept.len() > KEPT_MAX {
            kept.retain(|_, failures| now_secs - failures.last_at_secs < FORGET_AFTER_SECS);
            while kept.len() > KEPT_MAX {
                let oldest = kept.iter().min_by_key(|(_, failures)| failures.last_at_secs).map(|(key, _)| key.clone());
                match oldest {
                    Some(key) => kept.remove(&key),
                    None => break,
                };
            }
        }
    }

    /// A guess was right: whoever it was, is themselves.
    pub(crate) fn succeeded(&self, name: &str) {
        self.kept().remove(&of_name(name));
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Failures>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_name(name: &str) -> String {
    format!("name {}", name.chars().take(64).collect::<String>())
}

fn of_place(place: &str) -> String {
    format!("place {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_forgotten() {
        let guesses = Guesses::default();
        for n in 0..5 {
            assert_eq!(guesses.wait_secs("ann", "here", n), 0);
            guesses.failed("ann", "here", n);
        }
        assert_eq!(guesses.wait_secs("ann", "there", 4), 1, "by name, wherever it comes from");
        assert_eq!(guesses.wait_secs("ann", "there", 5), 0);
        guesses.failed("ann", "here", 5);
        assert_eq!(guesses.wait_secs("ann", "here", 5), 2);
        for _ in 0..40 {
            guesses.failed("ann", "here", 6);
        }
        assert_eq!(guesses.wait_secs("ann", "elsewhere", 6), WAIT_MAX_SECS, "never longer");
        assert_eq!(guesses.wait_secs("bob", "here", 6), WAIT_MAX_SECS, "the place waits, too");
        assert_eq!(guesses.wait_secs("bob", "there", 6), 0);
        assert_eq!(guesses.wait_secs("ann", "here", 6 + FORGET_AFTER_SECS), 0);
    }

    #[test]
    fn being_right_helps_the_name_and_not_the_place() {
        let guesses = Guesses::default();
        for _ in 0..25 {
            guesses.failed("ann", "here", 0);
        }
        guesses.succeeded("ann");
        assert_eq!(guesses.wait_secs("ann", "there", 0), 0);
        assert!(guesses.wait_secs("ann", "here", 0) > 0);
    }

    #[test]
    fn a_flood_of_names_is_bounded() {
        let guesses = Guesses::default();
        for n in 0..KEPT_MAX as i64 + 50 {
            guesses.failed(&format!("name{n}"), "here", n / 100);
        }
        assert!(guesses.kept().len() <= KEPT_MAX);
        assert!(guesses.wait_secs("anybody", "here", KEPT_MAX as i64 / 100) > 0);
    }
}
