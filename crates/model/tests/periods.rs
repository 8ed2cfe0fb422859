//! Runs `cases/periods.toml`.

use crowsnest_model::{Period, PeriodContext, day_to_string, parse_day, parse_said};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    cases: Vec<Case>,
    said: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    text: String,
    iso: Option<String>,
    error: Option<String>,
    today: Option<String>,
    fiscal_year_start_month: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    text: String,
    day: Option<String>,
}

#[expect(clippy::unwrap_used, reason = "a broken file of cases fails the test")]
fn cases() -> Cases {
    toml::from_str(include_str!("cases/periods.toml")).unwrap()
}

#[test]
fn each_text_is_the_period_of_its_case() {
    let cases = cases().cases;
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[expect(clippy::unwrap_used, reason = "a broken day in a case fails the test")]
fn failure(case: &Case) -> Option<String> {
    let context = PeriodContext {
        today: case.today.as_deref().map(|day| parse_day(day).unwrap()),
        fiscal_year_start_month: case.fiscal_year_start_month.unwrap_or(1),
    };
    let got = Period::parse_written(&case.text, &context);
    let is_right = match (&got, &case.error, &case.iso) {
        (Err(error), Some(part), None) => error.to_string().contains(part.as_str()),
        (Ok(period), None, Some(iso)) => period.to_string() == *iso && Period::parse(iso).as_ref() == Ok(period),
        _ => false,
    };
    (!is_right).then(|| format!("{:?}: {got:?}", case.text))
}

#[test]
fn what_is_said_is_dated_at_its_latest() {
    for case in cases().said {
        assert_eq!(parse_said(&case.text).map(day_to_string), case.day, "{:?}", case.text);
    }
}
