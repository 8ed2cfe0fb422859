//! Opens one input: finds out what it is, lays the mapping over its columns, and gives its records in chunks.
//!
//! All that can be wrong with the file as a whole is found here, before anything is written.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::RecordBatch;
use crowsnest_lake::Lake;
use serde_json::Value;

use crate::connector::{Parsed, Record};
use crate::mapping::{Field, Mapping, Plan, Target, column_key, nameless};
use crate::reading::blocks::{Block, Piece, Pieces, Problem, Sizes, Syntax, Unreadable};
use crate::reading::compression::Compression;
use crate::reading::encoding::{TextEncoding, Transcoding};
use crate::reading::format::{Format, syntax_of};
use crate::reading::input::{Counting, Input, Origin};
use crate::reading::{json_scan, sheets, tables};
use crate::recipe::{Recipe, lines_of};
use crate::rows::delimited::DelimitedRows;
use crate::rows::{Item, json};
use crate::{ImportError, Result};

/// How much of a file is looked at to find out what it is.
const SAMPLE_BYTES: usize = 1 << 20;
const SAMPLE_RECORDS_MAX: usize = 1000;
const SHEET_MIB_MAX: u64 = 512;
const HELD_MIB_MAX: u64 = 2048;

/// How a file is to be read, where the user says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) format: Option<String>,
    pub(crate) encoding: Option<String>,
}

/// Records that belong together and are parsed by one worker.
pub(crate) enum Chunk {
    /// Delimited text or JSON.
    Block { block: Block, syntax: Syntax },
    /// Rows of a Parquet file: the columns at these places, as text.
    Batch { batch: RecordBatch, places: Arc<Vec<usize>>, first_record: u64 },
    /// Rows of a sheet.
    Cells { rows: Vec<Vec<String>>, first_record: u64 },
    /// A record that was not kept.
    Unreadable(Unreadable),
}

/// An input that is ready to be read.
pub(crate) struct Opened {
    pub(crate) format: Format,
    pub(crate) compression: Compression,
    pub(crate) encoding: &'static str,
    pub(crate) plan: Plan,
    /// What there is to know of its columns.
    pub(crate) notes: Vec<String>,
    /// JSON pointer to the list of records, where it was looked for.
    pub(crate) root: Option<String>,
    /// What parts the fields of delimited text.
    pub(crate) delimiter: Option<u8>,
    /// Bytes of the input read so far.
    pub(crate) n_bytes_read: Arc<AtomicU64>,
    pub(crate) chunks: Box<dyn Iterator<Item = Result<Chunk>> + Send>,
}

struct Opening<'a> {
    input: &'a Input,
    mapping: &'a Mapping,
    compression: Compression,
    n_bytes_read: Arc<AtomicU64>,
    /// Columns are only looked at, not required to fit.
    is_look: bool,
    repeated_columns: Vec<String>,
    root: Option<String>,
    delimiter: Option<u8>,
}

/// Opens an input.
///
/// # Errors
/// Whatever is wrong with the file as a whole: see [`ImportError`].
pub(crate) fn open(lake: &Lake, input: &Input, mapping: &Mapping, overrides: &Overrides) -> Result<Opened> {
    open_with(input, input.open(lake)?, mapping, overrides, false)
}

/// Opens an input from a reader of its bytes; with `is_look`, any columns will do.
pub(crate) fn open_with(
    input: &Input,
    raw: Box<dyn Read + Send>,
    mapping: &Mapping,
    overrides: &Overrides,
    is_look: bool,
) -> Result<Opened> {
    if let Some(recipe) = &mapping.recipe {
        let mut raw = raw;
        let body =
            Recipe::body_of(&mut raw).map_err(|source| ImportError::Read { file: input.label.clone(), source })?;
        let parsed = recipe.parse(&body).map_err(|message| connector_error(&input.label, recipe, message))?;
        return open_parsed(input, body, &parsed, mapping, is_look);
    }
    open_plain(input, raw, mapping, overrides, is_look)
}

