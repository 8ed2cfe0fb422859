//! `crowsnest metrics`: what is measured in the market.

use clap::Args;
use crowsnest_lake::questions::{self, MetricsQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// List the metrics that the market has figures of
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest metrics
  crowsnest metrics --language zh-Hans --format json")]
pub(crate) struct Metrics {}

const COLUMNS: &[Column] = &[
    column("metric", "metric", Cell::Text),
    column("label", "label", Cell::Text),
    column("unit", "unit", Cell::Text),
    column("n_claims", "claims", Cell::Figure),
    column("n_mentions", "names", Cell::Figure),
    column("n_sources", "sources", Cell::Figure),
    column("first_period", "first", Cell::Text),
    column("latest_period", "latest", Cell::Text),
];

impl Metrics {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = MetricsQuestion { as_of: context.as_of()?, language: context.language() };
        let answer = questions::metrics(&lake, &question).await?;
        context.print(&answer, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
