//! A mapping's TOML to [`Mapping`]: every fault is listed with its line, unknown keys included.

use crowsnest_model::Grain;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::field::{Field, Target};
use super::{FileOptions, Mapping, Unpivot, UnpivotColumn, UnpivotColumns};
use crate::reading::format::Format;
use crate::recipe::Recipe;
use crate::{ImportError, Result};

pub(super) fn decode(name: &str, text: &str) -> Result<Mapping> {
    let mut faults = Faults { text, list: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place = error.span().map_or(0, |span| span.start);
        faults.at(place, error.message());
    }
    let mut mapping = Mapping { name: name.to_owned(), text: text.to_owned(), ..Mapping::lake_names() };
    if faults.list.is_empty() {
        read_document(document.get_ref(), &mut mapping, &mut faults);
    }
    if faults.list.is_empty() {
        return Ok(mapping);
    }
    faults.list.sort_by_key(|(line, _)| *line);
    let faults = faults.list.into_iter().map(|(line, fault)| format!("line {line}: {fault}")).collect();
    Err(ImportError::Mapping { name: name.to_owned(), faults })
}

struct Faults<'a> {
    text: &'a str,
    list: Vec<(usize, String)>,
}

impl Faults<'_> {
    fn at(&mut self, place: usize, fault: impl Into<String>) {
        let line = self.text.get(..place).unwrap_or_default().matches('\n').count() + 1;
        self.list.push((line, fault.into()));
    }

    fn unknown(&mut self, place: usize, what: &str, found: &str, expected: &str) {
        self.at(place, format!("{what} {found:?} is not known: expected one of {expected}"));
    }
}

type Entry<'a> = Spanned<DeValue<'a>>;

fn read_document(document: &DeTable<'_>, mapping: &mut Mapping, faults: &mut Faults<'_>) {
    const KEYS: &str = "target, file, constants, columns, unpivot, scale, period, skip";
    mapping.target = document.iter().find(|(key, _)| key.get_ref() == "target").and_then(|(_, value)| {
        let word = text_of("target", value, faults)?;
        let found = [Target::Claims, Target::Events].into_iter().find(|target| target.as_str() == word);
        if found.is_none() {
            faults.unknown(value.span().start, "target", &word, "claims, events");
        }
        found
    });
    let target = mapping.target.unwrap_or_else(|| likely_target(document));
    for (key, value) in document {
        match key.get_ref().as_ref() {
            "target" => {}
            "file" => mapping.file = read_file(value, faults),
            "constants" => mapping.constants = read_fields("constants", value, target, faults),
            "columns" => mapping.columns = read_fields("columns", value, target, faults),
            "unpivot" => mapping.unpivots = read_unpivots(value, target, faults),
            "scale" => mapping.scale = read_scale(value, faults),
            "period" => read_period(value, mapping, faults),
            "skip" => mapping.skips = read_skips(value, faults),
            "connector" => match Recipe::in_text(faults.text) {
                Ok(recipe) => mapping.recipe = Some(recipe),
                Err(message) => faults.at(value.span().start, format!("connector: {message}")),
            },
            other => faults.unknown(key.span().start, "key", other, KEYS),
        }
    }
    if mapping.target.is_none() && target == Target::Events {
        mapping.target = Some(target);
    }
}

/// A mapping that gives `event` is for events, even if it does not say so.
fn likely_target(document: &DeTable<'_>) -> Target {
    let gives_event = ["columns", "constants"].iter().any(|part| {
        let table =
            document.iter().find(|(key, _)| key.get_ref() == part).and_then(|(_, value)| value.get_ref().as_table());
        table.is_some_and(|table| table.iter().any(|(key, _)| key.get_ref() == "event"))
    });
    if gives_event { Target::Events } else { Target::Claims }
}

fn table_of<'a, 'i>(what: &str, value: &'a Entry<'i>, faults: &mut Faults<'_>) -> Option<&'a DeTable<'i>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        faults.at(value.span().start, format!("{what} is a {}, expected a table [{what}]", value.get_ref().type_str()));
    }
    table
}

/// A text; numbers and truth values are taken as they are written.
fn text_of(what: &str, value: &Entry<'_>, faults: &mut Faults<'_>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(moment) => Some(moment.to_string()),
        other => {
            faults.at(value.span().start, format!("{what} is a {}, expected a text", other.type_str()));
            None
        }
    }
}

