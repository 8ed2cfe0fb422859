//! Records of an archived document as they stand there, for people who follow a claim down to what it was read from.
//!
//! In: a document of the archive, how it was read, and which of its records. Out: an [`Excerpt`]: the records as text
//! and as fields. Invariants: read by the readers of the import, so that record N here is the claim's record N; nothing
//! past the last record asked for is read, nor more bytes or longer than the limits; nothing is written.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::connector::Record;
use crowsnest_lake::Lake;

use crate::mapping::Mapping;
use crate::opened::{self, Overrides};
use crate::reading::compression::Compression;
use crate::reading::format::Format;
use crate::reading::input::{Counting, Input, Origin};
use crate::rows::{Item, Row, json};
use crate::worker::{for_each_item, places_of};
use crate::{ImportError, Result};

/// Unpacked bytes that are read of text, which is read piece by piece.
const TEXT_MIB_MAX: u64 = 256;
/// The same of formats that have to be held in memory.
const HELD_MIB_MAX: u64 = 128;
/// The same of spreadsheets, which are packed themselves and take many times as much memory.
const SHEET_MIB_MAX: u64 = 32;
const TEXT_CHARS_MAX: usize = 4096;
const FIELDS_MAX: usize = 500;
/// Enough to tell a format or a packing.
const START_BYTES: u64 = 16;

/// Which records of which document, and how it was read.
#[derive(Debug, Clone, Default)]
pub struct ExcerptRequest {
    /// SHA-256 of the document.
    pub document: String,
    /// Its file name; the ending helps to tell the format.
    pub name: String,
    /// Its media type as the table `documents` has it; empty to look.
    pub media_type: String,
    /// The mapping it was read with; empty for none.
    pub mapping_toml: String,
    /// Number of the first record, as claims have it: line, row or element, from 1.
    pub first: u64,
    /// Number of the last record.
    pub last: u64,
    /// At most so many records.
    pub n_records_max: usize,
    /// No longer than this.
    pub time_max: Duration,
}

/// Records as they stand in a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Names of the columns; empty for JSON, where each record names its own.
    pub columns: Vec<String>,
    /// The records, in their order.
    pub records: Vec<ExcerptRecord>,
    /// Whether a limit ended the reading before the last record.
    pub is_cut: bool,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExcerptRecord {
    /// Line, row or element, from 1.
    pub number: u64,
    /// As it stands there, in UTF-8; of tables the cells with commas between.
    pub text: String,
    /// Column and field, those that are not empty.
    pub fields: Vec<(String, String)>,
}

/// Reads records of an archived document.
///
/// # Errors
/// Whatever is wrong with the document as a whole: see [`ImportError`].
pub fn read_excerpt(lake: &Lake, request: &ExcerptRequest) -> Result<Excerpt> {
    let began = Instant::now();
    let origin = Origin::Archived(request.document.clone());
    let input = Input { label: request.name.clone(), file_name: request.name.clone(), origin };
    let mapping = match request.mapping_toml.as_str() {
        "" => Mapping::lake_names(),
        text => Mapping::parse(&format!("of document {}", request.document), text)?,
    };
    let limited = Limited::new(input.open(lake)?, &request.name)?;
    let (n_read, n_bytes_max) = (Arc::clone(&limited.n_read), limited.n_bytes_max);
    let is_at_limit = || n_read.load(Ordering::Relaxed) >= n_bytes_max;
    let overrides = Overrides { format: word_of(&request.media_type).map(str::to_owned), encoding: None };
    let cut = Excerpt { is_cut: true, ..Excerpt::default() };
    let opened = match opened::open_with(&input, limited.reader, &mapping, &overrides, true) {
        Err(_) if is_at_limit() => return Ok(cut),
        opened => opened?,
    };
    let is_json = matches!(opened.format, Format::Json | Format::JsonLines);
    let columns = opened.plan.columns;
    let places = places_of(&columns);
    let mut taken = Taken { request, columns: &columns, is_json, records: Vec::new(), is_complete: false };
    let mut is_cut = false;
    for chunk in opened.chunks {
        match chunk {
            Err(_) if is_at_limit() => break,
            chunk => for_each_item(chunk?, &places, &mut |item| taken.take(&item)),
        };
        is_cut = began.elapsed() > request.time_max;
        if taken.is_complete || is_cut {
            break;
        }
    }
    let is_cut = !taken.is_complete && (is_cut || is_at_limit());
    let records = taken.records;
    Ok(Excerpt { columns: if is_json { Vec::new() } else { columns }, records, is_cut })
}

