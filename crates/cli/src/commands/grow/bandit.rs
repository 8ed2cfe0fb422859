//! `crowsnest grow bandit show|evaluate`: what bandits know, and what other shares would have brought.

use clap::{Args, Subcommand};
use crowsnest_grow::bandit::evaluation::{self, Evaluation, Shares};
use crowsnest_grow::bandit::file;
use crowsnest_grow::bandit::live::Live;
use crowsnest_grow::{ArmReport, BanditReport, GrowError, bandit_report};
use crowsnest_lake::Lake;
use crowsnest_lake::own_rows::Holds;
use serde::Serialize;

use super::judge::{EstimateRow, FIELDS as ESTIMATE_FIELDS};
use super::tell;
use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;

/// Look at bandits, which choose for visitors day by day, and judge other shares by their logs
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest grow bandit show
  crowsnest grow bandit show home --format json
  crowsnest grow bandit evaluate home --shares b=1
  crowsnest grow bandit evaluate home --shares a=0.5,b=0.5 --shares new:b=1 --alpha 0.1

A bandit is a file of the market, bandits/NAME.toml:
  title = \"Home banner\"
  floor = 0.02                   # each arm that is on gets at least this probability
  max_share = 0.9                # and none more than this
  reward_within_hours = 48       # a choice without a reward by then brought nothing; left out: it is not known
  half_life = 5000               # optional: rewards after which an older one counts half; or window = 20000
  n_waiting_max = 100000
  [[arms]]
  name = \"a\"
  [[arms]]
  name = \"b\"
  is_on = false                  # optional
  [[guard_rails]]                # optional: an arm that is over it with probability 0.95 is switched off
  name = \"crash\"
  at_most = 0.02
  n_least = 50

`crowsnest serve` answers for it:
  curl -d '{\"bandit\": \"home\", \"segment\": \"new\"}' -H 'content-type: application/json' http://127.0.0.1:7171/v1/allocate
  curl -d '{\"bandit\": \"home\", \"choice\": 1, \"reward\": 1, \"guards\": {\"crash\": 0}}' \\
       -H 'content-type: application/json' http://127.0.0.1:7171/v1/reward")]
pub(super) struct Bandit {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Show arms with what came back for them, and the shares that they get now
    Show {
        /// The bandit [default: all]
        name: Option<String>,
    },
    /// Say what other shares would have brought, by the log: doubly robust, SNIPS and IPS, with intervals
    Evaluate {
        /// The bandit
        name: String,
        /// Shares of arms, ARM=SHARE,…, adding up to 1; SEGMENT:ARM=SHARE,… for one kind of visitor
        #[arg(long, required = true)]
        shares: Vec<String>,
        /// Intervals hold with probability 1 - ALPHA
        #[arg(long, default_value_t = 0.05)]
        alpha: f64,
    },
}

const ARM_FIELDS: &[(&str, Holds)] = &[
    ("bandit", Holds::Text),
    ("arm", Holds::Text),
    ("share", Holds::Number),
    ("n_choices", Holds::Count),
    ("n_rewards", Holds::Number),
    ("mean", Holds::Number),
    ("low", Holds::Number),
    ("high", Holds::Number),
    ("off_because", Holds::Text),
];

#[derive(Debug, Serialize)]
struct ArmRow<'a> {
    bandit: &'a str,
    #[serde(flatten)]
    of: &'a ArmReport,
}

impl Bandit {
    pub(super) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        match self.task {
            Task::Show { name } => show(context, &lake, name),
            Task::Evaluate { name, shares, alpha } => {
                let failed = |message| GrowError::Bandit { name: name.clone(), message };
                let shares = Shares::parse(&shares).map_err(failed)?;
                let found = evaluation::evaluate(&lake, &name, &shares, alpha)?;
                if found.n_left_out > 0 {
                    let n = number::count(found.n_left_out as u64);
                    context.note(&format!("{n} choices are left out: their reward is not known"));
                }
                let rows: Vec<EstimateRow> =
                    found.estimates().map(|(estimate, of)| EstimateRow { estimate, of }).into();
                tell(context, &found, &words_of(&found, &rows), ESTIMATE_FIELDS, &rows)?;
                Ok(Done::Well)
            }
        }
    }
}

fn show(context: &Context, lake: &Lake, name: Option<String>) -> Result<Done, Failure> {
    let market = &lake.market().dir;
    let names = match name {
        Some(name) => vec![name],
        None => file::names(market)?,
    };
    if names.is_empty() {
        context.note("the market has no bandits; `crowsnest grow bandit --help` shows a file");
    }
    let mut reports = Vec::new();
    for name in names {
        let live = Live::restore(lake, &name, file::read(market, &name)?)?;
        reports.push(bandit_report(&name, &live));
    }
    let rows: Vec<ArmRow<'_>> =
        reports.iter().flat_map(|own| own.arms.iter().map(|of| ArmRow { bandit: &own.name, of })).collect();
    let words: Vec<String> = reports.iter().map(report_in_words).collect();
    tell(context, &reports, &words.join("\n\n"), ARM_FIELDS, &rows)?;
    Ok(Done::Well)
}

fn report_in_words(report: &BanditReport) -> String {
    let mut lines = vec![format!(
        "{}: {} lines in the log, {} choices wait for their reward",
        report.title,
        number::count(report.n_lines.unsigned_abs()),
        number::count(report.n_waiting as u64)
    )];
    for arm in &report.arms {
        let off = arm.off_because.as_ref().map(|why| format!("; off: {why}")).unwrap_or_default();
        lines.push(format!(
            "  {:<24} share {:>6}  {:>10} choices  reward {:.4} ({:.4} to {:.4}){off}",
            arm.arm,
            number::percent(arm.share),
            number::count(arm.n_choices),
            arm.mean,
            arm.low,
            arm.high
        ));
    }
    lines.join("\n")
}

fn words_of(found: &Evaluation, rows: &[EstimateRow]) -> String {
    let mut lines: Vec<String> = rows.iter().map(EstimateRow::in_words).collect();
    lines.push(format!(
        "{} choices, worth {:.0}; the bandit itself brought {:.4} each",
        number::count(found.n_choices as u64),
        found.judgement.n_effective,
        found.own
    ));
    lines.join("\n")
}
