//! Rows of JSON objects: one field per column name; nested objects by dotted names, lists of plain values joined by `;`.

use hashbrown::HashMap;
use serde_json::{Map, Value};

use super::row::{Fault, Item, Row};
use crate::reading::blocks::Syntax;
use crate::reading::json_scan::ElementScan;

/// Where each column name stands in a row.
pub(crate) type ColumnPlaces = HashMap<String, usize>;

/// Walks through the objects of a block.
pub(crate) struct JsonRows<'a> {
    bytes: &'a [u8],
    columns: &'a ColumnPlaces,
    is_lines: bool,
    place: usize,
    number: u64,
    n_blank: u64,
    scan: ElementScan,
    text: String,
    spans: Vec<(u32, u32)>,
}

impl<'a> JsonRows<'a> {
    pub(crate) fn new(bytes: &'a [u8], syntax: Syntax, first_number: u64, columns: &'a ColumnPlaces) -> Self {
        Self {
            bytes,
            columns,
            is_lines: syntax == Syntax::JsonLines,
            place: 0,
            number: first_number,
            n_blank: 0,
            scan: ElementScan::default(),
            text: String::new(),
            spans: Vec::new(),
        }
    }

    /// Blank lines passed over so far.
    pub(crate) fn n_blank(&self) -> u64 {
        self.n_blank
    }

    /// The next object.
    pub(crate) fn next(&mut self) -> Option<Item<'_>> {
        let (number, element) = if self.is_lines { self.next_line()? } else { self.next_element()? };
        let raw = match std::str::from_utf8(element) {
            Ok(raw) => raw,
            Err(_) => return Some(broken(number, element, "text in UTF-8", "correct the bytes of this record")),
        };
        match serde_json::from_str::<Value>(raw) {
            Ok(Value::Object(object)) => {
                fill(&object, self.columns, &mut self.text, &mut self.spans);
                Some(Item::Row(Row::new(number, &self.text, &self.spans, Some(raw))))
            }
            Ok(_) => Some(broken(number, element, "an object", "write each record as {\"column\": value, …}")),
            Err(error) => Some(broken(number, element, "JSON", &format!("correct it: {error}"))),
        }
    }

    fn next_line(&mut self) -> Option<(u64, &'a [u8])> {
        loop {
            let rest = self.bytes.get(self.place..).filter(|rest| !rest.is_empty())?;
            let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let number = self.number;
            self.place += length + 1;
            self.number += 1;
            let line = rest[..length].trim_ascii();
            if !line.is_empty() {
                return Some((number, line));
            }
            self.n_blank += 1;
        }
    }

    fn next_element(&mut self) -> Option<(u64, &'a [u8])> {
        let number = self.number;
        if let Some(range) = self.scan.next(self.bytes) {
            self.number += 1;
            return Some((number, &self.bytes[range]));
        }
        let start = self.scan.unfinished().filter(|_| self.place == 0)?;
        // Said once: the array breaks off here.
        self.place = self.bytes.len();
        Some((number, &self.bytes[start..]))
    }
}

/// Writes an object's fields in the order of the columns.
pub(crate) fn fill(
    object: &Map<String, Value>,
    columns: &ColumnPlaces,
    text: &mut String,
    spans: &mut Vec<(u32, u32)>,
) {
    text.clear();
    spans.clear();
    spans.resize(columns.len(), (0, 0));
    let mut path = String::new();
    walk(object, &mut path, &mut |name, value| {
        if let Some(column) = columns.get(name) {
            let start = text.len() as u32;
            push_cell(text, value);
            spans[*column] = (start, text.len() as u32);
        }
    });
}

/// The names under which an object's fields are found, in their order.
pub(crate) fn names_of(object: &Map<String, Value>, visit: &mut dyn FnMut(&str)) {
    walk(object, &mut String::new(), &mut |name, _| visit(name));
}

fn walk(object: &Map<String, Value>, path: &mut String, visit: &mut dyn FnMut(&str, &Value)) {
    for (name, value) in object {
        let length = path.len();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        match value {
            Value::Object(inner) => walk(inner, path, visit),
            value => visit(path, value),
        }
        path.truncate(length);
    }
}

/// Adds a value as the text of a cell.
fn push_cell(text: &mut String, value: &Value) {
    match value {
        Value::String(value) => text.push_str(value),
        Value::Array(values) => {
            let values: Vec<String> = values.iter().filter_map(plain_text).collect();
            text.push_str(&values.join(";"));
        }
        plain => text.push_str(&plain_text(plain).unwrap_or_default()),
    }
}

fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn broken<'a>(number: u64, raw: &[u8], expected: &str, remedy: &str) -> Item<'a> {
    let shown = String::from_utf8_lossy(raw).into_owned();
    let fault = Fault::new("", &shown, expected, remedy);
    Item::Broken { number, shown, fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> ColumnPlaces {
        names.iter().enumerate().map(|(place, name)| ((*name).to_owned(), place)).collect()
    }

    fn shown(text: &str, syntax: Syntax, names: &[&str]) -> Vec<String> {
        let columns = columns(names);
        let mut rows = JsonRows::new(text.as_bytes(), syntax, 1, &columns);
        let mut found = Vec::new();
        while let Some(item) = rows.next() {
            found.push(match item {
                Item::Row(row) => {
                    let fields: Vec<&str> = (0..row.n_fields()).map(|column| row.field(column)).collect();
                    format!("{}:{}", row.number, fields.join("|"))
                }
                Item::Broken { number, fault, .. } => format!("{number}!{}", fault.expected),
            });
        }
        found
    }

    #[test]
    fn nested_names_are_dotted_and_lists_joined() {
        let text = r#"{"a":{"b":1.5},"c":["x","y"],"d":null,"e":true}"#;
        assert_eq!(shown(text, Syntax::JsonLines, &["a.b", "c", "d", "e"]), ["1:1.5|x;y||true"]);
    }

    #[test]
    fn broken_lines_and_elements_stand_alone() {
        assert_eq!(shown("{\"a\":1}\n{oops\n\n{\"a\":2}", Syntax::JsonLines, &["a"]), ["1:1", "2!JSON", "4:2"]);
        assert_eq!(
            shown("{\"a\":1},7,{\"a\":2},{\"a\"", Syntax::JsonArray, &["a"]),
            ["1:1", "2!an object", "3:2", "4!JSON"]
        );
    }
}
