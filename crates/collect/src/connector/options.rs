//! The options of a connector in words, for help texts and reference pages: read from their JSON schema.

use serde_json::Value;

use super::Entry;

/// An option of a connector.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionOf {
    /// Its name.
    pub name: String,
    /// What it holds, in words: `text`, `list of text`, `whole number`.
    pub kind: String,
    /// Whether it has to be given.
    pub is_required: bool,
    /// What it is if it is not given.
    pub default: Option<Value>,
    /// What it means.
    pub doc: String,
}

impl Entry {
    /// Its options, those that have to be given first.
    pub fn options(&self) -> Vec<OptionOf> {
        options_in(&self.schema())
    }
}

fn options_in(schema: &Value) -> Vec<OptionOf> {
    let required: Vec<&str> =
        schema["required"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let mut options: Vec<OptionOf> = properties
        .iter()
        .map(|(name, property)| OptionOf {
            name: name.clone(),
            kind: kind_of(property, schema),
            is_required: required.contains(&name.as_str()),
            default: property.get("default").filter(|value| !value.is_null()).cloned(),
            doc: property["description"].as_str().unwrap_or_default().replace('\n', " "),
        })
        .collect();
    options.sort_by_key(|option| !option.is_required);
    options
}

fn kind_of(property: &Value, schema: &Value) -> String {
    if let Some(reference) = property["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return kind_of(&schema["$defs"][name], schema);
    }
    if let Some(ways) = property["anyOf"].as_array().or(property["oneOf"].as_array()) {
        let kinds: Vec<String> = ways.iter().map(|way| kind_of(way, schema)).filter(|kind| kind != "null").collect();
        return kinds.join(" or ");
    }
    if let Some(words) = property["enum"].as_array() {
        return words.iter().filter_map(Value::as_str).map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
    }
    let named = match &property["type"] {
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect::<Vec<_>>().join(" or ")
        }
        _ => return "anything".into(),
    };
    match named.as_str() {
        "string" => "text".into(),
        "array" => format!("list of {}", kind_of(&property["items"], schema)),
        "object" => "table".into(),
        "integer" => "whole number".into(),
        "boolean" => "true or false".into(),
        _ => named,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_are_told_in_words() {
        let schema = json!({
            "required": ["names"],
            "properties": {
                "days": {"type": "integer", "default": 90, "description": "How many\ndays."},
                "kind": {"anyOf": [{"$ref": "#/$defs/Kind"}, {"type": "null"}]},
                "names": {"type": "array", "items": {"type": "string"}},
                "note": {"type": ["string", "null"]},
            },
            "$defs": {"Kind": {"enum": ["day", "month"]}},
        });
        let told: Vec<(String, String, bool)> =
            options_in(&schema).into_iter().map(|it| (it.name, it.kind, it.is_required)).collect();
        let expected = [
            ("names", "list of text", true),
            ("days", "whole number", false),
            ("kind", "\"day\" or \"month\"", false),
            ("note", "text", false),
        ];
        assert_eq!(told, expected.map(|(name, kind, is_required)| (name.to_owned(), kind.to_owned(), is_required)));
        assert_eq!(options_in(&schema)[1].doc, "How many days.");
    }
}
