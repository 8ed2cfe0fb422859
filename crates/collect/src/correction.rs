//! A document read anew with a corrected mapping: what the new reading no longer gives is withdrawn.
//!
//! Rows are only appended, so a claim that was read wrongly stays, and a row after it says that it no longer holds:
//! the same subject, metric, period and dimensions, status `withdrawn`, known now. Only claims in force whose row came
//! from this document are withdrawn; what another document said later stays in force.
//!
//! The document is read twice. The first reading writes nothing and tells which claims stay ([`Correction::look`]); in
//! the second, a claim that takes the place of a wrong one counts as known after it ([`Correction::place`]), though
//! both may have been said on the same day. Repeating a correction adds nothing: nothing is in force then that the
//! reading does not give.
//!
//! Memory: 32 bytes per claim of the document that is in force, and its names.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{Date32Type, Float64Type, Int64Type, TimestampMicrosecondType};
use crowsnest_lake::{Lake, LakeError, schema};
use crowsnest_model::{Bound, ClaimKey, Grain, Period, Status, tables};
use futures::{Stream, StreamExt as _};
use hashbrown::DefaultHashBuilder;

use crate::rows::columns::Repeated;
use crate::worker::Parsed;
use crate::{ImportError, Result};

/// So many withdrawals are appended at once.
const APPENDED_ROWS: usize = 500_000;

/// A claim in force that came from the document.
#[derive(Debug, Clone, Copy)]
struct Held {
    about: u64,
    claim_id: i64,
    known_at: i64,
    is_given: bool,
    is_same: bool,
}

/// The claims of a document that are in force, and which of them the new reading gives.
#[derive(Debug)]
pub(crate) struct Correction {
    now: i64,
    hasher: DefaultHashBuilder,
    /// Sorted by `about`.
    held: Vec<Held>,
    /// Names that the document's claims had.
    known_mentions: HashSet<i64>,
    given_mentions: HashSet<i64>,
    repeated: Repeated,
}

