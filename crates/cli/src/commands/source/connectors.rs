//! `crowsnest source connectors`: what there is, and which options each has.

use std::fmt::Write as _;

use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_run::connector::Entry;
use crowsnest_run::connectors::{CONNECTORS, connector};
use crowsnest_run::presets::PRESETS;
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::print;
use crate::table::{Cell, Column, column};

#[derive(Serialize)]
struct Line {
    connector: &'static str,
    class: &'static str,
    title: &'static str,
    doc: &'static str,
    price: &'static str,
    freshness: &'static str,
    homepage: &'static str,
    checked: &'static str,
}

const FIELDS: &[(&str, Holds)] = &[
    ("connector", Holds::Text),
    ("class", Holds::Text),
    ("title", Holds::Text),
    ("doc", Holds::Text),
    ("price", Holds::Text),
    ("freshness", Holds::Text),
    ("homepage", Holds::Text),
    ("checked", Holds::Text),
];

const COLUMNS: &[Column] = &[
    column("connector", "connector", Cell::Text),
    column("class", "class", Cell::Text),
    column("doc", "what it brings in", Cell::Text),
    column("price", "price", Cell::Text),
];

pub(super) fn tell(context: &Context, name: Option<&str>) -> Result<Done, Failure> {
    if let Some(name) = name {
        print::line(page(known(name)?).trim_end())?;
        return Ok(Done::Well);
    }
    let lines: Vec<Line> = CONNECTORS
        .iter()
        .map(|entry| Line {
            connector: entry.spec.name,
            class: entry.spec.class.as_str(),
            title: entry.spec.title,
            doc: entry.spec.doc,
            price: entry.spec.price,
            freshness: entry.spec.freshness,
            homepage: entry.spec.homepage,
            checked: entry.spec.checked,
        })
        .collect();
    context.print(&own_rows::answer(FIELDS, &lines)?, Layout::of(COLUMNS))?;
    Ok(Done::Well)
}

#[derive(Serialize)]
struct PresetLine {
    preset: &'static str,
    vendor: String,
    export: String,
    verified: String,
    homepage: String,
}

const PRESET_FIELDS: &[(&str, Holds)] = &[
    ("preset", Holds::Text),
    ("vendor", Holds::Text),
    ("export", Holds::Text),
    ("verified", Holds::Text),
    ("homepage", Holds::Text),
];

const PRESET_COLUMNS: &[Column] = &[
    column("preset", "preset", Cell::Text),
    column("vendor", "vendor", Cell::Text),
    column("export", "export", Cell::Text),
    column("verified", "verified", Cell::Text),
];

/// Lists the presets.
pub(super) fn presets(context: &Context) -> Result<Done, Failure> {
    let mut lines = Vec::new();
    for preset in PRESETS {
        let content = preset.content().map_err(|message| Failure::ours("reading a preset", message))?;
        let (vendor, export) = (content.vendor, content.export);
        let (verified, homepage) = (content.verified, content.homepage);
        lines.push(PresetLine { preset: preset.name, vendor, export, verified, homepage });
    }
    context.print(&own_rows::answer(PRESET_FIELDS, &lines)?, Layout::of(PRESET_COLUMNS))?;
    Ok(Done::Well)
}

/// The connector of that name.
pub(super) fn known(name: &str) -> Result<&'static Entry, Failure> {
    connector(name).ok_or_else(|| {
        let alike = CONNECTORS.iter().map(|entry| entry.spec.name).find(|known| known.contains(name));
        let hint =
            alike.map_or("see `crowsnest source connectors`".to_owned(), |alike| format!("do you mean {alike}?"));
        Failure::users(format!("there is no connector {name:?}"), hint)
    })
}

/// An option of a connector.
pub(super) struct OptionOf {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) is_required: bool,
    pub(super) default: Option<Value>,
    pub(super) doc: String,
}

/// The options of a connector, those that have to be given first.
pub(super) fn options_of(entry: &Entry) -> Vec<OptionOf> {
    let schema = entry.schema();
    let required: Vec<&str> =
        schema["required"].as_array().map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let Some(properties) = schema["properties"].as_object() else { return Vec::new() };
    let mut options: Vec<OptionOf> = properties
        .iter()
        .map(|(name, property)| OptionOf {
            name: name.clone(),
            kind: kind_of(property, &schema),
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

fn page(entry: &Entry) -> String {
    let spec = entry.spec;
    let mut page = format!("{} ({})\n{}\n\n", spec.title, spec.name, spec.doc);
    let facts = [
        ("documented at", spec.homepage.to_owned()),
        ("licence", spec.licence.to_owned()),
        ("price", spec.price.to_owned()),
        ("freshness", spec.freshness.to_owned()),
        ("requests a minute", spec.requests_per_minute.to_string()),
        ("suggested schedule", spec.schedule.to_owned()),
        ("checked", spec.checked.to_owned()),
    ];
    for (name, fact) in facts {
        // Infallible: writing to a String never fails.
        let _ = writeln!(page, "{name}: {fact}");
    }
    page.push_str("\n[options]\n");
    for option in options_of(entry) {
        let needed = match (&option.default, option.is_required) {
            (_, true) => "required".to_owned(),
            (Some(default), _) => format!("default {default}"),
            (None, false) => "optional".to_owned(),
        };
        let _ = writeln!(page, "  {} ({}, {needed})\n      {}", option.name, option.kind, option.doc);
    }
    let _ = writeln!(page, "\nexample:\n{}", spec.example);
    page
}
