//! How well names are told apart, on labelled pairs that nothing was learnt from.

use std::collections::BTreeMap;
use std::time::Instant;

use crowsnest_learn::calibration::{Verdict, calibration_error};
use serde::Serialize;

use super::gold::{self, GOLD, LabelledNames, NameSplit, is_to_know};
use super::model::NameModel;

/// What came out, for the split that was judged.
#[derive(Debug, Clone, Serialize)]
pub struct NameEvaluation {
    /// The split: `test`, or `valid` while building.
    pub split: String,
    /// F1 of all pairs but those of [`KINDS_TO_KNOW`](super::KINDS_TO_KNOW).
    pub f1: f64,
    /// Precision of those pairs.
    pub precision: f64,
    /// Recall of those pairs.
    pub recall: f64,
    /// F1 of all pairs, what nobody can tell by the names included.
    pub f1_of_all: f64,
    /// Recall of all pairs.
    pub recall_of_all: f64,
    /// Different pairs that were called the same, of all that are different, 0 to 1.
    pub false_merges: f64,
    /// F1 from the lower threshold on, from which names are likely the same, but somebody should look.
    pub f1_likely: f64,
    /// Different pairs that are called the same from there on.
    pub false_merges_likely: f64,
    /// How far probabilities and shares are apart, of the pairs that names can tell.
    pub ece: f64,
    /// The probability from which on two names are the same.
    pub threshold: f64,
    /// The lower one.
    pub likely: f64,
    /// Pairs of the split train, which are learnt from.
    pub n_train: usize,
    /// Pairs of the split valid, which are learnt from too where test is judged.
    pub n_valid: usize,
    /// Pairs that were judged.
    pub n_test: usize,
    /// What it took, learning included.
    pub seconds: f64,
    /// Each kind by itself.
    pub kinds: Vec<KindEvaluation>,
    /// Pairs that were judged wrongly.
    #[serde(skip)]
    pub mistakes: Vec<Mistake>,
}

/// One kind of pairs.
#[derive(Debug, Clone, Serialize)]
pub struct KindEvaluation {
    /// Its name in the file.
    pub kind: String,
    /// How many pairs there are.
    pub n_pairs: usize,
    /// How many of them were judged as they are labelled.
    pub n_right: usize,
}

/// A pair that was judged wrongly.
#[derive(Debug, Clone, Serialize)]
pub struct Mistake {
    /// One name.
    pub left: String,
    /// The other.
    pub right: String,
    /// Its kind.
    pub kind: String,
    /// Whether they are the same.
    pub is_same: bool,
    /// How probable it was held to be.
    pub probability: f64,
}

/// Why names could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// The file is not as it should be.
    #[error("labelled names: {0}")]
    Unreadable(#[from] csv::Error),
    /// There is nothing to judge by, or to learn from.
    #[error("labelled names: no pair of the split {0}\nhint: the column split says train, valid or test")]
    NoPairs(&'static str),
}

/// Learns from a file of labelled names (the gold set, if `None`), and judges its test split.
pub fn evaluate_names(file: Option<&str>, on_valid: bool) -> Result<NameEvaluation, NameError> {
    let started = Instant::now();
    let pairs = gold::read(file.unwrap_or(GOLD), |_| true)?;
    let of = |split| pairs.iter().filter(|pair| pair.split == split).collect::<Vec<_>>();
    let [train, valid, test] = [NameSplit::Train, NameSplit::Valid, NameSplit::Test].map(of);
    for (split, name) in [(&train, "train"), (&valid, "valid"), (&test, "test")] {
        if split.is_empty() {
            return Err(NameError::NoPairs(name));
        }
    }
    let (judged, split) = if on_valid { (&valid, "valid") } else { (&test, "test") };
    // What is judged teaches nothing: valid only where test is judged.
    let taught: Vec<&LabelledNames> = if on_valid { train.clone() } else { [&train[..], &valid[..]].concat() };
    let model = NameModel::learn(&taught);
    let parts: Vec<_> = judged.iter().map(|pair| [&pair.parts[0], &pair.parts[1]]).collect();
    let chances = model.probabilities(&parts);
    let mut evaluation = summed_up(judged, &chances, model.threshold, model.likely);
    evaluation.split = split.to_owned();
    (evaluation.n_train, evaluation.n_valid, evaluation.n_test) = (train.len(), valid.len(), test.len());
    evaluation.seconds = started.elapsed().as_secs_f64();
    Ok(evaluation)
}

fn summed_up(pairs: &[&LabelledNames], chances: &[f64], threshold: f64, likely: f64) -> NameEvaluation {
    let judged = || chances.iter().zip(pairs).map(|(chance, pair)| (*chance, *pair));
    let all = Verdict::of(judged().map(|(chance, pair)| (chance, pair.is_same)), threshold);
    let guessable =
        || judged().filter(|(_, pair)| !is_to_know(&pair.kind)).map(|(chance, pair)| (chance, pair.is_same));
    let guessed = Verdict::of(guessable(), threshold);
    let n_different = pairs.iter().filter(|pair| !pair.is_same).count();
    let is_wrong = |chance: f64, pair: &LabelledNames| (chance >= threshold) != pair.is_same;
    let merged = |from: f64| judged().filter(|(chance, pair)| !pair.is_same && *chance >= from).count();
    let false_merges = |from: f64| merged(from) as f64 / n_different.max(1) as f64;
    let mut kinds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (chance, pair) in judged() {
        let kind = kinds.entry(&pair.kind).or_default();
        kind.0 += 1;
        kind.1 += usize::from(!is_wrong(chance, pair));
    }
    let mistake = |(chance, pair): (f64, &LabelledNames)| Mistake {
        left: pair.left.clone(),
        right: pair.right.clone(),
        kind: pair.kind.clone(),
        is_same: pair.is_same,
        probability: chance,
    };
    NameEvaluation {
        split: String::new(),
        f1: guessed.f1(),
        precision: guessed.precision(),
        recall: guessed.recall(),
        f1_of_all: all.f1(),
        recall_of_all: all.recall(),
        false_merges: false_merges(threshold),
        f1_likely: Verdict::of(guessable(), likely).f1(),
        false_merges_likely: false_merges(likely),
        ece: calibration_error(guessable()),
        threshold,
        likely,
        n_train: 0,
        n_valid: 0,
        n_test: 0,
        seconds: 0.0,
        kinds: kinds
            .into_iter()
            .map(|(kind, (n_pairs, n_right))| KindEvaluation { kind: kind.to_owned(), n_pairs, n_right })
            .collect(),
        mistakes: judged().filter(|(chance, pair)| is_wrong(*chance, pair)).map(mistake).collect(),
    }
}
