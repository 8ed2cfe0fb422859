//! What each command answers, on the small market.

use crate::support::{self, check, check_output, crowsnest, json, market, on, rows};

#[test]
fn new_makes_a_market_and_not_twice() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("games");
    check_output("new", &crowsnest().arg("new").arg(&dir).output().unwrap());
    assert!(dir.join("crowsnest.toml").is_file() && dir.join("catalogue/aliases.csv").is_file());
    check_output("new_twice", &crowsnest().arg("new").arg(&dir).output().unwrap());
}

#[test]
fn the_market_is_found_from_a_folder_inside_it() {
    let inside = market().join("catalogue");
    let here = crowsnest().current_dir(&inside).args(["products", "--search", "doubao", "--format", "csv"]).output();
    assert!(String::from_utf8(here.unwrap().stdout).unwrap().contains("Doubao"));
}

#[test]
fn import_says_what_came_in_and_what_was_known() {
    let folder = support::empty_market();
    let market = folder.path().join("market");
    let claims = support::file(&folder, "claims.csv", support::CLAIMS);
    let import = || on(&market).arg("import").arg(&claims).output().unwrap();
    check_output("import", &import());
    check_output("import_again", &import());
    let again = on(&market).args(["import", "--again"]).arg(&claims).output().unwrap();
    check_output("import_read_again", &again);
    let as_json = json(&market, &["import", "--dry-run", claims.to_str().unwrap()]);
    assert_eq!(as_json["n_claims"], 14);
    assert_eq!(as_json["is_dry_run"], true);
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = support::empty_market();
    let market = folder.path().join("market");
    let claims = support::file(&folder, "claims.csv", support::CLAIMS);
    check_output("import_dry_run", &on(&market).args(["import", "--dry-run"]).arg(&claims).output().unwrap());
    assert_eq!(rows(&market, "SELECT count(*) AS n FROM claims")[0]["n"], 0);
    assert!(!market.join("raw").exists() || std::fs::read_dir(market.join("raw")).unwrap().next().is_none());
}

#[test]
fn standard_input_is_imported_and_archived() {
    let folder = support::empty_market();
    let market = folder.path().join("market");
    on(&market).args(["import", "-"]).write_stdin(support::CLAIMS).assert().success();
    let document = rows(&market, "SELECT document FROM documents")[0]["document"].as_str().unwrap().to_owned();
    let raw = on(&market).args(["document", &document[..10], "--raw"]).output().unwrap();
    assert_eq!(String::from_utf8(raw.stdout).unwrap(), support::CLAIMS);
}

#[test]
fn infer_writes_a_mapping_that_imports() {
    let folder = support::empty_market();
    let market = folder.path().join("market");
    let export = support::file(&folder, "export.csv", "应用名称,月份,月活(万)\n豆包,2024-12,7116\nKimi,2024-12,1600\n");
    let inferred = on(&market).args(["import", "--infer"]).arg(&export).output().unwrap();
    check_output("import_infer", &inferred);
    let map = support::file(&folder, "map.toml", &inferred.stdout);
    on(&market).args(["import", "--source", "x", "--map"]).arg(map).arg(export).assert().success();
    let found = rows(&market, "SELECT subject, value FROM claims ORDER BY value");
    assert_eq!(found[1]["value"], 71_160_000.0, "{found:?}");
}

#[test]
fn replay_reads_the_archive_again() {
    let folder = support::empty_market();
    let market = folder.path().join("market");
    let claims = support::file(&folder, "claims.csv", support::CLAIMS);
    on(&market).arg("import").arg(claims).assert().success();
    check_output("replay", &on(&market).args(["replay", "--all"]).output().unwrap());
}

