//! `crowsnest share`: who has how much of a metric, period by period.

use clap::Args;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, ShareQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column, plain};

/// Show shares of a metric period by period
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest share --metric mau --from 2024-07 --to 2025-01
  crowsnest share --metric tender_amount --grain quarter --limit 5
  crowsnest share --metric tender_wins --format csv")]
pub(crate) struct Share {
    /// Metric, for example mau; see `crowsnest metrics`
    #[arg(long)]
    metric: String,
    /// Periods that begin with this one or later
    #[arg(long, value_name = "PERIOD")]
    from: Option<String>,
    /// Periods that begin before this one
    #[arg(long, value_name = "PERIOD")]
    to: Option<String>,
    /// Length of the periods: day, week, month, quarter, half or year
    #[arg(long, default_value = "month")]
    grain: String,
    /// Only this region
    #[arg(long)]
    region: Option<String>,
    /// Only this platform
    #[arg(long)]
    platform: Option<String>,
    /// Only this segment
    #[arg(long)]
    segment: Option<String>,
    /// At most so many names in each period, the largest
    #[arg(long, default_value_t = 10)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("period", "period", Cell::Text),
    column("rank", "#", Cell::Raw),
    column("name", "name", Cell::Text),
    column("value", "value", Cell::Figure),
    column("share", "share", Cell::Share),
    column("total", "of total", Cell::Figure),
];

impl Share {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = ShareQuestion {
            metric: self.metric,
            grain: Some(self.grain),
            from: self.from,
            to: self.to,
            region: self.region,
            platform: self.platform,
            segment: self.segment,
            without: Vec::new(),
            limit: Some(self.limit),
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::share(&lake, &question).await?;
        let layout = Layout { title: Some(title(&answer)), columns: COLUMNS, below: Vec::new() };
        context.print(&answer, layout)?;
        Ok(Done::Well)
    }
}

fn title(answer: &Answer) -> String {
    let fact = |name: &str| plain(answer.facts.get(name));
    format!(
        "{} ({}) · {} · region {}, platform {}, segment {}",
        fact("metric_label"),
        fact("metric"),
        fact("unit"),
        fact("region"),
        fact("platform"),
        fact("segment")
    )
}
