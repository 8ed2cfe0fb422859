//! `crowsnest source …`: one source: its file, a try of it, its runs, costs and quarantine.

mod add;
mod connectors;

use clap::{Args, Subcommand};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::state::collecting::Quarantined;
use crowsnest_lake::{Lake, SourceCard};
use crowsnest_run::{CollectRequest, RUN_FIELDS};
use jiff::civil::Date;
use serde::Serialize;

use super::collect::clock;
use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::print;
use crate::table::{Cell, Column, column};

/// Look after one source: add it, try it, see its runs, its costs and its quarantine
#[derive(Debug, Args)]
#[command(
    name = "source",
    after_help = "Examples:
  crowsnest source connectors
  crowsnest source connectors npm_downloads
  crowsnest source add npm --connector npm_downloads --set packages=openai,@anthropic-ai/sdk
  crowsnest source test npm
  crowsnest source runs npm
  crowsnest source quarantine
  crowsnest source accept 3"
)]
pub(crate) struct SourceCommand {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Write a source's file; what is not given is asked for
    Add(add::Add),
    /// Fetch one page and show the claims it would give; nothing is written
    Test {
        /// The source, by its name, alias or the name of its file
        source: String,
        /// First day to ask for
        #[arg(long, value_name = "DAY")]
        since: Option<Date>,
        /// Last day to ask for
        #[arg(long, value_name = "DAY")]
        until: Option<Date>,
    },
    /// List the connectors, or tell all about one
    Connectors {
        /// The connector
        name: Option<String>,
    },
    /// List the mappings of vendors' exports that come with crowsnest, and how each was verified
    Presets,
    /// The runs of a source, or of all, newest first
    Runs {
        /// The source; all if not given
        source: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// What calls, months and purchases cost, newest first
    Ledger {
        /// The source; all if not given
        source: Option<String>,
        /// At most so many lines
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Documents that were kept out because their form changed or they cannot be read
    Quarantine {
        /// The source; all if not given
        source: Option<String>,
        /// Those that were accepted or dropped too
        #[arg(long)]
        all: bool,
    },
    /// Take a document out of quarantine and into the tables; its form is the good one from now on
    Accept {
        /// Its number in the list
        number: i64,
    },
    /// Leave a document of the quarantine out for good; its bytes stay in the archive
    Drop {
        /// Its number in the list
        number: i64,
    },
}

impl SourceCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        match self.task {
            Task::Add(add) => add.run(context),
            Task::Connectors { name } => connectors::tell(context, name.as_deref()),
            Task::Presets => connectors::presets(context),
            Task::Test { source, since, until } => {
                let lake = context.lake().await?;
                let card = named(&lake, &source)?.clone();
                let request = CollectRequest { since, until, ..CollectRequest::default() };
                Box::pin(test(context, &lake, &card, &request)).await
            }
            Task::Runs { source, limit } => {
                let lake = context.lake().await?;
                let name = source.map(|source| named(&lake, &source).map(|card| card.name.clone())).transpose()?;
                let runs = lake.state().source_runs(name.as_deref(), 0, limit)?;
                context.print(&own_rows::answer(RUN_FIELDS, &runs)?, Layout::of(RUN_COLUMNS))?;
                Ok(Done::Well)
            }
            Task::Ledger { source, limit } => {
                let lake = context.lake().await?;
                let name = source.map(|source| named(&lake, &source).map(|card| card.name.clone())).transpose()?;
                let lines = lake.state().ledger(name.as_deref(), limit)?;
                context.print(&own_rows::answer(LEDGER_FIELDS, &lines)?, Layout::of(LEDGER_COLUMNS))?;
                Ok(Done::Well)
            }
            Task::Quarantine { source, all } => {
                let lake = context.lake().await?;
                let name = source.map(|source| named(&lake, &source).map(|card| card.name.clone())).transpose()?;
                let held: Vec<Line> =
                    lake.state().quarantined(name.as_deref(), !all)?.into_iter().map(Line::from).collect();
                let mut answer = own_rows::answer(QUARANTINE_FIELDS, &held)?;
                if context.is_table() && held.iter().any(|line| line.resolution.is_empty()) {
                    answer.notes.push(WHAT_TO_DO.to_owned());
                }
                context.print(&answer, Layout::of(QUARANTINE_COLUMNS))?;
                Ok(Done::Well)
            }
            Task::Accept { number } => resolve(context, number, "accepted").await,
            Task::Drop { number } => resolve(context, number, "dropped").await,
        }
    }
}

fn named<'a>(lake: &'a Lake, name: &str) -> Result<&'a SourceCard, Failure> {
    lake.market().source_called(name).ok_or_else(|| {
        Failure::users(format!("no file in sources/ is of a source {name:?}"), "see `crowsnest sources`")
    })
}

const RUN_COLUMNS: &[Column] = &[
    column("started_at", "started", Cell::Moment),
    column("source", "source", Cell::Text),
    column("outcome", "outcome", Cell::Text),
    column("n_calls", "calls", Cell::Figure),
    column("n_documents", "documents", Cell::Figure),
    column("n_added", "claims added", Cell::Figure),
    column("n_rejects", "rejects", Cell::Figure),
    column("message", "message", Cell::Text),
];

const LEDGER_FIELDS: &[(&str, Holds)] = &[
    ("at", Holds::Instant),
    ("source", Holds::Text),
    ("kind", Holds::Text),
    ("what", Holds::Text),
    ("n_calls", Holds::Count),
    ("amount", Holds::Number),
    ("currency", Holds::Text),
];

