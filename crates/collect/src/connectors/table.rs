//! Parquet files or a Delta table that somebody else writes: a data team's marts, a vendor's delivery to a bucket.

use schemars::JsonSchema;
use serde::Deserialize;

use super::json_lines;
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct Table;

/// Which rows of which table.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Folder, file or address: `data/marts/usage`, `s3://bucket/usage`.
    address: String,
    /// What is written there.
    #[serde(default)]
    format: Format,
    /// Condition in SQL over its columns, for example `country = 'CN'`; all rows if not given.
    #[serde(default)]
    condition: Option<String>,
    /// The columns to read; all if none are given.
    #[serde(default)]
    columns: Vec<String>,
    /// The column whose largest value is where the next run goes on: later runs read only rows above it.
    #[serde(default)]
    cursor_column: Option<String>,
}

/// How a table is kept.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Parquet files.
    #[default]
    Parquet,
    /// A Delta table.
    Delta,
}

impl Connector for Table {
    const SPEC: Spec = Spec {
        name: "table",
        title: "Table of Parquet or Delta",
        doc: "The rows of Parquet files or of a Delta table in a folder or an object store, all of them or those after the \
              last run's.",
        homepage: "https://delta.io",
        licence: "that of the source",
        redistribute: true,
        price: "free",
        freshness: "that of the table",
        requests_per_minute: 60.0,
        schedule: "0 6 * * *",
        class: Class::Generic,
        is_crawler: false,
        is_snapshot: false,
        needs_map: true,
        checked: "2026-11-25, requests and rows by recorded cases; reading the files is the lake's own",
        example: "address = \"s3://warehouse/marts/usage\"\nformat = \"delta\"\ncursor_column = \"updated_at\"",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        if options.address.trim().is_empty() {
            return Err("say in address where the table is".into());
        }
        let mut columns = options.columns.clone();
        let mut conditions: Vec<String> = options.condition.iter().map(|condition| format!("({condition})")).collect();
        if let Some(column) = &options.cursor_column {
            if !columns.is_empty() && !columns.contains(column) {
                columns.push(column.clone());
            }
            let from_day = window.since.map(|day| (day.to_string(), ">="));
            let after_cursor = window.cursor.clone().map(|cursor| (cursor, ">"));
            if let Some((from, comparison)) = from_day.or(after_cursor) {
                conditions.push(format!("{} {comparison} {}", quoted_name(column), literal(&from)));
            }
        }
        let format = match options.format {
            Format::Parquet => "parquet",
            Format::Delta => "delta",
        };
        let via = Via::Table {
            address: options.address.clone(),
            condition: conditions.join(" AND "),
            columns,
            format: format.into(),
        };
        Ok(vec![Request { slot: "rows".into(), kind: "rows", via, context: Default::default(), is_once: false }])
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        json_lines::rows(page, options.cursor_column.as_deref())
    }
}

fn quoted_name(column: &str) -> String {
    format!("\"{}\"", column.replace('"', "\"\""))
}

/// A value in SQL: numbers as they are, all else in quotes.
fn literal(value: &str) -> String {
    match value.parse::<f64>() {
        Ok(number) if number.is_finite() => value.to_owned(),
        _ => format!("'{}'", value.replace('\'', "''")),
    }
}
