//! What a question of the API may be asked with: one description of each parameter, from which comes what is accepted,
//! what is refused and how, and what the OpenAPI description and the agents' tools say of it.

use crowsnest_lake::{Language, Market};
use crowsnest_model::{Period, parse_day};
use serde_json::{Map, Value, json};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

use crate::ServeError;

/// What a parameter takes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Takes {
    /// Text of so many characters at most.
    Text(usize),
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// The id of one of the market's metrics.
    Metric,
    /// A day.
    Day,
    /// A day, week, month, quarter, half or year.
    Period,
    /// So many hexadecimal digits.
    Hex(usize),
    /// A whole number from 1 to a most; the default where it is missing.
    Count { most: usize, default: usize },
    /// A number from 0 to 1.
    Share,
}

/// A parameter of a question.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) is_required: bool,
    pub(crate) about: &'static str,
    pub(crate) example: &'static str,
}

/// Periods in ISO 8601, and their quarters and halves; of the days, 29 February of leap years is taken besides.
const PERIOD: &str = "^(19|20)[0-9][0-9](-(0[1-9]|1[0-2])|-Q[1-4]|-H[12]|-W(0[1-9]|[1-4][0-9]|5[0-2])\
     |-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])|-(0[13-9]|1[0-2])-(29|30)|-(0[13578]|1[02])-31)?$";

impl Parameter {
    /// Its JSON Schema.
    pub(crate) fn schema(&self, market: &Market) -> Object {
        let text = || ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
        let built = match self.takes {
            Takes::Text(most) => text().min_length(Some(1)).max_length(Some(most)),
            Takes::OneOf(words) => text().enum_values(Some(words.iter().copied())),
            Takes::Metric => text().enum_values(Some(market.metrics.iter().map(|metric| metric.id.as_str()))),
            Takes::Day => text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date))),
            Takes::Period => text().pattern(Some(PERIOD)),
            Takes::Hex(digits) => text().pattern(Some(format!("^[0-9a-f]{{{digits}}}$"))),
            Takes::Count { most, default } => ObjectBuilder::new()
                .schema_type(SchemaType::new(Type::Integer))
                .minimum(Some(1))
                .maximum(Some(u64::try_from(most).unwrap_or(u64::MAX)))
                .default(Some(json!(default))),
            Takes::Share => {
                ObjectBuilder::new().schema_type(SchemaType::new(Type::Number)).minimum(Some(0)).maximum(Some(1))
            }
        };
        built.build()
    }

    /// Its example as JSON: a number where it takes one.
    pub(crate) fn example_value(&self) -> Value {
        match self.takes {
            Takes::Count { .. } | Takes::Share => serde_json::from_str(self.example).unwrap_or(Value::Null),
            _ => json!(self.example),
        }
    }

    /// Refuses a value that is none.
    fn check(&self, value: &str, market: &Market) -> Result<(), ServeError> {
        let n_characters = value.chars().count();
        let (is_right, wanted) = match self.takes {
            Takes::Text(most) => ((1..=most).contains(&n_characters), format!("give 1 to {most} characters")),
            Takes::OneOf(words) => (words.contains(&value), format!("give one of {}", words.join(", "))),
            Takes::Metric => (market.metrics.get(value).is_some(), self.close_metric(value, market)),
            Takes::Day => (parse_day(value).is_some(), "give a day such as 2025-02-01".to_owned()),
            Takes::Period => {
                (is_period(value), "give a period such as 2024-12, 2024-Q4, 2024-W50, 2025-H1 or 2024".into())
            }
            Takes::Hex(digits) => (is_hex(value, digits), format!("give {digits} hexadecimal digits, lower case")),
            Takes::Count { most, .. } => (
                value.parse().is_ok_and(|n: usize| (1..=most).contains(&n)) && !value.starts_with('+'),
                format!("give a whole number from 1 to {most}"),
            ),
            Takes::Share => (
                value.parse().is_ok_and(|share: f64| (0.0..=1.0).contains(&share)),
                "give a number from 0 to 1".to_owned(),
            ),
        };
        if is_right {
            return Ok(());
        }
        let shown: String = value.chars().take(80).collect();
        Err(ServeError::bad_request(format!("{} {shown:?} cannot be taken", self.name), wanted))
    }

    fn close_metric(&self, value: &str, market: &Market) -> String {
        match market.metrics.closest(value) {
            Some(close) => format!("did you mean {close}"),
            None => "see which there are at /v1/metrics".to_owned(),
        }
    }
}

