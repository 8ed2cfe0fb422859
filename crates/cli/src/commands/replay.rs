//! `crowsnest replay`: archived documents read again, with a newer mapping or after metrics were added.

use std::path::PathBuf;

use clap::Args;
use crowsnest_collect::{ImportRequest, Replay as Which};

use super::import;
use crate::context::{self, Context};
use crate::failure::{Done, Failure};

/// Read archived documents again, for example with a newer mapping
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest replay --document 4f3c2a --map maps/vendor.toml
  crowsnest replay --source npm --since 2025-02-01
  crowsnest replay --source 'a vendor' --to-source QuestMobile --map maps/vendor.toml
  crowsnest replay --all --dry-run

--document, --source and --all say which documents are read; --map and --to-source say how. Documents that were collected
are read by what their source's file says today. Claims that are there already are not added again. With --map, and for
collected documents, figures of a document that the reading does not give are withdrawn: rows with the status withdrawn
follow them, so that they are in force no more, and answers as of an earlier day stay as they were. Events stay. A figure
that was withdrawn does not come back by replaying with the mapping that had given it. `crowsnest diff` shows what changed.")]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct Replay {
    /// Which: the document with this SHA-256, or the beginning of one
    #[arg(long, group = "which", value_name = "SHA")]
    document: Option<String>,
    /// Which: the documents that came for this source
    #[arg(long, alias = "of", group = "which", value_name = "SOURCE")]
    source: Option<String>,
    /// Which: of them, those that came from the start of this day on
    #[arg(long, value_name = "DATE", value_parser = import::day, requires = "source")]
    since: Option<i32>,
    /// Which: all documents
    #[arg(long, group = "which")]
    all: bool,
    /// How: the mapping to read them with from now on [default: each document's own]
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// How: the new source of records that name none [default: each document's own]
    #[arg(long, value_name = "NEW_SOURCE")]
    to_source: Option<String>,
    /// Withdraw nothing: the mapping gives figures besides those of other mappings
    #[arg(long)]
    keep: bool,
    /// Day that "last month" and the like rest on, and after which nothing can have been said [default: today]
    #[arg(long, value_name = "DATE", value_parser = import::day)]
    today: Option<i32>,
    /// Do everything but write
    #[arg(long)]
    dry_run: bool,
}

impl Replay {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        const DAY_MICROS: i64 = 86_400_000_000;
        let lake = context.lake().await?;
        let source = self.source.map(|source| context::source_name(&lake, source));
        let which = match (self.document, source) {
            (Some(document), _) => Which::Document(document),
            (None, Some(source)) => Which::Source(source, self.since.map(|day| i64::from(day) * DAY_MICROS)),
            (None, None) => Which::All,
        };
        let nothing: [String; 0] = [];
        let request = ImportRequest {
            is_correction: !self.keep,
            today: self.today,
            source: self.to_source,
            mapping: self.map,
            is_dry_run: self.dry_run,
            ..ImportRequest::new(nothing, jiff::Timestamp::now().as_microsecond())
        };
        let progress = context.progress();
        let report = Box::pin(crowsnest_collect::replay(&lake, &which, request, &progress)).await?;
        progress.finish();
        import::tell(context, &report)
    }
}
