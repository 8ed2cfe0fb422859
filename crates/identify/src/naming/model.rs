//! The model: boosted trees over the comparisons, calibrated, with a threshold that keeps false merges rare.
//!
//! Trees learn from labelled pairs, each compared with a lexicon that its own entities had no share in, as it will be for names
//! that come. Probabilities and threshold come from models that had not
//! seen a pair's entity: the labelled pairs are parted into folds by entity, and each fold is judged by what the others
//! teach. So everything that is labelled teaches, and nothing is judged by what it taught. What the gold set has never
//! shown a pair of (two names that are the same but for writing) counts as if it were sure.
//!
//! Tried and dropped: learning from what follows as well (other names of two entities that are different, acronyms beside Chinese
//! names that their letters fit by chance). Such pairs are easier to tell than what is labelled; the threshold rose with them, and
//! recall fell.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use crowsnest_learn::boosting::{Binned, Booster, Settings};
use crowsnest_learn::calibration::{Calibration, Verdict, threshold as best_threshold};
use rayon::prelude::*;

use super::apart::{self, Against};
use super::comparisons::{COMPARISONS, compare};
use super::gold::{self, GOLD, LabelledNames, NameSplit, is_to_know};
use super::kept;
use super::lexicon::Lexicon;
use super::parts::NameParts;

const N_FOLDS: u32 = 6;
const N_SEEDS: u64 = 4;
/// Different pairs that may be called the same, of all that are different.
pub(crate) const FALSE_MERGES_MAX: f64 = 0.005;
/// The log-odds at least of names that are the same but for writing.
const SAME: f64 = 12.0;
/// Chosen by pairs of train and valid, each judged by what other entities teach.
const SETTINGS: Settings = Settings {
    n_trees: 300,
    learning_rate: 0.05,
    n_leaves_max: 7,
    rows_of_leaf_min: 4,
    weight_of_leaf_min: 1e-3,
    l2: 1.0,
    column_share: 0.3,
    row_share: 0.8,
};

/// What was learnt.
#[derive(Debug)]
pub(crate) struct NameModel {
    pub(super) lexicon: Lexicon,
    pub(super) columns: Vec<Arc<Binned>>,
    pub(super) boosters: Vec<Booster>,
    pub(super) calibration: Calibration,
    /// The probability from which on two names are the same, and may be taken so without asking.
    pub(crate) threshold: f64,
    /// The one from which on they are more likely so than not, with the best F1.
    pub(crate) likely: f64,
    /// The log-odds of a labelled pair before it is looked at.
    pub(crate) start: f64,
}

/// A judgement of two names.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// What each comparison found, and moved the log-odds by.
    pub(crate) parts: Vec<(f32, f64)>,
    /// What speaks against it besides.
    pub(crate) against: Option<Against>,
}

/// The model of the gold set.
pub(crate) fn shipped() -> &'static NameModel {
    static MODEL: LazyLock<NameModel> = LazyLock::new(|| {
        // Infallible: the file is compiled in, and a unit test reads it.
        let pairs = gold::read(GOLD, |split| split != NameSplit::Test).unwrap_or_default();
        let pairs: Vec<&LabelledNames> = pairs.iter().collect();
        kept::kept(&pairs).unwrap_or_else(|| NameModel::learn(&pairs))
    });
    &MODEL
}

/// The model of the gold set, learnt anew, as `gold/model.txt` has it.
pub fn taught_model() -> String {
    let pairs = gold::read(GOLD, |split| split != NameSplit::Test).unwrap_or_default();
    kept::write(&NameModel::learn(&pairs.iter().collect::<Vec<_>>()))
}

/// The probability that two names are the same, by a model in the form of `gold/model.txt`; `None` where it is none.
pub fn probability_by(model: &str, pairs: &[[&str; 2]]) -> Option<Vec<f64>> {
    let gold = gold::read(GOLD, |split| split != NameSplit::Test).unwrap_or_default();
    let model = kept::parse(model, &gold.iter().collect::<Vec<_>>())?;
    let parts: Vec<[NameParts; 2]> = pairs.iter().map(|pair| pair.map(NameParts::of)).collect();
    Some(model.probabilities(&parts.iter().map(|[one, other]| [one, other]).collect::<Vec<_>>()))
}

