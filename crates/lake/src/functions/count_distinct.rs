//! `count_distinct(value)`: how many different values there are, `NULL` not among them, as `count(DISTINCT value)` has it.
//!
//! It stands in for the engine's own count of different texts, days, instants and floats ([`crate::distinct`] puts it
//! there). That one keeps a set per group, each with room for 512 texts from the start (20 KiB), which the memory pool
//! is not told of: 40,000 groups took 2.7 GiB where 1 GiB was allowed. This keeps one set for all groups, of 128-bit
//! hashes (XXH3) with their group, 24 bytes each, and tells of all of them. Among a billion values, two fall together
//! with a chance of one in 10^20.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, BooleanArray, Decimal128Array, GenericByteArray, Int64Array, ListArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ByteArrayType, DataType, Date32Type, Decimal128Type, Field, FieldRef, Float64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128;

/// Its name in SQL.
pub(crate) const NAME: &str = "count_distinct";

pub(crate) fn count_distinct() -> AggregateUDF {
    AggregateUDF::new_from_impl(CountDistinct { signature: Signature::any(1, Volatility::Immutable) })
}

/// Whether values of a type are better counted here than by the engine.
pub(crate) fn is_better(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8View
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Date32
            | DataType::Float64
            | DataType::Timestamp(TimeUnit::Microsecond, _)
    )
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CountDistinct {
    signature: Signature,
}

/// A hash as the engine's columns can hold it.
const HASH: DataType = DataType::Decimal128(38, 0);

fn hash_field() -> FieldRef {
    Arc::new(Field::new_list_field(HASH, true))
}

impl AggregateUDFImpl for CountDistinct {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match is_better(&types[0]) {
            true => Ok(DataType::Int64),
            false => Err(DataFusionError::Plan(format!("{NAME} does not take {}: write count(DISTINCT …)", types[0]))),
        }
    }

    fn is_nullable(&self) -> bool {
        false
    }

    fn default_value(&self, _data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::default()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[hashes]", args.name), DataType::List(hash_field()), false))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::default()))
    }
}

/// A value that was seen in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    high: u64,
    low: u64,
    group: u32,
}

impl Seen {
    fn new(group: usize, hash: u128) -> Result<Self> {
        let group = u32::try_from(group).map_err(|_| DataFusionError::Execution("more than 2^32 groups".into()))?;
        Ok(Self { high: (hash >> 64) as u64, low: hash as u64, group })
    }

    fn hash(&self) -> i128 {
        ((u128::from(self.high) << 64) | u128::from(self.low)) as i128
    }

    /// Where it is in the table.
    fn place(&self) -> u64 {
        self.low ^ u64::from(self.group).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

#[derive(Debug, Default)]
struct Groups {
    seen: HashTable<Seen>,
    found: Vec<Found>,
}

/// What was found in a group: how many different values, and the last of them. Where files are sorted by what is
/// counted, most rows repeat it, and the table of all, larger than the processor's caches, is left alone.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    n_values: i64,
    high: u64,
    low: u64,
}

impl Groups {
    fn add(&mut self, group: usize, hash: u128) -> Result<()> {
        use hashbrown::hash_table::Entry;
        let new = Seen::new(group, hash)?;
        let found = &mut self.found[group];
        if found.n_values > 0 && (found.high, found.low) == (new.high, new.low) {
            return Ok(());
        }
        (found.high, found.low) = (new.high, new.low);
        if let Entry::Vacant(vacant) = self.seen.entry(new.place(), |had| *had == new, Seen::place) {
            vacant.insert(new);
            found.n_values += 1;
        }
        Ok(())
    }

    /// Takes out the first groups: how many values each has, and, one group after the other, the values.
    fn take(&mut self, emit_to: EmitTo, with_values: bool) -> (Vec<i64>, Vec<i128>) {
        let counts: Vec<i64> = emit_to.take_needed(&mut self.found).iter().map(|found| found.n_values).collect();
        let mut next = Vec::with_capacity(counts.len());
        let mut n_values = 0;
        for count in &counts {
            next.push(n_values);
            n_values += *count as usize;
        }
        let mut values = vec![0; if with_values { n_values } else { 0 }];
        let mut later = HashTable::new();
        for mut seen in std::mem::take(&mut self.seen) {
            let group = seen.group as usize;
            if group >= counts.len() {
                seen.group -= counts.len() as u32;
                later.insert_unique(seen.place(), seen, Seen::place);
            } else if with_values {
                values[next[group]] = seen.hash();
                next[group] += 1;
            }
        }
        self.seen = later;
        (counts, values)
    }
}

/// Lists of these lengths, of all values one after the other.
fn lists(lengths: impl Iterator<Item = usize>, values: Vec<i128>) -> Result<ArrayRef> {
    let too_long = || DataFusionError::ResourcesExhausted("more than 2^31 different values at once".into());
    i32::try_from(values.len()).map_err(|_| too_long())?;
    let values = Decimal128Array::new(ScalarBuffer::from(values), None).with_data_type(HASH);
    Ok(Arc::new(ListArray::new(hash_field(), OffsetBuffer::from_lengths(lengths), Arc::new(values), None)))
}

/// The hash of each row's value, whatever it is where that is null.
fn hashes(column: &ArrayRef) -> Result<Vec<u128>> {
    fn of_texts<T: ByteArrayType>(texts: &GenericByteArray<T>) -> Vec<u128> {
        (0..texts.len()).map(|row| xxh3_128(texts.value(row).as_ref())).collect()
    }
    let rows = 0..column.len();
    Ok(match column.data_type() {
        DataType::Utf8View => of_views(column.as_string_view()),
        DataType::Utf8 => of_texts(column.as_string::<i32>()),
        DataType::LargeUtf8 => of_texts(column.as_string::<i64>()),
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().values();
            rows.map(|row| xxh3_128(&days[row].to_le_bytes())).collect()
        }
        DataType::Float64 => {
            let numbers = column.as_primitive::<Float64Type>().values();
            rows.map(|row| xxh3_128(&numbers[row].to_bits().to_le_bytes())).collect()
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let instants = column.as_primitive::<TimestampMicrosecondType>().values();
            rows.map(|row| xxh3_128(&instants[row].to_le_bytes())).collect()
        }
        other => return Err(DataFusionError::Execution(format!("{NAME} does not take {other}"))),
    })
}

