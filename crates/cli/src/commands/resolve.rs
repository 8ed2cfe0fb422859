//! `crowsnest resolve`: find which of the market's names are the same; tell why two are; check for contradictions.

use clap::Args;
use crowsnest_identify::resolving::{Evidence, ResolveOptions, Resolved, Side, contradictions, explain_pair};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::{Lake, LakeError};
use crowsnest_model::{Kind, entity_id, normalise};

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;
use crate::options::Format;
use crate::output::Layout;
use crate::print;
use crate::table::{Cell, Column, column};

/// Find which names in the market are the same product or company
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest resolve
  crowsnest resolve --anew --dry-run --format json
  crowsnest resolve --explain 豆包 Doubao
  crowsnest resolve --check

Names that are new are compared with all others; what is found is kept in the tables links and memberships, and shows at
once. The catalogue and people's judgements are never overruled. Pairs that are unsure wait for `crowsnest review`.")]
pub(crate) struct Resolve {
    /// Look at all names, not at new ones only, and learn the weights anew
    #[arg(long)]
    anew: bool,
    /// Write nothing
    #[arg(long)]
    dry_run: bool,
    /// Tell why these two names are the same or not
    #[arg(long, num_args = 2, value_names = ["NAME", "OTHER"], conflicts_with_all = ["anew", "dry_run", "check"])]
    explain: Vec<String>,
    /// List what contradicts itself: judgements, the catalogue, owners in a circle
    #[arg(long)]
    check: bool,
}

const FIELDS: &[(&str, Holds)] = &[
    ("n_names", Holds::Count),
    ("n_new", Holds::Count),
    ("n_candidates", Holds::Count),
    ("n_same", Holds::Count),
    ("n_unsure", Holds::Count),
    ("n_moved", Holds::Count),
    ("n_grouped", Holds::Count),
    ("same_from", Holds::Number),
    ("is_calibrated", Holds::Flag),
    ("seconds", Holds::Number),
];

const CONTRADICTIONS: &[Column] =
    &[column("sort", "in", Cell::Text), column("what", "what", Cell::Text), column("remedy", "what to do", Cell::Text)];

impl Resolve {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        if let [one, other] = self.explain.as_slice() {
            return explain(context, &lake, one, other).await;
        }
        if self.check {
            return check(context, &lake).await;
        }
        if context.as_of()?.is_some() {
            return Err(Failure::users("names are resolved as of now", "leave out --as-of"));
        }
        let options = ResolveOptions { is_anew: self.anew, is_dry_run: self.dry_run, ..ResolveOptions::default() };
        let (_, resolved) = Box::pin(crowsnest_run::resolve(&lake, &options)).await.map_err(Failure::from)?;
        match context.format() {
            Format::Table => print::line(&in_words(&resolved, self.dry_run))?,
            Format::Json => print::line(&serde_json::to_string(&resolved).map_err(LakeError::from)?)?,
            _ => context.print_encoded(&own_rows::answer(FIELDS, &[resolved])?)?,
        }
        Ok(Done::Well)
    }
}

fn in_words(resolved: &Resolved, is_dry_run: bool) -> String {
    let count = |n: usize| number::count(n as u64);
    let mut lines = vec![
        format!("names     {} looked at, {} for the first time", count(resolved.n_names), count(resolved.n_new)),
        format!("pairs     {} compared, {} the same", count(resolved.n_candidates), count(resolved.n_same)),
        format!("entities  {} names moved to another's", count(resolved.n_moved)),
        format!("unsure    {} pairs: see `crowsnest review`", count(resolved.n_unsure)),
        format!("took      {:.1} s", resolved.seconds),
    ];
    if is_dry_run {
        lines.push("nothing was written: this was a dry run".to_owned());
    }
    lines.join("\n")
}

async fn check(context: &Context, lake: &Lake) -> Result<Done, Failure> {
    let found = contradictions(lake).await?;
    let fields = [("sort", Holds::Text), ("what", Holds::Text), ("remedy", Holds::Text)];
    if found.is_empty() && context.is_table() {
        print::line("nothing contradicts itself")?;
        return Ok(Done::Well);
    }
    context.print(&own_rows::answer(&fields, &found)?, Layout::of(CONTRADICTIONS))?;
    Ok(if found.is_empty() { Done::Well } else { Done::WithFaults })
}

async fn explain(context: &Context, lake: &Lake, one: &str, other: &str) -> Result<Done, Failure> {
    let mut found = None;
    for kind in [Kind::Product, Kind::Company] {
        let own = |name: &str| entity_id(kind, &normalise(name));
        found = explain_pair(lake, own(one), own(other)).await?;
        if found.is_some() {
            break;
        }
    }
    let Some(evidence) = found else {
        return Err(Failure::users(
            format!("no source writes both {one:?} and {other:?} as names of a product, or of a company"),
            "write the names as sources do; see `crowsnest products`",
        ));
    };
    if context.format() == Format::Json {
        print::line(&serde_json::to_string(&evidence).map_err(LakeError::from)?)?;
    } else {
        print::line(&print::clean(&evidence_in_words(&evidence).join("\n")))?;
    }
    Ok(Done::Well)
}

/// The two side by side, then what was compared.
pub(super) fn evidence_in_words(evidence: &Evidence) -> Vec<String> {
    let rows = [
        ("name", side(evidence, |side| side.name.clone())),
        ("kind", side(evidence, |side| side.kind.clone())),
        ("sources", side(evidence, |side| side.sources.join(", "))),
        ("ids", side(evidence, |side| side.ids.join(", "))),
        ("developer", side(evidence, |side| side.developers.join(", "))),
        ("domain", side(evidence, |side| side.domains.join(", "))),
    ];
    let filled = rows.into_iter().filter(|(_, [left, right])| !left.is_empty() || !right.is_empty());
    let mut lines: Vec<String> =
        filled.map(|(heading, [left, right])| format!("{heading:<10} {left}  |  {right}")).collect();
    let state = if evidence.is_one { "one entity now" } else { "two entities now" };
    lines.push(String::new());
    lines.push(format!("{}, probability {:.3}; {state}", evidence.verdict, evidence.probability));
    lines.push(format!("{:+.2}  before anything is compared", evidence.start));
    for reason in &evidence.reasons {
        lines.push(format!("{:+.2}  {}: {}", reason.weight, reason.comparison, reason.found));
    }
    lines
}

fn side(evidence: &Evidence, of: impl Fn(&Side) -> String) -> [String; 2] {
    [of(&evidence.left), of(&evidence.right)]
}
