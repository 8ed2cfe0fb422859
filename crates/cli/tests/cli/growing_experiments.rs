//! `crowsnest grow experiment` from tables: regions, units with what they did before, looks on the way, made-up trials; and what a
//! kept result does to the curves of its plan.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{empty_market, file, on, said};

fn json(market: &Path, arguments: &[&str], code: i32) -> Value {
    let output = on(market).args(arguments).args(["--format", "json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn day_of_week(week: u32) -> jiff::civil::Date {
    let first: jiff::civil::Date = "2023-01-02".parse().unwrap();
    first.checked_add(jiff::Span::new().weeks(week)).unwrap()
}

/// Nine regions over 30 weeks that swing by about 1 a week, of which Hamburg loses 5 a week from the 21st on, 2023-05-22.
fn regions(folder: &TempDir) -> String {
    let mut table = "region,date,outcome\n".to_owned();
    for (at, region) in ["Hamburg", "A", "B", "C", "D", "E", "F", "G", "H"].into_iter().enumerate() {
        for week in 0..30_u32 {
            let turn = 1.3 + 0.37 * at as f64;
            let lost = if region == "Hamburg" && week >= 20 { 5.0 } else { 0.0 };
            let outcome = 50.0 + 5.0 * at as f64 + (f64::from(week) * turn + at as f64).sin() - lost;
            writeln!(table, "{region},{},{outcome:.4}", day_of_week(week)).unwrap();
        }
    }
    file(folder, "regions.csv", table).to_string_lossy().into_owned()
}

/// Sixty weeks in which radio always gets half of what tv gets: the history knows only what both bring together.
fn plan_file(folder: &TempDir, name: &str, more: &str) -> String {
    let mut table = "date,revenue,tv,radio\n".to_owned();
    for week in 0..60_u32 {
        let swing = |turn: f64| 1.0 + 0.9 * (f64::from(week) * turn).sin();
        let tv = 100.0 * swing(1.7);
        let revenue = 200.0 + 60.0 * tv / (tv + 100.0) + 2.0 * (f64::from(week) * 4.1).sin();
        writeln!(table, "{},{revenue:.4},{tv:.4},{:.4}", day_of_week(week), 0.5 * tv).unwrap();
    }
    file(folder, "weekly.csv", table);
    let text = format!(
        "name = \"{name}\"\n[history]\nfile = \"weekly.csv\"\noutcome = \"revenue\"\n[[channels]]\nname = \"tv\"\n\
         [[channels]]\nname = \"radio\"\n[model]\nmethod = \"laplace\"\nn_held_out = 0\n\
         [plan]\nbudget = 1500\nn_periods = 10\n{more}"
    );
    file(folder, &format!("{name}.toml"), text).to_string_lossy().into_owned()
}

/// Median and width of the return of tv.
fn return_of_tv(fit: &Value) -> (f64, f64) {
    let tv = fit["channels"].as_array().unwrap().iter().find(|own| own["channel"] == "tv").unwrap();
    (number(&tv["roi"]["q50"]), number(&tv["roi"]["q95"]) - number(&tv["roi"]["q05"]))
}

fn has_note(fit: &Value, words: &str) -> bool {
    fit["notes"].as_array().unwrap().iter().any(|note| note.as_str().unwrap().contains(words))
}

#[test]
fn a_kept_experiment_weighs_on_the_curve_that_its_plan_fits() {
    let folder = empty_market();
    let market = folder.path().join("market");
    regions(&folder);
    let plan = plan_file(&folder, "autumn", "");
    let before = json(&market, &["grow", "plan", &plan], 0)["fit"].take();
    assert!(!has_note(&before, "lift test"), "{before}");

    let tried = "plan = \"autumn\"\nchannel = \"tv\"\nspend_from = 100\nspend_to = 0\n\
                 [regions]\ntable = \"regions.csv\"\ntreated = [\"Hamburg\"]\nfrom = \"2023-05-22\"\n";
    for (left_out, word) in [("plan = \"autumn\"\n", "takes `plan`"), ("spend_to = 0\n", "`spend_to`")] {
        let wrong = file(&folder, "wrong.toml", tried.replace(left_out, ""));
        let output = on(&market).args(["grow", "experiment", "keep"]).arg(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(word), "{}", said(&output));
    }
    let without = "plan = \"autumn\"\n".to_owned() + &tried[tried.find("[regions]").unwrap()..];
    let path = file(&folder, "tv-off.toml", without).to_string_lossy().into_owned();
    json(&market, &["grow", "experiment", "keep", &path], 0);
    assert!(!has_note(&json(&market, &["grow", "fit", &plan], 0), "lift test"), "it names no channel");
    // The same table, now with its channel, is news.
    file(&folder, "tv-off.toml", tried);
    let found = json(&market, &["grow", "experiment", "keep", &path], 0);
    let (effect, error) = (number(&found["effect"]), number(&found["standard_error"]));
    assert!((effect + 5.0).abs() < 1.0 && error > 0.0 && error < 1.5, "{found}");
    let sql = "SELECT channel, period, present, spend, outcome, q95 - q05 AS width FROM plans WHERE part = 'lift'";
    let kept = json(&market, &["sql", sql], 0)[0].take();
    assert_eq!((kept["channel"].as_str(), kept["period"].as_str()), (Some("tv"), Some("2023-05-22")), "{kept}");
    assert_eq!((number(&kept["present"]), number(&kept["spend"])), (0.0, 100.0), "{kept}");
    assert!((number(&kept["outcome"]) + effect).abs() < 1e-9, "{kept}");
    assert!((number(&kept["width"]) / error - 2.0 * 1.644_853_627).abs() < 1e-6, "{kept}");

    let after = json(&market, &["grow", "plan", &plan], 0)["fit"].take();
    assert!(
        has_note(&after, "lift test of tv from experiment tv-off of 2023-05-22: 100 instead of 0 a period"),
        "{after}"
    );
    let ((was, width_before), (is, width_after)) = (return_of_tv(&before), return_of_tv(&after));
    let off = |median: f64| (median / (-effect / 100.0)).ln().abs();
    assert!(off(is) < 0.7 * off(was) && width_after < 0.6 * width_before, "{was} {width_before} {is} {width_after}");

    // By hand for the same channel and spends: it alone counts, as in a plan that has no experiments.
    let by_hand = "[[lift_tests]]\nchannel = \"tv\"\nspend_from = 0\nspend_to = 100\neffect = 20\nstandard_error = 1\n";
    let both = json(&market, &["grow", "fit", &plan_file(&folder, "autumn", by_hand)], 0);
    assert!(has_note(&both, "the file has one of the same spends, which counts instead"), "{both}");
    let alone = json(&market, &["grow", "fit", &plan_file(&folder, "spring", by_hand)], 0);
    assert!(!has_note(&alone, "tv-off"), "{alone}");
    assert_eq!(both["channels"], alone["channels"]);
}

#[test]
fn units_weigh_on_a_curve_only_where_their_effect_a_period_is_known() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let units: String =
        (0..60).map(|unit| format!("{},{}\n", ["a", "b"][unit % 2], 10 + unit % 7 + 5 * (unit % 2))).collect();
    file(&folder, "units.csv", format!("variant,revenue\n{units}"));
    let tried = "plan = \"autumn\"\nchannel = \"tv\"\nspend_from = 0\nspend_to = 100\n[units]\ntable = \"units.csv\"\n\
                 metrics = [\"revenue\"]\n";
    let wrong = file(&folder, "tv-on.toml", tried);
    let output = on(&market).args(["grow", "experiment", "keep"]).arg(&wrong).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("`reach`"), "{}", said(&output));
    let path = file(&folder, "tv-on.toml", format!("{tried}reach = 12\nperiods = 4\n")).to_string_lossy().into_owned();
    let found = json(&market, &["grow", "experiment", "keep", &path], 0);
    let sql = "SELECT outcome FROM plans WHERE part = 'lift'";
    let kept = number(&json(&market, &["sql", sql], 0)[0]["outcome"]);
    assert!((kept - 3.0 * number(&found["findings"][0]["difference"])).abs() < 1e-9, "{kept} {found}");
}

