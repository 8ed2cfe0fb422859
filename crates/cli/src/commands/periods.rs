//! `crowsnest periods METRIC`: for when there are figures.

use clap::Args;
use crowsnest_lake::questions::{self, PeriodsQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// List the periods that a metric has figures for, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest periods mau
  crowsnest periods tender_amount --as-of 2025-02-01")]
pub(crate) struct Periods {
    /// Metric, for example mau; see `crowsnest metrics`
    metric: String,
}

const COLUMNS: &[Column] = &[
    column("period", "period", Cell::Text),
    column("grain", "grain", Cell::Text),
    column("n", "names", Cell::Figure),
    column("n_claims", "claims", Cell::Figure),
];

impl Periods {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = PeriodsQuestion { metric: self.metric, as_of: context.as_of()? };
        let answer = questions::periods(&lake, &question).await?;
        context.print(&answer, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
