//! Files that are broken: what goes in, what is rejected, what is told.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::{self, check_output, empty_market, file, on, rows};

fn import(market: &Path, path: &Path) -> std::process::Output {
    on(market).args(["import", "--source", "test"]).arg(path).output().unwrap()
}

fn n_claims(market: &Path) -> serde_json::Value {
    rows(market, "SELECT count(*) AS n FROM claims")[0]["n"].clone()
}

/// A name and text for a file, imported into an empty market: what is said, and how many claims there are.
fn check_import(name: &str, file_name: &str, bytes: impl AsRef<[u8]>, n_expected: usize) -> tempfile::TempDir {
    let folder = empty_market();
    let market = folder.path().join("market");
    let path = file(&folder, file_name, bytes);
    check_output(name, &import(&market, &path));
    assert_eq!(n_claims(&market), n_expected);
    folder
}

#[test]
fn broken_rows_are_rejected_and_the_rest_goes_in() {
    let text = "subject,metric,period,value\n\
        豆包,mau,2024-12,71160000\n\
        豆包,mau,2024-13,1\n\
        豆包,mau,2024-02-30,1\n\
        豆包,mua,2024-12,1\n\
        豆包,mau,2024-12,many\n\
        ,mau,2024-12,1\n\
        豆包,mau,2024-12\n\
        Kimi,mau,2024-12,16000000\n";
    let folder = check_import("rejects", "broken.csv", text, 2);
    let reports: Vec<_> = std::fs::read_dir(folder.path().join("market/reports")).unwrap().flatten().collect();
    let rejects = reports.iter().find(|entry| entry.file_name().to_string_lossy().ends_with(".rejects.csv")).unwrap();
    let text = std::fs::read_to_string(rejects.path()).unwrap();
    assert!(text.starts_with("file,record,column,found,expected,remedy,row\n"), "{text}");
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn a_file_without_a_good_row_is_nothing_done() {
    check_import("all_rejected", "broken.csv", "subject,metric,period,value\n豆包,mau,never,1\n", 0);
}

#[test]
fn a_column_that_is_missing() {
    check_import("missing_column", "short.csv", "subject,period,value\n豆包,2024-12,1\n", 0);
}

#[test]
fn standard_input_that_is_in_already_is_not_read_again() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let import = || on(&market).args(["import", "-"]).write_stdin(support::CLAIMS).output().unwrap();
    assert!(import().status.success());
    let again = import();
    assert!(again.status.success() && support::said(&again).contains("imported before"), "{}", support::said(&again));
}

#[test]
fn a_mapping_from_standard_input() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let look =
        on(&market).args(["import", "--infer", "-"]).write_stdin("App,Month,MAU\nKimi,2024-12,1\n").output().unwrap();
    let said = support::said(&look);
    assert!(look.status.success() && said.contains("subject = \"App\"") && said.contains("metric = \"mau\""), "{said}");
}

#[test]
fn a_day_that_nothing_can_have_been_said_after() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let text = "subject,metric,period,value,said_on\n豆包,mau,last month,1,\n豆包,mau,2024-11,2,2025-03-01\n";
    let path = file(&folder, "relative.csv", text);
    let import = |day: &str| on(&market).args(["import", "--source", "x", "--today", day]).arg(&path).output().unwrap();
    assert_eq!(import("someday").status.code(), Some(1));
    assert_eq!(import("2025-01-15").status.code(), Some(2));
    assert_eq!(rows(&market, "SELECT period FROM claims"), [serde_json::json!({ "period": "2024-12" })]);
    assert!(import("2025-03-02").status.success());
    assert_eq!(n_claims(&market), 3);
}

#[test]
fn a_file_that_is_empty_or_not_there() {
    check_import("empty", "empty.csv", "", 0);
    let folder = empty_market();
    let market = folder.path().join("market");
    check_output("no_file", &import(&market, Path::new("nowhere/*.csv")));
}

#[test]
fn an_encoding_that_is_wrong() {
    let mut bytes = b"subject,metric,period,value\n".to_vec();
    bytes.extend(b"\xff\xfe\xfa\x80\x81,mau,2024-12,1\n");
    bytes.extend("豆包,mau,2024-12,1\n".as_bytes());
    let folder = empty_market();
    let market = folder.path().join("market");
    let path = file(&folder, "odd.csv", bytes);
    let output = import(&market, &path);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{}", support::said(&output));
    let subjects = rows(&market, "SELECT subject FROM claims");
    assert!(subjects.iter().all(|row| row["subject"] == "豆包"), "{subjects:?}");
    let named = on(&market).args(["import", "--encoding", "klingon"]).arg(&path).output().unwrap();
    assert_eq!(named.status.code(), Some(1), "{}", support::said(&named));
}

