//! `json_text(json, key)`: what an object in JSON holds under a key of its own (not of objects within it), as text.
//!
//! In: a column of texts, and keys. Out: strings without quotes, anything else as it is written; nothing where the text
//! is no object, the key is not there, or its value is `null`.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, StringViewArray, StringViewBuilder};
use arrow::compute::cast;
use arrow_schema::DataType;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use serde_json::{Map, Value};

pub(super) fn json_text() -> ScalarUDF {
    create_udf(
        "json_text",
        vec![DataType::Utf8View; 2],
        DataType::Utf8View,
        Volatility::Immutable,
        Arc::new(|args: &[ColumnarValue]| {
            let columns = ColumnarValue::values_to_arrays(args)?;
            let texts = columns.iter().map(|column| cast(column, &DataType::Utf8View));
            let texts: Vec<ArrayRef> = texts.collect::<Result<_, arrow::error::ArrowError>>()?;
            let texts: Vec<&StringViewArray> = texts.iter().map(|column| column.as_string_view()).collect();
            let [objects, keys] = texts.as_slice() else {
                return Err(DataFusionError::Plan("call it as json_text(json, key)".into()));
            };
            let mut found = StringViewBuilder::with_capacity(objects.len());
            for row in 0..objects.len() {
                let is_given = objects.is_valid(row) && keys.is_valid(row);
                found.append_option(is_given.then(|| text_at(objects.value(row), keys.value(row))).flatten());
            }
            Ok(ColumnarValue::Array(Arc::new(found.finish())))
        }),
    )
}

fn text_at(object: &str, key: &str) -> Option<String> {
    let mut object: Map<String, Value> = serde_json::from_str(object).ok()?;
    match object.remove(key)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::text_at;

    #[test]
    fn own_keys_are_found_and_those_within_are_not() {
        let text = r#"{"like":[{"name":"other"}],"name":"a \"b\"","age":3,"no":null}"#;
        assert_eq!(text_at(text, "name").as_deref(), Some("a \"b\""));
        assert_eq!(text_at(text, "age").as_deref(), Some("3"));
        assert_eq!(
            [text_at(text, "no"), text_at(text, "period"), text_at("[1]", "name"), text_at("{", "name")],
            [const { None }; 4]
        );
    }
}