impl NameModel {
    /// Learns from labelled pairs, all of them.
    pub(crate) fn learn(pairs: &[&LabelledNames]) -> Self {
        // What nobody can tell teaches nothing but that anything may be the same.
        let telling: Vec<&LabelledNames> = pairs.iter().copied().filter(|pair| !is_to_know(&pair.kind)).collect();
        let rows = compared_unseen(pairs, &telling);
        let columns: Vec<Arc<Binned>> = (0..COMPARISONS.len())
            .into_par_iter()
            .map(|column| Arc::new(Binned::new(&rows.iter().map(|row| row[column]).collect::<Vec<f32>>())))
            .collect();
        let all: Vec<u32> = (0..telling.len() as u32).collect();
        let boosters = (1..=N_SEEDS).into_par_iter().map(|seed| learn_from(&columns, &telling, &all, seed)).collect();
        let scored: Vec<(f64, bool)> =
            judged_unseen(&columns, &telling).into_iter().map(|(odds, pair)| (odds, pair.is_same)).collect();
        let calibration = Calibration::fit(&scored);
        let judged: Vec<(f64, bool)> =
            scored.iter().map(|(odds, is_same)| (calibration.probability(*odds), *is_same)).collect();
        let n_same = judged.iter().filter(|(_, is_same)| *is_same).count().max(1) as f64;
        Self {
            lexicon: Lexicon::learn(pairs, |_| true),
            columns,
            boosters,
            calibration,
            threshold: threshold(&judged),
            likely: best_threshold(&judged),
            start: (n_same / (judged.len() as f64 - n_same).max(1.0)).ln(),
        }
    }

    /// The probabilities that pairs of names are the same.
    pub(crate) fn probabilities(&self, pairs: &[[&NameParts; 2]]) -> Vec<f64> {
        self.log_odds(pairs).into_iter().map(|odds| self.calibration.probability(odds)).collect()
    }

    /// What pairs of names say by themselves: log-odds less those of any labelled pair.
    pub(crate) fn nats(&self, pairs: &[[&NameParts; 2]]) -> Vec<f64> {
        let nats = |odds: f64| self.calibration.slope * odds + self.calibration.shift - self.start;
        self.log_odds(pairs).into_iter().map(nats).collect()
    }

    /// One pair, with what each comparison says.
    pub(crate) fn judge(&self, one: &NameParts, other: &NameParts) -> Judged {
        let values = compare(one, other, &self.lexicon);
        let columns = self.binned(std::slice::from_ref(&values));
        let mut parts = vec![0.0; COMPARISONS.len()];
        self.boosters.iter().for_each(|booster| booster.add_parts(&columns, 0, &mut parts));
        let n = self.boosters.len() as f64;
        let parts = values.into_iter().zip(parts.into_iter().map(|part| part / n)).collect();
        Judged { parts, against: apart::against(one, other) }
    }

    /// The words that are known for runs of some characters.
    pub(crate) fn words_for(&self, han: &[char]) -> Vec<String> {
        self.lexicon.words_for(han)
    }

    fn log_odds(&self, pairs: &[[&NameParts; 2]]) -> Vec<f64> {
        let rows: Vec<Vec<f32>> = pairs.par_iter().map(|[one, other]| compare(one, other, &self.lexicon)).collect();
        let columns = self.binned(&rows);
        let n = self.boosters.len() as f64;
        let mut scores = vec![0.0; rows.len()];
        self.boosters.iter().for_each(|booster| booster.add_log_odds(&columns, &mut scores));
        scores.iter().zip(pairs).map(|(odds, [one, other])| by_rule(odds / n, one, other)).collect()
    }

    fn binned(&self, rows: &[Vec<f32>]) -> Vec<Arc<Binned>> {
        let column = |place: usize| rows.iter().map(|row| row[place]).collect::<Vec<f32>>();
        self.columns.iter().enumerate().map(|(place, bins)| Arc::new(bins.with(&column(place)))).collect()
    }
}