fn is_period(text: &str) -> bool {
    let is_in_these_centuries = text.starts_with("19") || text.starts_with("20");
    let is_plain = text.len() <= 10 && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | 'Q' | 'H' | 'W'));
    is_in_these_centuries && is_plain && Period::parse(text).is_ok()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The values of one request, each checked against its parameter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(Vec<(&'static str, String)>);

impl Values {
    /// Reads an address's query.
    ///
    /// # Errors
    /// [`ServeError::BadRequest`] for what no parameter takes, is given twice, or is missing.
    pub(crate) fn of_query(
        query: &str,
        parameters: &[&'static Parameter],
        market: &Market,
    ) -> Result<Self, ServeError> {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        let pairs = pairs.map(|(name, value)| (name.into_owned(), value.into_owned()));
        Self::of_pairs(pairs, parameters, market)
    }

    /// Reads a JSON object; `null` stands for nothing where agents fill in forms, and is refused elsewhere.
    ///
    /// # Errors
    /// As [`Self::of_query`], and for values of another type than the parameter's.
    pub(crate) fn of_json(
        object: &Map<String, Value>,
        parameters: &[&'static Parameter],
        market: &Market,
        is_null_nothing: bool,
    ) -> Result<Self, ServeError> {
        let mut pairs = Vec::with_capacity(object.len());
        for (name, value) in object {
            let takes = parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.takes);
            let text = match (value, takes) {
                (Value::Null, _) if is_null_nothing => continue,
                (Value::Number(number), Some(Takes::Count { .. } | Takes::Share) | None) => number.to_string(),
                (Value::String(text), Some(Takes::Count { .. } | Takes::Share)) if is_null_nothing => text.clone(),
                (Value::String(text), takes) if !matches!(takes, Some(Takes::Count { .. } | Takes::Share)) => {
                    text.clone()
                }
                _ => {
                    return Err(ServeError::bad_request(
                        format!("{name} is of the wrong type"),
                        "see its type in /v1/openapi.json",
                    ));
                }
            };
            pairs.push((name.clone(), text));
        }
        Self::of_pairs(pairs.into_iter(), parameters, market)
    }

    fn of_pairs(
        pairs: impl Iterator<Item = (String, String)>,
        parameters: &[&'static Parameter],
        market: &Market,
    ) -> Result<Self, ServeError> {
        let mut values = Self::default();
        for (name, value) in pairs {
            let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name) else {
                let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name).collect();
                let shown: String = name.chars().take(80).collect();
                return Err(ServeError::bad_request(
                    format!("there is no parameter {shown:?} here"),
                    format!("what can be given: {}", known.join(", ")),
                ));
            };
            if values.get(parameter.name).is_some() {
                return Err(ServeError::bad_request(format!("{name} is given twice"), "give it once"));
            }
            parameter.check(&value, market)?;
            values.0.push((parameter.name, value));
        }
        let missing = parameters.iter().find(|parameter| parameter.is_required && values.get(parameter.name).is_none());
        match missing {
            Some(parameter) => Err(ServeError::bad_request(
                format!("{} is missing", parameter.name),
                format!("give it, for example {}={}", parameter.name, parameter.example),
            )),
            None => Ok(values),
        }
    }

    /// A value as given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The same, owned.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// A whole number, which was checked.
    pub(crate) fn count(&self, parameter: &Parameter) -> usize {
        let default = if let Takes::Count { default, .. } = parameter.takes { default } else { 0 };
        self.get(parameter.name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// A number from 0 to 1, which was checked.
    pub(crate) fn share(&self, name: &str) -> Option<f64> {
        self.get(name)?.parse().ok()
    }

    /// The language that names are wanted in.
    pub(crate) fn language(&self) -> Option<Language> {
        Language::parse(self.get("lang")?)
    }

    /// Name and value of all, by name, without those that only say which part of the answer is wanted.
    pub(crate) fn question(&self) -> Vec<(&'static str, &str)> {
        let is_question = |(name, _): &&(&'static str, String)| !matches!(*name, "limit" | "cursor");
        let mut pairs: Vec<_> =
            self.0.iter().filter(is_question).map(|(name, value)| (*name, value.as_str())).collect();
        pairs.sort_unstable();
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_those_of_the_pattern() {
        for text in ["2024", "2024-12", "2024-Q4", "2024-H1", "2024-W52", "2024-12-31", "1999-02-28"] {
            assert!(is_period(text), "{text}");
        }
        for text in
            ["", "2024-13", "2024-Q5", "2024-02-30", "2024-01-01/2024-02-01", "0024", "2024-12 ", "２０２４", "2200"]
        {
            assert!(!is_period(text), "{text}");
        }
    }

    #[test]
    fn hexadecimal_digits_are_lower_case_and_counted() {
        assert!(is_hex("0af", 3) && !is_hex("0AF", 3) && !is_hex("0a", 3) && !is_hex("0ag", 3));
    }
}
