//! A map that remembers the order in which keys first came, so that the catalogue's order decides which name is shown.

use std::collections::HashMap;
use std::hash::Hash;

pub(super) struct Latest<K, V> {
    places: HashMap<K, usize>,
    entries: Vec<(K, V, bool)>,
}

impl<K, V> Default for Latest<K, V> {
    fn default() -> Self {
        Self { places: HashMap::new(), entries: Vec::new() }
    }
}

impl<K: Eq + Hash + Clone, V> Latest<K, V> {
    pub(super) fn put(&mut self, key: K, value: V) {
        match self.places.get(&key) {
            Some(place) => self.entries[*place].1 = value,
            None => {
                self.places.insert(key.clone(), self.entries.len());
                self.entries.push((key, value, true));
            }
        }
    }

    /// As [`Latest::put`], but the key comes last from now on.
    pub(super) fn put_last(&mut self, key: K, value: V) {
        if let Some(place) = self.places.remove(&key) {
            self.entries[place].2 = false;
        }
        self.places.insert(key.clone(), self.entries.len());
        self.entries.push((key, value, true));
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (K, V)> {
        self.entries.into_iter().filter(|(_, _, is_last)| *is_last).map(|(key, value, _)| (key, value))
    }
}
