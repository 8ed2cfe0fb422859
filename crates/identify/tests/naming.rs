//! Names are told apart as well as the gold set's valid split says; the test split is for `crowsnest match --evaluate-names`.

use crowsnest_identify::naming::{KINDS_TO_KNOW, KnownName, NameIndex, evaluate_names, probability_by, taught_model};

const GOLD: &str = include_str!("../gold/names.csv");
const SOURCES: &str = include_str!("../gold/facts/sources.csv");

#[test]
fn each_pair_has_its_source_and_each_entity_one_split() {
    let keys: Vec<&str> = SOURCES.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let mut rows = csv::Reader::from_reader(GOLD.as_bytes());
    let mut splits = std::collections::HashMap::new();
    let mut n = 0;
    for row in rows.records() {
        let row = row.unwrap();
        let [left, right, is_same, _, split, source] = [0, 1, 2, 3, 4, 5].map(|place| row[place].to_owned());
        assert!(source.split('+').all(|key| keys.contains(&key)), "{source}");
        assert!(left != right && !left.is_empty() && matches!(is_same.as_str(), "0" | "1"));
        for name in [left, right] {
            let first = splits.entry(name.clone()).or_insert_with(|| split.clone());
            assert_eq!(*first, split, "{name}");
        }
        n += 1;
    }
    assert!(n >= 3_000, "{n}");
}

#[test]
fn names_of_the_valid_split_are_told_apart() {
    let evaluation = evaluate_names(None, true).unwrap();
    assert!(evaluation.f1 > 0.7 && evaluation.false_merges <= 0.01, "{evaluation:?}");
    let of = |kind: &str| evaluation.kinds.iter().find(|of| of.kind == kind).unwrap();
    for kind in ["script", "spelling"] {
        assert_eq!(of(kind).n_right, of(kind).n_pairs, "{kind}");
    }
    assert!(KINDS_TO_KNOW.iter().all(|kind| of(kind).n_pairs > 0));
}

#[test]
fn the_same_names_give_the_same_judgement_either_way() {
    let names = ["中国移动", "中移动", "China Mobile", "CMCC", "豆包", "零一萬物", "01.AI", "Lingyiwanwu", "腾讯音乐"];
    let index = |name: &str| NameIndex::new(vec![KnownName { entity: 1, name: name.to_owned() }]);
    for one in names {
        for other in names {
            let [there, back] = [(one, other), (other, one)]
                .map(|(known, asked)| index(known).find(asked, 1, |_| true).first().map(|found| found.probability));
            assert_eq!(there, back, "{one} {other}");
        }
    }
}

#[test]
fn a_file_that_is_no_set_of_names_says_why() {
    for (text, says) in [
        ("left,right,match,kind,split\na,b,1,,train\n", "no pair of the split valid"),
        ("left,right,match,kind,split\na,b,yes,,train\n", "invalid digit"),
        ("left,right,match,kind,split\na,b,1,,all\n", "unknown variant"),
        ("", "no pair of the split train"),
    ] {
        let error = evaluate_names(Some(text), false).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

/// `UPDATE_REFERENCE=1` writes the file.
#[test]
fn the_kept_model_is_what_the_gold_set_teaches() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("gold/model.txt");
    let taught = taught_model();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        crowsnest_lake::files::write_whole(&path, taught.as_bytes()).unwrap();
    }
    let kept = crowsnest_lake::files::read_text(&path).unwrap();
    let pairs: Vec<[&str; 2]> = GOLD
        .lines()
        .skip(1)
        .step_by(9)
        .filter_map(|line| line.split_once(','))
        .map(|(left, rest)| [left, rest.split(',').next().unwrap_or_default()])
        .collect();
    let of = |model: &str| {
        probability_by(model, &pairs).expect("a model of today's comparisons; UPDATE_REFERENCE=1 writes it")
    };
    let apart: f64 = of(&kept).iter().zip(of(&taught)).map(|(one, other)| (one - other).abs()).sum();
    assert!(apart / (pairs.len() as f64) < 0.005, "{apart}");
}

#[test]
fn letters_that_fit_by_chance_are_no_acronym() {
    let index = |name: &str| NameIndex::new(vec![KnownName { entity: 1, name: name.to_owned() }]);
    for (known, asked) in [("豆包", "db"), ("元宝", "YB"), ("夸克", "kk"), ("通义", "TY")] {
        let chance = index(known).find(asked, 1, |_| true).first().map_or(0.0, |found| found.probability);
        assert!(chance < 0.5, "{known} {asked}: {chance}");
    }
}
