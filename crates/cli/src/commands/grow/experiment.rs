//! `crowsnest grow experiment size|draw|read|geo|try|keep`: before, during and after an experiment.

mod keep;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use crowsnest_grow::GrowError;
use crowsnest_grow::experiment::readout::{Readout, ReadoutRequest};
use crowsnest_grow::experiment::size::{Compared, Risks};
use crowsnest_grow::experiment::{assignment, geo, readout, sequential};
use crowsnest_lake::files;
use crowsnest_lake::own_rows::Holds;
use serde::Serialize;

use super::tell;
use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::number;

/// Size, draw, read and try out experiments
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest grow experiment size --share 0.05 --to 0.055
  crowsnest grow experiment size --difference 2 --spread 10 --units 400
  crowsnest grow experiment draw onboarding user-17 --shares 1,1
  crowsnest grow experiment read units.csv --metric revenue --metric clicks/views --before revenue=revenue_before
  crowsnest grow experiment read units.csv --metric revenue --planned 20000
  crowsnest grow experiment geo regions.csv --treated Hamburg --from 2024-06-03
  crowsnest grow experiment try --experiments 10000 --units 1000
  crowsnest grow experiment keep tv-off.toml")]
pub(super) struct Experiment {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// How many units it takes, or what so many would find
    Size(Size),
    /// Which variant a unit gets: always the same one
    Draw {
        /// Name of the experiment
        experiment: String,
        /// The unit: a user, a device, a region
        unit: String,
        /// Shares of the variants
        #[arg(long, value_delimiter = ',', default_value = "1,1")]
        shares: Vec<f64>,
    },
    /// Read an experiment from a CSV table with a row for each unit
    Read(Read),
    /// Read an experiment over regions from a CSV table with columns region, date and outcome
    Geo {
        /// The table
        #[arg(value_name = "TABLE.csv")]
        table: PathBuf,
        /// A region that was treated
        #[arg(long, required = true)]
        treated: Vec<String>,
        /// First date of the treatment, as in the table
        #[arg(long)]
        from: String,
        /// Column of the outcome
        #[arg(long, default_value = "outcome")]
        outcome: String,
    },
    /// Read an experiment that a file describes, and keep it beside the plan that it came from
    Keep(keep::Keep),
    /// Try a design on made-up units: how often it is called when looked at after every unit
    Try {
        /// Experiments
        #[arg(long, default_value_t = 10_000)]
        experiments: usize,
        /// Units of each variant
        #[arg(long, default_value_t = 1000)]
        units: usize,
        /// Difference, in spreads
        #[arg(long, default_value_t = 0.0)]
        effect: f64,
        /// Probability of a finding where there is nothing
        #[arg(long, default_value_t = 0.05)]
        alpha: f64,
        /// Seed of chance
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(Debug, Args)]
struct Size {
    /// Share without the change, 0 to 1
    #[arg(long, requires = "to", conflicts_with = "difference")]
    share: Option<f64>,
    /// Share with the change, 0 to 1
    #[arg(long)]
    to: Option<f64>,
    /// Difference of means that should be found
    #[arg(long, requires = "spread")]
    difference: Option<f64>,
    /// Standard deviation of units
    #[arg(long)]
    spread: Option<f64>,
    /// Probability of a finding where there is nothing
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// Probability of finding the difference
    #[arg(long, default_value_t = 0.8)]
    power: f64,
    /// Units of the second variant for each of the first
    #[arg(long, default_value_t = 1.0)]
    ratio: f64,
    /// Units of the first variant that there are: tells their power
    #[arg(long)]
    units: Option<f64>,
}

#[derive(Debug, Args)]
struct Read {
    /// The table
    #[arg(value_name = "TABLE.csv")]
    table: PathBuf,
    /// Column of variants
    #[arg(long, default_value = "variant")]
    variant: String,
    /// The variant that others are compared with [default: the first of the table]
    #[arg(long)]
    control: Option<String>,
    /// Column of a metric, or two with / for a ratio of sums
    #[arg(long, required = true)]
    metric: Vec<String>,
    /// What units did before, taken out: METRIC=COLUMN
    #[arg(long)]
    before: Vec<String>,
    /// Shares that were drawn, by variant in rising order of names [default: equal]
    #[arg(long, value_delimiter = ',')]
    shares: Vec<f64>,
    /// Probability of a finding where there is nothing
    #[arg(long, default_value_t = 0.05)]
    alpha: f64,
    /// Units that are expected at the end: intervals then hold at any look before
    #[arg(long)]
    planned: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Sized {
    effect_size: f64,
    units_of_first: f64,
    units_of_second: f64,
    power: f64,
}

#[derive(Debug, Serialize)]
struct Drawn {
    variant: usize,
}

impl Experiment {
    pub(super) async fn run(self, context: &Context) -> Result<Done, Failure> {
        match self.task {
            Task::Keep(keep) => keep.run(context).await,
            Task::Size(size) => size.run(context),
            Task::Draw { experiment, unit, shares } => {
                let variant = assignment::variant_of(&experiment, &unit, &shares).ok_or_else(|| {
                    GrowError::Experiment("shares are numbers of which one at least is more than 0".to_owned())
                })?;
                let drawn = Drawn { variant };
                tell(
                    context,
                    &drawn,
                    &variant.to_string(),
                    &[("variant", Holds::Count)],
                    std::slice::from_ref(&drawn),
                )?;
                Ok(Done::Well)
            }
            Task::Read(read) => read.run(context),
            Task::Geo { table, treated, from, outcome } => geo_of(context, &table, &treated, &from, &outcome),
            Task::Try { experiments, units, effect, alpha, seed } => {
                let tried = sequential::try_out(experiments, units.max(2), effect, alpha, seed);
                let words = format!(
                    "called at some look: {}; by one look at the end: {}",
                    number::percent(tried.share_called),
                    number::percent(tried.share_called_at_the_end)
                );
                let fields = &[
                    ("n_experiments", Holds::Count),
                    ("n_units", Holds::Count),
                    ("effect", Holds::Number),
                    ("share_called", Holds::Number),
                    ("share_called_at_the_end", Holds::Number),
                    ("mean_share_of_units", Holds::Number),
                ];
                tell(context, &tried, &words, fields, std::slice::from_ref(&tried))?;
                Ok(Done::Well)
            }
        }
    }
}

impl Size {
    fn run(self, context: &Context) -> Result<Done, Failure> {
        let compared = match (self.share, self.to, self.difference, self.spread) {
            (Some(without), Some(with), None, _) => Compared::Shares(without, with),
            (None, None, Some(difference), Some(spread)) if spread > 0.0 => Compared::Means(difference, spread),
            _ => {
                let words = "it takes --share and --to, or --difference and a --spread of more than 0";
                return Err(GrowError::Experiment(words.to_owned()).into());
            }
        };
        let risks = Risks { alpha: self.alpha, ratio: self.ratio };
        let are_shares = |share: f64| share > 0.0 && share < 1.0;
        if !are_shares(self.alpha) || !are_shares(self.power) || self.ratio.is_nan() || self.ratio <= 0.0 {
            let words = "alpha and power lie between 0 and 1, and ratio is more than 0";
            return Err(GrowError::Experiment(words.to_owned()).into());
        }
        let units = match self.units {
            Some(units) => units,
            None => compared.units(self.power, risks).ok_or_else(|| {
                GrowError::Experiment(
                    "there is no difference to find, or the shares are not between 0 and 1".to_owned(),
                )
            })?,
        };
        let sized = Sized {
            effect_size: compared.effect_size(),
            units_of_first: units,
            units_of_second: units * self.ratio,
            power: compared.power(units, risks),
        };
        let words = format!(
            "{} and {} units find it with probability {:.3}",
            number::count(units.ceil() as u64),
            number::count((units * self.ratio).ceil() as u64),
            sized.power
        );
        let fields = &[
            ("effect_size", Holds::Number),
            ("units_of_first", Holds::Number),
            ("units_of_second", Holds::Number),
            ("power", Holds::Number),
        ];
        tell(context, &sized, &words, fields, std::slice::from_ref(&sized))?;
        Ok(Done::Well)
    }
}

const FINDING_FIELDS: &[(&str, Holds)] = &[
    ("metric", Holds::Text),
    ("variant", Holds::Text),
    ("first", Holds::Number),
    ("second", Holds::Number),
    ("difference", Holds::Number),
    ("standard_error", Holds::Number),
    ("low", Holds::Number),
    ("high", Holds::Number),
    ("relative", Holds::Number),
    ("relative_low", Holds::Number),
    ("relative_high", Holds::Number),
    ("p", Holds::Number),
    ("adjusted_p", Holds::Number),
    ("is_found", Holds::Flag),
];

impl Read {
    fn run(self, context: &Context) -> Result<Done, Failure> {
        let mut before = BTreeMap::new();
        for pair in &self.before {
            let (metric, column) = pair
                .split_once('=')
                .ok_or_else(|| GrowError::Experiment(format!("--before {pair:?}: write it as METRIC=COLUMN")))?;
            before.insert(metric.to_owned(), column.to_owned());
        }
        let text = files::read_text(&self.table)?;
        let request = ReadoutRequest {
            variant: self.variant,
            control: self.control,
            metrics: self.metric,
            before,
            shares: self.shares,
            alpha: self.alpha,
            n_planned: self.planned,
        };
        let found = readout::read(&text, &request)?;
        found.notes.iter().for_each(|note| context.note(note));
        tell(context, &found, &words_of(&found), FINDING_FIELDS, &found.findings)?;
        Ok(if found.is_as_drawn { Done::Well } else { Done::WithFaults })
    }
}

fn words_of(found: &Readout) -> String {
    let mut lines: Vec<String> =
        found.variants.iter().map(|(name, units)| format!("{name}: {} units", number::count(*units))).collect();
    for own in &found.findings {
        lines.push(format!(
            "{} of {}: {} against {}, {} ({} to {}), p {:.4}, of all {:.4}: {}",
            own.metric,
            own.variant,
            number::figure(own.difference.second),
            number::figure(own.difference.first),
            number::change(own.difference.relative),
            number::change(own.difference.relative_low),
            number::change(own.difference.relative_high),
            own.difference.p,
            own.adjusted_p,
            if own.is_found { "found" } else { "not told from chance" }
        ));
    }
    lines.join("\n")
}

const GEO_FIELDS: &[(&str, Holds)] = &[
    ("effect", Holds::Number),
    ("standard_error", Holds::Number),
    ("low", Holds::Number),
    ("high", Holds::Number),
    ("relative", Holds::Number),
    ("p", Holds::Number),
    ("error_before", Holds::Number),
];

fn geo_of(
    context: &Context,
    table: &std::path::Path,
    treated: &[String],
    from: &str,
    outcome: &str,
) -> Result<Done, Failure> {
    let text = files::read_text(table)?;
    let read = geo::table(&text, outcome, from)?;
    let found = geo::read(&read.regions, treated, read.start)?;
    tell(context, &found, &words_of_geo(&found), GEO_FIELDS, std::slice::from_ref(&found))?;
    Ok(Done::Well)
}

fn words_of_geo(found: &geo::GeoReading) -> String {
    format!(
        "{} a period ({} to {}), {} of what would have been, p {:.3}; the twin was {} off before",
        number::figure(found.effect),
        number::figure(found.low),
        number::figure(found.high),
        number::change(found.relative),
        found.p,
        number::percent(found.error_before)
    )
}
