//! Reading a folder to evaluate: `claims.csv`, and `truth.csv` where the truth is known.
//!
//! Columns may come in any order; unknown ones are left alone. A row that cannot be read is left out and told, with its line,
//! what was expected and what to do; the others go on. Only a missing column or file stops it.

use std::collections::HashMap;
use std::io::Read as _;
use std::path::Path;

use crowsnest_lake::{LakeError, files};
use crowsnest_model::{Period, Status, parse_day, parse_plain_number};

use crate::error::ReconcileError;
use crate::panel::Standing;
use crate::panels::{Word, standing};

/// Texts as numbers, in the order in which they first came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbered {
    numbers: HashMap<String, u32>,
    /// The texts.
    pub(crate) texts: Vec<String>,
}

impl Numbered {
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as u32;
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(text.to_owned());
        number
    }

    pub(crate) fn known(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }
}

/// What a folder holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folder {
    /// Claims that could be read.
    pub(crate) words: Vec<Word>,
    /// True values: subject, metric, period, value.
    pub(crate) truth: Vec<(u32, u32, Period, f64)>,
    pub(crate) has_truth: bool,
    pub(crate) subjects: Numbered,
    pub(crate) metrics: Numbered,
    pub(crate) units: Numbered,
    pub(crate) sources: Numbered,
    /// Rows that could not be read, in sentences; only the first few of each file.
    pub(crate) rejects: Vec<String>,
    pub(crate) n_rejects: usize,
}

const REJECTS_TOLD_MAX: usize = 20;
/// Between the parts of a subject: no name has it.
const BETWEEN: char = '\u{1f}';

impl Folder {
    /// Reads it.
    ///
    /// # Errors
    /// A file or a column that is missing.
    pub(crate) fn read(folder: &Path) -> Result<Self, ReconcileError> {
        let mut read = Self::default();
        read.read_claims(&folder.join("claims.csv"))?;
        let truth = folder.join("truth.csv");
        if truth.is_file() {
            read.has_truth = true;
            read.read_truth(&truth)?;
        }
        Ok(read)
    }

    fn read_claims(&mut self, path: &Path) -> Result<(), ReconcileError> {
        const NEEDED: &[&str] = &["subject", "metric", "period", "source", "value", "said_on"];
        let text = text_of(path)?;
        let mut rows = Rows::open(path, &text, NEEDED)?;
        while let Some((line, row)) = rows.next() {
            match self.word(&row) {
                Ok(word) => self.words.push(word),
                Err(reason) => self.reject(path, line, reason),
            }
        }
        Ok(())
    }

    fn word(&mut self, row: &Row<'_>) -> Result<Word, String> {
        let period = period(row)?;
        let value = value(row)?;
        let said = row.get("said_on");
        let said = parse_day(said).ok_or_else(|| format!("column said_on: {said:?} is not a day: write 2024-12-31"))?;
        let status = match row.get("status") {
            "" => Some(Standing::Counts),
            word => standing(word.parse::<Status>().map_err(|error| format!("column status: {error}"))?),
        };
        Ok(Word {
            subject: self.subjects.number(&subject(row)?),
            metric: self.metrics.number(row.get("metric")),
            unit: self.units.number(row.get("unit")),
            period,
            source: self.sources.number(row.get("source")),
            value,
            said: i64::from(said),
            standing: status,
        })
    }

    fn read_truth(&mut self, path: &Path) -> Result<(), ReconcileError> {
        let text = text_of(path)?;
        let mut rows = Rows::open(path, &text, &["subject", "metric", "period", "value"])?;
        while let Some((line, row)) = rows.next() {
            match self.true_value(&row) {
                Ok(truth) => self.truth.extend(truth),
                Err(reason) => self.reject(path, line, reason),
            }
        }
        Ok(())
    }

    fn true_value(&self, row: &Row<'_>) -> Result<Option<(u32, u32, Period, f64)>, String> {
        let (period, value) = (period(row)?, value(row)?);
        let known = self.subjects.known(&subject(row)?).zip(self.metrics.known(row.get("metric")));
        Ok(known.filter(|_| value > 0.0).map(|(subject, metric)| (subject, metric, period, value)))
    }

    fn reject(&mut self, path: &Path, line: u64, reason: String) {
        self.n_rejects += 1;
        if self.rejects.len() < REJECTS_TOLD_MAX {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            self.rejects.push(format!("{file}:{line}: {reason}"));
        }
    }
}

/// A subject with its dimensions, as one text.
fn subject(row: &Row<'_>) -> Result<String, String> {
    let name = row.get("subject");
    if name.is_empty() {
        return Err("column subject is empty: name the product".to_owned());
    }
    let parts = [name, row.get("region"), row.get("platform"), row.get("segment")];
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
        text.push(BETWEEN);
    }
    Ok(text)
}

fn period(row: &Row<'_>) -> Result<Period, String> {
    Period::parse(row.get("period")).map_err(|error| format!("column period: {error}"))
}

fn value(row: &Row<'_>) -> Result<f64, String> {
    let text = row.get("value");
    let number =
        parse_plain_number(text.as_bytes()).or_else(|| text.parse().ok()).filter(|value: &f64| value.is_finite());
    number.ok_or_else(|| format!("column value: {text:?} is not a number: write digits, with a point for fractions"))
}

fn text_of(path: &Path) -> Result<String, ReconcileError> {
    let mut bytes = Vec::new();
    let read = files::open(path)?.read_to_end(&mut bytes);
    read.map_err(|source| LakeError::File { doing: "reading", path: path.to_owned(), source })?;
    String::from_utf8(bytes).map_err(|_| ReconcileError::Unusable {
        message: format!("{} is not UTF-8", path.display()),
        hint: "save the file as UTF-8".to_owned(),
    })
}

/// A file's rows by the names of its columns.
struct Rows<'a> {
    reader: csv::Reader<&'a [u8]>,
    columns: HashMap<String, usize>,
}

struct Row<'a> {
    columns: &'a HashMap<String, usize>,
    record: csv::StringRecord,
}

impl Row<'_> {
    /// A cell without blanks around it; nothing where the file has no such column.
    fn get(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.record.get(*at)).unwrap_or_default().trim()
    }
}

impl<'a> Rows<'a> {
    fn open(path: &Path, text: &'a str, needed: &[&str]) -> Result<Self, ReconcileError> {
        let bytes = text.trim_start_matches('\u{feff}').as_bytes();
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let header = reader.headers().cloned().unwrap_or_default();
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(place, name)| (name.trim().to_owned(), place)).collect();
        let missing: Vec<&str> = needed.iter().filter(|name| !columns.contains_key(**name)).copied().collect();
        if !missing.is_empty() {
            return Err(ReconcileError::Unusable {
                message: format!("{}: columns missing: {}", path.display(), missing.join(", ")),
                hint: format!("the first line has to name {}", needed.join(", ")),
            });
        }
        Ok(Self { reader, columns })
    }

    fn next(&mut self) -> Option<(u64, Row<'_>)> {
        let mut record = csv::StringRecord::new();
        // Infallible: the text is UTF-8 and in memory, and records may have any number of cells.
        if !self.reader.read_record(&mut record).unwrap_or(false) {
            return None;
        }
        let line = record.position().map_or(0, csv::Position::line);
        Some((line, Row { columns: &self.columns, record }))
    }
}