fn connector_error(label: &str, recipe: &Recipe, message: String) -> ImportError {
    ImportError::Connector { file: label.to_owned(), connector: recipe.name.clone(), message }
}

/// Opens a document that its connector has taken apart.
pub(crate) fn open_parsed(
    input: &Input,
    body: Vec<u8>,
    parsed: &Parsed,
    mapping: &Mapping,
    is_look: bool,
) -> Result<Opened> {
    if parsed.is_body {
        return open_plain(input, Box::new(Cursor::new(body)), mapping, &Overrides::default(), is_look);
    }
    let n_bytes_read = Arc::new(AtomicU64::new(body.len() as u64));
    let has_event = parsed.records.iter().any(|record| record.contains_key(Field::Event.name()));
    let mut mapping = mapping.clone();
    if mapping.target.is_none() && has_event {
        mapping.target = Some(Target::Events);
    }
    let opening = Opening {
        input,
        mapping: &mapping,
        compression: Compression::None,
        n_bytes_read,
        is_look: is_look || parsed.records.is_empty(),
        repeated_columns: Vec::new(),
        root: None,
        delimiter: None,
    };
    let mut names = Names::default();
    parsed.records.iter().take(SAMPLE_RECORDS_MAX).for_each(|record| names.note(record));
    let plan = opening.json_plan(names.0)?;
    // All is in memory already: nothing has to be cut.
    let block = Block { bytes: lines_of(parsed), first_record: 1 };
    let whole = (!parsed.records.is_empty()).then_some(Ok(Chunk::Block { block, syntax: Syntax::JsonLines }));
    let mut opened = opening.opened(Format::JsonLines, "", plan, Box::new(whole.into_iter()));
    if !parsed.problems.is_empty() {
        let problems = parsed.problems.iter().map(|problem| {
            Ok(Chunk::Unreadable(Unreadable {
                record: problem.record,
                problem: Problem::Told { field: problem.field.clone(), expected: problem.expected.clone() },
                excerpt: problem.found.clone().into_bytes(),
            }))
        });
        opened.chunks = Box::new(opened.chunks.chain(problems.collect::<Vec<_>>()));
    }
    Ok(opened)
}

fn open_plain(
    input: &Input,
    raw: Box<dyn Read + Send>,
    mapping: &Mapping,
    overrides: &Overrides,
    is_look: bool,
) -> Result<Opened> {
    let n_bytes_read = Arc::new(AtomicU64::new(0));
    let mut raw = Counting::new(raw, Arc::clone(&n_bytes_read));
    let read_error = |source| ImportError::Read { file: input.label.clone(), source };
    let start = sample_of(&mut raw, 16).map_err(read_error)?;
    let compression = Compression::of(&start);
    let unpack_error = |source| compression.error(&input.label, source);
    let whole: Box<dyn Read + Send> = Box::new(Cursor::new(start).chain(raw));
    let mut unpacked = compression.unpack(whole).map_err(unpack_error)?;
    let sample = sample_of(&mut unpacked, SAMPLE_BYTES).map_err(unpack_error)?;
    if sample.is_empty() {
        return Err(ImportError::Empty(input.label.clone()));
    }
    let format = match overrides.format.as_ref().or(mapping.file.format.as_ref()) {
        Some(word) => Format::parse(word)?,
        None => Format::of(&sample, &input.file_name),
    };
    let opening = Opening {
        input,
        mapping,
        compression,
        n_bytes_read,
        is_look,
        repeated_columns: Vec::new(),
        root: None,
        delimiter: None,
    };
    match format {
        Format::Parquet => opening.parquet(sample, unpacked),
        Format::Sheet => opening.sheet(sample, unpacked),
        _ => opening.text(format, sample, unpacked, overrides),
    }
}

fn sample_of(reader: &mut dyn Read, n_bytes: usize) -> io::Result<Vec<u8>> {
    let mut sample = Vec::new();
    reader.take(n_bytes as u64).read_to_end(&mut sample)?;
    Ok(sample)
}

