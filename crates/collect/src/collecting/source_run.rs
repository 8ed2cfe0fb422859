//! One run of one source: what is pending first, then its requests, a few at a time, then its cursor.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crowsnest_lake::SourceCard;
use crowsnest_lake::state::collecting::{Journalled, SourceProgress, SourceRun};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::tz::Offset;

use super::budget::{Budget, Stopped};
use super::commit::{Ready, Tally};
use super::request::{self, Asked, Job};
use super::sources::Source;
use super::{CollectRequest, Collector, WatchEvent, intake};
use crate::connector::{Request, Window};
use crate::import::blocking;
use crate::recipe::Recipe;
use crate::rejects::Rejects;
use crate::{ImportError, Result};

/// Requests of one source under way at once; its host may allow fewer.
const REQUESTS_AT_ONCE: usize = 4;
/// After so many failures in a row, the rest is left for the next run.
const FAILURES_IN_A_ROW_MAX: u32 = 10;

/// A run, as it goes.
pub(super) struct Run<'a> {
    pub(super) collector: &'a Collector,
    pub(super) source: &'a Source,
    report: SourceRun,
    rejects: Rejects,
    tally: Arc<Tally>,
    cursor: Option<String>,
    /// Slots that need no asking any more.
    done: BTreeSet<String>,
    /// Slots that a run before this one brought in, and those that are new in this one.
    seen: BTreeSet<String>,
    newly_seen: Vec<String>,
    /// The day of the run, UTC.
    today: String,
    n_failed: u64,
    n_failed_in_a_row: u32,
    stopped: Option<Stopped>,
    rests_until: Option<i64>,
    told_at: i64,
}

/// Runs a source and notes how it went.
pub(super) async fn run(collector: &Collector, card: &Arc<SourceCard>, request: &CollectRequest) -> SourceRun {
    let now = collector.clock.now_micros();
    let report = SourceRun {
        run: request.run.clone(),
        source: card.name.clone(),
        started_at: now,
        outcome: "running".into(),
        ..SourceRun::default()
    };
    let state = collector.lake.state();
    let taken = match state.take_source(&card.name) {
        Ok(Some(taken)) => taken,
        Ok(None) => return ended(report, "stopped", "another process is collecting it", now),
        Err(error) => return ended(report, "failed", &error.to_string(), now),
    };
    let (mut report, rests_until) = match attempt(collector, card, request, report.clone()).await {
        Ok(done) => done,
        Err(error) => {
            let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            (ended(report, "failed", &format!("{error}{hint}"), collector.clock.now_micros()), None)
        }
    };
    if let Err(error) = note(collector, &report, rests_until) {
        report.outcome = "failed".into();
        report.message = error.to_string();
    }
    drop(taken);
    report
}

fn ended(report: SourceRun, outcome: &str, message: &str, now: i64) -> SourceRun {
    SourceRun { outcome: outcome.into(), message: message.into(), finished_at: Some(now), ..report }
}

/// Writes down how it went, for the pages and for when it is due again.
fn note(collector: &Collector, report: &SourceRun, rests_until: Option<i64>) -> Result<()> {
    let state = collector.lake.state();
    state.note_source_run(report)?;
    let before = state.progress(&report.source)?;
    let is_well = report.outcome == "done";
    let is_stopped = report.outcome == "stopped";
    let progress = SourceProgress {
        not_before: rests_until,
        n_failures: if is_well || is_stopped { 0 } else { before.n_failures + 1 },
        last_run_at: Some(report.started_at),
        last_ok_at: if is_well { report.finished_at } else { before.last_ok_at },
        last_error: if is_well { String::new() } else { report.message.clone() },
        first_run_at: before.first_run_at.or(Some(report.started_at)),
        ..before
    };
    Ok(state.set_progress(&report.source, &progress)?)
}

