//! `crowsnest show NAME`: what is said of a product, company or segment.

use clap::Args;
use crowsnest_lake::questions::{self, RelationsQuestion, ShowQuestion};
use crowsnest_lake::{Answer, Lake};
use serde::Deserialize;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column, plain};

/// Show what is said of a product, company or segment: per source, the claim in force
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest show 豆包
  crowsnest show doubao --metric mau --period 2024-12
  crowsnest show Kimi --as-of 2025-01-31 --format json")]
pub(crate) struct Show {
    /// Name in any script, pinyin, or entity id
    name: String,
    /// product, company or segment, where a name is several
    #[arg(long)]
    kind: Option<String>,
    /// Only this metric
    #[arg(long)]
    metric: Option<String>,
    /// Only this period: 2024-12, 2024-Q4, 2024 …
    #[arg(long)]
    period: Option<String>,
}

const COLUMNS: &[Column] = &[
    column("metric", "metric", Cell::Text),
    column("period", "period", Cell::Text),
    column("slice", "region/platform/segment", Cell::Slice),
    column("value", "value", Cell::Bounded),
    column("unit", "unit", Cell::Text),
    column("source", "source", Cell::Text),
    column("status", "status", Cell::Text),
    column("known_at", "known", Cell::Day),
    column("n_vintages", "sayings", Cell::Figure),
];

impl Show {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = ShowQuestion {
            name: self.name,
            kind: self.kind,
            metric: self.metric,
            period: self.period,
            as_of: context.as_of()?,
            language: context.language(),
            without_figures: false,
        };
        let mut answer = questions::show(&lake, &question).await?;
        if answer.rows.num_rows() == 0 && question.metric.is_none() && question.period.is_none() {
            answer.notes.push(elsewhere(context, &lake, &question, &answer).await?);
        }
        let fact = |name: &str| plain(answer.facts.get(name));
        let title = format!("{} ({} {})", fact("name"), fact("kind"), fact("entity"));
        context.print(&answer, Layout { title: Some(title), ..Layout::of(COLUMNS) })?;
        Ok(Done::Well)
    }
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Where to look, if no figure is told of the name itself: at its events, and at what belongs to it.
async fn elsewhere(
    context: &Context,
    lake: &Lake,
    question: &ShowQuestion,
    answer: &Answer,
) -> Result<String, Failure> {
    const NAMED_MAX: usize = 8;
    let name = plain(answer.facts.get("name"));
    let mut note = format!("no figures are told of {name} itself; see `crowsnest events {}`", question.name);
    if plain(answer.facts.get("kind")) != "company" {
        return Ok(note);
    }
    let entity = plain(answer.facts.get("entity"));
    let owned = RelationsQuestion { name: entity, as_of: question.as_of, language: context.language() };
    let owned: Vec<Named> = questions::relations(lake, &owned).await?.rows_as()?;
    let names: Vec<&str> = owned.iter().take(NAMED_MAX).map(|product| product.name.as_str()).collect();
    if !names.is_empty() {
        let more = if owned.len() > NAMED_MAX { " …" } else { "" };
        note.push_str(&format!(" and `crowsnest show` for its products: {}{more}", names.join(", ")));
    }
    Ok(note)
}
