//! Labelled pairs to how well matching does on those of the test split, and why it says what it says of one pair.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crowsnest_lake::{LakeOptions, Scratch};
use serde::Serialize;

use super::candidates::{Candidate, candidates};
use super::comparisons::Comparer;
use super::error::MatchError;
use super::explain::{Explained, explain_labelled, explain_unlabelled};
use super::folder::{Folder, Labelled, Split};
use super::labelled::{self, Lesson, Pairs};
use super::records::Pair;
use super::rivals::Rivals;
use super::unlabelled;
use super::value::ColumnKind;
use crowsnest_learn::calibration::{Calibration, Verdict, calibration_error, threshold};

/// Fewer pairs of a kind teach nothing.
const LESSONS_MIN: usize = 10;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// Where `left.csv`, `right.csv` and `pairs.csv` are.
    pub folder: PathBuf,
    /// Whether to leave the labels unseen, but for judging by them.
    pub is_unsupervised: bool,
    /// The ids of a left and a right record to explain.
    pub explain: Option<(String, String)>,
    /// How much of the machine may be used.
    pub engine: LakeOptions,
}

/// Told of what is going on.
pub trait MatchProgress: Send + Sync {
    /// So many of all parts of a stage are done.
    fn stage(&self, name: &'static str, n_done: u64, n_all: u64);
}

/// How well matching does on the pairs of the test split.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// `labels` or `no labels`.
    pub learned_from: &'static str,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Share of the pairs said to be the same that are.
    pub precision: f64,
    /// Share of the pairs that are the same that were said to be; those that are no candidates count as missed.
    pub recall: f64,
    /// Share of the test split's matches that are among the candidates.
    pub candidate_recall: f64,
    /// The same of all splits.
    pub candidate_recall_of_all: f64,
    /// Candidates against all pairs of a left and a right record.
    pub candidate_share: f64,
    /// Expected calibration error of the test split's probabilities in ten ranges; pairs that are no candidates have 0.
    pub ece: f64,
    /// The same of those that are candidates.
    pub ece_of_candidates: f64,
    /// From reading the files to the last probability.
    pub seconds: f64,
    /// A probability of so much or more is said to be the same.
    pub threshold: f64,
    /// Left records.
    pub n_left: usize,
    /// Right records.
    pub n_right: usize,
    /// Candidates in all.
    pub n_candidates: usize,
    /// Candidates of a left record, in the mean.
    pub candidates_per_record: f64,
    /// Most candidates of any record of either side.
    pub candidates_per_record_max: usize,
    /// Pairs of the train split.
    pub n_train: usize,
    /// Pairs of the valid split.
    pub n_valid: usize,
    /// Pairs of the test split.
    pub n_test: usize,
    /// What else there is to know of the files, in sentences.
    pub notes: Vec<String>,
    /// The pair that was to be explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<Explained>,
}

