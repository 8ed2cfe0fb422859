//! `crowsnest revisions`: how much each source's first word usually changes.

use clap::Args;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_run::Revision;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;
use crate::print;

/// Tell how much each source's first word usually changes, and after how many days
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest revisions
  crowsnest revisions --metric mau
  crowsnest revisions --as-of 2025-02-01 --format csv

A thing is one product's value for one period, region, platform and segment. Changes are medians over what was changed.")]
pub(crate) struct Revisions {
    /// Only this metric
    #[arg(long, value_name = "METRIC")]
    metric: Option<String>,
}

const FIELDS: &[(&str, Holds)] = &[
    ("source", Holds::Text),
    ("metric", Holds::Text),
    ("n_things", Holds::Count),
    ("n_changed", Holds::Count),
    ("change", Holds::Number),
    ("change_either_way", Holds::Number),
    ("days", Holds::Number),
];

impl Revisions {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let found = Box::pin(crowsnest_run::revisions(&lake, self.metric.as_deref(), context.as_of()?)).await?;
        if context.is_table() {
            for revision in &found {
                print::line(&print::clean(&in_words(revision)))?;
            }
        } else {
            context.print_encoded(&own_rows::answer(FIELDS, &found)?)?;
        }
        Ok(Done::Well)
    }
}

fn in_words(revision: &Revision) -> String {
    let changed = format!(
        "{}, {}: {} of {} changed",
        revision.source,
        revision.metric,
        number::count(revision.n_changed.unsigned_abs()),
        number::count(revision.n_things.unsigned_abs())
    );
    match (revision.change, revision.change_either_way, revision.days) {
        (Some(change), Some(either), Some(days)) => format!(
            "{changed}, by {} up or down ({} in the middle), {days:.0} days later",
            number::percent(either),
            number::change(change)
        ),
        _ => changed,
    }
}
