//! What happens by itself while pages are served: rules are looked at after the tables changed, digests are made when they are
//! due, and the outbox is emptied.

use std::time::Duration;

use crowsnest_lake::{Lake, LakeError};
use crowsnest_run::alerts::read_alerts;
use crowsnest_run::digest::{self, DigestRequest, digest, told_digests};
use tokio::sync::watch;

use super::channel;
use super::outbox::{delivery, raise_alerts, send_due};
use crate::cache;
use crate::digests::{Audience, digest_message};
use crate::site::CurrentSite;

const TICK: Duration = Duration::from_secs(5);
/// Rules are looked at once so many ticks passed without a change, so that a long import is looked at once.
const TICKS_OF_REST: u32 = 2;
/// But no later than so many ticks after the first change.
const TICKS_MAX: u32 = 120;
/// A silence grows without a change: rules are looked at each hour all the same.
const HOUR_MICROS: i64 = 3_600_000_000;

/// What is remembered between ticks.
#[derive(Debug, Default)]
struct Watching {
    looked_at: Option<(usize, i64)>,
    seen: usize,
    n_ticks_at_rest: u32,
    n_ticks_changed: u32,
    last_fault: String,
}

impl Watching {
    /// Whether it is time to look at the rules, given how much the tables hold.
    fn is_time(&mut self, generation: usize, now: i64) -> bool {
        let Some((looked, at)) = self.looked_at else {
            self.seen = generation;
            return true;
        };
        if generation != self.seen {
            self.seen = generation;
            self.n_ticks_at_rest = 0;
        } else {
            self.n_ticks_at_rest += 1;
        }
        if generation == looked {
            return now - at >= HOUR_MICROS;
        }
        self.n_ticks_changed += 1;
        self.n_ticks_at_rest >= TICKS_OF_REST || self.n_ticks_changed >= TICKS_MAX
    }

    fn looked(&mut self, generation: usize, now: i64) {
        self.looked_at = Some((generation, now));
        self.n_ticks_changed = 0;
    }

    /// Tells a fault once, until it changes.
    fn told(&mut self, result: Result<(), LakeError>) {
        let fault = result.err().map(|error| error.to_string()).unwrap_or_default();
        if !fault.is_empty() && fault != self.last_fault {
            tracing::warn!(error = %fault, "alerts");
        }
        self.last_fault = fault;
    }
}

/// Goes on until `stop` says so; what is being sent then is sent to its end.
pub(crate) async fn keep_delivering(current: CurrentSite, mut stop: watch::Receiver<bool>) {
    let mut watching = Watching::default();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
        }
        let lake = current.now().lake;
        let now = jiff::Timestamp::now().as_microsecond();
        let result = Box::pin(tick(&lake, &mut watching, now)).await;
        watching.told(result);
    }
}

async fn tick(lake: &Lake, watching: &mut Watching, now: i64) -> Result<(), LakeError> {
    if read_alerts(lake.market())?.is_none() {
        return Ok(());
    }
    let generation = cache::generation(lake);
    if watching.is_time(generation, now) {
        let raised = Box::pin(raise_alerts(lake, now)).await;
        watching.looked(generation, now);
        if let Some(raised) = raised?.filter(|raised| !raised.told.is_empty()) {
            tracing::info!(n_told = raised.told.len(), n_resting = raised.n_resting, "alerts raised");
        }
    }
    Box::pin(tell_due_digests(lake, now)).await?;
    Box::pin(send_due(lake, now)).await?;
    Ok(())
}

/// Makes the digests that are due and puts them into the outbox; gives their names. One that was due while nothing ran is
/// made now, once. One with nothing to tell is kept as told, and not sent.
///
/// # Errors
/// Of the file, the lake and the state.
pub async fn tell_due_digests(lake: &Lake, now: i64) -> Result<Vec<String>, LakeError> {
    let Some(file) = read_alerts(lake.market())? else { return Ok(Vec::new()) };
    let mut made = Vec::new();
    for plan in &file.digests {
        let Some(due) = plan.last_due(now) else { continue };
        let last = told_digests(lake, Some(&plan.name), 1)?.into_iter().next();
        if last.is_some_and(|(made_at, _)| made_at >= due) {
            continue;
        }
        let language = plan.language.unwrap_or(file.language);
        let request = DigestRequest {
            name: plan.name.clone(),
            until: due,
            watch: plan.watch.clone(),
            language: Some(language),
            ..DigestRequest::default()
        };
        let told = Box::pin(digest(lake, &request)).await?;
        let mut carried_by = Vec::new();
        for (name, table) in &file.channels {
            let is_meant = plan.channels.is_empty() || plan.channels.contains(name);
            if !is_meant || told.is_empty() {
                continue;
            }
            let audience = if channel::is_local(table) { Audience::Owner } else { Audience::Others };
            let message = digest_message(lake, &told, language, audience, file.base_url.clone());
            carried_by.extend(delivery(name, &message, &[&plan.name, &due.to_string()], now));
        }
        digest::keep(lake, &told, due, &carried_by)?;
        made.push(plan.name.clone());
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_looked_at_once_a_change_has_come_to_rest() {
        let mut watching = Watching::default();
        assert!(watching.is_time(10, 0), "at the beginning");
        watching.looked(10, 0);
        assert!(!watching.is_time(10, 1));
        assert!(!watching.is_time(11, 2), "just changed");
        assert!(!watching.is_time(12, 3), "still changing");
        assert!(!watching.is_time(12, 4));
        assert!(watching.is_time(12, 5), "at rest");
        watching.looked(12, 5);
        assert!(!watching.is_time(12, 6));
        assert!(watching.is_time(12, 5 + HOUR_MICROS), "an hour later");
        watching.looked(12, 7);
        let looked = (0..500).take_while(|n| !watching.is_time(13 + n, 8)).count();
        assert!(looked < TICKS_MAX as usize, "a change that never rests");
    }
}
