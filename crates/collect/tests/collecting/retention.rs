//! What a source may not keep: collected on an early day, gone on a later one, and nothing else with it.

use std::path::Path;

use crowsnest_collect::{Clock, CollectRequest};
use crowsnest_lake::{Lake, maintain, retention};
use crowsnest_model::tables::TABLES;

use crate::market::{Played, json_source, rows_text};
use crate::server::{Server, json};

const DAY: i64 = 86_400_000_000;

fn at(day: &str) -> Clock {
    at_hour(day, 12)
}

fn at_hour(day: &str, hour: u8) -> Clock {
    Clock::parse(&format!("{day}T{hour:02}:00:00Z@{}*1", jiff::Timestamp::now())).unwrap()
}

/// A source that has a document a day, each asked for once.
fn daily(url: &str, name: &str, more: &str) -> String {
    json_source(&format!("{url}/{name}/{{day}}"), more)
        .replace("Played", name)
        .replace("records = \".rows[]\"", "records = \".rows[]\"\ndaily = true")
        .replace("retry_max = 2", "retry_max = 0\nstart = \"2024-03-01\"")
}

async fn market() -> (Server, Played) {
    let server = Server::start(|asked| {
        let mut parts = asked.path.trim_matches('/').split('/');
        let (name, day) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if name == "Brief" && day == "2024-03-02" && asked.n_before < 2 {
            json("{\"rows\":7}")
        } else {
            json(rows_text(&[(name, day, 1.0)]))
        }
    })
    .await;
    let brief = daily(&server.url, "Brief", "retention_days = 30");
    let played = Played::new(&[("brief", &brief), ("lasting", &daily(&server.url, "Lasting", ""))]);
    (server, played)
}

async fn collect(played: &Played, day: &str) -> Vec<(String, String)> {
    collect_at_hour(played, day, 12).await
}

async fn collect_at_hour(played: &Played, day: &str, hour: u8) -> Vec<(String, String)> {
    let request = CollectRequest { until: Some(day.parse().unwrap()), ..CollectRequest::default() };
    let reports = played.collect_with(request, at_hour(day, hour)).await;
    reports.into_iter().map(|report| (report.source, report.outcome)).collect()
}

/// As `lake vacuum --hours 0` does it, on a day.
async fn vacuum(lake: &Lake, day: &str, is_dry_run: bool) -> Vec<String> {
    let gone = retention::forget(lake, at(day).now_micros(), "mei", is_dry_run).await.unwrap();
    for table in TABLES {
        maintain::vacuum(lake, table, 0, is_dry_run).await.unwrap();
    }
    gone.iter().map(|gone| format!("{}: {gone}", gone.source)).collect()
}

/// Everything that is kept in files, but the state and the logs of the tables.
fn bytes_below(folder: &Path) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("_delta_log") {
            found.extend(bytes_below(&path));
        } else if path.is_file() {
            found.push((path.display().to_string(), path.metadata().unwrap().len()));
        }
    }
    found.sort();
    found
}

const COUNTS: &str = "SELECT source, count(*) FROM claims GROUP BY 1 UNION ALL \
    SELECT source || ' documents', count(*) FROM documents GROUP BY 1 ORDER BY 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_goes_with_its_bytes_and_files_and_nothing_else_does() {
    let (server, played) = market().await;
    collect(&played, "2024-03-03").await;
    collect(&played, "2024-04-20").await;
    let before = played.rows(COUNTS).await;
    assert_eq!(before, ["Brief 51", "Brief documents 51", "Lasting 51", "Lasting documents 51"]);
    let lake = played.lake().await;
    assert_eq!(lake.state().quarantined(Some("Brief"), true).unwrap().len(), 1);
    let old =
        "SELECT DISTINCT document FROM documents WHERE source = 'Brief' AND known_at < to_timestamp('2024-04-01')";
    let old = played.rows(old).await;
    assert_eq!(old.len(), 2);

    let files = bytes_below(&played.dir());
    let told = ["Brief: 2 claims, 2 documents, 1 document of the quarantine"];
    assert_eq!(vacuum(&lake, "2024-04-10", true).await, told);
    let kept = |name: &str| !name.contains("state.db");
    let of_data = |files: Vec<(String, u64)>| files.into_iter().filter(|(name, _)| kept(name)).collect::<Vec<_>>();
    assert_eq!(of_data(bytes_below(&played.dir())), of_data(files), "a dry run changes nothing");
    assert_eq!(played.rows(COUNTS).await, before);

    assert_eq!(vacuum(&lake, "2024-04-10", false).await, told);
    assert_eq!(played.rows(COUNTS).await, ["Brief 49", "Brief documents 49", "Lasting 51", "Lasting documents 51"]);
    for document in &old {
        assert!(lake.documents().open(document).is_err(), "{document} is still in the archive");
    }
    assert!(lake.state().quarantined(Some("Brief"), false).unwrap().is_empty());
    let n_bodies = bytes_below(&played.dir().join("raw")).len();
    assert_eq!(n_bodies, 49 + 51, "each document has its body, and no other is there");
    let all = played.rows("SELECT DISTINCT document FROM documents").await;
    for document in &all {
        lake.documents().verify(document).unwrap();
    }
    // No file of the tables has rows that are gone: it would be read here.
    let files: Vec<_> = bytes_below(&played.dir().join("lake/claims")).into_iter().map(|(name, _)| name).collect();
    for file in files.iter().filter(|name| name.ends_with(".parquet")) {
        let text = std::fs::read(file).unwrap();
        for document in &old {
            assert!(!text.windows(64).any(|window| window == document.as_bytes()), "{file} has {document}");
        }
    }
    let (moment, who, what) = lake.state().audit_log(9).unwrap().remove(0);
    assert_eq!((moment / DAY, who.as_str()), (at("2024-04-10").now_micros() / DAY, "mei"));
    assert_eq!(what, "removed of Brief, kept 30 days: 2 claims, 2 documents, 1 document of the quarantine");

    let n_asked = server.paths().len();
    let again = collect_at_hour(&played, "2024-04-20", 13).await;
    assert_eq!(again.iter().filter(|(_, outcome)| outcome == "done").count(), 2, "{again:?}");
    assert_eq!(played.rows(COUNTS).await[0], "Brief 49", "nothing of it comes back");
    assert!(server.paths().len() <= n_asked + 8, "only the latest days are asked for again");
    assert!(vacuum(&lake, "2024-04-10", false).await.is_empty(), "what is gone goes once");
}
