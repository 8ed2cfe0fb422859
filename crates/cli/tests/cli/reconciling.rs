//! `crowsnest reconcile`: figures into the table, beside the claims, as of a day, and once; and folders that are judged.

use crate::support::{CLAIMS, crowsnest, empty_market, file, on, said};

fn told(command: &mut assert_cmd::Command) -> serde_json::Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn figures_are_made_once_and_told_beside_the_claims() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let claims = file(&folder, "claims.csv", CLAIMS);
    on(&market).arg("import").arg(&claims).assert().success();
    let first = told(on(&market).args(["reconcile", "--format", "json"]));
    let mau = first["metrics"].as_array().unwrap().iter().find(|one| one["metric"] == "mau").unwrap();
    // One of the three sources says only what was denied.
    assert_eq!((mau["n_sources"].as_u64(), mau["is_scale_pinned"].as_bool()), (Some(3), Some(false)), "{first}");
    assert!(first["n_added"].as_u64().unwrap() >= 8, "{first}");
    let again = told(on(&market).args(["reconcile", "--format", "json"]));
    assert_eq!((again["n_added"].as_u64(), again["n_skipped"].as_u64()), (Some(0), Some(2)), "{again}");
    let anew = told(on(&market).args(["reconcile", "--all", "--format", "json"]));
    assert_eq!(anew["n_added"].as_u64(), Some(0), "nothing has moved: {anew}");

    let why = told(on(&market).args(["why", "豆包", "mau", "2024-12", "--format", "json"]));
    let figure = &why["figures"][0];
    let number = |name: &str| figure[name].as_f64().unwrap();
    assert!(number("low_95") < number("low") && number("low") < number("low_50"), "{why}");
    assert!(number("low_50") < number("value") && number("value") < number("high"), "{why}");
    assert!((65e6..82e6).contains(&number("value")), "between what the two sources say: {why}");
    let claims: Vec<&str> = figure["claims"].as_str().unwrap().split(' ').collect();
    let weights = figure["weights"].as_str().unwrap().split(' ').count();
    assert_eq!((claims.len(), weights), (figure["n_claims"].as_u64().unwrap() as usize, claims.len()), "{why}");
    assert!(figure["reason"].as_str().unwrap().contains("nothing official pins the scale"), "{why}");
}

#[test]
fn a_folder_is_judged_with_and_without_the_truth() {
    let folder = tempfile::tempdir().unwrap();
    let mut claims = "subject,metric,period,source,value,said_on\n".to_owned();
    let mut truth = "subject,metric,period,value\n".to_owned();
    for product in 0..20 {
        for month in 1..=9 {
            let value = 1000.0 * (1.0 + f64::from(product)) * (1.0 + 0.02 * f64::from(month));
            truth.push_str(&format!("p{product},mau,2024-0{month},{value}\n"));
            for (source, factor) in [("A", 1.3), ("B", 0.8), ("C", 1.0)] {
                let wobble = 1.0 + 0.02 * f64::from((product * 7 + month * 3 + source.len() as i32) % 5 - 2);
                claims.push_str(&format!(
                    "p{product},mau,2024-0{month},{source},{},2024-10-01\n",
                    value * factor * wobble
                ));
            }
        }
    }
    std::fs::write(folder.path().join("claims.csv"), claims).unwrap();
    let hidden = told(crowsnest().args(["reconcile", "--format", "json", "--evaluate"]).arg(folder.path()));
    assert_eq!(
        (hidden["against"].as_str(), hidden["hidden"].as_array().unwrap().len()),
        (Some("hidden claims"), 3),
        "{hidden}"
    );
    assert!(hidden["error"].as_f64().unwrap() < 0.05, "{hidden}");
    std::fs::write(folder.path().join("truth.csv"), truth).unwrap();
    let judged = told(crowsnest().args(["reconcile", "--format", "json", "--evaluate"]).arg(folder.path()));
    for name in ["error", "error_best_source", "error_median_of_sources", "coverage_50", "coverage_80", "coverage_95"] {
        assert!(judged[name].is_number(), "{name}: {judged}");
    }
    assert!(judged["breaks"].as_array().unwrap().is_empty() && judged["copies"].is_array(), "{judged}");
    assert!(judged["error_but_for_scale"].as_f64().unwrap() < 0.02, "{judged}");
}

const HEADER: &str = "subject,metric,period,value,source,said_on,status\n";

/// A market with these claims, reconciled; more claims can follow.
fn reconciled(claims: &str) -> (tempfile::TempDir, std::path::PathBuf, serde_json::Value) {
    let folder = empty_market();
    let market = folder.path().join("market");
    let done = add(&folder, "first.csv", claims);
    (folder, market, done)
}

