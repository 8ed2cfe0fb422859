//! Simplified and traditional characters.
//!
//! Tables: OpenCC (<https://github.com/BYVoid/OpenCC>), through `ferrous-opencc`. For display whole phrases are
//! converted. For keys single characters are, through a table that is made from the same data once: it is some
//! hundred times faster, and it never depends on what stands beside a character.

use std::sync::LazyLock;

use ferrous_opencc::OpenCC;
use ferrous_opencc::config::BuiltinConfig;

use crate::word::word_enum;

word_enum! {
    /// The script a name is written in.
    pub enum Script called "script" {
        /// Latin letters only, besides digits and signs.
        Latin = "latin",
        /// Chinese characters; none that only traditional writing has.
        HanSimplified = "han_simplified",
        /// Chinese characters, at least one of which only traditional writing has.
        HanTraditional = "han_traditional",
        /// Chinese characters and letters of another script.
        Mixed = "mixed",
        /// Anything else, and no letters at all.
        Other = "other",
    }
}

static TO_SIMPLIFIED: LazyLock<Option<OpenCC>> = LazyLock::new(|| OpenCC::from_config(BuiltinConfig::T2s).ok());
static TO_TRADITIONAL: LazyLock<Option<OpenCC>> = LazyLock::new(|| OpenCC::from_config(BuiltinConfig::S2t).ok());

/// The text in simplified characters, for display.
pub fn to_simplified(text: &str) -> String {
    convert(&TO_SIMPLIFIED, text)
}

/// The text in traditional characters, for display.
pub fn to_traditional(text: &str) -> String {
    convert(&TO_TRADITIONAL, text)
}

fn convert(converter: &LazyLock<Option<OpenCC>>, text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    match &**converter {
        Some(converter) => converter.convert(text),
        // Infallible: the tables are compiled in, and a unit test converts with both.
        None => text.to_owned(),
    }
}

/// The script of a text's letters.
pub fn script_of(text: &str) -> Script {
    let mut has_han = false;
    let mut has_latin = false;
    let mut has_other = false;
    let mut has_traditional = false;
    for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
        if is_han(letter) {
            has_han = true;
            has_traditional |= simplified_character(letter) != letter;
        } else if is_latin(letter) {
            has_latin = true;
        } else {
            has_other = true;
        }
    }
    match (has_han, has_latin, has_other) {
        (true, false, false) if has_traditional => Script::HanTraditional,
        (true, false, false) => Script::HanSimplified,
        (true, _, _) => Script::Mixed,
        (false, true, false) => Script::Latin,
        (false, _, _) => Script::Other,
    }
}

/// Whether a character is a Chinese one (Unicode script Han, without radicals and strokes).
pub(crate) fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' | '〇' | '々')
}

fn is_latin(letter: char) -> bool {
    matches!(letter, 'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}')
}

const TABLE_START: u32 = 0x3400;
const TABLE_END: u32 = 0xa000;

/// The simplified form of each character of the two blocks in common use, fully applied.
static CHARACTERS: LazyLock<Vec<char>> = LazyLock::new(|| {
    let single_step: Vec<char> = (TABLE_START..TABLE_END)
        .filter_map(char::from_u32)
        .map(|traditional| {
            let simplified = to_simplified(traditional.encode_utf8(&mut [0; 4]));
            let mut letters = simplified.chars();
            match (letters.next(), letters.next()) {
                (Some(only), None) => only,
                _ => traditional,
            }
        })
        .collect();
    let step = |letter: char| table_index(letter).and_then(|index| single_step.get(index).copied()).unwrap_or(letter);
    // Some forms are simplified twice (a variant, then its standard); four steps are more than any chain has.
    single_step.iter().map(|once| step(step(step(*once)))).collect()
});

fn table_index(letter: char) -> Option<usize> {
    let code = u32::from(letter);
    let is_in_table = (TABLE_START..TABLE_END).contains(&code);
    is_in_table.then_some((code.wrapping_sub(TABLE_START)) as usize)
}

/// The simplified form of one character; the character itself where there is none.
pub(crate) fn simplified_character(letter: char) -> char {
    match table_index(letter) {
        Some(index) => CHARACTERS.get(index).copied().unwrap_or(letter),
        None => letter,
    }
}
