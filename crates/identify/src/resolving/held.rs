//! What is held already: memberships, what people judged, what the catalogue names, the weights that were learnt.
//!
//! Read once for a resolution: two whole numbers and a moment for each name, which is little against its texts. Everything
//! else follows from it for the names that are touched.

use std::collections::BTreeMap;

use arrow::array::AsArray as _;
use arrow::datatypes::TimestampMicrosecondType;
use crowsnest_lake::{Lake, LakeError};
use futures::StreamExt as _;

use super::candidates::IdPair;
use super::ids::{IdMap, IdSet};
use super::rows::ints;
use super::weights::Weights;

/// What is held already, and what has been said by people and the catalogue.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) memberships: IdMap<i64>,
    resolved_at: i64,
    pub(crate) same: Vec<IdPair>,
    pub(crate) different: Vec<IdPair>,
    pub(crate) judged_since: IdSet,
    pub(crate) catalogued: IdMap<i64>,
    pub(crate) weights: Option<Weights>,
}

impl Held {
    pub(crate) async fn read(lake: &Lake) -> Result<Self, LakeError> {
        let mut held = Self::default();
        let mut latest: IdMap<(i64, i64)> = IdMap::default();
        let mut stream = lake.stream("SELECT member, entity_id, known_at FROM memberships").await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let known = batch.column(2).as_primitive::<TimestampMicrosecondType>().values();
            for ((member, entity), known_at) in ints(&batch, 0).iter().zip(ints(&batch, 1)).zip(known) {
                let last = latest.entry(*member).or_insert((i64::MIN, 0));
                *last = (*last).max((*known_at, *entity));
                held.resolved_at = held.resolved_at.max(*known_at);
            }
        }
        held.memberships = latest.into_iter().map(|(member, (_, entity))| (member, entity)).collect();
        held.read_judgements(lake).await?;
        let sql = "SELECT model FROM links ORDER BY known_at DESC LIMIT 1";
        for batch in lake.query(sql).await? {
            let models = batch.column(0).as_string_view();
            held.weights = models.iter().flatten().next().and_then(Weights::parse);
        }
        let aliases = "SELECT self_entity_id, entity_id, active, \"by\" FROM aliases ORDER BY known_at, active";
        for batch in lake.query(aliases).await? {
            let (own, entities) = (ints(&batch, 0), ints(&batch, 1));
            let (active, by) = (batch.column(2).as_boolean(), batch.column(3).as_string_view());
            for row in (0..batch.num_rows()).filter(|row| by.value(*row).ends_with(".csv")) {
                if active.value(row) {
                    held.catalogued.insert(own[row], entities[row]);
                    held.catalogued.insert(entities[row], entities[row]);
                } else {
                    held.catalogued.remove(&own[row]);
                }
            }
        }
        Ok(held)
    }

    async fn read_judgements(&mut self, lake: &Lake) -> Result<(), LakeError> {
        let sql = "SELECT l.entity_id, r.entity_id, j.verdict, j.known_at FROM judgements j \
             JOIN mentions l ON j.\"left\" = l.mention_id JOIN mentions r ON j.\"right\" = r.mention_id \
             WHERE l.entity_id <> r.entity_id ORDER BY j.known_at";
        let mut latest: BTreeMap<IdPair, (String, i64)> = BTreeMap::new();
        for batch in lake.query(sql).await? {
            let (left, right) = (ints(&batch, 0), ints(&batch, 1));
            let known = batch.column(3).as_primitive::<TimestampMicrosecondType>();
            for row in 0..batch.num_rows() {
                let pair = (left[row].min(right[row]), left[row].max(right[row]));
                let verdict = batch.column(2).as_string_view().value(row).to_owned();
                latest.insert(pair, (verdict, known.value(row)));
            }
        }
        for (pair, (verdict, known_at)) in latest {
            if known_at > self.resolved_at {
                self.judged_since.extend([pair.0, pair.1]);
            }
            match verdict.as_str() {
                "same" => self.same.push(pair),
                "different" => self.different.push(pair),
                _ => {}
            }
        }
        Ok(())
    }

    pub(crate) fn entity(&self, name: i64) -> i64 {
        self.memberships.get(&name).copied().unwrap_or(name)
    }

    /// Names without a membership, and those judged since; with all members of the groups of the latter, which are taken
    /// apart and put together anew.
    async fn unseen(&self, lake: &Lake) -> Result<IdSet, LakeError> {
        let mut names: IdSet = IdSet::default();
        let mut stream = lake.stream("SELECT entity_id FROM mentions WHERE kind <> 'segment'").await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            names.extend(ints(&batch, 0).iter().filter(|name| !self.memberships.contains_key(name)));
        }
        Ok(names)
    }

    /// Names without a membership, and those judged since; with all members of the groups of the latter, which are taken
    /// apart and put together anew.
    pub(crate) async fn to_look_at(&self, lake: &Lake) -> Result<IdSet, LakeError> {
        let mut names = self.unseen(lake).await?;
        names.extend(self.with_their_groups(&self.judged_since));
        Ok(names)
    }

    /// The names of pairs, and all members of their groups.
    pub(crate) fn touched(&self, new: &IdSet, pairs: &[IdPair]) -> IdSet {
        let of_pairs: IdSet = pairs.iter().flat_map(|(left, right)| [*left, *right]).collect();
        let mut touched = self.with_their_groups(&of_pairs);
        touched.extend(new);
        touched
    }

    fn with_their_groups(&self, names: &IdSet) -> IdSet {
        let mut found = names.clone();
        if names.is_empty() {
            return found;
        }
        let entities: IdSet = names.iter().map(|name| self.entity(*name)).collect();
        let members = self.memberships.iter().filter(|(_, entity)| entities.contains(entity));
        found.extend(members.map(|(member, _)| *member));
        found
    }
}
