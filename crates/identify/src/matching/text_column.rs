//! A column of texts, taken apart once: words, character grams, codes and numbers as small ids with their rarities.

use std::collections::HashMap;

use crowsnest_model::name::{codes, fold, numbers, words};

use super::records::Lists;

/// Edit distances look at no more of a text than this: their cost grows with its square.
const LETTERS_MAX: usize = 128;
/// Words of a text that are looked at; what a description says after them adds little.
const WORDS_MAX: usize = 400;
const GRAM_CHARACTERS: usize = 3;

/// Pieces of texts by number, with how rare each is.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    ids: HashMap<String, u32>,
    texts: Vec<String>,
    n_records: Vec<u32>,
    /// ln of the records over those that have it.
    pub(crate) rarity: Vec<f32>,
}

impl Pieces {
    fn id(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.texts.len() as u32;
        self.ids.insert(text.to_owned(), id);
        self.texts.push(text.to_owned());
        self.n_records.push(0);
        id
    }

    pub(crate) fn text(&self, id: u32) -> &str {
        &self.texts[id as usize]
    }

    pub(crate) fn rarity_of(&self, id: u32) -> f64 {
        f64::from(self.rarity[id as usize])
    }

    fn count(&mut self, ids: impl Iterator<Item = u32>) {
        for id in ids {
            self.n_records[id as usize] += 1;
        }
    }

    fn settle(&mut self, n: usize) {
        let rarity = |count: &u32| ((n as f64 + 1.0) / (f64::from(*count) + 0.5)).ln() as f32;
        self.rarity = self.n_records.iter().map(rarity).collect();
    }

    /// For each of these pieces its id among others, where it is there too.
    pub(crate) fn among(&self, others: &Self) -> Vec<Option<u32>> {
        self.texts.iter().map(|text| others.ids.get(text).copied()).collect()
    }
}

/// A column of texts, or all text columns as one.
#[derive(Debug, Default)]
pub(crate) struct TextColumn {
    /// The words of each record with one blank between, cut off where edit distances stop looking.
    pub(crate) spaced: Vec<String>,
    /// The same words, sorted.
    pub(crate) sorted: Vec<String>,
    /// All words without blanks, to look for codes in and to compare whole.
    pub(crate) joined: Vec<String>,
    /// Different words, by id.
    pub(crate) words: Lists<u32>,
    /// The first word of each record, if it has one.
    pub(crate) first: Vec<Option<u32>>,
    /// How many words there are, repeats counted.
    pub(crate) n_words: Vec<u32>,
    pub(crate) word_pieces: Pieces,
    /// Square root of the sum of squared rarities of the words, and their sum.
    pub(crate) word_lengths: Vec<(f32, f32)>,
    /// Character grams by id, with how often each is there.
    pub(crate) grams: Lists<(u32, u16)>,
    pub(crate) gram_pieces: Pieces,
    pub(crate) gram_lengths: Vec<f32>,
    pub(crate) codes: Lists<u32>,
    pub(crate) code_pieces: Pieces,
    pub(crate) numbers: Lists<u32>,
    pub(crate) number_pieces: Pieces,
}

fn ids(pieces: &mut Pieces, found: impl Iterator<Item = impl AsRef<str>>) -> Vec<u32> {
    let mut ids: Vec<u32> = found.map(|text| pieces.id(text.as_ref())).collect();
    ids.sort_unstable();
    ids.dedup();
    pieces.count(ids.iter().copied());
    ids
}

fn cut(text: &str) -> String {
    text.chars().take(LETTERS_MAX).collect()
}

impl TextColumn {
    /// Takes the texts apart.
    pub(crate) fn new(texts: impl Iterator<Item = String>) -> Self {
        let mut column = Self::default();
        let mut n = 0;
        for text in texts {
            column.push(&fold(&text));
            n += 1;
        }
        column.word_pieces.settle(n);
        column.gram_pieces.settle(n);
        column.code_pieces.settle(n);
        column.number_pieces.settle(n);
        column.measure();
        column
    }

