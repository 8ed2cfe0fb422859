//! The words of the pages in English, simplified and traditional Chinese.
//!
//! In: a key and a language. Out: the phrase, from `words.tsv` beside this file. To add a phrase: one line there.
//! Sentences that the lake says in English are recognised by their English ([`say_note`]).
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

/// A source as people read it: its own name, but where a text names none.
pub(crate) fn say_source(language: Language, source: &str) -> String {
    find(language, &format!("source.{source}")).unwrap_or(source).to_owned()
}

/// A sentence of the lake (a note, an error, a hint) in the visitor's language; as it is where nobody translated it.
pub(crate) fn say_note(language: Language, note: &str) -> String {
    if language == Language::En {
        return note.to_owned();
    }
    let sentences = TABLE.iter().filter(|(key, _)| key.starts_with("note."));
    let mut fitting: Vec<(&str, Vec<&str>)> =
        sentences.filter_map(|(key, phrases)| Some((*key, gaps_of(phrases[0], note)?))).collect();
    // The sentence that says most by itself, so that one of mere gaps never takes another's place.
    fitting.sort_by_key(|(key, gaps)| (gaps.iter().map(|gap| gap.len()).sum::<usize>(), *key));
    let Some((key, gaps)) = fitting.into_iter().next() else { return note.to_owned() };
    let mut parts = say(language, key).split("{}");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for (gap, part) in gaps.into_iter().zip(parts) {
        said.push_str(gap);
        said.push_str(part);
    }
    said
}

/// What stands in a sentence where a phrase has `{}`; `None` if it is not that phrase.
fn gaps_of<'a>(phrase: &str, sentence: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = phrase.split("{}");
    let mut rest = sentence.strip_prefix(parts.next()?)?;
    let mut gaps = Vec::new();
    for part in parts {
        let at = if part.is_empty() { rest.len() } else { rest.find(part)? };
        gaps.push(&rest[..at]);
        rest = &rest[at + part.len()..];
    }
    rest.is_empty().then_some(gaps)
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

/// What stands between the names of a list.
pub(crate) fn between(language: Language) -> &'static str {
    if language == Language::En { ", " } else { "、" }
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
    fn sentences_of_the_lake_are_recognised() {
        let note = "values are in several units (CNY, USD), so that ranks and shares across them mean nothing";
        assert_eq!(say_note(Language::En, note), note);
        assert!(say_note(Language::ZhHans, note).contains("（CNY, USD）"));
        assert_eq!(say_note(Language::ZhHant, "no claims on mau for 2030-01"), "沒有 mau 在 2030-01 的說法");
        assert_eq!(say_note(Language::ZhHans, "something new"), "something new");
        assert_eq!(gaps_of("{} rows of {}", "3 rows of x"), Some(vec!["3", "x"]));
        assert_eq!(gaps_of("{} rows", "3 rows more"), None);
        assert_eq!(say_source(Language::ZhHans, "unnamed"), "未具名来源");
        assert_eq!(say_source(Language::ZhHans, "QuestMobile"), "QuestMobile");
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