#[test]
fn gb18030_needs_no_telling() {
    // 豆包 in GB18030 is B6 B9 B0 FC (GB 18030-2022).
    let mut bytes = b"subject,metric,period,value\n".to_vec();
    for month in 1..=12 {
        bytes.extend(b"\xb6\xb9\xb0\xfc,mau,");
        bytes.extend(format!("2024-{month:02},{month}\n").as_bytes());
    }
    let folder = empty_market();
    let market = folder.path().join("market");
    let path = file(&folder, "gb.csv", bytes);
    let output = import(&market, &path);
    assert!(output.status.success(), "{}", support::said(&output));
    assert_eq!(rows(&market, "SELECT DISTINCT subject FROM claims")[0]["subject"], "豆包");
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_truncated_gzip_file_adds_nothing() {
    let mut text = "subject,metric,period,value\n".to_owned();
    for n in 0..5000 {
        text.push_str(&format!("product {n},mau,2024-12,{}\n", n * 7919 % 10007));
    }
    let whole = gzipped(text.as_bytes());
    let folder = check_import("truncated_gzip", "cut.csv.gz", &whole[..whole.len() / 2], 0);
    let market = folder.path().join("market");
    let path = file(&folder, "whole.csv.gz", &whole);
    assert!(import(&market, &path).status.success());
    assert_eq!(n_claims(&market), 5000);
}

#[test]
fn a_truncated_parquet_file_adds_nothing() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("claims.parquet");
    let query = "SELECT subject, metric, period, value, unit, source FROM claims";
    on(support::market()).args(["export", query, "--include-restricted", "--output"]).arg(&path).assert().success();
    let whole = std::fs::read(&path).unwrap();
    let folder = check_import("truncated_parquet", "cut.parquet", &whole[..whole.len() - 100], 0);
    let market = folder.path().join("market");
    let path = file(&folder, "whole.parquet", &whole);
    let output = import(&market, &path);
    assert!(output.status.success(), "{}", support::said(&output));
    // 14 rows; without their status, the rumour of 20 million for Kimi and its denial are one claim.
    assert_eq!(n_claims(&market), 13);
}

#[test]
fn a_line_longer_than_any_record_is_skipped() {
    const LINE_BYTES: usize = 70 << 20;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all("subject,metric,period,value\n豆包,mau,2024-11,1\n".as_bytes()).unwrap();
    for _ in 0..LINE_BYTES >> 20 {
        encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    encoder.write_all("\n豆包,mau,2024-12,1\n".as_bytes()).unwrap();
    check_import("long_line", "long.csv.gz", encoder.finish().unwrap(), 2);
}

#[test]
fn a_mapping_with_faults_stops_before_any_work() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let path = file(&folder, "claims.csv", support::CLAIMS);
    let map = file(&folder, "map.toml", "targte = \"claims\"\n[columns]\nsubjekt = \"a\"\n");
    check_output("bad_mapping", &on(&market).args(["import", "--map"]).arg(map).arg(path).output().unwrap());
    assert_eq!(n_claims(&market), 0);
}

/// A limit on the size of files stands in for a full disk: both fail in the middle of writing.
#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let mut text = "subject,metric,period,value,said_on\n".to_owned();
    for n in 0..60_000_u64 {
        text.push_str(&format!("product {n},mau,2024-12,{},2025-01-05\n", n * 2_654_435_761 % 1_000_003));
    }
    let path = file(&folder, "large.csv", text);
    let limited = |blocks: usize| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --market \"$1\" import --source x \"$2\"");
        let mut command = assert_cmd::Command::new("bash");
        command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_crowsnest")).arg(&market).arg(&path).output().unwrap()
    };
    for blocks in [16, 128, 512] {
        let output = limited(blocks);
        let said = support::said(&output);
        assert_eq!(output.status.code(), Some(1), "{blocks}: {said}");
        assert!(said.contains("error: "), "{said}");
        assert_eq!(n_claims(&market), rows(&market, "SELECT count(DISTINCT claim_id) AS n FROM claims")[0]["n"]);
    }
    let output = import(&market, &path);
    assert!(output.status.success(), "{}", support::said(&output));
    assert_eq!(n_claims(&market), 60_000);
}
