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
    assert_eq!((mau["n_sources"].as_u64(), mau["is_scale_pinned"].as_bool()), (Some(2), Some(false)), "{first}");
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
