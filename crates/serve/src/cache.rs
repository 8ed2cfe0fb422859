//! What was made before, for as long as nothing new is in the lake; and what is being made, which is made once however many
//! ask for it at the same time.
//!
//! In: a key (everything that the result depends on) and how the result is made. Out: the result. Bounded in bytes; what is
//! seldom asked for goes first, and what was made of an earlier state of the lake is not asked for again.
//!
//! Invariants: making goes on by itself, so that whoever leaves or has waited for too long does not take with them what
//! others wait for, or ask for next; for so many keys at a time ([`N_LEFT_MAX`]) and so long ([`LEFT_LIMIT`]). An error is
//! kept for nobody but those who waited for it.

use std::collections::HashSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crowsnest_lake::Lake;
use crowsnest_model::TABLES;
use futures::FutureExt as _;
use quick_cache::sync::{Cache as Kept, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::{ServeError, work};

/// Together at most so much.
const N_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A single result larger than this is not kept.
const N_BYTES_EACH_MAX: usize = 4 * 1024 * 1024;
/// So many results are expected, which is a hint.
const N_EXPECTED: usize = 4_000;
/// So many results for which nobody waits any more may be under way.
const N_LEFT_MAX: usize = 8;
/// And for so long.
const LEFT_LIMIT: Duration = Duration::from_secs(300);

/// The lake's content as one number: tables only grow, so the sum of their rows tells any two states apart.
pub(crate) fn generation(lake: &Lake) -> usize {
    TABLES.iter().map(|table| lake.n_rows(table)).sum()
}

/// A result that was made.
pub(crate) struct Made<V> {
    pub(crate) value: V,
    /// `None` where it is for those who wait for it, and not to be kept.
    pub(crate) n_bytes: Option<usize>,
}

/// A state of the lake, and everything else that a result depends on.
type Key = (usize, String);

/// Results by key.
#[derive(Debug)]
pub(crate) struct Cache<V: Clone + Send + Sync + 'static> {
    kept: Arc<Kept<Key, Found<V>, Bytes>>,
    left: Arc<Left>,
}

/// What making gave: for all who waited for it, and, where it has a size, for those who ask later.
#[derive(Debug, Clone)]
struct Found<V> {
    result: Result<V, Arc<ServeError>>,
    n_bytes: Option<usize>,
}

/// Weighs what is kept.
#[derive(Debug, Clone)]
struct Bytes;

impl<V> Weighter<Key, Found<V>> for Bytes {
    fn weight(&self, key: &Key, found: &Found<V>) -> u64 {
        (key.1.len() + found.n_bytes.unwrap_or_default() + 1) as u64
    }
}

impl<V: Clone + Send + Sync + 'static> Cache<V> {
    pub(crate) fn new() -> Self {
        let mut options = OptionsBuilder::new();
        options.shards(1).estimated_items_capacity(N_EXPECTED).weight_capacity(N_BYTES_MAX as u64);
        #[expect(clippy::expect_used, reason = "both capacities are given, which is all that can be missing")]
        let options = options.build().expect("whole options");
        let kept = Kept::with_options(options, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { kept: Arc::new(kept), left: Arc::default() }
    }

    /// The result of a key: kept, made by somebody else at this moment, or made now.
    ///
    /// # Errors
    /// What making it said; the same for all who waited for it.
    pub(crate) async fn get_or_make<F>(&self, generation: usize, key: String, making: F) -> Result<V, Arc<ServeError>>
    where
        F: Future<Output = Result<Made<V>, ServeError>> + Send + 'static,
    {
        let key = (generation, key);
        if let Some(found) = self.kept.get(&key) {
            return found.result;
        }
        let task = work::spawn(make(Arc::clone(&self.kept), key.clone(), making).in_current_span());
        let waiting = Waiting { task: Some(task), key, left: Arc::clone(&self.left) };
        waiting.result().await.unwrap_or_else(|_| Err(Arc::new(ServeError::Panicked)))
    }
}

