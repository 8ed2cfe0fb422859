//! Politeness: how soon a host may be asked again, and how many requests may be under way at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;

/// Requests under way to one host at once.
const PER_HOST_MAX: usize = 4;
/// Requests under way at once in all.
const IN_ALL_MAX: usize = 64;

/// The turns of all hosts.
#[derive(Debug)]
pub(super) struct Pace {
    clock: Clock,
    in_all: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Host>>,
}

#[derive(Debug, Clone)]
struct Host {
    free_from: i64,
    turns: Arc<Semaphore>,
}

/// The right to one request.
#[derive(Debug)]
pub(super) struct Turn {
    _in_all: OwnedSemaphorePermit,
    _of_host: OwnedSemaphorePermit,
}

impl Pace {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, in_all: Arc::new(Semaphore::new(IN_ALL_MAX)), hosts: Mutex::default() }
    }

    /// Waits for a turn with a host that may be asked every so often by this source.
    pub(super) async fn turn(&self, host: &str, interval: Duration) -> Option<Turn> {
        let turns = self.with(host, |found| Arc::clone(&found.turns));
        let of_host = turns.acquire_owned().await.ok()?;
        let now = self.clock.now_micros();
        let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        let at = self.with(host, |found| {
            let at = found.free_from.max(now);
            found.free_from = at.saturating_add(interval);
            at
        });
        if at > now {
            self.clock.sleep(Duration::from_micros(at.abs_diff(now))).await;
        }
        let in_all = Arc::clone(&self.in_all).acquire_owned().await.ok()?;
        Some(Turn { _in_all: in_all, _of_host: of_host })
    }

    /// Leaves a host alone for so long: it asked for that.
    pub(super) fn rest(&self, host: &str, duration: Duration) {
        let until = self.clock.now_micros().saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX));
        self.with(host, |found| found.free_from = found.free_from.max(until));
    }

    fn with<T>(&self, host: &str, work: impl FnOnce(&mut Host) -> T) -> T {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        work(
            hosts
                .entry(host.to_owned())
                .or_insert_with(|| Host { free_from: 0, turns: Arc::new(Semaphore::new(PER_HOST_MAX)) }),
        )
    }
}
