//! The forms an answer can be had in, and which one a request wants: by the ending of its address, else by `Accept`.

use axum::http::{HeaderMap, header};
use crowsnest_lake::encode;
use serde_json::{Value, json};

use super::asked::Part;
use crate::ServeError;

/// A form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    Json,
    Csv,
    Arrow,
    Parquet,
}

impl Form {
    /// All of them, with their endings and media types; the first is taken where any will do.
    pub(crate) const ALL: [(Form, &'static str, &'static str); 4] = [
        (Form::Json, ".json", "application/json"),
        (Form::Csv, ".csv", "text/csv"),
        (Form::Arrow, ".arrow", "application/vnd.apache.arrow.stream"),
        (Form::Parquet, ".parquet", "application/vnd.apache.parquet"),
    ];

    /// Splits a known ending off the last part of a path.
    pub(crate) fn split(path: &str) -> (&str, Option<Form>) {
        let ended = |(form, ending, _): &(Form, &str, &str)| Some((path.strip_suffix(ending)?, Some(*form)));
        Self::ALL.iter().find_map(ended).unwrap_or((path, None))
    }

    /// The form that a request prefers; `None` where it takes none of them.
    pub(crate) fn accepted(headers: &HeaderMap) -> Option<Form> {
        let Some(accept) = headers.get(header::ACCEPT) else { return Some(Form::Json) };
        let accept = accept.to_str().ok()?;
        let mut best: Option<(f32, Form)> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            let found = Self::ALL.iter().find(|(_, _, known)| {
                media == *known || media == "*/*" || media.strip_suffix("/*").is_some_and(|of| known.starts_with(of))
            });
            if let Some((form, ..)) = found
                && quality > 0.0
                && best.is_none_or(|(known, _)| quality > known)
            {
                best = Some((quality, *form));
            }
        }
        best.map(|(_, form)| form)
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Csv => "text/csv; charset=utf-8",
            Form::Arrow => "application/vnd.apache.arrow.stream",
            Form::Parquet => "application/vnd.apache.parquet",
        }
    }

    /// A part of an answer in this form.
    ///
    /// # Errors
    /// Where the form cannot hold the rows: lists in CSV.
    pub(crate) fn write(self, part: &Part, as_of: Option<&str>) -> Result<Vec<u8>, ServeError> {
        let rows = &part.answer.rows;
        Ok(match self {
            Form::Json => to_json(part, as_of)?.into_bytes(),
            Form::Csv => encode::to_csv(rows)?.into_bytes(),
            Form::Parquet => encode::to_parquet(rows)?,
            Form::Arrow => {
                let mut writer = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), &rows.schema())?;
                writer.write(rows)?;
                writer.finish()?;
                writer.into_inner()?
            }
        })
    }
}

/// An object of the rows and what belongs to them.
fn to_json(part: &Part, as_of: Option<&str>) -> Result<String, ServeError> {
    let rows = rows_json(part)?;
    let beside = json!({
        "facts": part.answer.facts,
        "notes": part.answer.notes,
        "as_of": as_of,
        "next": part.next,
        "left_out": part.has_left_out,
    });
    let beside = beside.to_string();
    Ok(format!("{{\"rows\":{rows},{}", beside.strip_prefix('{').unwrap_or_default()))
}

/// The rows as a JSON array.
pub(crate) fn rows_json(part: &Part) -> Result<String, ServeError> {
    Ok(encode::to_json(&crowsnest_lake::Answer::of_rows(part.answer.rows.clone()))?)
}

/// The rows as JSON objects.
pub(crate) fn row_objects(part: &Part) -> Result<Vec<Value>, ServeError> {
    Ok(serde_json::from_str(&rows_json(part)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &'static str) -> Option<Form> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, text.parse().unwrap());
        Form::accepted(&headers)
    }

    #[test]
    fn the_form_is_the_one_preferred() {
        assert_eq!(Form::accepted(&HeaderMap::new()), Some(Form::Json));
        assert_eq!(accepted("text/html,application/xml;q=0.9,*/*;q=0.8"), Some(Form::Json));
        assert_eq!(accepted("application/json;q=0.5, text/csv"), Some(Form::Csv));
        assert_eq!(accepted("application/vnd.apache.parquet"), Some(Form::Parquet));
        assert_eq!(accepted("text/*"), Some(Form::Csv));
        assert_eq!(accepted("image/png, text/csv;q=0"), None);
    }

    #[test]
    fn endings_name_the_form() {
        assert_eq!(Form::split("league.parquet"), ("league", Some(Form::Parquet)));
        assert_eq!(Form::split("league"), ("league", None));
    }
}
