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
    /// The forms it has, where it is a table of one of several kinds.
    pub forms: Vec<FormOf>,
}

/// One form of an option that is a table: `kind = "…"` says which.
#[derive(Debug, Clone, PartialEq)]
pub struct FormOf {
    /// The kind.
    pub kind: String,
    /// What it means.
    pub doc: String,
    /// Its other keys, those that have to be given first.
    pub keys: Vec<OptionOf>,
}

impl Entry {
    /// Its options, those that have to be given first.
    pub fn options(&self) -> Vec<OptionOf> {
        options_in(&self.schema())
    }
}

fn options_in(schema: &Value) -> Vec<OptionOf> {
    keys_of(schema, schema)
}

/// The keys of a table; `schema` holds what its parts refer to.
fn keys_of(table: &Value, schema: &Value) -> Vec<OptionOf> {
    let required: Vec<&str> =
        table["required"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let Some(properties) = table["properties"].as_object() else { return Vec::new() };
    let mut options: Vec<OptionOf> = properties
        .iter()
        .map(|(name, property)| OptionOf {
            name: name.clone(),
            kind: kind_of(property, schema),
            is_required: required.contains(&name.as_str()),
            default: property.get("default").filter(|value| !value.is_null()).cloned(),
            doc: doc_of(property),
            forms: forms_of(property, schema),
        })
        .collect();
    options.sort_by_key(|option| !option.is_required);
    options
}

fn doc_of(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}

fn referred<'a>(reference: &str, schema: &'a Value) -> &'a Value {
    &schema["$defs"][reference.rsplit('/').next().unwrap_or_default()]
}

fn ways_of(property: &Value) -> Option<&Vec<Value>> {
    property["anyOf"].as_array().or(property["oneOf"].as_array())
}

fn forms_of(property: &Value, schema: &Value) -> Vec<FormOf> {
    if let Some(reference) = property["$ref"].as_str() {
        return forms_of(referred(reference, schema), schema);
    }
    if let Some(ways) = ways_of(property) {
        return ways.iter().flat_map(|way| forms_of(way, schema)).collect();
    }
    let Some(kind) = property["properties"]["kind"]["const"].as_str() else { return Vec::new() };
    let keys = keys_of(property, schema).into_iter().filter(|key| key.name != "kind").collect();
    vec![FormOf { kind: kind.to_owned(), doc: doc_of(property), keys }]
}

fn kind_of(property: &Value, schema: &Value) -> String {
    if let Some(reference) = property["$ref"].as_str() {
        return kind_of(referred(reference, schema), schema);
    }
    if let Some(ways) = ways_of(property) {
        let mut kinds: Vec<String> =
            ways.iter().map(|way| kind_of(way, schema)).filter(|kind| kind != "null").collect();
        kinds.dedup();
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
    #[test]
    fn forms_of_a_table_are_told_by_kind() {
        let schema = json!({
            "properties": {"auth": {"anyOf": [{"$ref": "#/$defs/Auth"}, {"type": "null"}]}},
            "$defs": {"Auth": {"oneOf": [
                {"type": "object", "description": "A token.", "required": ["kind", "token"],
                 "properties": {"kind": {"type": "string", "const": "bearer"}, "token": {"type": "string"}}},
                {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string", "const": "none"}}},
            ]}},
        });
        let auth = options_in(&schema).remove(0);
        assert_eq!(auth.kind, "table");
        let told: Vec<(&str, usize)> = auth.forms.iter().map(|form| (form.kind.as_str(), form.keys.len())).collect();
        assert_eq!(told, [("bearer", 1), ("none", 0)]);
        assert_eq!((auth.forms[0].doc.as_str(), auth.forms[0].keys[0].name.as_str()), ("A token.", "token"));
    }
}
