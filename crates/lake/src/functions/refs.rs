//! `claim_ref(mention_id, claim_id)` and `entity_hex(id)`: ids as people meet them in addresses.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, StringArray};
use arrow::datatypes::Int64Type;
use arrow_schema::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use crate::identity::entity_hex;

/// 32 hexadecimal digits: the mention's and the claim's.
pub(super) fn claim_ref() -> ScalarUDF {
    create_udf(
        "claim_ref",
        vec![DataType::Int64, DataType::Int64],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(|args: &[ColumnarValue]| {
            let arrays = ColumnarValue::values_to_arrays(args)?;
            let (mentions, claims) = (arrays[0].as_primitive::<Int64Type>(), arrays[1].as_primitive::<Int64Type>());
            let refs: StringArray = mentions
                .iter()
                .zip(claims)
                .map(|(mention, claim)| Some(crowsnest_model::claim_ref(mention?, claim?)))
                .collect();
            text(refs)
        }),
    )
}

/// 16 hexadecimal digits of an id.
pub(super) fn entity_hex_function() -> ScalarUDF {
    create_udf(
        "entity_hex",
        vec![DataType::Int64],
        DataType::Utf8,
        Volatility::Immutable,
        Arc::new(|args: &[ColumnarValue]| {
            let arrays = ColumnarValue::values_to_arrays(args)?;
            let ids = arrays[0].as_primitive::<Int64Type>();
            text(ids.iter().map(|id| id.map(entity_hex)).collect())
        }),
    )
}

fn text(values: StringArray) -> Result<ColumnarValue> {
    Ok(ColumnarValue::Array(Arc::new(values) as ArrayRef))
}
