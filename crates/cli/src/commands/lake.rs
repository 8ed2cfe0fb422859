//! `crowsnest lake status|optimize|vacuum`: how the tables lie on the disk, and their upkeep.

use clap::{Args, Subcommand};
use crowsnest_lake::maintain::{self, Upkeep};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::{Answer, Lake, retention};
use crowsnest_model::tables::TABLES;
use serde::Serialize;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::progress::Stages;
use crate::table::{Cell, Column, column};

/// Look after the tables: their size, bringing small files together, removing old ones
#[derive(Debug, Args)]
#[command(
    name = "lake",
    after_help = "Examples:
  crowsnest lake status
  crowsnest lake optimize
  crowsnest lake optimize --vacuum 0    # where the disk is small and nothing else runs
  crowsnest lake vacuum --hours 24 --dry-run"
)]
pub(crate) struct LakeCommand {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Rows, files and bytes of each table
    Status,
    /// Bring small files together; rows stay as they are
    Optimize {
        /// Also remove what was replaced, but for what versions of the last so many hours need, before rows are written once
        /// more by name: less room is needed on the disk; below 24 nothing else may be importing
        #[arg(long, value_name = "HOURS")]
        vacuum: Option<u32>,
        /// Cut a large table into files of at most about so many rows; two of them are held at a time
        #[arg(long, value_name = "ROWS", default_value_t = maintain::ROWS_PER_FILE, value_parser = rows_per_file)]
        rows_per_file: usize,
    },
    /// Remove files that only versions older than some hours need, what broken-off imports left, and what sources may not
    /// keep longer than their retention_days
    Vacuum {
        /// Keep what versions of the last so many hours need; below 24 nothing else may be importing
        #[arg(long, default_value_t = 168)]
        hours: u32,
        /// Only count them
        #[arg(long)]
        dry_run: bool,
    },
}

impl LakeCommand {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        match self.task {
            Task::Status => context.print(&status(&lake).await?, Layout::of(STATUS_COLUMNS))?,
            Task::Optimize { vacuum, rows_per_file } => {
                let answer = Box::pin(optimize(context, &lake, vacuum, rows_per_file)).await?;
                context.print(&answer, Layout::of(OPTIMIZE_COLUMNS))?;
            }
            Task::Vacuum { hours, dry_run } => {
                let answer = Box::pin(vacuum(&lake, hours, dry_run)).await?;
                context.print(&answer, Layout::of(VACUUM_COLUMNS))?;
            }
        }
        Ok(Done::Well)
    }
}

const STATUS_COLUMNS: &[Column] = &[
    column("table", "table", Cell::Text),
    column("n_rows", "rows", Cell::Figure),
    column("n_files", "files", Cell::Figure),
    column("n_bytes", "size", Cell::Bytes),
];

#[derive(Debug, Serialize)]
struct Status {
    table: &'static str,
    n_rows: u64,
    n_files: u64,
    n_bytes: u64,
}

async fn status(lake: &Lake) -> Result<Answer, Failure> {
    let mut rows = Vec::new();
    for table in TABLES {
        let (n_files, n_bytes) = lake.stored(table).await?;
        rows.push(Status { table: table.name, n_rows: lake.n_rows(table) as u64, n_files: n_files as u64, n_bytes });
    }
    let fields =
        [("table", Holds::Text), ("n_rows", Holds::Count), ("n_files", Holds::Count), ("n_bytes", Holds::Count)];
    let mut answer = own_rows::answer(&fields, &rows)?;
    let archive = crate::number::bytes(lake.documents().n_bytes_of_all()?);
    answer.notes.push(format!("the archive of documents has {archive}"));
    Ok(answer)
}

const OPTIMIZE_COLUMNS: &[Column] = &[
    column("table", "table", Cell::Text),
    column("n_files_before", "files before", Cell::Figure),
    column("n_files_after", "files after", Cell::Figure),
    column("n_rows", "rows in them", Cell::Figure),
];

fn rows_per_file(text: &str) -> Result<usize, String> {
    const LEAST: usize = 10_000;
    match text.replace(['_', ','], "").parse() {
        Ok(rows) if rows >= LEAST => Ok(rows),
        Ok(_) => Err(format!("at least {LEAST}: many small files take long to open")),
        Err(_) => Err("a whole number is needed".to_owned()),
    }
}

async fn optimize(
    context: &Context,
    lake: &Lake,
    vacuum_hours: Option<u32>,
    rows_per_file: usize,
) -> Result<Answer, Failure> {
    let mut rows = Vec::new();
    let stages = Stages::new(context.shows_progress());
    let progress = |stage, n_done: usize, n_all: usize| stages.show(stage, n_done as u64, n_all as u64);
    let upkeep = Upkeep { vacuum_hours, rows_per_file, progress: &progress };
    for table in TABLES {
        rows.push(maintain::optimize(lake, table, &upkeep).await?);
    }
    let fields = [
        ("table", Holds::Text),
        ("n_files_before", Holds::Count),
        ("n_files_after", Holds::Count),
        ("n_rows", Holds::Count),
    ];
    Ok(own_rows::answer(&fields, &rows)?)
}

const VACUUM_COLUMNS: &[Column] =
    &[column("table", "table", Cell::Text), column("n_files", "files removed", Cell::Figure)];

async fn vacuum(lake: &Lake, hours: u32, is_dry_run: bool) -> Result<Answer, Failure> {
    // Before the files: those that held what goes are then old ones.
    let now = super::collect::clock()?.now_micros();
    let forgotten = retention::forget(lake, now, &crate::context::user(), is_dry_run).await?;
    let mut rows = Vec::new();
    for table in TABLES {
        rows.push(maintain::vacuum(lake, table, hours, is_dry_run).await?);
    }
    rows.push(maintain::vacuum_archive(lake, hours, is_dry_run)?);
    let mut answer = own_rows::answer(&[("table", Holds::Text), ("n_files", Holds::Count)], &rows)?;
    answer.notes.extend(forgotten.into_iter().map(|gone| {
        let how = if is_dry_run { "would be removed" } else { "removed, as the audit log says" };
        format!("{} may be kept {} days; {how}: {gone}", gone.source, gone.retention_days)
    }));
    if is_dry_run {
        answer.notes.push("nothing was removed: this was a dry run".to_owned());
    }
    Ok(answer)
}
