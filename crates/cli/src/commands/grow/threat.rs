//! `crowsnest grow threat`: what large companies did to those who were there before them.

use clap::Args;
use crowsnest_grow::{ThreatQuestion, ThreatReport};
use crowsnest_lake::own_rows::Holds;

use super::tell;
use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;

/// Say what happened to others after a large company entered their segment, from the market's own history
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest grow threat --metric mau
  crowsnest grow threat assistants --metric mau --horizon 3
  crowsnest grow threat Kimi --metric mau --format json

Each product that was there before is compared with the five products of other segments that were nearest to it in size and growth.
A product's segment is that of its claims, or a line of catalogue/segments.csv (product, segment); owners are those of
catalogue/owners.csv. With fewer than three entries there is no answer. `[plan.threat]` takes the effect into a plan.")]
pub(super) struct Threat {
    /// The segment, or a product of it; the whole market if nothing is said
    #[arg(value_name = "SEGMENT|PRODUCT")]
    of: Option<String>,
    /// The metric whose history tells
    #[arg(long, default_value = "mau")]
    metric: String,
    /// Grain of its periods
    #[arg(long, default_value = "month")]
    grain: String,
    /// Periods after the entry
    #[arg(long, default_value_t = 6)]
    horizon: usize,
}

const CASE_FIELDS: &[(&str, Holds)] = &[
    ("segment", Holds::Text),
    ("company", Holds::Text),
    ("product", Holds::Text),
    ("period", Holds::Text),
    ("n_incumbents", Holds::Count),
    ("effect", Holds::Number),
    ("before", Holds::Number),
];

impl Threat {
    pub(super) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let question = ThreatQuestion { of: self.of, metric: self.metric, grain: self.grain, horizon: self.horizon };
        let found = Box::pin(crowsnest_grow::threat(&lake, &question)).await?;
        found.notes.iter().for_each(|note| context.note(note));
        tell(context, &found, &in_words(&found), CASE_FIELDS, &found.cases)?;
        Ok(Done::Well)
    }
}

fn in_words(found: &ThreatReport) -> String {
    let mut lines = vec![
        format!(
            "{} {}s after a large company entered, those who were there stood at {} ({} to {}) against like products elsewhere",
            found.horizon,
            found.grain,
            number::change(found.change.q50),
            number::change(found.change.q05),
            number::change(found.change.q95)
        ),
        format!(
            "{} entries, {} products; in the {} {}s before they differed by {}",
            number::count(found.n_cases as u64),
            number::count(found.n_incumbents as u64),
            found.horizon,
            found.grain,
            number::change(found.before.mean.exp_m1())
        ),
    ];
    if !found.absent.is_empty() {
        lines.push(format!("not in {} yet: {}", found.segment, found.absent.join(", ")));
    }
    lines.push(String::new());
    lines.extend(found.cases.iter().map(|case| {
        format!(
            "  {}  {:<24} {:<20} {:<20} {:>4} products  {}",
            case.period,
            case.segment,
            case.company,
            case.product,
            case.n_incumbents,
            number::change(case.effect.exp_m1())
        )
    }));
    lines.join("\n")
}
