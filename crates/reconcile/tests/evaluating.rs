//! Folders as people write them, good and bad, evaluated as the command does it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use crowsnest_reconcile::evaluate::{EvaluateRequest, Evaluation, evaluate};

fn evaluated(claims: &str, truth: Option<&str>) -> Result<Evaluation, crowsnest_reconcile::ReconcileError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("claims.csv"), claims).unwrap();
    if let Some(truth) = truth {
        std::fs::write(folder.path().join("truth.csv"), truth).unwrap();
    }
    evaluate(&EvaluateRequest { folder: folder.path().to_owned() })
}

const HEADER: &str = "subject,metric,period,source,value,said_on,status\n";

#[test]
fn one_source_alone_is_its_own_figure_with_an_unpinned_scale() {
    let claims = format!("{HEADER}豆包,mau,2024-11,A,100,2024-12-05,\n豆包,mau,2024-12,A,110,2025-01-05,\n");
    let truth = "subject,metric,period,value\n豆包,mau,2024-12,120\n";
    let found = evaluated(&claims, Some(truth)).unwrap();
    assert_eq!((found.n_figures, found.n_judged), (2, 1));
    assert!(found.error.unwrap() < 0.15, "{found:?}");
    assert_eq!(found.coverage_95, Some(1.0));
    assert!(!found.is_scale_pinned && found.notes[0].contains("nothing pins the scale"), "{:?}", found.notes);
}

#[test]
fn sources_that_contradict_each_other_tenfold_give_figures_between_them() {
    let mut claims = HEADER.to_owned();
    let mut truth = "subject,metric,period,value\n".to_owned();
    for product in 0..12 {
        for month in 1..=9 {
            let value = 1000 * (product + 1);
            claims.push_str(&format!("p{product},mau,2024-0{month},A,{},2024-12-01,\n", value * 10));
            claims.push_str(&format!("p{product},mau,2024-0{month},B,{value},2024-12-01,\n"));
            truth.push_str(&format!("p{product},mau,2024-0{month},{}\n", value * 3));
        }
    }
    let found = evaluated(&claims, Some(&truth)).unwrap();
    assert!(found.error.unwrap() < 0.5, "half of the way in logarithms: {found:?}");
    assert_eq!(found.coverage_95, Some(1.0), "and an interval that allows for either: {found:?}");
    assert!(found.breaks.is_empty());
}

#[test]
fn zeros_negatives_and_rows_that_cannot_be_read_are_left_out_and_told() {
    let claims = format!(
        "{HEADER}p,mau,2024-01,A,0,2024-02-01,\np,mau,2024-02,A,-5,2024-03-01,\np,mau,2024-13,A,5,2024-03-01,\n\
         p,mau,2024-03,A,many,2024-03-01,\np,mau,2024-03,A,7,soon,\np,mau,2024-03,A,7,2024-04-01,heard\n\
         ,mau,2024-03,A,7,2024-04-01,\np,mau,2024-03,A,7,2024-04-01,reported\n"
    );
    let found = evaluated(&claims, None).unwrap();
    assert_eq!((found.n_claims, found.n_figures, found.n_rejects), (3, 1, 5));
    let notes = found.notes.join("\n");
    for told in
        ["1 values of zero and 1 below", "claims.csv:4: column period", "claims.csv:5: column value", "claims.csv:6"]
    {
        assert!(notes.contains(told), "{told}: {notes}");
    }
}

#[test]
fn currencies_are_kept_apart() {
    let claims = "subject,metric,period,source,value,said_on,unit\n\
                  p,revenue,2024-01,A,700,2024-02-01,CNY\np,revenue,2024-01,B,100,2024-02-01,USD\n";
    let found = evaluated(claims, None).unwrap();
    assert_eq!(found.n_figures, 2, "nobody's yuan are averaged with dollars: {found:?}");
    assert!(found.notes.iter().any(|note| note.contains("units are kept apart")), "{:?}", found.notes);
}

#[test]
fn denied_and_withdrawn_claims_do_not_count_and_rumours_widen() {
    let all = |rumour: &str, status: &str| {
        let mut claims = HEADER.to_owned();
        for month in 1..=6 {
            claims.push_str(&format!("p,mau,2024-0{month},A,100,2024-12-01,\np,mau,2024-0{month},B,102,2024-12-01,\n"));
        }
        claims.push_str(&format!("p,mau,2024-03,C,{rumour},2024-12-01,{status}\n"));
        let truth = "subject,metric,period,value\np,mau,2024-03,101\n";
        evaluated(&claims, Some(truth)).unwrap()
    };
    let denied = all("900", "denied");
    assert!(denied.error.unwrap() < 0.02, "{denied:?}");
    let rumoured = all("900", "rumoured");
    assert!((rumoured.error.unwrap() - denied.error.unwrap()).abs() < 0.01, "a rumour moves nothing: {rumoured:?}");
}

#[test]
fn columns_that_are_missing_stop_it() {
    let error = evaluated("subject,metric,period,value\np,mau,2024-01,5\n", None).unwrap_err();
    assert!(error.to_string().contains("columns missing: source, said_on"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("first line")));
    let error = evaluated(&format!("{HEADER}p,mau,x,A,1,2024-01-01,\n"), None).unwrap_err();
    assert!(error.to_string().contains("no claim that can be read"), "{error}");
}

