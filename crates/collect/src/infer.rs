//! Looks at a file and writes a mapping for it, with comments: a start that works for the common shapes.
//!
//! Shapes: one figure per row with columns for metric and value; one column per metric; one column per period.
//! To teach it a column's name: a word in `KNOWN`.

use std::fmt::Write as _;
use std::path::Path;

use crowsnest_lake::files;
use crowsnest_model::{MetricRegistry, Period, normalise, parse_plain_number, parse_quantity};

use crate::Result;
use crate::mapping::{Field, Mapping, column_key};
use crate::opened::{Overrides, open_with};
use crate::reading::input::{Input, Origin};
use crate::rows::Item;
use crate::worker::{for_each_item, places_of};

const ROWS_MAX: usize = 1000;

/// What columns are called, by field; lower case, underscores for blanks.
const KNOWN: &[(Field, &[&str])] = &[
    (
        Field::Subject,
        &[
            "subject",
            "product",
            "product_name",
            "app",
            "app_name",
            "name",
            "model",
            "project",
            "package",
            "slug",
            "title",
            "show_title",
            "company",
            "vendor",
            "产品",
            "产品名称",
            "应用",
            "应用名称",
            "app名称",
            "名称",
            "模型",
            "模型名称",
            "公司",
            "公司名称",
            "企业",
            "厂商",
            "產品",
            "應用",
            "名稱",
        ],
    ),
    (Field::Metric, &["metric", "indicator", "measure", "指标", "指標"]),
    (
        Field::Period,
        &[
            "period",
            "date",
            "day",
            "week",
            "month",
            "quarter",
            "year",
            "captured_on",
            "time",
            "日期",
            "月份",
            "时间",
            "統計時間",
            "统计时间",
            "统计月份",
            "周期",
            "季度",
            "年份",
            "月",
            "時間",
        ],
    ),
    (Field::Value, &["value", "figure", "number", "数值", "值", "數值", "数据"]),
    (Field::Region, &["region", "country", "market", "地区", "国家", "區域", "地區"]),
    (Field::Platform, &["platform", "os", "store", "平台", "端"]),
    (Field::Segment, &["segment", "category", "分类", "类别", "類別", "赛道"]),
    (Field::Unit, &["unit", "currency", "单位", "單位"]),
    (Field::AsWritten, &["as_written", "quote", "原文"]),
    (Field::Status, &["status", "状态", "狀態"]),
    (Field::Source, &["source", "来源", "数据来源", "來源"]),
    (Field::SaidOn, &["said_on", "published_on", "published", "announced_on", "known_on", "发布日期", "發布日期"]),
    (Field::Url, &["url", "link", "链接", "連結"]),
    (Field::NativeId, &["native_id", "id", "app_id", "bundle_id", "package_id"]),
];

/// Words for metrics beyond their ids and labels.
const METRIC_WORDS: &[(&str, &str)] = &[
    ("月活", "mau"),
    ("月活跃用户", "mau"),
    ("月活跃用户数", "mau"),
    ("月活用户", "mau"),
    ("日活", "dau"),
    ("日活跃用户", "dau"),
    ("下载", "downloads"),
    ("下载量", "downloads"),
    ("访问量", "web_visits"),
    ("visits", "web_visits"),
    ("排名", "rank"),
    ("评分", "rating"),
    ("营收", "revenue"),
    ("收入", "revenue"),
];

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
/// # Errors
/// As for importing it: unreadable, empty, of unknown encoding.
pub fn infer(path: &Path, metrics: &MetricRegistry) -> Result<String> {
    let label = path.display().to_string();
    let file_name = path.file_name().map_or_else(|| label.clone(), |name| name.to_string_lossy().into_owned());
    let input = Input { label, file_name: file_name.clone(), origin: Origin::File(path.to_owned()) };
    let raw = Box::new(files::open(path)?);
    let mut opened = open_with(&input, raw, &Mapping::lake_names(), &Overrides::default(), true)?;
    let names = opened.plan.columns.clone();
    let mut rows: Vec<Vec<String>> = Vec::new();
    if let Some(chunk) = opened.chunks.next() {
        for_each_item(chunk?, &places_of(&names), &mut |item| {
            if let Item::Row(row) = item
                && rows.len() < ROWS_MAX
            {
                rows.push((0..names.len()).map(|column| row.field(column).to_owned()).collect());
            }
        });
    }
    Ok(mapping_for(&file_name, &names, &rows, metrics))
}

