//! Grow: own results and experiments → where the next unit of money or traffic goes.
//!
//! In: a history of outcome, spend, controls and events, from a table (`reading.rs`) or from claims of the market
//! (`claims.rs`), both behind one seam, [`History`]; and a file that says what is known and wanted (`settings.rs`). Out: response
//! curves with their uncertainty ([`FitReport`]), a plan with its distance to the best possible ([`PlanReport`]), read-outs of
//! experiments (`experiment`), choices for day-to-day traffic and their judgement from the log (`bandit`).
//!
//! Invariants: a plan tells its expected effect with an interval; an experiment that was run weighs on the curve that is fitted;
//! what the history cannot tell is said so; nothing is spent by this crate: it only says where to. The same input and seed give the
//! same numbers.
//!
//! Where to begin reading: `model.rs` (what is believed), `fit.rs` (how it is drawn), `plan/solve.rs` (how money is divided).

pub mod bandit;
mod claims;
mod error;
pub mod experiment;
mod findings;
mod fit;
mod history;
mod model;
mod plan;
mod reading;
mod settings;

use std::path::Path;
use std::time::Instant;

use crowsnest_lake::{Lake, files};

pub use error::GrowError;
pub use findings::{
    Accuracy, BACKGROUND_PARTS, ChannelReport, CurvePoint, FitReport, HeldOut, Interval, PartReport, Verdict,
};
pub use fit::Sampler;
pub use history::{Group, History, Named};
pub use plan::{ChannelPlan, PlanReport, ScenarioReport, SpendRow};
pub use settings::{
    Bounds, CarryOver, ChannelSettings, GrowFile, HistorySettings, LiftTest, Method, ModelSettings, Objective,
    PlanSettings, Pool, Saturation, Scenario,
};

/// Reads the file that says what to fit and plan.
///
/// # Errors
/// It is not there, is no TOML, or has keys that nobody knows.
pub fn read_file(path: &Path) -> Result<GrowFile, GrowError> {
    let text = files::read_text(path)?;
    let file: GrowFile = toml::from_str(&text)
        .map_err(|error| GrowError::File { path: path.to_owned(), message: error.to_string().trim().to_owned() })?;
    let faults = faults_of(&file);
    if faults.is_empty() {
        Ok(file)
    } else {
        Err(GrowError::File { path: path.to_owned(), message: faults.join("; ") })
    }
}

fn faults_of(file: &GrowFile) -> Vec<String> {
    let mut faults = Vec::new();
    if file.channels.is_empty() {
        faults.push("it names no [[channels]]".to_owned());
    }
    for (at, channel) in file.channels.iter().enumerate() {
        if file.channels[..at].iter().any(|other| other.name == channel.name) {
            faults.push(format!("channel {:?} is named twice", channel.name));
        }
    }
    for test in &file.lift_tests {
        if file.channels.iter().all(|channel| channel.name != test.channel) {
            faults.push(format!("lift test of {:?}: there is no such channel", test.channel));
        }
        if !(test.standard_error > 0.0
            && test.effect.is_finite()
            && test.spend_from >= 0.0
            && test.spend_to > test.spend_from)
        {
            faults.push(format!(
                "lift test of {:?}: spend_to has to be more than spend_from, and standard_error more than 0",
                test.channel
            ));
        }
    }
    faults
}

/// Reads the history that a file names: from a table beside it, or from claims of the market.
///
/// # Errors
/// The table is not there or cannot be read as said, with all faults; claims are asked for and there is no market.
pub async fn read_history(path: &Path, file: &GrowFile, lake: Option<&Lake>) -> Result<History, GrowError> {
    let (place, read) = match (&file.history.file, lake) {
        (Some(table), _) => {
            let table = path.parent().unwrap_or(Path::new("")).join(table);
            let text = files::read_text(&table)?;
            (table.display().to_string(), reading::read(&text, &file.history, &file.channels))
        }
        (None, Some(lake)) => ("claims".to_owned(), claims::read(lake, file).await?),
        (None, None) => {
            ("claims".to_owned(), Err(vec!["there is no market here; name a `file` in [history]".to_owned()]))
        }
    };
    read.map_err(|faults| GrowError::History { place, faults })
}

/// Fits response curves to a history.
///
/// # Errors
/// [`GrowError::NoFit`].
pub fn fit(history: &History, file: &GrowFile) -> Result<FitReport, GrowError> {
    let started = Instant::now();
    let seconds = || started.elapsed().as_secs_f64();
    findings::report(history, file, &seconds).map(|(_, report)| report).ok_or(GrowError::NoFit)
}

/// Fits response curves and divides a budget by them.
///
/// # Errors
/// [`GrowError::NoFit`]; [`GrowError::Plan`] where bounds contradict each other. A budget below the minimums is no error: the
/// report says so and holds the nearest plan.
pub fn plan(history: &History, file: &GrowFile) -> Result<PlanReport, GrowError> {
    let started = Instant::now();
    let seconds = || started.elapsed().as_secs_f64();
    let settings = file.plan.as_ref().ok_or_else(|| GrowError::Plan("the file has no [plan]".to_owned()))?;
    let (fitted, report) = findings::report(history, file, &seconds).ok_or(GrowError::NoFit)?;
    plan::plan(history, &fitted, report, settings, &seconds).map_err(GrowError::Plan)
}
