//! Cuts a text stream into blocks of whole records, so that blocks can be parsed side by side.
//!
//! A block ends where a record ends: after a line end outside quotes (CSV), a line end (NDJSON), or an element (JSON).
//! Quotes follow RFC 4180 as `csv-core` reads it: a quote opens a field only at the field's start; inside, two quotes
//! are one. A record that outgrows [`RECORD_BYTES_MAX`] never grows further in memory: it is skipped and reported. A
//! quote that is never closed costs its own line, not the rest of the file.

use std::io::{self, Read};
use std::mem;

use memchr::{memchr, memchr_iter, memrchr};

use super::json_scan::ElementScan;

/// The longest record that is read.
pub(crate) const RECORD_BYTES_MAX: usize = 64 << 20;
/// How much is parsed at once; a few of these are in memory at any time.
pub(crate) const BLOCK_BYTES: usize = 6 << 20;
const EXCERPT_BYTES: usize = 200;

/// How records follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Fields between delimiters, records between line ends, quotes around either.
    Separated {
        /// For example `,`.
        delimiter: u8,
        /// `\n`, or `\r` for the oldest files.
        line_end: u8,
    },
    /// One JSON value per line.
    JsonLines,
    /// The elements of one JSON array.
    JsonArray,
}

/// Whole records, one after another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) bytes: Vec<u8>,
    /// Number of the first record: its line (CSV, NDJSON) or its place in the array (JSON), from 1.
    pub(crate) first_record: u64,
}

/// What the stream is cut into.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Records to parse.
    Block(Block),
    /// A record that was not kept.
    Unreadable(Unreadable),
}

/// A record that could not be kept, with its place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) record: u64,
    pub(crate) problem: Problem,
    /// Its first bytes.
    pub(crate) excerpt: Vec<u8>,
}

/// Why a record could not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Longer than [`RECORD_BYTES_MAX`]; with its length.
    TooLong(u64),
    /// A quote opens in it and is not closed within the limit or the file.
    OpenQuote,
    /// What its connector says: which field, and what should stand there.
    Told { field: String, expected: String },
}

/// Limits, smaller in tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) block_bytes: usize,
    pub(crate) record_bytes_max: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { block_bytes: BLOCK_BYTES, record_bytes_max: RECORD_BYTES_MAX }
    }
}

/// Reads a stream piece by piece.
pub(crate) struct Pieces<R> {
    reader: R,
    syntax: Syntax,
    sizes: Sizes,
    buffer: Vec<u8>,
    next_record: u64,
    is_at_end: bool,
}

impl<R: Read> Pieces<R> {
    /// `first_record` is the number of the first record: a line number for text.
    pub(crate) fn new(reader: R, syntax: Syntax, first_record: u64, sizes: Sizes) -> Self {
        Self { reader, syntax, sizes, buffer: Vec::new(), next_record: first_record, is_at_end: false }
    }

    /// The next piece; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Piece>> {
        let mut scan = Scan::new(self.syntax);
        loop {
            self.fill()?;
            scan.look(&self.buffer, self.is_at_end);
            if scan.boundary > 0 && (self.buffer.len() >= self.sizes.block_bytes || self.is_at_end) {
                return Ok(Some(self.take_block(scan.boundary, scan.n_records)));
            }
            if self.is_at_end {
                return self.take_rest(&scan);
            }
            if self.buffer.len() > self.sizes.record_bytes_max {
                return self.give_up_record().map(Some);
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.is_at_end {
            return Ok(());
        }
        let n_held = self.buffer.len();
        let block_bytes = self.sizes.block_bytes;
        let wanted = if n_held < block_bytes { block_bytes - n_held } else { block_bytes.max(n_held / 2) };
        // Never more than shows that a record is too long.
        let wanted = wanted.min((self.sizes.record_bytes_max + 1).saturating_sub(n_held)).max(1);
        self.buffer.reserve(wanted);
        let n_read = self.reader.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
        self.is_at_end = n_read < wanted;
        Ok(())
    }

    fn take_block(&mut self, boundary: usize, n_records: u64) -> Piece {
        let mut rest = Vec::with_capacity(self.sizes.block_bytes + self.buffer.len() - boundary);
        rest.extend_from_slice(&self.buffer[boundary..]);
        self.buffer.truncate(boundary);
        let bytes = mem::replace(&mut self.buffer, rest);
        let first_record = self.next_record;
        self.next_record += match self.syntax {
            Syntax::Separated { line_end, .. } => n_lines(&bytes, line_end),
            Syntax::JsonLines => n_lines(&bytes, b'\n'),
            Syntax::JsonArray => n_records,
        };
        Piece::Block(Block { bytes, first_record })
    }

    /// The last record has no line end; or a quote is still open.
    fn take_rest(&mut self, scan: &Scan) -> io::Result<Option<Piece>> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        if scan.is_in_quotes {
            return self.give_up_record().map(Some);
        }
        let all = self.buffer.len();
        Ok(Some(self.take_block(all, scan.n_records + 1)))
    }