fn add(folder: &tempfile::TempDir, name: &str, claims: &str) -> serde_json::Value {
    let market = folder.path().join("market");
    let claims = file(folder, name, format!("{HEADER}{claims}"));
    on(&market).arg("import").arg(&claims).assert().success();
    told(on(&market).args(["reconcile", "--format", "json"]))
}

fn of_metric<'a>(done: &'a serde_json::Value, metric: &str) -> &'a serde_json::Value {
    done["metrics"].as_array().unwrap().iter().find(|one| one["metric"] == metric).unwrap()
}

/// The figures in force of a product's metric by period: value and reason.
fn figures(market: &std::path::Path, name: &str, metric: &str) -> Vec<(String, f64, String)> {
    let series = told(on(market).args(["series", name, metric, "--format", "json"]));
    let figures = series["figures"].as_array().cloned().unwrap_or_default();
    let text = |figure: &serde_json::Value, name: &str| figure[name].as_str().unwrap_or_default().to_owned();
    figures.iter().map(|one| (text(one, "period"), one["value"].as_f64().unwrap(), text(one, "reason"))).collect()
}

fn months(name: &str, source: &str, from: f64, n: u32) -> String {
    (1..=n)
        .map(|m| {
            format!("{name},mau,2024-{m:02},{},{source},2025-01-0{},\n", from * (1.0 + 0.01 * f64::from(m)), 1 + m % 9)
        })
        .collect()
}

#[test]
fn figures_whose_claims_are_withdrawn_go_out_of_force() {
    let (folder, market, _) = reconciled(
        &(months("Aye", "A", 1e6, 6) + &months("Bee", "A", 2e6, 6) + "Cee,mau,2024-03,5000,A,2025-01-02,\n"),
    );
    assert_eq!(figures(&market, "Cee", "mau").len(), 1);
    let done = add(&folder, "withdrawn.csv", "Cee,mau,2024-03,5000,A,2025-02-02,withdrawn\n");
    let mau = of_metric(&done, "mau");
    assert_eq!((mau["n_withdrawn"].as_u64(), mau["is_partial"].as_bool()), (Some(1), Some(true)), "{done}");
    assert!(figures(&market, "Cee", "mau").is_empty());
    assert_eq!(figures(&market, "Aye", "mau").len(), 6, "the others stay");
    let in_force = told(on(&market).args(["sql", "SELECT count(*) AS n FROM figures_in_force", "--format", "json"]));
    assert!(in_force.to_string().contains("12"), "{in_force}");
    let again = told(on(&market).args(["reconcile", "--all", "--format", "json"]));
    assert_eq!((again["n_added"].as_u64(), again["n_withdrawn"].as_u64()), (Some(0), Some(0)), "{again}");
    let back = add(&folder, "back.csv", "Cee,mau,2024-03,5100,A,2025-03-02,\n");
    assert_eq!(of_metric(&back, "mau")["n_added"].as_u64(), Some(1), "{back}");
    assert_eq!(figures(&market, "Cee", "mau").len(), 1);
}

#[test]
fn only_what_new_claims_are_about_is_told_anew_and_a_new_source_is_learnt() {
    let (folder, market, first) =
        reconciled(&(months("Aye", "A", 1e6, 9) + &months("Bee", "A", 2e6, 9) + &months("Bee", "B", 3e6, 9)));
    assert_eq!(of_metric(&first, "mau")["is_partial"].as_bool(), Some(false), "{first}");
    let before = figures(&market, "Bee", "mau");
    let done = add(&folder, "more.csv", "Aye,mau,2024-05,1900000,A,2025-02-05,\n");
    let mau = of_metric(&done, "mau");
    assert_eq!((mau["is_partial"].as_bool(), mau["n_claims"].as_u64()), (Some(true), Some(10)), "{done}");
    assert_eq!(figures(&market, "Bee", "mau"), before, "what nobody spoke of is as it was");
    let done = add(&folder, "new.csv", "Aye,mau,2024-05,1500000,C,2025-03-05,\n");
    assert_eq!(of_metric(&done, "mau")["is_partial"].as_bool(), Some(false), "a source that nobody knew: {done}");
}

