//! `crowsnest claims`: claims as they were said, newest first.

use clap::Args;
use crowsnest_lake::questions::{self, ClaimsQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// List claims as they were said, newest first
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest claims --name 豆包 --metric mau
  crowsnest claims --status denied
  crowsnest claims --source QuestMobile --limit 1000 --format ndjson")]
pub(crate) struct Claims {
    /// Of this name, in any script, or entity id
    #[arg(long)]
    name: Option<String>,
    /// Of this metric
    #[arg(long)]
    metric: Option<String>,
    /// For this period
    #[arg(long)]
    period: Option<String>,
    /// By this source
    #[arg(long)]
    source: Option<String>,
    /// With this status: reported, estimated, official, rumoured, denied, confirmed, withdrawn
    #[arg(long)]
    status: Option<String>,
    /// From this document (SHA-256)
    #[arg(long, value_name = "SHA")]
    document: Option<String>,
    /// The claim with this reference (32 hexadecimal digits)
    #[arg(long, value_name = "REF")]
    claim: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("known_at", "known", Cell::Day),
    column("name", "name", Cell::Text),
    column("metric", "metric", Cell::Text),
    column("period", "period", Cell::Text),
    column("slice", "region/platform/segment", Cell::Slice),
    column("value", "value", Cell::Bounded),
    column("unit", "unit", Cell::Text),
    column("status", "status", Cell::Text),
    column("source", "source", Cell::Text),
    column("as_written", "as written", Cell::Text),
    column("claim", "claim", Cell::Text),
];

impl Claims {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = ClaimsQuestion {
            name: self.name,
            metric: self.metric,
            period: self.period,
            source: self.source,
            status: self.status,
            document: self.document,
            claim: self.claim,
            limit: Some(self.limit),
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::claims(&lake, &question).await?;
        context.print(&answer, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
