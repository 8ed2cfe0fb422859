//! Whole lists that are made up: one in which nothing can be known, one in which families rise together, one that breaks
//! as a whole, and ones that are hardly lists.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use crowsnest_detect::backtest;
use crowsnest_detect::change_point::change_points;
use crowsnest_detect::detecting::Detection;
use crowsnest_detect::forecaster::Forecaster;
use crowsnest_detect::history::{Gather, History, Reading, Row};
use crowsnest_detect::lists::{List, ListKey};
use crowsnest_detect::outcome::Task;
use crowsnest_detect::panel::Panel;
use crowsnest_detect::signals::Signal;
use crowsnest_detect::walk::Walk;
use crowsnest_learn::random::Random;
use crowsnest_model::{Grain, Period};

const DAY: i64 = 86_400_000_000;
const READING: Reading = Reading { grain: Grain::Month, gather: Gather::First, is_rank: false };

fn month(n: usize) -> i32 {
    (0..n).fold(Period::containing(0, Grain::Month), |period, _| period.next().unwrap()).start_day()
}

fn row(series: u32, start: i32, value: f64) -> Row {
    Row { series, start, end: start + 1, value, known_at: i64::from(start) * DAY }
}

/// Random walks: `n` products, `n_periods` months, each step by so much.
fn walks(n: u32, n_periods: usize, step: f64, seed: u64) -> (Vec<String>, Vec<Row>) {
    let mut random = Random::new(seed);
    let mut rows = Vec::new();
    for series in 0..n {
        let mut level = 5.0 + random.normal();
        for t in 0..n_periods {
            level += step * random.normal();
            rows.push(row(series, month(t), level.exp()));
        }
    }
    ((0..n).map(|n| format!("product-{n}")).collect(), rows)
}

#[test]
fn where_nothing_can_be_known_probabilities_stay_at_the_base_rate() {
    let (names, rows) = walks(800, 40, 0.35, 1);
    let history = History::new(names, rows, &READING);
    let result = backtest::run(&history, Task::default(), 28, 32);
    let own = &result.rankings[0];
    let told = own.told(6);
    let said: Vec<f64> = own.origins.concat().iter().filter_map(|one| one.probability).collect();
    let mean = said.iter().sum::<f64>() / said.len() as f64;
    assert!((mean - told.measures.base_rate).abs() < 0.03, "said {mean}, came {}", told.measures.base_rate);
    // What a walk did does not tell what it will do, but for a step that is half in its base already.
    assert!(told.measures.brier_skill.unwrap() < 0.05, "{told:?}");
    assert!(told.measures.ece.unwrap() < 0.04, "{told:?}");
}

/// Steps as lists of products have them: mostly small, some large, now and then a spike that falls back, and the market
/// breaks as a whole in one month. Shares and sizes are those of the open list of Python packages, rounded.
fn market_noise(n: u32, n_periods: usize, seed: u64) -> (Vec<String>, Vec<Row>) {
    let mut random = Random::new(seed);
    let mut rows = Vec::new();
    for series in 0..n {
        let mut level = 9.0 + 2.0 * random.normal();
        for t in 0..n_periods {
            let scale = match random.share() {
                small if small < 0.85 => 0.12,
                some if some < 0.97 => 0.4,
                _ => 1.1,
            };
            level += scale * random.normal();
            let spike = if random.share() < 0.01 { 1.5 } else { 0.0 };
            let market = if t >= n_periods - 14 { 3.3_f64.ln() } else { 0.0 };
            rows.push(row(series, month(t), (level + spike + market).exp()));
        }
    }
    ((0..n).map(|n| format!("maker{}-thing-{n}", n / 8)).collect(), rows)
}

#[test]
fn where_a_market_is_noise_nobody_is_called_likely() {
    let (names, rows) = market_noise(800, 50, 11);
    let history = History::new(names, rows, &READING);
    let result = backtest::run(&history, Task::default(), 37, 42);
    let own = &result.rankings[0];
    let told = own.told(6).measures;
    let said: Vec<f64> = own.origins.concat().iter().filter_map(|one| one.probability).collect();
    let mean = said.iter().sum::<f64>() / said.len() as f64;
    assert!((mean / told.base_rate - 1.0).abs() < 0.35, "said {mean}, came {}", told.base_rate);
    assert!(told.brier_skill.unwrap().abs() < 0.03 && told.ece.unwrap() < 0.02, "{told:?}");
    // Of the liveliest some are likelier; nobody is likely.
    let likely = said.iter().filter(|one| **one > 0.5).count() as f64 / said.len() as f64;
    assert!(likely < 0.001, "{likely} of all are said to be likely");
}

