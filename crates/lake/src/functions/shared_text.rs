//! `shared_text(text)`: a text of the group, whichever came first; for texts that are the same in all of a group's rows.
//!
//! It exists because the engine's `first_value` keeps a boxed value per group: over a whole market, a third of the time
//! went into giving that memory out, and the pool was not told of all of it. This keeps four bytes per group and each
//! different text once.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray, StringViewArray, StringViewBuilder, UInt32Array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use hashbrown::HashMap;

pub(super) fn shared_text() -> AggregateUDF {
    AggregateUDF::new_from_impl(SharedText { signature: Signature::any(1, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SharedText {
    signature: Signature,
}

impl AggregateUDFImpl for SharedText {
    fn name(&self) -> &str {
        "shared_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types[0] {
            DataType::Utf8View | DataType::Utf8 => Ok(DataType::Utf8View),
            ref other => Err(DataFusionError::Plan(format!("shared_text takes texts, not {other}"))),
        }
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(OneGroup::default()))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![Arc::new(Field::new(format!("{}[text]", args.name), DataType::Utf8View, true))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::default()))
    }
}

/// Stands for "no text yet".
const NONE: u32 = u32::MAX;

/// A number per group, and the texts that the numbers stand for.
#[derive(Debug, Default)]
struct Groups {
    numbers: Vec<u32>,
    texts: Vec<Box<str>>,
    known: HashMap<Box<str>, u32>,
    n_bytes: usize,
}

impl Groups {
    fn number_of(&mut self, text: &str) -> Result<u32> {
        if let Some(number) = self.known.get(text) {
            return Ok(*number);
        }
        let number = u32::try_from(self.texts.len()).ok().filter(|number| *number != NONE);
        let number = number.ok_or_else(|| DataFusionError::Execution("more than 2^32 different texts".into()))?;
        self.n_bytes += 2 * text.len();
        self.texts.push(text.into());
        self.known.insert(text.into(), number);
        Ok(number)
    }

    fn add(
        &mut self,
        column: &ArrayRef,
        groups: &[usize],
        filter: Option<&BooleanArray>,
        n_groups: usize,
    ) -> Result<()> {
        self.numbers.resize(n_groups, NONE);
        let column = cast(column, &DataType::Utf8View)?;
        let texts = column.as_string_view();
        let views = texts.views();
        let mut last: Option<(u128, u32)> = None;
        for (row, group) in groups.iter().enumerate() {
            let is_left_out =
                texts.is_null(row) || filter.is_some_and(|filter| !(filter.is_valid(row) && filter.value(row)));
            if self.numbers[*group] != NONE || is_left_out {
                continue;
            }
            // Rows beside each other are often about the same: the view tells, without looking at the text.
            let number = match last {
                Some((view, number)) if view == views[row] => number,
                _ => self.number_of(texts.value(row))?,
            };
            last = Some((views[row], number));
            self.numbers[*group] = number;
        }
        Ok(())
    }

    fn emit(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let numbers = emit_to.take_needed(&mut self.numbers);
        let mut texts = StringViewBuilder::with_capacity(self.texts.len());
        self.texts.iter().for_each(|text| texts.append_value(text));
        let places: UInt32Array = numbers.into_iter().map(|number| (number != NONE).then_some(number)).collect();
        let given = take(&texts.finish(), &places, None)?;
        if self.numbers.is_empty() {
            *self = Self::default();
        }
        Ok(given)
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.add(&values[0], group_indices, opt_filter, total_num_groups)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.add(&values[0], group_indices, None, total_num_groups)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.emit(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.emit(emit_to)?])
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let texts = cast(&values[0], &DataType::Utf8View)?;
        let Some(filter) = opt_filter else { return Ok(vec![texts]) };
        let kept =
            texts.as_string_view().iter().zip(filter).map(|(text, is_kept)| text.filter(|_| is_kept == Some(true)));
        Ok(vec![Arc::new(kept.collect::<StringViewArray>())])
    }

    fn size(&self) -> usize {
        let per_text = 2 * size_of::<Box<str>>() + size_of::<u32>() + 1;
        size_of::<Self>() + self.numbers.capacity() * size_of::<u32>() + self.known.capacity() * per_text + self.n_bytes
    }
}

/// The same for a query without groups.
#[derive(Debug, Default)]
struct OneGroup(Groups);

impl Accumulator for OneGroup {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.add(&values[0], &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let number = self.0.numbers.first().copied().filter(|number| *number != NONE);
        Ok(ScalarValue::Utf8View(number.map(|number| self.0.texts[number as usize].to_string())))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.0.size()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<StringViewArray>())
    }

    fn given(groups: &mut Groups, emit_to: EmitTo) -> Vec<Option<String>> {
        let given = groups.evaluate(emit_to).unwrap();
        given.as_string_view().iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn each_group_gives_its_first_text() {
        let mut groups = Groups::default();
        let long = "a text longer than a view holds in itself";
        groups.add(&texts(&[None, Some("b"), Some("b"), Some(long), Some("c")]), &[0, 0, 1, 2, 1], None, 4).unwrap();
        assert_eq!(given(&mut groups, EmitTo::First(1)), [Some("b".to_owned())]);
        groups.add(&texts(&[Some("d"), Some("e")]), &[2, 1], None, 3).unwrap();
        assert_eq!(
            given(&mut groups, EmitTo::All),
            [Some("b".to_owned()), Some(long.to_owned()), Some("d".to_owned())]
        );
    }

    #[test]
    fn rows_that_are_filtered_out_give_nothing() {
        let filter = BooleanArray::from(vec![Some(false), None, Some(true)]);
        let values = texts(&[Some("a"), Some("b"), Some("c")]);
        let mut groups = Groups::default();
        groups.add(&values, &[0, 0, 1], Some(&filter), 2).unwrap();
        assert_eq!(given(&mut groups, EmitTo::All), [None, Some("c".to_owned())]);
        let states = groups.convert_to_state(&[values], Some(&filter)).unwrap();
        assert_eq!(states[0].as_string_view().iter().collect::<Vec<_>>(), [None, None, Some("c")]);
    }
}
