//! Learning with labels: two stages of gradient boosting over comparisons, each pair judged by models that have not seen it.
//!
//! The first stage judges pairs by themselves. Then each pair is set among its rivals by that judgement, and the second
//! stage judges again. The training pairs are cut into folds: what the second stage learns from, and what probabilities and
//! threshold are taken from, comes from models of the other folds, so that nothing is judged by what it taught
//! (D. H. Wolpert, *Stacked generalization*, Neural Networks 5, 1992). Several seeds are averaged.

use std::sync::Arc;

use crowsnest_learn::boosting::{Binned, Booster, Settings};
use crowsnest_learn::random::Random;
use rayon::prelude::*;

use super::candidates::Candidate;
use super::comparisons::{Comparer, Matrix};
use super::meeting_values::{self, MeetingValues};
use super::records::Pair;
use super::rivals::{RIVAL_COMPARISONS, Rivals};
use super::telling_words::{TellingWords, WORD_COMPARISONS};

const N_FOLDS: usize = 4;
const N_SEEDS: u64 = 3;
const ODDS_COMPARISONS: &[&str] = &[
    "first judgement: log-odds",
    "first judgement: share of the odds of the left record",
    "first judgement: share of the odds of the right record",
];

/// The same for every set of pairs; chosen by cross-validation on the train and valid pairs of the four sets of the bench.
const SETTINGS: Settings = Settings {
    n_trees: 250,
    learning_rate: 0.05,
    n_leaves_max: 15,
    rows_of_leaf_min: 5,
    weight_of_leaf_min: 1e-3,
    l2: 1.0,
    column_share: 0.5,
    row_share: 0.8,
};

/// What a model learns from and judges.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairs<'a> {
    pub(crate) candidates: &'a [Candidate],
    pub(crate) comparer: &'a Comparer,
    pub(crate) matrix: &'a Matrix,
    pub(crate) rivals: &'a Rivals,
}

/// A candidate, by its place, of which it is known whether it is the same.
pub(crate) type Lesson = (u32, bool);

/// What was learnt.
#[derive(Debug)]
pub(crate) struct Learnt {
    /// The log-odds of each candidate.
    pub(crate) log_odds: Vec<f32>,
    /// Those of the lessons, in their order, by models that have not seen them.
    pub(crate) unseen: Vec<f64>,
    /// The names of the comparisons that the last stage weighs.
    pub(crate) names: Vec<String>,
    models: Vec<Model>,
}

/// The last stage of one seed: what it looks at, and the models of the folds.
#[derive(Debug)]
struct Model {
    columns: Vec<Arc<Binned>>,
    boosters: Vec<Booster>,
}

impl Learnt {
    /// What each comparison adds to the log-odds of a candidate, the mean of all models.
    pub(crate) fn parts(&self, place: usize) -> Vec<f64> {
        let mut parts = vec![0.0; self.names.len()];
        let mut n = 0.0;
        for model in &self.models {
            for booster in &model.boosters {
                booster.add_parts(&model.columns, place, &mut parts);
                n += 1.0;
            }
        }
        parts.iter_mut().for_each(|part| *part /= n);
        parts
    }
}

/// Learns from lessons; `done` is told after each of [`n_parts`] parts.
pub(crate) fn learn(pairs: Pairs<'_>, lessons: &[Lesson], done: &(dyn Fn() + Sync)) -> Learnt {
    let (base, mut names) = base_columns(pairs);
    let seeds: Vec<OfSeed> = (1..=N_SEEDS).map(|seed| learn_seed(pairs, &base, lessons, seed, done)).collect();
    names.extend(WORD_COMPARISONS.iter().map(|name| (*name).to_owned()));
    names.extend(meeting_values::names(pairs.comparer));
    names.extend(RIVAL_COMPARISONS.iter().map(|name| format!("first judgement: {name}")));
    names.extend(ODDS_COMPARISONS.iter().map(|name| (*name).to_owned()));
    let n = N_SEEDS as f64;
    let log_odds = mean(&seeds.iter().map(|seed| seed.log_odds.as_slice()).collect::<Vec<_>>());
    let unseen =
        (0..lessons.len()).map(|lesson| seeds.iter().map(|seed| seed.unseen[lesson]).sum::<f64>() / n).collect();
    Learnt { log_odds, unseen, names, models: seeds.into_iter().map(|seed| seed.model).collect() }
}

/// How many parts learning has.
pub(crate) fn n_parts() -> u64 {
    N_SEEDS * 2 * N_FOLDS as u64
}

/// The comparisons, and the likeness by keys and by words among rivals.
fn base_columns(pairs: Pairs<'_>) -> (Vec<Arc<Binned>>, Vec<String>) {
    let matrix = pairs.matrix;
    let mut names = pairs.comparer.names.clone();
    let mut columns: Vec<Vec<f32>> = (0..matrix.n_columns).map(|column| matrix.column(column).collect()).collect();
    let by_keys = pairs.candidates.iter().map(|candidate| candidate.score).collect();
    let by_words: Vec<f32> =
        matrix.column(pairs.comparer.place_of_cosine()).map(|v| if v.is_nan() { 0.0 } else { v }).collect();
    for (what, scores) in [("blocking keys in common", by_keys), ("words in common", by_words)] {
        columns.extend(pairs.rivals.compare(&scores));
        names.extend(RIVAL_COMPARISONS.iter().map(|name| format!("{what}: {name}")));
    }
    (columns.par_iter().map(|column| Arc::new(Binned::new(column))).collect(), names)
}

struct OfSeed {
    log_odds: Vec<f32>,
    unseen: Vec<f64>,
    model: Model,
}

