//! What calls cost, and where they stop.

use crowsnest_collect::{Clock, CollectRequest};

use crate::market::{Played, json_source, rows_text};
use crate::server::{Server, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_at_its_budget_stops_says_so_and_goes_on_next_month() {
    let server = Server::start(|asked| {
        let name = asked.path.replace('/', "");
        json(rows_text(&[(name.as_str(), "2024-12", 1.0)]))
    })
    .await;
    let cost = "[cost]\ncurrency = \"USD\"\nper_call = 0.4\nper_month = 1.0\nbudget_per_month = 2.0\n\
                purchases = [{ on = \"2024-05-01\", amount = 500.0, what = \"history\" }]";
    let source = json_source(&format!("{}/{{item}}", server.url), cost)
        .replace("records = \".rows[]\"", "records = \".rows[]\"\nitems = [\"a\", \"b\", \"c\", \"d\"]");
    let played = Played::new(&[("played", &source)]);
    let clock = |day: &str| {
        let started = jiff::Timestamp::now();
        Clock::parse(&format!("{day}T10:00:00Z@{started}*1")).unwrap()
    };
    let reports = played.collect_with(CollectRequest::default(), clock("2025-06-20")).await;
    assert_eq!(reports[0].outcome, "stopped", "{reports:?}");
    assert!(reports[0].message.contains("budget of 2 USD for 2025-06"), "{}", reports[0].message);
    assert!(reports[0].message.contains("goes on 2025-07-01"), "{}", reports[0].message);
    assert_eq!(server.asked().len(), 2);
    assert!((reports[0].cost - 0.8).abs() < 1e-9);
    let lake = played.lake().await;
    let progress = lake.state().progress("Played").unwrap();
    assert_eq!(progress.not_before, Some("2025-07-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond()));
    let ledger = lake.state().ledger(Some("Played"), 100).unwrap();
    let total: f64 = ledger.iter().map(|line| line.amount).sum();
    assert!((total - 501.8).abs() < 1e-9, "{ledger:?}");
    drop(lake);
    played.collect_with(CollectRequest::default(), clock("2025-06-21")).await;
    assert_eq!(server.asked().len(), 2, "asked again in the same month");
    let reports = played.collect_with(CollectRequest::default(), clock("2025-07-01")).await;
    assert_eq!((reports[0].outcome.as_str(), server.asked().len()), ("stopped", 4), "{reports:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_a_month_can_be_counted_where_they_cost_nothing() {
    let server = Server::start(|_| json(rows_text(&[("a", "2024-12", 1.0)]))).await;
    let source = json_source(&format!("{}/{{item}}", server.url), "[cost]\ncalls_per_month_max = 3")
        .replace("records = \".rows[]\"", "records = \".rows[]\"\nitems = [\"a\", \"b\", \"c\", \"d\", \"e\"]");
    let played = Played::new(&[("played", &source)]);
    let reports = played.collect().await;
    assert_eq!((reports[0].outcome.as_str(), server.asked().len()), ("stopped", 3), "{reports:?}");
}