    /// Leaves out the record that the buffer starts with: its first line if it has one, else all up to the next line
    /// end, read without being held.
    fn give_up_record(&mut self) -> io::Result<Piece> {
        let line_end = match self.syntax {
            Syntax::Separated { line_end, .. } => line_end,
            Syntax::JsonLines | Syntax::JsonArray => b'\n',
        };
        let excerpt = self.buffer[..self.buffer.len().min(EXCERPT_BYTES)].to_vec();
        let record = self.next_record;
        let is_array = self.syntax == Syntax::JsonArray;
        if !is_array && let Some(end) = memchr(line_end, &self.buffer) {
            self.next_record += 1;
            let excerpt = self.buffer[..end.min(EXCERPT_BYTES)].to_vec();
            self.buffer.drain(..=end);
            return Ok(Piece::Unreadable(Unreadable { record, problem: Problem::OpenQuote, excerpt }));
        }
        if self.is_at_end && self.buffer.len() <= self.sizes.record_bytes_max {
            self.buffer.clear();
            return Ok(Piece::Unreadable(Unreadable { record, problem: Problem::OpenQuote, excerpt }));
        }
        let mut n_skipped = self.buffer.len() as u64;
        self.buffer = Vec::new();
        loop {
            self.fill()?;
            // Where an element of an array ends cannot be told any more: the rest of the array goes with it.
            let end = if is_array { None } else { memchr(line_end, &self.buffer) };
            n_skipped += end.unwrap_or(self.buffer.len()) as u64;
            match end {
                Some(end) => {
                    self.buffer.drain(..=end);
                    break;
                }
                None => self.buffer.clear(),
            }
            if self.is_at_end {
                break;
            }
        }
        self.next_record += 1;
        Ok(Piece::Unreadable(Unreadable { record, problem: Problem::TooLong(n_skipped), excerpt }))
    }
}

fn n_lines(bytes: &[u8], line_end: u8) -> u64 {
    let n_ends = memchr_iter(line_end, bytes).count() as u64;
    n_ends + u64::from(bytes.last().is_some_and(|last| *last != line_end))
}

/// Where records end in a buffer that grows.
struct Scan {
    syntax: Syntax,
    looked_at: usize,
    /// Just after the last whole record.
    boundary: usize,
    is_in_quotes: bool,
    n_records: u64,
    elements: ElementScan,
}

impl Scan {
    fn new(syntax: Syntax) -> Self {
        let elements = ElementScan::default();
        Self { syntax, looked_at: 0, boundary: 0, is_in_quotes: false, n_records: 0, elements }
    }

    fn look(&mut self, bytes: &[u8], is_at_end: bool) {
        match self.syntax {
            Syntax::Separated { delimiter, line_end } => self.look_separated(bytes, delimiter, line_end, is_at_end),
            Syntax::JsonLines => self.note_line_end(bytes, b'\n', bytes.len()),
            Syntax::JsonArray => {
                while let Some(element) = self.elements.next(bytes) {
                    self.boundary = element.end;
                    self.n_records += 1;
                }
            }
        }
    }

    fn look_separated(&mut self, bytes: &[u8], delimiter: u8, line_end: u8, is_at_end: bool) {
        let mut place = self.looked_at;
        loop {
            let Some(found) = memchr(b'"', &bytes[place..]).map(|offset| place + offset) else {
                if !self.is_in_quotes {
                    self.note_line_end(bytes, line_end, bytes.len());
                }
                self.looked_at = bytes.len();
                return;
            };
            if !self.is_in_quotes {
                self.note_line_end(bytes, line_end, found);
                let is_opening = found == 0 || bytes[found - 1] == delimiter || bytes[found - 1] == line_end;
                self.is_in_quotes = is_opening;
                place = found + 1;
                self.looked_at = place;
                continue;
            }
            match bytes.get(found + 1) {
                // Whether the quote closes or is half of a pair is told by the byte after it, still to come.
                None if !is_at_end => {
                    self.looked_at = found;
                    return;
                }
                Some(b'"') => place = found + 2,
                _ => {
                    self.is_in_quotes = false;
                    place = found + 1;
                }
            }
            self.looked_at = place;
        }
    }