fn learn_from(columns: &[Arc<Binned>], pairs: &[&LabelledNames], places: &[u32], seed: u64) -> Booster {
    let targets: Vec<bool> = places.iter().map(|place| pairs[*place as usize].is_same).collect();
    Booster::fit(columns, places, &targets, &SETTINGS, seed)
}

/// What rules say besides the trees.
fn by_rule(odds: f64, one: &NameParts, other: &NameParts) -> f64 {
    if one.is_same_but_for_writing(other) {
        odds.max(SAME)
    } else {
        odds - apart::against(one, other).map_or(0.0, |(_, nats)| nats)
    }
}

/// Each pair's log-odds by models that learnt without its fold.
fn judged_unseen<'a>(columns: &[Arc<Binned>], pairs: &[&'a LabelledNames]) -> Vec<(f64, &'a LabelledNames)> {
    let judge = |fold: u32| {
        let is_apart = |pair: &LabelledNames| pair.groups.iter().all(|group| fold_of(*group) != fold);
        let places: Vec<u32> = (0..pairs.len() as u32).filter(|place| is_apart(pairs[*place as usize])).collect();
        let seeds = (1..=N_SEEDS).map(|seed| seed * 100 + u64::from(fold));
        let boosters: Vec<Booster> = seeds.map(|seed| learn_from(columns, pairs, &places, seed)).collect();
        let odds = |place: usize| boosters.iter().map(|booster| booster.log_odds(columns, place)).sum::<f64>();
        let is_of_fold = |pair: &LabelledNames| fold_of(pair.groups[0].min(pair.groups[1])) == fold;
        let of_fold = pairs.iter().enumerate().filter(|(_, pair)| is_of_fold(pair));
        let judged = of_fold
            .map(|(place, pair)| (by_rule(odds(place) / boosters.len() as f64, &pair.parts[0], &pair.parts[1]), *pair));
        judged.collect::<Vec<_>>()
    };
    (0..N_FOLDS).into_par_iter().flat_map_iter(judge).collect()
}

/// Each pair, compared with a lexicon that the groups of both its names had no share in. Each lexicon does without two folds: if
/// pairs of one entity were held against more names than pairs of two, how rare a word is would give them away.
fn compared_unseen(all: &[&LabelledNames], pairs: &[&LabelledNames]) -> Vec<Vec<f32>> {
    let folds = |pair: &LabelledNames| {
        let [one, mut other] = pair.groups.map(fold_of);
        if one == other {
            other = (one + 1) % N_FOLDS;
        }
        (one.min(other), one.max(other))
    };
    let both: BTreeSet<(u32, u32)> = pairs.iter().map(|pair| folds(pair)).collect();
    let learn = |held_out: (u32, u32)| {
        let is_apart = |group: u32| fold_of(group) != held_out.0 && fold_of(group) != held_out.1;
        Lexicon::learn(all, |pair| pair.groups.into_iter().all(is_apart))
    };
    let lexicons: BTreeMap<(u32, u32), Lexicon> =
        both.into_par_iter().map(|held_out| (held_out, learn(held_out))).collect();
    pairs.par_iter().map(|pair| compare(&pair.parts[0], &pair.parts[1], &lexicons[&folds(pair)])).collect()
}

fn fold_of(group: u32) -> u32 {
    (group.wrapping_mul(0x9e37_79b9) >> 16) % N_FOLDS
}

/// The threshold with the best F1 among those with few false merges.
fn threshold(judged: &[(f64, bool)]) -> f64 {
    let mut ordered = judged.to_vec();
    ordered.sort_by(|one, other| other.0.total_cmp(&one.0));
    let n_different = ordered.iter().filter(|(_, is_same)| !is_same).count();
    let n_false_max = (n_different as f64 * FALSE_MERGES_MAX).floor() as usize;
    let (mut n_false, mut best) = (0, (0.0, 1.0));
    for (place, (chance, is_same)) in ordered.iter().enumerate() {
        n_false += usize::from(!is_same);
        if n_false > n_false_max {
            break;
        }
        let f1 = Verdict::of(ordered.iter().copied(), *chance).f1();
        if f1 > best.0 {
            let next = ordered.get(place + 1).map_or(0.0, |(chance, _)| *chance);
            best = (f1, (chance + next) / 2.0);
        }
    }
    best.1
}
