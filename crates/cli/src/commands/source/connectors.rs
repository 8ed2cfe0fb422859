//! `crowsnest source connectors`: what there is, and which options each has.

use std::fmt::Write as _;

use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_run::connector::Entry;
use crowsnest_run::connectors::{CONNECTORS, connector};
use crowsnest_run::presets::PRESETS;
use serde::Serialize;

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
    for option in entry.options() {
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
