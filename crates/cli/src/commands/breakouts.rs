//! `crowsnest breakouts`: the products that are likeliest to multiply, each with why.

use clap::Args;
use crowsnest_lake::questions::{self, BreakoutsQuestion};
use serde::Deserialize;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// Show the products that are likeliest to break out, each with why
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest breakouts
  crowsnest breakouts --metric downloads_30d --prize 0.3 --limit 50
  crowsnest breakouts --least 0.2 --format csv > breakouts.csv

The list is what `crowsnest detect` said last. Probabilities are calibrated on outcomes that have settled; the interval of
80 % is the share of hits that calls like it came to.")]
pub(crate) struct Breakouts {
    /// Of this metric
    #[arg(long)]
    metric: Option<String>,
    /// How much the size of the prize counts: probability times expected level to this power, 0 to 1
    #[arg(long, value_name = "POWER", default_value_t = 0.0)]
    prize: f64,
    /// At least this probability, 0 to 1
    #[arg(long, value_name = "P")]
    least: Option<f64>,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("name", "product", Cell::Text),
    column("metric", "metric", Cell::Text),
    column("period", "as of", Cell::Text),
    column("probability", "probability", Cell::Share),
    column("low", "from", Cell::Share),
    column("high", "to", Cell::Share),
    column("expected", "expected", Cell::Figure),
    column("first_said_at", "first said", Cell::Day),
];

#[derive(Debug, Deserialize)]
struct Why {
    name: String,
    evidence: Option<String>,
}

impl Breakouts {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = BreakoutsQuestion {
            metric: self.metric,
            prize: self.prize,
            least: self.least,
            limit: self.limit,
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::breakouts(&lake, &question).await?;
        let below = answer.rows_as::<Why>()?.iter().filter_map(why).collect();
        context.print(&answer, Layout { below, ..Layout::of(COLUMNS) })?;
        Ok(Done::Well)
    }
}

/// The facts of one product, in a line.
fn why(row: &Why) -> Option<String> {
    let evidence: Value = serde_json::from_str(row.evidence.as_deref()?).ok()?;
    let facts: Vec<&str> = evidence["facts"].as_array()?.iter().filter_map(Value::as_str).collect();
    (!facts.is_empty()).then(|| format!("{}: {}", row.name, facts.join("; ")))
}
