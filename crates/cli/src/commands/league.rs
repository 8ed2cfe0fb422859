//! `crowsnest league`: who leads in a metric for one period, and what the whole market comes to.

use clap::{Args, ValueEnum};
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, LeagueQuestion, RollUp};
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;
use crate::output::Layout;
use crate::scope::Scope;
use crate::table::{Cell, Column, column, plain};

/// Rank products or companies by a metric in one period
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest league --metric mau --period 2024-12
  crowsnest league --metric tender_amount --period 2024-11 --language zh-Hans
  crowsnest league --metric mau --period 2024-12 --by source --as-of 2025-02-01
  crowsnest league --metric tender_amount --period 2024-11 --by group
  crowsnest league --metric downloads_30d --period 2026-04-01 --limit 20 --format json

Periods are never mixed: a year is not a month. Without --region, --platform and --segment the combination that most
names have is taken; a note names the others.")]
pub(crate) struct League {
    /// Metric, for example mau; see `crowsnest metrics`
    #[arg(long)]
    metric: String,
    /// Period: 2024-12, 2024-Q4, 2024-W50, 2025-H1, 2024 …; see `crowsnest periods METRIC`
    #[arg(long)]
    period: String,
    #[command(flatten)]
    scope: Scope,
    /// A row for each source of a name, or for each company or group with what its products come to
    #[arg(long, value_enum)]
    by: Option<By>,
    /// At most so many rows; totals and shares are of all
    #[arg(long)]
    limit: Option<usize>,
}

/// What rows are told apart by besides the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Who says so.
    Source,
    /// The company that it belongs to on the period's last day: what its products come to.
    Company,
    /// The company at the end of the chain of owners.
    Group,
}

const COLUMNS: &[Column] = &[
    column("rank", "#", Cell::Raw),
    column("rank_change", "±", Cell::RankChange),
    column("name", "name", Cell::Text),
    column("value", "value", Cell::Bounded),
    column("share", "share", Cell::Share),
    column("change", "change", Cell::Figure),
    column("change_percent", "in %", Cell::Change),
    column("source", "source", Cell::Text),
    column("n_sources", "of", Cell::Raw),
    column("status", "status", Cell::Text),
];

/// The same where amounts are in several currencies: which, and what they come to in the market's.
const COLUMNS_IN_CURRENCIES: &[Column] = &[
    column("rank", "#", Cell::Raw),
    column("rank_change", "±", Cell::RankChange),
    column("name", "name", Cell::Text),
    column("value", "value", Cell::Bounded),
    column("unit", "unit", Cell::Text),
    column("converted", "compared as", Cell::Figure),
    column("share", "share", Cell::Share),
    column("change_percent", "change", Cell::Change),
    column("source", "source", Cell::Text),
    column("n_sources", "of", Cell::Raw),
    column("status", "status", Cell::Text),
];

/// The same for companies and groups.
const COLUMNS_ROLLED_UP: &[Column] = &[
    column("rank", "#", Cell::Raw),
    column("name", "name", Cell::Text),
    column("kind", "kind", Cell::Text),
    column("value", "value", Cell::Figure),
    column("share", "share", Cell::Share),
    column("change", "change", Cell::Figure),
    column("change_percent", "in %", Cell::Change),
    column("n_parts", "of", Cell::Raw),
    column("parts", "made of", Cell::Text),
];

impl League {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = LeagueQuestion {
            metric: self.metric,
            period: self.period,
            region: self.scope.region,
            platform: self.scope.platform,
            segment: self.scope.segment,
            source: self.scope.source,
            by_source: self.by == Some(By::Source),
            roll_up: match self.by {
                Some(By::Company) => Some(RollUp::Company),
                Some(By::Group) => Some(RollUp::Group),
                _ => None,
            },
            limit: self.limit,
            as_of: context.as_of()?,
            language: context.language(),
        };
        let answer = questions::league(&lake, &question).await?;
        let has_currencies = answer.facts["totals"]["rates"].is_array();
        let columns = match question.roll_up {
            Some(_) => COLUMNS_ROLLED_UP,
            None if has_currencies => COLUMNS_IN_CURRENCIES,
            None => COLUMNS,
        };
        let layout = Layout { title: Some(title(&answer)), columns, below: below(&answer) };
        context.print(&answer, layout)?;
        Ok(Done::Well)
    }
}

fn title(answer: &Answer) -> String {
    let fact = |name: &str| plain(answer.facts.get(name));
    let mut title = format!(
        "{} ({}) · {} · {} · region {}, platform {}, segment {}",
        fact("metric_label"),
        fact("metric"),
        fact("period"),
        fact("unit"),
        fact("region"),
        fact("platform"),
        fact("segment")
    );
    if let Some(as_of) = answer.facts.get("as_of").and_then(Value::as_str) {
        title.push_str(&format!(" · as of {}", as_of.chars().take(10).collect::<String>()));
    }
    title
}

/// Totals, concentration, entries and exits.
fn below(answer: &Answer) -> Vec<String> {
    let n_all = answer.facts.get("n_rows").and_then(Value::as_u64).unwrap_or_default();
    let n_shown = answer.rows.num_rows() as u64;
    let mut lines = Vec::new();
    if n_shown < n_all {
        lines.push(format!("shown          {n_shown} of {}", number::count(n_all)));
    }
    lines.extend(totals(&answer.facts["totals"]));
    lines.extend(concentration(answer.facts.get("concentration")));
    let previous = plain(answer.facts.get("previous_period"));
    lines.extend(names(answer.facts.get("entries"), &format!("not in {previous}")));
    lines.extend(names(answer.facts.get("exits"), &format!("only in {previous}")));
    lines
}

fn totals(totals: &Value) -> Option<String> {
    let figure = |key: &str| totals[key].as_f64().map(number::figure);
    let summed = figure("summed")?;
    let unit = totals["unit"].as_str().unwrap_or_default();
    let mut line = format!("total          {summed} {unit} summed");
    if let Some(claimed) = figure("claimed") {
        let by = totals["claimed_by"].as_str().unwrap_or_default();
        line.push_str(&format!(", {claimed} claimed by {by}"));
        if let Some(name) = totals["claimed_name"].as_str() {
            line.push_str(&format!(" ({name})"));
        }
    }
    if let (Some(gap), Some(claimed)) = (totals["gap"].as_f64(), totals["claimed"].as_f64()) {
        line.push_str(&format!(", gap {}", number::figure(gap)));
        if claimed != 0.0 {
            line.push_str(&format!(" ({})", number::percent(gap / claimed)));
        }
    }
    Some(line)
}

fn concentration(concentration: Option<&Value>) -> Option<String> {
    let concentration = concentration?;
    let hhi = concentration["hhi"].as_f64()?;
    let top4 = concentration["top4"].as_f64()?;
    Some(format!(
        "concentration  HHI {hhi:.3}, the four largest have {} of {}",
        number::percent(top4),
        concentration["n"]
    ))
}

fn names(found: Option<&Value>, heading: &str) -> Option<String> {
    let names: Vec<&str> = found?.as_array()?.iter().filter_map(Value::as_str).collect();
    if names.is_empty() {
        return None;
    }
    Some(format!("{heading:<14} {}", names.join(", ")))
}
