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
  crowsnest breakouts --segment langchain --age-max 12
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
    /// Only this segment: one that claims name, or products whose names begin with this word
    #[arg(long)]
    segment: Option<String>,
    /// Only this region
    #[arg(long)]
    region: Option<String>,
    /// Only products on the list for at most so many periods
    #[arg(long, value_name = "PERIODS")]
    age_max: Option<usize>,
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
    column("expected", "expected", Cell::Expected),
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
            segment: self.segment,
            region: self.region,
            age_max: self.age_max,
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

/// The facts of one product, in a line: why, what speaks against it, who looked like it and what came of them.
fn why(row: &Why) -> Option<String> {
    let evidence: Value = serde_json::from_str(row.evidence.as_deref()?).ok()?;
    let list = |name: &str| -> Vec<String> {
        let told = evidence[name].as_array().into_iter().flatten();
        told.filter_map(|one| match (one.as_str(), one["name"].as_str(), one["period"].as_str()) {
            (Some(fact), _, _) => Some(fact.to_owned()),
            (_, Some(name), Some(period)) => Some(format!("{name} ({period})")),
            _ => None,
        })
        .collect()
    };
    let facts = list("facts");
    if facts.is_empty() {
        return None;
    }
    let mut told = format!("{}: {}", row.name, facts.join("; "));
    let more = [
        ("confirming", "confirmed by", "; "),
        ("against", "against it", "; "),
        ("made_it", "like it then, and made it", ", "),
        ("did_not", "like it then, and did not", ", "),
    ];
    for (name, words, between) in more {
        let own = list(name);
        if !own.is_empty() {
            told.push_str(&format!(". {words}: {}", own.join(between)));
        }
    }
    Some(told)
}
