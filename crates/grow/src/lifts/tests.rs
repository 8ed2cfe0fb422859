//! From read-outs to lift tests, and from what was kept to a fit's.

use super::*;
use crate::experiment::readout::{self, ReadoutRequest};
use crate::model::tests::history;

fn moved(spend_from: f64, spend_to: f64) -> Moved {
    Moved { channel: "tv".into(), group: Some("b".into()), spend_from, spend_to }
}

fn reading(effect: f64, standard_error: f64) -> GeoReading {
    GeoReading {
        effect,
        standard_error,
        low: effect - 1.0,
        high: effect + 1.0,
        relative: 0.1,
        p: 0.1,
        error_before: 0.1,
        weights: Vec::new(),
    }
}

fn units(text: &str, metric: &str) -> Readout {
    let request = ReadoutRequest {
        variant: "variant".into(),
        control: None,
        metrics: vec![metric.into()],
        before: std::collections::BTreeMap::new(),
        shares: Vec::new(),
        alpha: 0.05,
        n_planned: None,
    };
    readout::read(text, &request).unwrap()
}

#[test]
fn a_cut_that_lost_something_is_a_rise_that_brought_it() {
    let lift = moved(100.0, 0.0).of_regions(&reading(-30.0, 2.0), "2024-06-03", Some(7.0)).unwrap();
    let test = &lift.test;
    assert_eq!((test.spend_from, test.spend_to, test.effect, test.standard_error), (0.0, 100.0, 30.0, 2.0));
    let lift = moved(0.0, 100.0).of_regions(&reading(30.0, 2.0), "2024-06-03", Some(7.0)).unwrap();
    assert_eq!((lift.test.spend_to, lift.test.effect), (100.0, 30.0));
    for (moved, error, days, word) in [
        (moved(100.0, 100.0), 2.0, Some(7.0), "not the same"),
        (moved(-1.0, 100.0), 2.0, Some(7.0), "0 or more"),
        (moved(0.0, 100.0), 0.0, Some(7.0), "standard error of 0"),
        (moved(0.0, 100.0), 2.0, None, "write them as days"),
    ] {
        let told = moved.of_regions(&reading(30.0, error), "2024-06-03", days).unwrap_err().to_string();
        assert!(told.contains(word), "{told}");
    }
}

/// Means 2 and 5 of three units each with variance 1: difference 3, standard error √(1/3 + 1/3). A thousand units over two
/// periods: 1500 a period.
#[test]
fn units_become_an_effect_a_period_by_reach_and_periods() {
    let text = "variant,revenue,views\na,1,1\na,2,1\na,3,1\nb,4,1\nb,5,1\nb,6,1\n";
    let found = units(text, "revenue");
    let lift = moved(0.0, 100.0).of_units(&found, Some(1000.0), Some(2.0)).unwrap();
    assert!((lift.test.effect - 1500.0).abs() < 1e-9, "{lift:?}");
    assert!((lift.test.standard_error - 500.0 * (2.0_f64 / 3.0).sqrt()).abs() < 1e-9, "{lift:?}");
    for (found, reach, periods, word) in [
        (units(text, "revenue"), None, Some(2.0), "`reach`"),
        (units(text, "revenue"), Some(1000.0), Some(0.0), "`periods`"),
        (units(text, "revenue/views"), Some(1000.0), Some(2.0), "is a ratio"),
        (units(&format!("{text}c,7,1\nc,8,1\n"), "revenue"), Some(1000.0), Some(2.0), "more than two variants"),
    ] {
        let told = moved(0.0, 100.0).of_units(&found, reach, periods).unwrap_err().to_string();
        assert!(told.contains(word), "{told}");
    }
}

fn file(lift_tests: &str) -> GrowFile {
    let text = format!("[history]\noutcome = \"revenue\"\n[[channels]]\nname = \"tv\"\n{lift_tests}");
    toml::from_str(&text).unwrap()
}

