//! Which words and which Chinese characters mean the same, and how rare a word is among names.
//!
//! Ordinary words come from `words.tsv`. The rest is learnt from labelled pairs: a word that stands beside the same
//! characters in several names is taken for their translation. A lexicon for judging a pair that it learns from is made
//! without that pair's part of the pairs ([`Lexicon::learn`] takes a filter).
//!
//! Tried and dropped: how often pairs were the same where only one name has a piece, and the rarity of the rarest piece.
//! Both told more of the training names than of others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::gold::LabelledNames;
use super::parts::NameParts;

const WORDS: &str = include_str!("words.tsv");
/// A word and characters go together if so many names have both,
const NAMES_MIN: u32 = 2;
/// and so great a share of the names with the word have the characters, and the other way about.
const SHARE_MIN: f32 = 0.4;
const SHARE_BACK_MIN: f32 = 0.2;
/// Characters that a word may stand for.
const CHARACTERS_MAX: usize = 4;

/// What is known of words and pieces.
#[derive(Debug, Default)]
pub(crate) struct Lexicon {
    /// Characters that a word stands for.
    meanings: HashMap<String, BTreeSet<Vec<char>>>,
    /// The words for some characters.
    words: HashMap<Vec<char>, BTreeSet<String>>,
    /// In how many names a piece comes up.
    frequencies: HashMap<String, u32>,
    n_names: u32,
}

impl Lexicon {
    /// Learns from the labelled pairs that the filter lets through.
    pub(crate) fn learn(pairs: &[&LabelledNames], is_used: impl Fn(&LabelledNames) -> bool) -> Self {
        let mut lexicon = Self { meanings: ordinary_words(), ..Self::default() };
        let used: Vec<&LabelledNames> = pairs.iter().copied().filter(|pair| is_used(pair)).collect();
        lexicon.learn_frequencies(&used);
        lexicon.learn_meanings(&used);
        for (word, meanings) in &lexicon.meanings {
            for meaning in meanings {
                lexicon.words.entry(meaning.clone()).or_default().insert(word.clone());
            }
        }
        lexicon
    }

    fn learn_frequencies(&mut self, pairs: &[&LabelledNames]) {
        let names: BTreeMap<&str, &NameParts> = pairs
            .iter()
            .flat_map(|pair| [(pair.left.as_str(), &pair.parts[0]), (pair.right.as_str(), &pair.parts[1])])
            .collect();
        self.n_names = names.len() as u32;
        for parts in names.values() {
            for piece in pieces(parts) {
                *self.frequencies.entry(piece).or_default() += 1;
            }
        }
    }

    fn learn_meanings(&mut self, pairs: &[&LabelledNames]) {
        let (mut of_word, mut of_han, mut of_both) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut seen = BTreeSet::new();
        for pair in pairs.iter().filter(|pair| pair.is_same) {
            let Some((han, latin)) = across(&pair.parts[0], &pair.parts[1]) else { continue };
            if !seen.insert((han.han.clone(), latin.words.clone())) {
                continue;
            }
            let words: BTreeSet<&String> = latin.words.iter().filter(|word| word.len() > 1).collect();
            let runs = runs(&han.han);
            words.iter().for_each(|word| *of_word.entry((*word).clone()).or_insert(0_u32) += 1);
            runs.iter().for_each(|run| *of_han.entry(run.clone()).or_insert(0_u32) += 1);
            for word in words {
                runs.iter().for_each(|run| *of_both.entry((word.clone(), run.clone())).or_insert(0_u32) += 1);
            }
        }
        for ((word, run), n) in of_both {
            let (n_word, n_run) = (of_word[&word] as f32, of_han[&run] as f32);
            if n >= NAMES_MIN && n as f32 / n_word >= SHARE_MIN && n as f32 / n_run >= SHARE_BACK_MIN {
                self.meanings.entry(word).or_default().insert(run);
            }
        }
    }

    /// The characters that a word may stand for.
    pub(crate) fn meanings(&self, word: &str) -> impl Iterator<Item = &[char]> {
        let singular = word.strip_suffix('s').filter(|_| !self.meanings.contains_key(word)).unwrap_or(word);
        self.meanings.get(singular).into_iter().flatten().map(Vec::as_slice)
    }

