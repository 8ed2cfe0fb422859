//! Answers in the form that was asked for.

use crowsnest_lake::{Answer, encode};
use crowsnest_serve::reports::pdf::{self, Paper};

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

    /// Prints an answer as JSON, CSV, newline-delimited JSON, Parquet, Markdown or HTML. Notes that the form has no place for go to
    /// standard error.
    pub(crate) fn print_encoded(&self, answer: &Answer) -> Result<(), Failure> {
        let has_notes = self.format() == Format::Json && !answer.facts.is_empty();
        let bytes = match self.format() {
            Format::Table | Format::Json => format!("{}\n", encode::to_json(answer)?).into_bytes(),
            Format::Csv => encode::to_csv(&answer.rows)?.into_bytes(),
            Format::Ndjson => encode::to_ndjson(&answer.rows)?.into_bytes(),
            Format::Parquet => {
                refuse_terminal("parquet")?;
                encode::to_parquet(&answer.rows)?
            }
            Format::Md => as_markdown(answer)?.into_bytes(),
            Format::Html => as_html(answer)?.into_bytes(),
            Format::Pdf => return Err(no_pdf()),
        };
        print::bytes(&bytes)?;
        if !has_notes {
            answer.notes.iter().for_each(|note| self.note(note));
        }
        Ok(())
    }
}

/// The rows' names and cells, as texts.
fn cells(answer: &Answer) -> Result<(Vec<String>, Vec<Vec<String>>), Failure> {
    let names: Vec<String> = answer.rows.schema().fields().iter().map(|field| field.name().clone()).collect();
    let rows: Vec<Row> = answer.rows_as()?;
    let cells = rows.iter().map(|row| names.iter().map(|name| table::plain(row.get(name))).collect()).collect();
    Ok((names, cells))
}

/// A table in Markdown.
fn as_markdown(answer: &Answer) -> Result<String, Failure> {
    let (names, rows) = cells(answer)?;
    let line = |cells: &[String]| {
        let cells = cells.iter().map(|cell| cell.replace('\\', "\\\\").replace('|', "\\|").replace('\n', " "));
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    let body: String = rows.iter().map(|cells| line(cells)).collect();
    Ok(format!("{}|{}\n{body}", line(&names), "---|".repeat(names.len())))
}

/// A table in HTML.
fn as_html(answer: &Answer) -> Result<String, Failure> {
    let (names, rows) = cells(answer)?;
    let escaped = |cell: &String| cell.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let line = |cells: &[String], tag: &str| {
        let cells = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let body: String = rows.iter().map(|cells| line(cells, "td")).collect();
    Ok(format!("<table>\n<thead>{}</thead>\n<tbody>\n{body}</tbody>\n</table>\n", line(&names, "th")))
}

/// What is bytes, not text, `parquet` or `pdf`.
pub(crate) fn refuse_terminal(ending: &str) -> Result<(), Failure> {
    if !print::is_terminal() {
        return Ok(());
    }
    let or = if ending == "parquet" { ", or use `crowsnest export`" } else { "" };
    let hint = format!("send it to a file: add `> FILE.{ending}`{or}");
    Err(Failure::users(format!("{ending} would garble the terminal"), hint))
}

/// Typesets a document and prints it; what is missing in it is told on standard error.
pub(crate) async fn print_pdf(context: &Context, paper: Paper) -> Result<(), Failure> {
    let printed = pdf::print_pdf(paper).await?;
    print::bytes(&printed.bytes)?;
    printed.note().iter().for_each(|note| context.note(note));
    Ok(())
}

/// Rows alone are not a document.
pub(crate) fn no_pdf() -> Failure {
    Failure::users(
        "reports and digests come as PDF, rows do not",
        "write --format html, or put a table into a report: reports/NAME.md",
    )
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
