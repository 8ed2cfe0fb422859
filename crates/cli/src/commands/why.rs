//! `crowsnest why NAME METRIC PERIOD`: every saying behind one figure, word for word.

use clap::Args;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, WhyQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::print;
use crate::table::{self, Row, plain};

/// Show every saying behind a figure: who, when, word for word, and whether it holds
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest why 豆包 mau 2024-12
  crowsnest why 大模型 tender_wins 2024 --as-of 2025-02-01
  crowsnest why Kimi mau 2024-11 --format json")]
pub(crate) struct Why {
    /// Name in any script, pinyin, or entity id
    name: String,
    /// Metric, for example mau; see `crowsnest metrics`
    metric: String,
    /// Period: 2024-12, 2024-Q4, 2024-W50, 2025-H1, 2024 …
    period: String,
    /// product, company or segment, where a name is several
    #[arg(long)]
    kind: Option<String>,
}

impl Why {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let heading = format!("{} · {}", self.metric, self.period);
        let question = WhyQuestion {
            name: self.name,
            kind: self.kind,
            metric: Some(self.metric),
            period: Some(self.period),
            as_of: context.as_of()?,
            language: context.language(),
            without_figures: false,
        };
        let answer = questions::why(&lake, &question).await?;
        if !context.is_table() {
            context.print_encoded(&answer)?;
            return Ok(Done::Well);
        }
        print::line(&print::clean(&in_words(&answer, &heading)?))?;
        Ok(Done::Well)
    }
}

fn in_words(answer: &Answer, heading: &str) -> Result<String, Failure> {
    let fact = |name: &str| plain(answer.facts.get(name));
    let mut lines = vec![format!("{} ({}) · {heading}", fact("name"), fact("kind"))];
    let mut slice = String::new();
    for row in answer.rows_as::<Row>()? {
        let of_row = table::slice(&row);
        if of_row != slice {
            lines.extend([String::new(), format!("region/platform/segment {of_row}")]);
            slice = of_row;
        }
        lines.push(String::new());
        lines.extend(saying(&row));
    }
    if answer.rows.num_rows() == 0 {
        lines.extend([String::new(), "nothing is said".to_owned()]);
    }
    lines.extend(answer.notes.iter().map(|note| format!("note: {note}")));
    Ok(lines.join("\n"))
}

/// One claim: the figure and who said it, the words, and where they stand.
fn saying(row: &Row) -> Vec<String> {
    let text = |key: &str| plain(row.get(key));
    let is_in_force = row.get("in_force").and_then(serde_json::Value::as_bool).unwrap_or_default();
    let mark = if is_in_force { "●" } else { "○" };
    let value = row.get("value").and_then(serde_json::Value::as_f64).map(|value| table::bounded(value, row));
    let state = if is_in_force { "in force" } else { "not in force" };
    let mut lines = vec![format!(
        "{mark} {} {}  {}, {}, {state}, saying {} of {}",
        value.unwrap_or_default(),
        text("unit"),
        text("source"),
        text("status"),
        text("vintage"),
        text("n_vintages"),
    )];
    let as_written = text("as_written");
    if !as_written.is_empty() {
        lines.push(format!("    “{as_written}” of {}", text("subject")));
    }
    let day = |key: &str| text(key).chars().take(10).collect::<String>();
    let said = day("said_at");
    let said = if said.is_empty() { String::new() } else { format!("said {said}, ") };
    lines.push(format!("    {said}known {}", day("known_at")));
    lines.push(format!("    claim {}", text("claim")));
    let record = text("record");
    let record = if record.is_empty() { String::new() } else { format!(", record {record}") };
    lines.push(format!("    document {}{record}", text("document")));
    let url = text("url");
    if !url.is_empty() {
        lines.push(format!("    {url}"));
    }
    lines
}
