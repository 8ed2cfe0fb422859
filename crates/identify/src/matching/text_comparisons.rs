//! How two texts of a column are compared: each comparison a number with a name in words.
//!
//! Missing (NaN) where either text is: that nothing is said is neither for nor against.

use strsim::{jaro_winkler, normalized_levenshtein};

use super::text_column::{TextColumn, for_common, for_only, over};

/// The comparisons of a text column, in order, in words.
pub(crate) const TEXT_COMPARISONS: &[&str] = &[
    "the same but for blanks and signs",
    "share of words in common",
    "words in common, by their rarity",
    "letters in common, by their rarity",
    "share of the left words found on the right, by their rarity",
    "share of the right words found on the left, by their rarity",
    "rarest word in common",
    "rarest word that only the left has",
    "rarest word that only the right has",
    "length on the left against the right",
    "numbers in common",
    "numbers that only the left has",
    "numbers that only the right has",
    "model codes in common",
    "model codes that only the left has",
    "model codes that only the right has",
    "likeness of the first letters",
    "likeness letter by letter",
    "likeness letter by letter, words sorted",
    "left words found on the right, misspelt or not",
    "right words found on the left, misspelt or not",
    "the same first word",
    "likeness of the most alike model codes",
    "common beginning of model codes",
];
/// The first so many also of long texts.
const N_OF_LONG: usize = 16;

/// Words that are less alike than this are other words.
const SAME_WORD_MIN: f64 = 0.85;
/// Words and codes of a record that are compared each with each.
const EACH_WITH_EACH_MAX: usize = 40;

/// Compares two records of a column; `out` gets one number for each of [`TEXT_COMPARISONS`].
pub(crate) fn compare(column: &TextColumn, left: usize, right: usize, is_long: bool, out: &mut Vec<f32>) {
    if column.is_empty(left) || column.is_empty(right) {
        out.extend(std::iter::repeat_n(f32::NAN, TEXT_COMPARISONS.len()));
        return;
    }
    let start = out.len();
    compare_words(column, left, right, out);
    compare_pieces(column.numbers.get(left), column.numbers.get(right), out);
    compare_pieces(column.codes.get(left), column.codes.get(right), out);
    debug_assert_eq!(out.len() - start, N_OF_LONG);
    if is_long {
        out.extend(std::iter::repeat_n(f32::NAN, TEXT_COMPARISONS.len() - N_OF_LONG));
        return;
    }
    compare_letters(column, left, right, out);
    compare_codes(column, left, right, out);
}

fn compare_words(column: &TextColumn, left: usize, right: usize, out: &mut Vec<f32>) {
    let (left_words, right_words) = (column.words.get(left), column.words.get(right));
    let pieces = &column.word_pieces;
    let (mut n_common, mut sum, mut squares, mut rarest) = (0, 0.0, 0.0, 0.0_f64);
    for_common(left_words, right_words, |id| {
        let rarity = pieces.rarity_of(id);
        n_common += 1;
        sum += rarity;
        squares += rarity * rarity;
        rarest = rarest.max(rarity);
    });
    let (mut only_left, mut only_right) = (0.0_f64, 0.0_f64);
    for_only(left_words, right_words, |id| only_left = only_left.max(pieces.rarity_of(id)));
    for_only(right_words, left_words, |id| only_right = only_right.max(pieces.rarity_of(id)));
    let (left_length, left_sum) = column.word_lengths[left];
    let (right_length, right_sum) = column.word_lengths[right];
    let n_all = left_words.len() + right_words.len() - n_common;
    out.extend([
        f32::from(u8::from(column.joined[left] == column.joined[right])),
        n_common as f32 / n_all as f32,
        over(squares, f64::from(left_length) * f64::from(right_length)) as f32,
        column.gram_cosine(left, right) as f32,
        over(sum, f64::from(left_sum)) as f32,
        over(sum, f64::from(right_sum)) as f32,
        rarest as f32,
        only_left as f32,
        only_right as f32,
        column.n_words[left] as f32 / column.n_words[right] as f32,
    ]);
}

/// In common, only left, only right; missing where neither has any.
fn compare_pieces(left: &[u32], right: &[u32], out: &mut Vec<f32>) {
    if left.is_empty() && right.is_empty() {
        out.extend([f32::NAN; 3]);
        return;
    }
    let mut n_common = 0;
    for_common(left, right, |_| n_common += 1);
    out.extend([n_common as f32, (left.len() - n_common) as f32, (right.len() - n_common) as f32]);
}

fn compare_letters(column: &TextColumn, left: usize, right: usize, out: &mut Vec<f32>) {
    let (left_text, right_text) = (&column.spaced[left], &column.spaced[right]);
    out.extend([
        jaro_winkler(left_text, right_text) as f32,
        normalized_levenshtein(left_text, right_text) as f32,
        normalized_levenshtein(&column.sorted[left], &column.sorted[right]) as f32,
        found_roughly(column, left, right) as f32,
        found_roughly(column, right, left) as f32,
        f32::from(u8::from(column.first[left] == column.first[right])),
    ]);
}

