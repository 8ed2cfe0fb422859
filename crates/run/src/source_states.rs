//! How every source is: what it gave, when it is due, what it cost, what went wrong.

use crowsnest_collect::{Due, due};
use crowsnest_lake::own_rows::Holds;
use crowsnest_lake::questions::{self, SourcesQuestion};
use crowsnest_lake::state::collecting::SourceRun;
use crowsnest_lake::{Answer, Lake, SourceCard};
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::RunError;

const DAY_MICROS: i64 = 86_400_000_000;
/// Days that the counts of a source's runs are of.
const N_DAYS: i64 = 30;

/// A source and how it is. Moments are microseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SourceState {
    /// Its name.
    pub source: String,
    /// Claims that are its, known by the moment asked for.
    pub n_claims: i64,
    /// Events.
    pub n_events: i64,
    /// Names.
    pub n_mentions: i64,
    /// Metrics.
    pub n_metrics: i64,
    /// Documents.
    pub n_documents: i64,
    /// When the first of it was known.
    pub first_known_at: Option<i64>,
    /// When the last of it was known.
    pub latest_known_at: Option<i64>,
    /// Its licence.
    pub licence: String,
    /// Whether its rows may be passed on.
    pub redistribute: bool,
    /// Its price in words.
    pub price: String,
    /// Where it is published.
    pub homepage: String,
    /// What a reader should know.
    pub note: String,
    /// The connector it is collected by; empty where it is imported by hand.
    pub connector: String,
    /// Its schedule.
    pub schedule: String,
    /// How its last run ended: `done`, `failed`, `quarantined`, `stopped`, `running`; empty before the first.
    pub outcome: String,
    /// When it was last run.
    pub last_run_at: Option<i64>,
    /// When a run last ended well.
    pub last_ok_at: Option<i64>,
    /// When it is due.
    pub next_run_at: Option<i64>,
    /// Whether its figures are older than its schedule lets expect.
    pub is_late: bool,
    /// Why its last run failed.
    pub last_error: String,
    /// Runs of the last 30 days.
    pub n_runs: i64,
    /// Those that ended well, as a share of them.
    pub share_of_runs_done: Option<f64>,
    /// Claims and events added in the last 30 days.
    pub n_added: i64,
    /// Records rejected in the last 30 days.
    pub n_rejects: i64,
    /// Documents in quarantine.
    pub n_in_quarantine: i64,
    /// Calls this month.
    pub n_calls_this_month: i64,
    /// Spent this month.
    pub spent_this_month: f64,
    /// What it may cost in a month.
    pub budget_per_month: Option<f64>,
    /// Currency of both.
    pub currency: String,
}

/// The columns of [`SourceState`], in the order of every list of sources.
pub const SOURCE_FIELDS: &[(&str, Holds)] = &[
    ("source", Holds::Text),
    ("n_claims", Holds::Count),
    ("n_events", Holds::Count),
    ("n_mentions", Holds::Count),
    ("n_metrics", Holds::Count),
    ("n_documents", Holds::Count),
    ("first_known_at", Holds::Instant),
    ("latest_known_at", Holds::Instant),
    ("licence", Holds::Text),
    ("redistribute", Holds::Flag),
    ("price", Holds::Text),
    ("homepage", Holds::Text),
    ("note", Holds::Text),
    ("connector", Holds::Text),
    ("schedule", Holds::Text),
    ("outcome", Holds::Text),
    ("last_run_at", Holds::Instant),
    ("last_ok_at", Holds::Instant),
    ("next_run_at", Holds::Instant),
    ("is_late", Holds::Flag),
    ("last_error", Holds::Text),
    ("n_runs", Holds::Count),
    ("share_of_runs_done", Holds::Number),
    ("n_added", Holds::Count),
    ("n_rejects", Holds::Count),
    ("n_in_quarantine", Holds::Count),
    ("n_calls_this_month", Holds::Count),
    ("spent_this_month", Holds::Number),
    ("budget_per_month", Holds::Number),
    ("currency", Holds::Text),
];