impl Opening<'_> {
    fn plan(&self, columns: &[String]) -> Result<Plan> {
        if self.is_look {
            let target = self.mapping.target.unwrap_or(Target::Claims);
            return Ok(Plan { target, columns: columns.to_vec(), templates: Vec::new(), skips: Vec::new() });
        }
        self.mapping.plan(&self.input.label, &self.input.file_name, columns)
    }

    /// The rest of the input in memory, up to a limit.
    fn hold(
        &self,
        sample: Vec<u8>,
        rest: Box<dyn Read + Send>,
        format: &'static str,
        limit_mib: u64,
    ) -> Result<Vec<u8>> {
        let mut bytes = sample;
        let limit = (limit_mib << 20) + 1;
        rest.take(limit).read_to_end(&mut bytes).map_err(|source| self.compression.error(&self.input.label, source))?;
        if bytes.len() as u64 >= limit {
            return Err(ImportError::TooLarge { file: self.input.label.clone(), format, limit_mib });
        }
        Ok(bytes)
    }

    fn parquet(self, sample: Vec<u8>, rest: Box<dyn Read + Send>) -> Result<Opened> {
        let label = self.input.label.clone();
        let table = match (&self.input.origin, self.compression) {
            (Origin::File(path), Compression::None) if path.is_file() => tables::open_file(&label, path)?,
            _ => tables::open_bytes(&label, self.hold(sample, rest, "Parquet", HELD_MIB_MAX)?)?,
        };
        let plan = self.plan(&table.columns)?;
        let places = if self.is_look { (0..table.columns.len()).collect() } else { plan.used_columns() };
        let n_rows = table.n_rows.max(1);
        let n_bytes = self.input.n_bytes().unwrap_or_default();
        let n_bytes_read = Arc::clone(&self.n_bytes_read);
        let batches = table.batches(&places)?;
        let places = Arc::new(places);
        let mut first_record = 1;
        let chunks = batches.map(move |batch| {
            let batch = batch.map_err(|error| ImportError::Format {
                file: label.clone(),
                format: "Parquet",
                message: error.to_string(),
            })?;
            let here = first_record;
            first_record += batch.num_rows() as u64;
            let share_read = (first_record - 1) as f64 / n_rows as f64;
            n_bytes_read.store((n_bytes as f64 * share_read) as u64, Ordering::Relaxed);
            Ok(Chunk::Batch { batch, places: Arc::clone(&places), first_record: here })
        });
        Ok(self.opened(Format::Parquet, "", plan, Box::new(chunks)))
    }

    fn sheet(mut self, sample: Vec<u8>, rest: Box<dyn Read + Send>) -> Result<Opened> {
        let bytes = self.hold(sample, rest, "spreadsheet", SHEET_MIB_MAX)?;
        let sheet = sheets::read(&self.input.label, bytes, self.mapping.file.sheet.as_deref())?;
        let header_row = self.mapping.file.header_row.unwrap_or(sheet.first_row);
        let n_before = usize::try_from(header_row.saturating_sub(sheet.first_row)).unwrap_or(usize::MAX);
        let mut rows = sheet.rows.into_iter().skip(n_before);
        let columns = rows.next().ok_or_else(|| ImportError::Empty(self.input.label.clone()))?;
        let columns = self.distinct(columns);
        let plan = self.plan(&columns)?;
        let rows: Vec<Vec<String>> = rows.collect();
        let chunks = std::iter::once(Ok(Chunk::Cells { rows, first_record: header_row + 1 }));
        Ok(self.opened(Format::Sheet, "", plan, Box::new(chunks)))
    }

    fn text(
        self,
        format: Format,
        sample: Vec<u8>,
        rest: Box<dyn Read + Send>,
        overrides: &Overrides,
    ) -> Result<Opened> {
        let is_whole = sample.len() < SAMPLE_BYTES;
        let named = overrides.encoding.as_ref().or(self.mapping.file.encoding.as_ref());
        let encoding = TextEncoding::of(&self.input.label, &sample, is_whole, named.map(String::as_str))?;
        let mut start = Cursor::new(sample);
        start.set_position(encoding.n_mark_bytes as u64);
        let bytes: Box<dyn Read + Send> = Box::new(start.chain(rest));
        let mut text: Box<dyn Read + Send> =
            if encoding.is_utf8() { bytes } else { Box::new(Transcoding::new(bytes, encoding.encoding)) };
        let sample =
            sample_of(&mut text, SAMPLE_BYTES).map_err(|source| self.compression.error(&self.input.label, source))?;
        let name = encoding.name();
        match syntax_of(format, &sample, self.mapping.file.delimiter) {
            syntax @ Syntax::Separated { .. } => self.delimited(format, syntax, name, sample, text),
            syntax => self.json(format, syntax, name, sample, text),
        }
    }

    fn delimited(
        mut self,
        format: Format,
        syntax: Syntax,
        encoding: &'static str,
        sample: Vec<u8>,
        rest: Box<dyn Read + Send>,
    ) -> Result<Opened> {
        let Syntax::Separated { delimiter, line_end } = syntax else { return Err(self.odd(format, "not separated")) };
        let mut start = 0;
        let mut first_number = 1;
        while let Some(header_row) = self.mapping.file.header_row
            && first_number < header_row
        {
            let Some(offset) = memchr::memchr(line_end, &sample[start..]) else {
                return Err(self.odd(format, &format!("it has no line {header_row} for the column names")));
            };
            start += offset + 1;
            first_number += 1;
        }
        let mut rows = DelimitedRows::new(&sample[start..], delimiter, line_end, first_number);
        let columns = match rows.next() {
            Some(Item::Row(row)) => (0..row.n_fields()).map(|column| row.field(column).to_owned()).collect(),
            Some(Item::Broken { .. }) => return Err(self.odd(format, "its column names are not text in its encoding")),
            None => return Err(ImportError::Empty(self.input.label.clone())),
        };
        let columns = self.distinct(columns);
        self.delimiter = Some(delimiter);
        let body = start + rows.place().min(sample.len() - start);
        let first_record = rows.next_number();
        let plan = self.plan(&columns)?;
        let mut body_start = Cursor::new(sample);
        body_start.set_position(body as u64);
        let chunks = self.pieces(body_start.chain(rest), syntax, first_record);
        let format = if delimiter == b'\t' { Format::Separated(Some(delimiter)) } else { format };
        Ok(self.opened(format, encoding, plan, chunks))
    }

    fn json(
        mut self,
        format: Format,
        syntax: Syntax,
        encoding: &'static str,
        sample: Vec<u8>,
        rest: Box<dyn Read + Send>,
    ) -> Result<Opened> {
        let is_object = sample.trim_ascii_start().first() == Some(&b'{');
        if syntax == Syntax::JsonLines {
            return self.json_records(format, syntax, encoding, sample, 0, rest);
        }
        if is_object || self.mapping.file.root.is_some() {
            let bytes = self.hold(sample, rest, "one JSON document", SHEET_MIB_MAX)?;
            let (lines, root) = self.lines_of_list(format, &bytes)?;
            self.root = root;
            return self.json_records(format, Syntax::JsonLines, encoding, lines, 0, Box::new(io::empty()));
        }
        let Some(bracket) = memchr::memchr(b'[', &sample) else {
            return Err(self.odd(format, "it is neither a list nor an object"));
        };
        self.json_records(format, syntax, encoding, sample, bracket + 1, rest)
    }

    /// The elements of the list at `root`, one per line, and that root; where it is only looked, of the longest list.
    fn lines_of_list(&self, format: Format, bytes: &[u8]) -> Result<(Vec<u8>, Option<String>)> {
        let document: Value = serde_json::from_slice(bytes).map_err(|error| self.odd(format, &error.to_string()))?;
        let lists = lists_in(&document);
        let length = |root: &String| document.pointer(root).and_then(Value::as_array).map_or(0, Vec::len);
        let root = match &self.mapping.file.root {
            Some(root) => Some(root.clone()),
            None if lists.is_empty() => return Ok((document.to_string().into_bytes(), None)),
            None if self.is_look => lists.iter().max_by_key(|root| length(root)).cloned(),
            None => None,
        };
        let list = root.as_ref().and_then(|root| document.pointer(root));
        let Some(Value::Array(elements)) = list else {
            let message =
                format!("name its list of records as root in the mapping's [file]: one of {}", lists.join(", "));
            return Err(self.odd(format, &message));
        };
        let mut lines = Vec::with_capacity(bytes.len());
        for element in elements {
            serde_json::to_writer(&mut lines, element).map_err(|error| self.odd(format, &error.to_string()))?;
            lines.push(b'\n');
        }
        Ok((lines, root))
    }

    fn json_records(
        self,
        format: Format,
        syntax: Syntax,
        encoding: &'static str,
        sample: Vec<u8>,
        start: usize,
        rest: Box<dyn Read + Send>,
    ) -> Result<Opened> {
        let plan = self.json_plan(names_in(&sample[start..], syntax))?;
        let mut body = Cursor::new(sample);
        body.set_position(start as u64);
        let chunks = self.pieces(body.chain(rest), syntax, 1);
        Ok(self.opened(format, encoding, plan, chunks))
    }

    /// What is read of records with these names.
    fn json_plan(&self, mut columns: Vec<String>) -> Result<Plan> {
        if self.mapping.recipe.is_some() && self.mapping.is_lake_names() && !self.is_look {
            // A connector says only what it knows; what is missing is told row by row.
            let target = self.mapping.target.unwrap_or(Target::Claims);
            let all = Field::ALL.iter().filter(|field| field.is_of(target)).map(|field| field.name().to_owned());
            let missing: Vec<String> = all.filter(|name| !columns.contains(name)).collect();
            columns.extend(missing);
        }
        let mut plan = self.plan(&columns)?;
        if self.mapping.text.is_empty() && !self.is_look {
            // A name may first occur after the sample.
            for field in Field::ALL.iter().filter(|field| field.is_of(plan.target)) {
                if !columns.iter().any(|column| column_key(column) == field.name()) {
                    columns.push(field.name().to_owned());
                }
            }
            plan = self.plan(&columns)?;
        }
        Ok(plan)
    }

    fn pieces(
        &self,
        reader: impl Read + Send + 'static,
        syntax: Syntax,
        first_record: u64,
    ) -> Box<dyn Iterator<Item = Result<Chunk>> + Send> {
        let mut pieces = Pieces::new(reader, syntax, first_record, Sizes::default());
        let (label, compression) = (self.input.label.clone(), self.compression);
        Box::new(std::iter::from_fn(move || match pieces.next() {
            Ok(Some(Piece::Block(block))) => Some(Ok(Chunk::Block { block, syntax })),
            Ok(Some(Piece::Unreadable(unreadable))) => Some(Ok(Chunk::Unreadable(unreadable))),
            Ok(None) => None,
            Err(source) => Some(Err(compression.error(&label, source))),
        }))
    }

    fn odd(&self, format: Format, message: &str) -> ImportError {
        let file = self.input.label.clone();
        ImportError::Format { file, format: format.name(), message: message.to_owned() }
    }

    fn opened(
        self,
        format: Format,
        encoding: &'static str,
        plan: Plan,
        chunks: Box<dyn Iterator<Item = Result<Chunk>> + Send>,
    ) -> Opened {
        let notes = if self.is_look { Vec::new() } else { notes_of(&plan, &self.repeated_columns) };
        let (compression, n_bytes_read) = (self.compression, self.n_bytes_read);
        let (root, delimiter) = (self.root, self.delimiter);
        Opened { format, compression, encoding, plan, notes, root, delimiter, n_bytes_read, chunks }
    }

    fn distinct(&mut self, columns: Vec<String>) -> Vec<String> {
        let (columns, repeated) = distinct(columns);
        self.repeated_columns = repeated;
        columns
    }
}

