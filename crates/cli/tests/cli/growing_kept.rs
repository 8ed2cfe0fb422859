//! What `crowsnest grow` keeps in the market: plans, experiments, outcomes and the way from a call to them; bandits and threats.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{empty_market, file, on, said};

fn json(market: &Path, arguments: &[&str], code: i32) -> Value {
    let output = on(market).args(arguments).args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// A table of 60 weeks beside a file that names a call and a direction.
fn plan_file(folder: &TempDir, more: &str) -> String {
    let mut table = "date,revenue,tv,radio\n".to_owned();
    let first: jiff::civil::Date = "2023-01-02".parse().unwrap();
    for week in 0..60_u32 {
        let swing = |turn: f64| 1.0 + 0.9 * (f64::from(week) * turn).sin();
        let (tv, radio) = (100.0 * swing(1.7), 50.0 * swing(2.9));
        let revenue = 200.0 + 60.0 * tv / (tv + 100.0) + 2.0 * (f64::from(week) * 4.1).sin();
        let day = first.checked_add(jiff::Span::new().weeks(week)).unwrap();
        writeln!(table, "{day},{revenue:.4},{tv:.4},{radio:.4}").unwrap();
    }
    file(folder, "weekly.csv", table);
    let text = format!(
        "name = \"autumn push\"\ndirection = \"assistants\"\n[history]\nfile = \"weekly.csv\"\noutcome = \"revenue\"\nholidays = [\"china\"]\n\
         [[channels]]\nname = \"tv\"\n[[channels]]\nname = \"radio\"\n[model]\nmethod = \"laplace\"\nn_held_out = 0\n\
         [plan]\nbudget = 1500\nn_periods = 10\n[[plan.scenarios]]\nname = \"half\"\nbudget = 750\n{more}"
    );
    file(folder, "autumn.toml", text).to_string_lossy().into_owned()
}

fn rows(market: &Path, sql: &str) -> Vec<Value> {
    json(market, &["sql", sql], 0).as_array().unwrap().clone()
}

#[test]
fn a_plan_an_experiment_and_an_outcome_are_kept_and_joined() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let plan = plan_file(&folder, "");
    let first = json(&market, &["grow", "plan", &plan], 0);
    assert_eq!(first["periods"][0], "2024-02-26", "the week after the last");
    json(&market, &["grow", "plan", &plan], 0);
    let counted = rows(&market, "SELECT part, count(*) AS n FROM plans GROUP BY part ORDER BY part");
    let counts: Vec<(&str, i64)> =
        counted.iter().map(|row| (row["part"].as_str().unwrap(), row["n"].as_i64().unwrap())).collect();
    assert_eq!(counts, [("channel", 2), ("scenario", 1), ("spend", 20), ("whole", 1)], "the same again adds nothing");
    let spend = rows(&market, "SELECT sum(spend) AS spend FROM plans WHERE part = 'spend'");
    assert!((spend[0]["spend"].as_f64().unwrap() - first["spent"].as_f64().unwrap()).abs() < 1e-6);
    json(&market, &["grow", "fit", &plan], 0);

    let units: String =
        (0..60).map(|unit| format!("{},{}\n", ["a", "b"][unit % 2], 10 + unit % 7 + 5 * (unit % 2))).collect();
    file(&folder, "units.csv", format!("variant,revenue\n{units}"));
    let tried = "name = \"tv off\"\nplan = \"autumn push\"\n[units]\ntable = \"units.csv\"\nmetrics = [\"revenue\"]\n";
    let tried = file(&folder, "tv-off.toml", tried).to_string_lossy().into_owned();
    let read = json(&market, &["grow", "experiment", "keep", &tried], 0);
    assert_eq!(read["findings"][0]["is_found"], true);
    on(&market).args(["grow", "outcome", "autumn push", "--value", "512", "--by", "mei"]).assert().success();
    on(&market).args(["grow", "outcome", "nothing like it", "--value", "5"]).assert().code(1);
    on(&market).args(["grow", "outcome", "autumn push"]).assert().code(1);

    let steps = json(&market, &["grow", "loop"], 0);
    let steps: Vec<(&str, &str, &str)> = steps
        .as_array()
        .or(steps["rows"].as_array())
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            (text("thread"), text("step"), text("name"))
        })
        .collect();
    let wanted = [
        ("assistants", "direction", "assistants"),
        ("assistants", "plan", "autumn push"),
        ("assistants", "experiment", "tv off"),
        ("assistants", "outcome", "autumn push"),
    ];
    assert_eq!(steps, wanted);
}

#[test]
fn what_a_plan_cannot_name_is_told() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let plan = plan_file(&folder, "");
    let text = std::fs::read_to_string(&plan).unwrap();
    for (from, to, word) in [
        ("name = \"autumn push\"", "call = \"Nobody\"", "Nobody"),
        ("name = \"autumn push\"", "call = \"00000000000000aa\"", "no call"),
        ("outcome = \"revenue\"", "outcome = \"revenue\"\ncontrols = [\"mau:Nobody\"]", "Nobody"),
        ("outcome = \"revenue\"", "outcome = \"revenue\"\ncontrols = [\"colour:Kimi\"]", "it is no column"),
    ] {
        std::fs::write(&plan, text.replacen(from, to, 1)).unwrap();
        let output = on(&market).args(["grow", "plan", &plan]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{to}");
        assert!(said(&output).contains(word), "{to}: {}", said(&output));
    }
    let wrong = file(&folder, "tried.toml", "[units]\ntable = \"units.csv\"\nmetrics = [\"revenue\"]\n[regions]\n");
    on(&market).args(["grow", "experiment", "keep"]).arg(wrong).assert().code(1);
}

