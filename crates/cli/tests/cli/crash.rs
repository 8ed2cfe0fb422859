//! Imports that are killed, and imports that run at the same time: each claim is there once in the end.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{self, empty_market, file, on, rows};

const ROWS: std::ops::Range<u64> = 0..200_000;

/// Claims on 2,000 products in 4 metrics over 25 months, all told on a day, so that nothing depends on the clock.
fn claims(range: std::ops::Range<u64>) -> String {
    let mut text = "subject,metric,period,value,source,said_on\n".to_owned();
    for n in range {
        let metric = ["mau", "downloads", "web_visits", "revenue"][(n % 4) as usize];
        let (product, month) = (n / 4 % 2_000, n / 8_000);
        let value = n.wrapping_mul(2_654_435_761) % 100_000_007;
        let unit = if metric == "revenue" { "元" } else { "" };
        let (year, month) = (2022 + month / 12, month % 12 + 1);
        writeln!(text, "product {product},{metric},{year}-{month:02},{value}{unit},source {},2025-01-05", n % 3)
            .unwrap();
    }
    text
}

/// What all claims come to, whatever their order and the time of their import.
fn fingerprint(market: &Path) -> serde_json::Value {
    let query = "SELECT count(*) AS n, count(DISTINCT claim_ref(mention_id, claim_id)) AS n_distinct, \
         bit_xor(claim_id) AS claims, bit_xor(mention_id) AS mentions, sum(value) AS total, \
         max(known_at) AS latest, count(DISTINCT subject) AS n_subjects FROM claims";
    rows(market, query).remove(0)
}

struct Clean {
    _folder: TempDir,
    path: PathBuf,
    fingerprint: serde_json::Value,
    seconds: f64,
}

/// The file, imported without disturbance.
fn clean() -> &'static Clean {
    static CLEAN: OnceLock<Clean> = OnceLock::new();
    CLEAN.get_or_init(|| {
        let folder = empty_market();
        let market = folder.path().join("market");
        let path = file(&folder, "claims.csv", claims(ROWS));
        let started = Instant::now();
        let output = on(&market).arg("import").arg(&path).output().unwrap();
        assert!(output.status.success(), "{}", support::said(&output));
        let seconds = started.elapsed().as_secs_f64();
        let fingerprint = fingerprint(&market);
        assert_eq!(fingerprint["n"], 200_000);
        assert_eq!(fingerprint["n_distinct"], 200_000);
        Clean { _folder: folder, path, fingerprint, seconds }
    })
}

fn start(market: &Path, path: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_crowsnest"))
        .arg("--market")
        .arg(market)
        .arg("import")
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the import of a market at some parts of its time (`Child::kill` is SIGKILL), then lets it finish.
fn kill_and_finish(parts: &[f64]) {
    let clean = clean();
    let folder = empty_market();
    let market = folder.path().join("market");
    for part in parts {
        let mut child = start(&market, &clean.path);
        std::thread::sleep(Duration::from_secs_f64(clean.seconds * part));
        child.kill().unwrap();
        child.wait().unwrap();
        let left = fingerprint(&market);
        assert_eq!(left["n"], left["n_distinct"], "killed at {part}");
        let doctor = on(&market).arg("doctor").output().unwrap();
        assert_eq!(doctor.status.code(), Some(0), "killed at {part}: {}", support::said(&doctor));
    }
    let output = on(&market).arg("import").arg(&clean.path).output().unwrap();
    assert!(output.status.success(), "{}", support::said(&output));
    assert_eq!(fingerprint(&market), clean.fingerprint, "killed at {parts:?}");
}

#[test]
fn killed_early() {
    kill_and_finish(&[0.02, 0.1, 0.18, 0.26]);
}

#[test]
fn killed_in_the_middle() {
    kill_and_finish(&[0.34, 0.42, 0.5, 0.58, 0.66]);
}

#[test]
fn killed_late() {
    kill_and_finish(&[0.74]);
    kill_and_finish(&[0.82, 0.88]);
    kill_and_finish(&[0.94, 0.98]);
}

#[test]
fn two_at_once_add_each_claim_once() {
    let clean = clean();
    let folder = empty_market();
    let market = folder.path().join("market");
    let first = file(&folder, "first.csv", claims(0..130_000));
    let second = file(&folder, "second.csv", claims(70_000..200_000));
    for child in [start(&market, &first), start(&market, &second)] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", support::said(&output));
    }
    assert_eq!(fingerprint(&market), clean.fingerprint);
}