impl Correction {
    /// The claims of a document that are in force now.
    pub(crate) async fn of(lake: &Lake, document: &str, now: i64) -> Result<Self> {
        let mut correction = Self {
            now,
            hasher: DefaultHashBuilder::default(),
            held: Vec::new(),
            known_mentions: HashSet::new(),
            given_mentions: HashSet::new(),
            repeated: Repeated::default(),
        };
        let mut batches = in_force(lake, document).await?;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            let claims = Claims::of(&batch)?;
            for row in 0..batch.num_rows() {
                correction.held.push(Held {
                    about: correction.about(&claims, row),
                    claim_id: claims.claim_id.value(row),
                    known_at: claims.known_at.value(row),
                    is_given: false,
                    is_same: false,
                });
            }
        }
        correction.held.sort_unstable_by_key(|held| held.about);
        let sql = format!("SELECT DISTINCT mention_id FROM claims WHERE document = '{document}'");
        for batch in lake.query(&sql).await? {
            let mentions = batch.column(0).as_primitive::<Int64Type>();
            correction.known_mentions.extend(mentions.values().iter().copied());
        }
        Ok(correction)
    }

    fn about(&self, claims: &Claims<'_>, row: usize) -> u64 {
        self.hasher.hash_one((
            claims.mention_id.value(row),
            claims.metric.value(row),
            (claims.period_start.value(row), claims.period_end.value(row)),
            (claims.region.value(row), claims.platform.value(row), claims.segment.value(row)),
        ))
    }

    fn position(&self, about: u64) -> Option<usize> {
        self.held.binary_search_by_key(&about, |held| held.about).ok()
    }

    /// Notes what the first reading gives.
    pub(crate) fn look(&mut self, parsed: &mut Parsed) -> Result<()> {
        for columns in parsed.claims.drain(..) {
            let batch = columns.into_batch("", &mut self.repeated)?;
            let claims = Claims::of(&batch)?;
            for row in 0..batch.num_rows() {
                self.given_mentions.insert(claims.mention_id.value(row));
                if let Some(place) = self.position(self.about(&claims, row)) {
                    let is_same = self.held[place].claim_id == claims.claim_id.value(row);
                    self.held[place].is_given = true;
                    self.held[place].is_same |= is_same;
                }
            }
        }
        Ok(())
    }

    /// Whether names are gone: those that are new may be theirs, written otherwise.
    fn is_renaming(&self) -> bool {
        !self.known_mentions.is_subset(&self.given_mentions)
    }

    /// Claims of the second reading; those that take the place of a wrong one become known after it.
    pub(crate) fn place(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let claims = Claims::of(&batch)?;
        let is_renaming = self.is_renaming();
        let known_at = (0..batch.num_rows()).map(|row| {
            let (mention_id, own) = (claims.mention_id.value(row), claims.known_at.value(row));
            match self.position(self.about(&claims, row)).map(|place| self.held[place]) {
                Some(held) if !held.is_same && own <= held.known_at => self.after(own).max(held.known_at + 1),
                None if is_renaming && !self.known_mentions.contains(&mention_id) => self.after(own).max(own),
                _ => own,
            }
        });
        let known_at: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(known_at).with_timezone("UTC"));
        Ok(with_columns(&batch, &[("known_at", known_at)])?)
    }

    /// A moment after now, later for what was said later: several claims on one thing keep their order.
    fn after(&self, said: i64) -> i64 {
        // Half a century of microseconds becomes two seconds; a day still more than nothing.
        const SHRINKS_BY_BITS: u32 = 30;
        self.now + 1 + (said.max(0) >> SHRINKS_BY_BITS)
    }

    /// How many claims in force the first reading did not give.
    pub(crate) fn n_gone(&self) -> u64 {
        self.held.iter().filter(|held| !held.is_given).count() as u64
    }

    /// Withdraws what the reading did not give; how many that were.
    pub(crate) async fn withdraw(&self, lake: &Lake, document: &str) -> Result<u64> {
        if self.n_gone() == 0 {
            return Ok(0);
        }
        let (mut rows, mut n_rows, mut n_withdrawn) = (Vec::new(), 0, 0);
        let mut batches = in_force(lake, document).await?;
        while let Some(batch) = batches.next().await {
            let gone = self.gone(&batch?)?;
            n_rows += gone.num_rows();
            rows.push(self.withdrawn(&gone)?);
            if n_rows >= APPENDED_ROWS {
                n_withdrawn += lake.append(&tables::CLAIMS, std::mem::take(&mut rows)).await?.n_added;
                n_rows = 0;
            }
        }
        if n_rows > 0 {
            n_withdrawn += lake.append(&tables::CLAIMS, rows).await?.n_added;
        }
        Ok(n_withdrawn as u64)
    }

    /// The claims that the reading did not give.
    fn gone(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let claims = Claims::of(batch)?;
        let is_gone = (0..batch.num_rows()).map(|row| {
            let held = self.position(self.about(&claims, row)).map(|place| self.held[place]);
            Some(held.is_some_and(|held| !held.is_given))
        });
        Ok(filter_record_batch(batch, &is_gone.collect::<BooleanArray>())?)
    }

    /// The rows that take those back.
    fn withdrawn(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let claims = Claims::of(batch)?;
        let mut scratch = Vec::new();
        let ids = (0..batch.num_rows()).map(|row| claims.key(row, Status::Withdrawn).id(&mut scratch));
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
        let known_at = claims.known_at.values().iter().map(|known_at| self.now.max(known_at + 1));
        let known_at: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(known_at).with_timezone("UTC"));
        let recorded_at = vec![self.now; batch.num_rows()];
        let recorded_at: ArrayRef = Arc::new(TimestampMicrosecondArray::from(recorded_at).with_timezone("UTC"));
        let status = vec![Status::Withdrawn.as_str(); batch.num_rows()];
        let status: ArrayRef = Arc::new(StringArray::from(status));
        let columns = [("claim_id", ids), ("known_at", known_at), ("recorded_at", recorded_at), ("status", status)];
        Ok(with_columns(batch, &columns)?)
    }
}

