//! The keys of names: those of new names are made, those of names that were looked at before are kept in a table.
//!
//! Making keys is the dear part: each name is folded and read. A resolution of few new names therefore makes theirs, and
//! looks the others up in `keys_of_names`, two whole numbers a row, by the keys that the new ones have. The table begins with a mark
//! of how keys are made; where that is missing or another one, all are made anew.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::filter_record_batch;
use crowsnest_lake::{Lake, LakeError, Scratch};
use crowsnest_model::tables::KEYS_OF_NAMES;
use futures::{StreamExt as _, TryStreamExt as _};

use super::ids::IdSet;
use super::rows::{self, ints};

/// The mark: a row of no name. Another number wherever keys are made in another way.
const MARK: i64 = 1;
const NO_NAME: i64 = 0;

const WITH_KEYS: &str = "SELECT entity_id AS name, unnest(name_keys(kind, name, native_id, developer, domain)) AS key \
     FROM mentions WHERE kind <> 'segment'";
const TEXTS: &str = "SELECT entity_id, kind, name, native_id, developer, domain FROM mentions WHERE kind <> 'segment'";

/// Names with their keys, as far as a resolution needs them.
#[derive(Debug)]
pub(crate) struct Keys {
    /// Columns `name`, `key` and `is_new`; where only some names are new, of the others those rows that have a new name's key.
    pub(crate) batches: Vec<RecordBatch>,
    /// Whether only some of the names are new.
    pub(crate) is_of_new: bool,
    /// Keys that were made, and not looked up.
    made: Vec<RecordBatch>,
    is_marked: bool,
}

impl Keys {
    /// Reads the keys of all names, or those of new ones with the others that have them too.
    pub(crate) async fn read(lake: &Lake, new: Option<&IdSet>) -> Result<Self, LakeError> {
        let is_marked = is_marked(lake).await?;
        let (made, batches) = match new.filter(|_| is_marked) {
            Some(new) => {
                let made = made_of(lake, new).await?;
                let wanted: IdSet = made.iter().flat_map(|batch| ints(batch, 1)).copied().collect();
                let mut batches = kept(lake, &wanted, new).await?;
                batches.extend(made.iter().map(|batch| marked(batch, true_of(batch))).collect::<Result<Vec<_>, _>>()?);
                (made, batches)
            }
            None => {
                let made: Vec<RecordBatch> = lake.stream(WITH_KEYS).await?.try_collect().await?;
                let batches = made.iter().map(|batch| marked(batch, are_new(batch, new)));
                let batches = batches.collect::<Result<Vec<_>, _>>()?;
                (made, batches)
            }
        };
        Ok(Self { batches, is_of_new: new.is_some(), made, is_marked })
    }

    /// Keeps the keys of names that had none, so that later resolutions find them.
    pub(crate) async fn keep(&self, lake: &Lake, is_without: impl Fn(i64) -> bool) -> Result<(), LakeError> {
        let mut given = Vec::with_capacity(self.made.len() + 1);
        for batch in &self.made {
            let is_wanted: BooleanArray =
                ints(batch, 0).iter().map(|name| Some(!self.is_marked || is_without(*name))).collect();
            let batch = filter_record_batch(batch, &is_wanted)?;
            if batch.num_rows() > 0 {
                given.push(rows::keys_of_names(Arc::clone(batch.column(1)), Arc::clone(batch.column(0)))?);
            }
        }
        if !given.is_empty() {
            lake.append(&KEYS_OF_NAMES, given).await?;
        }
        if !self.is_marked {
            // Last, so that a table with the mark has all.
            let one = |number: i64| Arc::new(Int64Array::from(vec![number])) as ArrayRef;
            lake.append(&KEYS_OF_NAMES, vec![rows::keys_of_names(one(MARK), one(NO_NAME))?]).await?;
        }
        Ok(())
    }

    /// Which of some keys some name has.
    pub(crate) async fn existing(&self, lake: &Lake, wanted: &IdSet) -> Result<IdSet, LakeError> {
        let mut found: IdSet = of(&self.made, 1, wanted);
        if self.is_of_new && found.len() < wanted.len() {
            found.extend(existing(lake, wanted).await?);
        }
        Ok(found)
    }
}

/// Which of some keys some name has that was looked at.
pub(crate) async fn existing(lake: &Lake, wanted: &IdSet) -> Result<IdSet, LakeError> {
    if wanted.is_empty() {
        return Ok(IdSet::default());
    }
    let mut found = IdSet::default();
    let mut stream = lake.stream("SELECT key FROM keys_of_names").await?;
    while let Some(batch) = stream.next().await {
        found.extend(of(&[batch?], 0, wanted));
    }
    Ok(found)
}

fn of(batches: &[RecordBatch], column: usize, wanted: &IdSet) -> IdSet {
    batches.iter().flat_map(|batch| ints(batch, column)).filter(|key| wanted.contains(key)).copied().collect()
}

async fn is_marked(lake: &Lake) -> Result<bool, LakeError> {
    let sql = format!("SELECT name FROM keys_of_names WHERE key = {MARK} AND name = {NO_NAME}");
    Ok(lake.query(&sql).await?.iter().any(|batch| batch.num_rows() > 0))
}

/// Makes the keys of some names.
async fn made_of(lake: &Lake, names: &IdSet) -> Result<Vec<RecordBatch>, LakeError> {
    let texts = lake.rows_of(TEXTS, "entity_id", names).await?;
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let scratch = Scratch::new(lake.options())?;
    scratch.add("mentions", texts)?;
    scratch.query(WITH_KEYS).await
}

/// Rows of the table with one of the wanted keys, but those of new names.
async fn kept(lake: &Lake, wanted: &IdSet, new: &IdSet) -> Result<Vec<RecordBatch>, LakeError> {
    let mut found = Vec::new();
    let mut stream = lake.stream("SELECT name, key FROM keys_of_names").await?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let rows = ints(&batch, 0).iter().zip(ints(&batch, 1));
        let is_wanted: BooleanArray =
            rows.map(|(name, key)| Some(wanted.contains(key) && *name != NO_NAME && !new.contains(name))).collect();
        let batch = filter_record_batch(&batch, &is_wanted)?;
        if batch.num_rows() > 0 {
            let none = BooleanArray::from(vec![false; batch.num_rows()]);
            found.push(marked(&batch, none)?);
        }
    }
    Ok(found)
}

fn true_of(batch: &RecordBatch) -> BooleanArray {
    BooleanArray::from(vec![true; batch.num_rows()])
}

fn are_new(batch: &RecordBatch, new: Option<&IdSet>) -> BooleanArray {
    ints(batch, 0).iter().map(|name| Some(new.is_none_or(|new| new.contains(name)))).collect()
}

fn marked(batch: &RecordBatch, is_new: BooleanArray) -> Result<RecordBatch, LakeError> {
    let columns = [
        ("name", Arc::clone(batch.column(0))),
        ("key", Arc::clone(batch.column(1))),
        ("is_new", Arc::new(is_new) as ArrayRef),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))?)
}