/// A document's bytes, unpacked, up to a limit.
struct Limited {
    reader: Box<dyn Read + Send>,
    n_read: Arc<AtomicU64>,
    n_bytes_max: u64,
}

impl Limited {
    fn new(raw: Box<dyn Read + Send>, name: &str) -> Result<Self> {
        let (start, packed) = with_start(raw, name)?;
        let compression = Compression::of(&start);
        let unpacked = compression.unpack(packed).map_err(|source| compression.error(name, source))?;
        let (start, unpacked) = with_start(unpacked, name)?;
        let n_mib_max = match Format::of(&start, name) {
            Format::Separated(_) | Format::JsonLines => TEXT_MIB_MAX,
            Format::Json | Format::Parquet => HELD_MIB_MAX,
            Format::Sheet => SHEET_MIB_MAX,
        };
        let (n_read, n_bytes_max) = (Arc::new(AtomicU64::new(0)), n_mib_max << 20);
        let reader = Box::new(Counting::new(unpacked.take(n_bytes_max), Arc::clone(&n_read)));
        Ok(Self { reader, n_read, n_bytes_max })
    }
}

/// The first bytes of a reader, and a reader of all.
fn with_start(mut reader: Box<dyn Read + Send>, name: &str) -> Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut start = Vec::new();
    let read = reader.by_ref().take(START_BYTES).read_to_end(&mut start);
    read.map_err(|source| ImportError::Read { file: name.to_owned(), source })?;
    Ok((start.clone(), Box::new(Cursor::new(start).chain(reader))))
}

/// The word for a format whose media type the table of documents has.
fn word_of(media_type: &str) -> Option<&'static str> {
    let words = ["csv", "tsv", "json", "ndjson", "parquet", "xlsx"];
    words.into_iter().find(|word| Format::parse(word).is_ok_and(|format| format.media_type() == media_type))
}

/// What was taken so far.
struct Taken<'a> {
    request: &'a ExcerptRequest,
    columns: &'a [String],
    is_json: bool,
    records: Vec<ExcerptRecord>,
    is_complete: bool,
}

impl Taken<'_> {
    fn take(&mut self, item: &Item<'_>) {
        let number = match item {
            Item::Row(row) => row.number,
            Item::Broken { number, .. } => *number,
        };
        self.is_complete |= number > self.request.last || self.records.len() >= self.request.n_records_max;
        if self.is_complete || number < self.request.first {
            return;
        }
        self.records.push(match item {
            Item::Row(row) => self.record(row),
            Item::Broken { shown, .. } => ExcerptRecord { number, text: cut(shown), fields: Vec::new() },
        });
    }

    fn record(&self, row: &Row<'_>) -> ExcerptRecord {
        let text = row.shown();
        let fields = if self.is_json { json_fields(&text) } else { fields_of(row, self.columns) };
        ExcerptRecord { number: row.number, text: cut(&text), fields }
    }
}

fn fields_of(row: &Row<'_>, columns: &[String]) -> Vec<(String, String)> {
    let fields = columns.iter().enumerate().map(|(place, column)| (column.clone(), cut(row.field(place))));
    fields.filter(|(_, field)| !field.is_empty()).take(FIELDS_MAX).collect()
}