/// Waits for whoever makes it already, or makes it.
async fn make<V, F>(kept: Arc<Kept<Key, Found<V>, Bytes>>, key: Key, making: F) -> Result<V, Arc<ServeError>>
where
    V: Clone + Send + Sync + 'static,
    F: Future<Output = Result<Made<V>, ServeError>> + Send + 'static,
{
    let place = match kept.get_value_or_guard_async(&key).await {
        Ok(found) => return found.result,
        Err(place) => place,
    };
    let found = match caught(making).await {
        Ok(made) => {
            let n_bytes = made.n_bytes.filter(|n_bytes| *n_bytes <= N_BYTES_EACH_MAX);
            Found { result: Ok(made.value), n_bytes }
        }
        Err(error) => Found { result: Err(Arc::new(error)), n_bytes: None },
    };
    // Whoever waits is given it here, kept or not.
    let is_kept = found.n_bytes.is_some();
    let _ = place.insert(found.clone());
    if !is_kept {
        kept.remove_if(&key, |found| found.n_bytes.is_none());
    }
    found.result
}

/// The same, with a panic as an error.
pub(crate) async fn caught<T>(work: impl Future<Output = Result<T, ServeError>>) -> Result<T, ServeError> {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Err(ServeError::Panicked))
}

/// Keys of what is made although nobody waits for it.
type Left = Mutex<HashSet<Key>>;

/// Somebody who waits for a task.
struct Waiting<T: Send + 'static> {
    task: Option<JoinHandle<T>>,
    key: Key,
    left: Arc<Left>,
}

impl<T: Send + 'static> Waiting<T> {
    async fn result(mut self) -> Result<T, tokio::task::JoinError> {
        match &mut self.task {
            Some(task) => task.await,
            None => std::future::pending().await,
        }
    }
}

impl<T: Send + 'static> Drop for Waiting<T> {
    fn drop(&mut self) {
        let Some(mut task) = self.task.take().filter(|task| !task.is_finished()) else { return };
        if !enter(&self.left, &self.key) {
            task.abort();
            return;
        }
        let (left, key) = (Arc::clone(&self.left), self.key.clone());
        tokio::spawn(async move {
            if tokio::time::timeout(LEFT_LIMIT, &mut task).await.is_err() {
                task.abort();
            }
            left.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        });
    }
}