/// The share of one record's words that the other has, the same or nearly, by their rarity.
fn found_roughly(column: &TextColumn, own: usize, other: usize) -> f64 {
    let (own_words, other_words) = (column.words.get(own), column.words.get(other));
    let pieces = &column.word_pieces;
    let (mut found, mut all) = (0.0, 0.0);
    for word in own_words.iter().take(EACH_WITH_EACH_MAX) {
        let rarity = pieces.rarity_of(*word);
        all += rarity;
        if other_words.binary_search(word).is_ok() {
            found += rarity;
            continue;
        }
        let text = pieces.text(*word);
        let others = other_words.iter().take(EACH_WITH_EACH_MAX).map(|id| pieces.text(*id));
        let best = others.map(|other| jaro_winkler(text, other)).fold(0.0, f64::max);
        if best > SAME_WORD_MIN {
            found += rarity * best;
        }
    }
    over(found, all)
}

fn compare_codes(column: &TextColumn, left: usize, right: usize, out: &mut Vec<f32>) {
    let text = |id: &u32| column.code_pieces.text(*id);
    let (mut alike, mut beginning) = (f64::NAN, f64::NAN);
    for one in column.codes.get(left).iter().take(EACH_WITH_EACH_MAX).map(text) {
        for other in column.codes.get(right).iter().take(EACH_WITH_EACH_MAX).map(text) {
            alike = alike.max(normalized_levenshtein(one, other));
            let n_common = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
            beginning = beginning.max(n_common as f64 / one.len().max(other.len()) as f64);
        }
    }
    out.extend([alike as f32, beginning as f32]);
}

/// The comparisons of one record's column with all text of the other, in order, in words.
pub(crate) const ACROSS_COMPARISONS: &[&str] = &[
    "share of the left words found anywhere on the right",
    "share of the left model codes found anywhere on the right",
    "share of the left numbers found anywhere on the right",
    "share of the right words found anywhere on the left",
    "share of the right model codes found anywhere on the left",
    "share of the right numbers found anywhere on the left",
];

/// A column's words and numbers as those of all text columns together.
#[derive(Debug)]
pub(crate) struct Across {
    words: Vec<Option<u32>>,
    numbers: Vec<Option<u32>>,
}

impl Across {
    pub(crate) fn new(column: &TextColumn, all: &TextColumn) -> Self {
        let words = column.word_pieces.among(&all.word_pieces);
        Self { words, numbers: column.number_pieces.among(&all.number_pieces) }
    }

    /// Looks for what a column says in all text of the other record: manufacturers stand in titles, codes in descriptions.
    pub(crate) fn compare(&self, column: &TextColumn, all: &TextColumn, left: usize, right: usize, out: &mut Vec<f32>) {
        for (own, other) in [(left, right), (right, left)] {
            let (mut found, mut whole) = (0.0, 0.0);
            for word in column.words.get(own).iter().filter_map(|word| self.words[*word as usize]) {
                let rarity = all.word_pieces.rarity_of(word);
                whole += rarity;
                if all.words.get(other).binary_search(&word).is_ok() {
                    found += rarity;
                }
            }
            out.push(over(found, whole) as f32);
            let codes = column.codes.get(own);
            let n = codes.iter().filter(|id| all.joined[other].contains(column.code_pieces.text(**id))).count();
            out.push(over(n as f64, codes.len() as f64) as f32);
            let numbers = column.numbers.get(own);
            let is_there = |id: &&u32| {
                self.numbers[**id as usize].is_some_and(|id| all.numbers.get(other).binary_search(&id).is_ok())
            };
            out.push(over(numbers.iter().filter(is_there).count() as f64, numbers.len() as f64) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(out: &[f32], name: &str) -> f32 {
        out[TEXT_COMPARISONS.iter().position(|known| *known == name).unwrap()]
    }

    #[test]
    fn comparisons_say_what_their_names_say() {
        let texts = ["sony cyber-shot dsc-w150 black", "sony cybershot dscw150b", "", "other words here"];
        let column = TextColumn::new(texts.iter().map(|text| (*text).to_owned()));
        let mut out = Vec::new();
        compare(&column, 0, 1, false, &mut out);
        assert_eq!(out.len(), TEXT_COMPARISONS.len());
        assert_eq!(named(&out, "the same first word"), 1.0);
        assert_eq!(named(&out, "model codes in common"), 0.0);
        assert!((named(&out, "likeness of the most alike model codes") - 0.875).abs() < 1e-6);
        assert!((named(&out, "common beginning of model codes") - 0.875).abs() < 1e-6);
        assert!(named(&out, "rarest word that only the left has") > 0.0);
        out.clear();
        compare(&column, 0, 2, false, &mut out);
        assert!(out.len() == TEXT_COMPARISONS.len() && out.iter().all(|value| value.is_nan()));
        out.clear();
        compare(&column, 0, 3, true, &mut out);
        assert!(named(&out, "likeness letter by letter").is_nan() && named(&out, "share of words in common") == 0.0);
    }
}
