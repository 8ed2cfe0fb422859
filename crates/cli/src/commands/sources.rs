//! `crowsnest sources`: who provides how much, under which terms, and how collecting from them goes.

use clap::Args;
use crowsnest_lake::own_rows;
use crowsnest_run::SOURCE_FIELDS;

use super::collect::clock;
use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// List the sources: what each provides, costs and permits, and how collecting from it goes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest sources
  crowsnest sources --format csv")]
pub(crate) struct Sources {}

const COLUMNS: &[Column] = &[
    column("source", "source", Cell::Text),
    column("n_claims", "claims", Cell::Figure),
    column("n_events", "events", Cell::Figure),
    column("n_mentions", "names", Cell::Figure),
    column("n_metrics", "metrics", Cell::Figure),
    column("first_known_at", "first known", Cell::Day),
    column("latest_known_at", "latest", Cell::Day),
    column("licence", "licence", Cell::Text),
    column("redistribute", "may pass on", Cell::YesNo),
    column("price", "price", Cell::Text),
    column("homepage", "homepage", Cell::Text),
];

/// Of those that are collected, how that goes.
const COLLECTED: &[Column] = &[
    column("source", "source", Cell::Text),
    column("outcome", "last run", Cell::Text),
    column("last_ok_at", "last well", Cell::Moment),
    column("next_run_at", "due", Cell::Moment),
    column("is_late", "late", Cell::YesNo),
    column("n_added", "added, 30 days", Cell::Figure),
    column("n_rejects", "rejects", Cell::Figure),
    column("n_in_quarantine", "quarantine", Cell::Figure),
    column("n_calls_this_month", "calls, month", Cell::Figure),
    column("spent_this_month", "spent, month", Cell::Figure),
    column("currency", "", Cell::Text),
    column("last_error", "last error", Cell::Text),
];

impl Sources {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let states = crowsnest_run::source_states(&lake, context.as_of()?, clock()?.now_micros()).await?;
        context.print(&own_rows::answer(SOURCE_FIELDS, &states)?, Layout::of(COLUMNS))?;
        let collected: Vec<_> = states.into_iter().filter(|state| !state.connector.is_empty()).collect();
        if context.is_table() && !collected.is_empty() {
            crate::print::line("")?;
            context.print(&own_rows::answer(SOURCE_FIELDS, &collected)?, Layout::of(COLLECTED))?;
        }
        Ok(Done::Well)
    }
}
