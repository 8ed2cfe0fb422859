//! Text columns as codes into a dictionary: most columns of claims hold few different texts, and moving four bytes
//! about is cheaper than moving texts.
//!
//! In: batches whose text columns are `Utf8` or `Dictionary(Int32, Utf8)`. Out: columns gathered row by row in a new
//! order, coded ones with one dictionary for all batches. A column that is text in any batch is text in the outcome.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, DictionaryArray, Int32Array, RecordBatch, StringArray, UInt32Array, new_null_array,
};
use arrow::compute::{cast, interleave, take};
use arrow::datatypes::Int32Type;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;

use crate::sort::Place;

/// The type of a coded text column.
pub(crate) fn coded_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Whether a column's type can stand for the one that the table has.
pub(crate) fn stands_for(found: &DataType, wanted: &DataType) -> bool {
    found == wanted || (*wanted == DataType::Utf8 && *found == coded_type())
}

/// The codes of a coded column and the texts they stand for.
pub(crate) fn codes_of(column: &dyn Array) -> Option<(&DictionaryArray<Int32Type>, &StringArray)> {
    let coded = column.as_dictionary_opt::<Int32Type>()?;
    Some((coded, coded.values().as_string_opt::<i32>()?))
}

/// The text of a row, whichever way it is kept; `None` for null.
pub(crate) fn text_at(column: &dyn Array, row: usize) -> Option<&str> {
    if column.is_null(row) {
        return None;
    }
    if let Some((coded, texts)) = codes_of(column) {
        return Some(texts.value(coded.keys().value(row) as usize));
    }
    match column.as_string_opt::<i32>() {
        Some(texts) => Some(texts.value(row)),
        None => column.as_string_view_opt().map(|texts| texts.value(row)),
    }
}

/// The code of null.
const NULL: u16 = u16::MAX;

/// The rows of batches, to be gathered in one order.
///
/// Each batch is first brought into that order by itself, which stays within the processor's cache; gathering then reads
/// every batch from its start to its end instead of all over, several times faster.
pub(crate) struct Gatherer {
    columns: Vec<Source>,
    schema: SchemaRef,
    places: Vec<Place>,
}

enum Source {
    /// Null throughout.
    Nothing(DataType),
    /// Codes, batch by batch, into texts that all batches share. Rows are gathered from all over: the smaller a code,
    /// the more of them are near.
    Coded { codes: Vec<Vec<u16>>, texts: ArrayRef },
    /// As it is.
    Plain(Vec<ArrayRef>),
}

impl Gatherer {
    /// Takes the rows at these places, in this order, of batches that have the same columns.
    ///
    /// # Errors
    /// None that well-formed batches could cause.
    pub(crate) fn new(schema: &SchemaRef, batches: &[RecordBatch], mut places: Vec<Place>) -> Result<Self, ArrowError> {
        let mut orders: Vec<Vec<u32>> =
            batches.iter().map(|batch| Vec::with_capacity(batch.num_rows().min(places.len()))).collect();
        for (batch, row) in &mut places {
            let order = &mut orders[*batch as usize];
            order.push(*row);
            *row = order.len() as u32 - 1;
        }
        let orders: Vec<UInt32Array> = orders.into_iter().map(UInt32Array::from).collect();
        let source = |index: usize| {
            let parts: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(index)).collect();
            Source::of(schema.field(index).data_type(), &parts, &orders)
        };
        let columns: Vec<Source> = (0..schema.fields().len()).into_par_iter().map(source).collect::<Result<_, _>>()?;
        let fields: Vec<Field> = schema
            .fields()
            .iter()
            .zip(&columns)
            .map(|(field, column)| match column {
                Source::Coded { .. } => field.as_ref().clone().with_data_type(coded_type()),
                _ => field.as_ref().clone(),
            })
            .collect();
        Ok(Self { columns, schema: Arc::new(Schema::new(fields)), places })
    }

    /// The schema of what is gathered.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Some of the rows, by their numbers in the order.
    pub(crate) fn gather(&self, rows: Range<usize>) -> Result<RecordBatch, ArrowError> {
        let places = &self.places[rows];
        let indices: Vec<(usize, usize)> = places.iter().map(|(batch, row)| (*batch as usize, *row as usize)).collect();
        let columns = self.columns.iter().map(|column| column.gather(places, &indices));
        RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_, _>>()?)
    }
}

impl Source {
    fn of(wanted: &DataType, parts: &[&ArrayRef], orders: &[UInt32Array]) -> Result<Self, ArrowError> {
        if parts.iter().all(|part| part.null_count() == part.len()) {
            return Ok(Self::Nothing(wanted.clone()));
        }
        let is_coded = |part: &&ArrayRef| codes_of(part.as_ref()).is_some() || part.null_count() == part.len();
        if *wanted == DataType::Utf8
            && parts.iter().all(is_coded)
            && let Some(coded) = Self::coded(parts, orders)
        {
            return Ok(coded);
        }
        let plain = parts.iter().zip(orders).map(|(part, order)| match codes_of(part.as_ref()) {
            Some(_) => take(&cast(part, wanted)?, order, None),
            None => take(part, order, None),
        });
        Ok(Self::Plain(plain.collect::<Result<_, _>>()?))
    }

