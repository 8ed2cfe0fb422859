//! Remembers what a text was read as: most columns hold few distinct texts, and a lookup is cheaper than reading anew.

use hashbrown::HashMap;
use hashbrown::hash_map::EntryRef;

/// More distinct texts than this, and it starts over: such a column gains nothing, and memory stays bounded.
const ENTRIES_MAX: usize = 65_536;

/// What texts were read as. Failures are not remembered: they are rare and carry their own text.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    known: HashMap<String, T>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { known: HashMap::new() }
    }
}

impl<T> Memo<T> {
    /// What `text` is read as.
    pub(crate) fn get<E>(&mut self, text: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Result<&T, E> {
        if self.known.len() >= ENTRIES_MAX {
            self.known.clear();
        }
        match self.known.entry_ref(text) {
            EntryRef::Occupied(known) => Ok(known.into_mut()),
            EntryRef::Vacant(place) => {
                let value = read(text)?;
                Ok(place.insert(value))
            }
        }
    }
}
