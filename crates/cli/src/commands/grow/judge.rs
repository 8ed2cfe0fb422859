//! `crowsnest grow judge`: off-policy evaluation of a bandit's log.

use std::path::PathBuf;

use clap::Args;
use crowsnest_grow::GrowError;
use crowsnest_grow::bandit::judgement::{Estimate, Logged, judge};
use crowsnest_lake::files;
use crowsnest_lake::own_rows::Holds;
use serde::Serialize;

use super::tell;
use crate::context::Context;
use crate::failure::{Done, Failure};

/// Say from a bandit's log what another way of choosing would have brought
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest grow judge log.ndjson
  crowsnest grow judge log.ndjson --alpha 0.1 --format json

Each line of the log is a choice: the arm's place from 0 on, the probability that it was given with, what came back, and the
probabilities that the other way would have had for each arm; a segment, if rewards differ by kind of visitor:
  {\"arm\": 1, \"propensity\": 0.3, \"reward\": 1, \"segment\": 0, \"target\": [0.1, 0.8, 0.1]}")]
pub(super) struct Judge {
    /// The log, a JSON object a line
    #[arg(value_name = "LOG.ndjson")]
    log: PathBuf,
    /// Intervals hold with probability 1 - ALPHA
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct EstimateRow {
    pub(super) estimate: &'static str,
    #[serde(flatten)]
    pub(super) of: Estimate,
}

impl EstimateRow {
    pub(super) fn in_words(&self) -> String {
        format!("{:<14} {:.4} ({:.4} to {:.4})", self.estimate, self.of.value, self.of.low, self.of.high)
    }
}

pub(super) const FIELDS: &[(&str, Holds)] = &[
    ("estimate", Holds::Text),
    ("value", Holds::Number),
    ("standard_error", Holds::Number),
    ("low", Holds::Number),
    ("high", Holds::Number),
];

impl Judge {
    pub(super) fn run(self, context: &Context) -> Result<Done, Failure> {
        let text = files::read_text(&self.log)?;
        let mut log: Vec<Logged> = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let read = serde_json::from_str(line);
            log.push(
                read.map_err(|error| GrowError::Experiment(format!("{}:{}: {error}", self.log.display(), at + 1)))?,
            );
        }
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(GrowError::Experiment("alpha lies between 0 and 1".to_owned()).into());
        }
        let judged = judge(&log, self.alpha).map_err(GrowError::Experiment)?;
        let rows: Vec<EstimateRow> =
            [("doubly robust", judged.doubly_robust), ("snips", judged.snips), ("ips", judged.ips)]
                .map(|(estimate, of)| EstimateRow { estimate, of })
                .into();
        let mut lines: Vec<String> = rows.iter().map(EstimateRow::in_words).collect();
        lines.push(format!("{} lines, worth {:.0}", log.len(), judged.n_effective));
        tell(context, &judged, &lines.join("\n"), FIELDS, &rows)?;
        Ok(Done::Well)
    }
}
