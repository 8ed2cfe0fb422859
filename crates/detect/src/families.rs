//! Families: products that move together because of who makes them or what they are for, found by their names.
//!
//! `azure-mgmt-compute` and `azure-mgmt-network` are released, mirrored and downloaded together; what is happening to the
//! rest of the family says much of what will happen to the one. In: names and the panel. Out: for each product what the
//! **other** members do (never itself), by four ways of being a family: the same first word, the same first two, the same
//! first three, the same last word; and by the words of the name wherever they stand, shrunk towards the market.

use std::collections::HashMap;

use crate::panel::Panel;

/// What is told of each kind of family.
const PER_KIND: &[&str] = &[
    "change",
    "growth_3",
    "growth_6",
    "level",
    "age",
    "over_high_12",
    "n",
    "change_beside",
    "level_beside",
    "hits",
    "entries",
];
/// What is told of a name's words.
const OF_WORDS: &[&str] = &[
    "word_change",
    "word_change_best",
    "word_growth_3",
    "word_growth_3_best",
    "word_hits",
    "word_hits_best",
    "word_entries",
    "word_entries_best",
];
/// The kinds of families.
const KINDS: &[&str] = &["first_word", "first_two", "first_three", "last_word"];
/// Members that the market's mean stands for in what is said of hits.
const PRIOR_HITS: f32 = 10.0;
const PRIOR_WORD: f32 = 5.0;
/// Settled origins whose hits are counted.
const HITS_BACK: usize = 12;

/// The names of the numbers of families, in order.
pub fn names() -> Vec<String> {
    let of_kinds = KINDS.iter().flat_map(|kind| PER_KIND.iter().map(move |told| format!("{kind}_{told}")));
    of_kinds.chain(OF_WORDS.iter().map(|told| (*told).to_owned())).collect()
}

/// Which families each product belongs to.
#[derive(Debug, Clone)]
pub struct Families {
    /// For each kind the family of each product.
    of: Vec<Vec<u32>>,
    n_families: Vec<usize>,
    /// The words of each product.
    words: Vec<Vec<u32>>,
    n_words: usize,
}

impl Families {
    /// Finds families by name: words are what stands between characters that are neither letters nor digits.
    pub fn new(names: &[String]) -> Self {
        let cut = |name: &String| -> Vec<String> {
            let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
            words.map(str::to_lowercase).collect()
        };
        let all: Vec<Vec<String>> = names.iter().map(cut).collect();
        let mut of = Vec::new();
        let mut n_families = Vec::new();
        for kind in 0..KINDS.len() {
            let mut known: HashMap<String, u32> = HashMap::new();
            let numbered = all.iter().enumerate().map(|(own, words)| {
                let n = known.len() as u32;
                *known.entry(key(kind, words, own)).or_insert(n)
            });
            of.push(numbered.collect());
            n_families.push(known.len());
        }
        let mut known: HashMap<&str, u32> = HashMap::new();
        let words = all.iter().map(|words| {
            let mut numbered: Vec<u32> = Vec::with_capacity(words.len());
            for word in words {
                let n = known.len() as u32;
                numbered.push(*known.entry(word.as_str()).or_insert(n));
            }
            numbered.sort_unstable();
            numbered.dedup();
            numbered
        });
        let words = words.collect();
        let n_words = known.len();
        Self { of, n_families, words, n_words }
    }

    /// What the others of each family do at an origin, for each product the list has: rows in the order of `candidates`,
    /// columns in that of [`names`]. `hits` are the settled outcomes by origin, one flag a product.
    pub fn numbers(&self, panel: &Panel, t: usize, candidates: &[u32], hits: &[Vec<bool>]) -> Vec<Vec<f32>> {
        let told = Told::new(panel, t, hits);
        let mut rows: Vec<Vec<f32>> = vec![Vec::with_capacity(names().len()); candidates.len()];
        for (of, n_families) in self.of.iter().zip(&self.n_families) {
            let means: Vec<Sums> =
                [&told.change, &told.growth_3, &told.growth_6, &told.level, &told.age, &told.over_high]
                    .iter()
                    .map(|values| Sums::new(values, of, *n_families))
                    .collect();
            let entries = Sums::new(&told.entered, of, *n_families);
            let hits = Sums::pairs(&told.n_hits, &told.n_tries, of, *n_families);
            for (row, series) in rows.iter_mut().zip(candidates) {
                let (own, family) = (*series as usize, of[*series as usize] as usize);
                row.extend(means.iter().map(|sums| sums.without(own, family)));
                let (change, level) = (row[row.len() - 6], row[row.len() - 3]);
                row.push(means[3].n_without(own, family));
                row.extend([told.change[own] - change, told.level[own] - level]);
                row.push(hits.shrunk(own, family, told.hit_rate, PRIOR_HITS));
                row.push(entries.without(own, family));
            }
        }
        self.add_words(&told, candidates, &mut rows);
        rows
    }

