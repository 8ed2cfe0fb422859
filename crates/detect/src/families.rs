//! Families: products that move together because of who makes them or what they are for, found by their names.
//!
//! `azure-mgmt-compute` and `azure-mgmt-network` are released, mirrored and downloaded together; what is happening to the
//! rest of the family says much of what will happen to the one. In: names and the panel. Out: for each product what the
//! **other** members do (never itself), by four ways of being a family: the same first word, the same first two, the same
//! first three, the same last word; and by the words of the name wherever they stand, shrunk towards the market.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};

use rayon::prelude::*;

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
pub const HITS_BACK: usize = 12;

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
        let all: Vec<Vec<u64>> = names.par_iter().map(|name| words_of(name)).collect();
        let kinds: Vec<(Vec<u32>, usize)> = (0..KINDS.len())
            .into_par_iter()
            .map(|kind| {
                let mut known = Numbers::default();
                let of = all.iter().enumerate().map(|(own, words)| known.number(key(kind, words, own))).collect();
                (of, known.0.len())
            })
            .collect();
        let mut known = Numbers::default();
        let words = all.into_iter().map(|words| {
            let mut numbered: Vec<u32> = words.into_iter().map(|word| known.number(word)).collect();
            numbered.sort_unstable();
            numbered.dedup();
            numbered
        });
        let words = words.collect();
        let (of, n_families) = kinds.into_iter().unzip();
        Self { of, n_families, words, n_words: known.0.len() }
    }

    /// What all products do at an origin, gathered by family; `hits` are the settled outcomes by origin, one flag a product.
    pub fn look(&self, panel: &Panel, t: usize, hits: &[Vec<bool>]) -> Look<'_> {
        let told = Told::new(panel, t, hits);
        let of_kind = |(of, n): (&Vec<u32>, &usize)| -> Vec<Sums> {
            let of = || of.iter().map(std::slice::from_ref);
            let mut sums: Vec<Sums> =
                told.of_kinds().iter().map(|(tops, n_of)| Sums::new(tops, *n_of, of(), *n)).collect();
            sums.push(Sums::new(&told.n_hits, Some(&told.n_tries), of(), *n));
            sums
        };
        let kinds = self.of.par_iter().zip(&self.n_families).map(of_kind).collect();
        let words = told.of_words();
        let of_words = |(tops, n_of): &(&[f32], Option<&[f32]>)| {
            Sums::new(tops, *n_of, self.words.iter().map(Vec::as_slice), self.n_words)
        };
        let words = words.par_iter().map(of_words).collect();
        Look { families: self, told, kinds, words }
    }
}

/// What families do at an origin.
pub struct Look<'a> {
    families: &'a Families,
    told: Told,
    /// For each kind the sums of what is told of it, in the order of [`Told::of_kinds`], hits last.
    kinds: Vec<Vec<Sums>>,
    /// In the order of [`Told::of_words`].
    words: Vec<Sums>,
}

impl std::fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Look").field("n_products", &self.told.change.len()).finish_non_exhaustive()
    }
}

impl Look<'_> {
    /// Adds what the others of its families do to a product's numbers, in the order of [`names`].
    pub fn add(&self, series: usize, row: &mut Vec<f32>) {
        let told = &self.told;
        let of_kinds = told.of_kinds();
        for (of, sums) in self.families.of.iter().zip(&self.kinds) {
            let family = of[series] as usize;
            let start = row.len();
            for (sums, (tops, n_of)) in sums.iter().zip(&of_kinds).take(6) {
                row.push(sums.without(own(tops, *n_of, series), family));
            }
            let (change, level) = (row[start], row[start + 3]);
            row.push(sums[3].n_without(own(&told.level, None, series), family));
            row.extend([told.change[series] - change, told.level[series] - level]);
            let (tops, n_of) = (&told.n_hits, Some(told.n_tries.as_slice()));
            row.push(sums[7].shrunk(own(tops, n_of, series), family, told.hit_rate, PRIOR_HITS));
            row.push(sums[6].without(own(&told.entered, None, series), family));
        }
        let words = &self.families.words[series];
        let priors = [0.0, 0.0, told.hit_rate, told.entry_rate];
        for ((sums, (tops, n_of)), prior) in self.words.iter().zip(told.of_words()).zip(priors) {
            let own = own(tops, n_of, series);
            let of_each = words.iter().map(|word| sums.shrunk(own, *word as usize, prior, PRIOR_WORD));
            let (sum, best) = of_each.fold((0.0, f32::NAN), |(sum, best), one| (sum + one, one.max(best)));
            row.extend([sum / words.len() as f32, best]);
        }
    }
}