/// The record's own names: the first records of the document need not have had all of them.
fn json_fields(text: &str) -> Vec<(String, String)> {
    let Ok(record) = serde_json::from_str::<Record>(text) else { return Vec::new() };
    let mut names = Vec::new();
    json::names_of(&record, &mut |name| names.push(name.to_owned()));
    let (mut text, mut spans) = (String::new(), Vec::new());
    json::fill(&record, &places_of(&names), &mut text, &mut spans);
    fields_of(&Row::new(0, &text, &spans, None), &names)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crowsnest_lake::{LakeOptions, Market};

    use super::*;

    const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases");

    async fn excerpt(name: &str, bytes: &[u8], mapping_toml: &str, first: u64, last: u64) -> Result<Excerpt> {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let lake = Box::pin(Lake::open(market, LakeOptions::default())).await.unwrap();
        let document = lake.documents().put(bytes).unwrap();
        let (name, mapping_toml) = (name.to_owned(), mapping_toml.to_owned());
        let (n_records_max, time_max, media_type) = (10, Duration::from_secs(10), String::new());
        read_excerpt(
            &lake,
            &ExcerptRequest { document, name, media_type, mapping_toml, first, last, n_records_max, time_max },
        )
    }

    async fn of_case(case: &str, name: &str, number: u64) -> ExcerptRecord {
        let folder = std::path::Path::new(CASES).join(case);
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let mapping_toml = std::fs::read_to_string(folder.join("map.toml")).unwrap_or_default();
        let excerpt = excerpt(name, &bytes, &mapping_toml, number, number).await.unwrap();
        assert!(!excerpt.is_cut, "{case}");
        excerpt.records.into_iter().next().unwrap()
    }

    fn field<'a>(record: &'a ExcerptRecord, column: &str) -> &'a str {
        record.fields.iter().find(|(name, _)| name == column).map_or("", |(_, field)| field.as_str())
    }

    #[tokio::test]
    async fn every_encoding_and_packing_shows_the_record_of_the_claim() {
        let cases = [
            ("gb18030", "input.csv"),
            ("utf16_le_with_mark", "input.csv"),
            ("utf16_be_without_mark", "input.csv"),
            ("gzip", "input.csv.gz"),
            ("zstd", "input.csv.zst"),
        ];
        for (case, name) in cases {
            let record = of_case(case, name, 2).await;
            assert_eq!(record.number, 2, "{case}");
            assert!(!field(&record, "subject").is_empty(), "{case}: {record:?}");
            assert!(record.text.contains(field(&record, "subject")), "{case}: {record:?}");
        }
        assert!(!of_case("spreadsheet", "input.xlsx", 4).await.fields.is_empty());
        assert!(!of_case("parquet", "input.parquet", 1).await.fields.is_empty());
    }

    #[tokio::test]
    async fn an_element_of_a_list_is_found_by_its_place_not_its_line() {
        let text = "[\n {\"a\": 1,\n  \"b\": {\"c\": \"x\"}},\n\n {\"late\": 1.50}\n]";
        let found = excerpt("x.json", text.as_bytes(), "", 2, 2).await.unwrap();
        assert_eq!(found.records[0].text, "{\"late\": 1.50}");
        let found = excerpt("x.json", text.as_bytes(), "", 1, 1).await.unwrap();
        assert_eq!(found.records.len(), 1);
        assert_eq!(field(&found.records[0], "b.c"), "x");
    }

    #[tokio::test]
    async fn no_more_records_than_asked_and_long_ones_are_cut() {
        let text = format!("a,b\n1,{}\n2,y\n3,z\n", "x".repeat(10_000));
        let found = excerpt("x.csv", text.as_bytes(), "", 1, 3).await.unwrap();
        assert_eq!(found.columns, ["a", "b"]);
        let numbers: Vec<u64> = found.records.iter().map(|record| record.number).collect();
        assert_eq!(numbers, [2, 3]);
        assert!(found.records[0].text.chars().count() < 5_000);
        assert!(excerpt("x.csv", b"", "", 1, 1).await.is_err());
    }
}
