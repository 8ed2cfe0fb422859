//! Reading archived documents again: with a newer mapping, or after metrics were added.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use crowsnest_lake::sql::quoted;
use crowsnest_lake::{Lake, LakeError, files};

use crate::Result;
use crate::import::{SOURCE_OF_ROWS, Task, import_tasks};
use crate::mapping::Mapping;
use crate::progress::Progress;
use crate::reading::input::{Input, Origin};
use crate::report::{ImportReport, ImportRequest};

/// Which documents to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// All of them.
    All,
    /// Those that were imported for a source.
    Source(String),
    /// One, by its SHA-256 or the beginning of it.
    Document(String),
}

/// Reads archived documents again; `request.inputs` is not looked at.
///
/// With `request.mapping`, that mapping is used; else each document's own. Claims that are there already are not added
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
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let task = task_of(batch, row, newer.as_ref(), request.source.as_deref())?;
            let is_there = |known: &Task| known.input.origin == task.input.origin && known.mapping == task.mapping;
            if !tasks.iter().any(is_there) {
                tasks.push(task);
            }
        }
    }
    if tasks.is_empty() {
        let name = match which {
            Replay::All => "at all".to_owned(),
            Replay::Source(source) => format!("of source {source}"),
            Replay::Document(sha256) => sha256.clone(),
        };
        return Err(LakeError::NoDocument(name).into());
    }
    // A document's own mappings are several readings of it, none of which takes back the other.
    let is_correction = request.is_correction && newer.is_some();
    import_tasks(lake, ImportRequest { is_again: true, is_correction, ..request }, tasks, progress).await
}

fn query_of(which: &Replay) -> String {
    let condition = match which {
        Replay::All => "TRUE".to_owned(),
        Replay::Source(source) => format!("source = {}", quoted(source)),
        Replay::Document(sha256) => format!("starts_with(document, {})", quoted(&sha256.to_lowercase())),
    };
    format!(
        "SELECT document, name, source, mapping_toml FROM documents WHERE {condition} ORDER BY known_at DESC, document"
    )
}

fn task_of(batch: &RecordBatch, row: usize, newer: Option<&Arc<Mapping>>, source: Option<&str>) -> Result<Task> {
    let text = |column: usize| text_at(batch, column, row);
    let (sha256, name, recorded_source, mapping_toml) = (text(0), text(1), text(2), text(3));
    let mapping = match newer {
        Some(mapping) => Arc::clone(mapping),
        None if mapping_toml.is_empty() => Arc::new(Mapping::lake_names()),
        None => Arc::new(Mapping::parse(&format!("of document {sha256}"), &mapping_toml)?),
    };
    let source = match source {
        Some(named) => named.to_owned(),
        None if recorded_source == SOURCE_OF_ROWS => String::new(),
        None => recorded_source,
    };
    let input = Input { label: name.clone(), file_name: name, origin: Origin::Archived(sha256) };
    Ok(Task { input, source, mapping })
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
