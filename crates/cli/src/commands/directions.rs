//! `crowsnest directions`: where to build: segments by demand, entrants, openness and money.

use clap::Args;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, DirectionsQuestion};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::table::{Cell, Column, column, plain};

/// Show where to build: segments by growth of demand, entrants, concentration and money coming in
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest directions
  crowsnest directions --metric downloads_30d --least 20 --limit 30
  crowsnest directions --metric tender_amount --days 365 --format json

A direction is a segment that claims name, or a family of products whose names begin with the same word where they name
none. The score is the mean of its places (0 to 1) in growth over the market's, entrants' share, money of the year before,
and openness.")]
pub(crate) struct Directions {
    /// Of this metric [default: that with the most claims]
    #[arg(long)]
    metric: Option<String>,
    /// Only this region
    #[arg(long)]
    region: Option<String>,
    /// Days between the two moments that are compared
    #[arg(long, default_value_t = 183, value_parser = clap::value_parser!(i32).range(1..=36_500))]
    days: i32,
    /// Products that a direction has at least
    #[arg(long, default_value_t = 3)]
    least: usize,
    /// At most so many
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

const COLUMNS: &[Column] = &[
    column("rank", "#", Cell::Raw),
    column("direction", "direction", Cell::Text),
    column("score", "score", Cell::Share),
    column("demand", "demand", Cell::Expected),
    column("growth_over_market", "growth over market", Cell::Change),
    column("n_products", "products", Cell::Raw),
    column("n_entrants", "new", Cell::Raw),
    column("entrants_share", "their share", Cell::Share),
    column("concentration", "concentration", Cell::Share),
    column("money", "money", Cell::Expected),
    column("giants", "giants", Cell::Text),
    column("leaders", "leaders", Cell::Text),
    column("entrants", "entrants", Cell::Text),
];

impl Directions {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = DirectionsQuestion {
            metric: self.metric,
            region: self.region,
            days: Some(self.days),
            least: self.least,
            limit: self.limit,
            without: Vec::new(),
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::directions(&lake, &question).await?;
        let layout = Layout { title: Some(title(&answer)), columns: COLUMNS, below: Vec::new() };
        context.print(&answer, layout)?;
        Ok(Done::Well)
    }
}

fn title(answer: &Answer) -> String {
    let fact = |name: &str| plain(answer.facts.get(name));
    format!(
        "{} by {} ({}), {} against {}",
        fact("metric_label"),
        fact("source"),
        fact("unit"),
        fact("now"),
        fact("before")
    )
}