fn number_of(what: &str, value: &Entry<'_>, faults: &mut Faults<'_>) -> Option<f64> {
    let written = match value.get_ref() {
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        _ => String::new(),
    };
    let number = written.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite() && *number != 0.0);
    if number.is_none() {
        faults.at(value.span().start, format!("{what} has to be a number other than 0"));
    }
    number
}

fn texts_of(what: &str, value: &Entry<'_>, faults: &mut Faults<'_>) -> Vec<String> {
    match value.get_ref().as_array() {
        Some(values) => values.iter().filter_map(|value| text_of(what, value, faults)).collect(),
        None => text_of(what, value, faults).into_iter().collect(),
    }
}

fn field_of(key: &Spanned<toml::de::DeString<'_>>, target: Target, faults: &mut Faults<'_>) -> Option<Field> {
    let field = Field::parse(key.get_ref(), target);
    if field.is_none() {
        faults.unknown(
            key.span().start,
            &format!("field of {}", target.as_str()),
            key.get_ref(),
            &Field::names(target),
        );
    }
    field
}

fn read_fields(what: &str, value: &Entry<'_>, target: Target, faults: &mut Faults<'_>) -> Vec<(Field, String)> {
    let Some(table) = table_of(what, value, faults) else { return Vec::new() };
    let mut fields = Vec::new();
    for (key, value) in table {
        let field = field_of(key, target, faults);
        let text = text_of(key.get_ref(), value, faults);
        fields.extend(field.zip(text));
    }
    fields
}

fn read_file(value: &Entry<'_>, faults: &mut Faults<'_>) -> FileOptions {
    const KEYS: &str = "format, delimiter, encoding, sheet, header_row, decimal, root";
    let mut options = FileOptions::default();
    let Some(table) = table_of("file", value, faults) else { return options };
    for (key, value) in table {
        let place = value.span().start;
        let Some(text) = text_of(key.get_ref(), value, faults) else { continue };
        match key.get_ref().as_ref() {
            "format" => match Format::parse(&text) {
                Ok(_) => options.format = Some(text),
                Err(error) => faults.at(place, error.to_string()),
            },
            "delimiter" => match text.as_bytes() {
                [byte] if !matches!(byte, b'"' | b'\n' | b'\r') => options.delimiter = Some(*byte),
                _ => faults.at(place, format!("delimiter {text:?} is not one ASCII character")),
            },
            "encoding" => options.encoding = Some(text),
            "sheet" => options.sheet = Some(text),
            "header_row" => match text.parse() {
                Ok(row) if row > 0 => options.header_row = Some(row),
                _ => faults.at(place, format!("header_row {text:?} is not a line number from 1")),
            },
            "decimal" => match text.as_str() {
                "," => options.has_decimal_comma = true,
                "." => {}
                _ => faults.unknown(place, "decimal", &text, "\".\", \",\""),
            },
            "root" if text.starts_with('/') => options.root = Some(text),
            "root" => faults.at(place, format!("root {text:?} is not a JSON pointer such as \"/data/rows\"")),
            other => faults.unknown(key.span().start, "key of [file]", other, KEYS),
        }
    }
    options
}

fn read_scale(value: &Entry<'_>, faults: &mut Faults<'_>) -> f64 {
    let Some(table) = table_of("scale", value, faults) else { return 1.0 };
    let mut scale = 1.0;
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "value" => scale = number_of("scale of value", value, faults).unwrap_or(1.0),
            other => faults.unknown(key.span().start, "key of [scale]", other, "value"),
        }
    }
    scale
}

fn read_period(value: &Entry<'_>, mapping: &mut Mapping, faults: &mut Faults<'_>) {
    let Some(table) = table_of("period", value, faults) else { return };
    for (key, value) in table {
        let place = value.span().start;
        let Some(text) = text_of(key.get_ref(), value, faults) else { continue };
        match key.get_ref().as_ref() {
            "column" => mapping.columns.push((Field::Period, text)),
            "grain" => match text.parse::<Grain>() {
                Ok(grain) => mapping.grain = Some(grain),
                Err(error) => faults.at(place, error.to_string()),
            },
            "from_file_name" if text.contains("{period}") => mapping.period_from_file_name = Some(text),
            "from_file_name" => {
                faults.at(
                    place,
                    format!("from_file_name {text:?} has no {{period}}: write one such as \"*-{{period}}.csv\""),
                );
            }
            other => faults.unknown(key.span().start, "key of [period]", other, "column, grain, from_file_name"),
        }
    }
}