#[test]
fn a_break_that_hits_everybody_at_once_flags_hardly_anybody() {
    let (names, rows) = market_noise(1500, 40, 12);
    let history = History::new(names, rows, &READING);
    let broken = 40 - 14;
    let panel = Panel::as_of(&history, 39);
    let levels = |series: usize| -> Vec<f32> { (0..40).map(|t| panel.at(series, t)).collect() };
    let flagged_at = |at: usize| {
        let is_flagged = |series: &usize| change_points(&levels(*series)).iter().any(|change| change.at == at);
        (0..1500).filter(is_flagged).count() as f64 / 1500.0
    };
    // No more than in any other month.
    let usual = (20..25).map(flagged_at).sum::<f64>() / 5.0;
    assert!(flagged_at(broken) <= usual + 0.01 && usual < 0.05, "{} against {usual}", flagged_at(broken));
}

#[test]
fn a_break_of_the_whole_market_is_no_products_doing() {
    let (names, mut rows) = walks(500, 24, 0.05, 2);
    let broken = month(20);
    rows.iter_mut().filter(|row| row.start >= broken).for_each(|row| row.value *= 3.3);
    let history = History::new(names, rows, &READING);
    let panel = Panel::as_of(&history, 23);
    assert!((panel.index(20) - panel.index(19) - 3.3_f32.ln()).abs() < 0.05);
    let is_flagged = |series: &usize| {
        let levels: Vec<f32> = (0..24).map(|t| panel.at(*series, t)).collect();
        change_points(&levels).iter().any(|change| change.at == 20)
    };
    let n_flagged = (0..500).filter(is_flagged).count();
    assert!(n_flagged <= 10, "{n_flagged} of 500 products were flagged for what all of them did");
    let task = Task::default();
    assert!((0..500).all(|series| !task.is_hit(&panel, series, 16)), "tripled with everybody else");
}

#[test]
fn nothing_is_seen_before_it_was_known() {
    let (names, mut rows) = walks(50, 20, 0.1, 3);
    // The last months of the first product become known late, and are quite different.
    rows.iter_mut().filter(|row| row.series == 0 && row.start >= month(10)).for_each(|row| {
        row.value *= 100.0;
        row.known_at = i64::from(month(19)) * DAY;
    });
    let history = History::new(names, rows, &READING);
    assert!(!Panel::as_of(&history, 18).has(0, 10));
    assert!(Panel::as_of(&history, 19).has(0, 10));
    let mut walk = Walk::new(&history, Task { n_top: 0, ..Task::default() });
    (0..=18).for_each(|_| walk.advance());
    assert!(walk.hits.iter().all(|hits| !hits[0]), "an outcome was settled before it was known");
}

#[test]
fn a_family_that_rises_is_told_from_products_that_do_not() {
    // Every six months another family triples, its members one after the other over four months.
    let mut random = Random::new(4);
    let mut rows = Vec::new();
    let mut names = Vec::new();
    for series in 0..600_u32 {
        let family = series / 20;
        names.push(format!("family{family}-{series}"));
        let begins = 8 + 4 * (family as usize % 12) + random.below(4);
        for t in 0..60 {
            let risen = if family < 24 && t >= begins { 1.5 } else { 0.0 };
            rows.push(row(series, month(t), (6.0 + risen + 0.1 * random.normal()).exp()));
        }
    }
    let history = History::new(names, rows, &READING);
    let result = backtest::run(&history, Task::default(), 36, 46);
    let told: Vec<f64> = result.rankings.iter().map(|ranking| ranking.told(6).measures.average_precision).collect();
    assert!(told[0] > 1.5 * told[1], "average precision {} against momentum's {}", told[0], told[1]);
}

#[test]
fn lists_that_are_hardly_lists_say_so_and_fall_over_nowhere() {
    let bad = [f64::NAN, 0.0, -5.0, f64::INFINITY, 1e12, 3.0];
    let mut rows: Vec<Row> = bad.iter().enumerate().map(|(t, value)| row(0, month(t), *value)).collect();
    // The same month twice, a month to come, and periods of other lengths.
    rows.extend([row(0, month(5), 4.0), row(0, month(400), 5.0)]);
    rows.push(Row { end: month(3) + 365, ..row(0, month(3), 9.0) });
    rows.push(Row { end: month(3) - 1, ..row(0, month(3), 9.0) });
    let history = History::new(vec!["a".into()], rows, &READING);
    assert_eq!(history.n_left_out, 6);
    let result = backtest::run(&history, Task { horizon: 1, n_top: 0, ..Task::default() }, 0, 10);
    assert!(result.rankings.iter().all(|ranking| ranking.origins.concat().iter().all(|one| !one.score.is_nan())));
    let empty = History::new(Vec::new(), Vec::new(), &READING);
    assert!(backtest::run(&empty, Task::default(), 0, 5).origins.is_empty());
}

