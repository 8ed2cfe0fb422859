//! Blocking keys: two texts that may mean the same have one in common, as numbers that are compared instead of texts.
//!
//! To add a kind of key: a variant here, what it gives in [`blocking_keys`], and its line in the plan that joins them.

use xxhash_rust::xxh3::xxh3_64;

use super::folding::{codes, fold, words};
use super::pinyin::pinyin_key;
use super::script::is_han;
use crate::word::word_enum;

word_enum! {
    /// A kind of blocking key.
    pub enum BlockingKey called "kind of blocking key" {
        /// The whole text, folded, without blanks and signs.
        Name = "name",
        /// Words, neighbours joined to one word, model codes, and Chinese read as pinyin; all in one space, so that
        /// `kx-ts 208w` meets `kxts208w` and 豆包 meets `doubao`.
        Word = "word",
        /// Each four characters that stand together, blanks as one; of Chinese each two.
        Gram = "gram",
    }
}

/// What is looked at of a longer text; the rest has nothing to add but work.
const CHARACTERS_MAX: usize = 2_000;
const GRAM_CHARACTERS: usize = 4;

/// The keys of one kind that a text has, each once, sorted.
pub fn blocking_keys(text: &str, kind: BlockingKey) -> Vec<i64> {
    let end = text.char_indices().nth(CHARACTERS_MAX).map_or(text.len(), |(end, _)| end);
    let text = &text[..end];
    let folded = fold(text);
    let mut keys = match kind {
        BlockingKey::Name => name_key(&folded),
        BlockingKey::Word => word_keys(text, &folded),
        BlockingKey::Gram => gram_keys(&folded),
    };
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn hash(kind: BlockingKey, text: &str) -> i64 {
    let seed = match kind {
        BlockingKey::Name => 1,
        BlockingKey::Word => 2,
        BlockingKey::Gram => 3,
    };
    (xxh3_64(text.as_bytes()) ^ (seed << 61)) as i64
}

fn name_key(folded: &str) -> Vec<i64> {
    let name: String = folded.chars().filter(|letter| letter.is_alphanumeric()).collect();
    if name.is_empty() { Vec::new() } else { vec![hash(BlockingKey::Name, &name)] }
}

fn word_keys(text: &str, folded: &str) -> Vec<i64> {
    let found = words(folded);
    let mut keys: Vec<i64> = found.iter().map(|word| hash(BlockingKey::Word, word)).collect();
    keys.extend(found.windows(2).map(|two| hash(BlockingKey::Word, &two.concat())));
    keys.extend(codes(folded).iter().map(|code| hash(BlockingKey::Word, code)));
    if let Some(pinyin) = pinyin_key(text) {
        keys.push(hash(BlockingKey::Word, &pinyin));
    }
    keys
}

fn gram_keys(folded: &str) -> Vec<i64> {
    let mut spaced = String::with_capacity(folded.len() + 2);
    spaced.push(' ');
    for word in folded.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        spaced.push_str(word);
        spaced.push(' ');
    }
    let starts: Vec<usize> = spaced.char_indices().map(|(start, _)| start).chain([spaced.len()]).collect();
    let grams = starts.windows(GRAM_CHARACTERS + 1).map(|window| &spaced[window[0]..window[GRAM_CHARACTERS]]);
    let han = starts.windows(3).map(|window| &spaced[window[0]..window[2]]).filter(|two| two.chars().all(is_han));
    grams.filter(|gram| !gram.chars().any(is_han)).chain(han).map(|gram| hash(BlockingKey::Gram, gram)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(left: &str, right: &str, kind: BlockingKey) -> bool {
        let right = blocking_keys(right, kind);
        blocking_keys(left, kind).iter().any(|key| right.contains(key))
    }

    #[test]
    fn the_same_thing_shares_a_key() {
        assert!(share("豆包", "Doubao", BlockingKey::Word));
        assert!(share("Panasonic KX-TS208W phone", "kx ts208w", BlockingKey::Word));
        assert!(share("零一萬物", "零一万物", BlockingKey::Name));
        assert!(share("Chat GPT", "ChatGPT", BlockingKey::Word));
        assert!(share("mircosoft office", "microsoft office 2007", BlockingKey::Gram));
        assert!(share("腾讯元宝", "元宝", BlockingKey::Gram));
        assert!(!share("Kimi", "Doubao", BlockingKey::Word));
    }

    #[test]
    fn what_is_empty_or_huge_does_no_harm() {
        for kind in BlockingKey::ALL {
            assert!(blocking_keys("", *kind).is_empty());
            assert!(blocking_keys(" ;-) ", *kind).len() < 2, "{kind:?}");
            assert!(blocking_keys(&"names ".repeat(10_000), *kind).len() < 20);
        }
    }
}
