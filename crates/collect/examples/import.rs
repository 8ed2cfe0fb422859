//! Measures an import: `cargo run --release -p crowsnest-collect --example import -- MARKET FILE [MAP]`.
//!
//! Prints the report as JSON; measure memory with `/usr/bin/time -v`.

use std::path::PathBuf;
use std::process::ExitCode;

use crowsnest_collect::{ImportRequest, NoProgress, import};
use crowsnest_lake::{Lake, LakeOptions, Market};

#[tokio::main]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example's output is for whoever runs it")]
async fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Vec<String>) -> Result<String, Box<dyn std::error::Error>> {
    let [market, file, rest @ ..] = arguments.as_slice() else { return Err("usage: import MARKET FILE [MAP]".into()) };
    let market = PathBuf::from(market);
    let market = if market.join("crowsnest.toml").is_file() { Market::open(&market)? } else { Market::create(&market, "x")? };
    let lake = Lake::open(market, LakeOptions::default()).await?;
    let request = ImportRequest {
        source: Some("S".into()),
        mapping: rest.first().map(PathBuf::from),
        is_again: true,
        ..ImportRequest::new([file.clone()], jiff::Timestamp::now().as_microsecond())
    };
    let report = import(&lake, request, &NoProgress).await?;
    Ok(serde_json::to_string_pretty(&report)?)
}