async fn attempt(
    collector: &Collector,
    card: &SourceCard,
    request: &CollectRequest,
    report: SourceRun,
) -> Result<(SourceRun, Option<i64>)> {
    let source = Source::of(card, collector.lake.market())?;
    collector.lake.state().note_source_run(&report)?;
    let stem = if card.file_stem().is_empty() { "source" } else { card.file_stem() };
    let file = format!("collect-{}-{stem}.rejects.csv", report.run);
    let mut run = Run {
        collector,
        source: &source,
        rejects: Rejects::new(collector.lake.market().dir.join("reports").join(file), false),
        tally: Arc::default(),
        cursor: None,
        done: BTreeSet::new(),
        seen: collector.lake.state().slots_seen(&card.name)?,
        newly_seen: Vec::new(),
        today: String::new(),
        n_failed: 0,
        n_failed_in_a_row: 0,
        stopped: None,
        rests_until: None,
        told_at: report.started_at,
        report,
    };
    run.finish_pending().await?;
    let window = run.window(request)?;
    let requests = run.requests(&window).map_err(|message| ImportError::Source {
        name: card.name.clone(),
        message: format!("{}: {message}", card.path.display()),
        hint: format!("see `crowsnest source connectors {}`", source.entry.spec.name),
    })?;
    run.today = window.today.to_string();
    if !window.is_again {
        run.done = window.done;
    }
    run.ask_all(requests.into_iter().map(Job::first).collect()).await?;
    run.finish().await
}

