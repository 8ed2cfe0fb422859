//! Why a pair is said to be the same or different, in words.

use serde::Serialize;

use super::labelled::{Learnt, Lesson, Pairs};
use super::records::{Pair, Records};
use super::telling_words::TellingWords;
use super::unlabelled::Weights;

/// Reasons beyond these weigh little.
const REASONS_MAX: usize = 15;

/// What was said of a pair, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The left record's id.
    pub left_id: String,
    /// The right record's id.
    pub right_id: String,
    /// What each column says on both sides.
    pub columns: Vec<ExplainedColumn>,
    /// The probability that they are the same; `None` where the pair is no candidate.
    pub probability: Option<f64>,
    /// `same`, `different`, or `different: no candidate`.
    pub verdict: &'static str,
    /// The comparisons that weigh most, the heaviest first.
    pub reasons: Vec<Reason>,
    /// Words that only one of the two has, of which other pairs taught that they tell things apart.
    pub telling_words: Vec<String>,
}

/// A column of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedColumn {
    /// Its name.
    pub column: String,
    /// What the left record says.
    pub left: String,
    /// What the right record says.
    pub right: String,
}

/// A comparison and what it adds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reason {
    /// The comparison, in words.
    pub comparison: String,
    /// What it found: a number, or a level in words.
    pub found: String,
    /// What it adds to the log-odds of "the same": above zero speaks for it, below against.
    pub weight: f64,
}

fn columns_of(records: &Records, pair: Pair) -> Vec<ExplainedColumn> {
    let right = records.n_left() + pair.right as usize;
    let columns = records.columns.iter().zip(&records.values).map(|(column, values)| ExplainedColumn {
        column: column.clone(),
        left: values[pair.left as usize].clone(),
        right: values[right].clone(),
    });
    columns.collect()
}

fn explained(
    records: &Records,
    pair: Pair,
    probability: Option<f64>,
    threshold: f64,
    reasons: Vec<Reason>,
) -> Explained {
    let mut reasons = reasons;
    reasons.retain(|reason| reason.weight.abs() > 1e-3);
    reasons.sort_by(|a, b| b.weight.abs().total_cmp(&a.weight.abs()));
    reasons.truncate(REASONS_MAX);
    let verdict = match probability {
        None => "different: no candidate",
        Some(probability) if probability >= threshold => "same",
        Some(_) => "different",
    };
    Explained {
        left_id: records.left_ids[pair.left as usize].clone(),
        right_id: records.right_ids[pair.right as usize].clone(),
        columns: columns_of(records, pair),
        probability,
        verdict,
        reasons,
        telling_words: Vec::new(),
    }
}

fn written(value: f32) -> String {
    if value.is_nan() { "nothing said".to_owned() } else { format!("{value:.3}") }
}

/// By what gradient boosting learnt; a pair with its place among the candidates.
pub(crate) fn explain_labelled(
    pairs: Pairs<'_>,
    records: &Records,
    learnt: &Learnt,
    lessons: &[Lesson],
    (pair, place): (Pair, Option<usize>),
    probability: Option<f64>,
    threshold: f64,
) -> Explained {
    let mut reasons = Vec::new();
    if let Some(place) = place {
        let row = pairs.matrix.row(place);
        for (number, (comparison, weight)) in learnt.names.iter().zip(learnt.parts(place)).enumerate() {
            let found = row.get(number).map(|value| written(*value)).unwrap_or_default();
            reasons.push(Reason { comparison: comparison.clone(), found, weight });
        }
    }
    let taught = lessons.iter().map(|(place, is_match)| (pairs.candidates[*place as usize].pair, *is_match));
    let taught: Vec<(Pair, bool)> = taught.collect();
    let words = TellingWords::learn(pairs.comparer, &taught).of(pairs.comparer, pair);
    let telling_words = words.into_iter().filter(|(_, log_odds)| *log_odds < -0.2).map(|(word, _)| word);
    let telling_words = telling_words.take(REASONS_MAX).collect();
    Explained { telling_words, ..explained(records, pair, probability, threshold, reasons) }
}

/// By Fellegi and Sunter's weights.
pub(crate) fn explain_unlabelled(
    records: &Records,
    learnt: &Weights,
    (pair, place): (Pair, Option<usize>),
    threshold: f64,
) -> Explained {
    let reasons = place.map(|place| learnt.reasons(place)).unwrap_or_default();
    let reasons = reasons.into_iter().map(|(comparison, found, weight)| Reason { comparison, found, weight }).collect();
    explained(records, pair, place.map(|place| learnt.probabilities[place]), threshold, reasons)
}
