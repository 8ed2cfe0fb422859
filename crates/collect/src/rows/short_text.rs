//! Texts of up to sixteen bytes as two numbers: nearly all words, periods and names of sources are that short, and
//! comparing and hashing numbers is several times cheaper than comparing and hashing texts.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

/// A short text: its first and its last bytes, which overlap where there are fewer than sixteen, and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ShortText {
    first: u64,
    last: u64,
    n_bytes: u64,
}

impl ShortText {
    const BYTES_MAX: usize = 16;

    /// `None` for texts that are longer.
    #[inline]
    pub(crate) fn of(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let n_bytes = bytes.len();
        let (first, last) = match n_bytes {
            8..=Self::BYTES_MAX => (number_of::<8>(bytes, 0), number_of::<8>(bytes, n_bytes - 8)),
            4..8 => (number_of::<4>(bytes, 0), number_of::<4>(bytes, n_bytes - 4)),
            1..4 => {
                (number_of::<1>(bytes, 0) | number_of::<1>(bytes, n_bytes / 2) << 8, number_of::<1>(bytes, n_bytes - 1))
            }
            0 => (0, 0),
            _ => return None,
        };
        Some(Self { first, last, n_bytes: n_bytes as u64 })
    }
}

/// `N` bytes from a place on, as a number.
#[inline]
fn number_of<const N: usize>(bytes: &[u8], from: usize) -> u64 {
    let mut padded = [0; 8];
    padded[..N].copy_from_slice(&bytes[from..from + N]);
    u64::from_le_bytes(padded)
}

/// Mixes a few numbers: enough for tables that no stranger can make collide on purpose with more than slowness.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    #[inline]
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(23) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

/// A map from texts, with a fast way for short ones.
#[derive(Debug)]
pub(crate) struct TextMap<T> {
    short: HashMap<ShortText, T, BuildHasherDefault<Mixer>>,
    long: HashMap<String, T>,
}

impl<T> Default for TextMap<T> {
    fn default() -> Self {
        Self { short: HashMap::default(), long: HashMap::new() }
    }
}

impl<T> TextMap<T> {
    pub(crate) fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
    }

    #[inline]
    pub(crate) fn get(&self, text: &str) -> Option<&T> {
        match ShortText::of(text) {
            Some(short) => self.short.get(&short),
            None => self.long.get(text),
        }
    }

    pub(crate) fn insert(&mut self, text: &str, value: T) {
        match ShortText::of(text) {
            Some(short) => self.short.insert(short, value),
            None => self.long.insert(text.to_owned(), value),
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn short_texts_are_the_same_where_the_texts_are(left in "[ab豆]{0,6}", right in "[ab豆]{0,6}") {
            if let (Some(one), Some(other)) = (ShortText::of(&left), ShortText::of(&right)) {
                prop_assert_eq!(one == other, left == right);
            }
        }

        #[test]
        fn a_map_remembers_each_text(texts in proptest::collection::hash_set("[a-c豆]{0,24}", 1..40)) {
            let mut map = TextMap::default();
            for (n, text) in texts.iter().enumerate() {
                prop_assert!(map.get(text).is_none());
                map.insert(text, n);
            }
            for (n, text) in texts.iter().enumerate() {
                prop_assert_eq!(map.get(text), Some(&n));
            }
        }
    }
}