    /// `None` where there are too many different texts for the codes.
    fn coded(parts: &[&ArrayRef], orders: &[UInt32Array]) -> Option<Self> {
        let mut known: HashMap<&str, u16> = HashMap::new();
        let mut texts: Vec<&str> = Vec::new();
        let mut codes = Vec::with_capacity(parts.len());
        for (part, order) in parts.iter().zip(orders) {
            let Some((coded, own_texts)) = codes_of(part.as_ref()) else {
                codes.push(vec![NULL; order.len()]);
                continue;
            };
            let shared: Vec<u16> = own_texts
                .iter()
                .map(|text| {
                    let text = text.unwrap_or_default();
                    *known.entry(text).or_insert_with(|| {
                        texts.push(text);
                        u16::try_from(texts.len() - 1).unwrap_or(NULL)
                    })
                })
                .collect();
            let keys = coded.keys();
            let code = |row: &u32| shared[keys.value(*row as usize) as usize];
            let code_or_null = |row: &u32| if keys.is_null(*row as usize) { NULL } else { code(row) };
            codes.push(match keys.null_count() {
                0 => order.values().iter().map(code).collect(),
                _ => order.values().iter().map(code_or_null).collect(),
            });
        }
        let is_within = texts.len() < usize::from(NULL);
        let texts: StringArray = texts.into_iter().map(Some).collect();
        is_within.then(|| Self::Coded { codes, texts: Arc::new(texts) })
    }

    fn gather(&self, places: &[Place], indices: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Nothing(data_type) => Ok(new_null_array(data_type, places.len())),
            Self::Plain(parts) => {
                let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                interleave(&parts, indices)
            }
            Self::Coded { codes, texts } => {
                let gathered: Vec<u16> =
                    places.iter().map(|(batch, row)| codes[*batch as usize][*row as usize]).collect();
                let key = |code: &u16| (*code != NULL).then_some(i32::from(*code));
                let keys = match gathered.contains(&NULL) {
                    true => gathered.iter().map(key).collect(),
                    false => Int32Array::from_iter_values(gathered.iter().map(|code| i32::from(*code))),
                };
                Ok(Arc::new(DictionaryArray::try_new(keys, Arc::clone(texts))?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(texts: &[Option<&str>]) -> ArrayRef {
        Arc::new(texts.iter().copied().collect::<DictionaryArray<Int32Type>>())
    }

    fn gathered(parts: &[ArrayRef], places: &[Place]) -> (DataType, Vec<Option<String>>) {
        let wanted = Schema::new(vec![Field::new("text", DataType::Utf8, true)]);
        let batches: Vec<RecordBatch> = parts
            .iter()
            .map(|part| {
                let schema = Schema::new(vec![Field::new("text", part.data_type().clone(), true)]);
                RecordBatch::try_new(Arc::new(schema), vec![Arc::clone(part)]).unwrap()
            })
            .collect();
        let rows = Gatherer::new(&Arc::new(wanted), &batches, places.to_vec()).unwrap();
        let batch = rows.gather(0..places.len()).unwrap();
        let column = batch.column(0);
        let texts = (0..column.len()).map(|row| text_at(column.as_ref(), row).map(str::to_owned)).collect();
        (column.data_type().clone(), texts)
    }

    #[test]
    fn rows_come_in_the_order_asked_for_however_they_are_kept() {
        let (left, right) = (coded(&[Some("a"), None, Some("b")]), coded(&[Some("c"), Some("a")]));
        let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("c"), Some("a")]));
        let nothing = new_null_array(&DataType::Utf8, 2);
        let places = [(1, 1), (0, 2), (0, 1), (1, 0), (0, 0)];
        let texts = |words: [Option<&str>; 5]| words.map(|word| word.map(str::to_owned)).to_vec();
        let expected = texts([Some("a"), Some("b"), None, Some("c"), Some("a")]);
        assert_eq!(gathered(&[Arc::clone(&left), right], &places), (coded_type(), expected.clone()));
        assert_eq!(gathered(&[Arc::clone(&left), plain], &places), (DataType::Utf8, expected));
        let expected = texts([None, Some("b"), None, None, Some("a")]);
        assert_eq!(gathered(&[left, Arc::clone(&nothing)], &places), (coded_type(), expected));
        assert_eq!(gathered(&[Arc::clone(&nothing), nothing], &places), (DataType::Utf8, texts([None; 5])));
    }
}
