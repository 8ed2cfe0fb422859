//! Tables for people: which columns of an answer, under which headings, written how.
//!
//! Columns that are empty in every row are left out. Widths count Chinese characters as two cells. On a terminal long
//! texts wrap; into a pipe or file every row is one line.

use comfy_table::{Attribute, Cell as TableCell, CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use crate::{number, print};

/// A row of an answer.
pub(crate) type Row = Map<String, Value>;

/// How the cells of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// As it is.
    Text,
    /// A figure with thousands separators.
    Figure,
    /// A figure that is no more than an expectation: three digits.
    Expected,
    /// A figure of a claim, with what its bound says (`≥ 230`).
    Bounded,
    /// A share as a percentage, with a bar.
    Share,
    /// A change as a percentage with its sign.
    Change,
    /// A change of rank: `▲2`, `▼1`, `=`.
    RankChange,
    /// The day of an instant.
    Day,
    /// An instant to the second, in UTC.
    Moment,
    /// The beginning of a SHA-256, as much as tells documents apart.
    Digest,
    /// `yes` or `no`.
    YesNo,
    /// Region, platform and segment in one.
    Slice,
    /// A size in bytes.
    Bytes,
    /// As it is in JSON, right-aligned where it is a number.
    Raw,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) key: &'static str,
    pub(crate) heading: &'static str,
    pub(crate) cell: Cell,
}

/// A column of an answer.
pub(crate) const fn column(key: &'static str, heading: &'static str, cell: Cell) -> Column {
    Column { key, heading, cell }
}

/// Draws rows as a table.
pub(crate) fn draw(columns: &[Column], rows: &[Row], is_colored: bool) -> String {
    let headings: Vec<(&str, bool)> =
        columns.iter().map(|column| (column.heading, is_right_aligned(column, rows))).collect();
    let largest_share = rows.iter().filter_map(|row| row.get("share")?.as_f64()).fold(0.0, f64::max);
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|column| write_cell(column, row, largest_share)).collect()).collect();
    let is_kept: Vec<bool> = (0..columns.len()).map(|place| cells.iter().any(|row| !row[place].is_empty())).collect();
    let kept = |place: &usize| is_kept[*place];
    let headings: Vec<(&str, bool)> = (0..columns.len()).filter(kept).map(|place| headings[place]).collect();
    let cells: Vec<Vec<String>> = cells
        .into_iter()
        .map(|row| row.into_iter().enumerate().filter(|(place, _)| kept(place)).map(|(_, cell)| cell).collect())
        .collect();
    draw_cells(&headings, &cells, is_colored)
}

/// Draws rows of an unknown shape, in the order of `names`.
pub(crate) fn draw_raw(names: &[String], rows: &[Row], is_colored: bool) -> String {
    let headings: Vec<(&str, bool)> = names
        .iter()
        .map(|name| {
            let mut filled = rows.iter().filter_map(|row| row.get(name)).filter(|value| !value.is_null()).peekable();
            (name.as_str(), filled.peek().is_some() && filled.all(Value::is_number))
        })
        .collect();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| names.iter().map(|name| plain(row.get(name))).collect()).collect();
    draw_cells(&headings, &cells, is_colored)
}

