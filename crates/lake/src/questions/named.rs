//! An answer in another language: what takes long to find out is found out once for all of them.

use std::sync::Arc;

use arrow::array::{AsArray as _, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow_schema::{DataType, Field, Schema};
use serde_json::{Map, Value};

use super::rows;
use crate::identity::Identity;
use crate::{Answer, Lake, Language, Result};

/// The answer with its names in this language: of rows with the columns `entity` and `name`, and of the facts that say who
/// came and went, what the whole is called, and the metric. Rows stay in their order.
///
/// # Errors
/// None that the answer of a question could cause.
pub fn in_language(lake: &Lake, mut answer: Answer, language: Language) -> Result<Answer> {
    let identity = lake.identity();
    answer.rows = rows_in(&identity, &answer.rows, language)?;
    facts_in(&identity, &mut answer.facts, language);
    let metric = answer.facts.get("metric").and_then(Value::as_str).and_then(|id| rows::known_metric(lake, id).ok());
    if let (Some(metric), Some(label)) = (metric, answer.facts.get_mut("metric_label")) {
        *label = rows::label(metric, language).into();
    }
    Ok(answer)
}

fn rows_in(identity: &Identity, rows: &RecordBatch, language: Language) -> Result<RecordBatch> {
    let schema = rows.schema();
    let (Some(entities), Ok(place)) = (rows.column_by_name("entity"), schema.index_of("name")) else {
        return Ok(rows.clone());
    };
    let entities = cast(entities, &DataType::Utf8)?;
    let (mut fields, mut columns) = (schema.fields().to_vec(), rows.columns().to_vec());
    let names: StringArray = entities.as_string::<i32>().iter().map(|hex| name_of(identity, hex?, language)).collect();
    fields[place] = Arc::new(Field::new("name", DataType::Utf8, true));
    columns[place] = Arc::new(names);
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn facts_in(identity: &Identity, facts: &mut Map<String, Value>, language: Language) {
    for (names, entities) in [("entries", "entry_entities"), ("exits", "exit_entities")] {
        let Some(Value::Array(entities)) = facts.get(entities) else { continue };
        let found = entities.iter().map(|hex| hex.as_str().and_then(|hex| name_of(identity, hex, language)).into());
        let found: Vec<Value> = found.collect();
        facts.insert(names.to_owned(), found.into());
    }
    let Some(Value::Object(totals)) = facts.get_mut("totals") else { return };
    rename(identity, totals, ("claimed_entity", "claimed_name"), language);
    if let Some(Value::Array(claims)) = totals.get_mut("claims") {
        for claim in claims.iter_mut().filter_map(Value::as_object_mut) {
            rename(identity, claim, ("entity", "name"), language);
        }
    }
}

fn rename(identity: &Identity, object: &mut Map<String, Value>, (entity, name): (&str, &str), language: Language) {
    if let Some(found) = object.get(entity).and_then(Value::as_str).and_then(|hex| name_of(identity, hex, language)) {
        object.insert(name.to_owned(), found.into());
    }
}

fn name_of(identity: &Identity, hex: &str, language: Language) -> Option<String> {
    Some(identity.by_hex(hex)?.name(language).to_owned())
}
