//! `crowsnest record`: what was called, when, and what came of it.

use clap::Args;
use crowsnest_lake::questions::{self, RecordQuestion};
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// Show past calls of breakouts, the model's and people's, and what came of them
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest record
  crowsnest record --metric downloads_30d --limit 500 --format csv > record.csv

Calls come from `crowsnest detect` (the model's first fifty of a period) and `crowsnest call` (people's own); both are
settled by `crowsnest detect`. The Brier score is the mean squared error of the probabilities: smaller is better.")]
pub(crate) struct Record {
    /// Of this metric
    #[arg(long)]
    metric: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("name", "product", Cell::Text),
    column("metric", "metric", Cell::Text),
    column("period", "from", Cell::Text),
    column("probability", "said", Cell::Share),
    column("came", "came", Cell::Raw),
    column("known_at", "called", Cell::Day),
];

impl Record {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = RecordQuestion {
            metric: self.metric,
            limit: self.limit,
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::record(&lake, &question).await?;
        let scores = answer.facts.get("scores").and_then(Value::as_array).cloned().unwrap_or_default();
        let below = scores.iter().map(score).collect();
        context.print(&answer, Layout { below, ..Layout::of(COLUMNS) })?;
        Ok(Done::Well)
    }
}

fn score(score: &Value) -> String {
    let number = |name: &str| score[name].as_f64().map_or("–".to_owned(), |number| format!("{number:.3}"));
    format!(
        "{}: {} calls, {} settled, {} hits; said {}, came {}, Brier {}",
        score["by"].as_str().unwrap_or_default(),
        score["n_calls"],
        score["n_settled"],
        score["n_hits"],
        number("said"),
        number("came"),
        number("brier")
    )
}
