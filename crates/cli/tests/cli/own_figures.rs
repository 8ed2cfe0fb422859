//! What is a team's own stays here: figures of `import --own`, and plans. Their owner sees all of it.

use std::path::Path;

use crate::support::{empty_market, file, json, on, rows, said};

const FIGURES: &str = "subject,metric,period,value\nDoubao,mau,2024-12,71\nDoubao,mau,2025-01,72\n";

/// What others would get, and what is said beside it.
fn exported(market: &Path, arguments: &[&str]) -> (String, String) {
    let output = on(market).arg("export").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn own_figures_leave_only_where_their_card_says_so() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let figures = file(&folder, "weekly.csv", FIGURES);
    let import = |more: &[&str]| {
        let output =
            on(&market).arg("import").arg(&figures).args(["--source", "Our books"]).args(more).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    };
    let card = market.join("sources/our-books.toml");
    import(&["--own", "--dry-run"]);
    assert!(!card.exists(), "a dry run writes nothing");
    let told = import(&["--own"]);
    assert!(told.contains("our-books.toml says own = true"), "{told}");
    assert_eq!(rows(&market, "SELECT value FROM claims WHERE source = 'Our books'").len(), 2, "their owner sees all");
    assert!(json(&market, &["sources"]).to_string().contains("\"redistribute\":false"));
    for table in ["claims", "claims_named", "claims_in_force"] {
        let (csv, notes) = exported(&market, &[table]);
        assert!(!csv.contains("Our books") && notes.contains("(Our books) are left out"), "{table}: {csv}{notes}");
        assert!(exported(&market, &[table, "--include-restricted"]).0.contains("Our books"), "{table}");
    }
    let (sum, _) = exported(&market, &["SELECT count(*) AS n FROM claims", "--format", "ndjson"]);
    assert_eq!(sum, "{\"n\":0}\n");
    let text = std::fs::read_to_string(&card).unwrap();
    std::fs::write(&card, format!("{text}redistribute = true\n")).unwrap();
    assert!(exported(&market, &["claims"]).0.contains("Our books"), "its card says that they may leave");
}

#[test]
fn a_card_that_is_there_keeps_its_lines() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let figures = file(&folder, "weekly.csv", FIGURES);
    let (card, lines) =
        (market.join("sources/books.toml"), "# Kept by Mei.\nname = \"Our books\"\nlicence = \"internal\"\n");
    let own = || on(&market).arg("import").arg(&figures).args(["--source", "Our books", "--own"]).output().unwrap();
    std::fs::write(&card, lines).unwrap();
    for _ in 0..2 {
        assert!(own().status.success());
        assert_eq!(std::fs::read_to_string(&card).unwrap(), format!("own = true\n{lines}"));
    }
    std::fs::write(&card, format!("{lines}own = false\n")).unwrap();
    let refused = own();
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("books.toml cannot be made to say own = true"), "{}", said(&refused));
    on(&market).arg("import").arg(&figures).arg("--own").assert().failure();
}

#[test]
fn rows_of_another_source_are_not_marked_and_that_is_said() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let figures = "subject,metric,period,value,source\nDoubao,mau,2024-12,71,\nDoubao,mau,2025-01,72,Lab\n";
    let figures = file(&folder, "both.csv", figures);
    let output = on(&market).arg("import").arg(figures).args(["--source", "自有数据", "--own"]).output().unwrap();
    assert!(said(&output).contains("are of Lab, which --own does not mark"), "{}", said(&output));
    let card = std::fs::read_to_string(market.join("sources/own.toml")).unwrap();
    assert!(card.contains("name = \"自有数据\""), "{card}");
    let (csv, _) = exported(&market, &["claims"]);
    assert!(csv.contains("Lab") && !csv.contains("自有数据"), "{csv}");
}

#[test]
fn plans_stay_here_though_every_source_may_be_passed_on() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let units: String =
        (0..60).map(|unit| format!("{},{}\n", ["a", "b"][unit % 2], 10 + unit % 7 + 5 * (unit % 2))).collect();
    file(&folder, "units.csv", format!("variant,revenue\n{units}"));
    let tried = "name = \"tv off\"\n[units]\ntable = \"units.csv\"\nmetrics = [\"revenue\"]\n";
    let tried = file(&folder, "tv-off.toml", tried);
    on(&market).args(["grow", "experiment", "keep"]).arg(tried).assert().success();
    assert!(!rows(&market, "SELECT plan FROM plans WHERE plan = 'tv off'").is_empty(), "their owner sees all");
    let (csv, notes) = exported(&market, &["plans"]);
    assert!(
        !csv.contains("tv off") && notes.contains("rows of plans, which are your own, are left out"),
        "{csv}{notes}"
    );
    let (count, _) = exported(&market, &["SELECT count(*) AS n FROM plans", "--format", "ndjson"]);
    assert_eq!(count, "{\"n\":0}\n");
    on(&market).args(["export", "SELECT plan FROM public.plans"]).assert().code(1);
    let (csv, notes) = exported(&market, &["plans", "--include-restricted"]);
    assert!(csv.contains("tv off") && !notes.contains("left out"), "{csv}{notes}");
}
