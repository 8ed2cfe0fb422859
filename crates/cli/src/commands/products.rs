//! `crowsnest products`: who is in the market.

use clap::Args;
use crowsnest_lake::questions::{self, ProductsQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// List products, companies and segments, or search them by name, pinyin or initials
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest products
  crowsnest products --search doubao
  crowsnest products --kind company --limit 20 --format csv")]
pub(crate) struct Products {
    /// Name in any script, pinyin, initials, or a part of it
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// product, company or segment [default: all]
    #[arg(long)]
    kind: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("name", "name", Cell::Text),
    column("kind", "kind", Cell::Text),
    column("company", "company", Cell::Text),
    column("n_claims", "claims", Cell::Figure),
    column("n_sources", "sources", Cell::Figure),
    column("n_metrics", "metrics", Cell::Figure),
    column("latest_period", "latest period", Cell::Text),
    column("latest_known_at", "latest known", Cell::Day),
    column("entity", "entity", Cell::Text),
];

impl Products {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = ProductsQuestion {
            search: self.search,
            kind: self.kind,
            limit: Some(self.limit),
            offset: None,
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::products(&lake, &question).await?;
        context.print(&answer, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}
