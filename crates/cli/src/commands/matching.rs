//! `crowsnest match`: whose name is this, in the market; and how well that, and matching of records, goes on pairs that
//! somebody labelled.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use crowsnest_identify::matching::{EvaluateRequest, Evaluation, Explained, MatchProgress, evaluate};
use crowsnest_identify::naming::{self, NameEvaluation, NameIndex};
use crowsnest_lake::files;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_model::Kind;
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;
use crate::options::Format;
use crate::output::Layout;
use crate::print;
use crate::progress::Stages;
use crate::table::{Cell, Column, column};

/// Find whose name a name is; or how well records of two files are matched, on pairs that are labelled
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest match 豆包 \"Moonshot AI\" 智譜清言
  crowsnest match --from names.txt --kind company --limit 1 --format csv
  cut -f1 vendors.tsv | crowsnest match -
  crowsnest match --evaluate-names
  crowsnest match --evaluate-names pairs.csv --format json
  crowsnest match --evaluate products/
  crowsnest match --evaluate products/ --unsupervised
  crowsnest match --evaluate products/ --format json
  crowsnest match --evaluate products/ --explain a17 b204

A name is compared with every name of the market, in any script; the score is the probability that both are the same.
The files for --evaluate are left.csv and right.csv, each with a column id and any others, and pairs.csv with the columns
left_id, right_id, match (1 or 0) and split (train, valid or test). What is learnt comes from train, the threshold from
train and valid, and what is printed from test. Pairs of test that are no candidates count as different.
The file for --evaluate-names has the columns left, right, match, kind, split; without one it is the gold set.")]
pub(crate) struct Match {
    /// Names, in any script; - reads them from standard input, one a line
    #[arg(value_name = "NAME", required_unless_present_any = ["from", "evaluate", "evaluate_names"])]
    names: Vec<String>,
    /// Read names from a file, one a line
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// product, company or segment [default: all]
    #[arg(long)]
    kind: Option<String>,
    /// At most so many candidates for each name
    #[arg(long, default_value_t = 3)]
    limit: usize,
    /// Judge how well names are told apart: by the gold set, or by a file of labelled names
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["names", "from", "evaluate"])]
    evaluate_names: Option<Option<PathBuf>>,
    /// Judge by the split valid, which may be looked at while something is tuned; test may not
    #[arg(long, requires = "evaluate_names")]
    valid: bool,
    /// Folder with left.csv, right.csv and pairs.csv
    #[arg(long, value_name = "DIR", conflicts_with_all = ["names", "from"])]
    evaluate: Option<PathBuf>,
    /// Learn without the labels; they are only judged by
    #[arg(long, requires = "evaluate")]
    unsupervised: bool,
    /// Tell why this left and this right record are the same or different
    #[arg(long, num_args = 2, value_names = ["LEFT_ID", "RIGHT_ID"], requires = "evaluate")]
    explain: Vec<String>,
}

impl Match {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        if let Some(file) = &self.evaluate_names {
            return evaluate_names(context, file.as_deref(), self.valid);
        }
        let Some(folder) = self.evaluate.clone() else { return self.look_up(context).await };
        let explain = match self.explain.as_slice() {
            [left, right] => Some((left.clone(), right.clone())),
            _ => None,
        };
        let request = EvaluateRequest { folder, is_unsupervised: self.unsupervised, explain, engine: context.engine() };
        let stages: Arc<dyn MatchProgress> = Arc::new(Stages::new(context.shows_progress()));
        let evaluation = Box::pin(evaluate(request, stages)).await?;
        tell(context, &evaluation)?;
        Ok(Done::Well)
    }

    async fn look_up(self, context: &Context) -> Result<Done, Failure> {
        let kind = match &self.kind {
            Some(kind) => Some(
                kind.parse::<Kind>()
                    .map_err(|error| Failure::users(format!("--kind: {error}"), "say product, company or segment"))?,
            ),
            None => None,
        };
        let asked = asked_names(self.names, self.from.as_deref())?;
        let lake = context.lake().await?;
        let index = NameIndex::new(naming::known_names(&lake).await?);
        let identity = lake.identity();
        let language = context.language().unwrap_or(lake.market().config.language);
        let kinds: Vec<Kind> = kind.into_iter().collect();
        let mut rows = Vec::new();
        for name in &asked {
            let found = naming::name_matches(&index, &identity, name, &kinds, self.limit, language);
            if found.is_empty() {
                context.note(&format!("nothing is called like {name:?}"));
            }
            rows.extend(found.into_iter().map(|found| FoundRow { asked: name.clone(), found }));
        }
        let fields = [&[("asked", Holds::Text)][..], naming::MATCH_FIELDS].concat();
        context.print(&own_rows::answer(&fields, &rows)?, Layout::of(FOUND_COLUMNS))?;
        Ok(Done::Well)
    }
}

