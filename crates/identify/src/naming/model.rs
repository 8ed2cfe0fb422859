//! How probable it is that two names are the same, learnt from the gold set when it is first asked for.
//!
//! Boosted trees over [`COMPARISONS`], several seeds averaged; each training pair is compared with a [`Lexicon`] that its
//! own part of the pairs had no share in, as a name that is new would be. The log-odds are made probabilities on the valid
//! split, which nothing else learns from, and the threshold is taken there: the one with the best F1 among those that make
//! at most one in two hundred different pairs the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use crowsnest_learn::boosting::{Binned, Booster, Settings};
use crowsnest_learn::calibration::{Calibration, Verdict, threshold as best_threshold};
use rayon::prelude::*;

use super::apart;
use super::comparisons::{COMPARISONS, compare};
use super::gold::{self, GOLD, LabelledNames, NameSplit, is_to_know};
use super::lexicon::Lexicon;
use super::parts::NameParts;

const N_FOLDS: u32 = 6;
const N_SEEDS: u64 = 4;
/// Different pairs that may be called the same, of all that are different.
pub(crate) const FALSE_MERGES_MAX: f64 = 0.005;
/// The log-odds at least of names that are the same but for writing.
const SAME: f64 = 12.0;
/// Chosen by the valid split.
const SETTINGS: Settings = Settings {
    n_trees: 300,
    learning_rate: 0.05,
    n_leaves_max: 15,
    rows_of_leaf_min: 4,
    weight_of_leaf_min: 1e-3,
    l2: 1.0,
    column_share: 0.5,
    row_share: 0.8,
};

/// What was learnt.
#[derive(Debug)]
pub(crate) struct NameModel {
    lexicon: Lexicon,
    columns: Vec<Arc<Binned>>,
    boosters: Vec<Booster>,
    calibration: Calibration,
    /// The probability from which on two names are the same, and may be taken so without asking.
    pub(crate) threshold: f64,
    /// The one from which on they are more likely so than not, with the best F1.
    pub(crate) likely: f64,
}

/// A judgement of two names.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// What each comparison found, and moved the log-odds by.
    pub(crate) parts: Vec<(f32, f64)>,
    /// Whether only one name has a word that sets companies apart.
    pub(crate) is_apart: bool,
}

/// The model of the gold set.
pub(crate) fn shipped() -> &'static NameModel {
    static MODEL: LazyLock<NameModel> = LazyLock::new(|| {
        // Infallible: the file is compiled in, and a unit test reads it.
        let pairs = gold::read(GOLD, |split| split != NameSplit::Test).unwrap_or_default();
        NameModel::learn(&pairs)
    });
    &MODEL
}

impl NameModel {
    /// Learns from pairs of the splits train and valid.
    pub(crate) fn learn(pairs: &[LabelledNames]) -> Self {
        // What nobody can tell teaches nothing but that anything may be the same.
        let teaches = |pair: &&LabelledNames| pair.split == NameSplit::Train && !is_to_know(&pair.kind);
        let train: Vec<&LabelledNames> = pairs.iter().filter(teaches).collect();
        let rows = compared_unseen(pairs, &train);
        let columns: Vec<Arc<Binned>> = (0..COMPARISONS.len())
            .into_par_iter()
            .map(|column| Arc::new(Binned::new(&rows.iter().map(|row| row[column]).collect::<Vec<f32>>())))
            .collect();
        let places: Vec<u32> = (0..train.len() as u32).collect();
        let targets: Vec<bool> = train.iter().map(|pair| pair.is_same).collect();
        let boosters = (1..=N_SEEDS)
            .into_par_iter()
            .map(|seed| Booster::fit(&columns, &places, &targets, &SETTINGS, seed))
            .collect();
        let lexicon = Lexicon::learn(pairs, |pair| pair.split == NameSplit::Train);
        let calibration = Calibration { slope: 1.0, shift: 0.0 };
        let mut model = Self { lexicon, columns, boosters, calibration, threshold: 0.5, likely: 0.5 };
        model.calibrate(pairs);
        model
    }

