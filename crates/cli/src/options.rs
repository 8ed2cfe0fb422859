//! What every command understands: which market, as of when, in which form.

use std::net::SocketAddr;
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
    /// Form of what is said on standard error: text, or one JSON object a line
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t = LogFormat::Text,
        value_name = "FORMAT",
        env = "CROWSNEST_LOG_FORMAT",
        hide_env_values = true,
        hide_short_help = true
    )]
    pub(crate) log_format: LogFormat,
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
    /// PDF, of reports and digests; not to a terminal.
    Pdf,
}

/// The form of what is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for programs that keep logs.
    Json,
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

/// An address to listen at.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let with_name = text.rsplit_once(':').filter(|(name, port)| *name == "localhost" && port.parse::<u16>().is_ok());
    if let Some((_, port)) = with_name {
        return Err(format!("write the address as numbers: 127.0.0.1:{port}"));
    }
    text.parse()
        .map_err(|_| "write an address as numbers, and a port: 127.0.0.1:7171, 0.0.0.0:80, [::1]:7171".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn addresses_are_numbers_and_what_to_write_is_told() {
        assert_eq!(parse_address("[::1]:7171").unwrap().port(), 7171);
        assert!(parse_address("localhost:80").unwrap_err().ends_with("127.0.0.1:80"));
        assert!(["nowhere:1", "127.0.0.1", "7171", ""].iter().all(|text| parse_address(text).is_err()));
    }

    #[test]
    fn sizes() {
        assert_eq!(parse_size("1GiB").unwrap().bytes, 1 << 30);
        assert_eq!(parse_size(" 1.5 gb").unwrap().bytes, 1_500_000_000);
        assert_eq!(parse_size("33554432").unwrap().bytes, 32 << 20);
        assert!(parse_size("1kb").is_err() && parse_size("much").is_err() && parse_size("-1GiB").is_err());
    }
}
