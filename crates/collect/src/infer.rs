//! Looks at a file and writes a mapping for it, with comments: a start that works for the common shapes.
//!
//! In: a path, an address or standard input (`look`). Out: the text of a mapping (`draft`). Shapes: one figure per row
//! with columns for metric and value; one column per metric; one column per period; events. The names may stand below a
//! title, the records of JSON below a key, the period in the file's name.
//!
//! To teach it a column's name: a word in `infer/words.rs`.

mod draft;
mod look;
mod words;

use crowsnest_model::{MetricRegistry, Period, normalise, parse_plain_number, parse_quantity};

use self::draft::{Draft, quoted};
use self::look::{Looked, look_at};
use self::words::{METRIC_WORDS, field_of, kind_of};
use crate::import::blocking;
use crate::mapping::{Field, Target, column_key};
use crate::reading::input;
use crate::{ImportError, Result};

/// How a file is to be looked at, where that is not left to be found.
#[derive(Debug, Clone, Default)]
pub struct LookOptions {
    /// The format, for example `csv`.
    pub format: Option<String>,
    /// The text's encoding, for example `gb18030`.
    pub encoding: Option<String>,
}

/// A column with what its cells look like.
struct Column {
    name: String,
    field: Option<Field>,
    is_numeric: bool,
    is_period: bool,
}

/// A column that holds the figures of one metric.
struct MetricColumn {
    column: String,
    metric: String,
    is_known: bool,
    scale: f64,
}

/// Writes a mapping for a file by looking at its first rows.
///
/// `file` is what an import may name: a path, a pattern (its first file is looked at), an address, or `-`.
///
/// # Errors
/// As for importing it: unreadable, empty, of unknown encoding.
pub async fn infer(file: &str, how: LookOptions, metrics: &MetricRegistry) -> Result<String> {
    let inputs = input::resolve(&[file.to_owned()], None).await?;
    let input = inputs.into_iter().next().ok_or_else(|| ImportError::NoFile(file.to_owned()))?;
    let (label, file_name) = (input.label.clone(), input.file_name.clone());
    let looked = blocking(&label, move || look_at(input, &how)).await?;
    Ok(mapping_for(&file_name, &looked, metrics))
}

fn mapping_for(file_name: &str, looked: &Looked, metrics: &MetricRegistry) -> String {
    let is_event = |name: &String| field_of(&column_key(name), Target::Events) == Some(Field::Event);
    let target = if looked.names.iter().any(is_event) { Target::Events } else { Target::Claims };
    let mut columns = columns_of(&looked.names, &looked.rows, target);
    name_the_subject(&mut columns, &looked.rows);
    let mut draft = Draft { target: target.as_str(), ..Draft::default() };
    write_file(&mut draft, looked);
    write_kind(&mut draft, &columns, target);
    match target {
        Target::Events => write_columns(&mut draft, &columns, &|_| false),
        Target::Claims => write_claims(&mut draft, &columns, file_name, metrics),
    }
    if !has(&columns, Field::Source) {
        draft.remarks.push("The source of all rows: name it on the command line with --source.".to_owned());
    }
    draft.text(file_name)
}

fn has(columns: &[Column], field: Field) -> bool {
    columns.iter().any(|column| column.field == Some(field))
}

fn write_file(draft: &mut Draft, looked: &Looked) {
    if let Some(header_row) = looked.header_row {
        draft.file.push(format!("header_row = {header_row}  # the column names are below a title"));
    }
    if let Some(delimiter) = looked.delimiter {
        draft.file.push(format!("delimiter = {}", quoted(&char::from(delimiter).to_string())));
    }
    if let Some(root) = &looked.root {
        draft.file.push(format!("root = {}", quoted(root)));
    }
}

fn write_kind(draft: &mut Draft, columns: &[Column], target: Target) {
    let subject = columns.iter().find(|column| column.field == Some(Field::Subject));
    let kind = subject.and_then(|column| kind_of(&column_key(&column.name), target));
    if let Some(kind) = kind.filter(|_| !has(columns, Field::Kind)) {
        draft.constants.push(format!("kind = {}", quoted(kind)));
    }
}

