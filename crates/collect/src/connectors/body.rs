//! Documents that are themselves files of records, which the mapping reads.

use crate::connector::{Page, Parsed};

/// The body as a file of records; refused where it is empty or a web page, such as a page to log in.
pub(crate) fn file_of_records(page: &Page<'_>, what: &str) -> Result<Parsed, String> {
    let start = page.body.trim_ascii_start();
    if start.is_empty() {
        return Err(format!("the {what} is empty"));
    }
    let first: String = start.iter().take(64).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    if first.starts_with("<!doctype html") || first.starts_with("<html") {
        return Err(format!(
            "the {what} is a web page, expected CSV, JSON, Parquet or a spreadsheet: does it ask to log in?"
        ));
    }
    Ok(Parsed { is_body: true, ..Parsed::default() })
}
