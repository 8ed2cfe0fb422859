//! The shape of a name: what of it tells it from others, in the ways in which it can be read, and the keys that bring
//! together names that may be the same.
//!
//! `智谱AI`, `智譜` and `Zhipu AI` have the reading `zhipu`; `阿里云` reads `aliyun` and `alibabacloud`. A name's legal form and
//! words that say nothing (`App`, `AI`, `智能助手`) are left out where enough is left. Ordinary Chinese words are read as
//! English too, and well-known names by their own spelling (`data/glossary.tsv`). To add a word: a line there; one that says nothing: a row below.

use std::collections::HashMap;
use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::folding::fold;
use super::legal::split_legal_form;
use super::pinyin::pinyin_key;
use super::script::is_han;
use crate::Kind;

/// What is looked at of a longer name.
const CHARACTERS_MAX: usize = 200;
/// Words that say nothing of which product it is.
const EMPTY_WORDS: &[&str] =
    &["ai", "app", "apps", "the", "official", "com", "www", "io", "cn", "net", "org", "chatbot"];
/// Endings in Chinese that say nothing.
const EMPTY_ENDINGS: &[&str] = &["智能助手", "官方版", "客户端", "手机版", "网页版", "应用", "软件", "官网"];
/// Endings of companies' names that say nothing.
const EMPTY_COMPANY_ENDINGS: &[&str] =
    &["智能科技", "人工智能", "网络科技", "信息科技", "科技", "智能", "网络", "技术", "集团"];
const DIGITS: &[(char, char)] = &[
    ('零', '0'),
    ('一', '1'),
    ('二', '2'),
    ('三', '3'),
    ('四', '4'),
    ('五', '5'),
    ('六', '6'),
    ('七', '7'),
    ('八', '8'),
    ('九', '9'),
];

static GLOSSARY: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    include_str!("../../data/glossary.tsv").lines().filter_map(|line| line.split_once('\t')).collect()
});

/// What of a name is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameShape {
    /// The words that tell it from others, folded; a run of Chinese characters is one.
    pub words: Vec<String>,
    /// The words without blanks between.
    pub core: String,
    /// Ways to read it in Latin letters and digits, without blanks; the first is by pinyin, or the core itself.
    pub readings: Vec<String>,
    /// The numbers in it, in order: `4`, `3.5`.
    pub numbers: Vec<String>,
}

impl NameShape {
    /// The shape of a name of a kind; empty where the name has neither letters nor digits.
    pub fn of(kind: Kind, name: &str) -> Self {
        let end = name.char_indices().nth(CHARACTERS_MAX).map_or(name.len(), |(end, _)| end);
        let folded = fold(&name[..end]);
        let folded = if kind == Kind::Company { split_legal_form(&folded).core } else { folded };
        let mut words = split(&folded);
        let all = words.clone();
        words.retain(|word| !EMPTY_WORDS.contains(&word.as_str()));
        for word in &mut words {
            cut_endings(word, kind);
        }
        words.retain(|word| !word.is_empty());
        let is_enough = words.iter().map(|word| word.chars().count()).sum::<usize>() >= 2;
        let words = if is_enough { words } else { all };
        let core = words.concat();
        let numbers = numbers(&words);
        let readings = readings(&words);
        Self { words, core, readings, numbers }
    }

    /// Whether nothing is left to compare.
    pub fn is_empty(&self) -> bool {
        self.core.is_empty()
    }

