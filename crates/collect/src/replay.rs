//! Reading archived documents again: with a newer mapping, or after metrics were added.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use crowsnest_lake::sql::quoted;
use crowsnest_lake::{Lake, LakeError, files};

use crate::Result;
use crate::collecting::Source;
use crate::import::{SOURCE_OF_ROWS, Task, import_tasks};
use crate::mapping::Mapping;
use crate::progress::Progress;
use crate::reading::input::{Input, Origin};
use crate::recipe::Recipe;
use crate::report::{ImportReport, ImportRequest};

/// Which documents to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// All of them.
    All,
    /// Those that came for a source, from a moment on (microseconds since 1970-01-01 UTC).
    Source(String, Option<i64>),
    /// One, by its SHA-256 or the beginning of it.
    Document(String),
}

/// Reads archived documents again; `request.inputs` is not looked at.
///
/// With `request.mapping`, that mapping is used; else, for documents that were collected, what the source's file says
/// today; else each document's own. Claims that are there already are not added
/// again. With [`ImportRequest::is_correction`], and a mapping, claims in force that came from a document and that the
/// mapping does not give are withdrawn by further rows; events stay.
///
/// # Errors
/// As [`import`](crate::import()); [`LakeError::NoDocument`] if no document is meant.
pub async fn replay(
    lake: &Lake,
    which: &Replay,
    request: ImportRequest,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    let newer = match &request.mapping {
        Some(path) => Some(Arc::new(Mapping::parse(&path.display().to_string(), &files::read_text(path)?)?)),
        None => None,
    };
    lake.refresh().await?;
    let batches = lake.query(&query_of(which)).await?;
    let mut tasks: Vec<Task> = Vec::new();
    let mut has_todays = false;
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let (task, is_todays) = task_of(lake, batch, row, newer.as_ref(), request.source.as_deref())?;
            has_todays |= is_todays;
            let is_there = |known: &Task| known.input.origin == task.input.origin && known.mapping == task.mapping;
            if !tasks.iter().any(is_there) {
                tasks.push(task);
            }
        }
    }
    if tasks.is_empty() {
        let name = match which {
            Replay::All => "at all".to_owned(),
            Replay::Source(source, _) => format!("of source {source}"),
            Replay::Document(sha256) => sha256.clone(),
        };
        return Err(LakeError::NoDocument(name).into());
    }
    // A document's own mappings are several readings of it, none of which takes back the other.
    let is_correction = request.is_correction && (newer.is_some() || has_todays);
    import_tasks(lake, ImportRequest { is_again: true, is_correction, ..request }, tasks, progress).await
}

fn query_of(which: &Replay) -> String {
    let condition = match which {
        Replay::All => "TRUE".to_owned(),
        Replay::Source(source, None) => format!("source = {}", quoted(source)),
        Replay::Source(source, Some(since)) => {
            format!("source = {} AND known_at >= to_timestamp_micros({since})", quoted(source))
        }
        Replay::Document(sha256) => format!("starts_with(document, {})", quoted(&sha256.to_lowercase())),
    };
    format!(
        "SELECT document, name, source, mapping_toml FROM documents WHERE {condition} ORDER BY known_at DESC, document"
    )
}

/// How a document is to be read, and whether that is by what its source's file says today.
fn task_of(
    lake: &Lake,
    batch: &RecordBatch,
    row: usize,
    newer: Option<&Arc<Mapping>>,
    source: Option<&str>,
) -> Result<(Task, bool)> {
    let text = |column: usize| text_at(batch, column, row);
    let (sha256, name, recorded_source, mapping_toml) = (text(0), text(1), text(2), text(3));
    let own = match mapping_toml.as_str() {
        "" => Mapping::lake_names(),
        text => Mapping::parse(&format!("of document {sha256}"), text)?,
    };
    let own_has_recipe = own.recipe.is_some();
    let card = lake.market().source(&recorded_source).filter(|card| card.collect.is_some());
    let (mapping, is_todays) = match (&own.recipe, newer, card) {
        (Some(recipe), Some(newer), _) => (Arc::new(newer.with_recipe(recipe.clone())), false),
        (None, Some(newer), _) => (Arc::clone(newer), false),
        (Some(recipe), None, Some(card)) => {
            let today = Source::of(card, lake.market())?;
            let recipe = Recipe { options: card.options.clone(), ..recipe.clone() };
            (Arc::new(today.mapping.with_recipe(recipe)), true)
        }
        (_, None, _) => (Arc::new(own), false),
    };
    let source = match source {
        Some(named) => named.to_owned(),
        None if recorded_source == SOURCE_OF_ROWS => String::new(),
        None => recorded_source,
    };
    // What was collected often has one name again and again.
    let label = if own_has_recipe {
        format!("{name} (document {})", sha256.get(..12).unwrap_or(&sha256))
    } else {
        name.clone()
    };
    let input = Input { label, file_name: name, origin: Origin::Archived(sha256) };
    Ok((Task { input, source, mapping }, is_todays))
}

fn text_at(batch: &RecordBatch, column: usize, row: usize) -> String {
    let array = batch.column(column);
    if array.is_null(row) {
        return String::new();
    }
    if let Some(values) = array.as_string_view_opt() {
        return values.value(row).to_owned();
    }
    array.as_string_opt::<i32>().map_or_else(String::new, |values| values.value(row).to_owned())
}