/// A list with a history, all else made up.
fn list_of(history: History) -> List {
    let key = ListKey {
        metric: "mau".to_owned(),
        source: "Panel".to_owned(),
        region: "cn".to_owned(),
        platform: "app".to_owned(),
        segment: "all".to_owned(),
        grain: "month".to_owned(),
        n_claims: 1,
        n_periods: history.periods.len() as i64,
        first_day: month(0),
        last_day: month(0),
    };
    let numbers: Vec<i64> = (0..history.names.len() as i64).collect();
    List { key, grain: Grain::Month, history, entities: numbers.clone(), mentions: numbers }
}

#[test]
fn of_what_is_hardly_a_series_nothing_infinite_is_said_and_the_reason_is_told() {
    let month_row = |t: usize, value: f64| row(0, month(t), value);
    let kinds: [(&str, Vec<Row>); 8] = [
        ("one point", vec![month_row(0, 5.0)]),
        ("all zeros", (0..20).map(|t| month_row(t, 0.0)).collect()),
        ("a constant", (0..20).map(|t| month_row(t, 7.0)).collect()),
        ("no numbers", (0..20).map(|t| month_row(t, f64::NAN)).collect()),
        ("negative", (0..20).map(|t| month_row(t, -3.0)).collect()),
        ("an outlier", (0..20).map(|t| month_row(t, if t == 9 { 1e12 } else { 10.0 })).collect()),
        ("the same month twice", (0..20).flat_map(|t| [month_row(t, 5.0), month_row(t, 6.0)]).collect()),
        (
            "mixed lengths",
            (0..20).map(|t| Row { end: month(t) + 7 * (t as i32 % 3 + 1), ..month_row(t, 5.0) }).collect(),
        ),
    ];
    for (kind, rows) in kinds {
        let list = list_of(History::new(vec!["a".to_owned()], rows, &READING));
        let Some(detection) = Detection::new(&list, Task { n_top: 0, ..Task::default() }) else { continue };
        assert!(
            !detection.is_learnt() && detection.notes[0].contains("too few outcomes"),
            "{kind}: {:?}",
            detection.notes
        );
        let signals: Vec<Signal> = (0..detection.n_lots()).flat_map(|lot| detection.lot(lot)).collect();
        let numbers = signals.iter().flat_map(|one| [one.probability, one.value, one.low, one.high]).flatten();
        assert!(numbers.into_iter().all(f64::is_finite), "{kind}: {signals:?}");
        assert!(signals.iter().filter_map(|one| one.probability).all(|p| p < 0.5), "{kind}: {signals:?}");
    }
}

#[test]
fn what_was_kept_goes_on_as_the_whole_would() {
    let (names, rows) = walks(300, 40, 0.3, 6);
    let history = History::new(names, rows, &READING);
    let list = |n_periods: usize| {
        list_of(History {
            periods: history.periods[..n_periods].to_vec(),
            said: history.said[..n_periods].to_vec(),
            ..history.clone()
        })
    };
    let task = Task::default();
    let (short, long) = (list(39), list(40));
    let before = Detection::new(&short, task).unwrap();
    let models = [0, 1].map(|_| before.kept().1.again().unwrap());
    let [one, other] = models;
    let mut panel = before.into_panel();
    panel.take(&history.said[39]);
    let all = |detection: Detection<'_>| -> Vec<Signal> {
        (0..detection.n_lots()).flat_map(|lot| detection.lot(lot)).collect()
    };
    let resumed = all(Detection::resume(&long, task, panel, one, 38));
    let whole = all(Detection::resume(&long, task, Panel::as_of(&history, 39), other, 38));
    assert!(resumed.len() > 300 && resumed == whole);
}

#[test]
fn a_forecasters_intervals_cover_what_they_say() {
    let (names, rows) = walks(1200, 60, 0.1, 8);
    let history = History::new(names, rows, &READING);
    let known = Panel::as_of(&history, 53);
    let all = Panel::as_of(&history, 59);
    let forecaster = Forecaster::learn(&known, 6);
    let is_covered = |series: &usize| {
        let adjusted: Vec<f32> = (0..54).map(|t| known.at(*series, t)).collect();
        let said = forecaster.forecast(&adjusted).unwrap()[5];
        (said.low..=said.high).contains(&all.levels(59)[*series])
    };
    let covered = (0..1200).filter(is_covered).count() as f64 / 1200.0;
    assert!((0.76..=0.84).contains(&covered), "{covered}");
}