/// Reads, finds candidates, compares, learns, and judges the test split.
///
/// Memory is bounded for the candidates' plan; candidates and their comparisons are held: some four bytes times twenty
/// times the records times the comparisons.
///
/// # Errors
/// [`MatchError::Faults`] with all faults of the files; [`MatchError::Unusable`] if there is too little to learn from.
pub async fn evaluate(request: EvaluateRequest, progress: Arc<dyn MatchProgress>) -> Result<Evaluation, MatchError> {
    let started = Instant::now();
    progress.stage("reading", 0, 1);
    let folder = Folder::read(&request.folder)?;
    if !folder.labelled.iter().any(|labelled| labelled.split == Split::Test) {
        return Err(MatchError::unusable(
            "pairs.csv has no pair of the split test",
            "write test into the column split",
        ));
    }
    let asked = request.explain.as_ref().map(|(left, right)| pair_of(&folder, left, right)).transpose()?;
    let kinds: Vec<ColumnKind> = folder.records.values.iter().map(|values| ColumnKind::of(values)).collect();
    progress.stage("finding candidates", 0, 1);
    let scratch = Scratch::new(request.engine)?;
    let found = candidates(&scratch, &folder.records, &kinds).await?;
    let work = move || {
        let work = Work { folder, kinds, candidates: found, started };
        work.finish(request.is_unsupervised, asked, progress.as_ref())
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(finished) => finished,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn pair_of(folder: &Folder, left: &str, right: &str) -> Result<Pair, MatchError> {
    let place = |ids: &[String], id: &str, file: &str| {
        let found = ids.iter().position(|known| known == id);
        found.map(|place| place as u32).ok_or_else(|| {
            MatchError::unusable(format!("{file} has no id {id:?}"), "name ids as the files have them in column id")
        })
    };
    Ok(Pair {
        left: place(&folder.records.left_ids, left, "left.csv")?,
        right: place(&folder.records.right_ids, right, "right.csv")?,
    })
}

/// What is known once the candidates are.
struct Work {
    folder: Folder,
    kinds: Vec<ColumnKind>,
    candidates: Vec<Candidate>,
    started: Instant,
}

/// Probabilities of the candidates, and from where on they say "the same".
struct Judgement {
    probabilities: Vec<f64>,
    threshold: f64,
    explained: Option<Explained>,
}

impl Work {
    fn finish(
        self,
        is_unsupervised: bool,
        asked: Option<Pair>,
        progress: &dyn MatchProgress,
    ) -> Result<Evaluation, MatchError> {
        progress.stage("comparing", 0, 1);
        let comparer = Comparer::new(&self.folder.records, &self.kinds);
        let matrix = comparer.matrix(&self.candidates);
        let rivals = Rivals::new(&self.candidates);
        let pairs = Pairs { candidates: &self.candidates, comparer: &comparer, matrix: &matrix, rivals: &rivals };
        let judgement = match is_unsupervised {
            true => self.judge_without_labels(pairs, asked, progress),
            false => self.judge_with_labels(pairs, asked, progress)?,
        };
        Ok(self.evaluation(judgement, is_unsupervised))
    }

    fn places(&self) -> HashMap<Pair, u32> {
        self.candidates.iter().enumerate().map(|(place, candidate)| (candidate.pair, place as u32)).collect()
    }

    /// The labelled pairs of a split that are candidates, each once, without those that are in the test split too.
    fn lessons(&self, split: Split) -> Vec<Lesson> {
        let places = self.places();
        let of_split = |split| self.folder.labelled.iter().filter(move |labelled| labelled.split == split);
        let tested: HashSet<Pair> = of_split(Split::Test).map(|labelled| labelled.pair).collect();
        let own = of_split(split).filter(|labelled| !tested.contains(&labelled.pair));
        let mut lessons: Vec<Lesson> =
            own.filter_map(|labelled| Some((*places.get(&labelled.pair)?, labelled.is_match))).collect();
        lessons.sort_unstable();
        // Of a pair that is said to be both, the yes is kept: somebody saw something.
        lessons.reverse();
        lessons.dedup_by_key(|(place, _)| *place);
        lessons
    }

    fn judge_with_labels(
        &self,
        pairs: Pairs<'_>,
        asked: Option<Pair>,
        progress: &dyn MatchProgress,
    ) -> Result<Judgement, MatchError> {
        let lessons = self.lessons(Split::Train);
        let n_same = lessons.iter().filter(|(_, is_match)| *is_match).count();
        let n_different = lessons.len() - n_same;
        if n_same.min(n_different) < LESSONS_MIN {
            return Err(MatchError::unusable(
                format!(
                    "too few pairs to learn from: {n_same} the same and {n_different} different, of split train and \
                     among the candidates; {LESSONS_MIN} of each are needed"
                ),
                "label more pairs, or learn without labels by --unsupervised",
            ));
        }
        let n_done = std::sync::atomic::AtomicU64::new(0);
        progress.stage("learning", 0, labelled::n_parts());
        let learnt = labelled::learn(pairs, &lessons, &|| {
            let n = n_done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
            progress.stage("learning", n, labelled::n_parts());
        });
        let mut scored: Vec<(f64, bool)> =
            learnt.unseen.iter().zip(&lessons).map(|(score, (_, is_match))| (*score, *is_match)).collect();
        let valid = self.lessons(Split::Valid);
        scored.extend(valid.iter().map(|(place, is_match)| (f64::from(learnt.log_odds[*place as usize]), *is_match)));
        let curve = Calibration::fit(&scored);
        let judged: Vec<(f64, bool)> =
            scored.iter().map(|(score, is_match)| (curve.probability(*score), *is_match)).collect();
        let probabilities: Vec<f64> =
            learnt.log_odds.iter().map(|score| curve.probability(f64::from(*score))).collect();
        let threshold = threshold(&judged);
        let explained = asked.map(|pair| {
            let place = self.candidates.binary_search_by_key(&pair, |candidate| candidate.pair).ok();
            let probability = place.map(|place| probabilities[place]);
            explain_labelled(pairs, &self.folder.records, &learnt, &lessons, (pair, place), probability, threshold)
        });
        Ok(Judgement { probabilities, threshold, explained })
    }

    fn judge_without_labels(&self, pairs: Pairs<'_>, asked: Option<Pair>, progress: &dyn MatchProgress) -> Judgement {
        progress.stage("learning", 0, 1);
        let learnt = unlabelled::learn(pairs);
        let threshold = unlabelled::threshold(&learnt.probabilities);
        let explained = asked.map(|pair| {
            let place = self.candidates.binary_search_by_key(&pair, |candidate| candidate.pair).ok();
            explain_unlabelled(&self.folder.records, &learnt, (pair, place), threshold)
        });
        Judgement { probabilities: learnt.probabilities, threshold, explained }
    }

    fn evaluation(self, judgement: Judgement, is_unsupervised: bool) -> Evaluation {
        let places = self.places();
        let of = |labelled: &Labelled| places.get(&labelled.pair).map(|place| judgement.probabilities[*place as usize]);
        let is_of = |split: Split| self.folder.labelled.iter().filter(move |labelled| labelled.split == split);
        let judged = || is_of(Split::Test).map(|labelled| (of(labelled).unwrap_or(0.0), labelled.is_match));
        let among = is_of(Split::Test).filter_map(|labelled| Some((of(labelled)?, labelled.is_match)));
        let verdict = Verdict::of(judged(), judgement.threshold);
        let recall_of = |labelled: &mut dyn Iterator<Item = &Labelled>| {
            let found: Vec<bool> =
                labelled.filter(|labelled| labelled.is_match).map(|labelled| of(labelled).is_some()).collect();
            let n = found.iter().filter(|is_found| **is_found).count();
            if found.is_empty() { 1.0 } else { n as f64 / found.len() as f64 }
        };
        let (n_left, n_right) = (self.folder.records.n_left(), self.folder.records.n_right());
        let n_candidates = self.candidates.len();
        Evaluation {
            learned_from: if is_unsupervised { "no labels" } else { "labels" },
            f1: verdict.f1(),
            precision: verdict.precision(),
            recall: verdict.recall(),
            candidate_recall: recall_of(&mut is_of(Split::Test)),
            candidate_recall_of_all: recall_of(&mut self.folder.labelled.iter()),
            candidate_share: n_candidates as f64 / (n_left as f64 * n_right as f64).max(1.0),
            ece: calibration_error(judged()),
            ece_of_candidates: calibration_error(among),
            seconds: self.started.elapsed().as_secs_f64(),
            threshold: judgement.threshold,
            n_left,
            n_right,
            n_candidates,
            candidates_per_record: n_candidates as f64 / n_left.max(1) as f64,
            candidates_per_record_max: most(&self.candidates),
            n_train: is_of(Split::Train).count(),
            n_valid: is_of(Split::Valid).count(),
            n_test: is_of(Split::Test).count(),
            explained: judgement.explained,
            notes: self.folder.notes,
        }
    }
}

/// The most candidates that any record of either side has.
fn most(candidates: &[Candidate]) -> usize {
    let (mut left, mut right): (HashMap<u32, usize>, HashMap<u32, usize>) = (HashMap::new(), HashMap::new());
    for candidate in candidates {
        *left.entry(candidate.pair.left).or_default() += 1;
        *right.entry(candidate.pair.right).or_default() += 1;
    }
    left.into_values().chain(right.into_values()).max().unwrap_or(0)
}
