//! `crowsnest series NAME [METRIC]`: figures over time, source by source, with every restatement.

use clap::Args;
use crowsnest_lake::questions::{self, SeriesQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column, plain};

/// Show figures over time, source by source, with every restatement
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest series 豆包 mau
  crowsnest series kimi --format csv > kimi.csv")]
pub(crate) struct Series {
    /// Name in any script, pinyin, or entity id
    name: String,
    /// Only this metric
    metric: Option<String>,
    /// product, company or segment, where a name is several
    #[arg(long)]
    kind: Option<String>,
}

const COLUMNS: &[Column] = &[
    column("metric", "metric", Cell::Text),
    column("source", "source", Cell::Text),
    column("slice", "region/platform/segment", Cell::Slice),
    column("period", "period", Cell::Text),
    column("value", "value", Cell::Bounded),
    column("unit", "unit", Cell::Text),
    column("status", "status", Cell::Text),
    column("known_at", "known", Cell::Day),
    column("vintage", "saying", Cell::Raw),
    column("in_force", "in force", Cell::YesNo),
];

impl Series {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = SeriesQuestion {
            name: self.name,
            kind: self.kind,
            metric: self.metric,
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::series(&lake, &question).await?;
        let title = format!("{} ({})", plain(answer.facts.get("name")), plain(answer.facts.get("kind")));
        context.print(&answer, Layout { title: Some(title), ..Layout::of(COLUMNS) })?;
        Ok(Done::Well)
    }
}
