//! Comparisons as levels, for learning without labels: few enough that each comes up often.
//!
//! To add one: a function here that gives a level for each candidate, and its line in [`levels`].

use super::labelled::Pairs;
use super::text_comparisons::TEXT_COMPARISONS;

/// One comparison of levels.
#[derive(Debug)]
pub(crate) struct Levels {
    pub(crate) name: String,
    /// What each level is, in words.
    pub(crate) words: Vec<String>,
    /// The level of each candidate; `None` where nothing is said.
    pub(crate) of: Vec<Option<u8>>,
    /// Added to a candidate's weight for how rare the value is that both have.
    pub(crate) rarity: Vec<f32>,
}

/// The level of what is the same on both sides.
const SAME: u8 = 0;
/// A value counts for at most so many nats more, or less, than a value of mean rarity.
const RARITY_MAX: f32 = 3.0;

impl Levels {
    /// Lets equal values count by how rare they are: a rare one for more than the level does, a frequent one for less.
    fn with_rarity(mut self, pairs: Pairs<'_>, frequencies: Option<&Vec<u32>>) -> Self {
        let Some(frequencies) = frequencies else { return self };
        let same = |place: usize| self.of[place] == Some(SAME);
        let rarity = |place: usize| -(frequencies[pairs.candidates[place].pair.left as usize].max(1) as f32).ln();
        let rarities: Vec<f32> = (0..self.of.len()).filter(|place| same(*place)).map(rarity).collect();
        let mean = rarities.iter().sum::<f32>() / rarities.len().max(1) as f32;
        for place in 0..self.of.len() {
            if self.of[place] == Some(SAME) {
                self.rarity[place] = (rarity(place) - mean).clamp(-RARITY_MAX, RARITY_MAX);
            }
        }
        self
    }
}

/// Likenesses from which on a level begins.
const LIKENESSES: &[f32] = &[0.9, 0.75, 0.6, 0.45, 0.3, 0.15];
/// Differences against the larger value up to which a level goes.
const DIFFERENCES: &[f32] = &[0.0, 0.02, 0.1, 0.3];

/// All comparisons of the candidates.
pub(crate) fn levels(pairs: Pairs<'_>) -> Vec<Levels> {
    let names = &pairs.comparer.names;
    let place = |name: &str| names.iter().position(|known| known == name);
    let column = |name: &str| place(name).map(|place| pairs.matrix.column(place).collect::<Vec<f32>>());
    let mut found = Vec::new();
    let frequencies = pairs.comparer.frequencies();
    for (number, owner) in owners(names).into_iter().enumerate() {
        let of = |what: &str| column(&format!("{owner}: {what}"));
        if let Some(words) = of("words in common, by their rarity") {
            let letters = of("letters in common, by their rarity").unwrap_or_default();
            let parts = ["left words found on the right", "right words found on the left"]
                .map(|side| of(&format!("share of the {side}, by their rarity")).unwrap_or_default());
            let same = of("the same but for blanks and signs").unwrap_or_default();
            found.push(likeness(&owner, &words, &letters, &parts, &same).with_rarity(pairs, frequencies.get(number)));
            if owner == "all columns" {
                found.push(codes(&owner, &of));
                found.push(numbers(&owner, &of));
            }
        } else if let Some(differences) = of("difference against the larger") {
            found.push(nearness(&owner, &differences).with_rarity(pairs, frequencies.get(number)));
        }
    }
    found
}

/// The columns that comparisons are of, in their order.
fn owners(names: &[String]) -> Vec<String> {
    let mut owners: Vec<String> = Vec::new();
    for name in names {
        let owner =
            TEXT_COMPARISONS.iter().chain(&["difference"]).find_map(|what| name.strip_suffix(&format!(": {what}")));
        if let Some(owner) = owner.filter(|owner| owners.last().is_none_or(|last| last != owner)) {
            owners.push(owner.to_owned());
        }
    }
    owners
}

fn level_of(value: f32, is_in: impl Fn(f32, f32) -> bool, bounds: &[f32]) -> Option<u8> {
    let place = bounds.iter().position(|bound| is_in(value, *bound)).unwrap_or(bounds.len());
    (!value.is_nan()).then_some(place as u8)
}

fn likeness(owner: &str, words: &[f32], letters: &[f32], parts: &[Vec<f32>; 2], same: &[f32]) -> Levels {
    let of = words.iter().enumerate().map(|(row, word)| {
        let inside = parts[0][row].max(parts[1][row]);
        let likeness = (word + letters[row]) / 2.0 * 0.75 + inside * 0.25;
        let level = level_of(likeness, |value, bound| value >= bound, LIKENESSES)?;
        Some(if same[row] == 1.0 { SAME } else { level + 1 })
    });
    let mut level_words = vec!["the same but for blanks and signs".to_owned()];
    level_words
        .extend(LIKENESSES.iter().map(|bound| format!("words and letters alike by {:.0} % or more", bound * 100.0)));
    level_words.push("hardly a word or letter alike".to_owned());
    let of: Vec<Option<u8>> = of.collect();
    Levels { name: format!("{owner}: likeness"), words: level_words, rarity: vec![0.0; of.len()], of }
}

fn nearness(owner: &str, differences: &[f32]) -> Levels {
    let of: Vec<Option<u8>> =
        differences.iter().map(|value| level_of(value.abs(), |value, bound| value <= bound, DIFFERENCES)).collect();
    let mut words: Vec<String> =
        DIFFERENCES.iter().map(|bound| format!("apart by {:.0} % at most", bound * 100.0)).collect();
    words[0] = "the same value".to_owned();
    words.push("far apart".to_owned());
    Levels { name: format!("{owner}: nearness"), words, rarity: vec![0.0; of.len()], of }
}

fn codes(owner: &str, of: &dyn Fn(&str) -> Option<Vec<f32>>) -> Levels {
    let columns = ["in common", "that only the left has", "that only the right has"]
        .map(|what| of(&format!("model codes {what}")).unwrap_or_default());
    contradictions(format!("{owner}: model codes"), "model codes", &columns)
}

fn numbers(owner: &str, of: &dyn Fn(&str) -> Option<Vec<f32>>) -> Levels {
    let columns = ["in common", "that only the left has", "that only the right has"]
        .map(|what| of(&format!("numbers {what}")).unwrap_or_default());
    contradictions(format!("{owner}: numbers"), "numbers", &columns)
}

fn contradictions(name: String, what: &str, [common, left, right]: &[Vec<f32>; 3]) -> Levels {
    let of: Vec<Option<u8>> = (0..common.len())
        .map(|row| {
            let [common, left, right] = [common[row], left[row], right[row]].map(|n| n > 0.0);
            match (common, left, right) {
                (true, false, false) => Some(0),
                (true, true, true) => Some(2),
                (true, _, _) => Some(1),
                (false, true, true) => Some(3),
                (false, _, _) => None,
            }
        })
        .collect();
    let words =
        ["all in common", "in common, more on one side", "some in common, others on each side", "none in common"];
    let words = words.iter().map(|level| format!("{what}: {level}")).collect();
    Levels { name, words, rarity: vec![0.0; of.len()], of }
}
