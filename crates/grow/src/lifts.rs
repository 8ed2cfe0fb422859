//! Lift tests: what experiments said of a channel's curve, written by hand in the file or kept in the market.
//!
//! In: the read-out of an experiment, with the channel that it moved and from which spend a period to which. Out: a [`KeptLift`], which
//! the table `plans` keeps with the report (`keeping.rs`), and from it a [`LiftTest`] for every later fit of the plan that it
//! belongs to. Invariants: effect and spends are of one period of the history; what cannot be brought to that is refused, with what
//! to give; a test by hand counts instead of a kept one of the same channel and spends; none is left out without a word.

use crowsnest_lake::sql::quoted;
use crowsnest_lake::{Answer, Lake};
use serde::{Deserialize, Serialize};

use crate::error::GrowError;
use crate::experiment::geo::GeoReading;
use crate::experiment::readout::Readout;
use crate::history::History;
use crate::settings::{GrowFile, LiftTest};

/// The channel that an experiment moved, and from which spend a period to which.
#[derive(Debug, Clone)]
pub struct Moved {
    /// The channel, as the plan's file names it.
    pub channel: String,
    /// The product or region of the plan's history whose curve is meant, where there are several.
    pub group: Option<String>,
    /// Money a period without the treatment: spend of the whole group, 0 or more.
    pub spend_from: f64,
    /// Money a period with it; below `spend_from` where the treatment is to spend less.
    pub spend_to: f64,
}

/// What an experiment that was kept says of a channel's curve.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct KeptLift {
    /// The spends, rising, the effect a period and its standard error.
    pub test: LiftTest,
    /// First day of the treatment, as `2024-06-03`; `None` where the table does not tell.
    pub since: Option<String>,
    /// Days of a period of spends and effect; `None` for the periods of the plan's history.
    pub period_days: Option<f64>,
}

impl Moved {
    /// From regions: the effect a period of all treated regions together, with its standard error from placebos.
    ///
    /// # Errors
    /// [`GrowError::Experiment`]: spends that are negative or one, no standard error, or dates that do not tell how long a period is
    /// (`period_days`, see [`crate::experiment::geo::RegionTable`]).
    pub fn of_regions(&self, found: &GeoReading, since: &str, period_days: Option<f64>) -> Result<KeptLift, GrowError> {
        if period_days.is_none() {
            return Err(
                self.fault("its dates do not tell how long a period is: write them as days, such as 2024-06-03")
            );
        }
        let test = self.test(found.effect, found.standard_error)?;
        Ok(KeptLift { test, since: Some(since.to_owned()), period_days })
    }

    /// From units: the difference of the first metric between the two variants, of one unit over all `n_periods` that the table
    /// counts, times `reach` (how many units the spend reaches, those outside of the experiment too), over `n_periods`.
    ///
    /// # Errors
    /// [`GrowError::Experiment`]: a ratio, more than two variants, no `reach` or `n_periods` above 0, spends that are negative or one,
    /// no standard error.
    pub fn of_units(&self, found: &Readout, reach: Option<f64>, n_periods: Option<f64>) -> Result<KeptLift, GrowError> {
        let Some(first) = found.findings.first() else { return Err(self.fault("it has no finding")) };
        if found.variants.len() != 2 {
            return Err(self.fault("it has more than two variants, and one effect is meant: keep a table of two"));
        }
        if first.metric.contains('/') {
            return Err(self.fault(&format!(
                "{} is a ratio, which does not add up to an outcome a period: name a metric without / first",
                first.metric
            )));
        }
        let is_number = |number: &f64| *number > 0.0 && number.is_finite();
        let (Some(reach), Some(n_periods)) = (reach.filter(is_number), n_periods.filter(is_number)) else {
            return Err(self.fault(
                "a difference of one unit becomes an effect a period by `reach` (how many units the spend reaches) and `periods` \
                 (over how many periods the table counts): give both in [units], more than 0",
            ));
        };
        let scale = reach / n_periods;
        let test = self.test(first.difference.difference * scale, first.difference.standard_error * scale)?;
        Ok(KeptLift { test, since: None, period_days: None })
    }

    fn fault(&self, words: &str) -> GrowError {
        GrowError::Experiment(format!("lift test of {}: {words}", self.channel))
    }

    /// A cut that lost something is a rise that brought it.
    fn test(&self, effect: f64, standard_error: f64) -> Result<LiftTest, GrowError> {
        let (low, high) = (self.spend_from.min(self.spend_to), self.spend_from.max(self.spend_to));
        if !(low >= 0.0 && high > low && high.is_finite()) {
            return Err(self.fault("spend_from and spend_to are money a period, 0 or more, and not the same"));
        }
        if !(effect.is_finite() && standard_error > 0.0 && standard_error.is_finite()) {
            return Err(self.fault(&format!(
                "an effect of {effect} with a standard error of {standard_error} cannot be weighed: give more units or regions"
            )));
        }
        Ok(LiftTest {
            channel: self.channel.clone(),
            group: self.group.clone(),
            spend_from: low,
            spend_to: high,
            effect: if self.spend_to > self.spend_from { effect } else { -effect },
            standard_error,
        })
    }
}

impl KeptLift {
    /// What it says, in words.
    pub fn in_words(&self) -> String {
        said(&self.test)
    }
}

