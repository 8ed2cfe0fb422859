//! Spreadsheets (xlsx, xls, xlsb, ods) as rows of text. Dates become ISO dates, numbers their shortest text.

use std::io::Cursor;

use calamine::{Data, Range, Reader as _, Sheets};

use crate::{ImportError, Result};

/// The cells of one sheet; all rows are as long as the widest.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) rows: Vec<Vec<String>>,
    /// Number of the first row as the program shows it, from 1.
    pub(crate) first_row: u64,
}

/// Reads one sheet: that of the name given, else the first that has cells.
///
/// # Errors
/// [`ImportError::Truncated`] or [`ImportError::Format`] if it cannot be opened; [`ImportError::UnknownWord`] if it has
/// no such sheet; [`ImportError::Empty`].
pub(crate) fn read(file: &str, bytes: Vec<u8>, name: Option<&str>) -> Result<Sheet> {
    let is_zip = bytes.starts_with(b"PK");
    let mut book = match calamine::open_workbook_auto_from_rs(Cursor::new(bytes)) {
        Ok(book) => book,
        Err(_) if is_zip => return Err(ImportError::Truncated { file: file.to_owned(), format: "spreadsheet" }),
        Err(error) => return Err(unreadable(file, &error.to_string())),
    };
    let names = book.sheet_names();
    let range = match name {
        Some(wanted) if !names.iter().any(|known| known == wanted) => {
            return Err(ImportError::UnknownWord {
                what: "sheet",
                found: wanted.to_owned(),
                expected: names.join(", "),
            });
        }
        Some(wanted) => range_of(file, &mut book, wanted)?,
        None => first_with_cells(file, &mut book, &names)?,
    };
    let first_row = range.start().map_or(1, |(row, _)| u64::from(row) + 1);
    let rows = range.rows().map(|cells| cells.iter().map(text_of).collect()).collect();
    Ok(Sheet { rows, first_row })
}

fn first_with_cells(file: &str, book: &mut Sheets<Cursor<Vec<u8>>>, names: &[String]) -> Result<Range<Data>> {
    for name in names {
        let range = range_of(file, book, name)?;
        if !range.is_empty() {
            return Ok(range);
        }
    }
    Err(ImportError::Empty(file.to_owned()))
}

fn range_of(file: &str, book: &mut Sheets<Cursor<Vec<u8>>>, name: &str) -> Result<Range<Data>> {
    book.worksheet_range(name).map_err(|error| unreadable(file, &error.to_string()))
}

fn unreadable(file: &str, message: &str) -> ImportError {
    ImportError::Format { file: file.to_owned(), format: "spreadsheet", message: message.to_owned() }
}

fn text_of(cell: &Data) -> String {
    match cell {
        Data::Empty => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(truth) => truth.to_string(),
        Data::Error(error) => error.to_string(),
        Data::DateTime(moment) if moment.is_duration() => moment.as_f64().to_string(),
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            let date = format!("{year:04}-{month:02}-{day:02}");
            if (hour, minute, second) == (0, 0, 0) {
                return date;
            }
            format!("{date}T{hour:02}:{minute:02}:{second:02}Z")
        }
    }
}