fn kept(name: &str, lift: &KeptLift) -> Kept {
    let report = serde_json::json!({ "effect": 1.0, "lift_test": lift }).to_string();
    Kept { plan: name.into(), at: "2024-09-01T10:00:00Z".into(), report: Some(report) }
}

#[test]
fn kept_tests_are_taken_in_the_periods_of_the_history_and_by_hand_wins() {
    let week = moved(100.0, 0.0).of_regions(&reading(-30.0, 2.0), "2024-06-03", Some(7.0)).unwrap();
    let day = moved(10.0, 0.0).of_regions(&reading(-3.0, 0.5), "2024-07-01", Some(1.0)).unwrap();
    let without_group =
        KeptLift { test: LiftTest { group: None, ..week.test.clone() }, since: None, period_days: None };
    let of_print = KeptLift { test: LiftTest { channel: "print".into(), ..week.test.clone() }, ..week.clone() };
    let nothing = Kept { plan: "colour".into(), at: String::new(), report: Some("{\"effect\": 1.0}".into()) };
    let all = [
        kept("tv-off", &week),
        kept("tv-days", &day),
        kept("tv-all", &without_group),
        kept("print-off", &of_print),
        nothing,
    ];

    let (mut own, mut past) = (file(""), history());
    take(&all, &mut own, &mut past);
    assert_eq!(own.lift_tests.len(), 2, "{:?}", past.notes);
    assert_eq!((own.lift_tests[0].spend_to, own.lift_tests[0].effect), (100.0, 30.0));
    let days = 365.25 / past.periods_per_year;
    assert!((own.lift_tests[1].effect - 3.0 * days).abs() < 1e-9, "{:?}", own.lift_tests);
    assert!((own.lift_tests[1].spend_to - 10.0 * days).abs() < 1e-9, "{:?}", own.lift_tests);
    assert_eq!(
        past.notes[0],
        "lift test of tv from experiment tv-off of 2024-06-03: 100 instead of 0 a period brings 30 a period, standard error 2"
    );
    assert!(past.notes[2].contains("of 2024-09-01 does not count: there are several groups"), "{:?}", past.notes);
    assert!(past.notes[3].contains("no such channel, only tv, search"), "{:?}", past.notes);
    assert_eq!(past.notes.len(), 4, "{:?}", past.notes);

    let by_hand = "[[lift_tests]]\nchannel = \"tv\"\ngroup = \"b\"\nspend_from = 0\nspend_to = 100\neffect = 9\nstandard_error = 1\n";
    let (mut own, mut past) = (file(by_hand), history());
    take(&all[..1], &mut own, &mut past);
    assert_eq!((own.lift_tests.len(), own.lift_tests[0].effect), (1, 9.0));
    assert!(past.notes[0].contains("counts instead"), "{:?}", past.notes);
}

#[test]
fn a_group_that_is_not_there_is_a_fault_and_a_channel_without_spend_a_note() {
    let test = "[[lift_tests]]\nchannel = \"tv\"\ngroup = \"c\"\nspend_from = 0\nspend_to = 100\neffect = 9\nstandard_error = 1\n";
    let mut past = history();
    assert_eq!(faults(&file(test), &past), ["lift test of \"tv\": there is no group \"c\", only a, b"]);
    let of_b = file(&test.replace("\"c\"", "\"b\""));
    assert!(faults(&of_b, &past).is_empty());
    assert!(without_spend(&past, &of_b.lift_tests).is_empty());
    past.groups[1].spend[0].fill(0.0);
    let notes = without_spend(&past, &of_b.lift_tests);
    assert!(notes.len() == 1 && notes[0].contains("lift test of tv says nothing here"), "{notes:?}");
}

#[test]
fn numbers_keep_four_digits() {
    assert_eq!([0.0, 100.0, 1234.56, 0.012_345_6].map(short), ["0", "100", "1235", "0.01235"]);
}