#[test]
fn what_is_implied_for_other_periods_counts_where_nothing_is_said() {
    let mut claims = months("Aye", "A", 1e6, 6);
    claims.push_str("Aye,mau_growth,2024-07,0.5,A,2025-01-02,\n");
    // Three months by one source, the quarter itself by another, of another product.
    for (month, value) in [(1, 100.0), (2, 200.0), (3, 300.0)] {
        claims.push_str(&format!("Dee,downloads,2024-0{month},{value},A,2025-01-02,\n"));
    }
    claims.push_str("Eff,downloads,2024-Q1,900,B,2025-01-02,\n");
    // Two years to date, of which the difference is June.
    claims.push_str("Gee,downloads,2024-01-01/2024-06-01,1000,A,2025-01-02,\n");
    claims.push_str("Gee,downloads,2024-H1,1250,A,2025-01-02,\n");
    let (_folder, market, _) = reconciled(&claims);
    let grown = figures(&market, "Aye", "mau").into_iter().find(|own| own.0 == "2024-07").unwrap();
    assert!(grown.2.contains("from a level and its growth") && grown.1 > 1.2e6, "{grown:?}");
    let quarter = figures(&market, "Dee", "downloads").into_iter().find(|own| own.0 == "2024-Q1").unwrap();
    assert!(quarter.2.contains("added up from shorter periods") && (quarter.1 / 600.0).ln().abs() < 0.3, "{quarter:?}");
    let june = figures(&market, "Gee", "downloads").into_iter().find(|own| own.0 == "2024-06").unwrap();
    assert!(june.2.contains("difference of two running totals") && (june.1 / 250.0).ln().abs() < 0.3, "{june:?}");
}

#[test]
fn a_round_bound_holds_a_figure_on_its_side_and_a_nowcast_says_who_is_missing() {
    let all = |value: f64| {
        let claims = months("Aye", "A", 1e6, 9)
            + &months("Aye", "B", 1.05e6, 8)
            + &format!("Aye,mau,2024-04,over {value} million,C,2025-01-02,\n");
        let (_folder, market, _) = reconciled(&claims);
        figures(&market, "Aye", "mau")
    };
    let at =
        |figures: &[(String, f64, String)], period: &str| figures.iter().find(|own| own.0 == period).unwrap().clone();
    let (below, above) = (all(0.5), all(2.0));
    let (low, high) = (at(&below, "2024-04"), at(&above, "2024-04"));
    assert!(low.2.contains("C weighs 0 %, a lower bound"), "what is far below tells nothing: {low:?}");
    assert!(high.1 >= low.1, "{high:?} {low:?}");
    let last = at(&below, "2024-09");
    assert!(last.2.contains("a nowcast: B has not told of so late a period yet"), "{last:?}");
    assert!(!at(&below, "2024-08").2.contains("nowcast"));
}

#[test]
fn what_a_chart_ranks_and_nobody_counts_has_the_volume_of_its_rank() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let config = std::fs::read_to_string(market.join("crowsnest.toml")).unwrap();
    std::fs::write(market.join("crowsnest.toml"), config + "\n[reconcile.charts]\nrank_app = \"downloads\"\n").unwrap();
    let mut claims = HEADER.to_owned();
    for rank in 1..=60 {
        claims.push_str(&format!("app {rank},rank_app,2024-05,{rank},store,2024-06-01,\n"));
        if rank % 6 == 1 || rank == 60 {
            let volume = 5e6 * f64::from(rank).powf(-0.8);
            claims.push_str(&format!("app {rank},downloads,2024-05,{volume:.0},maker,2024-06-01,\n"));
        }
    }
    let claims = file(&folder, "chart.csv", &claims);
    on(&market).arg("import").arg(&claims).assert().success();
    on(&market).arg("reconcile").assert().success();
    let told = figures(&market, "app 10", "downloads");
    let truth = 5e6 * 10_f64.powf(-0.8);
    assert!(
        (told[0].1 / truth).ln().abs() < 0.1 && told[0].2.contains("from rank 10 on the chart of store"),
        "{told:?}"
    );
    let league = told_league(&market);
    let row = league["rows"].as_array().unwrap().iter().find(|row| row["name"] == "app 7").unwrap();
    assert!(row["figure_low"].as_f64().unwrap() < row["figure"].as_f64().unwrap(), "{row}");
}

fn told_league(market: &std::path::Path) -> serde_json::Value {
    told(on(market).args(["league", "--metric", "downloads", "--period", "2024-05", "--format", "json"]))
}

#[test]
fn what_sources_are_worth_is_told_in_words_that_fit() {
    let (_folder, market, _) =
        reconciled(&(months("Aye", "A", 1e6, 9) + &months("Bee", "A", 2e6, 9) + &months("Cee", "B", 3e6, 9)));
    let worth = told(on(&market).args(["reconcile", "--worth", "--format", "json"]));
    for own in worth.as_array().unwrap() {
        let words = own["recommendation"].as_str().unwrap();
        assert!(words.contains("keep") && words.contains("100 % of its figures are found nowhere else"), "{worth}");
    }
}