    /// Notes the last line end between what was looked at before and `until`.
    fn note_line_end(&mut self, bytes: &[u8], line_end: u8, until: usize) {
        if let Some(offset) = memrchr(line_end, &bytes[self.looked_at.min(until)..until]) {
            self.boundary = self.looked_at + offset + 1;
        }
        self.looked_at = until;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CSV: Syntax = Syntax::Separated { delimiter: b',', line_end: b'\n' };

    fn pieces(text: &[u8], syntax: Syntax, sizes: Sizes) -> Vec<Piece> {
        let mut reader = Pieces::new(text, syntax, 1, sizes);
        let mut found = Vec::new();
        while let Some(piece) = reader.next().unwrap() {
            found.push(piece);
        }
        found
    }

    fn joined(pieces: &[Piece]) -> Vec<u8> {
        let blocks = pieces.iter().filter_map(|piece| match piece {
            Piece::Block(block) => Some(block.bytes.as_slice()),
            Piece::Unreadable(_) => None,
        });
        blocks.collect::<Vec<_>>().concat()
    }

    fn sizes(block_bytes: usize) -> Sizes {
        Sizes { block_bytes, record_bytes_max: 64 }
    }

    #[test]
    fn blocks_end_with_records_and_know_their_line() {
        let text = b"a,b\n\"x\ny\",1\nc,d\ne,f\n";
        let found = pieces(text, CSV, sizes(6));
        let places: Vec<(u64, &[u8])> = found
            .iter()
            .map(|piece| match piece {
                Piece::Block(block) => (block.first_record, block.bytes.as_slice()),
                Piece::Unreadable(_) => panic!("nothing is wrong here"),
            })
            .collect();
        assert_eq!(places, [(1, &b"a,b\n"[..]), (2, b"\"x\ny\",1\nc,d\n"), (5, b"e,f\n")]);
    }

    #[test]
    fn a_quote_inside_a_field_opens_nothing() {
        let text = b"5\" screen,1\nb,2\nc,3\n";
        assert_eq!(joined(&pieces(text, CSV, sizes(4))), text);
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_and_said() {
        let text = [b"a,1\n".to_vec(), vec![b'x'; 5000], b"\nb,2\n".to_vec()].concat();
        let found = pieces(&text, CSV, sizes(16));
        assert_eq!(joined(&found), b"a,1\nb,2\n");
        let unreadable = found.iter().find_map(|piece| match piece {
            Piece::Unreadable(unreadable) => Some((unreadable.record, unreadable.problem.clone())),
            Piece::Block(_) => None,
        });
        assert_eq!(unreadable, Some((2, Problem::TooLong(5000))));
        let Some(Piece::Block(last)) = found.last() else { panic!("the last line is good") };
        assert_eq!(last.first_record, 3);
    }

    #[test]
    fn a_quote_never_closed_costs_its_own_line() {
        let text = b"a,1\n\"b,2\nc,3\nd,4\n";
        let found = pieces(text, CSV, Sizes { block_bytes: 1024, record_bytes_max: 4096 });
        assert_eq!(joined(&found), b"a,1\nc,3\nd,4\n");
    }

    #[test]
    fn elements_of_an_array_are_counted() {
        let text = br#" {"a":"],[{"}, [1,2] , 3,"x\"," ] "#;
        let found = pieces(text, Syntax::JsonArray, sizes(8));
        let firsts: Vec<u64> = found
            .iter()
            .filter_map(|piece| match piece {
                Piece::Block(block) => Some(block.first_record),
                Piece::Unreadable(_) => None,
            })
            .collect();
        assert_eq!(firsts[0], 1);
        assert_eq!(joined(&found), text);
    }

    proptest! {
        #[test]
        fn cutting_anywhere_loses_nothing(text in "[a\",\n]{0,80}", size in 1usize..40) {
            let whole = pieces(text.as_bytes(), CSV, Sizes { block_bytes: 1 << 20, record_bytes_max: 1 << 20 });
            let cut = pieces(text.as_bytes(), CSV, Sizes { block_bytes: size, record_bytes_max: 1 << 20 });
            prop_assert_eq!(joined(&whole), joined(&cut));
        }
    }
}