    /// Keys of which two names that may be the same have one in common: readings, their halves (one mistake leaves one
    /// half whole), longer words, and neighbouring Chinese characters.
    pub fn keys(&self, kind: Kind) -> Vec<i64> {
        let key = |sort: u64, text: &str| key_of(kind, sort, text);
        let mut keys: Vec<i64> = self.readings.iter().map(|reading| reading_key(kind, reading)).collect();
        if let Some(reading) = self.readings.first() {
            let letters: Vec<char> = reading.chars().collect();
            if letters.len() >= 6 {
                let middle = letters.len() / 2;
                keys.push(key(2, &letters[..middle].iter().collect::<String>()));
                keys.push(key(3, &letters[letters.len() - middle..].iter().collect::<String>()));
            }
        }
        for word in &self.words {
            let letters: Vec<char> = word.chars().collect();
            if letters.iter().copied().all(is_han) {
                keys.extend(letters.windows(2).map(|two| key(4, &two.iter().collect::<String>())));
                if let Some(reading) = pinyin_key(word).filter(|_| letters.len() >= 2) {
                    keys.push(key(5, &reading));
                }
            } else if letters.len() >= 4 && self.words.len() > 1 {
                keys.push(key(5, word));
            }
        }
        if let [only] = self.words.as_slice()
            && only.is_ascii()
        {
            keys.push(key(5, only));
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// The key of one way to read a name of a kind.
pub fn reading_key(kind: Kind, reading: &str) -> i64 {
    key_of(kind, 1, reading)
}

fn key_of(kind: Kind, sort: u64, text: &str) -> i64 {
    let seed = kind as u64 + 1;
    xxh3_64_with_seed(text.as_bytes(), seed << 8 | sort).cast_signed()
}

/// Runs of letters and digits; Chinese characters and others apart.
fn split(folded: &str) -> Vec<String> {
    let mut words = Vec::new();
    for run in folded.split(|letter: char| !letter.is_alphanumeric()) {
        let mut rest = run;
        while let Some(first) = rest.chars().next() {
            let is_of_han = is_han(first);
            let end = rest.find(|letter| is_han(letter) != is_of_han).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            rest = &rest[end..];
        }
    }
    words
}

fn cut_endings(word: &mut String, kind: Kind) {
    let company: &[&str] = if kind == Kind::Company { EMPTY_COMPANY_ENDINGS } else { &[] };
    let ending = EMPTY_ENDINGS.iter().chain(company).find(|ending| word.ends_with(**ending));
    if let Some(ending) = ending {
        let rest = &word[..word.len() - ending.len()];
        if rest.is_empty() || rest.chars().count() >= 2 {
            word.truncate(rest.len());
        }
    }
}

fn numbers(words: &[String]) -> Vec<String> {
    let runs = words.iter().flat_map(|word| word.split(|letter: char| !letter.is_ascii_digit()));
    runs.filter(|run| !run.is_empty()).map(str::to_owned).collect()
}

fn readings(words: &[String]) -> Vec<String> {
    let core = words.concat();
    if core.is_empty() {
        return Vec::new();
    }
    let Some(pinyin) = pinyin_key(&core) else { return vec![core] };
    let mut readings = vec![pinyin];
    readings.extend(glossed(words));
    if let Some(with_digits) = with_digits(&core) {
        readings.extend(pinyin_key(&with_digits));
    }
    readings.dedup();
    readings
}

/// The name with its ordinary words in English and the others in pinyin; `None` where it has no ordinary word.
fn glossed(words: &[String]) -> Option<String> {
    let mut reading = String::new();
    let mut is_glossed = false;
    for word in words {
        let letters: Vec<char> = word.chars().collect();
        let mut at = 0;
        while at < letters.len() {
            let longest = (1..=4.min(letters.len() - at)).rev().find_map(|length| {
                let piece: String = letters[at..at + length].iter().collect();
                GLOSSARY.get(piece.as_str()).map(|english| (length, *english))
            });
            if let Some((length, english)) = longest {
                is_glossed = true;
                reading.push_str(english);
                at += length;
            } else {
                let letter = letters[at].to_string();
                reading.push_str(&pinyin_key(&letter).unwrap_or(letter));
                at += 1;
            }
        }
    }
    is_glossed.then_some(reading)
}

/// `零一万物` as `01万物`: two Chinese digits or more at the beginning.
fn with_digits(core: &str) -> Option<String> {
    let digit = |letter: char| DIGITS.iter().find(|(han, _)| *han == letter).map(|(_, digit)| *digit);
    let digits: String = core.chars().map_while(digit).collect();
    let rest: String = core.chars().skip(digits.len()).collect();
    (digits.len() >= 2 && !rest.is_empty()).then(|| digits + &rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(kind: Kind, left: &str, right: &str) -> bool {
        let right = NameShape::of(kind, right).keys(kind);
        NameShape::of(kind, left).keys(kind).iter().any(|key| right.contains(key))
    }

    #[test]
    fn one_reading_for_many_ways_to_write_it() {
        let first = |kind, name| NameShape::of(kind, name).readings[0].clone();
        for name in ["智谱AI", "智譜", "Zhipu AI", "智谱科技有限公司"] {
            assert_eq!(first(Kind::Company, name), "zhipu", "{name}");
        }
        assert_eq!(first(Kind::Product, "Kimi智能助手"), first(Kind::Product, "Kimi"));
        assert!(NameShape::of(Kind::Company, "阿里云").readings.contains(&"alibabacloud".to_owned()));
        assert_eq!(NameShape::of(Kind::Company, "零一万物").readings, ["lingyiwanwu", "01wanwu"]);
        assert_eq!(NameShape::of(Kind::Product, "GPT-4o mini 3.5").numbers, ["4", "3", "5"]);
        assert_ne!(first(Kind::Product, "豆包大模型"), first(Kind::Product, "豆包"));
    }

    #[test]
    fn names_that_may_be_the_same_share_a_key() {
        for (left, right) in
            [("豆包", "Doubao"), ("腾讯元宝", "元宝"), ("Mircosoft Office", "Microsoft Office"), ("ChatGTP", "ChatGPT")]
        {
            assert!(share(Kind::Product, left, right), "{left} {right}");
        }
        assert!(share(Kind::Company, "火山引擎", "Volcano Engine"));
        assert!(!share(Kind::Product, "Kimi", "豆包"));
    }

    #[test]
    fn odd_names_do_no_harm() {
        for name in ["", " ", "😀😀", "™", "שלום עולם", "مرحبا", &"x".repeat(10_000), &"长".repeat(10_000)]
        {
            let shape = NameShape::of(Kind::Product, name);
            assert!(shape.keys(Kind::Product).len() <= CHARACTERS_MAX + 8, "{name}");
        }
        assert!(NameShape::of(Kind::Product, "😀").is_empty());
        assert!(!NameShape::of(Kind::Product, "AI").is_empty());
    }
}
