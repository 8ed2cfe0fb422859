//! `crowsnest events [NAME]`: what is said to have happened.

use clap::Args;
use crowsnest_lake::questions::{self, EventsQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// List events: funding, launches, departures … with rumours, denials and confirmations side by side
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest events
  crowsnest events 零一万物 --oldest-first
  crowsnest events --event funding --status rumoured")]
pub(crate) struct Events {
    /// Only of this name, in any script, or entity id
    name: Option<String>,
    /// Only events of this kind, for example funding
    #[arg(long)]
    event: Option<String>,
    /// Only by this source
    #[arg(long)]
    source: Option<String>,
    /// Only with this status
    #[arg(long)]
    status: Option<String>,
    /// In the order in which they became known
    #[arg(long)]
    oldest_first: bool,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("known_at", "known", Cell::Day),
    column("name", "name", Cell::Text),
    column("event", "event", Cell::Text),
    column("status", "status", Cell::Text),
    column("happened_on", "happened", Cell::Day),
    column("counterparty", "with", Cell::Text),
    column("person", "person", Cell::Text),
    column("round", "round", Cell::Text),
    column("amount", "amount", Cell::Figure),
    column("currency", "", Cell::Text),
    column("source", "source", Cell::Text),
    column("note", "note", Cell::Text),
];

impl Events {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = EventsQuestion {
            name: self.name,
            event: self.event,
            source: self.source,
            status: self.status,
            document: None,
            limit: Some(self.limit),
            oldest_first: self.oldest_first,
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::events(&lake, &question).await?;
        context.print(&answer, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
