//! Appending: each row once, whoever writes, whatever comes twice; and lakes of older versions.

use crate::support::{self, Said, claim_rows, empty, market, number, options, said};
use crowsnest_lake::{Lake, Market, maintain};
use crowsnest_model::tables::{CLAIMS, MENTIONS};
use proptest::prelude::*;

const COUNT: &str = "SELECT count(*) FROM claims";

fn many(range: std::ops::Range<u32>) -> Vec<Said> {
    range
        .map(|n| said(&format!("Vendor product App{} mau 2024-{:02} {n} estimated 2025-02-01", n % 97, n % 12 + 1)))
        .collect()
}

#[tokio::test]
async fn rows_that_come_twice_are_added_once() {
    let (_folder, lake) = empty().await;
    let rows = many(0..500);
    let twice: Vec<Said> = rows.iter().chain(&rows).cloned().collect();
    let first = lake.append(&CLAIMS, vec![claim_rows(&twice)]).await.unwrap();
    assert_eq!((first.n_added, first.n_known), (500, 500));
    let again = lake.append(&CLAIMS, vec![claim_rows(&rows), claim_rows(&many(490..510))]).await.unwrap();
    assert_eq!((again.n_added, again.n_known), (10, 510));
    lake.refresh().await.unwrap();
    assert_eq!(number(&lake, COUNT).await, 510);
    assert_eq!(lake.n_rows(&CLAIMS), 510);
}

#[tokio::test]
async fn two_writers_with_overlapping_rows_add_each_once() {
    let (folder, first) = empty().await;
    let second = Lake::open(Market::open(&folder.path().join("market")).unwrap(), options()).await.unwrap();
    let mut writing = tokio::task::JoinSet::new();
    for step in 0..8 {
        let lake = if step % 2 == 0 { first.clone() } else { second.clone() };
        writing.spawn(async move { lake.append(&CLAIMS, vec![claim_rows(&many(step * 50..step * 50 + 100))]).await });
    }
    let mut n_added = 0;
    while let Some(done) = writing.join_next().await {
        n_added += done.unwrap().unwrap().n_added;
    }
    assert_eq!(n_added, 450);
    first.refresh().await.unwrap();
    assert_eq!(number(&first, COUNT).await, 450);
    assert_eq!(number(&first, "SELECT count(DISTINCT claim_id) FROM claims").await, 450);
}

#[tokio::test]
async fn optimizing_keeps_every_row_and_vacuum_removes_the_old_files() {
    let (folder, lake) = empty().await;
    for step in 0..5 {
        lake.append(&CLAIMS, vec![claim_rows(&many(step * 40..step * 40 + 60))]).await.unwrap();
    }
    lake.refresh().await.unwrap();
    let sum = "SELECT CAST(sum(value) AS BIGINT) FROM claims";
    let before = (number(&lake, COUNT).await, number(&lake, sum).await);
    let done = maintain::optimize(&lake, &CLAIMS, &maintain::Upkeep::default()).await.unwrap();
    assert_eq!((done.n_files_before, done.n_files_after, done.n_rows), (5, 1, 220));
    assert_eq!((number(&lake, COUNT).await, number(&lake, sum).await), before);
    let files = || {
        let folder = folder.path().join("market/lake/claims");
        crowsnest_lake::files::list(&folder, "parquet").unwrap().len()
    };
    assert_eq!(files(), 6);
    assert_eq!(maintain::vacuum(&lake, &CLAIMS, 0, true).await.unwrap().n_files, 5);
    assert_eq!(files(), 6);
    maintain::vacuum(&lake, &CLAIMS, 0, false).await.unwrap();
    assert_eq!(files(), 1);
    assert_eq!((number(&lake, COUNT).await, number(&lake, sum).await), before);
    assert_eq!(lake.append(&CLAIMS, vec![claim_rows(&many(0..220))]).await.unwrap().n_added, 0);
}

