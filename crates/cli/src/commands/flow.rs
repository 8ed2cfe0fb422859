//! `crowsnest flow`: the steps, and what each reads and writes.

use clap::Args;
use crowsnest_lake::own_rows::{self, Holds};
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// Print the steps of the flow, with the tables that each reads and writes
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest flow
  crowsnest flow --format json")]
pub(crate) struct Flow {}

const COLUMNS: &[Column] = &[
    column("step", "step", Cell::Text),
    column("reads", "reads", Cell::Text),
    column("writes", "writes", Cell::Text),
    column("does", "does", Cell::Text),
];

#[derive(Debug, Serialize)]
struct Row {
    step: &'static str,
    reads: String,
    writes: String,
    does: &'static str,
}

impl Flow {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let rows: Vec<Row> = crowsnest_run::FLOW
            .iter()
            .map(|step| Row {
                step: step.name,
                reads: step.reads.join(", "),
                writes: step.writes.join(", "),
                does: step.doc,
            })
            .collect();
        let fields = [("step", Holds::Text), ("reads", Holds::Text), ("writes", Holds::Text), ("does", Holds::Text)];
        context.print(&own_rows::answer(&fields, &rows)?, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
