//! What was made before, for as long as nothing new is in the lake.
//!
//! In: a key (everything that the result depends on) and a result. Out: the same result, until the lake's generation
//! changes: then all is forgotten. Bounded in bytes; what was not asked for longest goes first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crowsnest_lake::Lake;
use crowsnest_model::TABLES;

/// Together at most so much.
const N_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A single result larger than this is not kept.
const N_BYTES_EACH_MAX: usize = 4 * 1024 * 1024;

/// The lake's content as one number: tables only grow, so the sum of their rows tells any two states apart.
pub(crate) fn generation(lake: &Lake) -> usize {
    TABLES.iter().map(|table| lake.n_rows(table)).sum()
}

/// Results by key, of one generation.
#[derive(Debug)]
pub(crate) struct Cache<V> {
    kept: Mutex<Kept<V>>,
}

#[derive(Debug)]
struct Kept<V> {
    generation: usize,
    n_bytes: usize,
    clock: u64,
    entries: HashMap<String, Entry<V>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    n_bytes: usize,
    used_at: u64,
}

impl<V: Clone> Cache<V> {
    pub(crate) fn new() -> Self {
        let kept = Kept { generation: 0, n_bytes: 0, clock: 0, entries: HashMap::new() };
        Self { kept: Mutex::new(kept) }
    }

    /// The result of a key, if it was made in this generation.
    pub(crate) fn get(&self, generation: usize, key: &str) -> Option<V> {
        let mut kept = self.of_generation(generation);
        kept.clock += 1;
        let now = kept.clock;
        let entry = kept.entries.get_mut(key)?;
        entry.used_at = now;
        Some(entry.value.clone())
    }

    /// Keeps a result that was asked for in a generation.
    pub(crate) fn put(&self, generation: usize, key: String, value: V, n_bytes: usize) {
        if n_bytes > N_BYTES_EACH_MAX {
            return;
        }
        let mut kept = self.of_generation(generation);
        kept.clock += 1;
        let entry = Entry { value, n_bytes, used_at: kept.clock };
        kept.n_bytes += n_bytes;
        if let Some(replaced) = kept.entries.insert(key, entry) {
            kept.n_bytes -= replaced.n_bytes;
        }
        while kept.n_bytes > N_BYTES_MAX {
            let oldest = kept.entries.iter().min_by_key(|(_, entry)| entry.used_at).map(|(key, _)| key.clone());
            let Some(removed) = oldest.and_then(|key| kept.entries.remove(&key)) else { break };
            kept.n_bytes -= removed.n_bytes;
        }
    }

    fn of_generation(&self, generation: usize) -> MutexGuard<'_, Kept<V>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.generation != generation {
            kept.generation = generation;
            kept.n_bytes = 0;
            kept.entries.clear();
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_last_for_one_generation() {
        let cache = Cache::new();
        cache.put(1, "a".into(), 7, 10);
        assert_eq!(cache.get(1, "a"), Some(7));
        assert_eq!(cache.get(1, "b"), None);
        assert_eq!(cache.get(2, "a"), None);
        assert_eq!(cache.get(1, "a"), None);
    }

    #[test]
    fn the_longest_unused_goes_first_and_the_huge_is_never_kept() {
        let cache = Cache::new();
        cache.put(1, "huge".into(), 0, N_BYTES_EACH_MAX + 1);
        assert_eq!(cache.get(1, "huge"), None);
        for n in 0..16 {
            cache.put(1, n.to_string(), n, N_BYTES_EACH_MAX);
        }
        assert_eq!(cache.get(1, "0"), Some(0));
        cache.put(1, "more".into(), 99, N_BYTES_EACH_MAX);
        assert_eq!(cache.get(1, "0"), Some(0));
        assert_eq!(cache.get(1, "1"), None);
    }
}