fn write_claims(draft: &mut Draft, columns: &[Column], file_name: &str, metrics: &MetricRegistry) {
    let has_value = has(columns, Field::Value) || has(columns, Field::AsWritten);
    let has_period = has(columns, Field::Period);
    let period_columns: Vec<&Column> = columns.iter().filter(|column| column.is_period).collect();
    let is_wide = period_columns.len() >= 2 || (period_columns.len() == 1 && !has_period && !has_value);
    if has(columns, Field::Metric) && has_value {
        write_columns(draft, columns, &|_| false);
    } else if is_wide {
        write_wide_periods(draft, columns, &period_columns);
        return;
    } else {
        write_wide_metrics(draft, columns, metrics, has_value);
    }
    if has_period {
        return;
    }
    match pattern_of(file_name) {
        Some(pattern) => draft.period.push(format!("from_file_name = {}", quoted(&pattern))),
        None => draft.remarks.push(
            "The period: no column gives it. Name one above, or add period = \"2024-12\" to [constants].".to_owned(),
        ),
    }
}

/// A pattern for files that are named like this one but for the period: `mau-{period}.csv` for `mau-2024-12.csv`.
fn pattern_of(file_name: &str) -> Option<String> {
    if file_name.contains(['*', '{', '}']) {
        return None;
    }
    let is_digit_at = |place: usize| file_name.as_bytes().get(place).is_some_and(u8::is_ascii_digit);
    let begins = |place: &usize| is_digit_at(*place) && !(*place > 0 && is_digit_at(*place - 1));
    let places: Vec<usize> = file_name.char_indices().map(|(place, _)| place).chain([file_name.len()]).collect();
    for start in places.iter().copied().filter(begins) {
        let ends = places.iter().rev().copied().filter(|end| *end >= start + 4 && !is_digit_at(*end));
        for end in ends.filter(|end| file_name[..*end].ends_with(char::is_alphanumeric)) {
            if Period::parse_written(&file_name[start..end], &Default::default()).is_ok() {
                return Some(format!("{}{{period}}{}", &file_name[..start], &file_name[end..]));
            }
        }
    }
    None
}

fn columns_of(names: &[String], rows: &[Vec<String>], target: Target) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let known = field_of(&column_key(name), target);
        let field = known.filter(|field| !has(&columns, *field));
        let filled: Vec<&str> = rows.iter().map(|row| row[place].as_str()).filter(|cell| !cell.is_empty()).collect();
        let n_numeric = filled.iter().filter(|cell| is_number(cell)).count();
        let is_period = field.is_none() && Period::parse_written(name, &Default::default()).is_ok();
        columns.push(Column {
            name: name.clone(),
            field,
            is_numeric: !filled.is_empty() && n_numeric * 10 >= filled.len() * 9,
            is_period,
        });
    }
    columns
}

fn is_number(cell: &str) -> bool {
    parse_plain_number(cell.as_bytes()).is_some() || parse_quantity(cell).is_ok()
}

/// Where no column's name tells the subject, it is the column with the most different texts.
fn name_the_subject(columns: &mut [Column], rows: &[Vec<String>]) {
    if columns.iter().any(|column| column.field == Some(Field::Subject)) {
        return;
    }
    let candidates = columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.field.is_none() && !column.is_numeric && !column.is_period);
    let n_different = |place: usize| {
        let mut texts: Vec<&str> = rows.iter().map(|row| row[place].as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.len()
    };
    let best = candidates.map(|(place, _)| place).max_by_key(|place| (n_different(*place), usize::MAX - place));
    if let Some(place) = best {
        columns[place].field = Some(Field::Subject);
    }
}

