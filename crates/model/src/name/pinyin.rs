//! Pinyin of names, without tones, to find 豆包 by `doubao` or `db`.
//!
//! Readings: the pinyin-data tables (<https://github.com/mozillazg/pinyin-data>), through the `pinyin` crate, which
//! gives each character its most frequent reading. Words in which that is wrong are listed here; to add one, a row.

use pinyin::ToPinyin;

use super::key::normalise;
use super::script::is_han;

/// Words whose characters are read otherwise than by themselves.
const WORDS: &[(&str, &[&str])] = &[
    ("银行", &["yin", "hang"]),
    ("行业", &["hang", "ye"]),
    ("重庆", &["chong", "qing"]),
    ("音乐", &["yin", "yue"]),
    ("乐谱", &["yue", "pu"]),
    ("长城", &["chang", "cheng"]),
    ("长江", &["chang", "jiang"]),
    ("长虹", &["chang", "hong"]),
    ("长安", &["chang", "an"]),
    ("长沙", &["chang", "sha"]),
    ("长春", &["chang", "chun"]),
    ("厦门", &["xia", "men"]),
    ("会计", &["kuai", "ji"]),
    ("单于", &["chan", "yu"]),
    ("朝阳", &["chao", "yang"]),
    ("便宜", &["pian", "yi"]),
    ("西藏", &["xi", "zang"]),
    ("传奇", &["chuan", "qi"]),
    ("弹琴", &["tan", "qin"]),
    ("教会", &["jiao", "hui"]),
    ("校对", &["jiao", "dui"]),
    ("大模型", &["da", "mo", "xing"]),
    ("大夫", &["dai", "fu"]),
];

/// The name in lower-case pinyin without tones or blanks, other letters and digits kept: `Kimi智能助手` gives
/// `kimizhinengzhushou`.
///
/// `None` if there's no Chinese character in it.
pub fn pinyin_key(text: &str) -> Option<String> {
    read(text, |syllable, key| key.push_str(syllable))
}

/// The first letters of the pinyin, other letters and digits kept: `豆包` gives `db`.
///
/// `None` if there's no Chinese character in it.
pub fn initials_key(text: &str) -> Option<String> {
    read(text, |syllable, key| key.extend(syllable.chars().next()))
}

fn read(text: &str, push: impl Fn(&str, &mut String)) -> Option<String> {
    let name = normalise(text);
    if !name.chars().any(is_han) {
        return None;
    }
    let mut key = String::with_capacity(name.len());
    let mut rest = name.as_str();
    while let Some(letter) = rest.chars().next() {
        let word = WORDS.iter().find(|(word, _)| rest.starts_with(word));
        if let Some((word, syllables)) = word {
            for syllable in *syllables {
                push(syllable, &mut key);
            }
            rest = &rest[word.len()..];
            continue;
        }
        match letter.to_pinyin() {
            // ü is typed as v.
            Some(reading) => push(&reading.plain().replace('ü', "v"), &mut key),
            None if letter.is_alphanumeric() => key.push(letter),
            None => {}
        }
        rest = &rest[letter.len_utf8()..];
    }
    Some(key)
}
