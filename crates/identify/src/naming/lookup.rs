//! Looking a name up among many: candidates by keys, each judged by the model, best first.
//!
//! Keys are the name itself, its words, each two neighbouring characters, their pinyin, first letters, and what ordinary
//! words mean. Rare keys count for more, and a key of too many names for nothing, so that a look-up takes time by what the
//! name has in common with others, not by how many names there are.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::comparisons::COMPARISONS;
use super::lexicon::pieces;
use super::model::{self, Judged, NameModel};
use super::parts::NameParts;

/// A key that more names have finds none of them, unless it is a whole name.
const NAMES_OF_KEY_MAX: usize = 2_000;
/// Names that are compared in full.
const COMPARED_MAX: usize = 80;
/// Reasons that are told.
const REASONS_MAX: usize = 4;

/// A name that is known, and whose.
#[derive(Debug, Clone)]
pub struct KnownName {
    /// The entity's id.
    pub entity: i64,
    /// One of its names.
    pub name: String,
}

/// An entity that a name may be of.
#[derive(Debug, Clone)]
pub struct FoundName {
    /// The entity's id.
    pub entity: i64,
    /// Which of its names is most like the one that was asked for.
    pub name: String,
    /// How probable it is that both are the same, 0 to 1.
    pub probability: f64,
    /// Whether it may be taken without asking: from the model's threshold on, and no other entity is so too.
    pub is_match: bool,
    /// Why, the weightiest first.
    pub reasons: Vec<NameReason>,
}

impl FoundName {
    /// The reasons in one line: what was compared, and by how much it speaks for the same (+) or against (-).
    pub fn why(&self) -> String {
        let told = self.reasons.iter().map(|reason| match reason.weight {
            0.0 => reason.comparison.clone(),
            weight => format!("{} ({weight:+.1})", reason.comparison),
        });
        told.collect::<Vec<_>>().join("; ")
    }
}

/// Why two names are held to be the same or different.
#[derive(Debug, Clone, Serialize)]
pub struct NameReason {
    /// What was compared.
    pub comparison: String,
    /// What was found; `None` where it cannot be compared.
    pub found: Option<f32>,
    /// What it moved the log-odds by: positive for the same.
    pub weight: f64,
}

/// Names to look up among.
#[derive(Debug)]
pub struct NameIndex {
    names: Vec<(KnownName, NameParts)>,
    keys: HashMap<String, Vec<u32>>,
    model: &'static NameModel,
}

impl NameIndex {
    /// Takes names in; the model is learnt if it was not yet.
    pub fn new(names: Vec<KnownName>) -> Self {
        let model = model::shipped();
        let names: Vec<(KnownName, NameParts)> = names
            .into_iter()
            .map(|known| (NameParts::of(&known.name), known))
            .filter(|(parts, _)| !parts.joined.is_empty())
            .map(|(parts, known)| (known, parts))
            .collect();
        let mut keys: HashMap<String, Vec<u32>> = HashMap::new();
        for (place, (_, parts)) in names.iter().enumerate() {
            for key in keys_of(parts, model) {
                keys.entry(key).or_default().push(place as u32);
            }
        }
        Self { names, keys, model }
    }

    /// The entities that a name may be of, best first: each once, with its name that is most alike.
    ///
    /// Empty for a name without a letter or digit.
    pub fn find(&self, name: &str, limit: usize, is_wanted: impl Fn(i64) -> bool) -> Vec<FoundName> {
        let asked = NameParts::of(name);
        if asked.joined.is_empty() || limit == 0 {
            return Vec::new();
        }
        let mut best: HashMap<i64, (f64, u32)> = HashMap::new();
        let candidates = self.candidates(&asked, is_wanted);
        let pairs: Vec<[&NameParts; 2]> =
            candidates.iter().map(|place| [&asked, &self.names[*place as usize].1]).collect();
        for (place, probability) in candidates.iter().zip(self.model.probabilities(&pairs)) {
            let (known, parts) = &self.names[*place as usize];
            // The same but for writing needs no model.
            let probability = if parts.is_same_but_for_writing(&asked) { 1.0 } else { probability };
            let of_entity = best.entry(known.entity).or_insert((-1.0, *place));
            if probability > of_entity.0 {
                *of_entity = (probability, *place);
            }
        }
        let mut found: Vec<(f64, u32)> = best.into_values().collect();
        found.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        let n_sure = found.iter().filter(|(probability, _)| *probability >= self.model.threshold).count();
        found.truncate(limit);
        let sure = |place: usize, probability: f64| {
            place == 0 && probability >= self.model.threshold && (n_sure == 1 || self.is_only_same(&asked, &found))
        };
        let told = found.iter().enumerate().map(|(place, (probability, name))| FoundName {
            entity: self.names[*name as usize].0.entity,
            name: self.names[*name as usize].0.name.clone(),
            probability: *probability,
            is_match: sure(place, *probability),
            reasons: self.reasons(&asked, *name),
        });
        told.collect()
    }

    /// Whether the first is the same but for writing, and the second is not.
    fn is_only_same(&self, asked: &NameParts, found: &[(f64, u32)]) -> bool {
        let is_same = |place: usize| {
            found.get(place).is_some_and(|(_, name)| self.names[*name as usize].1.is_same_but_for_writing(asked))
        };
        is_same(0) && !is_same(1)
    }

