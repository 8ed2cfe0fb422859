//! The `crowsnest` command: argument parsing and printing only.
//!
//! In: arguments, and what the other crates answer. Out: text on standard output, errors and progress on standard
//! error, an exit code: 0 done, 1 nothing done (the input's or the user's to mend), 2 done with rejects, 3 ours.
//!
//! A command goes [`options`] → [`commands`] → a question of the lake or a step → [`output`] (format) → `print`.
//!
//! Deliberately absent: anything that could be asked of the lake by another program; that belongs to the lake.
//! To add a command: one file in `commands/` and one line in `commands.rs`.

mod commands;
mod context;
mod engine_message;
mod example;
mod failure;
mod logging;
mod narrowed;
mod number;
mod options;
mod output;
mod print;
mod progress;
mod query_rows;
mod scope;
mod signals;
mod sql_port;
mod table;

use std::process::ExitCode;

use clap::Parser as _;

use crate::commands::Command;
use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::options::{Cli, Format};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Memory that is free for a second goes back to the system. Given back after ten milliseconds, as the allocator does by
/// itself, an import gets it again and again and waits for it to be cleared: four hundredths of its time.
#[expect(unsafe_code, reason = "the allocator's options can be set in no other way")]
fn keep_memory_a_moment() {
    /// `mi_option_purge_delay` of mimalloc.h, in milliseconds.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: sets a number before there is another thread.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 1000) }
}

fn main() -> ExitCode {
    keep_memory_a_moment();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::of_arguments(&error),
    };
    let traces = logging::set_up(&cli.global);
    let code = match run(cli) {
        Ok(done) => done.exit_code(),
        Err(failure) => failure.report(),
    };
    if let Some(traces) = traces {
        traces.end();
    }
    code
}

fn run(cli: Cli) -> Result<Done, Failure> {
    // Told before anything is done: afterwards it would be too late.
    let is_document = matches!(cli.command, Command::Report(_) | Command::Digest(_));
    if cli.global.format == Format::Pdf && !is_document {
        return Err(output::no_pdf());
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().thread_stack_size(8 << 20);
    if let Some(threads) = cli.global.threads {
        builder.worker_threads(threads.max(1));
    }
    let runtime = builder.build().map_err(|source| Failure::Runtime { source })?;
    let stops_itself = cli.command.stops_itself();
    let context = Context::new(cli.global);
    let result = runtime.block_on(async {
        let command = Box::pin(cli.command.run(context));
        if stops_itself {
            return command.await;
        }
        tokio::select! {
            result = command => result,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
        }
    });
    // What a question that was stopped still computes must not keep the command from ending.
    runtime.shutdown_background();
    result
}
