//! Cases of single series, as files: what is said of each. A case is a block in `cases/*.toml`:
//!
//! `values` one number a month (`nan` where the source says nothing), then what is expected: `change_points` as
//! `[place, "level" or "slope"]`, `anomalies` as `[place, kind]`, `phase`, and `is_forecast`. What is left out is not looked
//! at.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::Path;

use crowsnest_detect::anomaly::anomalies;
use crowsnest_detect::change_point::{What, change_points};
use crowsnest_detect::forecast::parts;
use crowsnest_detect::phase::phase;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    values: Vec<f64>,
    change_points: Option<Vec<(usize, String)>>,
    anomalies: Option<Vec<(usize, String)>>,
    phase: Option<String>,
    is_forecast: Option<bool>,
}

/// What is said of a case, where it differs from what is expected.
fn differences(name: &str, case: &Case) -> Vec<String> {
    let levels: Vec<f32> =
        case.values.iter().map(|value| if *value > 0.0 { value.ln() as f32 } else { f32::NAN }).collect();
    let mut found = Vec::new();
    let mut compare = |what: &str, said: String, expected: String| {
        if said != expected {
            found.push(format!("{name}: {what} is {said}, expected {expected}"));
        }
    };
    if let Some(expected) = &case.change_points {
        let word = |what| if what == What::Level { "level" } else { "slope" };
        let said: Vec<(usize, String)> =
            change_points(&levels).iter().map(|one| (one.at, word(one.what).to_owned())).collect();
        compare("change_points", format!("{said:?}"), format!("{expected:?}"));
    }
    if let Some(expected) = &case.anomalies {
        let said: Vec<(usize, String)> = anomalies(&levels, &levels, &[])
            .iter()
            .map(|one| (one.at, serde_json::to_value(one.kind).unwrap().as_str().unwrap().to_owned()))
            .collect();
        compare("anomalies", format!("{said:?}"), format!("{expected:?}"));
    }
    if let Some(expected) = &case.phase {
        let said = phase(&levels).map_or("none", |phase| phase.as_str());
        compare("phase", said.to_owned(), expected.clone());
    }
    if let Some(expected) = case.is_forecast {
        let said = parts(&levels, 6);
        let is_finite =
            said.as_ref().is_none_or(|said| said.levels().iter().chain(&said.miss).all(|one| one.is_finite()));
        compare("is_forecast", format!("{:?}", said.is_some()), format!("{expected:?}"));
        compare("forecast is finite", is_finite.to_string(), "true".to_owned());
    }
    found
}

#[test]
fn each_case_says_what_it_should() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut n_cases = 0;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let cases: std::collections::BTreeMap<String, Case> =
            toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        n_cases += cases.len();
        found.extend(cases.iter().flat_map(|(name, case)| differences(name, case)));
    }
    assert!(n_cases >= 14, "only {n_cases} cases were found");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