const LEDGER_COLUMNS: &[Column] = &[
    column("at", "when", Cell::Moment),
    column("source", "source", Cell::Text),
    column("kind", "kind", Cell::Text),
    column("what", "what", Cell::Text),
    column("n_calls", "calls", Cell::Figure),
    column("amount", "amount", Cell::Figure),
    column("currency", "currency", Cell::Text),
];

/// A document in quarantine, as people are told of it.
#[derive(Debug, Serialize)]
struct Line {
    number: i64,
    source: String,
    slot: String,
    reason: String,
    differences: String,
    origin: String,
    document: String,
    fetched_at: i64,
    resolution: String,
}

impl From<Quarantined> for Line {
    fn from(held: Quarantined) -> Self {
        Self {
            number: held.fetched.id,
            source: held.fetched.source,
            slot: held.fetched.slot,
            reason: held.reason,
            differences: held.diff,
            origin: held.fetched.origin,
            document: held.fetched.document,
            fetched_at: held.fetched.fetched_at,
            resolution: held.resolution,
        }
    }
}

const QUARANTINE_FIELDS: &[(&str, Holds)] = &[
    ("number", Holds::Count),
    ("source", Holds::Text),
    ("slot", Holds::Text),
    ("reason", Holds::Text),
    ("differences", Holds::Text),
    ("fetched_at", Holds::Instant),
    ("origin", Holds::Text),
    ("document", Holds::Text),
    ("resolution", Holds::Text),
];

const QUARANTINE_COLUMNS: &[Column] = &[
    column("number", "number", Cell::Raw),
    column("source", "source", Cell::Text),
    column("slot", "slot", Cell::Text),
    column("reason", "reason", Cell::Text),
    column("differences", "differences", Cell::Text),
    column("fetched_at", "fetched", Cell::Moment),
    column("document", "document", Cell::Digest),
    column("resolution", "", Cell::Text),
];

const WHAT_TO_DO: &str = "look at the bytes (`crowsnest document DOCUMENT --raw`); where the source's file no longer fits them, \
    correct it; then `crowsnest source accept NUMBER`, or `drop NUMBER` if they are wrong";

async fn resolve(context: &Context, number: i64, resolution: &str) -> Result<Done, Failure> {
    let lake = context.lake().await?;
    let state = lake.state();
    let open = state.quarantined(None, true)?;
    let Some(held) = open.iter().find(|held| held.fetched.id == number) else {
        let message = format!("no document of the quarantine has the number {number}");
        return Err(Failure::users(message, "see `crowsnest source quarantine`"));
    };
    let now = clock()?.now_micros();
    state.resolve_quarantine(held, resolution, now)?;
    let source = &held.fetched.source;
    state.audit(
        now,
        &crate::context::user(),
        &format!("{resolution} document {} of {source}", held.fetched.document),
    )?;
    if resolution == "accepted" {
        state.set_shape(source, "", None, "", now)?;
        let name = lake.market().source(source).map_or(source.as_str(), |card| card.file_stem());
        print::line(&print::clean(&format!(
            "accepted: the next `crowsnest collect {name}` brings it into the tables, read by the source's file as it is then"
        )))?;
    } else {
        print::line("dropped: it stays in the archive, and out of the tables")?;
    }
    Ok(Done::Well)
}

const CLAIM_COLUMNS: &[Column] = &[
    column("subject", "subject", Cell::Text),
    column("metric", "metric", Cell::Text),
    column("period", "period", Cell::Text),
    column("value", "value", Cell::Figure),
    column("unit", "unit", Cell::Text),
    column("status", "status", Cell::Text),
];

const EVENT_COLUMNS: &[Column] = &[
    column("subject", "subject", Cell::Text),
    column("event", "event", Cell::Text),
    column("happened_on", "happened on", Cell::Text),
    column("note", "note", Cell::Text),
];

async fn test(context: &Context, lake: &Lake, card: &SourceCard, request: &CollectRequest) -> Result<Done, Failure> {
    const SHOWN: usize = 10;
    let trial = Box::pin(crowsnest_run::try_out(lake, card, request, clock()?)).await?;
    if !context.is_table() {
        let answer = if trial.events.rows.num_rows() > 0 { &trial.events } else { &trial.claims };
        context.print_encoded(answer)?;
        return Ok(if trial.rejects.is_empty() { Done::Well } else { Done::WithRejects });
    }
    let n_more = trial.requests.len() - 1;
    if let Some((slot, place)) = trial.requests.first() {
        let more = if n_more > 0 { format!(", and {n_more} more requests in a run") } else { String::new() };
        print::line(&print::clean(&format!("asked for {slot}: {place}{more}")))?;
    }
    let (n_claims, n_events) = (trial.claims.rows.num_rows(), trial.events.rows.num_rows());
    print::line(&format!(
        "{} bytes, {} records: {n_claims} claims, {n_events} events, {} that cannot be read{}",
        trial.n_bytes,
        trial.n_records,
        trial.rejects.len(),
        if trial.n_next > 0 { "; more pages follow" } else { "" }
    ))?;
    for (answer, columns) in [(&trial.claims, CLAIM_COLUMNS), (&trial.events, EVENT_COLUMNS)] {
        let n = answer.rows.num_rows();
        if n > 0 {
            let first = crowsnest_lake::Answer::of_rows(answer.rows.slice(0, n.min(SHOWN)));
            context.print(&first, Layout::of(columns))?;
        }
    }
    for reject in trial.rejects.iter().take(SHOWN) {
        let line = format!(
            "record {}, {}: found {:?}, expected {}; {}",
            reject.record, reject.column, reject.found, reject.expected, reject.remedy
        );
        print::line(&print::clean(&line))?;
    }
    print::line("nothing was written: this was a try")?;
    Ok(if trial.rejects.is_empty() { Done::Well } else { Done::WithRejects })
}
