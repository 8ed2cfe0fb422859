//! Entities and the names they are known by: in which language each is shown, and how well a text matches them.

use crowsnest_model::{Kind, initials_key, normalise, pinyin_key, search_key, to_simplified, to_traditional};
use serde::{Deserialize, Serialize};

/// A language that names are shown in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    En,
    /// Chinese in simplified characters.
    #[serde(rename = "zh-Hans")]
    ZhHans,
    /// Chinese in traditional characters.
    #[serde(rename = "zh-Hant")]
    ZhHant,
}

impl Language {
    /// From a tag such as `en`, `zh-Hans`, `zh-CN`, `zh-TW`; `None` for other languages.
    pub fn parse(tag: &str) -> Option<Self> {
        let tag = tag.to_ascii_lowercase();
        let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| tag.starts_with(prefix));
        if is(&["zh-hant", "zh-tw", "zh-hk", "zh-mo"]) {
            return Some(Self::ZhHant);
        }
        if is(&["zh"]) {
            return Some(Self::ZhHans);
        }
        is(&["en"]).then_some(Self::En)
    }

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::ZhHans => "zh-Hans",
            Self::ZhHant => "zh-Hant",
        }
    }
}

/// A product, company or segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Its id: the hash of kind and canonical name.
    pub id: i64,
    /// What it is.
    pub kind: Kind,
    /// Name in English, or as written where none is known.
    pub name_en: String,
    /// Name in simplified Chinese, or as written.
    pub name_hans: String,
    /// Name in traditional Chinese, or as written.
    pub name_hant: String,
    /// The company it belongs to.
    pub owner: Option<i64>,
    /// How many sources' mentions are it.
    pub n_mentions: usize,
    /// Whether the catalogue names it.
    pub is_catalogued: bool,
    pub(super) keys: Vec<String>,
    /// Their letters and digits alone.
    letters: Vec<String>,
    sounds: Vec<String>,
}

impl Entity {
    /// The name in a language.
    pub fn name(&self, language: Language) -> &str {
        match language {
            Language::En => &self.name_en,
            Language::ZhHans => &self.name_hans,
            Language::ZhHant => &self.name_hant,
        }
    }

    /// The id as 16 hexadecimal digits, as in addresses.
    pub fn hex(&self) -> String {
        entity_hex(self.id)
    }
}

/// An entity id as 16 hexadecimal digits.
pub fn entity_hex(id: i64) -> String {
    format!("{:016x}", id as u64)
}

/// The id of 16 hexadecimal digits.
pub(crate) fn parse_hex(text: &str) -> Option<i64> {
    (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(|id| id as i64)).flatten()
}

impl Entity {
    pub(super) fn named(id: i64, kind: Kind, name: &str) -> Self {
        Self {
            id,
            kind,
            name_en: name.to_owned(),
            name_hans: String::new(),
            name_hant: String::new(),
            owner: None,
            n_mentions: 0,
            is_catalogued: false,
            keys: vec![normalise(name)],
            letters: Vec::new(),
            sounds: Vec::new(),
        }
    }

    pub(super) fn of_mention(id: i64, kind: Kind, name: &str) -> Self {
        let mut entity = Self::named(id, kind, name);
        entity.name_hans = to_simplified(name);
        entity.name_hant = to_traditional(name);
        entity
    }

    /// The first name that the catalogue gives in a language is the one shown.
    pub(super) fn learn(&mut self, alias: &str, language: &str) {
        self.keys.push(normalise(alias));
        match language {
            "zh-Hans" if self.name_hans.is_empty() => self.name_hans = alias.to_owned(),
            "zh-Hant" if self.name_hant.is_empty() => self.name_hant = alias.to_owned(),
            "pinyin" => self.sounds.push(search_key(alias)),
            _ => {}
        }
    }

    /// Another mention's name; shown where a language has none of its own yet.
    pub(super) fn also_called(&mut self, name: &str) {
        self.keys.push(normalise(name));
        if self.is_catalogued {
            return;
        }
        let is_latin = |text: &str| text.is_ascii();
        if is_latin(name) && !is_latin(&self.name_en) {
            self.name_en = name.to_owned();
        } else if !is_latin(name) && is_latin(&self.name_hans) {
            (self.name_hans, self.name_hant) = (to_simplified(name), to_traditional(name));
        }
    }

    /// What a person calls it; the catalogue's names stay.
    pub(super) fn be_called(&mut self, name: &str, language: &str) {
        self.keys.push(normalise(name));
        if self.is_catalogued {
            return;
        }
        match language {
            "zh-Hans" => self.name_hans = name.to_owned(),
            "zh-Hant" => self.name_hant = name.to_owned(),
            "en" => self.name_en = name.to_owned(),
            _ => {
                self.name_en = name.to_owned();
                (self.name_hans, self.name_hant) = (to_simplified(name), to_traditional(name));
            }
        }
    }

    pub(super) fn finish(&mut self) {
        if self.name_hans.is_empty() {
            let from = if self.name_hant.is_empty() { &self.name_en } else { &self.name_hant };
            self.name_hans = to_simplified(from);
        }
        if self.name_hant.is_empty() {
            self.name_hant = to_traditional(&self.name_hans);
        }
        self.keys.sort_unstable();
        self.keys.dedup();
        for key in &self.keys {
            self.sounds.extend(pinyin_key(key));
            self.sounds.extend(initials_key(key));
        }
        self.sounds.sort_unstable();
        self.sounds.dedup();
        self.letters = self.keys.iter().map(|key| letters_and_digits(key)).collect();
        self.letters.dedup();
    }

    /// Everything that a search may find it by.
    pub(super) fn spelt(&self) -> impl Iterator<Item = &str> {
        self.letters.iter().chain(&self.sounds).map(String::as_str)
    }

    pub(super) fn score(&self, wanted: &str) -> Option<u8> {
        let mut best: Option<u8> = None;
        let mut offer = |score: u8| best = Some(best.map_or(score, |had| had.min(score)));
        // What is wanted has letters and digits alone.
        for key in &self.letters {
            match key.find(wanted) {
                Some(0) if key.len() == wanted.len() => offer(0),
                Some(0) => offer(2),
                Some(_) => offer(4),
                None => {}
            }
        }
        for sound in &self.sounds {
            match sound.find(wanted) {
                Some(0) if sound.len() == wanted.len() => offer(1),
                Some(0) => offer(3),
                Some(_) if wanted.len() >= 3 => offer(5),
                _ => {}
            }
        }
        best
    }
}

fn letters_and_digits(key: &str) -> String {
    key.chars().filter(|character| character.is_alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_whatever_stands_between_their_words() {
        let mut entity = Entity::named(1, Kind::Product, "python-dateutil");
        entity.keys.push(normalise("Py Date.Util"));
        entity.finish();
        let of = |text: &str| entity.score(&search_key(text));
        assert_eq!([of("python-dateutil"), of("Python DateUtil"), of("pydateutil")], [Some(0); 3]);
        assert_eq!([of("python-d"), of("date util"), of("dates")], [Some(2), Some(4), None]);
    }
}
