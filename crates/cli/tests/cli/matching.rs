//! `crowsnest match`: learning with labels and without, explanations, and what is told of bad files.

use std::fmt::Write as _;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{check_output, crowsnest, said};

const MAKERS: &[&str] = &["Sony", "Canon", "Panasonic", "Pioneer", "Denon", "豆包科技"];
const THINGS: &[&str] = &["camera", "phone", "receiver", "battery", "speaker", "printer", "monitor"];

/// Products that differ by maker, thing and model; on the right the code is written otherwise and the price is another.
fn products() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (mut left, mut right) = ("id,name,price\n".to_owned(), "id,name,price\n".to_owned());
    let mut pairs = "left_id,right_id,match,split\n".to_owned();
    let n = 84;
    for one in 0..n {
        let (maker, thing) = (MAKERS[one % MAKERS.len()], THINGS[one % THINGS.len()]);
        let model = 100 + one * 37 % 900;
        writeln!(left, "a{one},{maker} {thing} kx-{model}b,{}", 50 + one).unwrap();
        writeln!(right, "b{one},\"{thing} by {maker}, KX{model}B\",$ {}.5", 50 + one).unwrap();
        let split = ["train", "train", "train", "valid", "test"][one / 2 % 5];
        writeln!(pairs, "a{one},b{one},1,{split}").unwrap();
        // Of the same maker, and of the same kind.
        writeln!(pairs, "a{one},b{},0,{split}", (one + MAKERS.len()) % n).unwrap();
        writeln!(pairs, "a{one},b{},0,{split}", (one + THINGS.len()) % n).unwrap();
    }
    for (name, text) in [("left.csv", left), ("right.csv", right), ("pairs.csv", pairs)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn evaluated(folder: &Path, more: &[&str]) -> serde_json::Value {
    let mut command = crowsnest();
    command.args(["match", "--format", "json", "--evaluate"]).arg(folder).args(more);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn products_are_found_with_labels_and_the_same_each_time() {
    let folder = products();
    let first = evaluated(folder.path(), &[]);
    let number = |name: &str| first[name].as_f64().unwrap();
    assert!(number("f1") > 0.9 && number("candidate_recall") == 1.0 && number("ece") < 0.2, "{first}");
    assert!(number("candidates_per_record_max") <= 20.0 && number("candidate_share") < 0.5, "{first}");
    assert_eq!(first["n_test"], 48);
    let again = evaluated(folder.path(), &[]);
    for name in ["f1", "threshold", "ece", "ece_of_candidates", "n_candidates"] {
        assert_eq!(first[name], again[name], "{name}");
    }
}

#[test]
fn products_are_found_without_labels() {
    let found = evaluated(products().path(), &["--unsupervised"]);
    assert!(found["f1"].as_f64().unwrap() > 0.9 && found["learned_from"] == "no labels", "{found}");
}

#[test]
fn a_pair_is_explained_in_words() {
    let folder = products();
    for more in [&["--explain", "a8", "b8"][..], &["--explain", "a8", "b8", "--unsupervised"]] {
        let explained = &evaluated(folder.path(), more)["explained"];
        assert_eq!(explained["verdict"], "same", "{explained}");
        let reasons = explained["reasons"].as_array().unwrap();
        assert!(reasons.iter().any(|reason| reason["weight"].as_f64().unwrap() > 0.1), "{explained}");
    }
    let mut command = crowsnest();
    command.args(["match", "--explain", "a8", "b14", "--evaluate"]).arg(folder.path());
    let text = said(&command.output().unwrap());
    assert!(text.contains("a8 and b14: different") && text.contains("weighs   comparison (found)"), "{text}");
    let mut command = crowsnest();
    command.args(["match", "--explain", "a8", "zz", "--evaluate"]).arg(folder.path());
    check_output("match_explain_unknown", &command.output().unwrap());
}

#[test]
fn bad_files_are_told_with_their_places() {
    let folder = products();
    let pairs = folder.path().join("pairs.csv");
    let text = std::fs::read_to_string(&pairs).unwrap();
    std::fs::write(&pairs, format!("{text}a1,b1,maybe,test\nnone,b1,1,test\na1,b1,1,later\na1,b1\n")).unwrap();
    let run = |folder: &Path| crowsnest().args(["match", "--evaluate"]).arg(folder).output().unwrap();
    check_output("match_bad_pairs", &run(folder.path()));
    std::fs::write(&pairs, "left_id,right_id,match,split\na1,b1,1,test\n").unwrap();
    check_output("match_too_few", &run(folder.path()));
    std::fs::write(&pairs, "left_id,right_id,match,split\na1,b1,1,train\n").unwrap();
    check_output("match_no_test", &run(folder.path()));
    std::fs::write(folder.path().join("left.csv"), b"id,name\na1,\xff\n").unwrap();
    check_output("match_not_utf8", &run(folder.path()));
    check_output("match_no_files", &run(tempfile::tempdir().unwrap().path()));
}

#[test]
fn odd_names_do_no_harm() {
    let folder = products();
    let odd = ["", "   ", "😀😀😀", "שלום עולם", "مرحبا بالعالم", &"word ".repeat(2000), &"x".repeat(10_000)];
    for side in ["left", "right"] {
        let path = folder.path().join(format!("{side}.csv"));
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (place, name) in odd.iter().enumerate() {
            writeln!(text, "odd{place},{name},").unwrap();
        }
        std::fs::write(&path, text).unwrap();
    }
    let found = evaluated(folder.path(), &[]);
    assert!(found["f1"].as_f64().unwrap() > 0.9, "{found}");
}
