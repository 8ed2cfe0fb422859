//! Remembers what a text was read as: most columns hold few distinct texts, and a lookup is cheaper than reading anew.

use super::short_text::TextMap;

/// More distinct texts than this, and it starts over: such a column gains nothing, and memory stays bounded.
const ENTRIES_MAX: usize = 65_536;

/// What texts were read as. Failures are not remembered: they are rare and carry their own text.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    places: TextMap<usize>,
    values: Vec<T>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { places: TextMap::default(), values: Vec::new() }
    }
}

impl<T> Memo<T> {
    /// What `text` is read as.
    #[inline]
    pub(crate) fn get<E>(&mut self, text: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Result<&T, E> {
        if let Some(place) = self.places.get(text).copied() {
            return Ok(&self.values[place]);
        }
        let value = read(text)?;
        if self.values.len() >= ENTRIES_MAX {
            self.values.clear();
            self.places.clear();
        }
        let place = self.values.len();
        self.places.insert(text, place);
        self.values.push(value);
        Ok(&self.values[place])
    }
}
