//! `crowsnest import FILE…`: figures and events into the market.

mod own;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use crowsnest_collect::{FileReport, ImportReport, ImportRequest, LookOptions, Reject};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_model::{MetricRegistry, parse_day};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::options::Format;
use crate::{number, print};

/// Import files: CSV, TSV, JSON, NDJSON, Parquet, Excel, packed or not
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest import figures.csv --source QuestMobile
  crowsnest import 'exports/*.xlsx' --source vendor --map maps/vendor.toml
  crowsnest import --infer export.csv > maps/vendor.toml
  zcat figures.csv.gz | crowsnest import - --source QuestMobile --dry-run
  crowsnest import weekly.csv --source 'Our books' --own

Without a mapping, columns have the lake's names; subject, metric, period and value (or as_written) are required.
Records that cannot be read go to a file in reports/, all others go in; the exit code is 2 then.")]
pub(crate) struct Import {
    /// Paths, patterns in quotes, file:// and s3:// addresses, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Source of the records that name none
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The figures are your own: the source's card says so, and without more they are not passed on
    #[arg(long, requires = "source", conflicts_with = "infer")]
    own: bool,
    /// Mapping of the file's columns to the lake's
    #[arg(long, value_name = "FILE", conflicts_with = "infer")]
    map: Option<PathBuf>,
    /// A vendor's export: its mapping comes with crowsnest; `crowsnest source presets` lists them
    #[arg(long, value_name = "NAME", conflicts_with_all = ["infer", "map"])]
    preset: Option<String>,
    /// Only look at the file and print a mapping for it
    #[arg(long)]
    infer: bool,
    /// Do everything but write
    #[arg(long)]
    dry_run: bool,
    /// Read files again that were imported before
    #[arg(long)]
    again: bool,
    /// Format of the files, for example csv [default: found by looking]
    #[arg(long, value_name = "FORMAT")]
    input_format: Option<String>,
    /// Encoding of the files, for example gb18030 [default: found by looking]
    #[arg(long)]
    encoding: Option<String>,
    /// Day that "last month" and the like rest on, and after which nothing can have been said [default: today]
    #[arg(long, value_name = "DATE", value_parser = day)]
    today: Option<i32>,
    /// When the figures count as known: when they were said, or from now on
    #[arg(long, value_enum, default_value_t = KnownAt::Said)]
    known_at: KnownAt,
}

/// A day as days since 1970-01-01.
pub(super) fn day(text: &str) -> Result<i32, String> {
    parse_day(text).ok_or_else(|| "expected a day such as 2025-01-31".to_owned())
}

/// When figures count as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KnownAt {
    /// On the day they were said, where the record tells.
    Said,
    /// From now on.
    Now,
}

impl Import {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        if self.infer {
            return Box::pin(self.infer(context)).await;
        }
        // Before the first row comes in: no page that is served meanwhile may show one.
        let own_source = self.source.clone().filter(|_| self.own && !self.dry_run);
        if let Some(source) = &own_source {
            own::mark(context, source)?;
        }
        let lake = context.lake().await?;
        let now = jiff::Timestamp::now().as_microsecond();
        let request = ImportRequest {
            source: self.source,
            mapping: self.map,
            preset: self.preset,
            encoding: self.encoding,
            format: self.input_format,
            today: self.today,
            is_known_now: self.known_at == KnownAt::Now,
            is_dry_run: self.dry_run,
            is_again: self.again,
            ..ImportRequest::new(self.files, now)
        };
        let progress = context.progress();
        let report = Box::pin(crowsnest_run::import(&lake, request, &progress)).await?;
        progress.finish();
        if let Some(note) = resolved_in_words(&report) {
            context.note(&note);
        }
        if own_source.is_some() {
            Box::pin(own::note_others(context, &lake, &report.import)).await?;
        }
        tell(context, &report.import)
    }

    async fn infer(&self, context: &Context) -> Result<Done, Failure> {
        let [file] = self.files.as_slice() else {
            return Err(Failure::users("--infer looks at one file", "name one file"));
        };
        let metrics = match context.market() {
            Ok(market) => market.metrics,
            Err(_) if context.global.market.is_none() => MetricRegistry::built_in(),
            Err(failure) => return Err(failure),
        };
        let how = LookOptions { format: self.input_format.clone(), encoding: self.encoding.clone() };
        print::bytes(crowsnest_collect::infer(file, how, &metrics).await?.as_bytes())?;
        Ok(Done::Well)
    }
}

