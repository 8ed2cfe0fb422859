//! `crowsnest grow fit|plan|experiment|bandit|judge|threat|outcome|loop`: response curves, plans by them, experiments, day-to-day
//! traffic, what large companies did to others, and what came of it all.

mod bandit;
mod experiment;
mod judge;
mod loops;
mod outcome;
mod threat;
mod told;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use crowsnest_grow::keeping::{self, Making, Origin};
use crowsnest_grow::{GrowFile, History, read_file, read_history};
use crowsnest_lake::Lake;
use crowsnest_lake::own_rows::{self, Holds};
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::print;

/// Say where the next unit of money or traffic goes: response curves, plans, experiments
#[derive(Debug, Args)]
#[command(
    name = "grow",
    after_help = "Examples:
  crowsnest grow fit weekly.toml
  crowsnest grow plan weekly.toml --format json
  crowsnest grow experiment size --share 0.05 --to 0.055
  crowsnest grow experiment read units.csv --metric revenue
  crowsnest grow bandit show home
  crowsnest grow bandit evaluate home --shares b=1
  crowsnest grow judge log.ndjson
  crowsnest grow threat assistants --metric mau
  crowsnest grow outcome weekly --value 120000
  crowsnest grow loop"
)]
pub(crate) struct Grow {
    #[command(subcommand)]
    task: Task,
}