    fn add_words(&self, told: &Told, candidates: &[u32], rows: &mut [Vec<f32>]) {
        let (n, words) = (self.n_words, &self.words);
        let changes = Sums::of_words(&told.change, None, words, n);
        let growths = Sums::of_words(&told.growth_3, None, words, n);
        let hits = Sums::of_words(&told.n_hits, Some(&told.n_tries), words, n);
        let entries = Sums::of_words(&told.entered, None, words, n);
        let all = [(changes, 0.0), (growths, 0.0), (hits, told.hit_rate), (entries, told.entry_rate)];
        for (row, series) in rows.iter_mut().zip(candidates) {
            let own = *series as usize;
            for (sums, prior) in &all {
                let of_each = words[own].iter().map(|word| sums.shrunk(own, *word as usize, *prior, PRIOR_WORD));
                let (sum, best) = of_each.fold((0.0, f32::NAN), |(sum, best), one| (sum + one, one.max(best)));
                row.extend([sum / words[own].len() as f32, best]);
            }
        }
    }
}

fn key(kind: usize, words: &[String], own: usize) -> String {
    let alone = || format!("\0{own}");
    match kind {
        0 => words.first().cloned().unwrap_or_else(alone),
        3 => words.last().filter(|_| words.len() > 1).cloned().unwrap_or_else(alone),
        n if words.len() > n + 1 => words[..=n].join("-"),
        _ => alone(),
    }
}

/// What is told of each product at an origin, not a number where the list does not have it.
struct Told {
    change: Vec<f32>,
    growth_3: Vec<f32>,
    growth_6: Vec<f32>,
    level: Vec<f32>,
    age: Vec<f32>,
    over_high: Vec<f32>,
    entered: Vec<f32>,
    n_hits: Vec<f32>,
    n_tries: Vec<f32>,
    hit_rate: f32,
    entry_rate: f32,
}

impl Told {
    fn new(panel: &Panel, t: usize, hits: &[Vec<bool>]) -> Self {
        let n = panel.n_series();
        let growth = |k: usize| -> Vec<f32> {
            let before = |series| t.checked_sub(k).map_or(f32::NAN, |then| panel.at(series, then));
            (0..n).map(|series| panel.at(series, t) - before(series)).collect()
        };
        let per = |of: &dyn Fn(usize) -> f32| -> Vec<f32> {
            (0..n).map(|series| if panel.has(series, t) { of(series) } else { f32::NAN }).collect()
        };
        let age = |series: usize| panel.entered(series).map_or(f32::NAN, |first| (t - first.min(t)).min(60) as f32);
        let high =
            |series: usize| (t.saturating_sub(12)..t).map(|then| panel.at(series, then)).fold(f32::NAN, f32::max);
        let is_entry = |series: usize| panel.entered(series).is_some_and(|first| first + 2 >= t);
        let recent = &hits[hits.len().saturating_sub(HITS_BACK)..];
        let from = hits.len() - recent.len();
        let n_hits: Vec<f32> = (0..n).map(|series| recent.iter().filter(|hits| hits[series]).count() as f32).collect();
        let n_tries: Vec<f32> =
            (0..n).map(|series| (from..hits.len()).filter(|then| panel.has(series, *then)).count() as f32).collect();
        let entered = per(&|series| f32::from(u8::from(is_entry(series))));
        let mean = |top: f32, of: f32| if of > 0.0 { top / of } else { 0.0 };
        let n_listed = panel.n_listed(t) as f32;
        Self {
            change: growth(1),
            growth_3: growth(3),
            growth_6: growth(6),
            level: per(&|series| panel.at(series, t) - panel.floor(t)),
            age: per(&age),
            over_high: per(&|series| panel.at(series, t) - high(series)),
            hit_rate: mean(n_hits.iter().sum(), n_tries.iter().sum()),
            entry_rate: mean(entered.iter().filter(|one| !one.is_nan()).sum(), n_listed),
            entered,
            n_hits,
            n_tries,
        }
    }
}

