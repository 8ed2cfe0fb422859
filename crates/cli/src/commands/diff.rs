//! `crowsnest diff`: which figures are otherwise than they were.

use clap::Args;
use crowsnest_lake::questions::{self, DiffQuestion, parse_as_of};

use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// Show which figures were added, withdrawn or restated between two moments
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest diff 2025-02-01
  crowsnest diff 2025-02-01 2025-03-01 --source QuestMobile
  crowsnest diff 2025-02-01T12:00:00Z --metric mau --format csv")]
pub(crate) struct Diff {
    /// The earlier moment: the end of a day, or an instant
    from: String,
    /// The later one [default: now, or --as-of]
    to: Option<String>,
    /// Of this source
    #[arg(long)]
    source: Option<String>,
    /// Of this metric
    #[arg(long)]
    metric: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("change", "change", Cell::Text),
    column("subject", "subject", Cell::Text),
    column("metric", "metric", Cell::Text),
    column("period", "period", Cell::Text),
    column("slice", "region/platform/segment", Cell::Slice),
    column("value_before", "before", Cell::Figure),
    column("value_after", "after", Cell::Figure),
    column("growth", "change", Cell::Change),
    column("unit", "unit", Cell::Text),
    column("source", "source", Cell::Text),
    column("known_at", "known", Cell::Day),
];

impl Diff {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let to = match &self.to {
            Some(to) => Some(parse_as_of(to)?),
            None => context.as_of()?,
        };
        let question = DiffQuestion {
            from: parse_as_of(&self.from)?,
            to,
            source: self.source.map(|source| context::source_name(&lake, source)),
            metric: self.metric,
            limit: self.limit,
        };
        context.print(&questions::diff(&lake, &question).await?, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