#[test]
fn regions_are_read_against_a_twin() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let table = regions(&folder);
    let of = |treated: &str, from: &str, code: i32| {
        json(&market, &["grow", "experiment", "geo", &table, "--treated", treated, "--from", from], code)
    };
    let found = of("Hamburg", "2023-05-22", 0);
    assert!((number(&found["effect"]) + 5.0).abs() < 1.0 && number(&found["high"]) < 0.0, "{found}");
    assert!((number(&found["p"]) - 1.0 / 9.0).abs() < 1e-9, "no placebo lost as much: {found}");
    let nothing = of("A", "2023-05-22", 0);
    assert!(number(&nothing["effect"]).abs() < 2.5, "{nothing}");
    of("Bremen", "2023-05-22", 1);
    of("Hamburg", "2023-05-23", 1);
}

#[test]
fn what_units_did_before_is_taken_out_and_looks_on_the_way_cost_width() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let mut table = "variant,revenue,earlier,clicks,views\n".to_owned();
    for unit in 0..400_usize {
        let earlier = 100.0 + 30.0 * (unit as f64 * 1.7).sin();
        let revenue = earlier + 2.0 * (unit as f64 * 2.9).sin() + 3.0 * (unit % 2) as f64;
        writeln!(table, "{},{revenue:.4},{earlier:.4},{},{}", ["a", "b"][unit % 2], unit % 3, 3 + unit % 5).unwrap();
    }
    let table = file(&folder, "units.csv", table).to_string_lossy().into_owned();
    let read = |more: &[&str]| {
        let arguments =
            ["grow", "experiment", "read", table.as_str(), "--metric", "revenue", "--metric", "clicks/views"];
        json(&market, &[&arguments[..], more].concat(), 0)
    };
    let width =
        |found: &Value, at: usize| number(&found["findings"][at]["high"]) - number(&found["findings"][at]["low"]);
    let plain = read(&[]);
    let less = read(&["--before", "revenue=earlier", "--before", "clicks/views=earlier"]);
    assert_eq!((&plain["findings"][0]["is_found"], &less["findings"][0]["is_found"]), (&false.into(), &true.into()));
    assert!(width(&less, 0) < 0.3 * width(&plain, 0), "{plain} {less}");
    assert!((number(&less["findings"][0]["difference"]) - 3.0).abs() < 0.6, "{less}");
    assert_eq!(width(&less, 1), width(&plain, 1), "a ratio is left as it is");
    let notes = less["notes"].to_string();
    assert!(notes.contains("clicks/views is a ratio") && plain["notes"].as_array().unwrap().is_empty(), "{notes}");
    let looked = read(&["--planned", "400"]);
    assert!(width(&looked, 0) > 1.1 * width(&plain, 0), "{plain} {looked}");
}

#[test]
fn a_design_that_may_be_looked_at_is_seldom_called_where_there_is_nothing() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let of = |effect: &str| {
        let more = ["--experiments", "200", "--units", "200", "--effect", effect];
        json(&market, &[&["grow", "experiment", "try"][..], &more[..]].concat(), 0)
    };
    let (nothing, much) = (of("0"), of("1"));
    assert_eq!(nothing["n_experiments"], 200);
    assert!(number(&nothing["share_called"]) < 0.12, "{nothing}");
    assert!(number(&much["share_called"]) > 0.9, "{much}");
}
