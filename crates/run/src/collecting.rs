//! Sources, run when they are asked for or when they are due.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crowsnest_collect::{Clock, CollectRequest, Collector, Due, SourceReport, Trial, Watch, due};
use crowsnest_lake::{Lake, Market, SourceCard, SourceFiles};

use crate::{RunError, sync_catalogue};

/// How often it is looked whether a source is due.
const TICK: Duration = Duration::from_secs(1);
/// How often it is looked whether their files changed.
const TICKS_PER_READING: u32 = 2;

/// Collects sources now, whatever their schedules say, and runs the steps after it.
///
/// # Errors
/// [`RunError::Import`] for names that are no sources; what goes wrong with one source is in its report.
pub async fn collect(
    lake: &Lake,
    request: &CollectRequest,
    clock: Clock,
    watch: Watch,
) -> Result<Vec<SourceReport>, RunError> {
    let collector = Collector::new(lake.clone(), clock, watch);
    let reports = Box::pin(collector.collect(request)).await?;
    sync_catalogue(lake).await?;
    Ok(reports)
}

/// Fetches and reads one page of a source, and writes nothing.
///
/// # Errors
/// What is wrong with its file, with fetching, or with what came back.
pub async fn try_out(
    lake: &Lake,
    card: &SourceCard,
    request: &CollectRequest,
    clock: Clock,
) -> Result<Trial, RunError> {
    let collector = Collector::new(lake.clone(), clock, Arc::new(|_| {}));
    Ok(Box::pin(collector.try_out(card, request)).await?)
}

/// Collects every source whenever it is due, until `shutdown` is done; runs under way then are given up, which loses
/// nothing. The files of sources are followed, so that changes to them count.
pub async fn keep_collecting(lake: Lake, clock: Clock, watch: Watch, shutdown: impl Future<Output = ()> + Send) {
    let mut collector = Collector::new(lake.clone(), clock, watch);
    let mut lake = lake;
    let mut files = SourceFiles::of(lake.market());
    let running: Arc<Mutex<HashSet<String>>> = Arc::default();
    let mut runs = tokio::task::JoinSet::new();
    let mut cards = scheduled(lake.market());
    let mut n_ticks = 0_u32;
    let mut ticks = tokio::time::interval(clock.real(TICK).clamp(Duration::from_millis(20), TICK));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = ticks.tick() => {}
        }
        while runs.try_join_next().is_some() {}
        n_ticks = n_ticks.wrapping_add(1);
        if n_ticks.is_multiple_of(TICKS_PER_READING) {
            match files.changed(lake.market()) {
                None => {}
                Some(Ok(market)) => {
                    lake = lake.with_market(market);
                    collector = collector.with_lake(lake.clone());
                    cards = scheduled(lake.market());
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "a source's file cannot be read; sources are collected as they were");
                }
            }
        }
        let now = clock.now_micros();
        for card in &cards {
            if !is_due(&lake, card, now) || !lock(&running).insert(card.name.clone()) {
                continue;
            }
            let (collector, running, card) = (collector.clone(), Arc::clone(&running), Arc::clone(card));
            let run = format!("{}-{now}", card.file_stem());
            runs.spawn(async move {
                let request = CollectRequest { run, ..CollectRequest::default() };
                let name = card.name.clone();
                let report = Box::pin(collector.run_source(card, &request)).await;
                tracing::info!(
                    source = %report.source, outcome = %report.outcome, n_documents = report.n_documents,
                    n_added = report.n_added, message = %report.message, "collected"
                );
                lock(&running).remove(&name);
            });
        }
    }
    runs.shutdown().await;
}

fn lock(running: &Mutex<HashSet<String>>) -> std::sync::MutexGuard<'_, HashSet<String>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

fn scheduled(market: &Market) -> Vec<Arc<SourceCard>> {
    let has_schedule = |card: &&SourceCard| card.collect.as_ref().is_some_and(|collect| collect.schedule.is_some());
    market.sources.iter().filter(has_schedule).cloned().map(Arc::new).collect()
}

fn is_due(lake: &Lake, card: &SourceCard, now: i64) -> bool {
    let found = lake.state().progress(&card.name).map_err(|error| error.to_string());
    match found.and_then(|progress| due(card, &progress, now)) {
        Ok(Due::At(at)) => at <= now,
        Ok(Due::Never) => false,
        Err(error) => {
            tracing::debug!(source = %card.name, error, "not scheduled");
            false
        }
    }
}