#[test]
fn a_chart_with_a_few_known_volumes_tells_the_rest() {
    let mut claims = "subject,metric,period,source,value,said_on\n".to_owned();
    let mut truth = "subject,metric,period,value\n".to_owned();
    for month in 1..=3 {
        for rank in 1..=120 {
            let volume = 5_000_000.0 * f64::from(rank).powf(-0.8) * (1.0 + 0.1 * f64::from(month));
            claims.push_str(&format!("app {rank},downloads_rank,2024-0{month},store,{rank},2024-05-01\n"));
            if rank % 12 == 1 || rank == 120 {
                claims.push_str(&format!("app {rank},downloads,2024-0{month},maker,{volume:.0},2024-05-01\n"));
            } else {
                truth.push_str(&format!("app {rank},downloads,2024-0{month},{volume:.0}\n"));
            }
        }
    }
    let found = evaluated(&claims, Some(&truth)).unwrap();
    assert_eq!((found.n_judged, found.n_without_figure), (327, 0), "{found:?}");
    assert!(found.error.unwrap() < 0.05, "a power law between them: {:?}", found.error);
}

/// Products over two years, told by sources that count by factors of their own; `change` has its way with each value.
fn two_years(change: impl Fn(&str, u32, u32, f64) -> f64) -> (String, String) {
    let mut claims = HEADER.to_owned();
    let mut truth = "subject,metric,period,value\n".to_owned();
    for product in 0..40 {
        for time in 0..24 {
            let period = format!("202{}-{:02}", 3 + time / 12, time % 12 + 1);
            let value = 1000.0 * f64::from(product + 1) * (0.01 * f64::from(time * (product % 5))).exp();
            truth.push_str(&format!("p{product},mau,{period},{value}\n"));
            for (number, source) in ["A", "B", "C", "D"].into_iter().enumerate() {
                let factor = [1.3, 0.8, 1.1, 0.9][number];
                let mixed = (product * 131 + time * 17 + number as u32 * 7).wrapping_mul(2_654_435_769) >> 16;
                let noise = 1.0 + 0.03 * (f64::from(mixed % 1000) / 500.0 - 1.0);
                let said = change(source, product, time, value * factor * noise);
                claims.push_str(&format!("p{product},mau,{period},{source},{said},2025-01-01,\n"));
            }
            if product % 8 == 0 {
                claims.push_str(&format!("p{product},mau,{period},company,{value},2025-01-01,official\n"));
            }
        }
    }
    (claims, truth)
}

#[test]
fn a_source_that_lies_after_a_year_does_little_harm_and_is_told() {
    let (claims, truth) = two_years(|source, product, time, value| {
        let lies = source == "A" && time >= 12;
        if lies { value * (f64::from((product * 7 + time * 13) % 11) - 5.0).exp() } else { value }
    });
    let found = evaluated(&claims, Some(&truth)).unwrap();
    assert!(found.error.unwrap() < 0.03, "{found:?}");
    let told = |name: &str| found.sources.iter().find(|own| own.source == name).unwrap();
    assert!(told("A").noise > 3.0 * told("B").noise || told("A").wild_share > 0.1, "{:?}", found.sources);
}

#[test]
fn a_vendor_that_confuses_two_metrics_for_some_products_does_little_harm() {
    let (claims, truth) = two_years(|source, product, _, value| {
        let is_confused = source == "B" && product % 4 == 1;
        if is_confused { value * 12.0 } else { value }
    });
    let found = evaluated(&claims, Some(&truth)).unwrap();
    assert!(found.error.unwrap() < 0.03, "{found:?}");
    assert!(found.breaks.is_empty(), "{:?}", found.breaks);
    let confused = found.sources.iter().find(|own| own.source == "B").unwrap();
    assert!(confused.always > 0.3, "what it always adds to a product is large: {confused:?}");
}

#[test]
fn where_overlaps_are_thin_a_figure_lies_among_its_sources() {
    // Two lists tell of many products; papers that count half or double tell of one or two each.
    let mut claims = HEADER.to_owned();
    let mut truth = "subject,metric,period,value\n".to_owned();
    for product in 0..30 {
        for month in 1..=9 {
            let value = 1e6 * f64::from(product + 1);
            for (source, factor) in [("A", 1.03), ("B", 0.97)] {
                let noise = 1.0 + 0.01 * f64::from((product * 7 + month * 3 + i32::from(source == "A")) % 5 - 2);
                claims.push_str(&format!(
                    "p{product},mau,2024-0{month},{source},{},2024-12-01,\n",
                    value * factor * noise
                ));
            }
            truth.push_str(&format!("p{product},mau,2024-0{month},{value}\n"));
        }
    }
    for (paper, product) in (0..12).zip(0..) {
        let value = 0.5e6 * f64::from(product + 1);
        claims.push_str(&format!("p{product},mau,2024-05,paper {paper},{value},2024-12-01,\n"));
    }
    let found = evaluated(&claims, Some(&truth)).unwrap();
    assert!(found.error.unwrap() < 0.04, "between the two lists, which the papers do not move: {:?}", found.error);
    let told = |name: &str| found.sources.iter().find(|own| own.source == name).unwrap();
    assert!((0.98..1.1).contains(&told("A").bias) && (0.9..1.02).contains(&told("B").bias), "{:?}", found.sources);
}

#[test]
fn a_value_that_overflows_or_is_tiny_keeps_figures_sane() {
    let mut claims = HEADER.to_owned();
    for month in 1..=9 {
        claims
            .push_str(&format!("p,mau,2024-0{month},A,1e300,2024-12-01,\nq,mau,2024-0{month},A,1e-300,2024-12-01,\n"));
        claims.push_str(&format!(
            "p,mau,2024-0{month},B,1e300,2024-12-01,\nq,mau,2024-0{month},B,0.0000001,2024-12-01,\n"
        ));
    }
    let found = evaluated(&claims, None).unwrap();
    assert!(
        found.error.is_none_or(f64::is_finite) && found.sources.iter().all(|own| own.noise.is_finite()),
        "{found:?}"
    );
}
