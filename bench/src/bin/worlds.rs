//! Writes a world that never was as a folder with `claims.csv` and `truth.csv`, and beside them what its sources truly are.

#![expect(clippy::print_stdout, reason = "it is a command")]

use std::path::PathBuf;

use clap::Parser;
use crowsnest_reconcile::worlds::World;
use serde_json::{Value, json};

/// Writes a world that never was.
#[derive(Debug, Parser)]
struct Arguments {
    /// Another seed is another world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 2000)]
    products: usize,
    #[arg(long, default_value_t = 36)]
    periods: usize,
    #[arg(long, default_value_t = 5)]
    sources: usize,
    /// How many of the sources repeat another.
    #[arg(long, default_value_t = 2)]
    copying: usize,
    /// Sources never change how they count.
    #[arg(long)]
    no_breaks: bool,
    /// Periods are weeks.
    #[arg(long)]
    weekly: bool,
    /// Noise of the quietest source.
    #[arg(long, default_value_t = 0.05)]
    noise_least: f64,
    /// Noise of the loudest source.
    #[arg(long, default_value_t = 0.4)]
    noise_most: f64,
    /// Share of products with official figures.
    #[arg(long, default_value_t = 0.03)]
    official: f64,
    /// The folder to write; it is made where missing.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let world = World {
        seed: arguments.seed,
        n_products: arguments.products,
        n_times: arguments.periods,
        n_sources: arguments.sources,
        n_copying: arguments.copying,
        has_breaks: !arguments.no_breaks,
        noise: (arguments.noise_least, arguments.noise_most),
        official_share: arguments.official,
        is_weekly: arguments.weekly,
        ..World::default()
    };
    let made = world.make();
    let (claims, truth) = world.files(&made);
    let sources: Vec<Value> = made
        .sources
        .iter()
        .map(|source| {
            let breaks = source.break_at.map(|(at, factor)| json!({"periods": ([at - 1, at, at + 1].map(|time| world.period(time).to_string())), "factor": factor}));
            let copies = source.copies.map(|of| made.sources[of].name.clone());
            json!({"source": source.name, "bias": source.bias, "noise": source.noise, "break": breaks, "copies": copies})
        })
        .collect();
    std::fs::create_dir_all(&arguments.out)?;
    std::fs::write(arguments.out.join("claims.csv"), claims)?;
    std::fs::write(arguments.out.join("truth.csv"), truth)?;
    let told = json!({"seed": arguments.seed, "n_claims": made.claims.len(), "sources": sources});
    std::fs::write(arguments.out.join("sources.json"), format!("{told}\n"))?;
    println!("{told}");
    Ok(())
}
