//! A worker of an import: chunks in, columns of claims and events and rejects out. No files, no waiting.

use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _};

use crate::mapping::{Plan, Target};
use crate::opened::Chunk;
use crate::reading::blocks::{Problem, RECORD_BYTES_MAX, Syntax, Unreadable};
use crate::report::Reject;
use crate::rows::claims::{ClaimReader, Outcome};
use crate::rows::columns::{COLUMNS_ROWS_MAX, Columns, Repeated};
use crate::rows::delimited::DelimitedRows;
use crate::rows::events::EventReader;
use crate::rows::json::{ColumnPlaces, JsonRows};
use crate::rows::mentions::{Mentions, SeenMentions};
use crate::rows::said::ReadingContext;
use crate::rows::{Fault, Item, Row};

/// What a chunk became.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) n_records: u64,
    pub(crate) n_blank: u64,
    pub(crate) n_claims: u64,
    pub(crate) n_events: u64,
    pub(crate) mentions: Vec<Columns>,
    pub(crate) claims: Vec<Columns>,
    pub(crate) events: Vec<Columns>,
    pub(crate) rejects: Vec<Reject>,
}

/// Reads chunks by one plan.
pub(crate) struct Worker {
    file: String,
    plan: Arc<Plan>,
    places: ColumnPlaces,
    claims: ClaimReader,
    events: EventReader,
    mentions: Mentions,
    repeated: Repeated,
    parsed: Parsed,
}

impl Worker {
    /// A worker for chunks of about so many rows; more are taken too.
    pub(crate) fn new(
        file: &str,
        plan: Arc<Plan>,
        context: Arc<ReadingContext>,
        seen: SeenMentions,
        room: usize,
    ) -> Self {
        Self {
            file: file.to_owned(),
            places: places_of(&plan.columns),
            claims: ClaimReader::new(Arc::clone(&context), room_of(plan.target, Target::Claims, room)),
            events: EventReader::new(context, room_of(plan.target, Target::Events, room)),
            mentions: Mentions::new(seen, room),
            plan,
            repeated: Repeated::default(),
            parsed: Parsed::default(),
        }
    }

    /// Reads all records of a chunk.
    pub(crate) fn read(&mut self, chunk: Chunk) -> Parsed {
        let places = std::mem::take(&mut self.places);
        let is_separated = matches!(&chunk, Chunk::Block { syntax: Syntax::Separated { .. }, .. });
        let n_blank = for_each_item(chunk, &places, &mut |item| self.take(item, is_separated));
        self.places = places;
        self.parsed.n_blank += n_blank;
        self.parsed.n_records += n_blank;
        self.cut(1);
        std::mem::take(&mut self.parsed)
    }

    fn take(&mut self, item: Item<'_>, is_separated: bool) {
        match item {
            Item::Row(row) => self.take_row(&row, is_separated),
            Item::Broken { number, shown, fault } => {
                self.parsed.n_records += 1;
                self.reject(number, fault, shown);
            }
        }
        self.cut(COLUMNS_ROWS_MAX);
    }

    fn take_row(&mut self, row: &Row<'_>, is_separated: bool) {
        let plan = Arc::clone(&self.plan);
        if row.is_blank() || plan.is_skipped(row) {
            self.parsed.n_records += 1;
            self.parsed.n_blank += 1;
            return;
        }
        if is_separated && let Some(fault) = uneven(row, plan.columns.len()) {
            self.parsed.n_records += 1;
            self.reject(row.number, fault, row.shown().into_owned());
            return;
        }
        for template in &plan.templates {
            self.parsed.n_records += 1;
            let outcome = match plan.target {
                Target::Claims => self.claims.read(row, template, &mut self.mentions),
                Target::Events => self.events.read(row, template, &mut self.mentions),
            };
            match (outcome, plan.target) {
                (Ok(Outcome::Blank), _) => self.parsed.n_blank += 1,
                (Ok(Outcome::Added), Target::Claims) => self.parsed.n_claims += 1,
                (Ok(Outcome::Added), Target::Events) => self.parsed.n_events += 1,
                (Err(mut fault), _) => {
                    fault.column = plan.column_of(template, &fault.column).into();
                    self.reject(row.number, fault, row.shown().into_owned());
                }
            }
        }
    }

    fn reject(&mut self, record: u64, fault: Fault, row: String) {
        self.parsed.rejects.push(Reject {
            file: self.file.clone(),
            record,
            column: fault.column.into_owned(),
            found: fault.found,
            expected: fault.expected,
            remedy: fault.remedy,
            row,
        });
    }

