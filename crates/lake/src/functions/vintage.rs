//! `vintage(known_at, claim_id [, rank])` and `vintage_claim(…)`: which of several claims is the last, as one number.
//!
//! `max(vintage(…))` is a maximum of plain numbers, which the engine does fast with any number of groups; the claim's id
//! is in the number's lower half. `about(…)` makes one number of what a claim is about, to group by.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Decimal128Array, Int64Array};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int64Type, TimestampMicrosecondType};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use xxhash_rust::xxh3::xxh3_64;

/// 38 digits and no decimals: wide enough for the ranks (0 to 2) and microseconds used here.
const NUMBER: DataType = DataType::Decimal128(38, 0);
/// A rank outweighs any moment: 2^57 µs are 4,500 years.
const RANK_SHIFT: u32 = 57;

/// A scalar function over whole columns; known by its name.
#[derive(Debug)]
struct Columnar {
    name: &'static str,
    signature: Signature,
    gives: DataType,
    compute: fn(&[ArrayRef]) -> Result<ArrayRef>,
}

impl PartialEq for Columnar {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Columnar {}

impl std::hash::Hash for Columnar {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Columnar {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays: Vec<ArrayRef> =
            args.args.iter().map(|value| value.to_array(args.number_rows)).collect::<Result<_>>()?;
        Ok(ColumnarValue::Array((self.compute)(&arrays)?))
    }
}

fn function(name: &'static str, gives: DataType, compute: fn(&[ArrayRef]) -> Result<ArrayRef>) -> ScalarUDF {
    let signature = Signature::variadic_any(Volatility::Immutable);
    ScalarUDF::new_from_impl(Columnar { name, signature, gives, compute })
}

pub(super) fn vintage() -> ScalarUDF {
    function("vintage", NUMBER, |columns| {
        let (Some(known), Some(claims)) = (
            columns.first().and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>()),
            columns.get(1).and_then(|column| column.as_primitive_opt::<Int64Type>()),
        ) else {
            return Err(DataFusionError::Plan("call it as vintage(known_at, claim_id [, rank])".into()));
        };
        let ranks = columns.get(2).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let numbers = (0..known.len()).map(|row| {
            if known.is_null(row) || claims.is_null(row) {
                return None;
            }
            let rank = ranks.map_or(0, |ranks| ranks.value(row));
            let high = i128::from(known.value(row)) + (i128::from(rank) << RANK_SHIFT);
            Some((high << 64) | i128::from((claims.value(row) as u64) ^ (1 << 63)))
        });
        let numbers: Decimal128Array = numbers.collect();
        Ok(Arc::new(numbers.with_data_type(NUMBER)))
    })
}

pub(super) fn vintage_claim() -> ScalarUDF {
    function("vintage_claim", DataType::Int64, |columns| {
        let Some(numbers) = columns.first().and_then(|column| column.as_primitive_opt::<Decimal128Type>()) else {
            return Err(DataFusionError::Plan("call it as vintage_claim(max(vintage(known_at, claim_id)))".into()));
        };
        let claims: Int64Array =
            numbers.iter().map(|number| number.map(|number| ((number as u64) ^ (1 << 63)) as i64)).collect();
        Ok(Arc::new(claims))
    })
}

/// 64 bits of XXH3 over the arguments' values; with the mention beside it in the grouping, two things of one mention
/// fall together with a chance of one in 10^19.
pub(super) fn about() -> ScalarUDF {
    function("about", DataType::Int64, |columns| {
        let n_rows = columns.first().map_or(0, |column| column.len());
        let readers: Vec<Reader<'_>> = columns.iter().map(Reader::new).collect::<Result<_>>()?;
        let mut bytes = Vec::with_capacity(64);
        let hashes = (0..n_rows).map(|row| {
            bytes.clear();
            for reader in &readers {
                reader.append(row, &mut bytes);
            }
            xxh3_64(&bytes) as i64
        });
        Ok(Arc::new(Int64Array::from_iter_values(hashes)))
    })
}

enum Reader<'a> {
    Days(&'a [i32]),
    Numbers(&'a [i64]),
    Views(&'a arrow::array::StringViewArray),
    Texts(&'a arrow::array::StringArray),
}

impl<'a> Reader<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self> {
        match column.data_type() {
            DataType::Date32 => Ok(Self::Days(column.as_primitive::<Date32Type>().values())),
            DataType::Int64 => Ok(Self::Numbers(column.as_primitive::<Int64Type>().values())),
            DataType::Utf8View => Ok(Self::Views(column.as_string_view())),
            DataType::Utf8 => Ok(Self::Texts(column.as_string())),
            other => Err(DataFusionError::Plan(format!("about(…) takes text, days and whole numbers, not {other}"))),
        }
    }

    fn append(&self, row: usize, bytes: &mut Vec<u8>) {
        match self {
            Self::Days(days) => bytes.extend_from_slice(&days[row].to_le_bytes()),
            Self::Numbers(numbers) => bytes.extend_from_slice(&numbers[row].to_le_bytes()),
            Self::Views(texts) => bytes.extend_from_slice(texts.value(row).as_bytes()),
            Self::Texts(texts) => bytes.extend_from_slice(texts.value(row).as_bytes()),
        }
        bytes.push(0x1f);
    }
}
