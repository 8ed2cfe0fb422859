//! `crowsnest collect`: fetch sources and take in what they say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::Args;
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_run::{Clock, CollectRequest, SourceReport, Watch, WatchEvent};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::civil::Date;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::output::Layout;
use crate::print;
use crate::signals::stopped;
use crate::table::{Cell, Column, column};

/// Fetch sources and take in what they say
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest collect
  crowsnest collect npm github
  crowsnest collect npm --since 2024-01-01 --until 2024-03-31
  crowsnest collect --watch

Exit codes: 0 all done, 2 some sources failed or have rejects, 1 nothing was done.")]
pub(crate) struct Collect {
    /// Sources by name, alias or the name of their file; all that have [collect] if none is given
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// First day to fetch: a back-fill of what is missing since then
    #[arg(long, value_name = "DAY")]
    since: Option<Date>,
    /// Last day to fetch
    #[arg(long, value_name = "DAY")]
    until: Option<Date>,
    /// Fetch again what is done
    #[arg(long)]
    again: bool,
    /// Go on, each source on its schedule, until stopped
    #[arg(long, conflicts_with_all = ["sources", "since", "until", "again"])]
    watch: bool,
}

/// A clock that runs faster, for tests: `MOMENT@MOMENT*SPEED`.
const CLOCK: &str = "CROWSNEST_CLOCK";

/// The clock that collecting goes by.
pub(super) fn clock() -> Result<Clock, Failure> {
    match std::env::var(CLOCK) {
        Ok(text) => Clock::parse(&text).ok_or_else(|| {
            Failure::users(format!("{CLOCK}={text} cannot be read"), "write it as MOMENT@MOMENT*SPEED, or unset it")
        }),
        Err(_) => Ok(Clock::default()),
    }
}

impl Collect {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let clock = clock()?;
        if self.watch {
            context.note("collecting on schedule (Ctrl-C stops)");
            let watch = lines_of_ends();
            Box::pin(crowsnest_run::keep_collecting(lake, clock, watch, stopped())).await;
            return Ok(Done::Well);
        }
        let run = format!("{}", clock.now_micros());
        let request =
            CollectRequest { sources: self.sources, since: self.since, until: self.until, is_again: self.again, run };
        let lines = Lines::new(print::is_error_terminal() && !context.global.quiet);
        let reports = Box::pin(crowsnest_run::collect(&lake, &request, clock, lines.watch())).await?;
        lines.clear();
        tell(context, &reports)
    }
}

const FIELDS: &[(&str, Holds)] = &[
    ("source", Holds::Text),
    ("outcome", Holds::Text),
    ("n_calls", Holds::Count),
    ("n_documents", Holds::Count),
    ("n_unchanged", Holds::Count),
    ("n_quarantined", Holds::Count),
    ("n_bytes", Holds::Count),
    ("n_claims", Holds::Count),
    ("n_added", Holds::Count),
    ("n_events_added", Holds::Count),
    ("n_rejects", Holds::Count),
    ("cost", Holds::Number),
    ("started_at", Holds::Instant),
    ("finished_at", Holds::Instant),
    ("run", Holds::Text),
    ("message", Holds::Text),
];

const COLUMNS: &[Column] = &[
    column("source", "source", Cell::Text),
    column("outcome", "outcome", Cell::Text),
    column("n_calls", "calls", Cell::Figure),
    column("n_documents", "documents", Cell::Figure),
    column("n_unchanged", "unchanged", Cell::Figure),
    column("n_added", "claims added", Cell::Figure),
    column("n_events_added", "events added", Cell::Figure),
    column("n_rejects", "rejects", Cell::Figure),
    column("message", "message", Cell::Text),
];

fn tell(context: &Context, reports: &[SourceReport]) -> Result<Done, Failure> {
    let mut answer = own_rows::answer(FIELDS, reports)?;
    if context.format() == Format::Table {
        let n_quarantined: u64 = reports.iter().map(|report| report.n_quarantined).sum();
        if n_quarantined > 0 {
            let documents =
                if n_quarantined == 1 { "1 document was" } else { &format!("{n_quarantined} documents were") };
            answer.notes.push(format!(
                "{documents} put into quarantine: `crowsnest source quarantine` tells why, and what to do"
            ));
        }
    }
    context.print(&answer, Layout::of(COLUMNS))?;
    let n_well = reports.iter().filter(|report| matches!(report.outcome.as_str(), "done" | "stopped")).count();
    let n_rejects: u64 = reports.iter().map(|report| report.n_rejects).sum();
    match n_well {
        0 if !reports.is_empty() => Ok(Done::WithFaults),
        n if n < reports.len() || n_rejects > 0 => Ok(Done::WithRejects),
        _ => Ok(Done::Well),
    }
}

/// A line for each source that ended, for logs.
fn lines_of_ends() -> Watch {
    Arc::new(|event| {
        if let WatchEvent::Ended(report) = event {
            print::note(&in_words(&report));
        }
    })
}

fn in_words(report: &SourceReport) -> String {
    let added = report.n_added + report.n_events_added;
    let message = if report.message.is_empty() { String::new() } else { format!(": {}", report.message) };
    print::clean(&format!(
        "{}: {}, {} documents, {} rows added{message}",
        report.source, report.outcome, report.n_documents, added
    ))
}

/// A line of progress for each source that runs.
struct Lines {
    all: MultiProgress,
    bars: Arc<Mutex<HashMap<String, ProgressBar>>>,
}

impl Lines {
    fn new(is_shown: bool) -> Self {
        let target = if is_shown { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        Self { all: MultiProgress::with_draw_target(target), bars: Arc::default() }
    }

    fn watch(&self) -> Watch {
        let (all, bars) = (self.all.clone(), Arc::clone(&self.bars));
        Arc::new(move |event| {
            let mut bars = bars.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                WatchEvent::Began { source } => {
                    let bar = all.add(ProgressBar::new_spinner());
                    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg}") {
                        bar.set_style(style);
                    }
                    bar.set_prefix(print::clean(&source));
                    bar.enable_steady_tick(Duration::from_millis(200));
                    bars.insert(source, bar);
                }
                WatchEvent::Going(report) => {
                    if let Some(bar) = bars.get(&report.source) {
                        bar.set_message(format!(
                            "{} calls, {} documents, {} claims read",
                            report.n_calls, report.n_documents, report.n_claims
                        ));
                    }
                }
                WatchEvent::Ended(report) => {
                    if let Some(bar) = bars.remove(&report.source) {
                        bar.finish_and_clear();
                    }
                }
            }
        })
    }

    fn clear(&self) {
        // Nothing is lost where the terminal cannot be cleared.
        let _ = self.all.clear();
    }
}
