//! Licences: rows of sources that may not be passed on are left out wherever others than the owner's machine can look.
//!
//! In: an [`Answer`] and the sources' names. Out: the answer without their rows, with a note that says so. Applies to
//! every page and format alike, because every question is asked through `PageRequest::ask`.

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch, new_null_array};
use arrow::compute::{cast, filter_record_batch, not, nullif};
use arrow::datatypes::DataType;
use crowsnest_lake::questions::{self, DocumentQuestion};
use crowsnest_lake::{Answer, Lake};
use futures::FutureExt as _;

use crate::ServeError;
use crate::request::Shared;

/// Where an answer's figures stand, and how they begin in its notes.
const FIGURES: &str = "figures";
const FIGURE_IN_WORDS: &str = "figure of ";

/// What is worked out of all rows, from which a row that is left out could be worked out again.
const OF_ALL_ROWS: [&str; 6] = ["totals", "concentration", "entries", "entry_entities", "exits", "exit_entities"];
/// The column that says which part of all rows one is.
const SHARE: &str = "share";

/// Leaves out the rows whose `source` is among `kept_back`, and what was worked out of them and the others together;
/// answers without that column stay as they are.
pub(crate) fn leave_out(mut answer: Answer, kept_back: &[String]) -> Result<Answer, ServeError> {
    answer = without_figures_of(answer, kept_back)?;
    let Some(column) = answer.rows.column_by_name("source") else { return Ok(answer) };
    let names = cast(column, &DataType::Utf8)?;
    let names = names.as_string::<i32>();
    let may_leave: BooleanArray = (0..names.len())
        .map(|row| Some(names.is_null(row) || !kept_back.iter().any(|kept| kept == names.value(row))))
        .collect();
    if may_leave.true_count() == may_leave.len() {
        return Ok(answer);
    }
    let n_left_out = may_leave.len() - may_leave.true_count();
    answer.rows = without_shares(&filter_record_batch(&answer.rows, &may_leave)?)?;
    OF_ALL_ROWS.iter().for_each(|fact| drop(answer.facts.remove(*fact)));
    // Figures beside the rows were made of them, and say so in words.
    if answer.facts.remove(FIGURES).is_some() {
        answer.notes.retain(|note| !note.starts_with(FIGURE_IN_WORDS));
    }
    answer.notes.push(format!("{n_left_out} rows of sources that may not be passed on are left out"));
    Ok(answer)
}

/// Leaves out figures whose reason names a source that is kept back, or no source at all: rows of figures, and the figures
/// beside rows.
fn without_figures_of(mut answer: Answer, kept_back: &[String]) -> Result<Answer, ServeError> {
    const OF_NO_SOURCE: &str = "no source tells of it";
    let names_one = |reason: &str| reason.contains(OF_NO_SOURCE) || kept_back.iter().any(|kept| reason.contains(kept));
    let may_leave = |name: &str, rows: &RecordBatch| -> Result<Option<BooleanArray>, ServeError> {
        let Some(column) = rows.column_by_name(name) else { return Ok(None) };
        let reasons = cast(column, &DataType::Utf8)?;
        let reasons = reasons.as_string::<i32>();
        Ok(Some((0..reasons.len()).map(|row| Some(!reasons.is_valid(row) || !names_one(reasons.value(row)))).collect()))
    };
    if answer.rows.column_by_name("weights").is_some()
        && let Some(may_leave) = may_leave("reason", &answer.rows)?
        && may_leave.true_count() < may_leave.len()
    {
        let n_left_out = may_leave.len() - may_leave.true_count();
        answer.rows = filter_record_batch(&answer.rows, &may_leave)?;
        answer.notes.push(format!("{n_left_out} rows of sources that may not be passed on are left out"));
    }
    if let Some(may_leave) = may_leave("figure_reason", &answer.rows)? {
        let mut columns = answer.rows.columns().to_vec();
        for (place, field) in answer.rows.schema().fields().iter().enumerate() {
            if field.name() == "figure" || field.name().starts_with("figure_") {
                columns[place] = nullif(&columns[place], &not(&may_leave)?)?;
            }
        }
        answer.rows = RecordBatch::try_new(answer.rows.schema(), columns)?;
    }
    Ok(answer)
}

fn without_shares(rows: &RecordBatch) -> Result<RecordBatch, ServeError> {
    let schema = rows.schema();
    let Some((place, field)) = schema.column_with_name(SHARE).filter(|(_, field)| field.is_nullable()) else {
        return Ok(rows.clone());
    };
    let mut columns = rows.columns().to_vec();
    columns[place] = new_null_array(field.data_type(), rows.num_rows());
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// Refuses sums over several products where sources are kept back: a sum has no source, and would tell of theirs.
pub(crate) fn check_sums(is_summed: bool, kept_back: &[String]) -> Result<(), ServeError> {
    if !is_summed || kept_back.is_empty() {
        return Ok(());
    }
    Err(ServeError::bad_request(
        "sums by company or group hold figures of sources that may not be passed on",
        "leave out by, or ask as somebody who may read restricted sources",
    ))
}

/// Refuses a document any of whose rows is of a source that may not be passed on, where others may look.
pub(crate) async fn check_document(lake: &Lake, shared: &Shared, document: &str) -> Result<(), ServeError> {
    if !shared.is_shared || shared.kept_back.is_empty() {
        return Ok(());
    }
    let (of, question) = (lake.clone(), DocumentQuestion { document: document.to_owned() });
    let finding = async move { Ok(questions::document_sources(&of, &question).await?) };
    let answer = shared.find_once(lake, format!("sources of {document}"), finding.boxed()).await?;
    let rows: Vec<SourceOnly> = answer.rows_as()?;
    let is_kept_back = rows.iter().any(|row| shared.kept_back.contains(&row.source));
    if is_kept_back { Err(ServeError::NotFound(format!("/document/{document}"))) } else { Ok(()) }
}

#[derive(serde::Deserialize)]
struct SourceOnly {
    source: String,
}
