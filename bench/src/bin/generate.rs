//! Writes the claims of a market that never was as CSV, and beside it what was written as JSON.

#![expect(clippy::print_stdout, reason = "it is a command")]

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use clap::Parser;
use crowsnest_bench::grown::{Part, Slice};
use crowsnest_bench::market::{N_ROWS_MIN, Plan};
use serde_json::json;

/// Writes the claims of a market that never was.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows below the header; 100 or more.
    #[arg(long, default_value_t = 20_000_000, value_parser = clap::value_parser!(u64).range(N_ROWS_MIN..))]
    rows: u64,
    /// Another seed is another market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Products; one for each 500 rows where left out.
    #[arg(long, conflicts_with = "grown", value_parser = clap::value_parser!(u64).range(20..=10_000_000))]
    products: Option<u64>,
    /// A market that grows by months, metrics and products that come and go; `--rows` is about how many it has.
    #[arg(long)]
    grown: bool,
    /// Only this part of a grown market, by when it is said: 2/5.
    #[arg(long, requires = "grown", default_value = "1/1")]
    slice: Part,
    /// Where to write; what was written goes to the same name with `.json` after it.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let out = BufWriter::with_capacity(1 << 20, File::create(&arguments.out)?);
    let report = if arguments.grown {
        let slice = Slice { n_rows: arguments.rows, seed: arguments.seed, part: arguments.slice };
        let (written, grown) = slice.write(out)?;
        json!({"seed": arguments.seed, "written": written, "grown": grown})
    } else {
        let written =
            Plan { n_rows: arguments.rows, seed: arguments.seed, n_products: arguments.products }.write(out)?;
        json!({"seed": arguments.seed, "written": written})
    };
    let report = serde_json::to_string_pretty(&report)?;
    let mut beside = arguments.out.into_os_string();
    beside.push(".json");
    std::fs::write(beside, format!("{report}\n"))?;
    println!("{report}");
    Ok(())
}
