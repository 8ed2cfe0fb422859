//! `crowsnest note`: what people write about a product on a day, seen on its charts.

use clap::{Args, Subcommand};
use crowsnest_lake::noting::{self, NewNote};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::notes::Note;

use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::output::Layout;
use crate::print;
use crate::table::{Cell, Column, column};

/// Write a note about a product on a day, to be seen on its charts
#[derive(Debug, Args)]
#[command(
    name = "note",
    after_help = "Examples:
  crowsnest note add 豆包 2025-01-20 'spring festival campaign begins'
  crowsnest note add Kimi 2024-03-18 'long context of 2M characters' --metric mau
  crowsnest note list Kimi
  crowsnest note remove 3

Notes are the team's own words, not a source's: they are on the pages of analysts and of the owner, and in no figure. A note that
is removed stays on pages as of an earlier day."
)]
pub(crate) struct NoteCommand {
    #[command(subcommand)]
    task: NoteTask,
}

#[derive(Debug, Subcommand)]
enum NoteTask {
    /// Write one
    Add {
        /// Name of a product, company or segment in any script, or entity id
        name: String,
        /// The day it is about, such as 2025-01-20
        day: String,
        /// What happened, in a sentence
        text: String,
        /// Of this metric alone
        #[arg(long, default_value = "")]
        metric: String,
        /// Who writes it; your user name where not said
        #[arg(long)]
        by: Option<String>,
    },
    /// Notes that hold, by day
    List {
        /// Of one product, company or segment
        name: Option<String>,
    },
    /// Withdraw one
    Remove {
        /// Its number, as listed
        id: i64,
        /// Who withdraws it; your user name where not said
        #[arg(long)]
        by: Option<String>,
    },
}

const NOTES: &[Column] = &[
    column("id", "no.", Cell::Figure),
    column("day", "day", Cell::Text),
    column("name", "on", Cell::Text),
    column("metric", "metric", Cell::Text),
    column("words", "note", Cell::Text),
    column("by", "by", Cell::Text),
    column("at", "written", Cell::Moment),
];
const FIELDS: &[(&str, Holds)] = &[
    ("id", Holds::Count),
    ("entity", Holds::Text),
    ("name", Holds::Text),
    ("metric", Holds::Text),
    ("day", Holds::Text),
    ("words", Holds::Text),
    ("by", Holds::Text),
    ("at", Holds::Instant),
];

impl NoteCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        match self.task {
            NoteTask::Add { name, day, text, metric, by } => {
                let by = by.unwrap_or_else(context::user);
                let new = NewNote { name, metric, day, words: text, by, via: "command".into() };
                tell(context, &noting::add_note(&lake, &new)?, "is written")
            }
            NoteTask::List { name } => {
                let identity = lake.identity();
                let entity = name.map(|name| identity.find(&name, None).map(|entity| entity.hex())).transpose()?;
                let notes = noting::notes(&lake, entity.as_deref(), context.as_of()?)?;
                context.print(&own_rows::answer(FIELDS, &notes)?, Layout::of(NOTES))?;
                Ok(Done::Well)
            }
            NoteTask::Remove { id, by } => {
                let by = by.unwrap_or_else(context::user);
                tell(context, &noting::withdraw_note(&lake, id, (by.as_str(), "command"))?, "is withdrawn")
            }
        }
    }
}

fn tell(context: &Context, note: &Note, what: &str) -> Result<Done, Failure> {
    if context.format() == Format::Json {
        let text = serde_json::to_string(note).map_err(crowsnest_lake::LakeError::from)?;
        print::line(&text)?;
    } else {
        print::line(&print::clean(&format!("note {} on {}, {}, {what}", note.id, note.name, note.day)))?;
    }
    Ok(Done::Well)
}
