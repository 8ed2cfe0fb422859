//! Things as numbers: in the order in which they first came, and in their own.

use std::collections::HashMap;
use std::hash::{Hasher, RandomState};

/// Ids are hashes already.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_i64(&mut self, id: i64) {
        self.0 = (id as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Things as numbers, in the order in which they first came.
#[derive(Debug, Clone)]
pub(crate) struct Numbered<T, S = RandomState> {
    numbers: HashMap<T, u32, S>,
    pub(crate) all: Vec<T>,
}

impl<T, S: Default> Default for Numbered<T, S> {
    fn default() -> Self {
        Self { numbers: HashMap::default(), all: Vec::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash, S: std::hash::BuildHasher> Numbered<T, S> {
    pub(crate) fn number(&mut self, one: T) -> u32 {
        if let Some(number) = self.numbers.get(&one) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.all.push(one.clone());
        self.numbers.insert(one, number);
        number
    }
}

impl<T: Ord, S> Numbered<T, S> {
    /// For each number its place in the things' own order.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.all.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.all[*a as usize].cmp(&self.all[*b as usize]));
        let mut ranks = vec![0; order.len()];
        order.iter().enumerate().for_each(|(rank, number)| ranks[*number as usize] = rank as u32);
        ranks
    }
}

impl<T: Clone + Eq + std::hash::Hash + Ord, S: Default + std::hash::BuildHasher> Numbered<T, S> {
    /// The same things, numbered in their own order.
    pub(crate) fn in_order(self) -> Self {
        let mut ordered = Self::default();
        sorted(self.all).into_iter().for_each(|one| {
            ordered.number(one);
        });
        ordered
    }
}

/// Things in their own order.
pub(crate) fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all
}
