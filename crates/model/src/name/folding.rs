//! What of a text counts when two texts are compared: its letters and digits as words, model codes and numbers.
//!
//! A text is folded first ([`fold`]): the key of a name, without accents and with numeric character references
//! (`&#214;`) read, as exports of web pages have them. Pieces are slices of the folded text.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::key::normalise;
use super::script::is_han;

/// Shorter words of letters and digits, and shorter numbers, are no model codes: `2x`, `24`, `500`.
const CODE_CHARACTERS_MIN: usize = 3;
const DIGIT_CODE_CHARACTERS_MIN: usize = 4;

/// The text in the form in which it is compared: one key for all ways to write it, without accents.
pub fn fold(text: &str) -> String {
    let read = if text.contains("&#") { without_references(text) } else { text.to_owned() };
    let key = normalise(&read);
    if key.is_ascii() {
        return key;
    }
    key.nfd().filter(|letter| !is_combining_mark(*letter)).nfc().collect()
}

/// Reads `&#214;` and `&#xd6;`, also with blanks inside, which tokenised texts have.
fn without_references(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("&#") {
        out.push_str(&rest[..start]);
        let after = &rest[start + 2..];
        let read = after.split_once(';').and_then(|(number, behind)| Some((character(number.trim())?, behind)));
        match read {
            Some((letter, behind)) => {
                out.push(letter);
                rest = behind;
            }
            None => {
                out.push_str("&#");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(number: &str) -> Option<char> {
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code)
}

/// The words of a folded text, in order: runs of letters and digits; of Chinese characters, which stand without blanks,
/// each two neighbours.
pub fn words(folded: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for run in folded.split(|letter: char| !letter.is_alphanumeric()) {
        let mut rest = run;
        while let Some(first) = rest.chars().next() {
            let is_of_han = is_han(first);
            let end = rest.find(|letter| is_han(letter) != is_of_han).unwrap_or(rest.len());
            if is_of_han {
                push_neighbours(&rest[..end], &mut found);
            } else {
                found.push(&rest[..end]);
            }
            rest = &rest[end..];
        }
    }
    found
}

fn push_neighbours<'a>(run: &'a str, found: &mut Vec<&'a str>) {
    let starts: Vec<usize> = run.char_indices().map(|(start, _)| start).chain([run.len()]).collect();
    if starts.len() <= 3 {
        found.push(run);
        return;
    }
    found.extend(starts.windows(3).map(|window| &run[window[0]..window[2]]));
}

/// The model codes of a folded text, signs left out: `kx-ts208w` gives `kxts208w`, `mb769g/a` gives `mb769ga`.
///
/// A code has a digit, and a letter or four digits.
pub fn codes(folded: &str) -> Vec<String> {
    let mut found = Vec::new();
    for piece in folded.split(' ') {
        let code: String = piece.chars().filter(|letter| letter.is_alphanumeric() && !is_han(*letter)).collect();
        let has_letter = code.chars().any(char::is_alphabetic);
        let has_digit = code.bytes().any(|byte| byte.is_ascii_digit());
        let least = if has_letter { CODE_CHARACTERS_MIN } else { DIGIT_CODE_CHARACTERS_MIN };
        if has_digit && code.len() >= least {
            found.push(code);
        }
    }
    found
}

/// The numbers of a folded text as written: `1080`, `7.1`.
pub fn numbers(folded: &str) -> Vec<&str> {
    let is_part = |letter: char| letter.is_ascii_digit() || letter == '.';
    let runs = folded.split(|letter: char| !is_part(letter));
    runs.map(|run| run.trim_matches('.')).filter(|run| !run.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_references_and_scripts_fold() {
        assert_eq!(fold("M. Tamer Özsu"), fold("M. Tamer &#214; zsu").replace("o zsu", "ozsu"));
        assert_eq!(fold("騰訊元寶"), fold("腾讯元宝"));
        assert_eq!(fold("&# no reference"), "&# no reference");
        assert_eq!(fold("&#1114112; &#x41;"), "&#1114112; a");
    }

    #[test]
    fn words_codes_and_numbers() {
        assert_eq!(words("kimi智能助手 2.0 a"), ["kimi", "智能", "能助", "助手", "2", "0", "a"]);
        assert_eq!(words("豆包 x 云"), ["豆包", "x", "云"]);
        assert_eq!(
            codes("panasonic kx-ts208w 24 ' mb769g/a 1080p 915-000035 2x"),
            ["kxts208w", "mb769ga", "1080p", "915000035"]
        );
        assert_eq!(numbers("7.1-channel . 1080p v2."), ["7.1", "1080", "2"]);
        assert!(words("").is_empty() && codes("😀 ﷽").is_empty());
    }
}
