//! `/document/{document}`: what is known of one payload, with the record in its place and its fields by name.

use std::time::Duration;

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::questions::{self, DocumentQuestion};
use crowsnest_lake::{Answer, Lake};
use crowsnest_run::{Excerpt, ExcerptRequest, read_excerpt};
use serde::Deserialize;

use crate::ServeError;
use crate::frame::Frame;
use crate::numbers;
use crate::page::Page;
use crate::raw;
use crate::redistribution;
use crate::request::PageRequest;
use crate::rows::web_address;
use crate::words::say;

/// Records shown before and after the one asked for.
const N_AROUND: u64 = 3;
/// Records shown of a document where none is asked for.
const N_TOP: usize = 12;
/// A record that takes longer to find is not shown; the download has it.
const SEARCH_TIME_MAX: Duration = Duration::from_secs(10);

pub(crate) struct Document;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DocumentRow {
    pub(crate) name: String,
    pub(crate) media_type: String,
    source: String,
    n_bytes: i64,
    mapping_toml: Option<String>,
    n_records: i64,
    n_claims: i64,
    n_events: i64,
    n_rejects: i64,
    known_at: Option<String>,
    origin: Option<String>,
}

/// What the table of documents has on one, as it was read last; empty where an import broke off before its end.
pub(crate) async fn row_of(lake: &Lake, document: &str) -> Result<DocumentRow, ServeError> {
    let question = DocumentQuestion { document: document.to_owned() };
    let rows: Vec<DocumentRow> = questions::document(lake, &question).await?.rows_as()?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// A record of the document, with its number from 1.
struct RecordLine {
    number: String,
    text: String,
    is_record: bool,
}

#[async_trait]
impl Page for Document {
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
        raw::check_name(&request.parameter)?;
        let question = DocumentQuestion { document: request.parameter.clone() };
        request.ask(questions::document(&request.lake, &question)).await
    }

    async fn html(&self, request: &PageRequest) -> Result<String, ServeError> {
        raw::check_name(&request.parameter)?;
        redistribution::check_document(&request.lake, &request.shared, &request.parameter).await?;
        let row = row_of(&request.lake, &request.parameter).await?;
        let record = request.number("record", 0, usize::MAX)? as u64;
        let (excerpt, problem) = match excerpt(request, &row, record).await? {
            Ok(excerpt) => (excerpt, String::new()),
            Err(problem) => (Excerpt::default(), problem),
        };
        let title = if row.name.is_empty() { say(request.language, "document.title") } else { &row.name };
        let page = Frame::new(request, title);
        let wanted = excerpt.records.iter().find(|found| found.number == record);
        let view = DocumentView {
            sha256: &request.parameter,
            raw: format!("/document/{}/raw", request.parameter),
            origin: row.origin.clone().unwrap_or_default(),
            origin_link: web_address(row.origin.as_deref()),
            known: row.known_at.as_deref().map(numbers::day).unwrap_or_default(),
            has_record: record > 0,
            fields: wanted.map(|found| found.fields.clone()).unwrap_or_default(),
            is_missing: wanted.is_none() && (record > 0 || excerpt.records.is_empty()),
            is_beyond: excerpt.is_cut && wanted.is_none(),
            header: excerpt.columns.join(","),
            lines: lines(&excerpt, record),
            page: &page,
            row: &row,
            problem,
        };
        Ok(view.render()?)
    }
}

fn lines(excerpt: &Excerpt, record: u64) -> Vec<RecordLine> {
    let line = |found: &crowsnest_run::ExcerptRecord| RecordLine {
        number: numbers::count(i64::try_from(found.number).unwrap_or(i64::MAX)),
        text: found.text.clone(),
        is_record: found.number == record,
    };
    excerpt.records.iter().map(line).collect()
}

/// The records around the one asked for, or the first ones; else why they cannot be shown.
async fn excerpt(request: &PageRequest, row: &DocumentRow, record: u64) -> Result<Result<Excerpt, String>, ServeError> {
    let (first, last) = if record > 0 { (record.saturating_sub(N_AROUND), record + N_AROUND) } else { (0, u64::MAX) };
    let wanted = ExcerptRequest {
        document: request.parameter.clone(),
        name: row.name.clone(),
        media_type: row.media_type.clone(),
        mapping_toml: row.mapping_toml.clone().unwrap_or_default(),
        first,
        last,
        n_records_max: N_TOP,
        time_max: SEARCH_TIME_MAX,
    };
    let lake = request.lake.clone();
    let reading = tokio::task::spawn_blocking(move || read_excerpt(&lake, &wanted).map_err(|error| error.to_string()));
    reading.await.map_err(|_| ServeError::Panicked)
}

#[derive(Template)]
#[template(path = "document.html")]
struct DocumentView<'a> {
    page: &'a Frame,
    row: &'a DocumentRow,
    sha256: &'a str,
    raw: String,
    origin: String,
    origin_link: String,
    known: &'a str,
    has_record: bool,
    header: String,
    lines: Vec<RecordLine>,
    fields: Vec<(String, String)>,
    is_missing: bool,
    is_beyond: bool,
    problem: String,
}

impl DocumentView<'_> {
    fn mapping(&self) -> &str {
        self.row.mapping_toml.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_asked_for_is_marked_among_its_neighbours() {
        let record = |number: u64| crowsnest_run::ExcerptRecord { number, text: "x".into(), fields: Vec::new() };
        let excerpt = Excerpt { records: vec![record(1999), record(2000)], ..Excerpt::default() };
        let found: Vec<(String, bool)> =
            lines(&excerpt, 2000).into_iter().map(|line| (line.number, line.is_record)).collect();
        assert_eq!(found, [("1,999".to_owned(), false), ("2,000".to_owned(), true)]);
    }
}
