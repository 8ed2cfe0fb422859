//! `crowsnest grow outcome`: somebody's word on what came of a plan, kept beside it.

use clap::Args;
use crowsnest_grow::keeping::{self, Making, Origin};
use crowsnest_lake::questions::{self, PlanQuestion};

use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::number;
use crate::print;

/// Keep what came of a plan
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest grow outcome weekly --value 120000
  crowsnest grow outcome weekly --note \"stopped in week 3: the supplier fell out\" --by Mei

It becomes a row of the table `plans` and a step on /loop. What was said before stays; the last word counts.")]
pub(super) struct Outcome {
    /// Name of the plan
    plan: String,
    /// What it brought, in the outcome's unit
    #[arg(long, allow_negative_numbers = true)]
    value: Option<f64>,
    /// What is to be known besides
    #[arg(long)]
    note: Option<String>,
    /// Who says so [default: whoever runs this]
    #[arg(long)]
    by: Option<String>,
}

impl Outcome {
    pub(super) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        // Only what was planned can have an outcome: a name that is mistyped would stand alone.
        questions::plan(&lake, &PlanQuestion { name: self.plan.clone(), as_of: None }).await?;
        let now = jiff::Timestamp::now().as_microsecond();
        let by = self.by.unwrap_or_else(context::user);
        let origin = Origin { plan: Some(self.plan.clone()), ..Origin::default() };
        let making =
            Making { name: self.plan.clone(), origin, inputs: "somebody's word".to_owned(), vintage: now, now };
        let n_added = keeping::keep_outcome(&lake, &making, &by, self.value, self.note.as_deref()).await?;
        let said = self.value.map(|value| format!(": {}", number::figure(value))).unwrap_or_default();
        let words = if n_added == 0 { "was said before" } else { "kept" };
        print::line(&print::clean(&format!("outcome of {}{said} {words}", self.plan)))?;
        Ok(Done::Well)
    }
}
