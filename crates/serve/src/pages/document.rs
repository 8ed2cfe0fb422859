//! `/document/{document}`: what is known of one payload, with the record in its place.

use std::io::{BufRead as _, BufReader, Read};

use askama::Template;
use async_trait::async_trait;
use crowsnest_lake::Answer;
use crowsnest_lake::questions::{self, DocumentQuestion};
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

/// Lines shown before and after the record.
const N_AROUND: usize = 3;
/// Lines shown of a document where no record is asked for.
const N_TOP: usize = 12;
const LINE_BYTES_MAX: u64 = 4096;
/// Records further in than this are not looked up on the page; the raw bytes have them.
const SEARCH_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(crate) struct Document;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DocumentRow {
    name: String,
    source: String,
    media_type: String,
    n_bytes: i64,
    mapping_toml: Option<String>,
    n_records: i64,
    n_claims: i64,
    n_events: i64,
    n_rejects: i64,
    known_at: Option<String>,
    origin: Option<String>,
}

/// A line of the document, with its number from 1.
struct ExcerptLine {
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
        let answer = self.answer(request).await?;
        redistribution::check_document(&request.lake, &request.shared, &request.parameter).await?;
        let rows: Vec<DocumentRow> = answer.rows_as()?;
        let record = request.number("record", 0, usize::MAX)?;
        let excerpt = excerpt(request, record).await?;
        let row = rows.into_iter().next().unwrap_or_default();
        let title = if row.name.is_empty() { say(request.language, "document.title") } else { &row.name };
        let page = Frame::new(request, title);
        let view = DocumentView {
            page: &page,
            sha256: &request.parameter,
            raw: format!("/document/{}/raw", request.parameter),
            origin: row.origin.clone().unwrap_or_default(),
            origin_link: web_address(row.origin.as_deref()),
            known: row.known_at.as_deref().map(numbers::day).unwrap_or_default(),
            has_record: record > 0,
            is_text: !excerpt.is_empty(),
            excerpt,
            row: &row,
        };
        Ok(view.render()?)
    }
}

async fn excerpt(request: &PageRequest, record: usize) -> Result<Vec<ExcerptLine>, ServeError> {
    let (lake, document) = (request.lake.clone(), request.parameter.clone());
    if !lake.documents().contains(&document) {
        return Ok(Vec::new());
    }
    let reading = tokio::task::spawn_blocking(move || -> Result<Vec<ExcerptLine>, ServeError> {
        let reader = lake.documents().open(&document)?;
        read_excerpt(reader, record).map_err(|source| ServeError::Document { document, source })
    });
    reading.await.unwrap_or(Err(ServeError::Panicked))
}

/// The header line, then the lines around the record, or the first lines; nothing where it is not text.
fn read_excerpt(reader: Box<dyn Read + Send>, record: usize) -> std::io::Result<Vec<ExcerptLine>> {
    let mut reader = BufReader::with_capacity(1 << 16, reader.take(SEARCH_BYTES_MAX));
    if !raw::looks_like_text(reader.fill_buf()?) {
        return Ok(Vec::new());
    }
    let (first, last) = if record > 0 { (record.saturating_sub(N_AROUND), record + N_AROUND) } else { (1, N_TOP) };
    let mut lines = Vec::new();
    for number in 1..=last {
        let is_shown = number == 1 || number >= first;
        let Some(bytes) = read_line(&mut reader)? else { break };
        if is_shown {
            lines.push(ExcerptLine {
                number: numbers::count(number as i64),
                text: String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned(),
                is_record: number == record,
            });
        }
    }
    Ok(lines)
}

/// The beginning of the next line, its rest skipped; `None` at the end.
fn read_line(reader: &mut impl std::io::BufRead) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let n_read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    if n_read == 0 {
        return Ok(None);
    }
    if !bytes.ends_with(b"\n") && n_read as u64 == LINE_BYTES_MAX {
        reader.skip_until(b'\n')?;
    }
    Ok(Some(bytes))
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
    is_text: bool,
    excerpt: Vec<ExcerptLine>,
}

impl DocumentView<'_> {
    fn mapping(&self) -> &str {
        self.row.mapping_toml.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &'static str, record: usize) -> Vec<(String, String, bool)> {
        let read = read_excerpt(Box::new(text.as_bytes()), record).unwrap();
        read.into_iter().map(|line| (line.number, line.text, line.is_record)).collect()
    }

    #[test]
    fn the_record_stands_among_its_neighbours_below_the_header() {
        let text = "head\r\na\nb\nc\nd\ne\nf\ng\nh\n";
        let found = lines(text, 6);
        let numbers: Vec<&str> = found.iter().map(|(number, ..)| number.as_str()).collect();
        assert_eq!(numbers, ["1", "3", "4", "5", "6", "7", "8", "9"]);
        assert_eq!(found[0].1, "head");
        assert_eq!(found[4], ("6".to_owned(), "e".to_owned(), true));
    }

    #[test]
    fn binary_documents_have_no_excerpt_and_long_lines_are_cut() {
        assert!(lines("PAR1\0\0", 1).is_empty());
        let long: &'static str = Box::leak(format!("{}\nb\n", "x".repeat(10_000)).into_boxed_str());
        let found = lines(long, 2);
        assert_eq!(found[0].1.len(), 4096);
        assert_eq!(found[1].1, "b");
    }
}
