//! Answers as tables for people: thousands separated, shares in percent, instants as days, facts below.

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, Float64Type};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};
use crowsnest_lake::Answer;
use serde_json::Value;

/// Columns that people do not need to see in a table; they are in the other formats.
const HIDDEN: &[&str] = &[
    "entity", "company_entity", "period_start", "period_end", "grain", "low", "high", "lowest", "highest", "bound",
    "record", "name_en", "name_hans", "name_hant", "kind", "subject", "metric_label", "event_ref", "n_vintages",
    "previous_value", "previous_rank", "document", "said_at", "segment",
];
/// Fractions that are shown in percent.
const FRACTIONS: &[&str] = &["share", "change_percent"];
const CELL_CHARS_MAX: usize = 60;

/// The rows as a table, with what else the answer says below it.
pub(crate) fn answer(answer: &Answer, width: Option<u16>) -> String {
    let mut text = if answer.rows.num_rows() == 0 { "(no rows)".to_owned() } else { table(answer, width) };
    text.push('\n');
    for line in facts(answer) {
        text.push_str(&line);
        text.push('\n');
    }
    for note in &answer.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

fn table(answer: &Answer, width: Option<u16>) -> String {
    let rows = &answer.rows;
    let is_raw = answer.facts.is_empty() && answer.notes.is_empty() && rows.column_by_name("entity").is_none();
    let shown: Vec<usize> = (0..rows.num_columns())
        .filter(|index| {
            let name = rows.schema().field(*index).name().clone();
            is_raw || (!HIDDEN.contains(&name.as_str()) && rows.column(*index).null_count() < rows.num_rows())
        })
        .collect();
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    match width {
        Some(width) => table.set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(shown.iter().map(|index| {
        Cell::new(rows.schema().field(*index).name().replace('_', " ")).add_attribute(Attribute::Bold)
    }));
    for row in 0..rows.num_rows() {
        table.add_row(shown.iter().map(|index| cell(rows.schema().field(*index).name(), rows.column(*index), row)));
    }
    table.to_string()
}

fn cell(name: &str, column: &ArrayRef, row: usize) -> Cell {
    if column.is_null(row) {
        return Cell::new("");
    }
    match column.data_type() {
        DataType::Float64 => {
            let value = column.as_primitive::<Float64Type>().value(row);
            let text =
                if FRACTIONS.contains(&name) { format!("{:.1} %", value * 100.0) } else { number(value) };
            Cell::new(text).set_alignment(CellAlignment::Right)
        }
        kind if kind.is_integer() => Cell::new(display(column, row)).set_alignment(CellAlignment::Right),
        DataType::Timestamp(_, _) => Cell::new(display(column, row).chars().take(10).collect::<String>()),
        _ => {
            let text = display(column, row);
            let is_long = text.chars().count() > CELL_CHARS_MAX;
            let cut: String = text.chars().take(CELL_CHARS_MAX).filter(|character| !character.is_control()).collect();
            Cell::new(if is_long { format!("{cut}…") } else { cut })
        }
    }
}

fn display(column: &ArrayRef, row: usize) -> String {
    match ArrayFormatter::try_new(column.as_ref(), &FormatOptions::default().with_display_error(true)) {
        Ok(formatter) => formatter.value(row).to_string(),
        Err(error) => error.to_string(),
    }
}

/// `129,120,000`, `0.895`, `1,204.5`: whole numbers whole, others to four significant decimals at most.
pub(crate) fn number(value: f64) -> String {
    let decimals = if value.fract() == 0.0 || value.abs() >= 1e6 {
        0
    } else if value.abs() >= 100.0 {
        1
    } else if value.abs() >= 1.0 {
        2
    } else {
        4
    };
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{fraction}") }
}

/// Totals, concentration, entries and exits in words.
fn facts(answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    let facts = &answer.facts;
    if let Some(totals) = facts.get("totals") {
        if let Some(summed) = totals["summed"].as_f64() {
            lines.push(format!("total, summed over the rows: {}", number(summed)));
        }
        if let Some(claimed) = totals["claimed"].as_f64() {
            let by = totals["claimed_by"].as_str().unwrap_or_default();
            let name = totals["claimed_name"].as_str().unwrap_or_default();
            let gap = totals["gap"].as_f64().map_or(String::new(), |gap| format!("; gap {}", number(gap)));
            lines.push(format!("total, as claimed: {} ({name}, {by}){gap}", number(claimed)));
        }
    }
    if let Some(concentration) = facts.get("concentration").filter(|found| !found["hhi"].is_null()) {
        lines.push(format!(
            "concentration: HHI {}, four largest {:.1} %",
            number(concentration["hhi"].as_f64().unwrap_or_default()),
            concentration["top4"].as_f64().unwrap_or_default() * 100.0
        ));
    }
    for (key, label) in [("entries", "new in it"), ("exits", "gone from it")] {
        let names: Vec<&str> =
            facts.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        if !names.is_empty() {
            lines.push(format!("{label}: {}", names.join(", ")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_grouped() {
        let cases = [
            (129_120_000.0, "129,120,000"), (0.8954, "0.8954"), (-1234.5, "-1,234.5"), (0.0, "0"), (999.0, "999"),
            (1000.0, "1,000"), (12.345, "12.35"), (1_234_567.8, "1,234,568"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }
}
