//! `crowsnest replay`: archived documents read again, with a newer mapping or after metrics were added.

use std::path::PathBuf;

use clap::Args;
use crowsnest_collect::{ImportRequest, Replay as Which};

use super::import;
use crate::context::Context;
use crate::failure::{Done, Failure};

/// Read archived documents again, for example with a newer mapping
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest replay --document 4f3c2a --map maps/vendor.toml
  crowsnest replay --of QuestMobile
  crowsnest replay --all --dry-run

Claims that are there already are not added again, and none are taken away.")]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(crate) struct Replay {
    /// The document with this SHA-256, or the beginning of one
    #[arg(long, group = "which", value_name = "SHA")]
    document: Option<String>,
    /// The documents of a source
    #[arg(long, group = "which", value_name = "SOURCE")]
    of: Option<String>,
    /// All documents
    #[arg(long, group = "which")]
    all: bool,
    /// Mapping to read them with [default: each document's own]
    #[arg(long, value_name = "FILE")]
    map: Option<PathBuf>,
    /// Source of the records that name none [default: each document's own]
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Do everything but write
    #[arg(long)]
    dry_run: bool,
}

impl Replay {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let which = match (self.document, self.of) {
            (Some(document), _) => Which::Document(document),
            (None, Some(source)) => Which::Source(source),
            (None, None) => Which::All,
        };
        let lake = context.lake().await?;
        let nothing: [String; 0] = [];
        let request = ImportRequest {
            source: self.source,
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
