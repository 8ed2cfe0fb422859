//! The tables of `model::tables` as Arrow and Delta schemas.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use crowsnest_model::tables::{Column, ColumnType, Table};
use deltalake::kernel::{DataType as DeltaType, PrimitiveType, StructField};

/// The Arrow schema of a table's batches: `Int64`, `Float64`, `Utf8`, `Date32`, `Timestamp(µs, UTC)`, `Boolean`.
pub fn arrow_schema(table: &Table) -> SchemaRef {
    let fields: Vec<Field> = table
        .columns
        .iter()
        .map(|column| Field::new(column.name, arrow_type(column.column_type), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The schema that scans give: text as `Utf8View`, which filters and groups faster; all columns nullable, because
/// files of an older lake lack the newer columns.
pub(crate) fn scan_schema(table: &Table) -> SchemaRef {
    let fields: Vec<Field> = table
        .columns
        .iter()
        .map(|column| {
            let data_type = match column.column_type {
                ColumnType::Text => DataType::Utf8View,
                other => arrow_type(other),
            };
            Field::new(column.name, data_type, true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// The Arrow type of a column.
pub fn arrow_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Text => DataType::Utf8,
        ColumnType::Day => DataType::Date32,
        ColumnType::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Boolean => DataType::Boolean,
    }
}

/// A table's columns for Delta. All are nullable there: what must be present is checked before rows are written.
pub(crate) fn delta_fields(columns: &[Column]) -> Vec<StructField> {
    columns
        .iter()
        .map(|column| {
            let primitive = match column.column_type {
                ColumnType::Int64 => PrimitiveType::Long,
                ColumnType::Float64 => PrimitiveType::Double,
                ColumnType::Text => PrimitiveType::String,
                ColumnType::Day => PrimitiveType::Date,
                ColumnType::Instant => PrimitiveType::Timestamp,
                ColumnType::Boolean => PrimitiveType::Boolean,
            };
            StructField::new(column.name, DeltaType::Primitive(primitive), true)
        })
        .collect()
}
