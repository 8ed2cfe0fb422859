//! What makes it another one: a place, a direction or a line of business that only one of two names has.
//!
//! `China Mobile` and `China Mobile Group Guangdong`, 百度 and 百度网盘 have a name in common, and are two. Pairs to learn
//! each such word from are never enough: the words are a list, `apart.tsv`, and something is taken off the log-odds for
//! them. A place in front of a registered name (上海…股份有限公司) says nothing: the short name leaves it out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::across::places_by_sound;
use super::lexicon::{across, extra_runs};
use super::parts::NameParts;

/// What speaks against a pair besides what trees learnt: what it is called among the reasons, and the nats it takes off.
pub(crate) type Against = (&'static str, f64);

/// The trees know of such words too, but not of all of them.
const ONLY_ONE_HAS: Against = ("a place, direction or line of business that only one name has", 3.5);
/// Two letters begin the syllables of one name in a few hundred: in a market of thousands, of several others as well.
const TWO_LETTERS: Against = ("two letters, which begin many a name by chance", 4.5);
const FEW_LETTERS: usize = 2;

struct Words {
    latin: BTreeMap<&'static str, Vec<Vec<char>>>,
    han: BTreeMap<Vec<char>, BTreeSet<&'static str>>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let mut words = Words { latin: BTreeMap::new(), han: BTreeMap::new() };
    for line in include_str!("apart.tsv").lines().filter(|line| !line.starts_with('#')) {
        let Some((latin, han)) = line.split_once('\t') else { continue };
        let characters: Vec<char> = han.chars().collect();
        if !latin.is_empty() {
            let meanings = words.latin.entry(latin).or_default();
            meanings.extend((!characters.is_empty()).then(|| characters.clone()));
        }
        if !characters.is_empty() {
            words.han.entry(characters).or_default().extend((!latin.is_empty()).then_some(latin));
        }
    }
    words
});

/// What speaks against two names being the same, if anything does.
pub(crate) fn against(one: &NameParts, other: &NameParts) -> Option<Against> {
    if is_apart(one, other) {
        return Some(ONLY_ONE_HAS);
    }
    let (han, latin) = across(one, other)?;
    let letters = latin.words.concat();
    let is_short = letters.chars().count() <= FEW_LETTERS && han.words.is_empty();
    (is_short && han.syllables.concat() != letters).then_some(TWO_LETTERS)
}

/// Whether some characters are a word of the list.
pub(crate) fn is_word(run: &[char]) -> bool {
    WORDS.han.contains_key(run)
}

/// Whether only one of the names has a word of the list.
pub(crate) fn is_apart(one: &NameParts, other: &NameParts) -> bool {
    if let Some((han, latin)) = across(one, other) {
        return is_apart_across(han, latin);
    }
    let of_words = one.has_letters() && other.has_letters() && (has_word(one, other) || has_word(other, one));
    let of_han = one.has_han() && other.has_han() && (has_run(one, other) || has_run(other, one));
    of_words || of_han
}

fn has_word(one: &NameParts, other: &NameParts) -> bool {
    let is_extra = |word: &&String| !other.words.contains(*word) && !other.core_letters().contains(word.as_str());
    one.words.iter().filter(is_extra).any(|word| WORDS.latin.contains_key(word.as_str()))
}

fn has_run(one: &NameParts, other: &NameParts) -> bool {
    extra_runs(&one.han, &other.han).iter().any(|run| {
        let run: Vec<char> = run.chars().collect();
        let is_in_front = one.has_form && one.han.starts_with(&run);
        WORDS.han.keys().any(|word| is_word_of(word, &run)) && !is_in_front
    })
}

/// One character must be the whole run; more may stand in it.
fn is_word_of(word: &[char], run: &[char]) -> bool {
    if word.len() == 1 { word == run } else { run.windows(word.len()).any(|window| window == word) }
}

fn is_apart_across(han: &NameParts, latin: &NameParts) -> bool {
    let is_said = |word: &str| {
        let is_meant = WORDS.latin.get(word).into_iter().flatten().any(|meaning| is_word_in(meaning, &han.han));
        is_meant || places_by_sound(&han.syllables, word).is_some()
    };
    let is_extra_word = latin.words.iter().any(|word| WORDS.latin.contains_key(word.as_str()) && !is_said(word));
    let letters = latin.words.concat();
    let is_extra_run = WORDS.han.iter().any(|(word, latin_words)| {
        let is_there = word.len() > 1 && is_word_in(word, &han.han) && !(han.has_form && han.han.starts_with(word));
        is_there && !latin_words.is_empty() && !latin_words.iter().any(|word| letters.contains(word))
    });
    is_extra_word || (is_extra_run && latin.words.len() > 1)
}

fn is_word_in(word: &[char], han: &[char]) -> bool {
    han.windows(word.len().max(1)).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_or_a_line_of_business_of_one_side_sets_apart() {
        let apart = |one: &str, other: &str| is_apart(&NameParts::of(one), &NameParts::of(other));
        for (one, other) in [
            ("China Mobile", "China Mobile Group Guangdong Co., Ltd."),
            ("中国移动通信集团有限公司", "中国移动通信集团设计院有限公司"),
            ("Alibaba", "Alibaba Health"),
            ("腾讯", "腾讯音乐"),
            ("百度", "百度网盘"),
            ("中国移动", "China Mobile Hong Kong"),
        ] {
            assert!(apart(one, other) && apart(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("中移动", "中国移动通信集团有限公司"),
            ("航天机电", "上海航天汽车机电股份有限公司"),
            ("天津银行", "Bank of Tianjin"),
            ("阿里云", "Alibaba Cloud"),
            ("JPMorgan", "JPMorgan Chase"),
        ] {
            assert!(!apart(one, other), "{one} {other}");
        }
    }
}
