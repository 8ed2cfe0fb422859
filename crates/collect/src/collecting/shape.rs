//! The shape of a document's records, and whether it is still the one that its readers know.
//!
//! A shape is, per field, of which types its values are and whether every record has it. A field that every record had
//! and none has now, or whose values are of quite another type, is a changed form: what would be read from it may be
//! wrong in a way that no single row tells. Fields that are new, or were sometimes missing, are nothing to worry about;
//! nor is a document without records: nothing happened, or the connector says that it is not what it should be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::connector::Record;

/// Fewer records than this say nothing on what is always there.
const RECORDS_MIN: usize = 3;
/// Records that are looked at.
const RECORDS_MAX: usize = 500;

/// Per field, what its values are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shape {
    n_records: usize,
    fields: BTreeMap<String, Held>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Held {
    types: Vec<String>,
    n: usize,
}

impl Shape {
    /// The shape of records; only of the fields that are read, where that is known.
    pub(crate) fn of(records: &[Record], read: Option<&[String]>) -> Self {
        let mut shape = Self::default();
        for record in records.iter().take(RECORDS_MAX) {
            shape.n_records += 1;
            for (name, value) in record {
                let is_read = read.is_none_or(|read| read.iter().any(|read| is_within(name, read)));
                if !is_read || value.is_null() {
                    continue;
                }
                let held = shape.fields.entry(name.clone()).or_default();
                held.n += 1;
                let kind = kind_of(value).to_owned();
                if !held.types.contains(&kind) {
                    held.types.push(kind);
                }
            }
        }
        shape
    }

    /// The shape of a file with column names.
    pub(crate) fn of_columns(columns: &[String]) -> Self {
        let held = || Held { types: vec!["text".into()], n: RECORDS_MIN };
        Self { n_records: RECORDS_MIN, fields: columns.iter().map(|name| (name.clone(), held())).collect() }
    }

    pub(crate) fn to_text(&self) -> String {
        // Infallible: texts and numbers can be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether it tells anything of what comes after it.
    pub(crate) fn is_telling(&self) -> bool {
        self.n_records >= RECORDS_MIN
    }

    /// What has become of this shape, a line each; empty where nothing did that matters.
    pub(crate) fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if now.n_records == 0 || !self.is_telling() {
            return changes;
        }
        for (name, held) in &self.fields {
            let was_always = held.n == self.n_records;
            match now.fields.get(name) {
                None if was_always => changes.push(format!("- {name} ({})", held.types.join(" or "))),
                Some(found) if !found.types.iter().any(|kind| held.types.contains(kind)) => {
                    changes.push(format!("- {name} ({})", held.types.join(" or ")));
                    changes.push(format!("+ {name} ({})", found.types.join(" or ")));
                }
                _ => {}
            }
        }
        changes
    }

    /// Fields that are new, a line each.
    pub(crate) fn additions(&self, now: &Self) -> Vec<String> {
        let is_new = |(name, _): &(&String, &Held)| !self.fields.contains_key(*name);
        now.fields.iter().filter(is_new).map(|(name, held)| format!("+ {name} ({})", held.types.join(" or "))).collect()
    }
}

/// Whether a mapping that reads `read` (`stats.users`) reads something of the field `name` (`stats`).
fn is_within(name: &str, read: &str) -> bool {
    read == name || read.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "truth value",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        let records: Vec<Record> = serde_json::from_str(text).unwrap();
        Shape::of(&records, None)
    }

    const GOOD: &str = r#"[{"a":1,"b":"x","c":1},{"a":2,"b":"y"},{"a":null,"b":"z"}]"#;

    #[test]
    fn what_was_always_there_and_is_gone_is_told() {
        assert_eq!(shape(GOOD).changes(&shape(r#"[{"a":1,"name":"x"}]"#)), ["- b (text)"]);
        assert_eq!(shape(GOOD).additions(&shape(r#"[{"a":1,"name":"x"}]"#)), ["+ name (text)"]);
        assert_eq!(shape(GOOD).changes(&shape(r#"[{"a":{"v":1},"b":"x"}]"#)), ["- a (number)", "+ a (object)"]);
    }

    #[test]
    fn what_may_be_missing_and_what_is_new_is_no_change() {
        assert!(shape(GOOD).changes(&shape(r#"[{"b":"x","d":1}]"#)).is_empty());
        assert!(shape(GOOD).changes(&shape("[]")).is_empty());
        assert!(shape("[{\"a\":1}]").changes(&shape("[{\"b\":1}]")).is_empty(), "one record says nothing");
        assert_eq!(Shape::parse(&shape(GOOD).to_text()).unwrap(), shape(GOOD));
    }

    #[test]
    fn only_what_is_read_counts() {
        let records: Vec<Record> = serde_json::from_str(GOOD).unwrap();
        let read = ["a".to_owned(), "stats.users".to_owned()];
        let shape = Shape::of(&records, Some(&read));
        assert_eq!(shape.fields.keys().collect::<Vec<_>>(), ["a"]);
        assert!(is_within("stats", "stats.users") && !is_within("stat", "stats.users"));
    }
}
