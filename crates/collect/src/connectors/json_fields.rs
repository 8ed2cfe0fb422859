//! What is picked out of JSON answers by its place, by connectors whose answers have more than a struct should list.

use serde_json::Value;

/// The text at a place (RFC 6901); empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().trim()
}

/// The list at a place; empty where there is none.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A number, or a text that is one; `None` for all else, also for what is not finite.
pub(crate) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// A value as a message shows it.
pub(crate) fn shown(value: Option<&Value>) -> String {
    const CHARS_MAX: usize = 80;
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string().chars().take(CHARS_MAX).collect())
}

/// The day with which an ISO text begins; empty where it begins otherwise.
pub(crate) fn day_of(moment: &str) -> &str {
    let day = moment.get(..10).unwrap_or_default();
    if day.parse::<jiff::civil::Date>().is_ok() { day } else { "" }
}
