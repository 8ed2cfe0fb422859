//! The command line: what every command takes.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use crowsnest_lake::{Lake, LakeOptions, Language, Market, questions};

use crate::commands::Command;
use crate::failure::Failure;

/// A market radar: what is said of a market's products, by whom, since when, and how sure.
#[derive(Debug, Parser)]
#[command(
    name = "crowsnest",
    version,
    about,
    max_term_width = 100,
    after_help = "Examples:\n  crowsnest demo                                  # build and open the example market\n  \
                  crowsnest league --metric mau --period 2024-12\n  crowsnest why 豆包 mau 2024-12\n\n\
                  Exit codes: 0 done; 1 nothing done, yours to mend; 2 done with rejects; 3 ours."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// An array of objects, or an object with `rows`.
    Json,
    /// With a header; text that a spreadsheet would run is guarded.
    Csv,
    /// One object a line.
    Ndjson,
    /// A Parquet file (not to a terminal).
    Parquet,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The market's folder [default: this folder, or the nearest above it that is a market]
    #[arg(long, global = true, value_name = "DIR", env = "CROWSNEST_MARKET")]
    pub(crate) market: Option<PathBuf>,
    /// How rows are printed
    #[arg(long, global = true, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// Answer as of this day or instant: only what was known by then counts
    #[arg(long, global = true, value_name = "DATE")]
    pub(crate) as_of: Option<String>,
    /// Language of names: en, zh-Hans or zh-Hant [default: the market's]
    #[arg(long, global = true, value_name = "TAG")]
    pub(crate) language: Option<String>,
    /// Memory that queries may hold before they spill, for example 512MiB
    #[arg(long, global = true, value_name = "SIZE", default_value = "1GiB", value_parser = parse_size)]
    pub(crate) memory: usize,
    /// Threads [default: the machine's]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// No progress, no summaries
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Tell more on standard error; twice for even more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Global {
    /// The market's folder: the one named, or the nearest one upwards.
    pub(crate) fn market_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.market {
            return Ok(dir.clone());
        }
        let here = std::env::current_dir().map_err(|error| Failure::users(format!("this folder: {error}"), None))?;
        let found = here.ancestors().find(|dir| dir.join("crowsnest.toml").is_file()).map(PathBuf::from);
        Ok(found.unwrap_or(here))
    }

    pub(crate) fn options(&self) -> LakeOptions {
        let n_threads = self.threads.unwrap_or(LakeOptions::default().n_threads).max(1);
        LakeOptions { memory_bytes: self.memory, n_threads }
    }

    /// Opens the market.
    pub(crate) async fn lake(&self) -> Result<Lake, Failure> {
        let market = Market::open(&self.market_dir()?)?;
        Ok(Box::pin(Lake::open(market, self.options())).await?)
    }

    /// The moment asked for, in microseconds.
    pub(crate) fn as_of(&self) -> Result<Option<i64>, Failure> {
        Ok(self.as_of.as_deref().map(questions::parse_as_of).transpose()?)
    }

    pub(crate) fn language(&self) -> Result<Option<Language>, Failure> {
        let Some(tag) = &self.language else { return Ok(None) };
        match Language::parse(tag) {
            Some(language) => Ok(Some(language)),
            None => Err(Failure::users(format!("language {tag:?}"), Some("write en, zh-Hans or zh-Hant".into()))),
        }
    }
}

/// Bytes from `512MiB`, `2GB`, `1000000`.
fn parse_size(text: &str) -> Result<usize, String> {
    let split = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| format!("{text:?} is not a size such as 512MiB"))?;
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "kb" => 1e3,
        "m" | "mib" => 1024.0 * 1024.0,
        "mb" => 1e6,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "gb" => 1e9,
        _ => return Err(format!("unit of {text:?}: write KiB, MiB or GiB")),
    };
    let bytes = number * factor;
    if bytes < (16 << 20) as f64 {
        return Err("at least 16MiB are needed".into());
    }
    Ok(bytes as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("1GiB"), Ok(1 << 30));
        assert_eq!(parse_size("512mib"), Ok(512 << 20));
        assert_eq!(parse_size("0.5g"), Ok(1 << 29));
        assert!(parse_size("1 parsec").is_err());
        assert!(parse_size("12").is_err());
    }

    #[test]
    fn the_command_line_is_sound() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
