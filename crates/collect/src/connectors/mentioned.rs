//! Whether a text names somebody: whole words where words are written apart, anywhere in a text where they are not.

use schemars::JsonSchema;
use serde::Deserialize;

/// A subject with the words by which texts name it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Watched {
    /// The subject, as it is called in the lake.
    pub(crate) name: String,
    /// Its kind: product, company or segment.
    #[serde(default = "company")]
    pub(crate) kind: String,
    /// Words or phrases by which it is named, in any case; its name if none are given.
    #[serde(default)]
    words: Vec<String>,
    /// Words that say that somebody else is meant: `Gemini` is not the product where `horoscope` stands.
    #[serde(default)]
    not: Vec<String>,
}

fn company() -> String {
    "company".into()
}

impl Watched {
    /// Whether a text names it.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let is_named = if self.words.is_empty() {
            names(&text, &self.name)
        } else {
            self.words.iter().any(|word| names(&text, word))
        };
        is_named && !self.not.iter().any(|word| names(&text, word))
    }
}

/// Whether a word stands in a text that is in lower case.
fn names(text: &str, word: &str) -> bool {
    let word = word.trim().to_lowercase();
    if word.is_empty() {
        return false;
    }
    text.match_indices(&word).any(|(start, found)| {
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        let after = text.get(start + found.len()..).and_then(|after| after.chars().next());
        !goes_on(before, found.chars().next()) && !goes_on(found.chars().next_back(), after)
    })
}

/// Whether two neighbours belong to one word: letters or digits, neither of them Chinese, Japanese or Korean.
fn goes_on(left: Option<char>, right: Option<char>) -> bool {
    let is_of_word = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() && !is_cjk(letter));
    is_of_word(left) && is_of_word(right)
}

/// Whether a letter belongs to a script that is written without blanks between words.
pub(crate) fn is_cjk(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_and_chinese_names_stand_anywhere() {
        let is_named = |text: &str, word: &str| names(&text.to_lowercase(), word);
        assert!(is_named("OpenAI's new model", "openai") && is_named("using GPT-5.", "GPT-5"));
        assert!(!is_named("Metadata of metals", "Meta") && is_named("Meta, again", "Meta"));
        assert!(is_named("字节旗下豆包月活过亿", "豆包") && is_named("传OpenAI将收购", "OpenAI"));
        assert!(!is_named("ChatGPT5", "ChatGPT") && !is_named("", "x") && !is_named("x", " "));
    }
}
