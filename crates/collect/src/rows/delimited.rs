//! Rows of delimited text (CSV, TSV …).
//!
//! A line without quotes is split with `memchr`, several times faster than a state machine; a record with quotes goes
//! through `csv-core`. A property test holds that both read the same.

use memchr::{memchr_iter, memchr2};

use super::row::{Fault, Item, Row};

const QUOTE: u8 = b'"';

/// Walks through the records of a block.
pub(crate) struct DelimitedRows<'a> {
    bytes: &'a [u8],
    /// The block as text, if all of it is valid.
    text: Option<&'a str>,
    delimiter: u8,
    line_end: u8,
    place: usize,
    number: u64,
    n_blank: u64,
    quoted: csv_core::Reader,
    unquoted: Vec<u8>,
    ends: Vec<usize>,
    spans: Vec<(u32, u32)>,
}

impl<'a> DelimitedRows<'a> {
    /// `bytes` are whole records, the first of which has this number (line).
    pub(crate) fn new(bytes: &'a [u8], delimiter: u8, line_end: u8, first_number: u64) -> Self {
        let quoted = csv_core::ReaderBuilder::new()
            .delimiter(delimiter)
            .quote(QUOTE)
            .terminator(csv_core::Terminator::Any(line_end))
            .build();
        Self {
            bytes,
            text: simdutf8::basic::from_utf8(bytes).ok(),
            delimiter,
            line_end,
            place: 0,
            number: first_number,
            n_blank: 0,
            quoted,
            unquoted: Vec::new(),
            ends: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Blank lines passed over so far.
    pub(crate) fn n_blank(&self) -> u64 {
        self.n_blank
    }

    /// The bytes up to here have been read.
    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// The number of the record that comes next.
    pub(crate) fn next_number(&self) -> u64 {
        self.number
    }

    /// The next record that is not blank.
    pub(crate) fn next(&mut self) -> Option<Item<'_>> {
        loop {
            let rest = self.bytes.get(self.place..).filter(|rest| !rest.is_empty())?;
            let found = memchr2(self.line_end, QUOTE, rest);
            let has_quote = found.is_some_and(|offset| rest[offset] == QUOTE);
            if has_quote {
                return Some(self.next_quoted());
            }
            let start = self.place;
            let length = found.unwrap_or(rest.len());
            let number = self.number;
            self.place = start + length + 1;
            self.number += 1;
            if rest[..length].trim_ascii().is_empty() && (self.delimiter != b'\t' || !rest[..length].contains(&b'\t')) {
                self.n_blank += 1;
                continue;
            }
            let end = start + length - usize::from(length > 0 && rest[length - 1] == b'\r');
            return Some(self.split(number, start, end));
        }
    }

    fn split(&mut self, number: u64, start: usize, end: usize) -> Item<'_> {
        let line = match self.text {
            Some(text) => text.get(start..end),
            None => std::str::from_utf8(&self.bytes[start..end]).ok(),
        };
        let Some(line) = line else { return broken_text(number, &self.bytes[start..end]) };
        self.spans.clear();
        let mut from = 0;
        for found in memchr_iter(self.delimiter, line.as_bytes()) {
            self.spans.push((from, found as u32));
            from = found as u32 + 1;
        }
        self.spans.push((from, line.len() as u32));
        Item::Row(Row::new(number, line, &self.spans, Some(line)))
    }

    fn next_quoted(&mut self) -> Item<'_> {
        let start = self.place;
        let number = self.number;
        self.read_quoted();
        let raw = &self.bytes[start..self.place];
        let n_lines = memchr_iter(self.line_end, raw).count() as u64;
        self.number += n_lines.max(1);
        let (Ok(text), Ok(raw)) = (std::str::from_utf8(&self.unquoted), std::str::from_utf8(raw)) else {
            return broken_text(number, raw);
        };
        self.spans.clear();
        let mut from = 0;
        for end in &self.ends {
            self.spans.push((from, *end as u32));
            from = *end as u32;
        }
        if let Some((from, to)) = self.spans.last_mut()
            && to > from
            && text.as_bytes()[*to as usize - 1] == b'\r'
        {
            *to -= 1;
        }
        Item::Row(Row::new(number, text, &self.spans, Some(raw)))
    }

    /// Reads one record with `csv-core` into `unquoted` and `ends`, and moves on.
    fn read_quoted(&mut self) {
        use csv_core::ReadRecordResult;
        let (mut n_text, mut n_ends) = (0, 0);
        self.unquoted.resize(self.unquoted.capacity().max(4096), 0);
        self.ends.resize(self.ends.capacity().max(64), 0);
        loop {
            let input = self.bytes.get(self.place..).unwrap_or_default();
            let (result, n_in, n_out, n_new_ends) =
                self.quoted.read_record(input, &mut self.unquoted[n_text..], &mut self.ends[n_ends..]);
            self.place += n_in;
            n_text += n_out;
            n_ends += n_new_ends;
            match result {
                ReadRecordResult::OutputFull => self.unquoted.resize(self.unquoted.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                // At the end of the block the reader is told so by an empty input.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        self.unquoted.truncate(n_text);
        self.ends.truncate(n_ends);
    }
}

fn broken_text<'a>(number: u64, raw: &[u8]) -> Item<'a> {
    let shown = String::from_utf8_lossy(raw).trim_end().to_owned();
    let fault = Fault::new(
        "",
        &shown,
        "text in the file's encoding",
        "correct the bytes of this record, or name the file's encoding with --encoding",
    );
    Item::Broken { number, shown, fault }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &[u8]) -> Vec<(u64, Vec<String>)> {
        let mut rows = DelimitedRows::new(text, b',', b'\n', 1);
        let mut found = Vec::new();
        while let Some(item) = rows.next() {
            match item {
                Item::Row(row) => {
                    let fields = (0..row.n_fields()).map(|column| row.field(column).to_owned()).collect();
                    found.push((row.number, fields));
                }
                Item::Broken { number, .. } => found.push((number, vec!["broken".into()])),
            }
        }
        found
    }

    fn texts(fields: &[&str]) -> Vec<String> {
        fields.iter().map(|field| (*field).to_owned()).collect()
    }

    #[test]
    fn quotes_newlines_and_blank_lines_keep_the_numbering() {
        let found = rows(b"a,b\r\n\r\n\"x \"\"y\"\"\nz\",1\r\nlast,\"q\"\r\nend,");
        assert_eq!(
            found,
            [
                (1, texts(&["a", "b"])),
                (3, texts(&["x \"y\"\nz", "1"])),
                (5, texts(&["last", "q"])),
                (6, texts(&["end", ""])),
            ]
        );
    }

    #[test]
    fn a_record_that_is_not_text_is_broken_and_the_others_are_read() {
        let found = rows(b"a,1\ncaf\xe9,2\n\"b\",3\n");
        assert_eq!(found, [(1, texts(&["a", "1"])), (2, texts(&["broken"])), (3, texts(&["b", "3"]))]);
    }

    proptest! {
        #[test]
        fn both_ways_of_splitting_read_the_same(line in "[a-z, ]{0,30}") {
            prop_assume!(!line.trim().is_empty());
            let plain = rows(format!("{line}\n").as_bytes());
            // A quoted last field sends the whole line through csv-core.
            let quoted = rows(format!("{line},\"q\"\n").as_bytes());
            let mut expected = plain[0].1.clone();
            expected.push("q".into());
            prop_assert_eq!(&quoted[0].1, &expected);
        }
    }
}
