//! A row of any format, and what can be wrong with one.

use std::borrow::Cow;

/// The fields of one record, as text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Its place in the document: line, row or element, from 1.
    pub(crate) number: u64,
    text: &'a str,
    spans: &'a [(u32, u32)],
    raw: Option<&'a str>,
}

impl<'a> Row<'a> {
    /// `spans` are places in `text`; `raw` is the record as it stands in the document, if it is text there.
    pub(crate) fn new(number: u64, text: &'a str, spans: &'a [(u32, u32)], raw: Option<&'a str>) -> Self {
        Self { number, text, spans, raw }
    }

    /// The field in a column, without blanks around it; empty where the row is too short.
    pub(crate) fn field(&self, column: usize) -> &'a str {
        let Some((start, end)) = self.spans.get(column) else { return "" };
        let field = self.text.get(*start as usize..*end as usize).unwrap_or_default();
        if is_bare(field) { field } else { field.trim() }
    }

    pub(crate) fn n_fields(&self) -> usize {
        self.spans.len()
    }

    /// Whether no field holds anything.
    pub(crate) fn is_blank(&self) -> bool {
        (0..self.spans.len()).all(|column| self.field(column).is_empty())
    }

    /// The record for a person to read: as it stood, or its fields with commas between.
    pub(crate) fn shown(&self) -> Cow<'a, str> {
        match self.raw {
            Some(raw) => Cow::Borrowed(raw.trim_end_matches(['\r', '\n'])),
            None => {
                let fields: Vec<&str> = (0..self.spans.len()).map(|column| self.field(column)).collect();
                Cow::Owned(fields.join(","))
            }
        }
    }
}

/// Whether a field clearly has no blank at either end: most have none, and this is quicker than trimming.
fn is_bare(field: &str) -> bool {
    let bytes = field.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => first.is_ascii_graphic() && last.is_ascii_graphic(),
        _ => true,
    }
}

/// What a block gives one after another.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    /// A record.
    Row(Row<'a>),
    /// A record that cannot be read.
    Broken { number: u64, shown: String, fault: Fault },
}

/// What is wrong with a record: where, what stands there, what should, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) column: Cow<'static, str>,
    pub(crate) found: String,
    pub(crate) expected: String,
    pub(crate) remedy: String,
}

impl Fault {
    pub(crate) fn new(
        column: impl Into<Cow<'static, str>>,
        found: &str,
        expected: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        const FOUND_CHARS_MAX: usize = 200;
        let found = found.chars().take(FOUND_CHARS_MAX).collect();
        Self { column: column.into(), found, expected: expected.into(), remedy: remedy.into() }
    }
}
