//! Answers in the form that was asked for.

use crowsnest_lake::{Answer, encode};

use crate::context::Context;
use crate::failure::Failure;
use crate::options::Format;
use crate::print;
use crate::table::{self, Column, Row};

/// How an answer looks as a table: what stands above it, its columns, what stands below.
#[derive(Debug, Default)]
pub(crate) struct Layout<'a> {
    pub(crate) title: Option<String>,
    pub(crate) columns: &'a [Column],
    pub(crate) below: Vec<String>,
}

impl<'a> Layout<'a> {
    /// Columns alone.
    pub(crate) fn of(columns: &'a [Column]) -> Self {
        Self { columns, ..Self::default() }
    }
}

impl Context {
    /// Prints an answer in the form asked for.
    pub(crate) fn print(&self, answer: &Answer, layout: Layout<'_>) -> Result<(), Failure> {
        if !self.is_table() {
            return self.print_encoded(answer);
        }
        let rows: Vec<Row> = answer.rows_as()?;
        let mut lines = Vec::new();
        if let Some(title) = layout.title {
            lines.extend([title, String::new()]);
        }
        lines.push(table::draw(layout.columns, &rows, self.is_colored()));
        lines.extend(spaced(layout.below));
        lines.extend(spaced(answer.notes.iter().map(|note| format!("note: {note}")).collect()));
        print::line(&print_clean(&lines.join("\n"), self.is_colored()))
    }

    /// Prints an answer as JSON, CSV, newline-delimited JSON or Parquet. Notes that the form has no place for go to
    /// standard error.
    pub(crate) fn print_encoded(&self, answer: &Answer) -> Result<(), Failure> {
        let has_notes = self.format() == Format::Json && !answer.facts.is_empty();
        let bytes = match self.format() {
            Format::Table | Format::Json => format!("{}\n", encode::to_json(answer)?).into_bytes(),
            Format::Csv => encode::to_csv(&answer.rows)?.into_bytes(),
            Format::Ndjson => encode::to_ndjson(&answer.rows)?.into_bytes(),
            Format::Parquet => {
                refuse_terminal()?;
                encode::to_parquet(&answer.rows)?
            }
        };
        print::bytes(&bytes)?;
        if !has_notes {
            answer.notes.iter().for_each(|note| self.note(note));
        }
        Ok(())
    }
}

/// Parquet is bytes, not text.
pub(crate) fn refuse_terminal() -> Result<(), Failure> {
    if print::is_terminal() {
        return Err(Failure::users(
            "parquet would garble the terminal",
            "send it to a file: add `> FILE.parquet`, or use `crowsnest export`",
        ));
    }
    Ok(())
}

/// Colour codes are ours in a coloured table, where cells are cleaned one by one.
fn print_clean(text: &str, is_colored: bool) -> String {
    if is_colored { text.to_owned() } else { print::clean(text) }
}

fn spaced(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        return lines;
    }
    std::iter::once(String::new()).chain(lines).collect()
}