/// The columns of a [`SourceRun`], in the order of every list of runs.
pub const RUN_FIELDS: &[(&str, Holds)] = &[
    ("started_at", Holds::Instant),
    ("finished_at", Holds::Instant),
    ("source", Holds::Text),
    ("outcome", Holds::Text),
    ("n_calls", Holds::Count),
    ("n_documents", Holds::Count),
    ("n_unchanged", Holds::Count),
    ("n_quarantined", Holds::Count),
    ("n_bytes", Holds::Count),
    ("n_claims", Holds::Count),
    ("n_added", Holds::Count),
    ("n_events_added", Holds::Count),
    ("n_rejects", Holds::Count),
    ("cost", Holds::Number),
    ("message", Holds::Text),
    ("run", Holds::Text),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Given {
    source: String,
    n_claims: Option<i64>,
    n_events: Option<i64>,
    n_mentions: Option<i64>,
    n_metrics: Option<i64>,
    n_documents: Option<i64>,
    first_known_at: Option<String>,
    latest_known_at: Option<String>,
}

/// Every source that gave something or has a file, those that gave most first.
///
/// # Errors
/// Of the lake.
pub async fn source_states(lake: &Lake, as_of: Option<i64>, now: i64) -> Result<Vec<SourceState>, RunError> {
    let answer = questions::sources(lake, &SourcesQuestion { as_of }).await?;
    source_states_of(lake, &answer, now)
}

/// The same, where the lake has been asked what each source gave; only the state is looked at again.
///
/// # Errors
/// Of the lake.
pub fn source_states_of(lake: &Lake, answer: &Answer, now: i64) -> Result<Vec<SourceState>, RunError> {
    let given: Vec<Given> = answer.rows_as()?;
    let mut states = Vec::with_capacity(given.len());
    for row in given {
        let card = lake.market().source(&row.source);
        let mut state = SourceState {
            source: row.source.clone(),
            n_claims: row.n_claims.unwrap_or_default(),
            n_events: row.n_events.unwrap_or_default(),
            n_mentions: row.n_mentions.unwrap_or_default(),
            n_metrics: row.n_metrics.unwrap_or_default(),
            n_documents: row.n_documents.unwrap_or_default(),
            first_known_at: row.first_known_at.as_deref().and_then(micros),
            latest_known_at: row.latest_known_at.as_deref().and_then(micros),
            redistribute: true,
            ..SourceState::default()
        };
        if let Some(card) = card {
            describe(lake, card, now, &mut state)?;
        }
        states.push(state);
    }
    for card in collected(lake) {
        let is_there = |state: &SourceState| lake.market().source(&state.source).is_some_and(|it| it.name == card.name);
        if !states.iter().any(is_there) {
            let mut state = SourceState { source: card.name.clone(), ..SourceState::default() };
            describe(lake, card, now, &mut state)?;
            states.push(state);
        }
    }
    Ok(states)
}

/// Of every source that is collected, when it was and will be, whether it is late, and what is in quarantine; nothing is
/// counted, so that this can be looked at often.
///
/// # Errors
/// Of the state.
pub fn collecting_states(lake: &Lake, now: i64) -> Result<Vec<SourceState>, RunError> {
    let state_of = |card: &SourceCard| {
        let mut state = SourceState { source: card.name.clone(), ..SourceState::default() };
        time(lake, card, now, &mut state).map(|()| state)
    };
    collected(lake).map(state_of).collect()
}

fn collected(lake: &Lake) -> impl Iterator<Item = &SourceCard> {
    lake.market().sources.iter().filter(|card| card.collect.is_some())
}

fn micros(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
}

fn describe(lake: &Lake, card: &SourceCard, now: i64, state: &mut SourceState) -> Result<(), RunError> {
    state.licence.clone_from(&card.licence);
    state.redistribute = card.may_be_passed_on();
    state.price.clone_from(&card.price);
    state.homepage.clone_from(&card.homepage);
    state.note.clone_from(&card.note);
    if card.collect.is_some() {
        time(lake, card, now, state)?;
        cost(lake, card, now, state)?;
    }
    Ok(())
}

/// When it was collected and will be, and whether that is as it should be.
fn time(lake: &Lake, card: &SourceCard, now: i64, state: &mut SourceState) -> Result<(), RunError> {
    let Some(collect) = &card.collect else { return Ok(()) };
    state.connector.clone_from(&collect.connector);
    state.schedule = collect.schedule.clone().unwrap_or_default();
    let stored = lake.state();
    let progress = stored.progress(&card.name)?;
    state.last_run_at = progress.last_run_at;
    state.last_ok_at = progress.last_ok_at;
    state.last_error.clone_from(&progress.last_error);
    match due(card, &progress, now) {
        Ok(Due::At(at)) => state.next_run_at = Some(at),
        Ok(Due::Never) => {}
        Err(message) => state.last_error = message,
    }
    // A run that is due for more than an hour, or a last one that did not bring what it should.
    const GRACE_MICROS: i64 = 3_600_000_000;
    let is_overdue = state.next_run_at.is_some_and(|at| at + GRACE_MICROS < now);
    state.is_late = is_overdue || progress.n_failures > 0;
    state.n_in_quarantine = i64::try_from(stored.quarantined(Some(&card.name), true)?.len()).unwrap_or(i64::MAX);
    Ok(())
}

/// What its runs of late brought, and what it cost this month.
fn cost(lake: &Lake, card: &SourceCard, now: i64, state: &mut SourceState) -> Result<(), RunError> {
    let stored = lake.state();
    let runs = stored.source_runs(Some(&card.name), now - N_DAYS * DAY_MICROS, 10_000)?;
    count(&runs, state);
    let last = stored.source_runs(Some(&card.name), 0, 1)?;
    state.outcome = last.into_iter().next().map(|run| run.outcome).unwrap_or_default();
    let month = Offset::UTC.to_datetime(jiff::Timestamp::from_microsecond(now).unwrap_or_default()).date();
    let start = Offset::UTC.to_timestamp(month.first_of_month().at(0, 0, 0, 0)).unwrap_or_default().as_microsecond();
    let spent = stored.spent(&card.name, start, i64::MAX)?;
    state.n_calls_this_month = i64::try_from(spent.n_calls).unwrap_or(i64::MAX);
    state.spent_this_month = spent.amount;
    state.budget_per_month = card.cost.budget_per_month;
    state.currency = card.cost.currency.clone().unwrap_or_else(|| lake.market().config.currency.clone());
    Ok(())
}

fn count(runs: &[SourceRun], state: &mut SourceState) {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    state.n_runs = i64::try_from(runs.len()).unwrap_or(i64::MAX);
    let n_done = runs.iter().filter(|run| run.outcome == "done").count();
    state.share_of_runs_done = (!runs.is_empty()).then(|| n_done as f64 / runs.len() as f64);
    state.n_added = runs.iter().map(|run| signed(run.n_added + run.n_events_added)).sum();
    state.n_rejects = runs.iter().map(|run| signed(run.n_rejects)).sum();
}
