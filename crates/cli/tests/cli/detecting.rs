//! `backtest`, `detect`, `breakouts`, `call` and `record` on a list that is made up, and on a market with hardly a figure.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{empty_market, file, market, on, said};

const N_PRODUCTS: usize = 240;
const N_MONTHS: usize = 40;

/// A market in which every few months another family of products triples, one member after the other.
fn rising_families() -> (TempDir, PathBuf) {
    let folder = empty_market();
    let market = folder.path().join("market");
    let mut text = "subject,kind,metric,period,region,platform,segment,value,unit,status,source,said_on\n".to_owned();
    for product in 0..N_PRODUCTS {
        let family = product / 12;
        let rises = 5 + 2 * (family % 16) + product % 3;
        for month in 0..N_MONTHS {
            let period = format!("{}-{:02}", 2020 + month / 12, month % 12 + 1);
            let level = 1000 + 10 * product + 7 * ((product * 31 + month * 17) % 10);
            let value = if month >= rises && family < 16 { level * 5 } else { level };
            let row = format!(
                "family{family}-{product},product,mau,{period},cn,app,all,{value},users,estimated,Panel,{period}-28"
            );
            writeln!(text, "{row}").unwrap();
        }
    }
    let path = file(&folder, "list.csv", text);
    on(&market).arg("import").arg(path).assert().success();
    (folder, market)
}

fn json(market: &std::path::Path, arguments: &[&str]) -> Value {
    let output = on(market).args(arguments).args(["--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn from_a_list_to_breakouts_and_the_record_of_calls() {
    let (_folder, market) = rising_families();
    let past = json(&market, &["backtest", "--from", "2022-03", "--to", "2022-06"]);
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!(
        (past["metric"].as_str(), past["grain"].as_str(), &past["n_origins"]),
        (Some("mau"), Some("month"), &4.into())
    );
    for name in [
        "precision_at_50",
        "precision_at_200",
        "average_precision",
        "recall_at_1pct_false_alarms",
        "brier_skill",
        "ece",
    ] {
        assert!(number(&past[name]).abs() <= 1.0, "{name} of {past}");
    }
    let momentum = number(&past["baselines"]["momentum_1"]["average_precision"]);
    assert!(number(&past["average_precision"]) > momentum, "{past}");

    let first = json(&market, &["detect", "--as-of", "2022-06-30"]);
    assert_eq!((first[0]["period"].as_str(), &first[0]["is_learnt"]), (Some("2022-06"), &true.into()));
    assert!(number(&first[0]["n_added"]) > 0.0);
    assert_eq!(json(&market, &["detect", "--as-of", "2022-06-30"])[0]["n_added"], 0);
    let found = json(&market, &["breakouts", "--limit", "5"]);
    let probabilities: Vec<f64> =
        found["rows"].as_array().unwrap().iter().map(|row| number(&row["probability"])).collect();
    assert!(probabilities.len() == 5 && probabilities.is_sorted_by(|a, b| a >= b) && probabilities[0] < 1.0, "{found}");

    // A year later the outcomes are known, and the calls are settled.
    let later = json(&market, &["detect"]);
    assert_eq!(later[0]["n_settled"], 50);
    let called = json(&market, &["call", "family1-12", "--p", "0.2", "--by", "mei"]);
    assert_eq!(called[0]["settles"], "2023-11");
    let record = json(&market, &["record"]);
    let of = |by: &str| record["scores"].as_array().unwrap().iter().find(|score| score["by"] == by).unwrap().clone();
    assert_eq!((&of("model")["n_settled"], &of("mei")["n_settled"]), (&50.into(), &0.into()));
    assert!(number(&of("model")["brier"]) < 1.0);
}

#[test]
fn where_there_is_too_little_it_says_so() {
    let output = on(market()).arg("backtest").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("not enough to say: the list has 2 periods"), "{}", said(&output));
    for (arguments, expected) in [
        (&["backtest", "--horizon", "0"][..], "a horizon of 0 periods"),
        (&["backtest", "--factor", "1"], "factor 1 is no growth"),
        (&["backtest", "--metric", "mua"], "no metric is called \"mua\""),
        (&["backtest", "--grain", "fortnight"], "write day, week, month"),
        (&["call", "Kimi", "--p", "1.5"], "1.5 is no probability"),
    ] {
        let output = on(market()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
    assert_eq!(json(market(), &["breakouts"])["rows"], serde_json::json!([]));
}
