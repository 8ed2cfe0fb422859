//! `crowsnest movers`: who gained and who lost most within a span of time.

use clap::{Args, ValueEnum};
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, Direction, MoversQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::scope::Scope;
use crate::table::{Cell, Column, column, plain};

/// Rank products by how much they gained or lost within a span of time, each by one source's own figures
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest movers --metric mau --within 2025 --lost
  crowsnest movers --metric web_visits --within 2024-07-01/2025-07-01 --by-percent
  crowsnest movers --metric mau --within 2025 --by source --region cn
  crowsnest movers --metric downloads --within 2025-H1 --gained --limit 10 --format csv

A change is between the first and the last figure that one source has in the span, for periods of one length: two
sources are never subtracted. Of several sources the one that reaches over most of the span is shown, and what the
others say stands beside it. `crowsnest why NAME METRIC PERIOD` opens a figure.")]
pub(crate) struct Movers {
    /// Metric, for example mau; see `crowsnest metrics`
    #[arg(long)]
    metric: String,
    /// The span: 2025, 2025-H1, 2024-07-01/2025-07-01 …
    #[arg(long)]
    within: String,
    /// Only those who lost, largest loss first
    #[arg(long, conflicts_with = "gained")]
    lost: bool,
    /// Only those who gained, largest gain first
    #[arg(long)]
    gained: bool,
    /// By the change in per cent
    #[arg(long)]
    by_percent: bool,
    /// A row for each source and scope of a name
    #[arg(long, value_enum)]
    by: Option<By>,
    #[command(flatten)]
    scope: Scope,
    /// At most so many rows
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Who says so.
    Source,
}

const COLUMNS: &[Column] = &[
    column("name", "name", Cell::Text),
    column("first_period", "from", Cell::Text),
    column("first_value", "", Cell::Figure),
    column("last_period", "to", Cell::Text),
    column("last_value", "", Cell::Figure),
    column("change", "change", Cell::Figure),
    column("change_percent", "in %", Cell::Change),
    column("source", "source", Cell::Text),
    column("region", "region", Cell::Text),
    column("platform", "on", Cell::Text),
    column("others", "others say", Cell::Text),
];

impl Movers {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = MoversQuestion {
            metric: self.metric,
            within: self.within,
            direction: match (self.lost, self.gained) {
                (true, _) => Some(Direction::Lost),
                (_, true) => Some(Direction::Gained),
                _ => None,
            },
            by_percent: self.by_percent,
            region: self.scope.region,
            platform: self.scope.platform,
            segment: self.scope.segment,
            source: self.scope.source,
            by_source: self.by == Some(By::Source),
            limit: Some(self.limit),
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::movers(&lake, &question).await?;
        context.print(&answer, Layout { title: Some(title(&answer)), columns: COLUMNS, below: Vec::new() })?;
        Ok(Done::Well)
    }
}

fn title(answer: &Answer) -> String {
    let fact = |name: &str| plain(answer.facts.get(name));
    format!("{} ({}) · within {}", fact("metric_label"), fact("metric"), fact("within"))
}