    /// For each run of characters that words are known for, and each other character: what letters these words and the
    /// pinyin begin with.
    pub(crate) fn first_letters(&self, han: &[char], syllables: &[String]) -> Vec<BTreeSet<char>> {
        let mut found = Vec::new();
        let mut place = 0;
        while place < han.len() {
            let longest = (1..=CHARACTERS_MAX.min(han.len() - place)).rev().find_map(|n| {
                let words = self.words.get(&han[place..place + n])?;
                Some((n, words.iter().filter_map(|word| word.chars().next()).collect::<BTreeSet<char>>()))
            });
            let (n, mut letters) = longest.unwrap_or((1, BTreeSet::new()));
            letters.extend(syllables.get(place).and_then(|syllable| syllable.chars().next()));
            found.push(letters);
            place += n;
        }
        found
    }

    /// The words that are known for runs of some characters.
    pub(crate) fn words_for(&self, han: &[char]) -> Vec<String> {
        runs(han).iter().filter_map(|run| self.words.get(run)).flatten().cloned().collect()
    }

    /// Whether some characters are a word that words of the other script are known for, or one that sets companies apart.
    pub(crate) fn is_word(&self, run: &[char]) -> bool {
        self.words.contains_key(run) || super::apart::is_word(run)
    }

    /// The first letters of the words for some characters.
    pub(crate) fn first_letters_of(&self, run: &[char]) -> impl Iterator<Item = char> {
        self.words.get(run).into_iter().flatten().filter_map(|word| word.chars().next())
    }

    /// Whether a word of Latin letters is an ordinary one.
    pub(crate) fn is_ordinary(&self, word: &str) -> bool {
        self.meanings(word).next().is_some()
    }

    /// How many of the characters stand in words of two characters or more.
    pub(crate) fn n_in_words(&self, han: &[char]) -> usize {
        let mut is_in = vec![false; han.len()];
        for n in 2..=CHARACTERS_MAX.min(han.len()) {
            for start in 0..=han.len() - n {
                if self.words.contains_key(&han[start..start + n]) {
                    is_in[start..start + n].fill(true);
                }
            }
        }
        is_in.into_iter().filter(|is_in| *is_in).count()
    }

    /// How rare a piece is: the log of names over names that have it.
    pub(crate) fn rarity(&self, piece: &str) -> f32 {
        let n = self.frequencies.get(piece).copied().unwrap_or(0);
        ((self.n_names + 1) as f32 / (n + 1) as f32).ln()
    }
}

fn ordinary_words() -> HashMap<String, BTreeSet<Vec<char>>> {
    let mut words: HashMap<String, BTreeSet<Vec<char>>> = HashMap::new();
    for line in WORDS.lines().filter(|line| !line.starts_with('#')) {
        if let Some((word, meanings)) = line.split_once('\t') {
            let meanings = meanings.split_whitespace().map(|meaning| meaning.chars().collect());
            words.entry(word.to_owned()).or_default().extend(meanings);
        }
    }
    words
}

/// The Chinese name and the other one, where a pair has one of each.
pub(crate) fn across<'a>(one: &'a NameParts, other: &'a NameParts) -> Option<(&'a NameParts, &'a NameParts)> {
    match (one.has_han(), other.has_han()) {
        (true, false) if other.has_letters() => Some((one, other)),
        (false, true) if one.has_letters() => Some((other, one)),
        _ => None,
    }
}

/// All runs of one to four characters.
fn runs(han: &[char]) -> BTreeSet<Vec<char>> {
    (1..=CHARACTERS_MAX).flat_map(|n| han.windows(n)).map(<[char]>::to_vec).collect()
}

/// The pieces that a name is known by: words, and two neighbouring characters.
pub(crate) fn pieces(parts: &NameParts) -> BTreeSet<String> {
    let of_han = parts.han.windows(2).map(|pair| pair.iter().collect());
    let alone = (parts.han.len() == 1).then(|| parts.han.iter().collect());
    parts.words.iter().cloned().chain(of_han).chain(alone).collect()
}

/// Runs of characters of the one that the other lacks, whole and by two.
pub(crate) fn extra_runs(one: &[char], other: &[char]) -> Vec<String> {
    let mut found = Vec::new();
    let mut run: Vec<char> = Vec::new();
    for letter in one.iter().copied().chain([' ']) {
        if letter != ' ' && !other.contains(&letter) {
            run.push(letter);
            continue;
        }
        if !run.is_empty() {
            found.push(run.iter().collect());
            if run.len() > 2 {
                found.extend(run.windows(2).map(|pair| pair.iter().collect::<String>()));
            }
        }
        run.clear();
    }
    found
}