fn read_skips(value: &Entry<'_>, faults: &mut Faults<'_>) -> Vec<(String, Vec<String>)> {
    let Some(table) = table_of("skip", value, faults) else { return Vec::new() };
    let rules = table.iter().map(|(key, value)| (key.get_ref().to_string(), texts_of(key.get_ref(), value, faults)));
    rules.collect()
}

fn read_unpivots(value: &Entry<'_>, target: Target, faults: &mut Faults<'_>) -> Vec<Unpivot> {
    match value.get_ref() {
        DeValue::Array(values) => values.iter().filter_map(|value| read_unpivot(value, target, faults)).collect(),
        DeValue::Table(_) => read_unpivot(value, target, faults).into_iter().collect(),
        other => {
            faults.at(value.span().start, format!("unpivot is a {}, expected [[unpivot]]", other.type_str()));
            Vec::new()
        }
    }
}

fn read_unpivot(value: &Entry<'_>, target: Target, faults: &mut Faults<'_>) -> Option<Unpivot> {
    let table = table_of("unpivot", value, faults)?;
    let default_value = Field::parse("value", target);
    let (mut columns, mut name_is, mut value_is, mut strip) = (None, None, default_value, None);
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "columns" => columns = Some(read_unpivot_columns(value, target, faults)),
            "name_is" => {
                name_is = text_of("name_is", value, faults).and_then(|text| word_field(&text, value, target, faults))
            }
            "value_is" => {
                value_is = text_of("value_is", value, faults).and_then(|text| word_field(&text, value, target, faults))
            }
            "strip" => strip = text_of("strip", value, faults),
            other => faults.unknown(key.span().start, "key of [[unpivot]]", other, "columns, name_is, value_is, strip"),
        }
    }
    let Some(columns) = columns else {
        faults.at(value.span().start, "[[unpivot]] names no columns");
        return None;
    };
    let is_list = matches!(columns, UnpivotColumns::Patterns(_));
    let name_is = name_is.or_else(|| Field::parse("period", target).filter(|_| is_list));
    Some(Unpivot { columns, name_is, value_is: value_is?, strip })
}

fn word_field(text: &str, value: &Entry<'_>, target: Target, faults: &mut Faults<'_>) -> Option<Field> {
    let field = Field::parse(text, target);
    if field.is_none() {
        faults.unknown(value.span().start, "field", text, &Field::names(target));
    }
    field
}

fn read_unpivot_columns(value: &Entry<'_>, target: Target, faults: &mut Faults<'_>) -> UnpivotColumns {
    let Some(table) = value.get_ref().as_table() else {
        return UnpivotColumns::Patterns(texts_of("columns", value, faults));
    };
    let mut each = Vec::new();
    for (key, value) in table {
        let mut one = UnpivotColumn { column: key.get_ref().to_string(), constants: Vec::new(), scale: 1.0 };
        let Some(gives) = table_of(key.get_ref(), value, faults) else { continue };
        for (key, value) in gives {
            if key.get_ref() == "scale" {
                one.scale = number_of("scale", value, faults).unwrap_or(1.0);
                continue;
            }
            let field = field_of(key, target, faults);
            let text = text_of(key.get_ref(), value, faults);
            one.constants.extend(field.zip(text));
        }
        each.push(one);
    }
    UnpivotColumns::Each(each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_listed_with_their_lines() {
        let text = "targt = \"claims\"\n[file]\ndelimiter = \"ab\"\nheader_row = 0\n[columns]\nsubjet = \"App\"\n[scale]\nvalue = 0\n";
        let error = Mapping::parse("m.toml", text).unwrap_err();
        let ImportError::Mapping { faults, .. } = error else { panic!("a mapping error") };
        let lines: Vec<&str> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["line 1", "line 3", "line 4", "line 6", "line 8"], "{faults:?}");
        assert!(faults[3].contains("field of claims \"subjet\" is not known: expected one of subject, kind, metric"));
    }

    #[test]
    fn broken_toml_says_where() {
        let error = Mapping::parse("m.toml", "a = 1\nb = = 2\n").unwrap_err();
        assert!(error.to_string().starts_with("mapping m.toml: line 2: "), "{error}");
    }

    #[test]
    fn a_mapping_of_events_has_other_fields() {
        let mapping = Mapping::parse("m", "[columns]\nevent = \"type\"\nperson = \"who\"\n").unwrap();
        assert_eq!(mapping.target, Some(Target::Events));
        assert!(Mapping::parse("m", "target = \"claims\"\n[columns]\nperson = \"who\"\n").is_err());
    }
}