impl Run<'_> {
    /// Brings to its end what a process before this one did not.
    async fn finish_pending(&mut self) -> Result<()> {
        let lake = &self.collector.lake;
        let mut slots = BTreeSet::new();
        for pending in lake.state().pending(&self.source.card.name)? {
            // What was fetched twice was said one after the other: so it has to come in.
            if !slots.insert(pending.slot.clone()) {
                self.collector.committer.flush().await?;
                slots = BTreeSet::from([pending.slot.clone()]);
            }
            let (lake, label) = (self.collector.lake.clone(), pending.origin.clone());
            let (card, journalled) = (self.source.card.clone(), pending.clone());
            let read = blocking(&label, move || {
                let source = Source::of(&card, lake.market())?;
                let recipe = intake::recipe_of(&source, &journalled);
                let journalled = Journalled { recipe, ..journalled };
                let read = intake::read_pending(&lake, &source, &journalled)?;
                Ok((journalled, read))
            })
            .await;
            match read {
                Ok((pending, read)) => match self.judged(&pending, &read)? {
                    Some(verdict) => self.quarantine(&pending, &verdict.reason, &verdict.diff)?,
                    None => self.hand_over(pending, read, None, None).await?,
                },
                Err(error @ (ImportError::Lake(_) | ImportError::Broken { .. })) => return Err(error),
                Err(error) => self.quarantine(&pending, &error.to_string(), "")?,
            }
        }
        Ok(())
    }

    /// What was journalled may have been about to be judged; what was accepted from quarantine has no shape to be
    /// compared with.
    fn judged(&self, pending: &Journalled, read: &intake::Read) -> Result<Option<intake::Verdict>> {
        if pending.is_accepted {
            return Ok(None);
        }
        let kind = Recipe::in_text(&pending.recipe).map(|recipe| recipe.kind).unwrap_or_default();
        intake::judge(&self.collector.lake, self.source, &kind, read)
    }

    fn window(&self, request: &CollectRequest) -> Result<Window> {
        let state = self.collector.lake.state();
        let name = &self.source.card.name;
        let today = Offset::UTC.to_datetime(self.collector.clock.now()).date();
        let start = self.source.collect.start.as_deref().and_then(|day| day.parse().ok());
        let is_back_fill = request.since.is_some() || request.is_again;
        let cursor = if is_back_fill { None } else { self.known_cursor()? };
        Ok(Window {
            since: request.since.or(start),
            until: request.until.unwrap_or(today).min(today),
            today,
            cursor,
            done: state.slots_done(name)?,
            is_again: request.is_again,
        })
    }

    /// What to ask for. What was never fetched, a package that was added to a list say, is asked for as in a first run.
    fn requests(&self, window: &Window) -> std::result::Result<Vec<Request>, String> {
        let mut requests = self.source.configured.requests(window)?;
        if window.cursor.is_some() && requests.iter().any(|request| !self.seen.contains(&request.slot)) {
            let first = self.source.configured.requests(&Window { cursor: None, ..window.clone() })?;
            let mut first: BTreeMap<String, Request> =
                first.into_iter().map(|request| (request.slot.clone(), request)).collect();
            for request in requests.iter_mut().filter(|request| !self.seen.contains(&request.slot)) {
                if let Some(whole) = first.remove(&request.slot) {
                    *request = whole;
                }
            }
        }
        Ok(requests)
    }

    fn known_cursor(&self) -> Result<Option<String>> {
        Ok(self.collector.lake.state().progress(&self.source.card.name)?.cursor)
    }

    async fn ask_all(&mut self, mut waiting: VecDeque<Job>) -> Result<()> {
        let (collector, source) = (self.collector, self.source);
        let currency = source.currency(collector.lake.market());
        let mut budget = Budget::open(collector.lake.state(), source, currency, collector.clock.now())?;
        let mut under_way = FuturesUnordered::new();
        let mut n_asked = 0;
        loop {
            while under_way.len() < REQUESTS_AT_ONCE && !self.is_given_up() {
                let Some(job) = waiting.pop_front() else { break };
                if job.is_done(&self.done) {
                    job.root.end_one();
                    continue;
                }
                if n_asked >= source.collect.requests_max {
                    let message =
                        format!("it asks for more than requests_max ({n_asked}) in a run; the rest is for the next");
                    self.fail(message);
                    waiting.clear();
                    break;
                }
                if let Err(stopped) = budget.begin_call() {
                    self.stopped = Some(stopped);
                    break;
                }
                n_asked += 1;
                under_way.push(request::ask(collector, source, job));
            }
            let Some((job, n_calls, asked)) = under_way.next().await else { break };
            self.report.n_calls += n_calls;
            budget.end_call(n_calls, &job.request.slot, collector.clock.now())?;
            self.take(&job, asked, &mut waiting).await?;
            self.tell();
        }
        self.report.cost = budget.close(&self.report.run, collector.clock.now())?;
        Ok(())
    }

    fn is_given_up(&self) -> bool {
        self.stopped.is_some() || self.rests_until.is_some() || self.n_failed_in_a_row >= FAILURES_IN_A_ROW_MAX
    }

    async fn take(&mut self, job: &Job, asked: Asked, waiting: &mut VecDeque<Job>) -> Result<()> {
        let now = self.collector.clock.now_micros();
        match asked {
            Asked::Failed(error) => {
                job.root.note_failure();
                if let Some(wait) = error.wait.filter(|_| error.is_temporary) {
                    self.rests_until = Some(now.saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX)));
                }
                self.n_failed_in_a_row += 1;
                self.fail(error.message);
                return Ok(());
            }
            Asked::Unchanged => self.report.n_unchanged += 1,
            Asked::Quarantined(fetched, verdict) => {
                job.root.note_failure();
                self.quarantine(&fetched, &verdict.reason, &verdict.diff)?;
            }
            Asked::Files(report) => {
                self.report.n_documents += report.files.iter().filter(|file| !file.is_known_document).count() as u64;
                self.report.n_unchanged += report.files.iter().filter(|file| file.is_known_document).count() as u64;
                self.report.n_bytes += report.files.iter().map(|file| file.n_bytes).sum::<u64>();
                self.report.n_claims += report.n_claims;
                self.report.n_rejects += report.n_rejects;
                self.tally.n_added.fetch_add(report.n_added, Ordering::Relaxed);
                self.tally.n_events_added.fetch_add(report.n_events_added, Ordering::Relaxed);
            }
            Asked::Document(document) => {
                let request::Document { fetched, read, validator, next, cursor } = *document;
                waiting.extend(job.follow(next));
                self.cursor = later(self.cursor.take(), cursor);
                let shape = read.shape.is_telling().then(|| (job.request.kind.to_owned(), read.shape.to_text()));
                self.hand_over(fetched, read, shape, validator).await?;
            }
        }
        self.n_failed_in_a_row = 0;
        let is_in = !job.root.has_failed();
        if is_in && job.request.is_once && !job.is_root() {
            self.slot_done(&job.request.slot, now)?;
        }
        if job.root.end_one() {
            if !self.seen.contains(&job.root.slot) {
                self.newly_seen.push(job.root.slot.clone());
            }
            if job.root.is_once {
                self.slot_done(&job.root.slot, now)?;
            }
        }
        Ok(())
    }

    /// A day that is not over is asked for again.
    fn slot_done(&self, slot: &str, now: i64) -> Result<()> {
        if slot.ends_with(&self.today) {
            return Ok(());
        }
        Ok(self.collector.lake.state().slot_done(&self.source.card.name, slot, "", now)?)
    }

    async fn hand_over(
        &mut self,
        fetched: Journalled,
        read: intake::Read,
        shape: Option<(String, String)>,
        validator: Option<(String, crowsnest_lake::state::collecting::Validator)>,
    ) -> Result<()> {
        self.report.n_documents += 1;
        self.report.n_bytes += fetched.n_bytes;
        self.report.n_claims += read.counts.n_claims;
        self.report.n_rejects += read.counts.n_rejects;
        self.rejects.write(read.rejects)?;
        let fingerprint = intake::fingerprint(self.source, &fetched.recipe);
        let (counts, rows, media_type) = (read.counts, read.rows, read.media_type);
        let tally = Arc::clone(&self.tally);
        let ready = Ready { fetched, fingerprint, media_type, counts, rows, shape, validator, tally };
        self.collector.committer.add(ready).await
    }

    fn quarantine(&mut self, fetched: &Journalled, reason: &str, diff: &str) -> Result<()> {
        tracing::info!(source = %fetched.source, slot = %fetched.slot, reason, "document put into quarantine");
        self.report.n_quarantined += 1;
        self.report.message = format!("{}: {reason}", fetched.slot);
        Ok(self.collector.lake.state().put_in_quarantine(fetched, reason, diff)?)
    }

    fn fail(&mut self, message: String) {
        tracing::info!(source = %self.source.card.name, error = %message, "request failed");
        self.n_failed += 1;
        if self.n_failed == 1 {
            self.report.message = message;
        }
    }

    /// Tells those who watch, twice a second at most, here and (by the state) on the pages.
    fn tell(&mut self) {
        const MICROS: i64 = 500_000;
        let now = jiff::Timestamp::now().as_microsecond();
        if now - self.told_at >= MICROS {
            self.told_at = now;
            let going = self.counted();
            if let Err(error) = self.collector.lake.state().note_source_run(&going) {
                tracing::debug!(%error, "how far the run is could not be noted");
            }
            (self.collector.watch)(WatchEvent::Going(Box::new(going)));
        }
    }

    fn counted(&self) -> SourceRun {
        SourceRun {
            n_added: self.tally.n_added.load(Ordering::Relaxed),
            n_events_added: self.tally.n_events_added.load(Ordering::Relaxed),
            ..self.report.clone()
        }
    }

    async fn finish(mut self) -> Result<(SourceRun, Option<i64>)> {
        self.collector.committer.flush().await?;
        self.rejects.finish()?;
        let state = self.collector.lake.state();
        state.set_slots_seen(&self.source.card.name, &self.newly_seen, self.collector.clock.now_micros())?;
        let is_well = self.n_failed == 0 && self.stopped.is_none() && self.rests_until.is_none();
        if is_well
            && self.report.n_quarantined == 0
            && let Some(cursor) = &self.cursor
        {
            let known = self.known_cursor()?;
            let later = later(known, Some(cursor.clone()));
            self.collector.lake.state().set_cursor(&self.source.card.name, later.as_deref())?;
        }
        let mut report = self.counted();
        report.finished_at = Some(self.collector.clock.now_micros());
        let mut rests_until = self.rests_until;
        report.outcome = match &self.stopped {
            Some(stopped) => {
                report.message.clone_from(&stopped.message);
                rests_until = Some(stopped.until);
                "stopped"
            }
            None if self.n_failed > 0 => {
                if self.n_failed > 1 {
                    report.message = format!("{} (and {} more failures)", report.message, self.n_failed - 1);
                }
                "failed"
            }
            None if report.n_quarantined > 0 => "quarantined",
            None => "done",
        }
        .to_owned();
        Ok((report, rests_until))
    }
}

