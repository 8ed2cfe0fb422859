//! What every command understands: which market, as of when, in which form.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use crowsnest_lake::Language;

use crate::commands::Command;

/// Open-source market radar: every figure about the products of a market, with who said it and when.
#[derive(Debug, Parser)]
#[command(
    name = "crowsnest",
    version,
    propagate_version = true,
    max_term_width = 110,
    disable_help_subcommand = true,
    after_help = "Examples:
  crowsnest demo                                          look at the example market
  crowsnest new my-market && cd my-market                 make your own
  crowsnest import figures.csv --source QuestMobile       add figures to it
  crowsnest league --metric mau --period 2024-12          ask it"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Folder of the market [default: this folder, or the nearest above it with a crowsnest.toml]
    #[arg(long, global = true, value_name = "DIR", env = "CROWSNEST_MARKET", hide_env_values = true)]
    pub(crate) market: Option<PathBuf>,
    /// Form of the answer
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Only what was known by the end of this day, or at this instant: 2025-02-01, 2025-02-01T12:00:00Z
    #[arg(long, global = true, value_name = "DATE")]
    pub(crate) as_of: Option<String>,
    /// Language of names and labels: en, zh-Hans or zh-Hant [default: the market's]
    #[arg(long, global = true, value_name = "TAG", value_parser = parse_language)]
    pub(crate) language: Option<Language>,
    /// Memory that questions may hold before they spill to disk, for example 512MiB [default: half of the machine's]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size, hide_short_help = true)]
    pub(crate) memory: Option<Size>,
    /// Threads to use [default: the machine's]
    #[arg(long, global = true, value_name = "N", hide_short_help = true)]
    pub(crate) threads: Option<usize>,
    /// Scheduler of a cluster that answers questions which read much [default: the market's `cluster`]
    #[arg(long, global = true, value_name = "HOST:PORT", env = "CROWSNEST_CLUSTER", hide_short_help = true)]
    pub(crate) cluster: Option<String>,
    /// Answer questions here that read fewer rows than this [default: the market's `cluster_from_rows`]
    #[arg(long, global = true, value_name = "ROWS", hide_short_help = true)]
    pub(crate) cluster_from_rows: Option<u64>,
    /// No progress, notes or summaries on standard error
    #[arg(long, short, global = true, conflicts_with = "verbose", hide_short_help = true)]
    pub(crate) quiet: bool,
    /// Say on standard error what is being done; twice for more
    #[arg(long, short, global = true, action = clap::ArgAction::Count, hide_short_help = true)]
    pub(crate) verbose: u8,
    /// Whether to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, hide_short_help = true)]
    pub(crate) color: Color,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON value.
    Json,
    /// Comma-separated, with a header.
    Csv,
    /// One JSON object per line.
    Ndjson,
    /// A Parquet file; not to a terminal.
    Parquet,
    /// Markdown.
    Md,
    /// HTML that needs nothing else.
    Html,
}

/// Whether to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Where standard output is a terminal.
    Auto,
    /// Also into files and pipes.
    Always,
    /// Nowhere.
    Never,
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: usize,
}

fn parse_language(tag: &str) -> Result<Language, String> {
    Language::parse(tag).ok_or_else(|| "expected en, zh-Hans or zh-Hant".to_owned())
}

pub(crate) fn parse_size(text: &str) -> Result<Size, String> {
    const UNITS: &[(&str, usize)] = &[
        ("gib", 1 << 30),
        ("mib", 1 << 20),
        ("kib", 1 << 10),
        ("gb", 1_000_000_000),
        ("mb", 1_000_000),
        ("kb", 1_000),
        ("g", 1 << 30),
        ("m", 1 << 20),
        ("b", 1),
        ("", 1),
    ];
    const BYTES_MIN: usize = 32 << 20;
    let lower = text.trim().to_ascii_lowercase();
    let expected = || "expected a size such as 512MiB or 2GiB".to_owned();
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((lower.strip_suffix(name)?, unit))).ok_or_else(expected)?;
    let number: f64 = number.trim().parse().map_err(|_| expected())?;
    let bytes = number * *unit as f64;
    if !bytes.is_finite() || bytes < BYTES_MIN as f64 {
        return Err("at least 32MiB is needed".to_owned());
    }
    Ok(Size { bytes: bytes as usize })
}

/// Sends the program's log to standard error, as much of it as was asked for.
pub(crate) fn set_up_logging(global: &Global) {
    use tracing_subscriber::EnvFilter;
    if global.quiet {
        return;
    }
    // Our crates' names begin alike. What other crates have to say is told in our own errors, if it matters.
    let level = match global.verbose {
        0 => "off,crowsnest=warn",
        1 => "warn,crowsnest=info",
        2 => "info,crowsnest=debug",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("CROWSNEST_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(crate::print::is_error_terminal() && global.color != Color::Never);
    if subscriber.try_init().is_err() {
        crate::print::note("logging was set up already");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("1GiB").unwrap().bytes, 1 << 30);
        assert_eq!(parse_size(" 1.5 gb").unwrap().bytes, 1_500_000_000);
        assert_eq!(parse_size("33554432").unwrap().bytes, 32 << 20);
        assert!(parse_size("1kb").is_err() && parse_size("much").is_err() && parse_size("-1GiB").is_err());
    }
}
