//! The words of the pages in English, simplified and traditional Chinese.
//!
//! In: a key and a language. Out: the phrase, from `words.tsv` beside this file. To add a phrase: one line there.
//! A key that the table lacks is shown as it is, so that a new event or unit reads plainly until somebody translates
//! it; a test looks up every key that the templates and the code name.

use std::collections::HashMap;
use std::sync::LazyLock;

use crowsnest_lake::Language;

static TABLE: LazyLock<HashMap<&'static str, [&'static str; 3]>> = LazyLock::new(|| {
    let lines = include_str!("words.tsv").lines().filter(|line| !line.starts_with('#'));
    let mut table = HashMap::new();
    for line in lines {
        let mut cells = line.split('\t');
        if let (Some(key), Some(en), Some(hans), Some(hant)) = (cells.next(), cells.next(), cells.next(), cells.next())
        {
            table.insert(key, [en, hans, hant]);
        }
    }
    table
});

/// The phrase of a key, if the table has it.
pub(crate) fn find(language: Language, key: &str) -> Option<&'static str> {
    let phrases = TABLE.get(key)?;
    Some(match language {
        Language::En => phrases[0],
        Language::ZhHans => phrases[1],
        Language::ZhHant => phrases[2],
    })
}

/// The phrase of a key; the key itself where the table lacks it.
pub(crate) fn say(language: Language, key: &str) -> &str {
    find(language, key).unwrap_or(key)
}

/// The phrase of a key with its `{}` filled in.
pub(crate) fn say_with(language: Language, key: &str, filling: &str) -> String {
    say(language, key).replacen("{}", filling, 1)
}

/// The phrase for a word of the data, such as a status or a unit: `group.word`, else the word with blanks for `_`.
pub(crate) fn say_word(language: Language, group: &str, word: &str) -> String {
    match find(language, &format!("{group}.{word}")) {
        Some(phrase) => phrase.to_owned(),
        None => word.replace('_', " "),
    }
}

/// The first known language of an `Accept-Language` header, by its weights (RFC 9110, 12.5.4).
pub(crate) fn accepted(header: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for part in header.split(',').take(20) {
        let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
        let Some(language) = Language::parse(tag.trim()) else { continue };
        if weight > 0.0 && best.is_none_or(|(heaviest, _)| weight > heaviest) {
            best = Some((weight, language));
        }
    }
    best.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_has_four_cells() {
        for line in include_str!("words.tsv").lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), 4, "{line}");
            assert!(cells.iter().all(|cell| !cell.trim().is_empty()), "{line}");
            let n_gaps: Vec<usize> = cells[1..].iter().map(|cell| cell.matches("{}").count()).collect();
            assert!(n_gaps.iter().all(|n| *n == n_gaps[0]), "{line}");
        }
    }

    #[test]
    fn templates_name_only_keys_that_exist() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut n_keys = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for piece in text.split("page.say(\"").chain(text.split("page.say_with(\"")).skip(1) {
                let Some((key, _)) = piece.split_once('"') else { continue };
                if !key.contains(['<', ' ', '>']) {
                    n_keys += 1;
                    assert!(find(Language::En, key).is_some(), "{key} in {}", path.display());
                }
            }
        }
        assert!(n_keys > 50);
    }

    #[test]
    fn browsers_get_the_language_they_prefer() {
        assert_eq!(accepted("zh-TW,zh;q=0.9,en;q=0.8"), Some(Language::ZhHant));
        assert_eq!(accepted("de-DE,de;q=0.9,en;q=0.8,zh-CN;q=0.7"), Some(Language::En));
        assert_eq!(accepted("en;q=0.2, zh-CN;q=0.7"), Some(Language::ZhHans));
        assert_eq!(accepted("en;q=0"), None);
        assert_eq!(accepted("fr"), None);
        assert_eq!(accepted(""), None);
    }
}