#[test]
fn products_in_every_format() {
    check("products", &["products"]);
    check("products_search", &["products", "--search", "db", "--language", "zh-Hans"]);
    check("products_csv", &["products", "--kind", "company", "--format", "csv"]);
    check("products_ndjson", &["products", "--search", "doubao", "--format", "ndjson"]);
    let parquet = on(market()).args(["products", "--format", "parquet"]).output().unwrap();
    assert!(parquet.stdout.starts_with(b"PAR1") && parquet.stdout.ends_with(b"PAR1"));
}

#[test]
fn show_tells_what_is_in_force_per_source() {
    check("show", &["show", "豆包"]);
    check("show_metric", &["show", "騰訊元寶", "--metric", "mau", "--period", "2024-12"]);
    check("show_as_of", &["show", "doubao", "--metric", "mau", "--period", "2024-12", "--as-of", "2025-02-01"]);
}

#[test]
fn why_tells_every_saying() {
    check("why", &["why", "doubao", "mau", "2024-12"]);
    check("why_denied", &["why", "Kimi", "mau", "2024-12"]);
    let answer = json(market(), &["why", "豆包", "mau", "2024-12"]);
    let sayings = answer["rows"].as_array().unwrap();
    assert_eq!(sayings.len(), 3);
    assert_eq!(sayings.iter().filter(|row| row["in_force"] == true).count(), 2);
}

#[test]
fn league_ranks_and_totals() {
    check("league", &["league", "--metric", "mau", "--period", "2024-12"]);
    check("league_by_source", &["league", "--metric", "mau", "--period", "2024-12", "--by", "source", "--limit", "3"]);
    check("league_as_of", &["league", "--metric", "mau", "--period", "2024-12", "--as-of", "2025-02-01"]);
    check("league_tenders", &["league", "--metric", "tender_amount", "--period", "2024-11", "--language", "zh-Hant"]);
    let answer = json(market(), &["league", "--metric", "mau", "--period", "2024-12"]);
    assert_eq!(answer["rows"][0]["name"], "Doubao");
    assert_eq!(answer["rows"][0]["value"], 75_000_000.0);
    assert_eq!(answer["totals"]["claimed"], 110_000_000.0);
    assert!(answer["concentration"]["hhi"].as_f64().unwrap() > 0.5);
}

#[test]
fn share_claims_events_series() {
    check("share", &["share", "--metric", "mau", "--from", "2024-11", "--to", "2025-01"]);
    check("claims_denied", &["claims", "--status", "denied"]);
    check("claims_of_a_name", &["claims", "--name", "元宝", "--limit", "5"]);
    check("events", &["events"]);
    check("events_of_a_name", &["events", "月之暗面", "--oldest-first"]);
    check("series", &["series", "豆包", "mau"]);
}

#[test]
fn what_there_is() {
    check("metrics", &["metrics", "--language", "zh-Hans"]);
    check("periods", &["periods", "mau"]);
    check("sources", &["sources"]);
    check("flow", &["flow"]);
    check("lake_status", &["lake", "status"]);
}

#[test]
fn document_tells_where_claims_are_from() {
    let document = rows(market(), "SELECT document FROM documents WHERE name = 'claims.csv'")[0]["document"].clone();
    check("document", &["document", &document.as_str().unwrap()[..12]]);
    check("document_unknown", &["document", "00ff"]);
}

#[test]
fn doctor_finds_what_is_missing() {
    check("doctor", &["doctor"]);
    let folder = support::empty_market();
    let market = folder.path().join("market");
    let claims = support::file(&folder, "claims.csv", support::CLAIMS);
    on(&market).arg("import").arg(claims).assert().success();
    assert_eq!(on(&market).args(["doctor", "--deep"]).output().unwrap().status.code(), Some(0));
    std::fs::remove_dir_all(market.join("raw")).unwrap();
    std::fs::write(market.join("catalogue/aliases.csv"), "entity,kind,alias,language\nA,product,X,\nB,product,X,\n")
        .unwrap();
    check_output("doctor_fails", &on(&market).arg("doctor").output().unwrap());
}