/// A candidate, beside the name that was asked for.
#[derive(Debug, Serialize)]
struct FoundRow {
    asked: String,
    #[serde(flatten)]
    found: naming::NameMatch,
}

const FOUND_COLUMNS: &[Column] = &[
    column("asked", "asked", Cell::Text),
    column("name", "is called", Cell::Text),
    column("kind", "kind", Cell::Text),
    column("company", "company", Cell::Text),
    column("score", "score", Cell::Share),
    column("is_match", "sure", Cell::YesNo),
    column("by_name", "by its name", Cell::Text),
    column("why", "why", Cell::Text),
];

/// The names of the command line, of standard input where one is `-`, and of a file.
fn asked_names(names: Vec<String>, from: Option<&Path>) -> Result<Vec<String>, Failure> {
    let mut asked = Vec::new();
    for name in names {
        if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| {
                Failure::users(format!("standard input: {error}"), "give names as UTF-8 text, one a line")
            })?;
            asked.extend(lines(&text));
        } else {
            asked.push(name);
        }
    }
    if let Some(path) = from {
        asked.extend(lines(&files::read_text(path)?));
    }
    Ok(asked)
}

fn lines(text: &str) -> impl Iterator<Item = String> {
    text.trim_start_matches('\u{feff}').lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}

fn evaluate_names(context: &Context, file: Option<&Path>, on_valid: bool) -> Result<Done, Failure> {
    let text = file.map(files::read_text).transpose()?;
    let evaluation = naming::evaluate_names(text.as_deref(), on_valid)
        .map_err(|error| Failure::users(error.to_string(), "see the gold set's README for the form of such a file"))?;
    match context.format() {
        Format::Table => print::line(&print::clean(&names_in_words(&evaluation)))?,
        Format::Json => {
            let text = serde_json::to_string(&evaluation).map_err(crowsnest_lake::LakeError::from)?;
            print::line(&text)?;
        }
        _ => context.print_encoded(&own_rows::answer(NAME_FIELDS, std::slice::from_ref(&evaluation))?)?,
    }
    Ok(Done::Well)
}

const NAME_FIELDS: &[(&str, Holds)] = &[
    ("f1", Holds::Number),
    ("precision", Holds::Number),
    ("recall", Holds::Number),
    ("f1_of_all", Holds::Number),
    ("recall_of_all", Holds::Number),
    ("false_merges", Holds::Number),
    ("f1_likely", Holds::Number),
    ("false_merges_likely", Holds::Number),
    ("ece", Holds::Number),
    ("threshold", Holds::Number),
    ("likely", Holds::Number),
    ("n_train", Holds::Count),
    ("n_valid", Holds::Count),
    ("n_test", Holds::Count),
    ("seconds", Holds::Number),
];

fn names_in_words(evaluation: &NameEvaluation) -> String {
    let mut lines = vec![
        format!(
            "pairs             {} train, {} valid, {} test",
            number::count(evaluation.n_train as u64),
            number::count(evaluation.n_valid as u64),
            number::count(evaluation.n_test as u64)
        ),
        format!("F1                {:.3} of what names can tell, {:.3} of all", evaluation.f1, evaluation.f1_of_all),
        format!("precision         {:.3}", evaluation.precision),
        format!(
            "recall            {:.3} of what names can tell, {:.3} of all",
            evaluation.recall, evaluation.recall_of_all
        ),
        format!("false merges      {} of the different pairs", number::percent(evaluation.false_merges)),
        format!("same from         {:.3} on", evaluation.threshold),
        format!(
            "likely from       {:.3} on: F1 {:.3}, false merges {}",
            evaluation.likely,
            evaluation.f1_likely,
            number::percent(evaluation.false_merges_likely)
        ),
        format!("calibration error {:.3}", evaluation.ece),
        format!("took              {:.1} s", evaluation.seconds),
        String::new(),
        "right    of  kind".to_owned(),
    ];
    lines.extend(evaluation.kinds.iter().map(|kind| format!("{:5} {:5}  {}", kind.n_right, kind.n_pairs, kind.kind)));
    lines.join("\n")
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
