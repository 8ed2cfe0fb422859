//! `resolve`, `merge`, `split`, `own`, `undo` and `review`: what changes at once in answers, and that nothing is rewritten.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{empty_market, file, json, on, rows, said};

const CLAIMS: &str = "\
subject,kind,metric,period,region,platform,segment,value,unit,source,said_on
文心一言,product,downloads,2024-12,cn,app,all,100,downloads,七麦,2025-01-05
文小言,product,downloads,2024-12,cn,app,all,40,downloads,点点,2025-01-06
豆包,product,downloads,2024-12,cn,app,all,70,downloads,七麦,2025-01-05
Doubao,product,downloads,2024-11,cn,app,all,60,downloads,点点,2025-01-06
剪映,product,downloads,2024-12,cn,app,all,50,downloads,七麦,2025-01-05
ByteDance,company,employees,2024,cn,all,all,1000,people,七麦,2025-01-05
";

fn market() -> (TempDir, PathBuf) {
    let folder = empty_market();
    let market = folder.path().join("market");
    let claims = file(&folder, "claims.csv", CLAIMS);
    on(&market).arg("import").arg(claims).assert().success();
    (folder, market)
}

fn n_entities(market: &Path) -> i64 {
    rows(market, "SELECT count(DISTINCT entity_id) AS n FROM identities")[0]["n"].as_i64().unwrap()
}

fn ok(market: &Path, arguments: &[&str]) {
    let output = on(market).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
}

#[test]
fn an_import_resolves_what_is_new_and_a_link_is_told_in_words() {
    let (_folder, market) = market();
    assert_eq!(n_entities(&market), 5, "豆包 and Doubao are one");
    let told = json(&market, &["resolve", "--explain", "豆包", "Doubao"]);
    assert_eq!(told["is_one"], true);
    let words = on(&market).args(["resolve", "--explain", "豆包", "Doubao"]).output().unwrap();
    assert!(said(&words).contains("the same when read aloud"), "{}", said(&words));
    let again = json(&market, &["resolve"]);
    assert_eq!(again["n_new"], 0);
}

#[test]
fn figures_over_time_speak_for_and_against() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let mut text = "subject,kind,metric,period,region,platform,segment,value,unit,source,said_on\n".to_owned();
    for (name, source, factor) in
        [("Lark Reader", "七麦", 1000), ("Larke Reader", "点点", 1001), ("Lark Writer", "点点", 9)]
    {
        for month in 1..=8 {
            let value = factor * (month * month + 20);
            text +=
                &format!("{name},product,downloads,2024-0{month},cn,app,all,{value},downloads,{source},2025-01-05\n");
        }
    }
    let claims = file(&folder, "claims.csv", text);
    on(&market).arg("import").arg(claims).assert().success();
    let found = |one: &str, other: &str| {
        let told = json(&market, &["resolve", "--explain", one, other]);
        let reasons = told["reasons"].as_array().unwrap().clone();
        let figures = reasons.into_iter().find(|reason| reason["comparison"] == "figures").unwrap();
        (figures["found"].as_str().unwrap().to_owned(), figures["weight"].as_f64().unwrap())
    };
    let (same, weight) = found("Lark Reader", "Larke Reader");
    assert!(same.contains("the same figures") && weight > 1.0, "{same} {weight}");
    let (apart, weight) = found("Lark Reader", "Lark Writer");
    assert!(apart.contains("far apart") && weight < -1.0, "{apart} {weight}");
}

#[test]
fn a_merge_shows_at_once_and_is_taken_back() {
    let (_folder, market) = market();
    let before = n_entities(&market);
    let n_claims = rows(&market, "SELECT count(*) AS n FROM claims")[0]["n"].clone();
    ok(&market, &["merge", "文心一言", "文小言", "--by", "ann", "--why", "renamed"]);
    assert_eq!(n_entities(&market), before - 1);
    let why = json(&market, &["why", "文心一言", "downloads", "2024-12"]);
    assert_eq!(why["rows"].as_array().map_or(0, Vec::len), 2, "{why}");
    let refused = on(&market).args(["merge", "文心一言", "文小言"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    ok(&market, &["undo", "--by", "ann"]);
    assert_eq!(n_entities(&market), before);
    assert_eq!(rows(&market, "SELECT count(*) AS n FROM claims")[0]["n"], n_claims);
    let kept = rows(&market, "SELECT \"by\", verdict FROM judgements ORDER BY known_at");
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(on(&market).args(["undo", "--by", "ann"]).output().unwrap().status.code(), Some(1));
}

#[test]
fn figures_roll_up_to_companies_without_counting_twice() {
    let (_folder, market) = market();
    ok(&market, &["own", "豆包", "ByteDance", "--by", "ann"]);
    ok(&market, &["own", "剪映", "ByteDance", "--from", "2018-01-01", "--by", "ann"]);
    ok(&market, &["own", "文小言", "文心一言", "--relation", "successor-of", "--by", "ann"]);
    let league = json(&market, &["league", "--metric", "downloads", "--period", "2024-12", "--by", "company"]);
    let first = &league["rows"][0];
    assert_eq!((first["name"].as_str(), first["value"].as_f64()), (Some("ByteDance"), Some(120.0)), "{league}");
    assert_eq!(league["rows"].as_array().map_or(0, Vec::len), 2, "the successor's figure counts: {league}");
    let cycle = on(&market).args(["own", "ByteDance", "ByteDance"]).output().unwrap();
    assert_eq!(cycle.status.code(), Some(1), "{}", said(&cycle));
}

#[test]
fn a_review_asks_keeps_each_answer_and_writes_the_catalogue() {
    let (_folder, market) = market();
    let output = on(&market).args(["review", "--by", "ann"]).write_stdin("x\ns\nz\nd\nq\n").output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("1 of"), "{}", said(&output));
    ok(&market, &["merge", "文心一言", "文小言", "--by", "ann"]);
    ok(&market, &["review", "--export"]);
    let text = std::fs::read_to_string(market.join("catalogue/reviewed.csv")).unwrap();
    assert!(text.contains("文心一言,product,文小言,zh-Hans"), "{text}");
    ok(&market, &["resolve", "--check"]);
}
