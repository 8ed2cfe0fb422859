//! `import` and `replay`: files and archived documents into claims and events.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use crowsnest_collect::{ImportReport, ImportRequest, Replay};
use crowsnest_lake::Market;

use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::print;
use crate::progress::Bar;
use crate::render::number;

/// From when on imported claims count as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KnownAt {
    /// From when they were said, where the row tells.
    Said,
    /// From now on, whatever the row tells.
    Now,
}

/// `import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest import figures.csv --source QuestMobile\n  \
                        crowsnest import 'exports/*.csv.gz' --source Vendor --map maps/vendor.toml\n  \
                        crowsnest import export.xlsx --infer > maps/export.toml   # a mapping to begin with\n  \
                        crowsnest import export.xlsx --map maps/export.toml --source Vendor --dry-run\n  \
                        cat claims.ndjson | crowsnest import - --format-in ndjson")]
pub(crate) struct Import {
    /// Paths, patterns, file:// addresses, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// The source of rows that name none
    #[arg(long, short)]
    source: Option<String>,
    /// Mapping file: which column is what
    #[arg(long, value_name = "MAP.toml")]
    map: Option<PathBuf>,
    /// Look at the file and print a mapping that fits; nothing is imported
    #[arg(long)]
    infer: bool,
    /// Do everything but write
    #[arg(long)]
    dry_run: bool,
    /// Format of the input [default: found by looking]
    #[arg(long, value_name = "csv|tsv|json|ndjson|parquet|excel")]
    format_in: Option<String>,
    /// Encoding of the input, for example gb18030 [default: found by looking]
    #[arg(long)]
    encoding: Option<String>,
    /// Read files again that are already in
    #[arg(long)]
    again: bool,
    /// From when on the claims count as known
    #[arg(long, value_enum, default_value = "said")]
    known_at: KnownAt,
}

impl Import {
    pub(crate) async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        if self.infer {
            let metrics = match global.market_dir().map(|dir| Market::open(&dir)) {
                Ok(Ok(market)) => market.metrics,
                _ => crowsnest_model::MetricRegistry::built_in(),
            };
            for file in &self.files {
                print::out(&crowsnest_collect::infer(Path::new(file), &metrics)?)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let lake = global.lake().await?;
        let request = ImportRequest {
            source: self.source,
            mapping: self.map,
            encoding: self.encoding,
            format: self.format_in,
            is_known_now: self.known_at == KnownAt::Now,
            is_dry_run: self.dry_run,
            is_again: self.again,
            ..ImportRequest::new(self.files, jiff::Timestamp::now().as_microsecond())
        };
        let bar = Bar::new(global.quiet);
        let report = Box::pin(crowsnest_run::import(&lake, request, &bar)).await;
        bar.finish();
        finish(global, &report?.import)
    }
}

/// `replay`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest replay --all\n  crowsnest replay 3f9a… --map maps/vendor.toml\n  \
                        crowsnest replay --source-name Vendor --map maps/vendor.toml")]
pub(crate) struct ReplayArgs {
    /// SHA-256 of a document, or its beginning
    #[arg(value_name = "SHA256", required_unless_present_any = ["all", "source_name"])]
    document: Option<String>,
    /// All documents
    #[arg(long)]
    all: bool,
    /// The documents of one source
    #[arg(long, value_name = "SOURCE")]
    source_name: Option<String>,
    /// Mapping file [default: each document's own]
    #[arg(long, value_name = "MAP.toml")]
    map: Option<PathBuf>,
    /// Do everything but write
    #[arg(long)]
    dry_run: bool,
}

impl ReplayArgs {
    pub(crate) async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let lake = global.lake().await?;
        let which = match (self.document, self.source_name) {
            (Some(document), _) => Replay::Document(document),
            (None, Some(source)) => Replay::Source(source),
            (None, None) => Replay::All,
        };
        let request = ImportRequest {
            mapping: self.map,
            is_dry_run: self.dry_run,
            ..ImportRequest::new(Vec::<String>::new(), jiff::Timestamp::now().as_microsecond())
        };
        let bar = Bar::new(global.quiet);
        let report = Box::pin(crowsnest_collect::replay(&lake, &which, request, &bar)).await;
        bar.finish();
        finish(global, &report?)
    }
}

/// Prints what became of it: exit code 1 where nothing could be read, 2 where a part could not.
fn finish(global: &Global, report: &ImportReport) -> Result<ExitCode, Failure> {
    if global.format == Format::Table {
        if !global.quiet {
            print::out(&summary(report))?;
        }
    } else {
        print::value(global, report, "")?;
    }
    if report.n_rejects == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let is_nothing_done = report.n_claims + report.n_events == 0;
    Ok(ExitCode::from(if is_nothing_done { 1 } else { 2 }))
}

pub(crate) fn summary(report: &ImportReport) -> String {
    let count = |n: u64| number(n as f64);
    let mut lines = vec![format!(
        "{}{} records: {} claims ({} new, {} known), {} events ({} new), {} rejects, {} blank",
        if report.is_dry_run { "dry run, nothing was written: " } else { "" },
        count(report.n_records),
        count(report.n_claims),
        count(report.n_added),
        count(report.n_known),
        count(report.n_events),
        count(report.n_events_added),
        count(report.n_rejects),
        count(report.n_blank),
    )];
    for file in report.files.iter().filter(|file| file.is_known_document) {
        lines.push(format!("{}: already imported with this mapping (read it again with --again)", file.file));
    }
    for reject in &report.first_rejects {
        lines.push(format!(
            "reject {}:{}{}: found {:?}, expected {}; {}",
            reject.file,
            reject.record,
            if reject.column.is_empty() { String::new() } else { format!(", column {}", reject.column) },
            reject.found,
            reject.expected,
            reject.remedy
        ));
    }
    if let Some(path) = &report.rejects_file {
        lines.push(format!("all rejects: {}", path.display()));
    }
    lines.join("\n")
}