#[test]
fn sql_answers_tables_views_and_functions() {
    check(
        "sql",
        &["sql", "SELECT name, period, value FROM claims_named WHERE metric = 'mau' ORDER BY value DESC, name LIMIT 3"],
    );
    check(
        "sql_function",
        &["sql", "SELECT rank, name, value FROM league('mau', '2024-12') ORDER BY rank", "--format", "csv"],
    );
    check("sql_cut", &["sql", "SELECT subject FROM claims ORDER BY subject", "--limit", "2"]);
    check("sql_empty", &["sql", "SELECT subject FROM claims WHERE metric = 'none'", "--format", "json"]);
    let from_input = on(market()).args(["sql", "-"]).write_stdin("SELECT 1 AS one").output().unwrap();
    assert_eq!(String::from_utf8(from_input.stdout).unwrap(), "one\n  1\n");
    let ndjson = on(market()).args(["sql", "SELECT count(*) AS n FROM claims", "--format", "ndjson"]).output().unwrap();
    assert_eq!(String::from_utf8(ndjson.stdout).unwrap(), "{\"n\":14}\n");
}

#[test]
fn exports_leave_out_what_may_not_be_passed_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    check("export", &["export", "claims", "--output", &path("claims.csv")]);
    let csv = std::fs::read_to_string(path("claims.csv")).unwrap();
    assert_eq!(csv.lines().count(), 13);
    assert!(!csv.contains("QuestMobile"));
    check("export_all", &["export", "claims", "--include-restricted", "--output", &path("all.ndjson")]);
    let counting = "SELECT count(*) AS n, sum(value) AS total FROM claims_named";
    check("export_query", &["export", counting, "--output", &path("sum.json")]);
    let sums: serde_json::Value = serde_json::from_slice(&std::fs::read(path("sum.json")).unwrap()).unwrap();
    assert_eq!(sums[0]["n"], 12);
    let function = "SELECT * FROM league('mau', '2024-12')";
    check("export_function", &["export", function, "--output", &path("league.csv")]);
    check("export_ending", &["export", "claims", "--output", &path("claims.xls")]);
    for view in ["values_in_force", "claims_of_subjects", "claims_in_force", "claims_named", "events_named"] {
        on(market()).args(["export", view, "--output", &path(&format!("{view}.csv"))]).assert().success();
    }
    on(market()).args(["export", "claims", "--output", &path("claims.parquet")]).assert().success();
    assert!(std::fs::read(path("claims.parquet")).unwrap().ends_with(b"PAR1"));
    let n_left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!n_left.iter().any(|name| name.to_string_lossy().contains("tmp")), "{n_left:?}");
}

#[test]
fn upkeep_changes_no_answer() {
    let folder = support::empty_market();
    let market = folder.path().join("market");
    for (place, line) in support::CLAIMS.lines().skip(1).enumerate() {
        let header = support::CLAIMS.lines().next().unwrap();
        let part = support::file(&folder, &format!("{place}.csv"), format!("{header}\n{line}\n"));
        on(&market).arg("import").arg(part).assert().success();
    }
    let query = "SELECT * FROM claims ORDER BY mention_id, claim_id";
    let before = rows(&market, query);
    assert_eq!(before.len(), 14);
    check_output("lake_optimize", &on(&market).args(["lake", "optimize"]).output().unwrap());
    check_output("lake_vacuum", &on(&market).args(["lake", "vacuum", "--hours", "0"]).output().unwrap());
    assert_eq!(rows(&market, query), before);
}

#[test]
fn completions_know_the_commands() {
    let script = crowsnest().args(["completions", "bash"]).output().unwrap();
    assert!(String::from_utf8(script.stdout).unwrap().contains("league"));
}

#[test]
fn colour_only_where_asked_for() {
    let ask = |color: &str| {
        let output = on(market()).args(["metrics", "--color", color]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(ask("always").contains('\u{1b}'));
    assert!(!ask("auto").contains('\u{1b}'));
}
