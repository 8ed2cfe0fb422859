//! Runs of sources, as lines of tables; and what of them others than the owner may see.
//!
//! In: rows of the state. Out: [`RunLine`]s, ready to be read. Messages, differences and the ledger quote addresses,
//! hosts and answers of servers, private ones too: beyond loopback they are left out ([`for_everybody`]), and what is
//! left is how each run ended, when, and how much it brought.

use crowsnest_lake::Language;
use crowsnest_lake::own_rows;
use crowsnest_lake::state::collecting::SourceRun;
use crowsnest_lake::{Answer, LakeError};
use crowsnest_run::{RUN_FIELDS, SourceState};

use crate::frame::Frame;
use crate::numbers;
use crate::request::{PageRequest, push_query};
use crate::words::{say, say_source, say_word};

/// A run in a table.
pub(crate) struct RunLine {
    pub(crate) source: String,
    pub(crate) source_link: String,
    pub(crate) outcome: String,
    pub(crate) outcome_label: String,
    pub(crate) started: String,
    pub(crate) lasted: String,
    pub(crate) n_calls: String,
    pub(crate) n_documents: String,
    pub(crate) n_unchanged: String,
    pub(crate) n_added: String,
    pub(crate) n_rejects: String,
    pub(crate) n_quarantined: String,
    /// Empty where others may look.
    pub(crate) message: String,
    pub(crate) is_running: bool,
}

/// The lines of runs, which come newest first.
pub(crate) fn lines(runs: &[SourceRun], page: &Frame, now: i64) -> Vec<RunLine> {
    runs.iter().map(|run| line(run, page, now)).collect()
}

fn line(run: &SourceRun, page: &Frame, now: i64) -> RunLine {
    let language = page.language();
    let outcome = run.outcome.as_str();
    let is_running = outcome == "running";
    let until = if is_running { Some(now) } else { run.finished_at };
    let number = |n: u64| numbers::count(i64::try_from(n).unwrap_or(i64::MAX));
    let some = |n: u64| if n > 0 { number(n) } else { String::new() };
    RunLine {
        source: say_source(language, &run.source),
        source_link: source_link(page, &run.source),
        outcome_label: say_word(language, "outcome", outcome),
        outcome: outcome.to_owned(),
        started: numbers::minute(run.started_at),
        lasted: until.map_or_else(String::new, |until| duration(until - run.started_at, language)),
        n_calls: number(run.n_calls),
        n_documents: number(run.n_documents),
        n_unchanged: some(run.n_unchanged),
        n_added: number(run.n_added + run.n_events_added),
        n_rejects: some(run.n_rejects),
        n_quarantined: some(run.n_quarantined),
        message: if page.is_shared() { String::new() } else { run.message.clone() },
        is_running,
    }
}

/// The page of a source.
pub(crate) fn source_link(page: &Frame, source: &str) -> String {
    let mut path = "/source".to_owned();
    push_query(&mut path, "name", source);
    page.link(&path)
}

/// A span of time in its largest unit that tells it: `0.4 s`, `12 s`, `5 min`, `3 h`, `2 days`.
pub(crate) fn duration(micros: i64, language: Language) -> String {
    let seconds = micros.max(0) as f64 / 1e6;
    let (value, unit) = match seconds {
        s if s < 9.95 => return format!("{s:.1} {}", say(language, "time.seconds")),
        s if s < 119.5 => (s, "time.seconds"),
        s if s < 119.5 * 60.0 => (s / 60.0, "time.minutes"),
        s if s < 47.5 * 3600.0 => (s / 3600.0, "time.hours"),
        s => (s / 86_400.0, "time.days"),
    };
    format!("{} {}", numbers::count(value.round() as i64), say(language, unit))
}

/// Runs as an answer, with what may be seen of them.
pub(crate) fn answer(mut runs: Vec<SourceRun>, request: &PageRequest) -> Result<Answer, LakeError> {
    let is_shared = request.shared.is_shared;
    if is_shared {
        runs.iter_mut().for_each(|run| run.message.clear());
    }
    Ok(with_note(own_rows::answer(RUN_FIELDS, &runs)?, is_shared))
}

/// The states of sources without what only their owner may see.
pub(crate) fn for_everybody(mut states: Vec<SourceState>, request: &PageRequest) -> Vec<SourceState> {
    if request.shared.is_shared {
        states.iter_mut().for_each(|state| state.last_error.clear());
    }
    states
}

/// What is said where messages are left out.
pub(crate) const LEFT_OUT: &str =
    "messages, differences and the ledger are shown to analysts and on the market's own machine only";

/// An answer that says what is left out of it.
pub(crate) fn with_note(mut answer: Answer, is_shared: bool) -> Answer {
    if is_shared {
        answer.notes.push(LEFT_OUT.to_owned());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_unit_that_suits() {
        let told = |seconds: f64| duration((seconds * 1e6) as i64, Language::En);
        assert_eq!([told(0.42), told(12.0), told(119.0)], ["0.4 s", "12 s", "119 s"]);
        assert_eq!([told(300.0), told(7200.0), told(200_000.0)], ["5 min", "2 h", "2 days"]);
        assert_eq!(told(-1.0), "0.0 s");
    }
}
