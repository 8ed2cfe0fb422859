//! Rows that arrive as JSON lines, as those of a query or of somebody else's table do.

use serde_json::Value;

use super::answers::as_text;
use crate::connector::{Page, Parsed};

/// The rows, and the largest value of the column by which the source goes on.
pub(crate) fn rows(page: &Page<'_>, cursor_column: Option<&str>) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut largest: Option<Value> = None;
    let mut has_column = false;
    for line in page.body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()) {
        match serde_json::from_slice(line) {
            Ok(Value::Object(row)) => {
                if let Some(value) = cursor_column.and_then(|column| row.get(column)) {
                    has_column = true;
                    if largest.as_ref().is_none_or(|known| is_larger(value, known)) {
                        largest = Some(value.clone());
                    }
                }
                parsed.records.push(row);
            }
            Ok(other) => parsed.problem("", shortened(&other.to_string()), "an object"),
            Err(_) => parsed.problem("", shortened(&String::from_utf8_lossy(line)), "a row as JSON"),
        }
    }
    if let (Some(column), false, false) = (cursor_column, has_column, parsed.records.is_empty()) {
        return Err(format!("cursor_column {column:?} is not among the columns: add it to those that are read"));
    }
    parsed.cursor = largest.as_ref().and_then(as_text);
    Ok(parsed)
}

/// Numbers by their size, also where they are texts, as a database writes its decimals; other texts by their letters; what
/// is neither is smaller than all.
fn is_larger(value: &Value, known: &Value) -> bool {
    match (value, known) {
        (Value::Number(value), Value::Number(known)) => match (value.as_i64(), known.as_i64()) {
            (Some(value), Some(known)) => value > known,
            _ => value.as_f64() > known.as_f64(),
        },
        (Value::String(value), Value::String(known)) => match (value.parse::<f64>(), known.parse::<f64>()) {
            (Ok(value), Ok(known)) => value > known,
            // Without the zone, which would come after a fraction of a second.
            _ => value.trim_end_matches('Z') > known.trim_end_matches('Z'),
        },
        (Value::Number(_) | Value::String(_), known) => !matches!(known, Value::Number(_) | Value::String(_)),
        _ => false,
    }
}

/// The start of a text, for messages.
pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