    fn reasons(&self, asked: &NameParts, name: u32) -> Vec<NameReason> {
        let parts = &self.names[name as usize].1;
        if parts.is_same_but_for_writing(asked) {
            return vec![NameReason { comparison: COMPARISONS[0].to_owned(), found: Some(1.0), weight: 0.0 }];
        }
        told(&self.model.judge(asked, parts))
    }

    /// The places of names that have most in common with the one that is asked for, by the rarity of it.
    fn candidates(&self, asked: &NameParts, is_wanted: impl Fn(i64) -> bool) -> Vec<u32> {
        let mut scores: HashMap<u32, f32> = HashMap::new();
        for key in keys_of(asked, self.model) {
            let Some(places) = self.keys.get(&key) else { continue };
            if places.len() > NAMES_OF_KEY_MAX && !key.starts_with('=') {
                continue;
            }
            let weight = ((self.names.len() + 1) as f32 / places.len() as f32).ln();
            for place in places.iter().take(NAMES_OF_KEY_MAX) {
                *scores.entry(*place).or_default() += weight;
            }
        }
        let mut found: Vec<(u32, f32)> =
            scores.into_iter().filter(|(place, _)| is_wanted(self.names[*place as usize].0.entity)).collect();
        found.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        found.truncate(COMPARED_MAX);
        found.into_iter().map(|(place, _)| place).collect()
    }
}

fn told(judged: &Judged) -> Vec<NameReason> {
    let mut reasons: Vec<NameReason> = judged
        .parts
        .iter()
        .zip(COMPARISONS)
        .map(|((found, weight), comparison)| NameReason {
            comparison: (*comparison).to_owned(),
            found: (!found.is_nan()).then_some(*found),
            weight: *weight,
        })
        .filter(|reason| reason.found.is_some() && reason.weight.abs() >= 0.05)
        .collect();
    if let Some((comparison, nats)) = judged.against {
        reasons.push(NameReason { comparison: comparison.to_owned(), found: Some(1.0), weight: -nats });
    }
    reasons.sort_by(|one, other| other.weight.abs().total_cmp(&one.weight.abs()));
    reasons.truncate(REASONS_MAX);
    reasons
}

/// The keys under which a name is found. Those that begin with `=` are whole names.
fn keys_of(parts: &NameParts, model: &NameModel) -> BTreeSet<String> {
    let text = |letters: &[char]| letters.iter().collect::<String>();
    let mut keys = pieces(parts);
    keys.insert(format!("={}", text(&parts.joined)));
    keys.insert(format!("={}", text(&parts.core)));
    if parts.has_han() {
        keys.insert(format!("={}", parts.syllables.concat()));
        keys.extend(parts.syllables.windows(2).map(<[String]>::concat));
        keys.insert(format!("~{}", first_letters(&parts.syllables)));
        keys.extend(parts.han.iter().map(|letter| letter.to_string()));
        keys.extend(model.words_for(&parts.han));
    }
    if parts.has_letters() {
        keys.insert(format!("={}", parts.core_letters()));
        keys.extend(parts.words.windows(2).map(<[String]>::concat));
        keys.insert(format!("~{}", first_letters(&parts.words)));
        if let [word] = parts.words.as_slice() {
            keys.insert(format!("~{word}"));
        }
        keys.extend(parts.words.iter().filter(|word| word.len() > 5).map(|word| word.chars().take(4).collect()));
    }
    keys
}

fn first_letters(words: &[String]) -> String {
    words.iter().filter_map(|word| word.chars().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> NameIndex {
        let known = [
            (1, "中国移动"),
            (1, "China Mobile"),
            (2, "豆包"),
            (3, "ByteDance"),
            (3, "字节跳动"),
            (4, "Kimi K2"),
            (5, "Kimi K2.5"),
        ];
        NameIndex::new(
            known.iter().map(|(entity, name)| KnownName { entity: *entity, name: (*name).to_owned() }).collect(),
        )
    }

    fn first(index: &NameIndex, name: &str) -> Option<i64> {
        index.find(name, 3, |_| true).first().map(|found| found.entity)
    }

    #[test]
    fn names_are_found_in_any_script() {
        let index = index();
        for (name, entity) in
            [("中國移動", 1), ("中移动", 1), ("Zhongguo Yidong", 1), ("doubao", 2), ("字節跳動", 3), ("kimi-k2.5", 5)]
        {
            assert_eq!(first(&index, name), Some(entity), "{name}");
        }
        assert!(index.find("豆包", 3, |_| true)[0].is_match);
        assert!(index.find("豆包", 3, |entity| entity != 2).iter().all(|found| found.entity != 2));
    }

    #[test]
    fn strange_names_find_nothing_and_break_nothing() {
        let index = index();
        assert!(first(&index, "").is_none() && first(&index, " \u{200b}").is_none() && first(&index, "😀").is_none());
        for name in
            ["שלום עולם", "شركة", &"a".repeat(10_000), &"移".repeat(10_000), "\u{202e}imiK", "💥中国移动💥", "0"]
        {
            index.find(name, 5, |_| true);
        }
        assert_eq!(first(&index, "💥中国移动💥"), Some(1));
    }
}
