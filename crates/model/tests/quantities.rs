//! Runs `cases/quantities.toml`.

use crowsnest_model::{Quantity, find_quantities, parse_quantity};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    whole: Vec<Whole>,
    running: Vec<Running>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    text: String,
    value: Option<f64>,
    bound: Option<String>,
    low: Option<f64>,
    high: Option<f64>,
    unit: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Running {
    text: String,
    found: Vec<String>,
    values: Vec<f64>,
}

#[expect(clippy::unwrap_used, reason = "a broken file of cases fails the test")]
fn cases() -> Cases {
    toml::from_str(include_str!("cases/quantities.toml")).unwrap()
}

#[test]
fn each_cell_is_read_as_its_case_says() {
    let cases = cases().whole;
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn failure(case: &Whole) -> Option<String> {
    let got = parse_quantity(&case.text);
    let expected_bound = case.bound.as_deref().unwrap_or("exact");
    let is_right = match (&got, &case.error) {
        (Err(error), Some(part)) => error.to_string().contains(part.as_str()),
        (Ok(quantity), None) => {
            Some(quantity.value) == case.value
                && quantity.bound.as_str() == expected_bound
                && quantity.low == case.low
                && quantity.high == case.high
                && unit_of(quantity) == case.unit.as_deref()
        }
        _ => false,
    };
    (!is_right).then(|| format!("{:?}: {got:?}", case.text))
}

fn unit_of(quantity: &Quantity) -> Option<&str> {
    quantity.unit.as_ref().map(|unit| unit.as_str())
}

#[test]
fn prose_holds_exactly_the_quantities_of_its_case() {
    for case in cases().running {
        let quantities = find_quantities(&case.text);
        let found: Vec<&str> = quantities.iter().map(|one| &case.text[one.span.clone()]).collect();
        let values: Vec<f64> = quantities.iter().map(|one| one.value).collect();
        assert_eq!(found, case.found, "{:?}", case.text);
        assert_eq!(values, case.values, "{:?}", case.text);
    }
}
