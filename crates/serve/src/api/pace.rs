//! How fast one caller may ask: so many questions a second, after a burst. The owner on the machine itself may ask as fast
//! as it answers.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::caller::{Caller, Role};

/// Questions a second, for as long as somebody likes.
const PER_SECOND: NonZeroU32 = at_least_one(50);
/// Questions at once, after a pause.
const BURST: NonZeroU32 = at_least_one(200);
/// From so many callers on, those who have not asked for a while are forgotten.
const N_CALLERS_MAX: usize = 10_000;

const fn at_least_one(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

/// Counts questions by caller.
pub(crate) struct Pace {
    limiter: DefaultKeyedRateLimiter<(String, Option<IpAddr>)>,
    clock: DefaultClock,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let quota = Quota::per_second(PER_SECOND).allow_burst(BURST);
        Self { limiter: RateLimiter::keyed(quota), clock: DefaultClock::default() }
    }

    /// Counts a question.
    ///
    /// # Errors
    /// How long to wait, where there were too many.
    pub(crate) fn count(&self, caller: &Caller, from: Option<IpAddr>) -> Result<(), Duration> {
        if caller.role == Role::Admin {
            return Ok(());
        }
        if self.limiter.len() > N_CALLERS_MAX {
            self.limiter.retain_recent();
        }
        let key = (caller.name.clone(), from);
        self.limiter.check_key(&key).map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_it_is_too_fast() {
        let pace = Pace::new();
        let visitor = Caller::visitor();
        let n_taken = (0..400).filter(|_| pace.count(&visitor, None).is_ok()).count();
        assert!((200..400).contains(&n_taken), "{n_taken}");
        assert!((0..400).all(|_| pace.count(&Caller::owner(), None).is_ok()));
        assert!(pace.count(&visitor, Some(IpAddr::from([10, 0, 0, 1]))).is_ok(), "others are not slowed down");
    }
}
