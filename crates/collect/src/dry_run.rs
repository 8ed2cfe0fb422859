//! What a dry run would add: the keys of rows are gathered, and those that the lake has are looked up.

use std::collections::{BTreeSet, HashSet};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type};
use crowsnest_lake::sql::listed;
use crowsnest_lake::{Lake, LakeError};
use crowsnest_model::day_to_string;
use futures::StreamExt as _;

use crate::Result;
use crate::rows::columns::Repeated;
use crate::segments::Added;
use crate::worker::Parsed;

/// Beyond this many rows (some 300 MiB of keys) every further one counts as new: memory stays bounded.
const KEYS_MAX: usize = 8_000_000;

type Key = (i64, i64);

/// Rows of one table that a dry run has met.
#[derive(Debug, Default)]
struct Met {
    /// Of earlier files.
    before: HashSet<Key>,
    /// Of this file, and not of an earlier one.
    fresh: HashSet<Key>,
    n_beyond: u64,
}

/// What the files of one dry run would add, each row counted once.
#[derive(Debug, Default)]
pub(crate) struct WouldAdd {
    claims: Met,
    events: Met,
    metrics: BTreeSet<String>,
    first_day: Option<i32>,
    last_day: Option<i32>,
    repeated: Repeated,
}

impl Met {
    fn meet(&mut self, key: Key) {
        if self.before.contains(&key) || self.fresh.contains(&key) {
            return;
        }
        if self.before.len() + self.fresh.len() >= KEYS_MAX {
            self.n_beyond += 1;
            return;
        }
        self.fresh.insert(key);
    }

    /// Counts what is new in this file, and begins the next; the query gives keys that the lake has.
    async fn settle(&mut self, lake: &Lake, query: &str) -> Result<u64> {
        let mut n_new = std::mem::take(&mut self.n_beyond) + self.fresh.len() as u64;
        let mut known = lake.stream(query).await?;
        while let Some(batch) = known.next().await {
            for key in keys_of(&batch.map_err(LakeError::from)?) {
                if self.fresh.remove(&key) {
                    n_new -= 1;
                    self.before.insert(key);
                }
            }
        }
        self.before.extend(self.fresh.drain());
        Ok(n_new)
    }
}

/// The first two columns, row by row.
fn keys_of(batch: &RecordBatch) -> Vec<Key> {
    let column = |place: usize| batch.column(place).as_primitive_opt::<Int64Type>();
    let (Some(first), Some(second)) = (column(0), column(1)) else { return Vec::new() };
    first.values().iter().copied().zip(second.values().iter().copied()).collect()
}

impl WouldAdd {
    /// Takes what a worker gave.
    pub(crate) fn gather(&mut self, parsed: &mut Parsed) -> Result<()> {
        for columns in parsed.claims.drain(..) {
            let batch = columns.into_batch("", &mut self.repeated)?;
            self.gather_claims(&batch);
        }
        for columns in parsed.events.drain(..) {
            let batch = columns.into_batch("", &mut self.repeated)?;
            let schema = batch.schema();
            let ids = batch.project(&[schema.index_of("event_id")?, schema.index_of("mention_id")?])?;
            keys_of(&ids).into_iter().for_each(|key| self.events.meet(key));
        }
        Ok(())
    }

    fn gather_claims(&mut self, batch: &RecordBatch) {
        let integers =
            |name: &str| batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let (Some(mentions), Some(claims)) = (integers("mention_id"), integers("claim_id")) else { return };
        for key in mentions.values().iter().copied().zip(claims.values().iter().copied()) {
            self.claims.meet(key);
        }
        if let Some(metrics) = batch.column_by_name("metric").and_then(|column| column.as_string_opt::<i32>()) {
            for metric in metrics.iter().flatten() {
                if !self.metrics.contains(metric) {
                    self.metrics.insert(metric.to_owned());
                }
            }
        }
        let starts = batch.column_by_name("period_start").and_then(|column| column.as_primitive_opt::<Date32Type>());
        for day in starts.iter().flat_map(|starts| starts.values().iter().copied()) {
            self.first_day = Some(self.first_day.map_or(day, |first| first.min(day)));
            self.last_day = Some(self.last_day.map_or(day, |last| last.max(day)));
        }
    }

    /// What of the file is new; `n_mentions` is not looked up and stays 0.
    pub(crate) async fn settle(&mut self, lake: &Lake) -> Result<Added> {
        lake.refresh().await?;
        let mut added = Added::default();
        if let (Some(first), Some(last)) = (self.first_day.take(), self.last_day.take()) {
            let metrics = std::mem::take(&mut self.metrics);
            // Partitions and bounds of files leave out most of a large table.
            let sql = format!(
                "SELECT mention_id, claim_id FROM claims WHERE metric IN ({}) \
                 AND period_start BETWEEN DATE '{}' AND DATE '{}'",
                listed(&metrics),
                day_to_string(first),
                day_to_string(last)
            );
            added.n_claims = self.claims.settle(lake, &sql).await?;
        }
        if !self.events.fresh.is_empty() {
            // Events are few.
            added.n_events = self.events.settle(lake, "SELECT event_id, mention_id FROM events").await?;
        }
        Ok(added)
    }
}
