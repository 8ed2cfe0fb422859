//! Labelled pairs of names: the gold set that is published with the project, and files of the same form.
//!
//! Columns `left, right, match, kind, split, source`; `gold/README.md` tells how the set was made and where each fact is
//! from. What is learnt comes from the splits train and valid. The rows of test are read by the evaluation only.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::parts::NameParts;

/// The set that is published with the project.
pub(crate) const GOLD: &str = include_str!("../../gold/names.csv");

/// Kinds of pairs that nobody can tell by the names: one has to know them. Rules of `gold/assemble.py` tell which they are.
pub const KINDS_TO_KNOW: &[&str] = &["opaque", "renamed", "sound", "partly", "code"];

/// Whether a kind is one of [`KINDS_TO_KNOW`].
pub(crate) fn is_to_know(kind: &str) -> bool {
    KINDS_TO_KNOW.contains(&kind)
}

/// A part of the pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum NameSplit {
    /// What is learnt from.
    Train,
    /// What probabilities and the threshold are taken from.
    Valid,
    /// What is judged by.
    Test,
}

#[derive(Debug, Deserialize)]
struct Row {
    left: String,
    right: String,
    #[serde(rename = "match")]
    is_same: u8,
    #[serde(default)]
    kind: String,
    split: NameSplit,
}

/// Two names, and whether they are the same.
#[derive(Debug)]
pub(crate) struct LabelledNames {
    pub(crate) left: String,
    pub(crate) right: String,
    pub(crate) parts: [NameParts; 2],
    pub(crate) is_same: bool,
    pub(crate) kind: String,
    pub(crate) split: NameSplit,
    /// The names that this pair's left name is tied to by pairs that are the same, and those of the right one: two numbers,
    /// by which pairs are kept apart while learning.
    pub(crate) groups: [u32; 2],
}

/// Reads the pairs of some splits.
pub(crate) fn read(text: &str, is_wanted: impl Fn(NameSplit) -> bool) -> Result<Vec<LabelledNames>, csv::Error> {
    let mut rows = Vec::new();
    for row in csv::Reader::from_reader(text.as_bytes()).deserialize() {
        let row: Row = row?;
        if is_wanted(row.split) {
            rows.push(row);
        }
    }
    let groups = groups(&rows);
    let of = |name: &str| groups.get(name).copied().unwrap_or(0);
    Ok(rows
        .iter()
        .map(|row| LabelledNames {
            parts: [NameParts::of(&row.left), NameParts::of(&row.right)],
            groups: [of(&row.left), of(&row.right)],
            left: row.left.clone(),
            right: row.right.clone(),
            is_same: row.is_same == 1,
            kind: row.kind.clone(),
            split: row.split,
        })
        .collect())
}

/// Names that pairs say are the same are of one group.
fn groups(rows: &[Row]) -> HashMap<String, u32> {
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows {
        for name in [row.left.as_str(), row.right.as_str()] {
            let next = numbers.len();
            numbers.entry(name).or_insert(next);
        }
    }
    let mut above: Vec<usize> = (0..numbers.len()).collect();
    for row in rows.iter().filter(|row| row.is_same == 1) {
        let (one, other) = (top(&above, numbers[row.left.as_str()]), top(&above, numbers[row.right.as_str()]));
        above[one.max(other)] = one.min(other);
    }
    numbers.iter().map(|(name, number)| ((*name).to_owned(), top(&above, *number) as u32)).collect()
}

fn top(above: &[usize], mut number: usize) -> usize {
    while above[number] != number {
        number = above[number];
    }
    number
}