/// What to say of a file's columns: names that occur twice, and columns that nothing is read from.
fn notes_of(plan: &Plan, repeated: &[String]) -> Vec<String> {
    const NAMES_MAX: usize = 8;
    let listed = |names: &[&str]| {
        let shown: Vec<&str> = names.iter().copied().take(NAMES_MAX).collect();
        let more =
            if names.len() > NAMES_MAX { format!(" and {} more", names.len() - NAMES_MAX) } else { String::new() };
        format!("{}{more}", shown.join(", "))
    };
    let mut notes = Vec::new();
    if !repeated.is_empty() {
        let names: Vec<&str> = repeated.iter().map(String::as_str).collect();
        notes.push(format!(
            "column names that occur twice: {}; the first is meant, the second is \"… (2)\"",
            listed(&names)
        ));
    }
    let unused = plan.unused_columns();
    if !unused.is_empty() {
        notes.push(format!("columns not used: {}", listed(&unused)));
    }
    notes
}

/// Column names without blanks around; a second of the same name gets a number, an empty one its place. And which
/// occur more than once.
pub(crate) fn distinct(columns: Vec<String>) -> (Vec<String>, Vec<String>) {
    let mut named: Vec<String> = Vec::with_capacity(columns.len());
    let mut written: Vec<String> = Vec::with_capacity(columns.len());
    let mut repeated: Vec<String> = Vec::new();
    for (place, column) in columns.into_iter().enumerate() {
        let name = match column.trim() {
            "" => nameless(place),
            name => name.to_owned(),
        };
        let n_before = written.iter().filter(|known| **known == name).count();
        if n_before > 0 && !repeated.contains(&name) {
            repeated.push(name.clone());
        }
        named.push(if n_before == 0 { name.clone() } else { format!("{name} ({})", n_before + 1) });
        written.push(name);
    }
    (named, repeated)
}

