//! The commands, in one list.

mod ask;
mod demo;
mod doctor;
mod export;
mod flow;
mod import;
mod lake;
mod serve;
mod sql;

use std::process::ExitCode;

use clap::Subcommand;

use crate::args::Arguments;
use crate::failure::Failure;

/// What `crowsnest` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make an empty market in a folder
    New(demo::New),
    /// Bring files in: CSV, TSV, JSON, NDJSON, Parquet, Excel; plain, gzip or zstd
    Import(import::Import),
    /// Read archived documents again, with a newer mapping
    Replay(import::ReplayArgs),
    /// Products, companies and segments; search by name, pinyin or initials
    Products(ask::Products),
    /// What is said of a product, company or segment
    Show(ask::Show),
    /// Claims as they were said, the latest known first
    Claims(ask::Claims),
    /// What is said to have happened
    Events(ask::Events),
    /// Who leads in a metric for a period
    League(ask::League),
    /// Who has how much, period by period
    Share(ask::Share),
    /// Every saying behind a figure: who, when, verbatim, from which document
    Why(ask::Why),
    /// A product's figures over time, every restatement among them
    Series(ask::Series),
    /// Ask in SQL (read-only)
    Sql(sql::Sql),
    /// Write a table, view or query to a file
    Export(export::Export),
    /// Who provides how much, and on which terms
    Sources(ask::Sources),
    /// What is measured in the market
    Metrics(ask::Metrics),
    /// The periods that a metric has claims for
    Periods(ask::Periods),
    /// What is known of a document, or its bytes
    Document(ask::Document),
    /// Look after the tables' files
    #[command(subcommand)]
    Lake(lake::LakeCommand),
    /// Check that everything is in order
    Doctor(doctor::Doctor),
    /// The steps, and the tables that each reads and writes
    Flow(flow::Flow),
    /// Serve the pages
    Serve(serve::Serve),
    /// Build the example market and serve it
    Demo(demo::Demo),
    /// Print completions for a shell
    Completions(flow::Completions),
    /// Print the reference pages of the documentation
    #[command(hide = true)]
    Reference(flow::Reference),
}

/// Runs the command.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let global = arguments.global;
    match arguments.command {
        Command::New(command) => command.run(&global),
        Command::Import(command) => command.run(&global).await,
        Command::Replay(command) => command.run(&global).await,
        Command::Products(command) => command.run(&global).await,
        Command::Show(command) => command.run(&global).await,
        Command::Claims(command) => command.run(&global).await,
        Command::Events(command) => command.run(&global).await,
        Command::League(command) => command.run(&global).await,
        Command::Share(command) => command.run(&global).await,
        Command::Why(command) => command.run(&global).await,
        Command::Series(command) => command.run(&global).await,
        Command::Sql(command) => command.run(&global).await,
        Command::Export(command) => command.run(&global).await,
        Command::Sources(command) => command.run(&global).await,
        Command::Metrics(command) => command.run(&global).await,
        Command::Periods(command) => command.run(&global).await,
        Command::Document(command) => command.run(&global).await,
        Command::Lake(command) => command.run(&global).await,
        Command::Doctor(command) => command.run(&global).await,
        Command::Flow(command) => command.run(&global),
        Command::Serve(command) => command.run(&global).await,
        Command::Demo(command) => command.run(&global).await,
        Command::Completions(command) => command.run(),
        Command::Reference(command) => command.run(),
    }
}
