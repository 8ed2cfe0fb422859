//! `crowsnest grow`: fits, plans, experiments and judgements, and what is told of what cannot be.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{crowsnest, empty_market, file, on, said};

/// Two channels: tv brings 60 · x / (x + 100) a week, radio nothing; 80 weeks that swing without chance.
fn weekly(plan: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "date,revenue,tv,radio\n".to_owned();
    let first: jiff::civil::Date = "2023-01-02".parse().unwrap();
    for week in 0..80_u32 {
        let swing = |turn: f64| 1.0 + 0.9 * (f64::from(week) * turn).sin();
        let (tv, radio) = (100.0 * swing(1.7), 50.0 * swing(2.9));
        let revenue = 200.0 + 60.0 * tv / (tv + 100.0) + 2.0 * (f64::from(week) * 4.1).sin();
        let day = first.checked_add(jiff::Span::new().weeks(week)).unwrap();
        writeln!(table, "{day},{revenue:.4},{tv:.4},{radio:.4}").unwrap();
    }
    let file = format!(
        "[history]\nfile = \"weekly.csv\"\noutcome = \"revenue\"\n[[channels]]\nname = \"tv\"\n[[channels]]\nname = \"radio\"\n\
         [model]\nmethod = \"laplace\"\n{plan}"
    );
    std::fs::write(folder.path().join("weekly.csv"), table).unwrap();
    std::fs::write(folder.path().join("weekly.toml"), file).unwrap();
    folder
}

fn grow(folder: &Path, arguments: &[&str], code: i32) -> Value {
    let output =
        crowsnest().current_dir(folder).args(["grow"]).args(arguments).args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

#[test]
fn a_plan_keeps_to_the_budget_and_goes_where_the_effect_is() {
    let folder = weekly("[plan]\nbudget = 1500\nn_periods = 10\n[[plan.scenarios]]\nname = \"half\"\nbudget = 750\n");
    let plan = grow(folder.path(), &["plan", "weekly.toml"], 0);
    let number = |value: &Value| value.as_f64().unwrap();
    assert!(number(&plan["spent"]) <= 1500.0 + 1e-6 && number(&plan["gap"]) < 0.02, "{plan}");
    let rows = plan["spend"].as_array().unwrap();
    let of = |channel: &str| {
        rows.iter().filter(|row| row["channel"] == channel).map(|row| number(&row["spend"])).sum::<f64>()
    };
    assert_eq!(rows.len(), 20);
    assert!(of("tv") > 1.5 * of("radio"), "{} {}", of("tv"), of("radio"));
    assert!(number(&plan["scenarios"][0]["outcome"]["mean"]) < number(&plan["outcome"]["mean"]));
    let again = grow(folder.path(), &["plan", "weekly.toml"], 0);
    assert_eq!(plan["spend"], again["spend"]);
    let fit = grow(folder.path(), &["fit", "weekly.toml"], 0);
    assert_eq!(fit["channels"].as_array().unwrap().len(), 2);
}

#[test]
fn minimums_above_the_budget_are_told_with_the_nearest_plan() {
    let folder = weekly("[plan]\nbudget = 100\nn_periods = 10\n[[plan.channels]]\nname = \"tv\"\nmin = 20\n");
    let plan = grow(folder.path(), &["plan", "weekly.toml"], 1);
    assert_eq!(plan["status"], "infeasible");
    assert!(plan["reason"].as_str().unwrap().contains("200.00: raise it to that"), "{plan}");
    assert!(plan["spent"].as_f64().unwrap() <= 100.0 + 1e-6);
}

#[test]
fn experiments_are_sized_drawn_read_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let size = grow(folder.path(), &["experiment", "size", "--share", "0.05", "--to", "0.055"], 0);
    assert!((size["units_of_first"].as_f64().unwrap() / 31_217.423_430_777_748 - 1.0).abs() < 1e-6, "{size}");
    let draw = || grow(folder.path(), &["experiment", "draw", "onboarding", "user-17"], 0);
    assert_eq!(draw(), draw());
    let units: String =
        (0..40).map(|unit| format!("{},{}\n", ["a", "b"][unit % 2], 10 + unit % 7 + 5 * (unit % 2))).collect();
    std::fs::write(folder.path().join("units.csv"), format!("variant,revenue\n{units}")).unwrap();
    let read = grow(folder.path(), &["experiment", "read", "units.csv", "--metric", "revenue"], 0);
    assert_eq!(read["findings"][0]["is_found"], true);
    let line = |arm: usize, reward: usize| {
        format!("{{\"arm\": {arm}, \"propensity\": 0.5, \"reward\": {reward}, \"target\": [0.0, 1.0]}}\n")
    };
    let log: String = (0..40).map(|at| line(at % 2, usize::from(at % 4 == 1))).collect();
    std::fs::write(folder.path().join("log.ndjson"), log).unwrap();
    let judged = grow(folder.path(), &["judge", "log.ndjson"], 0);
    assert!((judged["ips"]["value"].as_f64().unwrap() - 0.5).abs() < 1e-12, "{judged}");
    std::fs::write(folder.path().join("log.ndjson"), "{\"arm\": 0}\n").unwrap();
    grow(folder.path(), &["judge", "log.ndjson"], 1);
    grow(folder.path(), &["experiment", "size", "--share", "0.05", "--to", "0.05"], 1);
    grow(folder.path(), &["plan", "nowhere.toml"], 1);
}