const FILE_COLUMNS: &[(&str, Holds)] = &[
    ("file", Holds::Text),
    ("document", Holds::Text),
    ("n_bytes", Holds::Count),
    ("format", Holds::Text),
    ("compression", Holds::Text),
    ("encoding", Holds::Text),
    ("is_known_document", Holds::Flag),
    ("n_records", Holds::Count),
    ("n_claims", Holds::Count),
    ("n_added", Holds::Count),
    ("n_known", Holds::Count),
    ("n_withdrawn", Holds::Count),
    ("n_events", Holds::Count),
    ("n_events_added", Holds::Count),
    ("n_mentions_added", Holds::Count),
    ("n_rejects", Holds::Count),
    ("n_blank", Holds::Count),
];

/// What resolving the new names came to, if it came to anything.
pub(super) fn resolved_in_words(report: &crowsnest_run::RunReport) -> Option<String> {
    match &report.resolved {
        Some(resolved) if resolved.n_moved > 0 || resolved.n_unsure > 0 => Some(format!(
            "{} names were found to be another's, {} pairs are unsure: see `crowsnest review`",
            number::count(resolved.n_moved as u64),
            number::count(resolved.n_unsure as u64)
        )),
        None if !report.import.is_dry_run => {
            Some("many names are new: `crowsnest resolve` finds which are the same".to_owned())
        }
        _ => None,
    }
}

/// Prints what became of an import, and says how it ended.
pub(super) fn tell(context: &Context, report: &ImportReport) -> Result<Done, Failure> {
    match context.format() {
        Format::Table => print::line(&in_words(report))?,
        Format::Json => {
            let text = serde_json::to_string(report).map_err(crowsnest_lake::LakeError::from)?;
            print::line(&text)?;
        }
        _ => context.print_encoded(&own_rows::answer(FILE_COLUMNS, &report.files)?)?,
    }
    Ok(outcome(report))
}

/// Rejects of files that were in before were told then.
fn outcome(report: &ImportReport) -> Done {
    let read = report.files.iter().filter(|file| !file.is_known_document);
    let (mut n_rejects, mut n_taken) = (0, 0);
    for file in read {
        n_rejects += file.n_rejects;
        n_taken += file.n_claims + file.n_events;
    }
    match (n_rejects, n_taken) {
        (0, _) => Done::Well,
        (_, 0) => Done::WithFaults,
        _ => Done::WithRejects,
    }
}

pub(super) fn in_words(report: &ImportReport) -> String {
    let mut lines: Vec<String> = report.files.iter().flat_map(file_in_words).collect();
    let [added, withdrawn, events] = match report.is_dry_run {
        true => ["claims would be added", "claims would be withdrawn", "events would be added"],
        false => ["claims added", "claims withdrawn", "events added"],
    };
    let counts = [
        (report.n_added, added),
        (report.n_known, "claims known already"),
        (report.n_withdrawn, withdrawn),
        (report.n_events_added, events),
        (report.n_rejects, "rejected"),
        (report.n_blank, "blank"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .enumerate()
        .filter(|(place, (n, _))| *place == 0 || *n > 0)
        .map(|(_, (n, what))| format!("{} {what}", number::count(*n)))
        .collect();
    let seconds = report.seconds;
    let rate = number::count((report.n_records as f64 / seconds.max(1e-3)) as u64);
    lines.push(format!("{}, in {seconds:.1} s ({rate} records/s)", counts.join(", ")));
    if report.is_dry_run {
        lines.push("nothing was written: this was a dry run".to_owned());
    }
    if let Some(path) = &report.rejects_file {
        lines.push(format!("rejects are in {}; the first are:", path.display()));
    } else if !report.first_rejects.is_empty() {
        lines.push("the first rejects are:".to_owned());
    }
    lines.extend(report.first_rejects.iter().map(reject_in_words));
    print::clean(&lines.join("\n"))
}

/// A line of what it was, and one for each note.
fn file_in_words(file: &FileReport) -> Vec<String> {
    if file.is_known_document {
        return vec![format!("{}: imported before in full, not read again", file.file)];
    }
    if file.format.is_empty() {
        return vec![format!("{}: {}", file.file, file.notes.join("; "))];
    }
    let kinds: Vec<&str> = [file.format, file.compression, file.encoding]
        .into_iter()
        .filter(|kind| !kind.is_empty() && *kind != "plain")
        .collect();
    let mut lines = vec![format!("{}: {} records ({})", file.file, number::count(file.n_records), kinds.join(", "))];
    lines.extend(file.notes.iter().map(|note| format!("  note: {note}")));
    lines
}

fn reject_in_words(reject: &Reject) -> String {
    const FOUND_MAX: usize = 60;
    let column = if reject.column.is_empty() { String::new() } else { format!(", column {}", reject.column) };
    let found: String = reject.found.chars().take(FOUND_MAX).collect();
    let more = if found.len() < reject.found.len() { "…" } else { "" };
    let place = if reject.record == 0 { String::new() } else { format!(":{}", reject.record) };
    format!(
        "  {}{place}{column}: found \"{found}{more}\", expected {}; {}",
        reject.file, reject.expected, reject.remedy
    )
}
