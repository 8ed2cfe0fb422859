//! What an agent needs to cite an answer: the page of every row, the sources with their terms, as of when it holds.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::ServeError;
use crate::api::asked::{Asked, Part};
use crate::api::form::row_objects;
use crate::request::push_query;

/// Fields of rows that an agent needs not read: they repeat others.
const NOT_TOLD: [&str; 4] = ["period_start", "period_end", "record", "subject"];

/// The answer as an agent gets it; `site` is the address of the pages.
///
/// # Errors
/// Where the rows cannot be written as JSON.
pub(crate) fn cited(asked: &Asked, part: &Part, site: &str) -> Result<Value, ServeError> {
    let mut rows = row_objects(part)?;
    let sources = sources(asked, &rows);
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(page) = page_of(asked, row) {
            row.insert("cite".to_owned(), json!(format!("{site}{page}")));
        }
        row.retain(|name, value| !value.is_null() && !NOT_TOLD.contains(&name.as_str()));
    }
    Ok(json!({
        "rows": rows,
        "facts": part.answer.facts,
        "notes": notes(part),
        "sources": sources,
        "as_of": asked.values.get("as_of").unwrap_or("now"),
        "answered_at": jiff::Timestamp::now().to_string(),
        "page": page_of_question(asked, part).map(|page| format!("{site}{page}")),
        "next": part.next,
    }))
}

fn notes(part: &Part) -> Vec<String> {
    let left_out = part.has_left_out.then(|| "rows of sources that may not be passed on are left out".to_owned());
    part.answer.notes.iter().cloned().chain(left_out).collect()
}

/// The page that shows a row: its claim's, else its document's, else its entity's.
fn page_of(asked: &Asked, row: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| row.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let page = match (text("claim"), text("document"), text("entity")) {
        (Some(claim), ..) => format!("/claim/{claim}"),
        (None, Some(document), _) => match row.get("record").and_then(Value::as_i64) {
            Some(record) => format!("/document/{document}?record={record}"),
            None => format!("/document/{document}"),
        },
        (None, None, Some(entity)) if is_company(row) => format!("/company/{entity}"),
        (None, None, Some(entity)) => format!("/product/{entity}"),
        (None, None, None) => return None,
    };
    Some(at_its_moment(asked, page))
}

fn is_company(row: &Map<String, Value>) -> bool {
    row.get("kind").and_then(Value::as_str) == Some("company")
}

/// The page that shows the whole answer.
fn page_of_question(asked: &Asked, part: &Part) -> Option<String> {
    let mut page = match asked.operation.name {
        "products" | "league" | "breakouts" => format!("/{}", asked.operation.name),
        "figures" | "why" => {
            let entity = part.answer.facts.get("entity")?.as_str()?;
            let kind = part.answer.facts.get("kind").and_then(Value::as_str);
            let folder = if kind == Some("company") { "company" } else { "product" };
            return Some(at_its_moment(asked, format!("/{folder}/{entity}")));
        }
        _ => return None,
    };
    for name in ["search", "kind", "metric", "period", "region", "platform", "segment", "source"] {
        if let Some(value) = asked.values.get(name) {
            push_query(&mut page, name, value);
        }
    }
    Some(at_its_moment(asked, page))
}

fn at_its_moment(asked: &Asked, mut page: String) -> String {
    if let Some(day) = asked.values.get("as_of") {
        push_query(&mut page, "as_of", day);
    }
    page
}

/// Who says what is in the rows: how many rows each, and on which terms.
fn sources(asked: &Asked, rows: &[Value]) -> Vec<Value> {
    let mut n_rows: BTreeMap<&str, usize> = BTreeMap::new();
    for source in rows.iter().filter_map(|row| row["source"].as_str()) {
        *n_rows.entry(source).or_default() += 1;
    }
    let told = n_rows.into_iter().map(|(source, n_rows)| {
        let card = asked.lake.market().source(source);
        let text = |of: fn(&crowsnest_lake::SourceCard) -> &str| card.map(of).filter(|text| !text.is_empty());
        json!({
            "source": source,
            "n_rows": n_rows,
            "licence": text(|card| &card.licence),
            "homepage": text(|card| &card.homepage),
            "may_be_passed_on": card.is_none_or(|card| card.may_be_passed_on()),
        })
    });
    told.collect()
}
