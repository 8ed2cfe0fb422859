//! Maps by id: ids are hashes already, so that one multiplication spreads them well enough.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map by id.
pub(crate) type IdMap<V> = HashMap<i64, V, BuildHasherDefault<IdHasher>>;
/// A set of ids.
pub(crate) type IdSet = HashSet<i64, BuildHasherDefault<IdHasher>>;

/// Spreads an id over all bits.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_a_row_are_spread() {
        let spread: HashSet<u64> = (0..1000_i64)
            .map(|id| {
                let mut hasher = IdHasher::default();
                hasher.write_i64(id);
                hasher.finish() >> 54
            })
            .collect();
        assert!(spread.len() > 500, "{}", spread.len());
        let ids: IdSet = [1, 2, 2].into_iter().collect();
        assert_eq!(ids.len(), 2);
    }
}
