//! `crowsnest review`: two names side by side, with what speaks for and against; one key says what they are.

use std::io::BufRead as _;

use clap::Args;
use crowsnest_identify::resolving::{export_judgements, open_questions};
use crowsnest_lake::{Lake, LakeError};
use crowsnest_run::{Decider, Decision, Evidence};

use super::resolve::evidence_in_words;
use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::print;

/// Judge pairs of names that are unsure, those first whose answer tells most
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest review
  crowsnest review --limit 50 --by ann
  crowsnest review --list --format json
  crowsnest review --export

Keys, each followed by Enter: s same, d different, u unsure, k skip, z take back the last answer, q quit. Every answer is kept
at once. --export writes judgements into catalogue/reviewed.csv and catalogue/different.csv, to be kept in git.")]
pub(crate) struct Review {
    /// At most so many pairs
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Who judges; your user name where not said
    #[arg(long)]
    by: Option<String>,
    /// Only list the pairs
    #[arg(long)]
    list: bool,
    /// Write people's judgements into the catalogue
    #[arg(long)]
    export: bool,
}

impl Review {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        if self.export {
            let exported = export_judgements(&lake).await?;
            print::line(&format!(
                "{} aliases and {} differences were added to the catalogue; {} judgements on one name stay in the lake",
                exported.n_aliases, exported.n_different, exported.n_kept
            ))?;
            crowsnest_identify::sync_catalogue(&lake).await?;
            return Ok(Done::Well);
        }
        let questions = open_questions(&lake, self.limit).await?;
        if self.list || context.format() == Format::Json {
            print::line(&serde_json::to_string(&questions).map_err(LakeError::from)?)?;
            return Ok(Done::Well);
        }
        let by = self.by.unwrap_or_else(context::user);
        let decider = Decider { name: &by, why: "review", via: "command" };
        let n = Box::pin(ask(&lake, &decider, &questions)).await?;
        print::line(&format!("{n} pairs were judged; `crowsnest resolve` learns from them"))?;
        Ok(Done::Well)
    }
}

enum Key {
    Verdict(&'static str),
    Skip,
    Undo,
    Quit,
    Unknown,
}

fn key(line: Option<&str>) -> Key {
    match line.map(str::trim) {
        Some("s") => Key::Verdict("same"),
        Some("d") => Key::Verdict("different"),
        Some("u") => Key::Verdict("unsure"),
        Some("k" | "") => Key::Skip,
        Some("z") => Key::Undo,
        Some("q") | None => Key::Quit,
        Some(_) => Key::Unknown,
    }
}

/// Asks one after the other; how many were judged.
async fn ask(lake: &Lake, decider: &Decider<'_>, questions: &[Evidence]) -> Result<usize, Failure> {
    let mut lines = std::io::stdin().lock().lines();
    let mut judged: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(pair) = questions.get(at) {
        let shown = evidence_in_words(pair).join("\n");
        print::line(&print::clean(&format!("\n{} of {}\n{shown}", at + 1, questions.len())))?;
        print::question("s same, d different, u unsure, k skip, z undo, q quit: ");
        let line = lines.next().transpose().map_err(|source| Failure::Output { source })?;
        match key(line.as_deref()) {
            Key::Verdict(verdict) => {
                let (left, right) = (pair.left.mention, pair.right.mention);
                let judge = Decision::Judge { left, right, verdict: verdict.to_owned() };
                crowsnest_run::decide(lake, decider, &judge).await?;
                judged.push(at);
                at += 1;
            }
            Key::Skip => at += 1,
            Key::Undo => match judged.pop() {
                Some(last) => {
                    crowsnest_run::undo(lake, decider, false).await?;
                    at = last;
                }
                None => print::note("there is no answer to take back"),
            },
            Key::Quit => break,
            Key::Unknown => print::note("that is none of the keys"),
        }
    }
    lake.refresh().await?;
    Ok(judged.len())
}