#[test]
fn own_claims_and_a_rivals_are_a_history() {
    let market = empty_market();
    let mut claims = "subject,kind,metric,period,segment,value\n".to_owned();
    for week in 1..=40_u32 {
        let swing = |turn: f64| 1.0 + 0.9 * (f64::from(week) * turn).sin();
        let (tv, radio) = (1000.0 * swing(1.7), 500.0 * swing(2.9));
        let installs = 2000.0 + 600.0 * tv / (tv + 1000.0);
        let period = format!("2023-W{week:02}");
        writeln!(claims, "Nova,product,downloads,{period},all,{installs:.0}").unwrap();
        writeln!(claims, "Nova,product,impressions,{period},tv,{tv:.0}").unwrap();
        // A week without a word on radio: it counts as none, and that is told.
        if week != 9 {
            writeln!(claims, "Nova,product,impressions,{period},radio,{radio:.0}").unwrap();
        }
        writeln!(claims, "Rival,product,downloads,{period},all,{:.0}", 900.0 + 100.0 * swing(0.7)).unwrap();
    }
    let table = file(&market, "own.csv", claims);
    let imported =
        on(&market.path().join("market")).arg("import").arg(table).args(["--source", "own figures"]).output().unwrap();
    assert!(imported.status.success(), "{}", said(&imported));
    let settings = "[history]\nproducts = [\"Nova\"]\noutcome = \"downloads\"\nspend = \"impressions\"\n\
                    controls = [\"Rival: downloads\"]\n[[channels]]\nname = \"tv\"\n[[channels]]\nname = \"radio\"\n\
                    [model]\nmethod = \"laplace\"\n";
    let settings = file(&market, "grow.toml", settings);
    let output = on(&market.path().join("market"))
        .args(["grow", "fit"])
        .arg(settings)
        .args(["--format", "json"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let fit: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(fit["n_periods"], 40);
    assert_eq!(fit["first_period"], "2023-01-02");
    let unsaid = "radio: 1 of 40 periods of Nova have no claim of impressions: they count as 0";
    let notes = fit["notes"].as_array().unwrap();
    assert!(
        notes.iter().any(|note| note == unsaid) && !notes.iter().any(|note| note.to_string().contains("tv: ")),
        "{fit}"
    );
    let spend = |at: usize| fit["channels"][at]["spend"].as_f64().unwrap();
    assert!((spend(0) / 40_000.0 - 1.0).abs() < 0.1 && (spend(1) / 20_000.0 - 1.0).abs() < 0.1, "{fit}");
    assert!(fit["decomposition"].as_array().unwrap().iter().any(|part| part["part"] == "Rival: downloads"), "{fit}");
}
