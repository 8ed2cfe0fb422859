//! `crowsnest detect`: what a list's last period says, as signals.

use clap::Args;
use crowsnest_detect::{DetectReport, detect};
use crowsnest_lake::own_rows::{self, Holds};
use tracing::Instrument as _;

use super::backtest::ListOptions;
use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;
use crate::print;

/// Look for breakouts, change points and anomalies in a list's last period, and forecast its products
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest detect
  crowsnest detect --metric mau --grain month --factor 2
  crowsnest detect --as-of 2025-09-30

What is found becomes rows of the table `signals`; detecting again from the same claims adds nothing. The likeliest fifty
breakouts are kept as calls, and calls of which the outcome is known by now are settled: see `crowsnest record`.")]
pub(crate) struct Detect {
    #[command(flatten)]
    list: ListOptions,
}

const FIELDS: &[(&str, Holds)] = &[
    ("metric", Holds::Text),
    ("source", Holds::Text),
    ("period", Holds::Text),
    ("n_products", Holds::Count),
    ("n_signals", Holds::Count),
    ("n_added", Holds::Count),
    ("n_settled", Holds::Count),
    ("is_learnt", Holds::Flag),
];

impl Detect {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let (asked, task) = self.list.asked(context, &lake)?;
        let report = Box::pin(detect(&lake, &asked, task)).instrument(tracing::info_span!("detect")).await?;
        report.notes.iter().for_each(|note| context.note(note));
        if context.is_table() {
            print::line(&print::clean(&in_words(&report)))?;
        } else {
            context.print_encoded(&own_rows::answer(FIELDS, std::slice::from_ref(&report))?)?;
        }
        Ok(Done::Well)
    }
}

fn in_words(report: &DetectReport) -> String {
    let count = |n: usize| number::count(n as u64);
    format!(
        "{} by {}, {}: {} products, {} signals ({} new), {} calls settled",
        report.metric,
        report.source,
        report.period,
        count(report.n_products),
        count(report.n_signals),
        count(report.n_added),
        count(report.n_settled)
    )
}