/// Two writers of single rows: what a reader has to open stays little, however often they write.
#[tokio::test]
async fn many_small_appends_leave_few_files_and_a_short_log() {
    let (folder, first) = empty().await;
    let second = Lake::open(Market::open(&folder.path().join("market")).unwrap(), options()).await.unwrap();
    let mut writing = tokio::task::JoinSet::new();
    for (lake, start) in [(first.clone(), 0), (second, 1000)] {
        writing.spawn(async move {
            for n in start..start + 40 {
                assert_eq!(lake.append(&CLAIMS, vec![claim_rows(&many(n..n + 1))]).await.unwrap().n_added, 1);
                lake.refresh().await.unwrap();
            }
        });
    }
    while let Some(done) = writing.join_next().await {
        done.unwrap();
    }
    first.refresh().await.unwrap();
    assert_eq!(number(&first, COUNT).await, 80);
    assert_eq!(number(&first, "SELECT count(DISTINCT claim_id) FROM claims").await, 80);
    let plan = first.explain("SELECT value FROM claims").await.unwrap();
    assert!(plan.matches(".parquet").count() <= 17, "{plan}");
    let log = folder.path().join("market/lake/claims/_delta_log");
    assert!(crowsnest_lake::files::list(&log, "parquet").unwrap().len() >= 4, "too few checkpoints");
    let again = Lake::open(Market::open(&folder.path().join("market")).unwrap(), options()).await.unwrap();
    assert_eq!(again.append(&CLAIMS, vec![claim_rows(&many(0..40))]).await.unwrap().n_added, 0);
}

#[tokio::test]
async fn files_that_cannot_match_are_not_read() {
    let (_folder, lake) = empty().await;
    for year in 2020..2024 {
        let rows: Vec<Said> = (1..=12)
            .map(|month| said(&format!("V product App mau {year}-{month:02} 1 estimated 2024-01-01")))
            .collect();
        lake.append(&CLAIMS, vec![claim_rows(&rows)]).await.unwrap();
    }
    lake.refresh().await.unwrap();
    let plan = lake
        .query("EXPLAIN SELECT value FROM claims WHERE metric = 'mau' AND period_start = DATE '2021-05-01'")
        .await
        .unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&plan).unwrap().to_string();
    assert_eq!(text.matches(".parquet").count(), 1, "{text}");
}

#[tokio::test]
async fn a_lake_of_an_older_version_opens_and_reads() {
    let (folder, lake) = market("Vendor product App mau 2024-12 71160000 estimated 2025-01-06").await;
    drop(lake);
    // An older version wrote no `url`: its first commit had a schema without that column.
    let log = folder.path().join("market/lake/claims/_delta_log/00000000000000000000.json");
    let text = std::fs::read_to_string(&log).unwrap();
    let url = r#",{\"name\":\"url\",\"type\":\"string\",\"nullable\":true,\"metadata\":{}}"#;
    assert!(text.contains(url), "{text}");
    std::fs::write(&log, text.replace(url, "")).unwrap();
    let checksum = log.with_file_name("00000000000000000000.crc");
    let _ = std::fs::remove_file(checksum);
    let lake = Lake::open(Market::open(&folder.path().join("market")).unwrap(), options()).await.unwrap();
    assert_eq!(number(&lake, "SELECT count(*) FROM claims WHERE url IS NULL").await, 1);
    support::tell(&lake, "Vendor product App mau 2025-01 72000000 estimated 2025-02-06").await;
    assert_eq!(number(&lake, COUNT).await, 2);
}

#[tokio::test]
async fn other_columns_are_refused() {
    let (_folder, lake) = empty().await;
    let error = lake.append(&MENTIONS, vec![claim_rows(&many(0..1))]).await.unwrap_err();
    assert!(error.to_string().contains("rows for table mentions have the columns"), "{error}");
}

#[tokio::test]
async fn queries_cannot_write() {
    let (_folder, lake) = empty().await;
    for sql in
        ["DROP TABLE claims", "CREATE TABLE t AS SELECT 1", "INSERT INTO claims SELECT * FROM claims", "SET a.b = 1"]
    {
        assert!(lake.query(sql).await.is_err(), "{sql}");
    }
    assert!(lake.query("COPY claims TO '/tmp/never.csv'").await.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// However rows are cut into appends, and however often they come, the table ends with each once.
    #[test]
    fn append_twice_is_append_once(cuts in prop::collection::vec((0u32..60, 1u32..40), 1..5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_folder, lake) = empty().await;
            let mut expected = std::collections::BTreeSet::new();
            for (start, n) in &cuts {
                lake.append(&CLAIMS, vec![claim_rows(&many(*start..start + n))]).await.unwrap();
                expected.extend(*start..start + n);
            }
            lake.refresh().await.unwrap();
            assert_eq!(number(&lake, COUNT).await, expected.len() as i64);
            assert_eq!(number(&lake, "SELECT CAST(sum(value) AS BIGINT) FROM claims").await, expected.iter().map(|n| i64::from(*n)).sum::<i64>());
        });
    }
}