/// Texts that files are sorted by are the same in many rows, and then so is the way to them.
fn of_views(texts: &arrow::array::StringViewArray) -> Vec<u128> {
    let views = texts.views();
    let mut hashes: Vec<u128> = Vec::with_capacity(views.len());
    for (row, view) in views.iter().enumerate() {
        let is_repeat = row > 0 && *view == views[row - 1];
        hashes.push(if is_repeat { hashes[row - 1] } else { xxh3_128(texts.value(row).as_bytes()) });
    }
    hashes
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.found.resize(total_num_groups, Found::default());
        let hashes = hashes(&values[0])?;
        for (row, (group, hash)) in group_indices.iter().zip(hashes).enumerate() {
            if is_counted(&values[0], opt_filter, row) {
                self.add(*group, hash)?;
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.found.resize(total_num_groups, Found::default());
        let lists = values[0].as_list::<i32>();
        let hashes = lists.values().as_primitive::<Decimal128Type>().values();
        for (group, bounds) in group_indices.iter().zip(lists.offsets().windows(2)) {
            for hash in &hashes[bounds[0] as usize..bounds[1] as usize] {
                self.add(*group, *hash as u128)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(self.take(emit_to, false).0)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let (counts, values) = self.take(emit_to, true);
        Ok(vec![lists(counts.into_iter().map(|count| count as usize), values)?])
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let is_counted: Vec<bool> = (0..values[0].len()).map(|row| is_counted(&values[0], opt_filter, row)).collect();
        let hashes = hashes(&values[0])?.into_iter().zip(&is_counted);
        let kept = hashes.filter_map(|(hash, is_counted)| is_counted.then_some(hash as i128)).collect();
        Ok(vec![lists(is_counted.iter().map(|is_counted| usize::from(*is_counted)), kept)?])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.seen.allocation_size() + self.found.capacity() * size_of::<Found>()
    }
}

fn is_counted(values: &ArrayRef, filter: Option<&BooleanArray>, row: usize) -> bool {
    values.is_valid(row) && filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

/// The same for a query without groups.
#[derive(Debug, Default)]
struct OneGroup(Groups);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(self.0.found.first().map_or(0, |found| found.n_values))))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.found.resize(1, Found::default());
        let states = self.0.state(EmitTo::All)?;
        states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringViewArray;
    use arrow::datatypes::Int64Type;

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<StringViewArray>())
    }

    fn counts(groups: &mut Groups, emit_to: EmitTo) -> Vec<i64> {
        groups.evaluate(emit_to).unwrap().as_primitive::<Int64Type>().values().to_vec()
    }

    #[test]
    fn groups_given_out_early_leave_the_others_as_they_were() {
        let mut groups = Groups::default();
        let values = texts(&[Some("a"), Some("b"), None, Some("a"), Some("a much longer text"), Some("a")]);
        groups.update_batch(&[values], &[0, 1, 1, 1, 2, 0], None, 3).unwrap();
        assert_eq!(counts(&mut groups, EmitTo::First(1)), [1]);
        groups.update_batch(&[texts(&[Some("a much longer text"), Some("c")])], &[1, 0], None, 2).unwrap();
        assert_eq!(counts(&mut groups, EmitTo::All), [3, 1]);
        assert_eq!(groups.seen.len(), 0);
    }

    #[test]
    fn states_merge_to_what_their_rows_would_have_given() {
        let values = texts(&[Some("a"), Some("b"), None, Some("a"), Some("c"), Some("c")]);
        let filter = BooleanArray::from(vec![Some(true), Some(true), Some(true), Some(true), Some(false), None]);
        let indices = [0, 0, 1, 1, 1, 0];
        let mut direct = Groups::default();
        direct.update_batch(&[Arc::clone(&values)], &indices, Some(&filter), 2).unwrap();
        let states = direct.state(EmitTo::All).unwrap();
        let each = Groups::default().convert_to_state(&[values], Some(&filter)).unwrap();
        let mut merged = Groups::default();
        merged.merge_batch(&each, &indices, 2).unwrap();
        merged.merge_batch(&states, &[0, 1], 2).unwrap();
        assert_eq!(counts(&mut merged, EmitTo::All), [2, 1]);
    }

    #[test]
    fn all_that_is_held_is_told() {
        let mut groups = Groups::default();
        let days: ArrayRef = Arc::new(arrow::array::Date32Array::from_iter_values(0..10_000));
        groups.update_batch(&[days], &vec![0; 10_000], None, 1).unwrap();
        assert!(groups.size() > 10_000 * size_of::<Seen>(), "{}", groups.size());
        groups.state(EmitTo::All).unwrap();
        assert!(groups.size() < 1_000, "{}", groups.size());
    }
}