    fn calibrate(&mut self, pairs: &[LabelledNames]) {
        let judges = |pair: &&LabelledNames| pair.split == NameSplit::Valid && !is_to_know(&pair.kind);
        let valid: Vec<&LabelledNames> = pairs.iter().filter(judges).collect();
        let odds = self.log_odds(&valid.iter().map(|pair| [&pair.parts[0], &pair.parts[1]]).collect::<Vec<_>>());
        let scored: Vec<(f64, bool)> = odds.iter().zip(&valid).map(|(odds, pair)| (*odds, pair.is_same)).collect();
        self.calibration = Calibration::fit(&scored);
        let judged: Vec<(f64, bool)> =
            scored.iter().map(|(odds, is_same)| (self.calibration.probability(*odds), *is_same)).collect();
        self.threshold = threshold(&judged);
        self.likely = best_threshold(&judged);
    }

    /// The probabilities that pairs of names are the same.
    pub(crate) fn probabilities(&self, pairs: &[[&NameParts; 2]]) -> Vec<f64> {
        self.log_odds(pairs).into_iter().map(|odds| self.calibration.probability(odds)).collect()
    }

    /// One pair, with what each comparison says.
    pub(crate) fn judge(&self, one: &NameParts, other: &NameParts) -> Judged {
        let values = compare(one, other, &self.lexicon);
        let columns = self.binned(std::slice::from_ref(&values));
        let mut parts = vec![0.0; COMPARISONS.len()];
        self.boosters.iter().for_each(|booster| booster.add_parts(&columns, 0, &mut parts));
        let n = self.boosters.len() as f64;
        let parts = values.into_iter().zip(parts.into_iter().map(|part| part / n)).collect();
        Judged { parts, is_apart: apart::is_apart(one, other) }
    }

    /// The words that are known for runs of some characters.
    pub(crate) fn words_for(&self, han: &[char]) -> Vec<String> {
        self.lexicon.words_for(han)
    }

    fn log_odds(&self, pairs: &[[&NameParts; 2]]) -> Vec<f64> {
        let rows: Vec<Vec<f32>> = pairs.par_iter().map(|[one, other]| compare(one, other, &self.lexicon)).collect();
        let columns = self.binned(&rows);
        let n = self.boosters.len() as f64;
        let of_row = |row| self.boosters.iter().map(|booster| booster.log_odds(&columns, row)).sum::<f64>() / n;
        let odds = (0..rows.len()).into_par_iter().map(of_row).zip(pairs.par_iter());
        odds.map(|(odds, [one, other])| match one.is_same_but_for_writing(other) {
            true => odds.max(SAME),
            false if apart::is_apart(one, other) => odds - apart::WEIGHT,
            false => odds,
        })
        .collect()
    }

    fn binned(&self, rows: &[Vec<f32>]) -> Vec<Arc<Binned>> {
        let column = |place: usize| rows.iter().map(|row| row[place]).collect::<Vec<f32>>();
        self.columns.iter().enumerate().map(|(place, bins)| Arc::new(bins.with(&column(place)))).collect()
    }
}

/// Each training pair, compared with a lexicon that the groups of both its names had no share in.
fn compared_unseen(pairs: &[LabelledNames], train: &[&LabelledNames]) -> Vec<Vec<f32>> {
    let folds = |pair: &LabelledNames| {
        let [one, other] = pair.groups.map(fold_of);
        (one.min(other), one.max(other))
    };
    let both: BTreeSet<(u32, u32)> = train.iter().map(|pair| folds(pair)).collect();
    let learn = |held_out: (u32, u32)| {
        let is_apart = |group: u32| fold_of(group) != held_out.0 && fold_of(group) != held_out.1;
        Lexicon::learn(pairs, |pair| pair.split == NameSplit::Train && pair.groups.into_iter().all(is_apart))
    };
    let lexicons: BTreeMap<(u32, u32), Lexicon> =
        both.into_par_iter().map(|held_out| (held_out, learn(held_out))).collect();
    train.par_iter().map(|pair| compare(&pair.parts[0], &pair.parts[1], &lexicons[&folds(pair)])).collect()
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