#[derive(Debug, Deserialize)]
struct Kept {
    plan: String,
    at: String,
    report: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Reported {
    lift_test: Option<KeptLift>,
}

/// Adds to a plan's file the lift tests of the experiments that were kept for it, each as its last version says, and notes to the
/// history what they say, or why one does not count.
///
/// # Errors
/// Those of the lake.
pub async fn take_experiments(
    lake: &Lake,
    plan: &str,
    file: &mut GrowFile,
    history: &mut History,
) -> Result<(), GrowError> {
    let sql = format!(
        "SELECT plan, CAST(known_at AS VARCHAR) AS at, report FROM ( \
           SELECT *, row_number() OVER (PARTITION BY plan ORDER BY known_at DESC, plan_id) AS nth \
           FROM plans WHERE part = 'whole' AND kind = 'experiment') \
         WHERE nth = 1 AND comes_from = {} ORDER BY known_at, plan",
        quoted(plan)
    );
    let mut kept: Vec<Kept> = Vec::new();
    for batch in lake.query(&sql).await? {
        kept.extend(Answer::of_rows(batch).rows_as::<Kept>()?);
    }
    take(&kept, file, history);
    Ok(())
}

fn take(kept: &[Kept], file: &mut GrowFile, history: &mut History) {
    let by_hand = file.lift_tests.clone();
    for own in kept {
        let reported = own.report.as_deref().and_then(|text| serde_json::from_str::<Reported>(text).ok());
        let Some(lift) = reported.and_then(|reported| reported.lift_test) else { continue };
        let since = lift.since.as_deref().or(own.at.get(..10)).unwrap_or_default();
        let about = format!("lift test of {} from experiment {} of {since}", lift.test.channel, own.plan);
        match in_history(&lift, history, &by_hand) {
            Ok(test) => {
                history.notes.push(format!("{about}: {}", said(&test)));
                file.lift_tests.push(test);
            }
            Err(why) => history.notes.push(format!("{about} does not count: {why}")),
        }
    }
}

/// A kept lift test in the history's periods, or why it says nothing of this history.
fn in_history(lift: &KeptLift, history: &History, by_hand: &[LiftTest]) -> Result<LiftTest, String> {
    let mut test = lift.test.clone();
    if !history.channels.contains(&test.channel) {
        return Err(format!("there is no such channel, only {}", history.channels.join(", ")));
    }
    if let Some(fault) = group_fault(&test, history) {
        return Err(fault);
    }
    if test.group.is_none() && history.groups.len() > 1 {
        return Err("there are several groups: name the one that was moved as `group` in its file".to_owned());
    }
    let scale = lift.period_days.map_or(1.0, |days| 365.25 / history.periods_per_year / days);
    // Months are not all of one length.
    if (scale - 1.0).abs() > 0.1 {
        for number in [&mut test.spend_from, &mut test.spend_to, &mut test.effect, &mut test.standard_error] {
            *number *= scale;
        }
    }
    if by_hand.iter().any(|own| are_of_one(own, &test, history)) {
        return Err("the file has one of the same spends, which counts instead".to_owned());
    }
    Ok(test)
}

/// Whether two tests are of the same channel, group and spends.
fn are_of_one(left: &LiftTest, right: &LiftTest, history: &History) -> bool {
    let is_near = |left: f64, right: f64| (left - right).abs() <= 1e-6 * left.abs().max(right.abs());
    left.channel == right.channel
        && group_of(left, history) == group_of(right, history)
        && is_near(left.spend_from, right.spend_from)
        && is_near(left.spend_to, right.spend_to)
}

/// The group that a test is of: the first where it names none; `None` where the history does not have it.
fn group_of(test: &LiftTest, history: &History) -> Option<usize> {
    test.group.as_ref().map_or(Some(0), |name| history.groups.iter().position(|group| group.name == *name))
}

fn group_fault(test: &LiftTest, history: &History) -> Option<String> {
    if group_of(test, history).is_some() {
        return None;
    }
    let name = test.group.as_deref().unwrap_or_default();
    let names: Vec<&str> = history.groups.iter().map(|group| group.name.as_str()).collect();
    Some(match names.as_slice() {
        [_] => format!("there is no group {name:?}: the history is one group, leave `group` out"),
        _ => format!("there is no group {name:?}, only {}", names.join(", ")),
    })
}

/// Lift tests of groups that the history does not have.
pub(crate) fn faults(file: &GrowFile, history: &History) -> Vec<String> {
    let fault =
        |test: &LiftTest| group_fault(test, history).map(|fault| format!("lift test of {:?}: {fault}", test.channel));
    file.lift_tests.iter().filter_map(fault).collect()
}

/// Notes on lift tests of channels that have no curve, because nothing was ever spent on them.
pub(crate) fn without_spend(history: &History, tests: &[LiftTest]) -> Vec<String> {
    let mut notes = Vec::new();
    for test in tests {
        let channel = history.channels.iter().position(|name| *name == test.channel);
        let (Some(channel), Some(group)) = (channel, group_of(test, history)) else { continue };
        if history.groups[group].total_spend(channel) <= 0.0 {
            notes.push(format!(
                "the lift test of {} says nothing here: the history has no spend on it, and so no curve",
                test.channel
            ));
        }
    }
    notes
}

fn said(test: &LiftTest) -> String {
    format!(
        "{} instead of {} a period brings {} a period, standard error {}",
        short(test.spend_to),
        short(test.spend_from),
        short(test.effect),
        short(test.standard_error)
    )
}

/// Four digits that count, and none behind a whole number.
fn short(value: f64) -> String {
    if value.fract() == 0.0 {
        return format!("{value:.0}");
    }
    let n_decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    format!("{value:.n_decimals$}")
}

#[cfg(test)]
mod tests;