const FILE_HELP: &str = "The file, in TOML:
  name = \"weekly\"                # the file's name if nothing is said
  call = \"Kimi\"                  # optional: the call it came from (id of its signal, or a product), and
  direction = \"assistants\"       # the direction; the page /loop joins them
  [history]
  file = \"weekly.csv\"            # beside this file; without it, claims of the market: set products = [\"…\"]
  date = \"date\"                  # first days of days, weeks or months
  outcome = \"revenue\"
  group = \"product\"              # optional: several products or regions in one table
  controls = [\"competitor\"]      # optional: what else moves the outcome; \"mau:Kimi\" and \"breakout:Kimi\" are the market's
  holidays = [\"china\"]           # optional: china, west, or NAME.csv (holiday, first_day, days)
  events = [\"holiday\"]           # optional: 0 and 1, or words
  # a row for each period and channel: channel = \"channel\", spend = \"spend\"
  [[channels]]
  name = \"tv\"
  spend = \"tv_S\"                 # the name if nothing is said
  exposure = \"tv_views\"          # optional: the curve is then over these
  [model]                        # optional: carry_over, saturation, trend, n_waves, method = \"laplace\", seed …
  [[lift_tests]]                 # optional: what experiments said, a period; those that `grow experiment keep` kept for this
                                 # plan with a channel come by themselves
  channel = \"tv\"
  spend_from = 0
  spend_to = 1000
  effect = 2500
  standard_error = 400
  [plan]                         # for `grow plan`
  budget = 130000                # all periods together
  n_periods = 13
  objective = \"mean\"             # or \"quantile\", with quantile = 0.1
  [[plan.channels]]              # optional, money a period: min, max, step, min_if_any, ramp (share of present spend)
  name = \"tv\"
  max = 5000
  [[plan.pools]]                 # optional: own traffic with a budget and an opportunity cost of its own
  [[plan.scenarios]]             # optional: other budgets and bounds, side by side
  [plan.threat]                  # optional: what if a large company enters; metric, grain, horizon, probability

In a market's folder what is found becomes rows of the table `plans` and a page, /plans/NAME.";

#[derive(Debug, Subcommand)]
enum Task {
    /// Fit response curves: returns with intervals, what the outcome is made of, what cannot be told
    #[command(after_help = FILE_HELP)]
    Fit {
        /// What to fit
        #[arg(value_name = "FILE.toml")]
        file: PathBuf,
    },
    /// Divide a budget by the fitted curves: spend by channel, product and period, and what it is expected to bring
    #[command(after_help = FILE_HELP)]
    Plan {
        /// What to fit and plan
        #[arg(value_name = "FILE.toml")]
        file: PathBuf,
    },
    /// Size, draw, read and try out experiments
    Experiment(experiment::Experiment),
    /// Look at bandits, which choose for visitors day by day, and judge other shares by their logs
    Bandit(bandit::Bandit),
    /// Say from a bandit's log what another way of choosing would have brought
    Judge(judge::Judge),
    /// Say what happened to others after a large company entered their segment, from the market's own history
    Threat(threat::Threat),
    /// Keep what came of a plan
    Outcome(outcome::Outcome),
    /// Show what became of calls: direction, plan, experiment, outcome
    Loop(loops::Loop),
}

impl Grow {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        match self.task {
            Task::Fit { file } => {
                let Asked { lake, settings, history } = read(context, &file).await?;
                let report = crowsnest_grow::fit(&history, &settings)?;
                report.notes.iter().for_each(|note| context.note(note));
                if let Some(lake) = &lake {
                    keeping::keep_fit(lake, &making(&file, &settings, &history), &report).await?;
                }
                tell(context, &report, &told::fit(&report), told::CHANNEL_FIELDS, &told::channel_rows(&report))?;
                Ok(Done::Well)
            }
            Task::Plan { file } => {
                let Asked { lake, settings, history } = read(context, &file).await?;
                let threat = match (&lake, crowsnest_grow::threat_question(&settings)) {
                    (Some(lake), Some(question)) => Some(Box::pin(crowsnest_grow::threat(lake, &question)).await?),
                    _ => None,
                };
                let report = crowsnest_grow::plan(&history, &settings, threat.as_ref())?;
                report.fit.notes.iter().chain(&report.reason).for_each(|note| context.note(note));
                if let Some(lake) = &lake {
                    keeping::keep_plan(lake, &making(&file, &settings, &history), &report).await?;
                }
                tell(context, &report, &told::plan(&report), told::SPEND_FIELDS, &report.spend)?;
                Ok(if report.reason.is_some() { Done::WithFaults } else { Done::Well })
            }
            Task::Experiment(experiment) => Box::pin(experiment.run(context)).await,
            Task::Bandit(bandit) => bandit.run(context).await,
            Task::Judge(judge) => judge.run(context),
            Task::Threat(threat) => threat.run(context).await,
            Task::Outcome(outcome) => outcome.run(context).await,
            Task::Loop(whole) => whole.run(context).await,
        }
    }
}

/// A file, what it is about, and the market where there is one.
struct Asked {
    lake: Option<Lake>,
    settings: GrowFile,
    history: History,
}

async fn read(context: &Context, path: &Path) -> Result<Asked, Failure> {
    let mut settings = read_file(path)?;
    let lake = market(context, crowsnest_grow::needs_market(&settings)).await?;
    let mut history = Box::pin(read_history(path, &settings, lake.as_ref())).await?;
    if let Some(lake) = &lake {
        let name = name_of(path, &settings);
        Box::pin(crowsnest_grow::take_experiments(lake, &name, &mut settings, &mut history)).await?;
    }
    Ok(Asked { lake, settings, history })
}

/// The market that this is done in; none where there is none and it does without.
async fn market(context: &Context, is_needed: bool) -> Result<Option<Lake>, Failure> {
    if !is_needed && context.market_dir().is_err() {
        return Ok(None);
    }
    Ok(Some(context.lake().await?))
}

fn making(path: &Path, file: &GrowFile, history: &History) -> Making {
    let now = jiff::Timestamp::now().as_microsecond();
    let origin = Origin { call: file.call.clone(), direction: file.direction.clone(), plan: None };
    let name = name_of(path, file);
    Making { name, origin, inputs: history.inputs.clone(), vintage: now, now }
}

/// What a plan is called.
fn name_of(path: &Path, file: &GrowFile) -> String {
    file.name.clone().unwrap_or_else(|| stem(path))
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// JSON holds everything, a table is for reading, and other formats hold the rows.
fn tell<T: Serialize, R: Serialize>(
    context: &Context,
    report: &T,
    words: &str,
    fields: &[(&str, Holds)],
    rows: &[R],
) -> Result<(), Failure> {
    match context.format() {
        Format::Table => print::line(&print::clean(words)),
        Format::Json => print::line(&serde_json::to_string(report).map_err(crowsnest_lake::LakeError::from)?),
        _ => context.print_encoded(&own_rows::answer(fields, rows)?),
    }
}
