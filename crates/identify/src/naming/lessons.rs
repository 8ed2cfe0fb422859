//! What the model learns from: labelled pairs, and pairs that follow from them.
//!
//! If two names are of two companies, any other name of the one and any of the other are too. Letters that fit a Chinese
//! name by chance are as many as there are names: for each acronym some names of other entities that it fits are taken,
//! so that what is learnt of letters is what they are worth. Nothing follows for pairs that are the same: of two ways
//! to be the same a third is often one that nobody can see.

use std::collections::{BTreeMap, BTreeSet};

use super::gold::{LabelledNames, is_to_know};
use super::lexicon::Lexicon;
use super::parts::NameParts;
use super::segments::{initials, segments};

/// Pairs that follow from one labelled pair, at most.
const FOLLOWING_MAX: usize = 4;
/// Names that letters fit by chance, for each acronym.
const BY_CHANCE_MAX: usize = 6;
const ACRONYM_LETTERS_MAX: usize = 6;

/// One pair to learn from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lesson<'a> {
    pub(crate) parts: [&'a NameParts; 2],
    /// What their names belong to, as in [`LabelledNames`].
    pub(crate) groups: [u32; 2],
    pub(crate) is_same: bool,
    /// Who said so; `None` where it follows.
    pub(crate) labelled: Option<&'a LabelledNames>,
}

/// All of them, those that somebody labelled first.
pub(crate) fn lessons<'a>(pairs: &[&'a LabelledNames]) -> Vec<Lesson<'a>> {
    let names = names(pairs);
    // What nobody can tell teaches nothing but that anything may be the same.
    let telling = || pairs.iter().filter(|pair| !is_to_know(&pair.kind));
    let mut found: Vec<Lesson<'a>> = telling()
        .map(|pair| Lesson {
            parts: [&pair.parts[0], &pair.parts[1]],
            groups: pair.groups,
            is_same: pair.is_same,
            labelled: Some(*pair),
        })
        .collect();
    let mut seen: BTreeSet<(&str, &str)> = pairs.iter().map(|pair| ordered(&pair.left, &pair.right)).collect();
    for pair in telling().filter(|pair| !pair.is_same && pair.groups[0] != pair.groups[1]) {
        let [ours, theirs] = pair.groups.map(|group| names.get(&group).map(Vec::as_slice).unwrap_or_default());
        let mut options: Vec<(u64, &Named<'a>, &Named<'a>)> = ours
            .iter()
            .flat_map(|one| theirs.iter().map(move |other| (chance(one.0, other.0), one, other)))
            .filter(|(_, one, other)| !seen.contains(&ordered(one.0, other.0)))
            .collect();
        options.sort_unstable_by_key(|(order, _, _)| *order);
        for (_, one, other) in options.into_iter().take(FOLLOWING_MAX) {
            seen.insert(ordered(one.0, other.0));
            found.push(Lesson { parts: [one.1, other.1], groups: pair.groups, is_same: false, labelled: None });
        }
    }
    found.extend(by_chance(&names));
    found
}

type Named<'a> = (&'a str, &'a NameParts);

/// The names of each group.
fn names<'a>(pairs: &[&'a LabelledNames]) -> BTreeMap<u32, Vec<Named<'a>>> {
    let mut names: BTreeMap<u32, BTreeMap<&'a str, &'a NameParts>> = BTreeMap::new();
    for pair in pairs {
        let each = [(&pair.left, &pair.parts[0]), (&pair.right, &pair.parts[1])];
        for ((name, parts), group) in each.into_iter().zip(pair.groups) {
            names.entry(group).or_default().insert(name, parts);
        }
    }
    names.into_iter().map(|(group, names)| (group, names.into_iter().collect())).collect()
}

fn ordered<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    if one <= other { (one, other) } else { (other, one) }
}

/// A number that says nothing of the names.
fn chance(one: &str, other: &str) -> u64 {
    let (one, other) = ordered(one, other);
    one.bytes().chain([0]).chain(other.bytes()).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(17)
    })
}

/// Acronyms beside Chinese names of others that their letters fit.
fn by_chance<'a>(names: &BTreeMap<u32, Vec<Named<'a>>>) -> Vec<Lesson<'a>> {
    let all = || names.iter().flat_map(|(group, names)| names.iter().map(move |name| (*group, name.0, name.1)));
    // The words alone, without what pairs teach.
    let lexicon = Lexicon::learn(&[], |_| false);
    let is_acronym = |name: &str| {
        (2..=ACRONYM_LETTERS_MAX).contains(&name.len()) && name.bytes().all(|letter| letter.is_ascii_uppercase())
    };
    let mut han: Vec<(u32, &'a str, &'a NameParts, Vec<super::segments::Segment>)> = all()
        .filter(|(_, _, parts)| parts.has_han() && !parts.has_letters())
        .map(|(group, name, parts)| (group, name, parts, segments(&parts.han, &lexicon)))
        .collect();
    let mut found = Vec::new();
    for (group, acronym, parts) in all().filter(|(_, name, _)| is_acronym(name)) {
        let letters: Vec<char> = acronym.to_lowercase().chars().collect();
        han.sort_by_key(|(_, name, _, _)| chance(acronym, name));
        let fitting = han.iter().filter(|(other, _, name, segments)| {
            *other != group && initials(&letters, &name.han, &name.syllables, segments, &lexicon).letters >= 1.0
        });
        found.extend(fitting.take(BY_CHANCE_MAX).map(|(other, _, name, _)| Lesson {
            parts: [parts, name],
            groups: [group, *other],
            is_same: false,
            labelled: None,
        }));
    }
    found
}
