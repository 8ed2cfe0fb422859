//! Imports into a real lake: twice, overlapping, side by side, from the archive, dry, and with records that are too long.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::Path;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use crowsnest_collect::{ImportReport, ImportRequest, NoProgress, Replay, import, replay};
use crowsnest_lake::{Lake, LakeOptions, Market};

/// 2025-06-15T12:00:00Z.
const NOW: i64 = 1_749_988_800_000_000;

async fn open(folder: &Path) -> Lake {
    let market = Market::open(folder).or_else(|_| Market::create(folder, "test")).unwrap();
    Lake::open(market, LakeOptions::default()).await.unwrap()
}

fn write(folder: &Path, name: &str, text: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn csv(rows: std::ops::Range<u32>) -> String {
    let mut text = String::from("subject,metric,period,value\n");
    for i in rows {
        text.push_str(&format!("app {},mau,2024-{:02},{}\n", i % 50, i % 12 + 1, i));
    }
    text
}

fn request(path: &str) -> ImportRequest {
    ImportRequest { source: Some("S".into()), ..ImportRequest::new([path], NOW) }
}

async fn imported(lake: &Lake, path: &str) -> ImportReport {
    import(lake, request(path), &NoProgress).await.unwrap()
}

async fn count(lake: &Lake, table: &str) -> i64 {
    lake.refresh().await.unwrap();
    let batches = lake.query(&format!("SELECT count(*) FROM {table}")).await.unwrap();
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn importing_twice_adds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let path = write(folder.path(), "a.csv", csv(0..1000).as_bytes());
    let first = imported(&lake, &path).await;
    assert_eq!((first.n_records, first.n_claims, first.n_added, first.n_known), (1000, 1000, 1000, 0));
    assert_eq!(first.n_mentions_added, 50);
    let again = imported(&lake, &path).await;
    assert!(again.files[0].is_known_document);
    assert_eq!((again.n_claims, again.n_added, again.n_known), (1000, 0, 1000));
    let forced = import(&lake, ImportRequest { is_again: true, ..request(&path) }, &NoProgress).await.unwrap();
    assert_eq!((forced.files[0].is_known_document, forced.n_added, forced.n_known), (false, 0, 1000));
    assert_eq!((count(&lake, "claims").await, count(&lake, "documents").await), (1000, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_files_at_once_add_each_claim_once() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await;
    let (left, right) = (open(folder.path()).await, open(folder.path()).await);
    let a = write(folder.path(), "a.csv", csv(0..700).as_bytes());
    let b = write(folder.path(), "b.csv", csv(300..1000).as_bytes());
    let (a, b) = tokio::join!(imported(&left, &a), imported(&right, &b));
    assert_eq!(a.n_added + b.n_added, 1000);
    assert_eq!(count(&left, "claims").await, 1000);
    assert_eq!(count(&left, "mentions").await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let path = write(folder.path(), "a.csv", format!("{}broken\n", csv(0..10)).as_bytes());
    let report = import(&lake, ImportRequest { is_dry_run: true, ..request(&path) }, &NoProgress).await.unwrap();
    assert_eq!((report.n_claims, report.n_added, report.n_rejects), (10, 0, 1));
    assert_eq!((report.first_rejects[0].record, &report.rejects_file), (12, &None));
    assert_eq!((count(&lake, "claims").await, count(&lake, "documents").await), (0, 0));
    assert!(!folder.path().join("reports").exists() && !folder.path().join("raw").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn rejects_go_to_a_file_that_is_itself_csv() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let text = "subject,metric,period,value\n\"A, \"\"x\"\"\",mau,2024-13,1\nB,mau,2024-12,1\n";
    let report = imported(&lake, &write(folder.path(), "a.csv", text.as_bytes())).await;
    let rejects = std::fs::read_to_string(report.rejects_file.unwrap()).unwrap();
    assert!(rejects.starts_with("file,record,column,found,expected,remedy,row\n"));
    assert!(rejects.contains(",2,period,2024-13,"), "{rejects}");
    assert!(rejects.trim_end().ends_with("\"\"\"A, \"\"\"\"x\"\"\"\"\"\",mau,2024-13,1\""), "{rejects}");
    assert!(folder.path().join(format!("reports/{}.json", report.id)).is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_mapping_reads_the_archive_again() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let path = write(folder.path(), "a.csv", b"App,Month,MAU,Downloads\nKimi,2024-12,5,7\n");
    let old = "[constants]\nmetric = \"mau\"\n[columns]\nsubject = \"App\"\nperiod = \"Month\"\nvalue = \"MAU\"\n";
    let new = old.replace("mau", "downloads").replace("MAU", "Downloads");
    let old = Some(write(folder.path(), "old.toml", old.as_bytes()).into());
    let new = Some(write(folder.path(), "new.toml", new.as_bytes()).into());
    import(&lake, ImportRequest { mapping: old, ..request(&path) }, &NoProgress).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let again = ImportRequest { mapping: new, ..ImportRequest::new(Vec::<String>::new(), NOW) };
    let report = replay(&lake, &Replay::Source("S".into()), again, &NoProgress).await.unwrap();
    assert_eq!((report.n_added, count(&lake, "claims").await, count(&lake, "documents").await), (1, 2, 2));
    let own = replay(&lake, &Replay::All, ImportRequest::new(Vec::<String>::new(), NOW), &NoProgress).await.unwrap();
    assert_eq!((own.files.len(), own.n_known, own.n_added), (2, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_over_the_limit_is_rejected_and_the_rest_read() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let long = "x".repeat(70 << 20);
    let text = format!("subject,metric,period,value\nA,mau,2024-12,1\n{long}\nB,mau,2024-12,2\n");
    let report = imported(&lake, &write(folder.path(), "a.csv", text.as_bytes())).await;
    assert_eq!((report.n_added, report.n_rejects), (2, 1));
    assert_eq!(report.first_rejects[0].record, 3);
    assert_eq!(report.first_rejects[0].found, format!("a record of {} bytes", 70 << 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_blocks_keep_their_line_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let n_rows = 400_000;
    let mut text = csv(0..n_rows);
    text.push_str("last,mau,2024-99,1\n");
    let report = imported(&lake, &write(folder.path(), "a.csv", text.as_bytes())).await;
    assert_eq!((report.n_records, report.n_rejects), (u64::from(n_rows) + 1, 1));
    assert_eq!(report.first_rejects[0].record, u64::from(n_rows) + 2);
    lake.refresh().await.unwrap();
    let sql = "SELECT count(*) FROM claims WHERE record - 2 = cast(value AS BIGINT)";
    let batches = lake.query(sql).await.unwrap();
    assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().value(0), i64::from(n_rows));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_stops_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    let path = write(folder.path(), "a.csv", csv(0..10).as_bytes());
    // A file where the archive's folder should be: no write there can succeed, whoever runs the test.
    std::fs::write(folder.path().join("raw"), b"").unwrap();
    let error = import(&lake, request(&path), &NoProgress).await.unwrap_err();
    assert!(error.is_users(), "{error}");
    assert_eq!(count(&lake, "claims").await, 0);
}
