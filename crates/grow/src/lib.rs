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
//! Reports are kept in the table `plans` (`keeping.rs`), with the call or direction that they came from. An experiment that was kept
//! with the channel that it moved is a lift test of later fits of its plan (`lifts.rs`).
//!
//! Where to begin reading: `model.rs` (what is believed), `fit.rs` (how it is drawn), `plan/solve.rs` (how money is divided).

pub mod bandit;
mod claims;
mod controls;
mod error;
pub mod experiment;
mod findings;
mod fit;
mod history;
mod holidays;
pub mod keeping;
mod lifts;
mod model;
mod plan;
mod points;
mod reading;
mod settings;
mod threat;

use std::path::Path;
use std::time::Instant;

use crowsnest_lake::{Lake, files};

pub use bandit::report::{ArmReport, BanditReport, report as bandit_report};
pub use error::GrowError;
pub use findings::{
    Accuracy, BACKGROUND_PARTS, ChannelReport, CurvePoint, FitReport, HeldOut, Interval, PartReport, Verdict,
};
pub use fit::Sampler;
pub use history::{Group, History, Named};
pub use lifts::{KeptLift, Moved, take_experiments};
pub use plan::{ChannelPlan, PlanReport, ScenarioReport, SpendRow, Threatened};
pub use points::DataPoint;
pub use settings::{
    Bounds, CarryOver, ChannelSettings, GrowFile, HistorySettings, LiftTest, Method, ModelSettings, Objective,
    PlanSettings, Pool, Saturation, Scenario, ThreatSettings,
};
pub use threat::{Case, ThreatQuestion, ThreatReport, threat};

/// What a file asks about large companies, for a market.
pub fn threat_question(file: &GrowFile) -> Option<ThreatQuestion> {
    let asked = file.plan.as_ref()?.threat.as_ref()?;
    Some(ThreatQuestion {
        of: asked.segment.clone(),
        metric: asked.metric.clone().unwrap_or_else(|| file.history.outcome.clone()),
        grain: asked.grain.clone(),
        horizon: asked.horizon,
    })
}

/// This step in the flow.
pub static STEP: crowsnest_lake::Step = crowsnest_lake::Step {
    name: "grow",
    doc: "own results, claims and signals become plans: response curves, divided budgets, experiments and what came of them",
    reads: &["claims", "mentions", "signals"],
    writes: &["plans"],
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
    let is_name = |name: &String| {
        (1..=100).contains(&name.len())
            && !name.starts_with('.')
            && !name.contains(['/', '\\'])
            && !name.contains(char::is_control)
    };
    if let Some(name) = file.name.as_ref().filter(|name| !is_name(name)) {
        faults
            .push(format!("name {name:?}: a name is 1 to 100 letters, without slashes, that can stand in an address"));
    }
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

/// Reads the history that a file names: from a table beside it, or from claims of the market; controls and holidays too.
///
/// # Errors
/// The table is not there or cannot be read as said, with all faults; the market is asked for and there is none; a lift test names
/// a group that the history does not have.
pub async fn read_history(path: &Path, file: &GrowFile, lake: Option<&Lake>) -> Result<History, GrowError> {
    let place = file.history.file.as_ref().map_or("claims".to_owned(), |table| table.display().to_string());
    let failed = |faults| GrowError::History { place: place.clone(), faults };
    let no_market =
        || failed(vec!["there is no market here; name a `file` in [history], or run in a market's folder".to_owned()]);
    let beside = |name: &Path| path.parent().unwrap_or(Path::new("")).join(name);
    let (mut history, of_market) = match &file.history.file {
        Some(table) => {
            let text = files::read_text(&beside(table))?;
            let headers = reading::headers(&text);
            let is_of_market = |control: &&String| control.contains(':') && !headers.contains(control);
            let of_market: Vec<String> = file.history.controls.iter().filter(is_of_market).cloned().collect();
            let mut settings = file.history.clone();
            settings.controls.retain(|control| !of_market.contains(control));
            let mut history = reading::read(&text, &settings, &file.channels).map_err(failed)?;
            history.inputs = keeping::inputs_of(table, &text);
            (history, of_market)
        }
        None => {
            let read = claims::read(lake.ok_or_else(no_market)?, file).await?;
            let mut history = read.map_err(failed)?;
            history.inputs = "claims".to_owned();
            (history, file.history.controls.clone())
        }
    };
    if !of_market.is_empty() {
        controls::add(lake.ok_or_else(no_market)?, &mut history, &of_market).await?.map_err(failed)?;
    }
    let read = |name: &str| files::read_text(&beside(Path::new(name))).map_err(|error| error.to_string());
    holidays::add(&mut history, &file.history.holidays, read).map_err(failed)?;
    let faults = lifts::faults(file, &history);
    if faults.is_empty() { Ok(history) } else { Err(failed(faults)) }
}

/// Whether a file needs the market: its history, a control or a threat is read there.
pub fn needs_market(file: &GrowFile) -> bool {
    file.history.file.is_none()
        || file.history.controls.iter().any(|control| control.contains(':'))
        || file.plan.as_ref().is_some_and(|plan| plan.threat.is_some())
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

/// Fits response curves and divides a budget by them; with a threat, also what an entry leaves of the plan.
///
/// # Errors
/// [`GrowError::NoFit`]; [`GrowError::Plan`] where bounds contradict each other. A budget below the minimums is no error: the
/// report says so and holds the nearest plan.
pub fn plan(history: &History, file: &GrowFile, threat: Option<&ThreatReport>) -> Result<PlanReport, GrowError> {
    let started = Instant::now();
    let seconds = || started.elapsed().as_secs_f64();
    let settings = file.plan.as_ref().ok_or_else(|| GrowError::Plan("the file has no [plan]".to_owned()))?;
    let (fitted, report) = findings::report(history, file, &seconds).ok_or(GrowError::NoFit)?;
    plan::plan(history, &fitted, report, settings, threat, &seconds).map_err(GrowError::Plan)
}
