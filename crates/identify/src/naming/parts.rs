//! A name taken apart: what two names are compared by.
//!
//! Everything comes from the folded text (`crowsnest_model::fold`), so that case, width, accents and simplified or
//! traditional writing make no difference. Of a long text only the beginning is looked at: no name is longer.

use crowsnest_model::name::{fold, numbers};
use crowsnest_model::{pinyin_key, split_legal_form};

/// What is looked at of a text, in characters; the rest has nothing to add but work.
const CHARACTERS_MAX: usize = 120;

const COUNTRY: &str = "中国";

/// A name's parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameParts {
    /// Letters and digits, one after another.
    pub(crate) joined: Vec<char>,
    /// The same without legal form, place and trade.
    pub(crate) core: Vec<char>,
    /// Whether there was a legal form.
    pub(crate) has_form: bool,
    /// The Chinese characters.
    pub(crate) han: Vec<char>,
    /// Those of the core.
    pub(crate) han_core: Vec<char>,
    /// The pinyin of each of `han`.
    pub(crate) syllables: Vec<String>,
    /// Words of other letters and of digits; `ChinaMobile` has two.
    pub(crate) words: Vec<String>,
    /// Those of the core.
    pub(crate) core_words: Vec<String>,
    /// Numbers as written.
    pub(crate) numbers: Vec<String>,
}

impl NameParts {
    /// Takes a name apart.
    pub(crate) fn of(name: &str) -> Self {
        let looked_at: String = name.trim().chars().take(CHARACTERS_MAX).collect();
        let folded = fold(&looked_at);
        let split = split_legal_form(&looked_at);
        let mut core = fold(&split.core);
        // 中国 is no place in front of a name, but most of what 中国移动 is called.
        if folded.starts_with(COUNTRY) && !core.starts_with(COUNTRY) {
            core.insert_str(0, COUNTRY);
        }
        let han: Vec<char> = folded.chars().filter(|letter| is_han(*letter)).collect();
        let apart = fold(&with_words_apart(&looked_at));
        let core_words = words_of(&core);
        let n_words = looked_at.split_whitespace().count();
        Self {
            joined: letters(&folded),
            core: letters(&core),
            has_form: split.legal_form.is_some(),
            han_core: core.chars().filter(|letter| is_han(*letter)).collect(),
            syllables: syllables(&han),
            han,
            core_words: if core_words.len() == n_words {
                core_words
            } else {
                words_of(&fold(&with_words_apart(&split_in_case(&looked_at, &core))))
            },
            words: words_of(&apart),
            numbers: numbers(&folded).into_iter().map(str::to_owned).collect(),
        }
    }

    /// Whether another name is the same but for case, blanks, signs and the writing of its characters. `4.1` is not `41`.
    pub(crate) fn is_same_but_for_writing(&self, other: &Self) -> bool {
        !self.joined.is_empty() && self.joined == other.joined && self.numbers == other.numbers
    }

    /// Whether it has Chinese characters.
    pub(crate) fn has_han(&self) -> bool {
        !self.han.is_empty()
    }

    /// Whether it has letters of another script.
    pub(crate) fn has_letters(&self) -> bool {
        self.words.iter().any(|word| word.chars().any(char::is_alphabetic))
    }

    /// The words of the core, one after another.
    pub(crate) fn core_letters(&self) -> String {
        self.core_words.concat()
    }
}

/// Whether a character is Chinese.
pub(crate) fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '〇')
}

fn letters(folded: &str) -> Vec<char> {
    folded.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// The beginning of the text that the core was taken from, in its own case, so that words can be told apart by it.
fn split_in_case(text: &str, core: &str) -> String {
    let n_letters = letters(core).len();
    let mut taken = 0;
    let beginning = text.chars().take_while(|letter| {
        taken += usize::from(letter.is_alphanumeric());
        taken <= n_letters
    });
    let beginning: String = beginning.collect();
    if letters(&fold(&beginning)) == letters(core) { beginning } else { core.to_owned() }
}

/// A blank between a small and a capital letter, and between letters of different scripts: `ChinaMobile`, `JR東日本`.
fn with_words_apart(text: &str) -> String {
    let mut apart = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for letter in text.chars() {
        let is_hump = before.is_lowercase() && letter.is_uppercase();
        let is_other_script = before.is_alphanumeric() && letter.is_alphanumeric() && is_han(before) != is_han(letter);
        if is_hump || is_other_script {
            apart.push(' ');
        }
        apart.push(letter);
        before = letter;
    }
    apart
}

fn words_of(folded: &str) -> Vec<String> {
    let runs = folded.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    let words =
        runs.map(|run| run.chars().filter(|letter| letter.is_alphanumeric() && !is_han(*letter)).collect::<String>());
    words.filter(|word| !word.is_empty()).collect()
}

/// The pinyin of each character, as it is read beside its neighbours.
fn syllables(han: &[char]) -> Vec<String> {
    let alone: Vec<String> = han.iter().map(|letter| sound(&letter.to_string())).collect();
    let mut found = alone.clone();
    for place in 1..han.len() {
        let both = sound(&han[place - 1..=place].iter().collect::<String>());
        let (first, second) = (&alone[place - 1], &alone[place]);
        if both.len() <= 1 || both == format!("{first}{second}") {
            continue;
        }
        if let Some(rest) = both.strip_prefix(first.as_str()) {
            found[place] = rest.to_owned();
        } else if let Some(rest) = both.strip_suffix(second.as_str()) {
            found[place - 1] = rest.to_owned();
        }
    }
    found
}

fn sound(han: &str) -> String {
    pinyin_key(han).unwrap_or_default().replace('v', "u")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart() {
        let parts = NameParts::of("中国移动通信集团有限公司");
        assert_eq!(parts.han_core.iter().collect::<String>(), "中国移动通信");
        assert!(parts.has_form && parts.words.is_empty());
        let parts = NameParts::of("重庆银行 Bank of ChongQing Co., Ltd.");
        assert_eq!(parts.syllables, ["chong", "qing", "yin", "hang"]);
        assert_eq!(parts.words, ["bank", "of", "chong", "qing", "co", "ltd"]);
        let parts = NameParts::of("ChinaMobile Limited");
        assert_eq!(parts.core_words, ["china", "mobile"]);
        assert_eq!(NameParts::of("GLM-4.1V").numbers, ["4.1"]);
    }

    #[test]
    fn nothing_long_or_strange_is_too_much() {
        for name in ["", " ", "😀😀", "شركة الاتصالات", &"万".repeat(10_000), "\u{202e}abc", "ﷺ"] {
            let parts = NameParts::of(name);
            assert!(parts.joined.len() <= 40 * CHARACTERS_MAX, "{name}");
        }
    }
}