fn mapping_for(file_name: &str, names: &[String], rows: &[Vec<String>], metrics: &MetricRegistry) -> String {
    let mut columns = columns_of(names, rows);
    name_the_subject(&mut columns, rows);
    let mut text = format!(
        "# Mapping for {file_name}, written by `crowsnest import --infer`: read it through, then import with --map.\n\n\
         target = \"claims\"\n"
    );
    let has = |field: Field| columns.iter().any(|column| column.field == Some(field));
    let period_columns: Vec<&Column> = columns.iter().filter(|column| column.is_period).collect();
    if has(Field::Metric) && has(Field::Value) {
        write_long(&mut text, &columns);
    } else if period_columns.len() >= 2 {
        write_wide_periods(&mut text, &columns, &period_columns);
    } else {
        write_wide_metrics(&mut text, &columns, metrics, has(Field::Value));
    }
    if !has(Field::Source) {
        text.push_str("\n# The source of all rows: name it on the command line with --source.\n");
    }
    text
}

fn columns_of(names: &[String], rows: &[Vec<String>]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let key = column_key(name);
        let known = KNOWN.iter().find(|(_, words)| words.contains(&key.as_str())).map(|(field, _)| *field);
        let field = known.filter(|field| !columns.iter().any(|column| column.field == Some(*field)));
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

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// `[columns]` for the fields that columns give, and notes for what is left over.
fn write_columns(text: &mut String, columns: &[Column], left_out: &dyn Fn(&Column) -> bool) {
    text.push_str("\n[columns]\n");
    for column in columns.iter().filter(|column| !left_out(column)) {
        match column.field {
            Some(field) => {
                // Infallible: writing to a String never fails.
                let _ = writeln!(text, "{} = {}", field.name(), quoted(&column.name));
            }
            None => {
                let _ = writeln!(text, "# not used: {}", quoted(&column.name));
            }
        }
    }
    let has_period = columns.iter().any(|column| column.field == Some(Field::Period));
    let said = columns.iter().find(|column| column_key(&column.name) == "captured_on");
    if let Some(column) = said.filter(|_| has_period) {
        let _ = writeln!(text, "said_on = {}  # figures of a capture are known on its day", quoted(&column.name));
    }
}

fn write_long(text: &mut String, columns: &[Column]) {
    write_columns(text, columns, &|_| false);
}

fn write_wide_periods(text: &mut String, columns: &[Column], period_columns: &[&Column]) {
    if !columns.iter().any(|column| column.field == Some(Field::Metric)) {
        text.push_str("\n[constants]\nmetric = \"mau\"  # what the figures are: see `crowsnest metrics`\n");
    }
    write_columns(text, columns, &|column| column.is_period);
    let names: Vec<String> = period_columns.iter().map(|column| quoted(&column.name)).collect();
    let _ = write!(
        text,
        "\n# One claim for each of these columns; a pattern such as \"2024-*\" will do too.\n[[unpivot]]\ncolumns = [{}]\n\
         name_is = \"period\"\nvalue_is = \"value\"\n",
        names.join(", ")
    );
}

fn write_wide_metrics(text: &mut String, columns: &[Column], metrics: &MetricRegistry, has_value: bool) {
    let figures: Vec<MetricColumn> = if has_value { Vec::new() } else { metric_columns(columns, metrics) };
    let is_figure = |column: &Column| figures.iter().any(|figure| figure.column == column.name);
    match figures.as_slice() {
        [] => text.push_str("\n[constants]\nmetric = \"mau\"  # what the figures are: see `crowsnest metrics`\n"),
        [only] => {
            let _ = writeln!(text, "\n[constants]\nmetric = {}{}", quoted(&only.metric), note_of(only));
        }
        _ => {}
    }
    write_columns(text, columns, &is_figure);
    match figures.as_slice() {
        [] => {}
        [only] => {
            let _ = writeln!(text, "value = {}", quoted(&only.column));
            if only.scale != 1.0 {
                let _ = writeln!(text, "\n[scale]\nvalue = {}", only.scale);
            }
        }
        several => {
            text.push_str("\n# One claim for each of these columns.\n[[unpivot]]\n");
            for figure in several {
                let scale = if figure.scale == 1.0 { String::new() } else { format!(", scale = {}", figure.scale) };
                let _ = writeln!(
                    text,
                    "columns.{} = {{ metric = {}{scale} }}{}",
                    quoted(&figure.column),
                    quoted(&figure.metric),
                    note_of(figure)
                );
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

    fn inferred(names: &[&str], rows: &[&[&str]]) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        let text = mapping_for("f.csv", &names, &rows, &MetricRegistry::built_in());
        let mapping = Mapping::parse("inferred", &text).unwrap();
        mapping.plan("f.csv", "f.csv", &names).unwrap();
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
}