#[test]
fn bandits_are_shown_and_other_shares_judged() {
    let folder = empty_market();
    let market = folder.path().join("market");
    std::fs::create_dir(market.join("bandits")).unwrap();
    assert_eq!(json(&market, &["grow", "bandit", "show"], 0), Value::Array(Vec::new()));
    let text = "title = \"Home\"\nfloor = 0.1\n[[arms]]\nname = \"a\"\n[[arms]]\nname = \"b\"\nis_on = false\n";
    std::fs::write(market.join("bandits/home.toml"), text).unwrap();
    let shown = json(&market, &["grow", "bandit", "show", "home"], 0);
    assert_eq!((shown[0]["title"].as_str(), &shown[0]["arms"][1]["off_because"]), (Some("Home"), &"file".into()));
    assert_eq!(shown[0]["arms"][0]["share"], 1.0);
    for (arguments, word) in [
        (&["show", "away"][..], "only home"),
        (&["evaluate", "home", "--shares", "a=0.5"][..], "add up to 0.5"),
        (&["evaluate", "home", "--shares", "a=1"][..], "no arm"),
    ] {
        let output = on(&market).args(["grow", "bandit"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said(&output).contains(word), "{arguments:?}: {}", said(&output));
    }
    std::fs::write(market.join("bandits/home.toml"), text.replace("floor = 0.1", "floor = 0.9")).unwrap();
    let output = on(&market).args(["grow", "bandit", "show"]).output().unwrap();
    assert!(output.status.code() == Some(1) && said(&output).contains("floor 0.9"), "{}", said(&output));
}

/// Five segments with eight products each; three giants with two products in the last two segments enter the first three, one
/// after the other, and those who are there lose a fifth over the three months that follow.
fn market_with_giants() -> TempDir {
    let folder = empty_market();
    let market = folder.path().join("market");
    let mut text = "subject,kind,metric,period,segment,value\n".to_owned();
    let mut owners = "product,company\n".to_owned();
    let entry_of = |segment: usize| 10 + 3 * segment;
    for month in 0..24_usize {
        let period = format!("{}-{:02}", 2023 + month / 12, month % 12 + 1);
        for segment in 0..5 {
            for product in 0..8 {
                let since = if segment < 3 { (month + 1).saturating_sub(entry_of(segment)).min(3) } else { 0 };
                let chance = 1.0 + 0.01 * ((segment * 31 + product * 17 + month * 7) % 5) as f64;
                let level = 1000.0 * (1.0 + product as f64) * 1.03_f64.powi(month as i32) * chance;
                let value = level * 0.8_f64.powf(since as f64 / 3.0);
                writeln!(text, "p{segment}{product},product,mau,{period},s{segment},{value:.0}").unwrap();
            }
        }
        for giant in 0..3 {
            for segment in [3, 4, giant] {
                if segment >= 3 || month >= entry_of(segment) {
                    writeln!(text, "giant{giant}s{segment},product,mau,{period},s{segment},{}", 90_000 + month)
                        .unwrap();
                }
            }
        }
    }
    for giant in 0..3 {
        for segment in [3, 4, giant] {
            writeln!(owners, "giant{giant}s{segment},Giant {giant}").unwrap();
        }
    }
    std::fs::write(market.join("catalogue/owners.csv"), owners).unwrap();
    let table = file(&folder, "usage.csv", text);
    let imported = on(&market).arg("import").arg(table).args(["--source", "Panel"]).output().unwrap();
    assert!(imported.status.success(), "{}", said(&imported));
    folder
}

#[test]
fn what_giants_did_is_found_in_the_market_and_taken_into_a_plan() {
    let folder = market_with_giants();
    let market = folder.path().join("market");
    let found = json(&market, &["grow", "threat", "s1", "--metric", "mau", "--horizon", "3"], 0);
    assert_eq!((found["segment"].as_str(), &found["n_cases"]), (Some("s1"), &3.into()), "{found}");
    let change = found["change"]["mean"].as_f64().unwrap();
    assert!((change + 0.2).abs() < 0.05, "{found}");
    assert_eq!(found["cases"][0]["company"], "Giant 0");
    assert!(found["absent"].as_array().unwrap().contains(&"Giant 0".into()), "{found}");
    let of_product = json(&market, &["grow", "threat", "p25", "--metric", "mau", "--horizon", "3"], 0);
    assert_eq!(of_product["segment"], "s2");
    for (arguments, word) in [
        (&["nowhere", "--metric", "mau"][..], "no segment"),
        (&["--metric", "colour"][..], "no metric"),
        (&["--metric", "mau", "--horizon", "20"][..], "too few cases"),
        (&["--metric", "downloads"][..], "0 segments"),
    ] {
        let output = on(&market).args(["grow", "threat"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(word), "{arguments:?}: {}", said(&output));
    }
    let threat = "[plan.threat]\nsegment = \"s1\"\nmetric = \"mau\"\nhorizon = 3\nprobability = 0.5\n";
    let plan = json(&market, &["grow", "plan", &plan_file(&folder, threat)], 0);
    let left = plan["threat"]["factor"]["mean"].as_f64().unwrap();
    // A fifth less after three months, growing week by week; with an even chance, over the ten weeks of the plan.
    let of_week = |week: i32| 0.8_f64.powf(f64::from(week) / (3.0 * 365.25 / 12.0 / 7.0));
    let expected = 0.5 + 0.5 * (1..=10).map(of_week).sum::<f64>() / 10.0;
    assert!((left - expected).abs() < 0.015, "{left} instead of {expected}");
    let outcome = |of: &Value| of["outcome"]["mean"].as_f64().unwrap();
    assert!((outcome(&plan["threat"]) / outcome(&plan) - left).abs() < 0.01, "{plan}");
}
