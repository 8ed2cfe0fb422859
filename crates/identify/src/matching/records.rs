//! The records of two sides that are compared: texts by column, the left side's rows first.

/// The records of both sides, with the columns that both have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The texts of each column, the left side's first.
    pub values: Vec<Vec<String>>,
    /// The left records' own ids.
    pub left_ids: Vec<String>,
    /// The right records' own ids.
    pub right_ids: Vec<String>,
}

impl Records {
    /// How many there are on both sides.
    pub fn n(&self) -> usize {
        self.left_ids.len() + self.right_ids.len()
    }

    /// How many there are on the left.
    pub fn n_left(&self) -> usize {
        self.left_ids.len()
    }

    /// How many there are on the right.
    pub fn n_right(&self) -> usize {
        self.right_ids.len()
    }
}

/// A left and a right record, by their places among those of their side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pair {
    /// The left record's place.
    pub left: u32,
    /// The right record's place.
    pub right: u32,
}

/// Lists of different lengths, one behind the other.
#[derive(Debug, Clone)]
pub(crate) struct Lists<T> {
    ends: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), items: Vec::new() }
    }
}

impl<T> Lists<T> {
    pub(crate) fn push(&mut self, list: impl IntoIterator<Item = T>) {
        self.items.extend(list);
        self.ends.push(self.items.len() as u32);
    }

    pub(crate) fn get(&self, place: usize) -> &[T] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] as usize };
        &self.items[start..self.ends[place] as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}
