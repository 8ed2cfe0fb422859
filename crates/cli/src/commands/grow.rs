//! `crowsnest grow fit|plan|experiment|judge`: response curves, plans by them, experiments, and what another way of
//! choosing would have brought.

mod experiment;
mod judge;
mod told;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use crowsnest_grow::{GrowFile, History, read_file, read_history};
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
  crowsnest grow judge log.ndjson"
)]
pub(crate) struct Grow {
    #[command(subcommand)]
    task: Task,
}

const FILE_HELP: &str = "The file, in TOML:
  [history]
  file = \"weekly.csv\"            # beside this file; without it, claims of the market: set products = [\"…\"]
  date = \"date\"                  # first days of days, weeks or months
  outcome = \"revenue\"
  group = \"product\"              # optional: several products or regions in one table
  controls = [\"competitor\"]      # optional: what else moves the outcome
  events = [\"holiday\"]           # optional: 0 and 1, or words
  # a row for each period and channel: channel = \"channel\", spend = \"spend\"
  [[channels]]
  name = \"tv\"
  spend = \"tv_S\"                 # the name if nothing is said
  exposure = \"tv_views\"          # optional: the curve is then over these
  [model]                        # optional: carry_over, saturation, trend, n_waves, method = \"laplace\", seed …
  [[lift_tests]]                 # optional: what experiments said, a period
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
  [[plan.scenarios]]             # optional: other budgets and bounds, side by side";

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
    /// Say from a bandit's log what another way of choosing would have brought
    Judge(judge::Judge),
}

impl Grow {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        match self.task {
            Task::Fit { file } => {
                let (settings, history) = read(context, &file).await?;
                let report = crowsnest_grow::fit(&history, &settings)?;
                report.notes.iter().for_each(|note| context.note(note));
                tell(context, &report, &told::fit(&report), told::CHANNEL_FIELDS, &told::channel_rows(&report))?;
                Ok(Done::Well)
            }
            Task::Plan { file } => {
                let (settings, history) = read(context, &file).await?;
                let report = crowsnest_grow::plan(&history, &settings)?;
                report.fit.notes.iter().chain(&report.reason).for_each(|note| context.note(note));
                tell(context, &report, &told::plan(&report), told::SPEND_FIELDS, &report.spend)?;
                Ok(if report.reason.is_some() { Done::WithFaults } else { Done::Well })
            }
            Task::Experiment(experiment) => experiment.run(context),
            Task::Judge(judge) => judge.run(context),
        }
    }
}

async fn read(context: &Context, path: &Path) -> Result<(GrowFile, History), Failure> {
    let settings = read_file(path)?;
    let lake = if settings.history.file.is_none() { Some(context.lake().await?) } else { None };
    let history = Box::pin(read_history(path, &settings, lake.as_ref())).await?;
    Ok((settings, history))
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
