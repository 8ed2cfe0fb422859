//! The connector `table` over a Delta table and Parquet files that somebody else writes: here, another market's claims.

use crowsnest_collect::SourceReport;

use crate::market::{Played, json_source, rows_text};
use crate::server::{Server, json};

/// Somebody else's market, with a server that has a month more at each run.
async fn theirs() -> (Server, Played) {
    let server = Server::start(|asked| {
        let month = format!("2024-{:02}", 9 + asked.n_before);
        json(rows_text(&[("豆包", &month, 7116.0 + asked.n_before as f64), ("Kimi", &month, 2000.0)]))
    })
    .await;
    let played = Played::new(&[("played", &json_source(&server.url, ""))]);
    assert_eq!(played.collect().await[0].n_added, 2);
    (server, played)
}

fn source(address: &str, options: &str) -> String {
    format!(
        "name = \"Mart\"\n[collect]\nconnector = \"table\"\n[options]\naddress = \"{address}\"\n{options}\n\
         [map.columns]\nsubject = \"subject\"\nvalue = \"value\"\nperiod = \"period\"\n[map.constants]\nmetric = \"mau\"\n"
    )
}

async fn collect(played: &Played) -> SourceReport {
    played.collect().await.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_delta_table_come_by_columns_condition_and_cursor() {
    let (_server, theirs) = theirs().await;
    let address = theirs.dir().join("lake/claims").display().to_string();
    let options = "format = \"delta\"\ncolumns = [\"subject\", \"period\", \"value\"]\n\
        condition = \"metric = 'mau' AND subject <> 'Kimi'\"\ncursor_column = \"recorded_at\"";
    let ours = Played::new(&[("mart", &source(&address, options))]);
    let report = collect(&ours).await;
    assert_eq!((report.outcome.as_str(), report.n_claims, report.n_added), ("done", 1, 1), "{report:?}");
    let document = ours.rows("SELECT document FROM documents").await.remove(0);
    let (bytes, _) = ours.lake().await.documents().read_up_to(&document, 10_000).unwrap();
    let row: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&bytes).unwrap();
    let mut names: Vec<&str> = row.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["period", "recorded_at", "subject", "value"], "no other columns are read");
    let again = collect(&ours).await;
    assert_eq!((again.outcome.as_str(), again.n_claims), ("done", 0), "{again:?}");
    theirs.collect().await;
    let report = collect(&ours).await;
    assert_eq!((report.n_claims, report.n_added), (1, 1), "only what is new is read: {report:?}");
    assert_eq!(ours.in_force().await, ["豆包 mau 2024-09 7116.0", "豆包 mau 2024-10 7117.0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_parquet_files_come_from_a_folder_a_file_or_a_pattern() {
    let (_server, theirs) = theirs().await;
    let folder = theirs.dir().join("lake/claims");
    let mut files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|ending| ending == "parquet")).unwrap();
    let pattern = folder.join("*.parquet");
    for place in [&folder, &file, &pattern] {
        let ours = Played::new(&[("mart", &source(&place.display().to_string(), ""))]);
        let report = collect(&ours).await;
        assert_eq!((report.outcome.as_str(), report.n_added), ("done", 2), "{place:?}: {report:?}");
        assert_eq!(ours.in_force().await, ["Kimi mau 2024-09 2000.0", "豆包 mau 2024-09 7116.0"]);
    }
    let ours = Played::new(&[("mart", &source("marts/usage", ""))]);
    let own = ours.dir().join("marts/usage");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::copy(&file, own.join("a.parquet")).unwrap();
    assert_eq!(collect(&ours).await.n_added, 2, "paths are from the market's folder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_or_cannot_be_asked_is_told() {
    let (_server, theirs) = theirs().await;
    let delta = theirs.dir().join("lake/claims").display().to_string();
    let empty = tempfile::tempdir().unwrap();
    let empty_folder = empty.path().display().to_string();
    for (address, options, expected) in [
        ("nowhere", "format = \"delta\"", "nowhere"),
        ("nowhere", "", "nowhere"),
        (empty_folder.as_str(), "format = \"delta\"", empty_folder.as_str()),
        (empty_folder.as_str(), "", empty_folder.as_str()),
        (delta.as_str(), "format = \"delta\"\ncolumns = [\"subjct\"]", "subjct"),
        (delta.as_str(), "format = \"delta\"\ncondition = \"subject = \"", "correct columns, condition"),
        (delta.as_str(), "format = \"delta\"\ncursor_column = \"id\"\ncolumns = [\"subject\"]", "id"),
    ] {
        let report = collect(&Played::new(&[("mart", &source(address, options))])).await;
        assert_eq!((report.outcome.as_str(), report.n_documents), ("failed", 0), "{options}: {report:?}");
        assert!(report.message.contains(expected), "{options}: {report:?}");
    }
}
