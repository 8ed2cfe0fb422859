//! The key of a name: the same for every way to write it.
//!
//! Steps, for each character: NFKC (UAX #15), signs that say nothing dropped (™, zero-width, control), quotes,
//! dashes and dots of several shapes made one, traditional to simplified, lower case. Then blanks: runs become one,
//! none at the ends, none beside a Chinese character, where writers put them or not as they like.

use unicode_normalization::UnicodeNormalization;

use super::script::{is_han, simplified_character};

/// The key that names are compared by.
///
/// Idempotent; empty for a text of blanks only. Punctuation stays (`C++`, `Character.AI`), in one shape.
pub fn normalise(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    normalise_into(text, &mut key);
    key
}

/// As [`normalise`], into a buffer that is cleared first and can be used again.
///
/// ASCII text is copied in one pass; other text passes through Unicode normalisation.
pub fn normalise_into(text: &str, out: &mut String) {
    out.clear();
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        out.push_str(text);
        out.make_ascii_lowercase();
        return;
    }
    if text.is_ascii() {
        push_ascii(text, out);
        return;
    }
    let mut pending_blank = false;
    let folded = text
        .chars()
        .filter(|letter| !is_dropped(*letter))
        .nfkc()
        .flat_map(char::to_lowercase)
        .nfkc()
        .filter(|letter| !is_dropped(*letter))
        .map(one_shape);
    for letter in folded {
        if letter.is_whitespace() {
            pending_blank = true;
            continue;
        }
        let is_beside_han = is_han(letter) || out.chars().next_back().is_some_and(is_han);
        if pending_blank && !out.is_empty() && !is_beside_han {
            out.push(' ');
        }
        pending_blank = false;
        out.push(letter);
    }
}

fn push_ascii(text: &str, out: &mut String) {
    let mut pending_blank = false;
    for byte in text.bytes() {
        if matches!(byte, b' ' | b'\t'..=b'\r') {
            pending_blank = true;
            continue;
        }
        if byte.is_ascii_control() {
            continue;
        }
        if pending_blank && !out.is_empty() {
            out.push(' ');
        }
        pending_blank = false;
        out.push(char::from(byte.to_ascii_lowercase()));
    }
}

fn is_dropped(letter: char) -> bool {
    let is_control = letter.is_control() && !letter.is_whitespace();
    is_control
        || matches!(
            letter,
            '™' | '®' | '©' | '℠' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
                | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}'
        )
}

fn one_shape(letter: char) -> char {
    match letter {
        '‘' | '’' | '‚' | '‛' | 'ʼ' | '`' | '´' => '\'',
        '“' | '”' | '„' | '‟' | '«' | '»' | '「' | '」' | '『' | '』' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' => '-',
        '·' | '・' | '•' | '‧' | '∙' | '⋅' => '·',
        '。' => '.',
        '、' => ',',
        '《' | '〈' => '<',
        '》' | '〉' => '>',
        '【' | '〔' => '[',
        '】' | '〕' => ']',
        'ς' => 'σ',
        other => simplified_character(other),
    }
}

/// The name as one lower-case word in simplified characters, without blanks and punctuation, to search by.
///
/// `Chat GPT-4o` gives `chatgpt4o`; empty if the text has neither letters nor digits.
pub fn search_key(text: &str) -> String {
    let mut key = normalise(text);
    key.retain(char::is_alphanumeric);
    key
}