/// Sums and counts of families, and the members' own parts of them.
struct Sums {
    sum: Vec<f32>,
    n: Vec<f32>,
    own: Vec<(f32, f32)>,
}

impl Sums {
    fn new(values: &[f32], of: &[u32], n_families: usize) -> Self {
        let own = values.iter().map(|value| if value.is_nan() { (0.0, 0.0) } else { (*value, 1.0) });
        Self::added(own.collect(), of.iter().map(std::slice::from_ref), n_families)
    }

    fn pairs(tops: &[f32], bottoms: &[f32], of: &[u32], n_families: usize) -> Self {
        let own = tops.iter().copied().zip(bottoms.iter().copied()).collect();
        Self::added(own, of.iter().map(std::slice::from_ref), n_families)
    }

    /// Of words: each product counts for all of its own; with `bottoms`, as that often.
    fn of_words(values: &[f32], bottoms: Option<&[f32]>, words: &[Vec<u32>], n_words: usize) -> Self {
        let n_of = |place: usize| bottoms.map_or(1.0, |bottoms| bottoms[place]);
        let own = values.iter().enumerate();
        let own = own.map(|(place, value)| if value.is_nan() { (0.0, 0.0) } else { (*value, n_of(place)) });
        Self::added(own.collect(), words.iter().map(Vec::as_slice), n_words)
    }

    fn added<'a>(own: Vec<(f32, f32)>, of: impl Iterator<Item = &'a [u32]>, n_families: usize) -> Self {
        let (mut sum, mut n) = (vec![0.0; n_families], vec![0.0; n_families]);
        for ((top, bottom), families) in own.iter().zip(of) {
            for family in families {
                sum[*family as usize] += top;
                n[*family as usize] += bottom;
            }
        }
        Self { sum, n, own }
    }

    fn n_without(&self, own: usize, family: usize) -> f32 {
        self.n[family] - self.own[own].1
    }

    fn without(&self, own: usize, family: usize) -> f32 {
        let n = self.n_without(own, family);
        if n > 0.0 { (self.sum[family] - self.own[own].0) / n } else { f32::NAN }
    }

    fn shrunk(&self, own: usize, family: usize, prior: f32, weight: f32) -> f32 {
        (self.sum[family] - self.own[own].0 + prior * weight) / (self.n_without(own, family) + weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{History, Said};

    #[test]
    fn the_others_of_a_family_speak_and_never_the_product_itself() {
        let names: Vec<String> = ["azure-mgmt-a", "azure-mgmt-b", "other", "azure"].map(str::to_owned).to_vec();
        let levels = [[1.0, 1.0], [1.0, 3.0], [1.0, 1.0], [1.0, 1.0]];
        let said = (0..2_u32).flat_map(|period| {
            let of = move |(series, own): (usize, &[f32; 2])| Said {
                series: series as u32,
                period,
                seen: period,
                level: own[period as usize],
            };
            levels.iter().enumerate().map(of).collect::<Vec<_>>()
        });
        let day = |n: i32| crowsnest_model::Period::containing(n, crowsnest_model::Grain::Day);
        let history = History {
            names: names.clone(),
            periods: vec![day(0), day(1)],
            said: said.collect(),
            n_left_out: 0,
            last_known_at: 0,
        };
        let panel = Panel::as_of(&history, 1);
        let rows = Families::new(&names).numbers(&panel, 1, &[0, 1, 2], &[]);
        let at = |row: usize, name: &str| rows[row][super::names().iter().position(|own| own == name).unwrap()];
        assert_eq!(rows[0].len(), super::names().len());
        assert_eq!(at(0, "first_two_change"), 2.0);
        assert_eq!(at(1, "first_two_change"), 0.0);
        assert_eq!(at(0, "first_word_change"), 1.0);
        assert!(at(2, "first_word_change").is_nan());
        assert_eq!(at(0, "first_word_n"), 2.0);
    }
}
