//! `crowsnest match`: how well pairs of records are found to be the same, on pairs that somebody labelled.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use crowsnest_identify::matching::{EvaluateRequest, Evaluation, Explained, MatchProgress, evaluate};
use crowsnest_lake::own_rows::{self, Holds};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;
use crate::options::Format;
use crate::print;
use crate::progress::Stages;

/// Find which records of two files mean the same, and how well that goes on pairs that are labelled
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest match --evaluate products/
  crowsnest match --evaluate products/ --unsupervised
  crowsnest match --evaluate products/ --format json
  crowsnest match --evaluate products/ --explain a17 b204

The folder holds left.csv and right.csv, each with a column id and any others, and pairs.csv with the columns left_id,
right_id, match (1 or 0) and split (train, valid or test). What is learnt comes from train, the threshold from train and
valid, and what is printed from test. Pairs of test that are no candidates count as different.")]
pub(crate) struct Match {
    /// Folder with left.csv, right.csv and pairs.csv
    #[arg(long, value_name = "DIR", required = true)]
    evaluate: PathBuf,
    /// Learn without the labels; they are only judged by
    #[arg(long)]
    unsupervised: bool,
    /// Tell why this left and this right record are the same or different
    #[arg(long, num_args = 2, value_names = ["LEFT_ID", "RIGHT_ID"])]
    explain: Vec<String>,
}

impl Match {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let explain = match self.explain.as_slice() {
            [left, right] => Some((left.clone(), right.clone())),
            _ => None,
        };
        let request = EvaluateRequest {
            folder: self.evaluate,
            is_unsupervised: self.unsupervised,
            explain,
            engine: context.engine(),
        };
        let stages: Arc<dyn MatchProgress> = Arc::new(Stages::new(context.shows_progress()));
        let evaluation = Box::pin(evaluate(request, stages)).await?;
        tell(context, &evaluation)?;
        Ok(Done::Well)
    }
}

const FIELDS: &[(&str, Holds)] = &[
    ("learned_from", Holds::Text),
    ("f1", Holds::Number),
    ("precision", Holds::Number),
    ("recall", Holds::Number),
    ("candidate_recall", Holds::Number),
    ("candidate_recall_of_all", Holds::Number),
    ("candidate_share", Holds::Number),
    ("ece", Holds::Number),
    ("ece_of_candidates", Holds::Number),
    ("seconds", Holds::Number),
    ("threshold", Holds::Number),
    ("n_left", Holds::Count),
    ("n_right", Holds::Count),
    ("n_candidates", Holds::Count),
    ("candidates_per_record", Holds::Number),
    ("candidates_per_record_max", Holds::Count),
    ("n_train", Holds::Count),
    ("n_valid", Holds::Count),
    ("n_test", Holds::Count),
];

fn tell(context: &Context, evaluation: &Evaluation) -> Result<(), Failure> {
    evaluation.notes.iter().for_each(|note| context.note(note));
    match context.format() {
        Format::Table => print::line(&print::clean(&in_words(evaluation))),
        Format::Json => {
            let text = serde_json::to_string(evaluation).map_err(crowsnest_lake::LakeError::from)?;
            print::line(&text)
        }
        _ => context.print_encoded(&own_rows::answer(FIELDS, std::slice::from_ref(evaluation))?),
    }
}

fn in_words(evaluation: &Evaluation) -> String {
    let percent = number::percent;
    let mut lines = vec![
        format!("learned from      {}", evaluation.learned_from),
        format!(
            "records           {} left, {} right",
            number::count(evaluation.n_left as u64),
            number::count(evaluation.n_right as u64)
        ),
        format!(
            "pairs             {} train, {} valid, {} test",
            number::count(evaluation.n_train as u64),
            number::count(evaluation.n_valid as u64),
            number::count(evaluation.n_test as u64)
        ),
        format!(
            "candidates        {}: {:.1} a left record, at most {} a record, {} of all pairs",
            number::count(evaluation.n_candidates as u64),
            evaluation.candidates_per_record,
            evaluation.candidates_per_record_max,
            percent(evaluation.candidate_share)
        ),
        format!(
            "candidate recall  {} of the test split's matches, {} of all",
            percent(evaluation.candidate_recall),
            percent(evaluation.candidate_recall_of_all)
        ),
        String::new(),
        format!("F1                {:.3}", evaluation.f1),
        format!("precision         {:.3}", evaluation.precision),
        format!("recall            {:.3}", evaluation.recall),
        format!("same from         {:.3} on", evaluation.threshold),
        format!("calibration error {:.3} ({:.3} among candidates)", evaluation.ece, evaluation.ece_of_candidates),
        format!("took              {:.1} s", evaluation.seconds),
    ];
    if let Some(explained) = &evaluation.explained {
        lines.push(String::new());
        lines.extend(explained_in_words(explained));
    }
    lines.join("\n")
}

fn explained_in_words(explained: &Explained) -> Vec<String> {
    let chance = explained.probability.map(|chance| format!(", probability {chance:.3}")).unwrap_or_default();
    let mut lines = vec![format!("{} and {}: {}{chance}", explained.left_id, explained.right_id, explained.verdict)];
    for column in &explained.columns {
        lines.push(format!("  {}: {:?} | {:?}", column.column, column.left, column.right));
    }
    if !explained.reasons.is_empty() {
        lines.extend([String::new(), "weighs   comparison (found)".to_owned()]);
    }
    for reason in &explained.reasons {
        let found = if reason.found.is_empty() { String::new() } else { format!(" ({})", reason.found) };
        lines.push(format!("{:+.2}    {}{found}", reason.weight, reason.comparison));
    }
    if !explained.telling_words.is_empty() {
        lines.push(format!(
            "on one side only, and elsewhere a sign of another thing: {}",
            explained.telling_words.join(", ")
        ));
    }
    lines
}
