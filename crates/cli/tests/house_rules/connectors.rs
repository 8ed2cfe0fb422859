//! The reference pages of the connectors: an index, and a page for each, made from its `SPEC` and its options.

use std::fmt::Write as _;

use crowsnest_run::connector::{Entry, OptionOf};
use crowsnest_run::connectors::CONNECTORS;

use crate::reference::{cell, head};

/// What is in the list and how it was checked.
pub(crate) fn index() -> String {
    let mut page = head("Connectors", "crates/collect/src/connectors");
    page.push_str(
        "What a source in `sources/NAME.toml` can be collected by; `crowsnest source connectors` tells the same. Generic ones read\n\
         any source that speaks a common format, and need a mapping; public ones read one source that is open to all.\n\n\
         | connector | class | what | price | checked |\n|---|---|---|---|---|\n",
    );
    for Entry { spec, .. } in CONNECTORS {
        let (name, class) = (spec.name, spec.class.as_str());
        let (doc, price, checked) = (cell(spec.doc), cell(spec.price), cell(spec.checked));
        writeln!(page, "| [`{name}`](connectors/{name}.md) | {class} | {doc} | {price} | {checked} |").unwrap();
    }
    page
}

/// A page for each connector, with its place.
pub(crate) fn pages() -> Vec<(String, String)> {
    CONNECTORS.iter().map(|entry| (format!("connectors/{}.md", entry.spec.name), page(entry))).collect()
}

fn page(entry: &Entry) -> String {
    let spec = entry.spec;
    let mut page = head(spec.title, &format!("crates/collect/src/connectors/{}.rs", spec.name));
    writeln!(page, "{}\n\n| | |\n|---|---|", spec.doc).unwrap();
    let yes = |fact: bool| if fact { "yes" } else { "no" };
    let facts = [
        ("connector", format!("`{}`", spec.name)),
        ("class", spec.class.as_str().to_owned()),
        ("documented at", format!("<{}>", spec.homepage)),
        ("licence", spec.licence.to_owned()),
        ("rows may be passed on", yes(spec.redistribute).to_owned()),
        ("price", spec.price.to_owned()),
        ("freshness", spec.freshness.to_owned()),
        ("requests a minute, at most", spec.requests_per_minute.to_string()),
        ("schedule that suits most", format!("`{}` (UTC)", spec.schedule)),
        ("obeys `robots.txt`", if spec.is_crawler { "always" } else { "if the source's file says so" }.to_owned()),
        ("an answer is of the day on which it is fetched", yes(spec.is_snapshot).to_owned()),
        ("needs a mapping", yes(spec.needs_map).to_owned()),
        ("checked", spec.checked.to_owned()),
    ];
    for (name, fact) in facts {
        writeln!(page, "| {name} | {} |", cell(&fact)).unwrap();
    }
    page.push_str("\n## Options\n\n");
    let options = entry.options();
    page.push_str(&table_of("option", &options));
    for option in &options {
        for form in &option.forms {
            write!(page, "\n### `{} = {{ kind = \"{}\", … }}`\n\n{}\n", option.name, form.kind, form.doc).unwrap();
            if !form.keys.is_empty() {
                write!(page, "\n{}", table_of("key", &form.keys)).unwrap();
            }
        }
    }
    page.push_str("\n## Example\n\n```toml\n");
    writeln!(page, "name = \"{}\"\n", spec.title).unwrap();
    writeln!(page, "[collect]\nconnector = \"{}\"\nschedule = \"{}\"\n", spec.name, spec.schedule).unwrap();
    writeln!(page, "[options]\n{}\n```", spec.example.trim()).unwrap();
    page
}

fn table_of(what: &str, options: &[OptionOf]) -> String {
    let mut table = format!("| {what} | type | if left out | what |\n|---|---|---|---|\n");
    for option in options {
        let left_out = match (option.is_required, &option.default) {
            (true, _) => "required".to_owned(),
            (false, Some(default)) => format!("`{default}`"),
            (false, None) => String::new(),
        };
        let (kind, doc) = (cell(&option.kind), cell(&option.doc));
        writeln!(table, "| `{}` | {kind} | {} | {doc} |", option.name, cell(&left_out)).unwrap();
    }
    table
}

#[test]
fn examples_are_options_that_a_connector_takes() {
    let mut faults = Vec::new();
    for entry in CONNECTORS {
        let name = entry.spec.name;
        match entry.spec.example.parse::<toml::Table>() {
            // What follows the options in a file (`[map]`) is not the connector's.
            Ok(mut options) => {
                options.remove("map");
                faults.extend(entry.configure(&options).err().map(|message| format!("{name}: {message}")));
            }
            Err(error) => faults.push(format!("{name}: the example is not TOML: {error}")),
        }
        let undocumented = entry.options().into_iter().filter(|option| option.doc.is_empty());
        faults.extend(undocumented.map(|option| format!("{name}: option {} is not documented", option.name)));
    }
    crate::expect_none(faults, "correct `example` in the connector's SPEC, and give every option a doc comment");
}