/// `[columns]` for the fields that columns give, and notes for what is left over.
fn write_columns(draft: &mut Draft, columns: &[Column], is_left_out: &dyn Fn(&Column) -> bool) {
    for column in columns.iter().filter(|column| !is_left_out(column)) {
        draft.columns.push(match column.field {
            Some(field) => format!("{} = {}", field.name(), quoted(&column.name)),
            None => format!("# not used: {}", quoted(&column.name)),
        });
    }
    let said = columns.iter().find(|column| column_key(&column.name) == "captured_on");
    if let Some(column) = said.filter(|_| has(columns, Field::Period) && !has(columns, Field::SaidOn)) {
        let name = quoted(&column.name);
        draft.columns.push(format!("said_on = {name}  # figures of a capture are known on its day"));
    }
}

const GUESSED_METRIC: &str = "metric = \"mau\"  # what the figures are: see `crowsnest metrics`";

fn write_wide_periods(draft: &mut Draft, columns: &[Column], period_columns: &[&Column]) {
    if !has(columns, Field::Metric) {
        draft.constants.push(GUESSED_METRIC.to_owned());
    }
    write_columns(draft, columns, &|column| column.is_period);
    let names: Vec<String> = period_columns.iter().map(|column| quoted(&column.name)).collect();
    draft.unpivot = vec![
        format!("columns = [{}]  # a pattern such as \"2024-*\" will do too", names.join(", ")),
        "name_is = \"period\"".to_owned(),
        "value_is = \"value\"".to_owned(),
    ];
}

fn write_wide_metrics(draft: &mut Draft, columns: &[Column], metrics: &MetricRegistry, has_value: bool) {
    let figures: Vec<MetricColumn> = if has_value { Vec::new() } else { metric_columns(columns, metrics) };
    let is_figure = |column: &Column| figures.iter().any(|figure| figure.column == column.name);
    write_columns(draft, columns, &is_figure);
    match figures.as_slice() {
        [] if has(columns, Field::Metric) => {}
        [] => draft.constants.push(GUESSED_METRIC.to_owned()),
        [only] => {
            draft.constants.push(format!("metric = {}{}", quoted(&only.metric), note_of(only)));
            draft.columns.push(format!("value = {}", quoted(&only.column)));
            if only.scale != 1.0 {
                draft.scale.push(format!("value = {}", only.scale));
            }
        }
        several => {
            for figure in several {
                let scale = if figure.scale == 1.0 { String::new() } else { format!(", scale = {}", figure.scale) };
                draft.unpivot.push(format!(
                    "columns.{} = {{ metric = {}{scale} }}{}",
                    quoted(&figure.column),
                    quoted(&figure.metric),
                    note_of(figure)
                ));
            }
        }
    }
}

fn note_of(figure: &MetricColumn) -> String {
    if figure.is_known {
        return String::new();
    }
    format!("  # new: describe it as [{}] in metrics.toml", figure.metric)
}

/// Numeric columns that no field claims: those named like a metric, else all of them.
fn metric_columns(columns: &[Column], metrics: &MetricRegistry) -> Vec<MetricColumn> {
    let candidates = columns.iter().filter(|column| column.is_numeric && column.field.is_none());
    let all: Vec<MetricColumn> = candidates.map(|column| metric_column(&column.name, metrics)).collect();
    if all.iter().any(|column| column.is_known) {
        return all.into_iter().filter(|column| column.is_known).collect();
    }
    all
}

fn metric_column(name: &str, metrics: &MetricRegistry) -> MetricColumn {
    let (bare, scale) = without_scale(name);
    let wanted = normalise(&bare);
    let by_word = METRIC_WORDS.iter().find(|(word, _)| normalise(word) == wanted).map(|(_, id)| *id);
    let key = column_key(&bare);
    let by_registry = metrics.iter().find(|metric| {
        metric.id == key
            || [&metric.label_en, &metric.label_zh_hans, &metric.label_zh_hant]
                .into_iter()
                .any(|label| normalise(label) == wanted)
    });
    let known = by_registry.map(|metric| metric.id.as_str()).or(by_word.filter(|id| metrics.get(id).is_some()));
    let made: String = key.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
    MetricColumn {
        column: name.to_owned(),
        metric: known.unwrap_or(&made).to_owned(),
        is_known: known.is_some(),
        scale,
    }
}

