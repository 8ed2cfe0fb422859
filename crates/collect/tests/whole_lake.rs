//! Imports into a real lake: twice, overlapping, side by side, from the archive, dry, and with records that are too long.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::Path;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use crowsnest_collect::{ImportReport, ImportRequest, LookOptions, NoProgress, Replay, import, infer, replay};
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
    assert_eq!((report.n_claims, report.n_added, report.n_known, report.n_rejects), (10, 10, 0, 1));
    assert_eq!((report.first_rejects[0].record, &report.rejects_file), (12, &None));
    assert_eq!((count(&lake, "claims").await, count(&lake, "documents").await), (0, 0));
    assert!(!folder.path().join("reports").exists() && !folder.path().join("raw").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_would_be_new() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    imported(&lake, &write(folder.path(), "a.csv", csv(0..300).as_bytes())).await;
    // Rows 200 to 299 are known, 600 to 699 are in both files.
    let b = write(folder.path(), "b.csv", csv(200..700).as_bytes());
    let c = write(folder.path(), "c.csv", csv(600..800).as_bytes());
    let both = ImportRequest { source: Some("S".into()), ..ImportRequest::new([b, c], NOW) };
    let dry = import(&lake, ImportRequest { is_dry_run: true, ..both.clone() }, &NoProgress).await.unwrap();
    assert_eq!((dry.n_claims, dry.n_added, dry.n_known), (700, 500, 200));
    let real = import(&lake, both, &NoProgress).await.unwrap();
    assert_eq!((real.n_claims, real.n_added, real.n_known), (700, 500, 200));
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
    let report = replay(&lake, &Replay::Source("S".into(), None), again, &NoProgress).await.unwrap();
    assert_eq!((report.n_added, count(&lake, "claims").await, count(&lake, "documents").await), (1, 2, 2));
    let own = replay(&lake, &Replay::All, ImportRequest::new(Vec::<String>::new(), NOW), &NoProgress).await.unwrap();
    assert_eq!((own.files.len(), own.n_known, own.n_added), (2, 2, 0));
}

/// `subject metric period = value` of what is in force.
async fn in_force(lake: &Lake) -> Vec<String> {
    lake.refresh().await.unwrap();
    let sql = "SELECT subject || ' ' || metric || ' ' || period || ' = ' || cast(cast(value AS BIGINT) AS VARCHAR) AS line \
               FROM claims_in_force ORDER BY line";
    let mut lines = Vec::new();
    for batch in lake.query(sql).await.unwrap() {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).unwrap();
        lines.extend(column.as_string::<i32>().iter().map(|line| line.unwrap().to_owned()));
    }
    lines
}

fn correcting(mapping: &str) -> ImportRequest {
    ImportRequest {
        mapping: Some(mapping.into()),
        is_correction: true,
        ..ImportRequest::new(Vec::<String>::new(), NOW + 1_000_000)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_mapping_withdraws_what_it_does_not_give() {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(folder.path()).await;
    // The wrong mapping forgets the scale and takes the row of totals for a product.
    let file = write(
        folder.path(),
        "a.csv",
        "App,Month,MAU (万),Said\nKimi,2024-12,5,2025-01-05\nTotal,2024-12,12,2025-01-05\n豆包,2024-12,7,2025-01-05\n"
            .as_bytes(),
    );
    let wrong = "[constants]\nmetric = \"mau\"\n[columns]\nsubject = \"App\"\nperiod = \"Month\"\nvalue = \"MAU (万)\"\nsaid_on = \"Said\"\n";
    let right = format!("{wrong}[scale]\nvalue = 10000\n[skip]\nApp = \"Total\"\n");
    let wrong = write(folder.path(), "wrong.toml", wrong.as_bytes());
    let right = write(folder.path(), "right.toml", right.as_bytes());
    import(&lake, ImportRequest { mapping: Some(wrong.into()), ..request(&file) }, &NoProgress).await.unwrap();
    // Another document restated one of the figures later: that stays.
    let text = "subject,metric,period,value,said_on\n豆包,mau,2024-12,71000,2025-02-05\n";
    imported(&lake, &write(folder.path(), "later.csv", text.as_bytes())).await;
    assert_eq!(in_force(&lake).await, ["Kimi mau 2024-12 = 5", "Total mau 2024-12 = 12", "豆包 mau 2024-12 = 71000"]);

    let batches = lake.query("SELECT document FROM documents WHERE name = 'a.csv'").await.unwrap();
    let sha256 = arrow::compute::cast(batches[0].column(0), &arrow::datatypes::DataType::Utf8).unwrap();
    let document = Replay::Document(sha256.as_string::<i32>().value(0).to_owned());
    let dry = ImportRequest { is_dry_run: true, ..correcting(&right) };
    let dry = replay(&lake, &document, dry, &NoProgress).await.unwrap();
    let done = replay(&lake, &document, correcting(&right), &NoProgress).await.unwrap();
    assert_eq!((dry.n_added, dry.n_withdrawn, done.n_added, done.n_withdrawn), (2, 1, 2, 1));
    let expected = ["Kimi mau 2024-12 = 50000", "豆包 mau 2024-12 = 71000"];
    assert_eq!(in_force(&lake).await, expected);
    let n_claims = count(&lake, "claims").await;
    assert_eq!(count(&lake, "claims WHERE status = 'withdrawn'").await, 1);

    let again = replay(&lake, &document, correcting(&right), &NoProgress).await.unwrap();
    assert_eq!((again.n_added, again.n_withdrawn, count(&lake, "claims").await), (0, 0, n_claims));
    assert_eq!(in_force(&lake).await, expected);
    let nothing = write(
        folder.path(),
        "nothing.toml",
        "[constants]\nmetric = \"mau\"\n[columns]\nsubject = \"App\"\nperiod = \"App\"\nvalue = \"Month\"\n".as_bytes(),
    );
    let report = replay(&lake, &document, correcting(&nothing), &NoProgress).await.unwrap();
    assert_eq!((report.n_claims, report.n_withdrawn), (0, 0));
    assert_eq!(in_force(&lake).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn infer_reads_addresses_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "mau 2024-12.csv", b"App,MAU\nKimi,5\n");
    let metrics = open(folder.path()).await.market().metrics.clone();
    let address = format!("file://{}", path.replace(' ', "%20"));
    let text = infer(&address, LookOptions::default(), &metrics).await.unwrap();
    assert!(text.contains("from_file_name = \"mau {period}.csv\""), "{text}");
    assert!(infer("/nowhere/x.csv", LookOptions::default(), &metrics).await.is_err());
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