    fn push(&mut self, folded: &str) {
        let mut found = words(folded);
        found.truncate(WORDS_MAX);
        self.n_words.push(found.len() as u32);
        let spaced = found.join(" ");
        self.joined.push(folded.chars().filter(|letter| letter.is_alphanumeric()).collect());
        let word_ids = ids(&mut self.word_pieces, found.iter());
        self.first.push(found.first().map(|word| self.word_pieces.id(word)));
        self.words.push(word_ids);
        self.push_grams(&spaced);
        let mut codes = codes(folded);
        codes.truncate(WORDS_MAX);
        let code_ids = ids(&mut self.code_pieces, codes.iter());
        self.codes.push(code_ids);
        let number_ids = ids(&mut self.number_pieces, numbers(folded).into_iter().take(WORDS_MAX));
        self.numbers.push(number_ids);
        found.sort_unstable();
        self.sorted.push(cut(&found.join(" ")));
        self.spaced.push(cut(&spaced));
    }

    fn push_grams(&mut self, spaced: &str) {
        let framed = if spaced.is_empty() { String::new() } else { format!(" {spaced} ") };
        let starts: Vec<usize> = framed.char_indices().map(|(start, _)| start).chain([framed.len()]).collect();
        let grams = starts.windows(GRAM_CHARACTERS + 1).map(|window| &framed[window[0]..window[GRAM_CHARACTERS]]);
        let mut ids: Vec<u32> = grams.map(|gram| self.gram_pieces.id(gram)).collect();
        ids.sort_unstable();
        let counted: Vec<(u32, u16)> = ids.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u16)).collect();
        self.gram_pieces.count(counted.iter().map(|(id, _)| *id));
        self.grams.push(counted);
    }

    fn measure(&mut self) {
        for record in 0..self.words.len() {
            let rarities = self.words.get(record).iter().map(|id| self.word_pieces.rarity_of(*id));
            let (squares, sum) = rarities.fold((0.0, 0.0), |(squares, sum), r| (squares + r * r, sum + r));
            self.word_lengths.push((squares.sqrt() as f32, sum as f32));
            let grams = self.grams.get(record).iter();
            let squares: f64 = grams.map(|(id, n)| (f64::from(*n) * self.gram_pieces.rarity_of(*id)).powi(2)).sum();
            self.gram_lengths.push(squares.sqrt() as f32);
        }
    }

    /// Whether a record has no word.
    pub(crate) fn is_empty(&self, record: usize) -> bool {
        self.words.get(record).is_empty()
    }

    /// The cosine of two records' character grams, by how often they are there and how rare they are.
    pub(crate) fn gram_cosine(&self, left: usize, right: usize) -> f64 {
        let (mut left_rest, mut right_rest) = (self.grams.get(left), self.grams.get(right));
        let mut product = 0.0;
        while let (Some((left_id, n_left)), Some((right_id, n_right))) = (left_rest.first(), right_rest.first()) {
            if left_id == right_id {
                product += f64::from(*n_left) * f64::from(*n_right) * self.gram_pieces.rarity_of(*left_id).powi(2);
            }
            let order = left_id.cmp(right_id);
            left_rest = if order.is_le() { &left_rest[1..] } else { left_rest };
            right_rest = if order.is_ge() { &right_rest[1..] } else { right_rest };
        }
        over(product, f64::from(self.gram_lengths[left]) * f64::from(self.gram_lengths[right]))
    }
}

/// A ratio; missing where there is nothing to divide by.
pub(crate) fn over(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

/// Calls for each id that is in both sorted lists.
pub(crate) fn for_common(left: &[u32], right: &[u32], mut visit: impl FnMut(u32)) {
    let (mut at_left, mut at_right) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(at_left), right.get(at_right)) {
        if a == b {
            visit(*a);
        }
        at_left += usize::from(a <= b);
        at_right += usize::from(b <= a);
    }
}

/// Calls for each id that only the first sorted list has.
pub(crate) fn for_only(own: &[u32], other: &[u32], mut visit: impl FnMut(u32)) {
    for id in own {
        if other.binary_search(id).is_err() {
            visit(*id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_one_of_the_same_and_less_of_others() {
        let texts = ["sony cyber shot dsc w150", "sony cyber-shot DSC-W150", "canon powershot", ""];
        let column = TextColumn::new(texts.iter().map(|text| (*text).to_owned()));
        assert!((column.gram_cosine(0, 1) - 1.0).abs() < 1e-6);
        assert!(column.gram_cosine(0, 2) < 0.5 && column.gram_cosine(0, 3).is_nan() && column.is_empty(3));
        assert_eq!(column.codes.get(1).iter().map(|id| column.code_pieces.text(*id)).collect::<Vec<_>>(), ["dscw150"]);
    }
}
