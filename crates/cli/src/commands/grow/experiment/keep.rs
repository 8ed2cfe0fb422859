//! `crowsnest grow experiment keep`: an experiment as a file, read out and kept in the market, beside the plan that it came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use crowsnest_grow::experiment::geo;
use crowsnest_grow::experiment::readout::{self, ReadoutRequest};
use crowsnest_grow::keeping::{self, Making, Origin};
use crowsnest_grow::{GrowError, KeptLift, Moved};
use crowsnest_lake::files;
use serde::{Deserialize, Serialize};

use super::{FINDING_FIELDS, GEO_FIELDS, words_of, words_of_geo};
use crate::commands::grow::{stem, tell};
use crate::context::Context;
use crate::failure::{Done, Failure};

/// Read an experiment that a file describes, and keep it beside the plan that it came from
#[derive(Debug, Args)]
#[command(after_help = "The file, in TOML:
  name = \"tv-off\"                # the file's name if nothing is said
  plan = \"weekly\"                # optional: the plan that it tries, and with it the call or direction that this came from
  call = \"Kimi\"                  # optional, where there is no plan; or direction = \"assistants\"
  channel = \"tv\"                 # optional: the channel that it moved, and
  spend_from = 1000              # money a period without the treatment and
  spend_to = 0                   # with it; later fits of the plan take the result as a lift test
  group = \"Nova\"                 # optional: whose curve it is, where the plan's history has several products or regions
  [units]                        # a table with a row for each unit …
  table = \"units.csv\"            # beside this file
  metrics = [\"revenue\", \"clicks/views\"]
  variant = \"variant\"
  control = \"a\"
  shares = [1, 1]
  before = { revenue = \"revenue_before\" }
  planned = 20000
  alpha = 0.05
  reach = 50000                  # with a channel: how many units the spend reaches, those outside of the table too, and
  periods = 2                    # over how many periods the table counts: effect a period = difference × reach / periods
  [regions]                      # … or one with columns region, date and outcome
  table = \"regions.csv\"
  treated = [\"Hamburg\"]
  from = \"2024-06-03\"
  outcome = \"outcome\"

What is found becomes rows of the table `plans`, a page (/plans/NAME) and a step on /loop.")]
pub(super) struct Keep {
    /// What to read
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExperimentFile {
    name: Option<String>,
    plan: Option<String>,
    call: Option<String>,
    direction: Option<String>,
    channel: Option<String>,
    group: Option<String>,
    spend_from: Option<f64>,
    spend_to: Option<f64>,
    units: Option<Units>,
    regions: Option<Regions>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Units {
    table: PathBuf,
    metrics: Vec<String>,
    #[serde(default = "default_variant")]
    variant: String,
    control: Option<String>,
    #[serde(default)]
    shares: Vec<f64>,
    #[serde(default)]
    before: BTreeMap<String, String>,
    planned: Option<f64>,
    #[serde(default = "default_alpha")]
    alpha: f64,
    reach: Option<f64>,
    periods: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Regions {
    table: PathBuf,
    treated: Vec<String>,
    from: String,
    #[serde(default = "default_outcome")]
    outcome: String,
}

impl ExperimentFile {
    /// The channel that it moved; `None` where nothing is said of one.
    fn moved(&self) -> Result<Option<Moved>, String> {
        match (&self.channel, self.spend_from, self.spend_to) {
            (None, None, None) if self.group.is_none() => Ok(None),
            (Some(channel), Some(spend_from), Some(spend_to)) if self.plan.is_some() => {
                let (channel, group) = (channel.clone(), self.group.clone());
                Ok(Some(Moved { channel, group, spend_from, spend_to }))
            }
            _ => Err("a result that is to weigh on a curve takes `plan`, `channel`, `spend_from` and `spend_to`: whose curve, and \
                      from which spend a period to which"
                .to_owned()),
        }
    }
}

fn default_variant() -> String {
    "variant".to_owned()
}

fn default_alpha() -> f64 {
    0.05
}

fn default_outcome() -> String {
    "outcome".to_owned()
}

impl Keep {
    pub(super) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let text = files::read_text(&self.file)?;
        let failed = |message: String| GrowError::File { path: self.file.clone(), message };
        let file: ExperimentFile =
            toml::from_str(&text).map_err(|error| failed(error.to_string().trim().to_owned()))?;
        let moved = file.moved().map_err(failed)?;
        match (&file.units, &file.regions) {
            (Some(units), None) => self.of_units(context, &file, units, moved.as_ref()).await,
            (None, Some(regions)) => self.of_regions(context, &file, regions, moved.as_ref()).await,
            _ => Err(failed("it takes either [units] or [regions]".to_owned()).into()),
        }
    }

    async fn of_units(
        &self,
        context: &Context,
        file: &ExperimentFile,
        units: &Units,
        moved: Option<&Moved>,
    ) -> Result<Done, Failure> {
        let (text, making) = self.begin(file, &units.table)?;
        let request = ReadoutRequest {
            variant: units.variant.clone(),
            control: units.control.clone(),
            metrics: units.metrics.clone(),
            before: units.before.clone(),
            shares: units.shares.clone(),
            alpha: units.alpha,
            n_planned: units.planned,
        };
        let found = readout::read(&text, &request)?;
        found.notes.iter().for_each(|note| context.note(note));
        let findings: Vec<(String, String, f64)> = found
            .findings
            .iter()
            .map(|own| (own.metric.clone(), own.variant.clone(), own.difference.second - own.difference.first))
            .collect();
        let words = words_of(&found);
        let note: Vec<&str> = words.lines().skip(found.variants.len()).collect();
        let lift = match moved.filter(|_| found.is_as_drawn) {
            Some(moved) => Some(moved.of_units(&found, units.reach, units.periods)?),
            None => None,
        };
        if moved.is_some() && lift.is_none() {
            context.note("no curve takes it as a lift test: its variants do not have the shares that were drawn");
        }
        let note = note.join("; ");
        keep(context, &making, lift.as_ref(), &Read { note: &note, findings: &findings, report: &found }).await?;
        tell(context, &found, &words, FINDING_FIELDS, &found.findings)?;
        Ok(if found.is_as_drawn { Done::Well } else { Done::WithFaults })
    }

    async fn of_regions(
        &self,
        context: &Context,
        file: &ExperimentFile,
        regions: &Regions,
        moved: Option<&Moved>,
    ) -> Result<Done, Failure> {
        let (text, making) = self.begin(file, &regions.table)?;
        let read = geo::table(&text, &regions.outcome, &regions.from)?;
        let found = geo::read(&read.regions, &regions.treated, read.start)?;
        let words = words_of_geo(&found);
        let findings = [(regions.outcome.clone(), regions.treated.join(", "), found.effect)];
        let lift = match moved {
            Some(moved) => Some(moved.of_regions(&found, &regions.from, read.period_days)?),
            None => None,
        };
        keep(context, &making, lift.as_ref(), &Read { note: &words, findings: &findings, report: &found }).await?;
        tell(context, &found, &words, GEO_FIELDS, std::slice::from_ref(&found))?;
        Ok(Done::Well)
    }

    /// The table's text, and what is kept of where it came from.
    fn begin(&self, file: &ExperimentFile, table: &Path) -> Result<(String, Making), Failure> {
        let path = self.file.parent().unwrap_or(Path::new("")).join(table);
        let text = files::read_text(&path)?;
        let now = jiff::Timestamp::now().as_microsecond();
        let origin = Origin { call: file.call.clone(), direction: file.direction.clone(), plan: file.plan.clone() };
        let name = file.name.clone().unwrap_or_else(|| stem(&self.file));
        let inputs = keeping::inputs_of(&path, &text);
        Ok((text, Making { name, origin, inputs, vintage: now, now }))
    }
}

/// What an experiment said: in words, as rows (metric, variant, effect), and whole.
struct Read<'a, R> {
    note: &'a str,
    findings: &'a [(String, String, f64)],
    report: &'a R,
}

/// Keeps it, and says what later fits will take from it.
async fn keep<R: Serialize>(
    context: &Context,
    making: &Making,
    lift: Option<&KeptLift>,
    read: &Read<'_, R>,
) -> Result<(), Failure> {
    if let (Some(plan), Some(lift)) = (&making.origin.plan, lift) {
        let (channel, words) = (&lift.test.channel, lift.in_words());
        context.note(&format!("fits of {plan} take it as a lift test of {channel}: {words}"));
    }
    let lake = context.lake().await?;
    keeping::keep_experiment(&lake, making, read.note, read.findings, lift, read.report).await?;
    Ok(())
}
