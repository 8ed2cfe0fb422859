//! `name_keys(kind, name, native_id, developer, domain)`: what names that may be the same have in common, as a list of
//! whole numbers, to join by.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Int64Builder, ListBuilder, StringArray};
use arrow::compute::cast;
use arrow_schema::{DataType, Field};
use crowsnest_model::Kind;
use crowsnest_model::name::NameShape;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use xxhash_rust::xxh3::xxh3_64_with_seed;

const N_ARGUMENTS: usize = 5;

/// Ids, developers and domains are keys too; a missing one gives none.
pub(super) fn name_keys() -> ScalarUDF {
    create_udf(
        "name_keys",
        vec![DataType::Utf8; N_ARGUMENTS],
        DataType::List(Arc::new(Field::new_list_field(DataType::Int64, true))),
        Volatility::Immutable,
        Arc::new(|args: &[ColumnarValue]| {
            let columns = ColumnarValue::values_to_arrays(args)?;
            let texts = columns.iter().map(|column| cast(column, &DataType::Utf8));
            let texts: Vec<ArrayRef> = texts.collect::<Result<_, arrow::error::ArrowError>>()?;
            let texts: Vec<&StringArray> = texts.iter().map(|column| column.as_string::<i32>()).collect();
            let [kinds, names, ids, developers, domains] = texts.as_slice() else {
                return Err(DataFusionError::Plan(
                    "call it as name_keys(kind, name, native_id, developer, domain)".into(),
                ));
            };
            let mut lists = ListBuilder::new(Int64Builder::new());
            for row in 0..names.len() {
                let kind = kinds.value(row).parse::<Kind>().unwrap_or(Kind::Product);
                let mut keys = NameShape::of(kind, names.value(row)).keys(kind);
                for (sort, column) in [(1, ids), (2, developers), (3, domains)] {
                    let text = if column.is_valid(row) { column.value(row).trim() } else { "" };
                    if !text.is_empty() {
                        let seed = (kind as u64 + 1) << 16 | sort;
                        keys.push(xxh3_64_with_seed(text.to_lowercase().as_bytes(), seed).cast_signed());
                    }
                }
                lists.values().append_slice(&keys);
                lists.append(true);
            }
            Ok(ColumnarValue::Array(Arc::new(lists.finish())))
        }),
    )
}
