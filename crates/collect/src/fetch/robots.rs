//! `robots.txt` (RFC 9309): what a host asks crawlers to leave alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use texting_robots::Robot;

/// How the file calls us.
pub(super) const NAME: &str = "crowsnest";
/// The first so many bytes of a file are read (RFC 9309, section 2.5).
pub(super) const BYTES_MAX: u64 = 512 << 10;
const KEPT_MICROS: i64 = 24 * 3600 * 1_000_000;
const DELAY_SECONDS_MAX: f32 = 300.0;

/// The files of hosts that were asked.
#[derive(Default)]
pub(super) struct Robots(Mutex<HashMap<String, (i64, Option<String>)>>);

impl std::fmt::Debug for Robots {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Robots")
    }
}

/// What a file says of an address.
#[derive(Debug, PartialEq)]
pub(super) struct Word {
    pub(super) is_allowed: bool,
    pub(super) delay: Option<Duration>,
}

impl Robots {
    /// The file of a host, if it was asked within a day of a moment: `Some(None)` where it has none.
    pub(super) fn get(&self, host: &str, now: i64) -> Option<Option<String>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(host).filter(|(at, _)| now - at < KEPT_MICROS).map(|(_, text)| text.clone())
    }

    pub(super) fn keep(&self, host: &str, text: Option<String>, now: i64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_owned(), (now, text));
    }
}

/// What a file says of an address.
pub(super) fn word(text: Option<&str>, url: &str) -> Word {
    let everything = Word { is_allowed: true, delay: None };
    let Some(text) = text else { return everything };
    let Ok(robot) = Robot::new(NAME, text.as_bytes()) else { return everything };
    let delay = robot.delay.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    Word {
        is_allowed: robot.allowed(url),
        delay: delay.map(|seconds| Duration::from_secs_f32(seconds.min(DELAY_SECONDS_MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_of_us_or_of_all_is_heard() {
        let text = "User-agent: *\nDisallow: /private\nCrawl-delay: 3\n\nUser-agent: other\nDisallow: /\n";
        let found = word(Some(text), "https://example.org/private/x");
        assert_eq!(found, Word { is_allowed: false, delay: Some(Duration::from_secs(3)) });
        assert!(word(Some(text), "https://example.org/open").is_allowed);
        let ours = "User-agent: crowsnest\nDisallow: /open\n\nUser-agent: *\nDisallow: /\n";
        assert!(!word(Some(ours), "https://example.org/open").is_allowed);
        assert!(word(Some(ours), "https://example.org/else").is_allowed);
        assert!(word(None, "https://example.org/").is_allowed);
    }
}
