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
            let level = 1000 + 10 * product + 7 * ((product * 31 + month * 17) % 10);
            let value = if month >= rises && family < 16 { level * 5 } else { level };
            writeln!(text, "{}", row(product, month, value)).unwrap();
        }
    }
    let path = file(&folder, "list.csv", text);
    on(&market).arg("import").arg(path).assert().success();
    (folder, market)
}

fn row(product: usize, month: usize, value: usize) -> String {
    let (family, period) = (product / 12, format!("{}-{:02}", 2020 + month / 12, month % 12 + 1));
    format!("family{family}-{product},product,mau,{period},cn,app,all,{value},users,estimated,Panel,{period}-28")
}

/// Imports rows of one month: product and value.
fn import_month(folder: &TempDir, market: &std::path::Path, name: &str, month: usize, values: &[(usize, usize)]) {
    let header = "subject,kind,metric,period,region,platform,segment,value,unit,status,source,said_on";
    let rows: Vec<String> = values.iter().map(|(product, value)| row(*product, month, *value)).collect();
    let path = file(folder, name, format!("{header}\n{}\n", rows.join("\n")));
    on(market).arg("import").arg(path).assert().success();
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

#[test]
fn a_new_month_goes_on_from_what_was_kept_and_a_restatement_does_not() {
    let (folder, market) = rising_families();
    assert_eq!(json(&market, &["detect"])[0]["period"], "2023-04");
    let kept: Vec<_> = std::fs::read_dir(market.join("state.detect")).unwrap().collect();
    assert_eq!(kept.len(), 1);
    // One more month, with a product that was never there.
    let month: Vec<(usize, usize)> = (0..=N_PRODUCTS).map(|product| (product, 1000 + 10 * product)).collect();
    import_month(&folder, &market, "next.csv", N_MONTHS, &month);
    let next = json(&market, &["detect"]);
    assert_eq!((next[0]["period"].as_str(), &next[0]["n_products"]), (Some("2023-05"), &(N_PRODUCTS + 1).into()));
    let n_learnt_in = |learnt_in: &str| {
        let sql = format!(
            "SELECT count(*) AS n FROM signals WHERE detector = 'breakout' AND period = '2023-05' \
             AND evidence LIKE '%\"learnt_in\":\"{learnt_in}\"%'"
        );
        json(&market, &["sql", &sql])[0]["n"].as_u64().unwrap()
    };
    assert!(n_learnt_in("2023-04") > 200 && n_learnt_in("2023-05") == 0);
    assert_eq!(json(&market, &["detect"])[0]["n_added"], 0, "nothing new became known");
    // A month of the past is said anew: the whole list is looked at.
    import_month(&folder, &market, "restated.csv", N_MONTHS - 1, &[(3, 99_000)]);
    json(&market, &["detect"]);
    assert!(n_learnt_in("2023-05") > 200);
    // What is kept may be broken or gone: it is made anew.
    let head = kept[0].as_ref().unwrap().path().join("head.json");
    std::fs::write(head, "{").unwrap();
    assert_eq!(json(&market, &["detect"])[0]["period"], "2023-05");
}

#[test]
fn breakouts_can_be_narrowed_and_tell_what_speaks_for_and_against_them() {
    let (folder, market) = rising_families();
    let pictures = folder.path().join("pictures");
    on(&market)
        .args(["backtest", "--from", "2022-03", "--to", "2022-05", "--diagrams"])
        .arg(&pictures)
        .assert()
        .success();
    for name in ["reliability.svg", "precision.svg"] {
        let drawn = std::fs::read_to_string(pictures.join(name)).unwrap();
        assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>") && drawn.contains("mau by Panel"), "{name}");
    }
    json(&market, &["detect", "--as-of", "2022-06-30"]);
    let all = json(&market, &["breakouts", "--limit", "1000"]);
    let rows = all["rows"].as_array().unwrap();
    let evidence: Value = serde_json::from_str(rows[0]["evidence"].as_str().unwrap()).unwrap();
    assert!(!evidence["facts"].as_array().unwrap().is_empty(), "{evidence}");
    assert!(evidence["made_it"][0]["name"].as_str().unwrap().starts_with("family"), "{evidence}");
    let narrowed = json(&market, &["breakouts", "--segment", "family3", "--limit", "1000"]);
    let names: Vec<&str> =
        narrowed["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(
        !names.is_empty() && names.len() <= 12 && names.iter().all(|name| name.starts_with("family3-")),
        "{names:?}"
    );
    let n = |arguments: &[&str]| json(&market, arguments)["rows"].as_array().unwrap().len();
    assert_eq!(n(&["breakouts", "--region", "us"]), 0);
    assert_eq!(n(&["breakouts", "--region", "cn", "--limit", "1000"]), rows.len());
    assert_eq!(n(&["breakouts", "--age-max", "3"]), 0, "all were there from the beginning");
    a_breakout_is_a_control_of_ones_own_history(&folder, &market, rows[0]["name"].as_str().unwrap());
}

/// Sixty weeks of 2022, in the middle of which the market said that a rival may break out.
fn a_breakout_is_a_control_of_ones_own_history(folder: &TempDir, market: &std::path::Path, rival: &str) {
    let mut table = "date,revenue,tv\n".to_owned();
    let first: jiff::civil::Date = "2022-01-03".parse().unwrap();
    for week in 0..60_u32 {
        let tv = 100.0 + 90.0 * (f64::from(week) * 1.7).sin();
        let revenue = 200.0 + 60.0 * tv / (tv + 100.0) + 2.0 * (f64::from(week) * 4.1).sin();
        writeln!(table, "{},{revenue:.4},{tv:.4}", first.checked_add(jiff::Span::new().weeks(week)).unwrap()).unwrap();
    }
    file(folder, "weekly.csv", table);
    let settings = format!(
        "[history]\nfile = \"weekly.csv\"\noutcome = \"revenue\"\ncontrols = [\"breakout:{rival}\"]\n[[channels]]\nname = \"tv\"\n\
         [model]\nmethod = \"laplace\"\nn_held_out = 0\n"
    );
    let settings = file(folder, "weekly.toml", settings).to_string_lossy().into_owned();
    let fit = json(market, &["grow", "fit", &settings]);
    let parts = fit["decomposition"].as_array().unwrap();
    let of_rival = parts.iter().find(|part| part["part"] == format!("breakout:{rival}")).unwrap();
    assert!(of_rival["swing"].as_f64().unwrap() > 0.0, "it was said within these weeks: {of_rival}");
}

#[test]
fn directions_rank_families_where_no_segments_are_named() {
    let (_folder, market) = rising_families();
    let board = json(&market, &["directions", "--metric", "mau", "--limit", "100"]);
    let rows = board["rows"].as_array().unwrap();
    assert_eq!((rows.len(), board["by"].as_str()), (20, Some("family")));
    // Family 15 rose within the last half year before 2023-04, family 16 never.
    let of = |name: &str| rows.iter().find(|row| row["direction"] == name).unwrap();
    let growth = |name: &str| of(name)["growth_over_market"].as_f64().unwrap();
    assert!(growth("family15") > 1.0 && growth("family16") < 0.0, "{board}");
    assert_eq!((&of("family15")["n_products"], &of("family15")["n_entrants"]), (&12.into(), &0.into()));
    assert!(of("family15")["leaders"].as_str().unwrap().starts_with("family15-"));
    let output = on(&market).args(["directions", "--metric", "nothing"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let few = on(&market).args(["directions", "--least", "50"]).output().unwrap();
    assert!(few.status.success() && said(&few).contains("no direction has as many products"), "{}", said(&few));
}