/// Columns that each fold sees otherwise: as all folds see them together, and as the lessons are seen by the models that
/// have not seen them.
#[derive(Default)]
struct Folded {
    together: Vec<Arc<Binned>>,
    lessons: Vec<Arc<Binned>>,
}

impl Folded {
    fn add(&mut self, of_folds: &[Vec<Vec<f32>>], lessons: &[Lesson], folds: &[u8]) {
        for column in 0..of_folds.first().map_or(0, Vec::len) {
            let views: Vec<&[f32]> = of_folds.iter().map(|columns| columns[column].as_slice()).collect();
            let together = mean(&views);
            let mut own = together.clone();
            for ((place, _), fold) in lessons.iter().zip(folds) {
                own[*place as usize] = views[usize::from(*fold)][*place as usize];
            }
            self.add_views(together, &own);
        }
    }

    fn add_views(&mut self, together: Vec<f32>, own: &[f32]) {
        let together = Binned::new(&together);
        self.lessons.push(Arc::new(together.with(own)));
        self.together.push(Arc::new(together));
    }
}

fn mean(views: &[&[f32]]) -> Vec<f32> {
    let n = views.len() as f32;
    (0..views[0].len()).map(|place| views.iter().map(|view| view[place]).sum::<f32>() / n).collect()
}

fn learn_seed(
    pairs: Pairs<'_>,
    base: &[Arc<Binned>],
    lessons: &[Lesson],
    seed: u64,
    done: &(dyn Fn() + Sync),
) -> OfSeed {
    let folds = Random::new(seed).folds(lessons.len(), N_FOLDS);
    let mut folded = Folded::default();
    let signs = signs_of_folds(pairs, lessons, &folds);
    folded.add(&signs, lessons, &folds);
    let with = |extra: &[Arc<Binned>]| -> Vec<Arc<Binned>> { base.iter().chain(extra).cloned().collect() };

    // First stage: each fold's model judges all candidates, by what that fold sees.
    let columns = with(&folded.lessons);
    let judgements: Vec<Vec<f32>> = (0..N_FOLDS)
        .into_par_iter()
        .map(|fold| {
            let booster = fit_without(&columns, lessons, &folds, fold, seed * 100 + fold as u64);
            let seen: Vec<Arc<Binned>> =
                folded.together.iter().zip(&signs[fold]).map(|(bins, values)| Arc::new(bins.with(values))).collect();
            let seen = with(&seen);
            let judged = (0..pairs.candidates.len()).map(|row| booster.log_odds(&seen, row) as f32).collect();
            done();
            judged
        })
        .collect();

    // Second stage: among rivals by the first.
    let among: Vec<Vec<Vec<f32>>> = judgements.par_iter().map(|judged| among_rivals(pairs.rivals, judged)).collect();
    folded.add(&among, lessons, &folds);
    let columns = with(&folded.lessons);
    let together = with(&folded.together);
    let of_folds: Vec<(Booster, Vec<f32>)> = (0..N_FOLDS)
        .into_par_iter()
        .map(|fold| {
            let booster = fit_without(&columns, lessons, &folds, fold, seed * 100 + 50 + fold as u64);
            let judged = (0..pairs.candidates.len()).map(|row| booster.log_odds(&together, row) as f32).collect();
            done();
            (booster, judged)
        })
        .collect();
    let unseen = lessons
        .iter()
        .zip(&folds)
        .map(|((place, _), fold)| of_folds[usize::from(*fold)].0.log_odds(&columns, *place as usize));
    let unseen = unseen.collect();
    let log_odds = mean(&of_folds.iter().map(|(_, judged)| judged.as_slice()).collect::<Vec<_>>());
    let boosters = of_folds.into_iter().map(|(booster, _)| booster).collect();
    OfSeed { log_odds, unseen, model: Model { columns: together, boosters } }
}

fn fit_without(columns: &[Arc<Binned>], lessons: &[Lesson], folds: &[u8], fold: usize, seed: u64) -> Booster {
    const SETTINGS_HERE: Settings = SETTINGS;
    let others = lessons.iter().zip(folds).filter(|(_, own)| usize::from(**own) != fold).map(|(lesson, _)| *lesson);
    let (rows, targets): (Vec<u32>, Vec<bool>) = others.unzip();
    Booster::fit(columns, &rows, &targets, &SETTINGS_HERE, seed)
}

/// For each fold what the words and values of the other folds' lessons say of all candidates.
fn signs_of_folds(pairs: Pairs<'_>, lessons: &[Lesson], folds: &[u8]) -> Vec<Vec<Vec<f32>>> {
    let of_fold = |fold: usize| {
        let others = lessons.iter().zip(folds).filter(|(_, own)| usize::from(**own) != fold);
        let pair_of = |place: u32| pairs.candidates[place as usize].pair;
        let taught: Vec<(Pair, bool)> = others.map(|((place, is_match), _)| (pair_of(*place), *is_match)).collect();
        let words = TellingWords::learn(pairs.comparer, &taught);
        let values = MeetingValues::learn(pairs.comparer, &taught);
        let mut columns: Vec<Vec<f32>> = Vec::new();
        for candidate in pairs.candidates {
            let of_words = words.compare(pairs.comparer, candidate.pair);
            let found = of_words.into_iter().chain(values.compare(pairs.comparer, candidate.pair));
            for (place, value) in found.enumerate() {
                if place == columns.len() {
                    columns.push(Vec::with_capacity(pairs.candidates.len()));
                }
                columns[place].push(value);
            }
        }
        columns
    };
    (0..N_FOLDS).into_par_iter().map(of_fold).collect()
}

fn among_rivals(rivals: &Rivals, judged: &[f32]) -> Vec<Vec<f32>> {
    let mut columns = rivals.compare(judged);
    columns.push(judged.to_vec());
    columns.extend(rivals.shares(judged));
    columns
}
