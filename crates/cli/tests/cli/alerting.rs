//! `alerts`, `digest` and `report`: what they find as of a day, what they keep, and what they say of broken files.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{CLAIMS, EVENTS, empty_market, file, on, said};

const ALERTS: &str = "language = \"en\"\n\
    [[rule]]\nname = \"moved\"\nkind = \"figure\"\nmetric = \"mau\"\nmoved = 0.15\n\
    [[rule]]\nname = \"settled\"\nkind = \"rumour\"\n\
    [[channel]]\nname = \"log\"\nkind = \"file\"\n";

fn own_market() -> (TempDir, PathBuf) {
    let folder = empty_market();
    let market = folder.path().join("market");
    let (claims, events) = (file(&folder, "claims.csv", CLAIMS), file(&folder, "events.csv", EVENTS));
    on(&market).arg("import").args([claims, events]).assert().success();
    std::fs::write(market.join("alerts.toml"), ALERTS).unwrap();
    (folder, market)
}

fn run(market: &Path, arguments: &[&str], code: i32) -> (String, String) {
    let output = on(market).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn json(market: &Path, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    serde_json::from_str(&run(market, &all, 0).0).unwrap()
}

#[test]
fn alerts_of_a_past_day_are_found_and_neither_kept_nor_sent() {
    let (_folder, market) = own_market();
    let found = json(&market, &["alerts", "--as-of", "2025-01-20", "--language", "en"]);
    let lines: Vec<&str> = found.as_array().unwrap().iter().map(|row| row["line"].as_str().unwrap()).collect();
    assert!(lines.iter().any(|line| line.starts_with("Doubao: ") && line.contains("+25.4%")), "{lines:?}");
    // What was restated in February was not known in January.
    assert!(!lines.iter().any(|line| line.contains("71.2M")), "{lines:?}");
    assert_eq!(json(&market, &["alerts", "log"]), Value::Array(Vec::new()));
    assert!(!market.join("alerts.log").exists());
    let settled = json(&market, &["alerts", "--as-of", "2024-08-06", "--language", "en"]);
    let lines: Vec<&str> = settled.as_array().unwrap().iter().map(|row| row["line"].as_str().unwrap()).collect();
    assert!(lines.iter().any(|line| line.contains("confirmed by Bloomberg")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("denied by 月之暗面")), "{lines:?}");
    // Today all of it is old.
    assert_eq!(json(&market, &["alerts"]), Value::Array(Vec::new()));
}

#[test]
fn a_test_goes_to_the_channel_and_rules_tell_their_thresholds() {
    let (_folder, market) = own_market();
    let (out, _) = run(&market, &["alerts", "test", "log"], 0);
    assert!(out.contains("log took the message: written"), "{out}");
    assert!(std::fs::read_to_string(market.join("alerts.log")).unwrap().contains("\"type\":\"test\""));
    let (_, error) = run(&market, &["alerts", "test", "mail"], 1);
    assert!(error.contains("no channel is called \"mail\"") && error.contains("there is log"), "{error}");
    let rules = json(&market, &["alerts", "rules"]);
    assert_eq!(rules[0]["threshold"], 0.15);
    assert_eq!(rules[1]["kind"], "rumour");
}

#[test]
fn broken_files_are_told_with_all_faults() {
    let (_folder, market) = own_market();
    std::fs::write(
        market.join("alerts.toml"),
        "[[rule]]\nname = \"a\"\nkind = \"figure\"\n[[channel]]\nname = \"x\"\nkind = \"y\"\n",
    )
    .unwrap();
    let (_, error) = run(&market, &["alerts"], 1);
    assert!(error.contains("alerts.toml") && error.contains("neither moved nor budget_per_week"), "{error}");
    std::fs::write(market.join("alerts.toml"), "[[rule]\n").unwrap();
    let (_, error) = run(&market, &["alerts"], 1);
    assert!(error.contains("alerts.toml"), "{error}");
    std::fs::remove_file(market.join("alerts.toml")).unwrap();
    let (_, error) = run(&market, &["alerts"], 1);
    assert!(error.contains("no alerts.toml"), "{error}");
}

#[test]
fn a_digest_is_kept_unless_it_is_of_a_past_day() {
    let (_folder, market) = own_market();
    let (text, _) = run(&market, &["digest", "--since", "2025-01-01", "--as-of", "2025-01-20", "--language", "en"], 0);
    assert!(text.contains("Doubao: Monthly active users +25.4% to 75.2M, from 60M (Dec 2024, AI产品榜)"), "{text}");
    run(&market, &["digest", "--last"], 1);
    let past = ["digest", "--since", "2025-01-01", "--as-of", "2025-03-20", "--format", "md"];
    let (markdown, _) = run(&market, &past, 0);
    assert!(markdown.starts_with("# ") && markdown.contains("](http://127.0.0.1:7171/claim/"), "{markdown}");
    run(&market, &["digest"], 0);
    run(&market, &["digest", "--last", "--format", "html"], 0);
    let last = on(&market).args(["digest", "--last", "--format", "pdf"]).output().unwrap();
    assert!(last.status.success() && last.stdout.starts_with(b"%PDF-"), "{}", said(&last));
    let (_, error) = run(&market, &["digest", "--watch", "none"], 1);
    assert!(error.contains("there is no watch-list \"none\""), "{error}");
    let (_, error) = run(&market, &["digest", "--since", "2030-01-01"], 1);
    assert!(error.contains("not before"), "{error}");
}

#[test]
fn a_report_is_filled_in_as_of_a_day() {
    let (_folder, market) = own_market();
    std::fs::write(market.join("reports/m.md"), "# R\n\n{{ figure 豆包 mau 2024-12 }} {{ oops }}\n").unwrap();
    let (text, error) = run(&market, &["report", "m", "--as-of", "2025-01-20"], 2);
    assert!(text.contains("[7523万](/claim/") || text.contains("[75.2M](/claim/"), "{text}");
    assert!(error.contains("line 3, {{ oops }}: no tag is called \"oops\""), "{error}");
    let (later, _) = run(&market, &["report", "m", "--as-of", "2025-02-20"], 2);
    assert!(later.contains("[7116万](/claim/") || later.contains("[71.2M](/claim/"), "{later}");
    assert!(run(&market, &["report"], 0).0.contains('m'));
    let pdf = || on(&market).args(["report", "m", "--as-of", "2025-01-20", "--format", "pdf"]).output().unwrap();
    let made = pdf();
    assert_eq!(made.status.code(), Some(2), "{}", said(&made));
    assert!(made.stdout.starts_with(b"%PDF-") && made.stdout == pdf().stdout, "the same day gives the same file");
    let (_, error) = run(&market, &["league", "--metric", "mau", "--period", "2024-12", "--format", "pdf"], 1);
    assert!(error.contains("reports and digests come as PDF"), "{error}");
    let (_, error) = run(&market, &["report", "../crowsnest"], 1);
    assert!(error.contains("there is no report") && error.contains("there is m"), "{error}");
}