/// Whether one more may be made although nobody waits; a key that is among them already needs no second task.
fn enter(left: &Left, key: &Key) -> bool {
    let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
    left.len() < N_LEFT_MAX && left.insert(key.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering};

    use tokio::sync::Notify;

    use super::*;

    /// What takes so long never ends: the test fails instead of waiting.
    const HANGS: Duration = Duration::from_secs(30);

    impl Cache<i32> {
        /// The result of a key, if it was made in this generation.
        fn get(&self, generation: usize, key: &str) -> Option<i32> {
            self.kept.get(&(generation, key.to_owned())).and_then(|found| found.result.ok())
        }

        async fn put(&self, generation: usize, key: impl ToString, value: i32, n_bytes: usize) {
            let making = async move { Ok(Made { value, n_bytes: Some(n_bytes) }) };
            assert_eq!(self.get_or_make(generation, key.to_string(), making).await.unwrap(), value);
        }
    }

    #[tokio::test]
    async fn results_last_for_one_generation() {
        let cache = Cache::new();
        cache.put(1, "a", 7, 10).await;
        assert_eq!(cache.get(1, "a"), Some(7));
        assert_eq!(cache.get(1, "b"), None);
        assert_eq!(cache.get(2, "a"), None);
    }

    #[tokio::test]
    async fn what_is_kept_has_a_bound_and_the_huge_is_never_kept() {
        let cache = Cache::new();
        cache.put(1, "huge", 0, N_BYTES_EACH_MAX + 1).await;
        assert_eq!(cache.get(1, "huge"), None);
        cache.put(1, "asked", 1, N_BYTES_EACH_MAX).await;
        for n in 0..200 {
            cache.put(1, n, n, N_BYTES_EACH_MAX).await;
            assert_eq!(cache.get(1, "asked"), Some(1), "what is asked for again and again stays");
            assert!(cache.kept.weight() <= N_BYTES_MAX as u64);
        }
        let n_kept = (0..200).filter(|n: &i32| cache.get(1, &n.to_string()).is_some()).count();
        assert!(n_kept < N_BYTES_MAX / N_BYTES_EACH_MAX, "{n_kept}");
    }

    #[tokio::test]
    async fn all_who_ask_at_the_same_time_wait_for_one() {
        let (cache, n_made, go) = (Cache::new(), Arc::new(AtomicI32::new(0)), Arc::new(Notify::new()));
        let ask = || {
            let (n_made, go) = (Arc::clone(&n_made), Arc::clone(&go));
            cache.get_or_make(1, "a".into(), async move {
                go.notified().await;
                Ok(Made { value: n_made.fetch_add(1, Ordering::Relaxed), n_bytes: Some(1) })
            })
        };
        let all = async {
            futures::join!(ask(), ask(), ask(), async {
                tokio::task::yield_now().await;
                go.notify_one();
            })
        };
        let (first, second, third, ()) = tokio::time::timeout(HANGS, all).await.expect("nobody waits for ever");
        assert_eq!([first.unwrap(), second.unwrap(), third.unwrap()], [0, 0, 0]);
        assert_eq!(cache.get(1, "a"), Some(0));
    }

    #[tokio::test]
    async fn making_holds_up_nobody_who_takes_requests() {
        // The test has one thread. What is made holds its own until that one gives the word.
        let (cache, (tell, told)) = (Cache::new(), std::sync::mpsc::channel());
        let making = async move {
            let value = i32::from(told.recv_timeout(HANGS).is_ok());
            Ok(Made { value, n_bytes: Some(1) })
        };
        let (made, ()) = futures::join!(cache.get_or_make(1, "a".into(), making), async {
            tokio::task::yield_now().await;
            tell.send(()).expect("somebody waits for it");
        });
        assert_eq!(made.unwrap(), 1);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_made_and_kept() {
        let (cache, go) = (Cache::new(), Arc::new(Notify::new()));
        let wait = Arc::clone(&go);
        let making = cache.get_or_make(1, "a".into(), async move {
            wait.notified().await;
            Ok(Made { value: 5, n_bytes: Some(1) })
        });
        tokio::time::timeout(Duration::from_millis(20), making).await.unwrap_err();
        go.notify_one();
        let again = cache.get_or_make(1, "a".into(), std::future::pending());
        assert_eq!(tokio::time::timeout(HANGS, again).await.expect("it is there").unwrap(), 5);
    }

    #[tokio::test]
    async fn only_so_many_are_made_for_nobody() {
        let cache: Cache<i32> = Cache::new();
        for n in 0..N_LEFT_MAX + 3 {
            let making = cache.get_or_make(1, n.to_string(), std::future::pending());
            tokio::time::timeout(Duration::from_millis(1), making).await.unwrap_err();
        }
        assert_eq!(cache.left.lock().unwrap().len(), N_LEFT_MAX);
    }

    #[tokio::test]
    async fn errors_and_panics_reach_all_who_wait_and_are_not_kept() {
        let cache: Cache<i32> = Cache::new();
        let failing = || cache.get_or_make(1, "a".into(), async { Err(ServeError::Busy) });
        assert!(matches!(*failing().await.unwrap_err(), ServeError::Busy));
        let panicking = cache.get_or_make(1, "a".into(), async { panic!("on purpose") });
        assert!(matches!(*panicking.await.unwrap_err(), ServeError::Panicked));
        let unkept = async || cache.get_or_make(1, "a".into(), async { Ok(Made { value: 1, n_bytes: None }) }).await;
        assert_eq!(unkept().await.unwrap(), 1);
        assert_eq!(cache.get(1, "a"), None);
    }
}