fn draw_cells(headings: &[(&str, bool)], cells: &[Vec<String>], is_colored: bool) -> String {
    if cells.is_empty() {
        return "no rows".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let is_wrapping = print::is_terminal();
    table.set_content_arrangement(if is_wrapping { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
    if is_colored {
        table.enforce_styling();
    } else {
        table.force_no_tty();
        if is_wrapping && let Some(width) = terminal_width() {
            table.set_width(width);
        }
    }
    let header = headings.iter().map(|(heading, _)| TableCell::new(heading).add_attribute(Attribute::Bold));
    table.set_header(header.collect::<Vec<_>>());
    for row in cells {
        table.add_row(row.iter().map(|cell| print::clean(cell).replace('\n', " ")).collect::<Vec<_>>());
    }
    for (place, (_, is_right)) in headings.iter().enumerate() {
        let Some(column) = table.column_mut(place) else { continue };
        column.set_padding((if place == 0 { 0 } else { 1 }, 1));
        if *is_right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let drawn: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    drawn.join("\n")
}

fn terminal_width() -> Option<u16> {
    Table::new().width()
}

fn is_right_aligned(column: &Column, rows: &[Row]) -> bool {
    match column.cell {
        Cell::Figure | Cell::Expected | Cell::Bounded | Cell::Change | Cell::RankChange | Cell::Bytes => true,
        Cell::Raw => {
            rows.iter().all(|row| row.get(column.key).is_none_or(|value| value.is_number() || value.is_null()))
        }
        _ => false,
    }
}

fn write_cell(column: &Column, row: &Row, largest_share: f64) -> String {
    let value = row.get(column.key);
    let number = value.and_then(Value::as_f64);
    match column.cell {
        Cell::Text | Cell::Raw => plain(value),
        Cell::Figure => number.map(number::figure).unwrap_or_default(),
        Cell::Expected => number.map(|number| number::figure(number::rounded(number, 3))).unwrap_or_default(),
        Cell::Bounded => number.map(|number| bounded(number, row)).unwrap_or_default(),
        Cell::Share => number.map(|share| with_bar(share, largest_share)).unwrap_or_default(),
        Cell::Change => number.map(number::change).unwrap_or_default(),
        Cell::RankChange => value.and_then(Value::as_i64).map(rank_change).unwrap_or_default(),
        Cell::Day => plain(value).chars().take(10).collect(),
        Cell::Moment => plain(value).replacen('T', " ", 1).chars().take(19).collect::<String>().replace('Z', ""),
        Cell::Digest => plain(value).chars().take(12).collect(),
        Cell::YesNo => match value.and_then(Value::as_bool) {
            Some(true) => "yes".to_owned(),
            Some(false) => "no".to_owned(),
            None => String::new(),
        },
        Cell::Slice => slice(row),
        Cell::Bytes => value.and_then(Value::as_u64).map(number::bytes).unwrap_or_default(),
    }
}

fn with_bar(share: f64, largest_share: f64) -> String {
    let percent = number::percent(share);
    if largest_share <= 0.0 {
        return percent;
    }
    format!("{percent:>6} {}", number::bar(share / largest_share))
}

fn rank_change(places: i64) -> String {
    match places {
        0 => "=".to_owned(),
        1.. => format!("▲{places}"),
        _ => format!("▼{}", places.unsigned_abs()),
    }
}

/// A claim's figure with what was said of its exactness.
pub(crate) fn bounded(value: f64, row: &Row) -> String {
    let figure = number::figure(value);
    let bound = row.get("bound").and_then(Value::as_str).unwrap_or("exact");
    let end = |key: &str| row.get(key).and_then(Value::as_f64).map(number::figure);
    match bound {
        "approximate" => format!("≈ {figure}"),
        "at_least" => format!("≥ {figure}"),
        "at_most" => format!("≤ {figure}"),
        "range" => match (end("low"), end("high")) {
            (Some(low), Some(high)) => format!("{low} – {high}"),
            _ => figure,
        },
        _ => figure,
    }
}

/// Region, platform and segment; `all` in all three is nothing to tell.
pub(crate) fn slice(row: &Row) -> String {
    let parts: Vec<&str> = ["region", "platform", "segment"]
        .into_iter()
        .filter_map(|key| row.get(key)?.as_str())
        .filter(|text| !text.is_empty())
        .collect();
    if parts.iter().all(|part| *part == "all") {
        return "all".to_owned();
    }
    parts.join("/")
}

/// A value as text; nothing for null.
pub(crate) fn plain(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(value: Value) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn columns_line_up_and_empty_ones_go() {
        let columns = [
            column("name", "name", Cell::Text),
            column("value", "value", Cell::Bounded),
            column("note", "note", Cell::Text),
        ];
        let rows = [
            row(json!({"name": "豆包", "value": 71_160_000.0, "bound": "exact", "note": null})),
            row(json!({"name": "Kimi", "value": 230.0, "bound": "at_least", "note": null})),
        ];
        assert_eq!(draw(&columns, &rows, false), "name       value\n豆包  71,160,000\nKimi       ≥ 230");
    }
}
