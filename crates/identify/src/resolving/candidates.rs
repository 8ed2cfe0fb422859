//! Names to candidates: pairs that have a key in common, as plans of the engine.
//!
//! The keys of all names are one plan over `mentions`, which runs where the market says, here or on a cluster; the pairs
//! are a join of the keys with themselves. A key that more than [`NAMES_OF_KEY_MAX`] names have says too little and is not
//! joined by, so that nothing grows with the square of a block.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;
use crowsnest_lake::{Lake, LakeError, Scratch};
use futures::StreamExt as _;

use super::ids::IdMap;
use super::keys::Keys;

/// Most names of a key that is joined by.
pub(crate) const NAMES_OF_KEY_MAX: usize = 40;
/// Most candidates of a name, those with the most keys in common first.
pub(crate) const CANDIDATES_MAX: u32 = 40;

/// A pair of names, the smaller id first.
pub(crate) type IdPair = (i64, i64);

/// The candidates, sorted; those with one of the new names, if some are new and others are not.
pub(crate) async fn candidates(lake: &Lake, keys: &Keys) -> Result<Vec<IdPair>, LakeError> {
    let scratch = Scratch::new(lake.options())?;
    let is_of_new = keys.is_of_new;
    let mut keys = keys.batches.clone();
    if keys.is_empty() {
        let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        let is_new: ArrayRef = Arc::new(BooleanArray::from(Vec::<bool>::new()));
        keys.push(RecordBatch::try_from_iter([("name", Arc::clone(&none)), ("key", none), ("is_new", is_new)])?);
    }
    scratch.add("keys_of_mentions", keys)?;
    let mut stream = scratch.stream(&pairs_sql(is_of_new)).await?;
    let mut found: Vec<(i64, i64, i64)> = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(LakeError::from)?;
        let column = |place: usize| batch.column(place).as_primitive::<Int64Type>().values();
        let rows = column(0).iter().zip(column(1)).zip(column(2));
        found.extend(rows.map(|((left, right), n)| (*left, *right, *n)));
    }
    Ok(at_most_of_each(found))
}

fn pairs_sql(is_of_new: bool) -> String {
    // Of old names only those with a new name's key are looked at.
    let of_new = if is_of_new { "WHERE key IN (SELECT key FROM keys_of_mentions WHERE is_new)" } else { "" };
    let with_new = if is_of_new { "AND (l.is_new OR r.is_new)" } else { "" };
    format!(
        "WITH keys AS (SELECT DISTINCT name, key, is_new FROM keys_of_mentions {of_new}),
              sizes AS (SELECT key FROM keys GROUP BY key HAVING count(*) BETWEEN 2 AND {NAMES_OF_KEY_MAX}),
              kept AS (SELECT keys.name, keys.key, keys.is_new FROM keys JOIN sizes ON keys.key = sizes.key)
         SELECT l.name AS one, r.name AS other, count(*) AS n_keys
         FROM kept l JOIN kept r ON l.key = r.key AND l.name < r.name {with_new}
         GROUP BY l.name, r.name"
    )
}

/// Keeps pairs that are among the first of either name.
fn at_most_of_each(mut found: Vec<(i64, i64, i64)>) -> Vec<IdPair> {
    let mut n_of: IdMap<u32> = IdMap::default();
    for (left, right, _) in &found {
        *n_of.entry(*left).or_default() += 1;
        *n_of.entry(*right).or_default() += 1;
    }
    if n_of.values().any(|n| *n > CANDIDATES_MAX) {
        found.sort_unstable_by_key(|(left, right, n)| (std::cmp::Reverse(*n), *left, *right));
        let mut taken: IdMap<u32> = IdMap::default();
        found.retain(|(left, right, _)| {
            let is_room = [left, right].iter().any(|name| taken.get(name).copied().unwrap_or(0) < CANDIDATES_MAX);
            if is_room {
                *taken.entry(*left).or_default() += 1;
                *taken.entry(*right).or_default() += 1;
            }
            is_room
        });
    }
    let mut pairs: Vec<IdPair> = found.into_iter().map(|(left, right, _)| (left, right)).collect();
    pairs.sort_unstable();
    pairs
}
