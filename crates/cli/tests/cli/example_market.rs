//! The example market, built as `crowsnest demo` builds it, and the answers that it must give (issue 2, bar 4).

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::support::{crowsnest, json, on, said};

/// Built once; only read.
fn example() -> &'static Path {
    static EXAMPLE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = EXAMPLE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ai");
        let output = crowsnest().current_dir(folder.path()).args(["demo", "--once", "--market"]).arg(&path).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        (folder, path)
    });
    path
}

#[test]
fn tenders_of_november_2024() {
    let answer =
        json(example(), &["league", "--metric", "tender_amount", "--period", "2024-11", "--language", "zh-Hans"]);
    let found: Vec<(String, f64, String)> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("name"), row["value"].as_f64().unwrap(), text("unit"))
        })
        .collect();
    let expected =
        [("腾讯云", 129_120_000.0), ("阿里云", 82_620_000.0), ("火山引擎", 5_940_000.0), ("智谱", 1_700_000.0)];
    let places: Vec<usize> = expected
        .iter()
        .map(|(name, value)| {
            let place =
                found.iter().position(|row| row.0 == *name).unwrap_or_else(|| panic!("{name} not in {found:?}"));
            assert_eq!((found[place].1, found[place].2.as_str()), (*value, "CNY"), "{name}");
            place
        })
        .collect();
    assert!(places.is_sorted(), "{found:?}");
}

#[test]
fn the_total_of_2024_was_restated() {
    let market_total = |as_of: &str| {
        let answer = json(example(), &["league", "--metric", "tender_wins", "--period", "2024", "--as-of", as_of]);
        answer["totals"]["claimed"].clone()
    };
    assert_eq!(market_total("2025-02-01"), 1520.0);
    assert_eq!(market_total("2025-12-31"), 1521.0);
    let why = json(example(), &["why", "大模型招投标市场", "tender_wins", "2024"]);
    let said: Vec<f64> = why["rows"].as_array().unwrap().iter().filter_map(|row| row["value"].as_f64()).collect();
    assert!(said.contains(&1520.0) && said.contains(&1521.0), "{why}");
}

#[test]
fn names_in_any_script_are_one() {
    let entity = |name: &str| json(example(), &["show", name])["entity"].clone();
    assert_eq!(entity("doubao"), entity("豆包"));
    assert_eq!(entity("騰訊雲"), entity("腾讯云"));
}

#[test]
fn building_it_again_adds_nothing_and_is_quick() {
    let before = json(example(), &["sources"]);
    let started = std::time::Instant::now();
    let output = on(example()).args(["demo", "--once"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(started.elapsed().as_secs() < 30);
    assert_eq!(json(example(), &["sources"]), before);
    let doctor = on(example()).arg("doctor").output().unwrap();
    assert_eq!(doctor.status.code(), Some(0), "{}", said(&doctor));
}

#[test]
fn another_market_is_not_overwritten() {
    let folder = crate::support::empty_market();
    let market = folder.path().join("market");
    let output = on(&market).args(["demo", "--once"]).output().unwrap();
    crate::support::check_output("demo_in_another_market", &output);
}

#[test]
fn it_is_served_until_told_to_stop() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crowsnest"))
        .args(["serve", "--listen", "127.0.0.1:0", "--market"])
        .arg(example())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
    let mut stream = std::net::TcpStream::connect(&address).unwrap_or_else(|error| panic!("{line}: {error}"));
    write!(stream, "GET /sources.json HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let status = child.wait().unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    assert_eq!(status.code(), Some(0));
}