/// The later of two cursors: numbers by size, all else by their letters, as days are.
fn later(one: Option<String>, other: Option<String>) -> Option<String> {
    let (Some(left), Some(right)) = (&one, &other) else { return one.or(other) };
    let is_after = match (left.parse::<f64>(), right.parse::<f64>()) {
        (Ok(left), Ok(right)) => left >= right,
        _ => left >= right,
    };
    if is_after { one } else { other }
}

/// How long a source that failed so many times in a row is left alone.
pub(crate) fn wait_after_failures(n_failures: u32) -> Duration {
    const FIRST: Duration = Duration::from_secs(5 * 60);
    const MOST: Duration = Duration::from_secs(6 * 3600);
    FIRST.saturating_mul(1 << n_failures.saturating_sub(1).min(10)).min(MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_compared_by_what_they_are() {
        let later = |left: &str, right: &str| later(Some(left.into()), Some(right.into())).unwrap();
        assert_eq!(later("2024-12-05", "2024-11-30"), "2024-12-05");
        assert_eq!(later("9", "10"), "10");
    }

    #[test]
    fn failures_are_waited_for_longer_and_longer() {
        let hours = |n| wait_after_failures(n).as_secs_f64() / 3600.0;
        assert!(hours(1) < hours(2) && hours(2) < hours(3));
        assert_eq!(wait_after_failures(50), Duration::from_secs(6 * 3600));
    }
}
