//! Nothing missing, nothing twice: journal, restatements, interrupted runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crowsnest_collect::{Clock, CollectRequest, Collector, WatchEvent};

use crate::market::{Played, json_source, open, rows_text};
use crate::server::{Server, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_in_is_there_once_with_its_document() {
    let server = Server::start(|_| json(rows_text(&[("豆包", "2024-12", 7116.0), ("Kimi", "2024-12", 2100.0)]))).await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    let reports = played.collect().await;
    assert_eq!((reports[0].outcome.as_str(), reports[0].n_added, reports[0].n_calls), ("done", 2, 1), "{reports:?}");
    let again = played.collect().await;
    assert_eq!((again[0].n_added, again[0].n_claims), (0, 2));
    assert_eq!(played.in_force().await, ["Kimi mau 2024-12 2100.0", "豆包 mau 2024-12 7116.0"]);
    let documents = played.rows("SELECT source, n_claims, n_bytes > 50 FROM documents").await;
    assert_eq!(documents, ["Played 2 true"]);
    let joined = "SELECT count(*) FROM claims c JOIN documents d ON c.document = d.document";
    assert_eq!(played.rows(joined).await, ["2"]);
    let lake = played.lake().await;
    assert!(lake.state().pending("Played").unwrap().is_empty());
    assert_eq!(lake.state().spent("Played", 0, i64::MAX).unwrap().n_calls, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_figure_that_is_taken_back_and_said_again_is_in_force_again() {
    let values = [100.0, 120.0, 100.0, 100.0, 120.0];
    let turn = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&turn);
    let server =
        Server::start(move |_| json(rows_text(&[("Kimi", "2024-12", values[now.load(Ordering::SeqCst)])]))).await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    for (n, value) in values.iter().enumerate() {
        turn.store(n, Ordering::SeqCst);
        played.collect().await;
        assert_eq!(played.in_force().await, [format!("Kimi mau 2024-12 {value:?}")], "after answer {n}");
    }
    // The fourth answer was the third again: four vintages, not five.
    assert_eq!(played.rows("SELECT count(*) FROM claims").await, ["4"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_repeats_the_one_before_says_nothing_again() {
    let values = [100.0, 120.0, 100.0];
    let turn = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&turn);
    let server = Server::start(move |asked| match asked.path.ends_with("page=3") {
        true => json(rows_text(&[])),
        false => json(rows_text(&[("Kimi", "2024-12", values[now.load(Ordering::SeqCst)])])),
    })
    .await;
    let source = json_source(&server.url, "") + "[options.paging]\nkind = \"page\"\nparameter = \"page\"\n";
    let played = Played::new(&[("played", &source)]);
    for n in 0..values.len() {
        turn.store(n, Ordering::SeqCst);
        assert_eq!(played.collect().await[0].n_calls, 3);
    }
    assert_eq!(played.rows("SELECT value FROM claims ORDER BY known_at").await, ["100.0", "120.0", "100.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_cut_off_anywhere_is_brought_to_its_end_by_the_next() {
    let server = Server::start(|asked| {
        let page: usize = asked.path.rsplit('=').next().and_then(|page| page.parse().ok()).unwrap_or(1);
        let rows: Vec<(String, String, f64)> = (0..20)
            .filter(|_| page <= 12)
            .map(|n| (format!("product {page}-{n}"), "2024-12".to_owned(), (page * 100 + n) as f64))
            .collect();
        let rows: Vec<(&str, &str, f64)> = rows.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), *c)).collect();
        json(rows_text(&rows))
    })
    .await;
    let source = json_source(&server.url, "")
        .replace("records = \".rows[]\"", "records = \".rows[]\"\npaging = { kind = \"page\", parameter = \"page\" }");
    for n_polls in [1_u32, 3, 5, 8, 13, 21, 40] {
        let played = Played::new(&[("played", &source)]);
        for _ in 0..3 {
            let dir = played.dir();
            let cut = tokio::spawn(async move {
                let lake = open(&dir).await;
                let collector = Collector::new(lake, Clock::default(), Arc::new(|_: WatchEvent| {}));
                let request = CollectRequest { run: "cut".into(), ..CollectRequest::default() };
                let _ = Box::pin(collector.collect(&request)).await;
            });
            tokio::time::sleep(std::time::Duration::from_millis(u64::from(n_polls) * 7)).await;
            cut.abort();
            let _ = cut.await;
        }
        let reports = played.collect().await;
        assert_eq!(reports[0].outcome, "done", "{reports:?}");
        assert_eq!(played.rows("SELECT count(*), count(DISTINCT subject) FROM claims").await, ["240 240"], "{n_polls}");
        assert!(played.lake().await.state().sources_pending().unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_journalled_and_not_appended_comes_in_though_the_server_is_gone() {
    let server = Server::start(|_| json(rows_text(&[("Kimi", "2024-12", 1.0)]))).await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    played.collect().await;
    let recipe = played.rows("SELECT mapping_toml FROM documents").await.join("\n");
    drop(server);
    let lake = played.lake().await;
    let body = rows_text(&[("Kimi", "2025-01", 2.0), ("豆包", "2025-01", 3.0)]);
    let document = lake.documents().put(body.as_bytes()).unwrap();
    let fetched = crowsnest_lake::state::collecting::Journalled {
        source: "Played".into(),
        slot: "all".into(),
        document,
        name: "all".into(),
        origin: "http://gone/".into(),
        recipe,
        n_bytes: body.len() as u64,
        fetched_at: 1_749_988_800_000_000,
        ..Default::default()
    };
    lake.state().journal(&fetched, None).unwrap();
    drop(lake);
    let reports = played.collect().await;
    assert_eq!((reports[0].outcome.as_str(), reports[0].n_added), ("failed", 2), "{reports:?}");
    assert!(reports[0].message.contains("cannot be reached"), "{}", reports[0].message);
    let known = played.rows("SELECT subject, known_at FROM claims WHERE period = '2025-01' ORDER BY 1").await;
    assert_eq!(known, ["Kimi 2025-06-15T12:00:00Z", "豆包 2025-06-15T12:00:00Z"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_source_holds_nobody_up() {
    let server = Server::start(|asked| match asked.path.as_str() {
        "/dead" => crate::server::Reply::Silence,
        _ => json(rows_text(&[("Kimi", "2024-12", 1.0)])),
    })
    .await;
    let dead = json_source(&format!("{}/dead", server.url), "")
        .replace("Played", "Dead")
        .replace("retry_max = 2", "retry_max = 0\ntimeout_seconds = 1");
    let alive = json_source(&format!("{}/alive", server.url), "");
    let broken = "name = \"Broken\"\n[collect]\nconnector = \"no_such_connector\"\n";
    let played = Played::new(&[("dead", &dead), ("alive", &alive), ("broken", broken)]);
    let reports = played.collect().await;
    let outcomes: Vec<(&str, &str)> =
        reports.iter().map(|report| (report.source.as_str(), report.outcome.as_str())).collect();
    assert_eq!(outcomes, [("Broken", "failed"), ("Dead", "failed"), ("Played", "done")]);
    assert!(reports[0].message.contains("no_such_connector") && reports[0].message.contains("broken.toml"));
    assert!(reports[1].message.contains("timeout_seconds"), "{}", reports[1].message);
}