/// The words of a name, each as a number: equal words are equal numbers on every machine.
fn words_of(name: &str) -> Vec<u64> {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let words = name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| hasher.hash_one(word.to_lowercase())).collect()
}

/// Keys, numbered as they come.
#[derive(Default)]
struct Numbers(HashMap<u64, u32>);

impl Numbers {
    fn number(&mut self, key: u64) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(key).or_insert(next)
    }
}

/// The key of a product's family of a kind; its own where it has none.
fn key(kind: usize, words: &[u64], own: usize) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let alone = || hasher.hash_one(("alone", own));
    match kind {
        0 => words.first().copied().unwrap_or_else(alone),
        3 => words.last().filter(|_| words.len() > 1).copied().unwrap_or_else(alone),
        n if words.len() > n + 1 => hasher.hash_one(&words[..=n]),
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
    /// What is told of families; means are over members that have it.
    fn of_kinds(&self) -> [(&[f32], Option<&[f32]>); 7] {
        let all =
            [&self.change, &self.growth_3, &self.growth_6, &self.level, &self.age, &self.over_high, &self.entered];
        all.map(|values| (values.as_slice(), None))
    }

    /// What is told of words, with how often each product counts.
    fn of_words(&self) -> [(&[f32], Option<&[f32]>); 4] {
        [(&self.change, None), (&self.growth_3, None), (&self.n_hits, Some(&self.n_tries)), (&self.entered, None)]
    }

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

/// A product's own part of a sum, and how often it counts: as often as is said, else once where there is a value.
fn own(tops: &[f32], n_of: Option<&[f32]>, series: usize) -> (f32, f32) {
    let top = tops[series];
    if top.is_nan() { (0.0, 0.0) } else { (top, n_of.map_or(1.0, |n_of| n_of[series])) }
}

/// Sums and counts of families.
struct Sums {
    sum: Vec<f32>,
    n: Vec<f32>,
}

impl Sums {
    fn new<'a>(tops: &[f32], n_of: Option<&[f32]>, of: impl Iterator<Item = &'a [u32]>, n_families: usize) -> Self {
        let (mut sum, mut n) = (vec![0.0; n_families], vec![0.0; n_families]);
        for (series, families) in of.enumerate() {
            let (top, bottom) = own(tops, n_of, series);
            for family in families {
                sum[*family as usize] += top;
                n[*family as usize] += bottom;
            }
        }
        Self { sum, n }
    }

    fn n_without(&self, own: (f32, f32), family: usize) -> f32 {
        self.n[family] - own.1
    }

    fn without(&self, own: (f32, f32), family: usize) -> f32 {
        let n = self.n_without(own, family);
        if n > 0.0 { (self.sum[family] - own.0) / n } else { f32::NAN }
    }

    fn shrunk(&self, own: (f32, f32), family: usize, prior: f32, weight: f32) -> f32 {
        (self.sum[family] - own.0 + prior * weight) / (self.n_without(own, family) + weight)
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
        let said = (0..2_u32).map(|period| {
            let of = move |(series, own): (usize, &[f32; 2])| Said {
                series: series as u32,
                period,
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
        let families = Families::new(&names);
        let look = families.look(&panel, 1, &[]);
        let of = |series: usize| {
            let mut row = Vec::new();
            look.add(series, &mut row);
            row
        };
        let rows: Vec<Vec<f32>> = (0..3).map(of).collect();
        let at = |row: usize, name: &str| rows[row][super::names().iter().position(|own| own == name).unwrap()];
        assert_eq!(rows[0].len(), super::names().len());
        assert_eq!(at(0, "first_two_change"), 2.0);
        assert_eq!(at(1, "first_two_change"), 0.0);
        assert_eq!(at(0, "first_word_change"), 1.0);
        assert!(at(2, "first_word_change").is_nan());
        assert_eq!(at(0, "first_word_n"), 2.0);
    }
}
