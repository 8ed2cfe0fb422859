//! What a file is: by its first bytes, then its name, then the look of its text; and which delimiter parts its fields.

use super::blocks::Syntax;
use crate::{ImportError, Result};

/// The formats that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// CSV, TSV and the like, with the delimiter if it is known.
    Separated(Option<u8>),
    /// One JSON document.
    Json,
    /// One JSON value per line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
    /// xlsx, xls, xlsb or ods.
    Sheet,
}

/// Words for `--input-format`, with what they mean. To add one: a line here.
const WORDS: &[(&str, Format)] = &[
    ("csv", Format::Separated(None)),
    ("tsv", Format::Separated(Some(b'\t'))),
    ("json", Format::Json),
    ("ndjson", Format::JsonLines),
    ("jsonl", Format::JsonLines),
    ("parquet", Format::Parquet),
    ("xlsx", Format::Sheet),
    ("xls", Format::Sheet),
    ("xlsb", Format::Sheet),
    ("ods", Format::Sheet),
];

const DELIMITERS: &[u8] = b",;\t|";
const SNIFFED_LINES_MAX: usize = 100;

impl Format {
    /// Reads the word of `--input-format` or of a mapping.
    pub(crate) fn parse(word: &str) -> Result<Self> {
        let lower = word.trim().to_ascii_lowercase();
        match WORDS.iter().find(|(known, _)| *known == lower) {
            Some((_, format)) => Ok(*format),
            None => Err(ImportError::UnknownWord {
                what: "format",
                found: word.to_owned(),
                expected: WORDS.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Tells the format from a file's unpacked first bytes and its name.
    pub(crate) fn of(start: &[u8], file_name: &str) -> Self {
        match start {
            [b'P', b'A', b'R', b'1', ..] => return Self::Parquet,
            [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => return Self::Sheet,
            _ => {}
        }
        let ending = ending_of(file_name);
        let named = WORDS.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format);
        match named {
            Some(Self::Json) | None => Self::of_text(start, named),
            Some(format) => format,
        }
    }

    fn of_text(start: &[u8], named: Option<Self>) -> Self {
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        match text.first() {
            Some(b'[') => Self::Json,
            Some(b'{') if is_several_lines_of_json(text) => Self::JsonLines,
            Some(b'{') => Self::Json,
            _ => named.unwrap_or(Self::Separated(None)),
        }
    }

    /// The name that reports show.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Separated(Some(b'\t')) => "tsv",
            Self::Separated(_) => "csv",
            Self::Json => "json",
            Self::JsonLines => "ndjson",
            Self::Parquet => "parquet",
            Self::Sheet => "spreadsheet",
        }
    }

    /// The media type that the documents table holds.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Separated(Some(b'\t')) => "text/tab-separated-values",
            Self::Separated(_) => "text/csv",
            Self::Json => "application/json",
            Self::JsonLines => "application/x-ndjson",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Sheet => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// The ending that tells the format: without that of the packing, lower case.
fn ending_of(file_name: &str) -> String {
    let lower = file_name.to_ascii_lowercase();
    let unpacked = lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".zst")).unwrap_or(&lower);
    let ending = unpacked.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending.to_owned()
}

fn is_several_lines_of_json(text: &[u8]) -> bool {
    let first_line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let has_more = !text[first_line.len()..].trim_ascii().is_empty();
    has_more && serde_json::from_slice::<serde::de::IgnoredAny>(first_line).is_ok()
}

/// `\n`, or `\r` where a text has no other line end.
pub(crate) fn line_end_of(sample: &[u8]) -> u8 {
    let has_newline = memchr::memchr(b'\n', sample).is_some();
    if !has_newline && memchr::memchr(b'\r', sample).is_some() { b'\r' } else { b'\n' }
}

/// The delimiter by which the first lines fall into the same number of fields, more than one; a comma if none does.
pub(crate) fn delimiter_of(sample: &[u8], line_end: u8) -> u8 {
    let mut best = (0.0, 0, b',');
    for delimiter in DELIMITERS {
        let counts = field_counts(sample, *delimiter, line_end);
        let Some(n_fields) = counts.first().copied().filter(|n| *n > 1) else { continue };
        let n_alike = counts.iter().filter(|n| **n == n_fields).count();
        let share_alike = n_alike as f64 / counts.len() as f64;
        let is_better = share_alike > best.0 + 0.2 || (share_alike > best.0 - 0.2 && n_fields > best.1);
        if is_better {
            best = (share_alike, n_fields, *delimiter);
        }
    }
    best.2
}

fn field_counts(sample: &[u8], delimiter: u8, line_end: u8) -> Vec<usize> {
    let mut counts = Vec::new();
    let mut n_fields = 1;
    let mut is_in_quotes = false;
    let mut is_field_start = true;
    let mut line_start = 0;
    for (place, byte) in sample.iter().enumerate() {
        match *byte {
            b'"' if is_in_quotes => is_in_quotes = false,
            // Two quotes in a row inside a field close and open again: the same in the end.
            b'"' if is_field_start || (place > 0 && sample[place - 1] == b'"') => is_in_quotes = true,
            found if found == line_end && !is_in_quotes => {
                if !sample[line_start..place].trim_ascii().is_empty() {
                    counts.push(n_fields);
                }
                n_fields = 1;
                line_start = place + 1;
                if counts.len() >= SNIFFED_LINES_MAX {
                    return counts;
                }
            }
            found if found == delimiter && !is_in_quotes => n_fields += 1,
            _ => {}
        }
        is_field_start = !is_in_quotes && (*byte == delimiter || *byte == line_end);
    }
    if counts.is_empty() && line_start < sample.len() {
        counts.push(n_fields);
    }
    counts
}

/// How records follow each other in a text of this format.
pub(crate) fn syntax_of(format: Format, sample: &[u8], delimiter: Option<u8>) -> Syntax {
    match format {
        Format::Json => Syntax::JsonArray,
        Format::JsonLines => Syntax::JsonLines,
        Format::Separated(known) => {
            let line_end = line_end_of(sample);
            let found = delimiter.or(known).unwrap_or_else(|| delimiter_of(sample, line_end));
            Syntax::Separated { delimiter: found, line_end }
        }
        Format::Parquet | Format::Sheet => Syntax::Separated { delimiter: b',', line_end: b'\n' },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_bytes_then_name_then_look() {
        assert_eq!(Format::of(b"PAR1....", "x.csv"), Format::Parquet);
        assert_eq!(Format::of(b"PK\x03\x04", "x"), Format::Sheet);
        assert_eq!(Format::of(b"a\tb\n", "x.tsv.gz"), Format::Separated(Some(b'\t')));
        assert_eq!(Format::of(b"[{\"a\":1}]", "x"), Format::Json);
        assert_eq!(Format::of(b"{\"a\":1}\n{\"a\":2}\n", "x.json"), Format::JsonLines);
        assert_eq!(Format::of(b"{\n\"a\":1}\n", "x.json"), Format::Json);
        assert_eq!(Format::of(b"{\"a\":[{\"b\":1}]}\n", "x.json"), Format::Json);
        assert_eq!(Format::of(b"a,b\n", "stdin"), Format::Separated(None));
    }

    #[test]
    fn delimiters_are_told_by_even_rows() {
        assert_eq!(delimiter_of(b"a;b\nx;1,5\ny;2,5\n", b'\n'), b';');
        assert_eq!(delimiter_of(b"a,b\n\"x;y;z\",1\n", b'\n'), b',');
        assert_eq!(delimiter_of(b"a|b|c\n1|2|3\n", b'\n'), b'|');
        assert_eq!(delimiter_of(b"a\tb\n1, 2\t3\n", b'\n'), b'\t');
        assert_eq!(delimiter_of(b"only\none\n", b'\n'), b',');
        assert_eq!(delimiter_of(b"a,b,c\r1,2,3\r", line_end_of(b"a,b,c\r1,2,3\r")), b',');
    }

    #[test]
    fn an_unknown_format_lists_the_known() {
        assert!(
            Format::parse("xml")
                .unwrap_err()
                .to_string()
                .starts_with("format \"xml\" is not known: expected one of csv, tsv")
        );
    }
}