/// `月活(万)` is `月活`, ten thousand at a time.
fn without_scale(name: &str) -> (String, f64) {
    let Some((bare, rest)) = name.split_once(['(', '（', '/']) else { return (name.trim().to_owned(), 1.0) };
    let unit = rest.trim_end_matches([')', '）']).trim();
    let scale = parse_quantity(&format!("1{unit}")).map_or(1.0, |one| one.value);
    (bare.trim().to_owned(), scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Mapping;

    fn inferred(names: &[&str], rows: &[&[&str]]) -> String {
        inferred_of("f.csv", names, rows)
    }

    fn inferred_of(file_name: &str, names: &[&str], rows: &[&[&str]]) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        let looked = Looked { names: names.clone(), rows, ..Looked::default() };
        let text = mapping_for(file_name, &looked, &MetricRegistry::built_in());
        let mapping = Mapping::parse("inferred", &text).unwrap();
        mapping.plan(file_name, file_name, &names).unwrap();
        text
    }

    #[test]
    fn a_capture_of_one_metric() {
        let text = inferred(&["captured_on", "project", "downloads_30d"], &[&["2024-01-01", "boto3", "12"]]);
        for line in [
            "period = \"captured_on\"",
            "subject = \"project\"",
            "said_on = \"captured_on\"",
            "value = \"downloads_30d\"",
            "metric = \"downloads_30d\"",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn chinese_names_with_scales() {
        let text = inferred(&["应用名称", "月份", "月活(万)", "下载量"], &[&["豆包", "2024-12", "7116", "30"]]);
        for line in [
            "subject = \"应用名称\"",
            "period = \"月份\"",
            "columns.\"月活(万)\" = { metric = \"mau\", scale = 10000 }",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn periods_in_the_header() {
        let text = inferred(&["App", "2024-11", "2024-12"], &[&["Kimi", "1", "2"]]);
        assert!(text.contains("columns = [\"2024-11\", \"2024-12\"]"), "{text}");
    }

    #[test]
    fn long_files() {
        let text = inferred(&["产品", "指标", "日期", "数值", "来源"], &[&["豆包", "mau", "2024-12", "1", "x"]]);
        assert!(text.contains("metric = \"指标\"") && text.contains("source = \"来源\"") && !text.contains("--source"));
    }

    #[test]
    fn periods_in_the_files_name() {
        let text = inferred_of("mau-2024-12.csv", &["App", "MAU"], &[&["Kimi", "1"]]);
        assert!(text.contains("[period]\nfrom_file_name = \"mau-{period}.csv\""), "{text}");
        for (name, pattern) in [
            ("2024年12月榜单.xlsx", Some("{period}榜单.xlsx")),
            ("top_20241231_v2.csv.gz", Some("top_{period}_v2.csv.gz")),
            ("app-2024-Q4.csv", Some("app-{period}.csv")),
            ("v2.csv", None),
            ("stdin", None),
        ] {
            assert_eq!(pattern_of(name).as_deref(), pattern, "{name}");
        }
    }

    #[test]
    fn events_and_texts_of_figures() {
        let text = inferred(&["event", "company", "date", "amount"], &[&["funding", "x", "2024-01-02", "$3m"]]);
        for line in ["target = \"events\"", "happened_on = \"date\"", "subject = \"company\"", "amount = \"amount\""] {
            assert!(text.contains(line), "{line} in {text}");
        }
        let names = ["subject", "metric", "period", "as_written", "confidence"];
        let text = inferred(&names, &[&["x", "mau", "2024-12", "7116万", "3"]]);
        assert!(!text.contains("[constants]") && text.contains("as_written = \"as_written\""), "{text}");
    }
}
