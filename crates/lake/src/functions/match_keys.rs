//! `match_keys(text, kind)`: the blocking keys of a text, as a list of whole numbers, to join by.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, Int64Builder, ListBuilder};
use arrow::compute::cast;
use arrow_schema::{DataType, Field};
use crowsnest_model::name::{BlockingKey, blocking_keys};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::scalar::ScalarValue;

/// Kinds: `name`, `word`, `gram`.
pub(super) fn match_keys() -> ScalarUDF {
    create_udf(
        "match_keys",
        vec![DataType::Utf8, DataType::Utf8],
        DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true))),
        Volatility::Immutable,
        Arc::new(|args: &[ColumnarValue]| {
            let [texts, ColumnarValue::Scalar(ScalarValue::Utf8(Some(kind)))] = args else {
                return Err(DataFusionError::Plan("call it as match_keys(text, 'name' | 'word' | 'gram')".into()));
            };
            let kind: BlockingKey = kind.parse().map_err(|error| DataFusionError::Plan(format!("{error}")))?;
            let n_rows = if let ColumnarValue::Array(texts) = texts { texts.len() } else { 1 };
            keys(texts, n_rows, kind)
        }),
    )
}

fn keys(texts: &ColumnarValue, n_rows: usize, kind: BlockingKey) -> Result<ColumnarValue> {
    let texts = cast(&texts.to_array(n_rows)?, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in 0..n_rows {
        if texts.is_valid(row) {
            lists.values().append_slice(&blocking_keys(texts.value(row), kind));
        }
        lists.append(true);
    }
    Ok(ColumnarValue::Array(Arc::new(lists.finish())))
}