    /// Finishes columns that have at least so many rows.
    fn cut(&mut self, n_rows_min: usize) {
        if self.claims.columns.n_rows() >= n_rows_min {
            self.parsed.claims.push(self.claims.columns.finish(&mut self.repeated));
        }
        if self.events.columns.n_rows() >= n_rows_min {
            self.parsed.events.push(self.events.columns.finish(&mut self.repeated));
        }
        if self.mentions.columns.n_rows() >= n_rows_min {
            self.parsed.mentions.push(self.mentions.columns.finish(&mut self.repeated));
        }
    }
}

/// Room for what a plan gives; none for what it does not.
fn room_of(target: Target, of: Target, room: usize) -> usize {
    if target == of { room } else { 0 }
}

pub(crate) fn places_of(columns: &[String]) -> ColumnPlaces {
    columns.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect()
}

/// Gives each record of a chunk; returns the number of blank ones that were passed over.
pub(crate) fn for_each_item(chunk: Chunk, places: &ColumnPlaces, visit: &mut dyn FnMut(Item<'_>)) -> u64 {
    match chunk {
        Chunk::Block { block, syntax: Syntax::Separated { delimiter, line_end } } => {
            let mut rows = DelimitedRows::new(&block.bytes, delimiter, line_end, block.first_record);
            while let Some(item) = rows.next() {
                visit(item);
            }
            rows.n_blank()
        }
        Chunk::Block { block, syntax } => {
            let mut rows = JsonRows::new(&block.bytes, syntax, block.first_record, places);
            while let Some(item) = rows.next() {
                visit(item);
            }
            rows.n_blank()
        }
        Chunk::Cells { rows, first_record } => {
            let mut line = Line::default();
            for (offset, cells) in rows.iter().enumerate() {
                line.fill(cells.len(), |column| cells[column].as_str(), |column| column);
                visit(Item::Row(line.row(first_record + offset as u64)));
            }
            0
        }
        Chunk::Batch { batch, places: used, first_record } => {
            let columns: Vec<_> = batch.columns().iter().map(|column| column.as_string::<i32>()).collect();
            let mut line = Line { spans: vec![(0, 0); places.len()], ..Line::default() };
            for index in 0..batch.num_rows() {
                let text = |column: usize| {
                    let values = columns[column];
                    if values.is_null(index) { "" } else { values.value(index) }
                };
                line.fill(columns.len(), text, |column| used[column]);
                visit(Item::Row(line.row(first_record + index as u64)));
            }
            0
        }
        Chunk::Unreadable(unreadable) => {
            visit(broken(unreadable));
            0
        }
    }
}

/// A row put together from cells.
#[derive(Default)]
struct Line {
    text: String,
    spans: Vec<(u32, u32)>,
}

impl Line {
    fn fill<'a>(&mut self, n_cells: usize, cell: impl Fn(usize) -> &'a str, place: impl Fn(usize) -> usize) {
        self.text.clear();
        for index in 0..n_cells {
            let start = self.text.len() as u32;
            self.text.push_str(cell(index));
            let place = place(index);
            if self.spans.len() <= place {
                self.spans.resize(place + 1, (0, 0));
            }
            self.spans[place] = (start, self.text.len() as u32);
        }
    }

    fn row(&self, number: u64) -> Row<'_> {
        Row::new(number, &self.text, &self.spans, None)
    }
}

fn uneven(row: &Row<'_>, n_columns: usize) -> Option<Fault> {
    let n_fields = row.n_fields();
    let has_too_many = n_fields > n_columns && (n_columns..n_fields).any(|column| !row.field(column).is_empty());
    if n_fields >= n_columns && !has_too_many {
        return None;
    }
    let found = format!("{n_fields} fields");
    let remedy = "quote fields that hold the delimiter, a quote or a line end; or name the delimiter in a mapping";
    Some(Fault::new("", &found, format!("{n_columns} fields, as in the line of column names"), remedy))
}

fn broken<'a>(unreadable: Unreadable) -> Item<'a> {
    let shown = String::from_utf8_lossy(&unreadable.excerpt).into_owned();
    let fault = match unreadable.problem {
        Problem::TooLong(n_bytes) => Fault::new(
            "",
            &format!("a record of {n_bytes} bytes"),
            format!("at most {RECORD_BYTES_MAX} bytes per record"),
            "split it: most likely a line end or a closing bracket is missing",
        ),
        Problem::Told { field, expected } => {
            let remedy = "look at the document; tell the connector's keepers if the source changed";
            let fault = Fault::new(field, &shown, expected, remedy);
            return Item::Broken { number: unreadable.record, fault, shown };
        }
        Problem::OpenQuote => Fault::new(
            "",
            &shown,
            "a closing quote",
            "close the quote that opens in this line, or double it if it belongs to the text",
        ),
    };
    Item::Broken { number: unreadable.record, shown, fault }
}
