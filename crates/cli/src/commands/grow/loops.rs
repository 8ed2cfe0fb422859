//! `crowsnest grow loop`: what became of calls.

use clap::Args;
use crowsnest_lake::questions::{self, LoopQuestion};
use serde::Deserialize;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;
use crate::print;

/// Show what became of calls: direction, plan, experiment, outcome
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest grow loop
  crowsnest grow loop --open 0 --format csv

A plan says where it came from with `call = \"…\"` or `direction = \"…\"` in its file, an experiment with `plan = \"…\"`. Calls of which
nothing came yet are listed last, each with the id that a plan may name.")]
pub(super) struct Loop {
    /// Calls of which nothing came yet, at most so many
    #[arg(long, default_value_t = 10)]
    open: usize,
}

#[derive(Debug, Deserialize)]
struct Step {
    thread: String,
    step: String,
    at: Option<String>,
    name: String,
    value: Option<f64>,
    said: Option<String>,
}

impl Loop {
    pub(super) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = LoopQuestion { n_open_calls: self.open, as_of: context.as_of()?, language: context.language() };
        let answer = questions::the_loop(&lake, &question).await?;
        answer.notes.iter().for_each(|note| context.note(note));
        if !context.is_table() {
            context.print_encoded(&answer)?;
            return Ok(Done::Well);
        }
        let mut thread = String::new();
        let mut lines = Vec::new();
        for step in answer.rows_as::<Step>()? {
            if step.thread != thread {
                lines.push(step.thread.clone());
                thread = step.thread;
            }
            lines.push(format!(
                "  {:<10}  {:<10}  {:<28} {:>10}  {}",
                step.at.as_deref().and_then(|at| at.get(..10)).unwrap_or_default(),
                step.step,
                step.name,
                step.value.map(number::figure).unwrap_or_default(),
                step.said.unwrap_or_default()
            ));
        }
        if !lines.is_empty() {
            print::line(&print::clean(&lines.join("\n")))?;
        }
        Ok(Done::Well)
    }
}
