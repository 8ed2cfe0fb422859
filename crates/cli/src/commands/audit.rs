//! `crowsnest audit`: who changed what, when, and by which way.

use clap::Args;
use crowsnest_lake::own_rows::{self, Holds};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// Tell who changed what: decisions on who is who, users, tokens, logins, what was removed
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest audit
  crowsnest audit --by ann --limit 20
  crowsnest audit --limit 100000 --format csv > audit.csv

The newest comes first. What steps wrote into the tables is told by `crowsnest doctor` and the reports.")]
pub(crate) struct Audit {
    /// Only what this person did
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// At most so many lines
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("at", "when", Cell::Moment),
    column("who", "who", Cell::Text),
    column("action", "did", Cell::Text),
    column("what", "what", Cell::Text),
    column("via", "by way of", Cell::Text),
];

const FIELDS: &[(&str, Holds)] = &[
    ("at", Holds::Instant),
    ("who", Holds::Text),
    ("action", Holds::Text),
    ("what", Holds::Text),
    ("via", Holds::Text),
];

impl Audit {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lines = context.lake().await?.state().audit_lines(self.by.as_deref(), self.limit)?;
        context.print(&own_rows::answer(FIELDS, &lines)?, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
