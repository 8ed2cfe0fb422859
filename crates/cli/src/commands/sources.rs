//! `crowsnest sources`: who provides how much, under which terms.

use clap::Args;
use crowsnest_lake::questions::{self, SourcesQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// List the sources: how much each provides, since when, under which terms
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

impl Sources {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let answer = questions::sources(&lake, &SourcesQuestion { as_of: context.as_of()? }).await?;
        context.print(&answer, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