/// JSON pointers to the lists of objects in a document.
fn lists_in(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), document)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Array(values) if values.iter().any(Value::is_object) => found.push(path),
            Value::Object(fields) => {
                open.extend(
                    fields
                        .iter()
                        .map(|(name, inner)| (format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), inner)),
                );
            }
            _ => {}
        }
    }
    found.sort();
    found
}

/// Names of the fields that the first records have, in their order.
fn names_in(sample: &[u8], syntax: Syntax) -> Vec<String> {
    let mut names = Names::default();
    let mut note = |record: &[u8]| {
        if let Ok(Value::Object(fields)) = serde_json::from_slice(record) {
            names.note(&fields);
        }
    };
    if syntax == Syntax::JsonLines {
        sample.split(|byte| *byte == b'\n').take(SAMPLE_RECORDS_MAX).for_each(&mut note);
        return names.0;
    }
    let mut scan = json_scan::ElementScan::default();
    for _ in 0..SAMPLE_RECORDS_MAX {
        let Some(range) = scan.next(sample) else { break };
        note(&sample[range]);
    }
    names.0
}

/// Names of fields, each once, in the order in which they first occur.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn note(&mut self, record: &Record) {
        json::names_of(record, &mut |name| {
            if !self.0.iter().any(|known| known == name) {
                self.0.push(name.to_owned());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_names_that_differ() {
        let (columns, repeated) = distinct(["a", "", "a", " b ", "a"].map(str::to_owned).to_vec());
        assert_eq!(columns, ["a", "column 2", "a (2)", "b", "a (3)"]);
        assert_eq!(repeated, ["a"]);
    }

    #[test]
    fn lists_are_found_by_pointer() {
        let document = serde_json::json!({"meta": {"n": 1}, "data": {"rows": [{"a": 1}], "tags": ["x"]}});
        assert_eq!(lists_in(&document), ["/data/rows"]);
    }
}
