//! `crowsnest match NAME…`: whose name it is, on the small market, from arguments, a file and standard input; and what is no
//! name.

use crate::support::{check, file, json, market, on, said};

fn first(name: &str) -> serde_json::Value {
    json(market(), &["match", name])[0].clone()
}

#[test]
fn a_name_is_found_in_any_script() {
    for name in ["豆包", "doubao", "DouBao", "豆包App"] {
        let row = first(name);
        assert_eq!(row["name"], "Doubao", "{row}");
        assert!(row["why"].as_str().is_some_and(|why| !why.is_empty()), "{row}");
    }
    assert_eq!(first("豆包")["is_match"], true);
    assert_eq!(first("豆包")["score"], 1.0);
}

#[test]
fn names_come_from_a_file_and_from_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let names = file(&folder, "names.txt", "\u{feff}豆包\r\n\r\n  Kimi  \n");
    let found = json(market(), &["match", "--limit", "1", "--from", names.to_str().unwrap()]);
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    let mut command = on(market());
    command.args(["match", "-", "--format", "csv", "--limit", "1"]).write_stdin("豆包\n");
    let output = command.output().unwrap();
    assert!(said(&output).contains("豆包,Doubao,product"), "{}", said(&output));
}

#[test]
fn what_is_no_name_finds_nothing_and_breaks_nothing() {
    let long = "移".repeat(10_000);
    for name in ["", " ", "😀", "\u{202e}", "שלום עולם", "شركة الاتصالات", &long] {
        let output = on(market()).args(["match", name, "--format", "json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    }
    check("match_kind", &["match", "豆包", "--kind", "nothing"]);
    check("match_no_file", &["match", "--from", "no-such-file.txt"]);
    check("match_nothing", &["match", "😀"]);
}

#[test]
fn how_well_it_goes_is_told_by_the_gold_set() {
    let output = on(market()).args(["match", "--evaluate-names", "--valid", "--format", "json"]).output().unwrap();
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |name: &str| found[name].as_f64().unwrap();
    assert!(number("f1") > 0.7 && number("false_merges") <= 0.01 && number("ece") < 0.05, "{found}");
    check("match_names_no_file", &["match", "--evaluate-names", "no-such-file.csv"]);
}