/// The rows of a document that are in force, with the table's own columns and types.
async fn in_force(lake: &Lake, document: &str) -> Result<impl Stream<Item = Result<RecordBatch>> + Unpin + use<>> {
    lake.refresh().await?;
    let schema = schema::arrow_schema(&tables::CLAIMS);
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let sql = format!("SELECT {} FROM claims_in_force WHERE document = '{document}'", names.join(", "));
    let batches = lake.stream(&sql).await?;
    Ok(batches.map(move |batch| {
        let batch = batch.map_err(LakeError::from)?;
        let columns = batch.columns().iter().zip(schema.fields());
        let columns = columns.map(|(column, field)| cast(column, field.data_type())).collect::<Result<_, _>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
    }))
}

pub(crate) fn with_columns(
    batch: &RecordBatch,
    columns: &[(&str, ArrayRef)],
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let schema = batch.schema();
    let mut arrays = batch.columns().to_vec();
    for (name, column) in columns {
        arrays[schema.index_of(name)?] = Arc::clone(column);
    }
    RecordBatch::try_new(schema, arrays)
}

/// The columns of a batch of claims that say what a claim is about.
pub(crate) struct Claims<'a> {
    pub(crate) claim_id: &'a Int64Array,
    pub(crate) mention_id: &'a Int64Array,
    pub(crate) metric: &'a StringArray,
    pub(crate) period_start: &'a Date32Array,
    pub(crate) period_end: &'a Date32Array,
    grain: &'a StringArray,
    pub(crate) region: &'a StringArray,
    pub(crate) platform: &'a StringArray,
    pub(crate) segment: &'a StringArray,
    value: &'a Float64Array,
    low: &'a Float64Array,
    high: &'a Float64Array,
    bound: &'a StringArray,
    unit: &'a StringArray,
    pub(crate) said_at: &'a TimestampMicrosecondArray,
    pub(crate) known_at: &'a TimestampMicrosecondArray,
}

impl<'a> Claims<'a> {
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self> {
        let odd = || ImportError::Broken { file: "claims".into(), message: "a column has another type".into() };
        let column = |name: &str| batch.column_by_name(name).map(AsRef::as_ref).ok_or_else(odd);
        let text = |name: &str| -> Result<&'a StringArray> { array(column(name)?).ok_or_else(odd) };
        let number = |name: &str| -> Result<&'a Float64Array> {
            column(name)?.as_primitive_opt::<Float64Type>().ok_or_else(odd)
        };
        let id =
            |name: &str| -> Result<&'a Int64Array> { column(name)?.as_primitive_opt::<Int64Type>().ok_or_else(odd) };
        let day =
            |name: &str| -> Result<&'a Date32Array> { column(name)?.as_primitive_opt::<Date32Type>().ok_or_else(odd) };
        let instant = |name: &str| -> Result<&'a TimestampMicrosecondArray> {
            column(name)?.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(odd)
        };
        Ok(Self {
            claim_id: id("claim_id")?,
            mention_id: id("mention_id")?,
            metric: text("metric")?,
            period_start: day("period_start")?,
            period_end: day("period_end")?,
            grain: text("grain")?,
            region: text("region")?,
            platform: text("platform")?,
            segment: text("segment")?,
            value: number("value")?,
            low: number("low")?,
            high: number("high")?,
            bound: text("bound")?,
            unit: text("unit")?,
            said_at: instant("said_at")?,
            known_at: instant("known_at")?,
        })
    }

    /// All that a row says, with another status.
    pub(crate) fn key(&self, row: usize, status: Status) -> ClaimKey<'a> {
        let (start, end) = (self.period_start.value(row), self.period_end.value(row));
        let grain = self.grain.value(row).parse().unwrap_or(Grain::Span);
        let optional = |column: &Float64Array| (!column.is_null(row)).then(|| column.value(row));
        ClaimKey {
            mention_id: self.mention_id.value(row),
            metric: self.metric.value(row),
            period: Period::new(start, end, grain).unwrap_or_else(|_| Period::from_days(start, end)),
            region: self.region.value(row),
            platform: self.platform.value(row),
            segment: self.segment.value(row),
            value: self.value.value(row),
            low: optional(self.low),
            high: optional(self.high),
            bound: self.bound.value(row).parse().unwrap_or(Bound::Exact),
            unit: self.unit.value(row),
            status,
            said_at: (!self.said_at.is_null(row)).then(|| self.said_at.value(row)),
        }
    }
}

fn array(column: &dyn Array) -> Option<&StringArray> {
    column.as_string_opt::<i32>()
}
