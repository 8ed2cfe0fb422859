//! `backup` and `restore`: while another process imports, each backup is a market in good order, with nothing twice, that the
//! same import brings to the same end.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{empty_market, file, on, rows, said};

/// Claims on many products, told on a day, so that nothing depends on the clock.
fn claims(n: u64) -> String {
    let mut text = "subject,metric,period,value,source,said_on\n".to_owned();
    for n in 0..n {
        let (product, month) = (n % 4_000, n / 4_000);
        let (year, month) = (2020 + month / 12, month % 12 + 1);
        text.push_str(&format!("product {product},mau,{year}-{month:02},{},source {},2025-01-05\n", n * 7 + 1, n % 3));
    }
    text
}

fn start(market: &Path, path: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crowsnest"));
    command.arg("--market").arg(market).arg("import").arg(path).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn fingerprint(market: &Path) -> Value {
    let query = "SELECT count(*) AS n, count(DISTINCT claim_ref(mention_id, claim_id)) AS n_distinct, \
         bit_xor(claim_id) AS claims, sum(value) AS total FROM claims";
    rows(market, query)[0].clone()
}

/// Backs up; gives what it says.
fn back_up(market: &Path, to: &Path) -> Value {
    let output = on(market).arg("backup").arg(to).args(["--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn restore(from: &Path, into: &Path) {
    let output = on(from).arg("restore").arg(from).arg(into).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn backups_made_while_an_import_runs_are_in_good_order_and_go_on_to_the_same_end() {
    const ROWS: u64 = 240_000;
    let folder = empty_market();
    let market = folder.path().join("market");
    let parts: Vec<_> = (0..6).map(|n| file(&folder, &format!("part{n}.csv"), claims(ROWS / 6 * (n + 1)))).collect();
    let whole = parts[5].clone();
    // Several imports, one after the other, in other processes, while backups are made.
    let mut importing = start(&market, &parts[0]);
    let mut next = 1;
    let mut made = Vec::new();
    loop {
        let is_over = importing.try_wait().unwrap().is_some();
        let name = if made.len() % 2 == 0 { format!("b{}.zip", made.len()) } else { format!("b{}", made.len()) };
        let to = folder.path().join(name);
        let told = back_up(&market, &to);
        made.push((to, told));
        if is_over && next == parts.len() {
            break;
        }
        if is_over {
            importing = start(&market, &parts[next]);
            next += 1;
        }
    }
    let end = fingerprint(&market);
    assert_eq!(end["n"], ROWS);
    // Those from the beginning, the middle and the end; each has more than the one before, and none anything twice.
    let middle = made.len() / 2;
    let mut n_before = 0;
    for (place, (from, told)) in made.iter().enumerate().filter(|(n, _)| [1, middle, made.len() - 1].contains(n)) {
        let check = on(&market).arg("restore").arg(from).arg("--check").output().unwrap();
        assert!(check.status.success(), "{}", said(&check));
        let into = folder.path().join(format!("restored{place}"));
        restore(from, &into);
        let found = fingerprint(&into);
        assert_eq!(found["n"], found["n_distinct"], "{place}");
        assert!(found["n"].as_u64().unwrap() >= n_before, "{place}");
        n_before = found["n"].as_u64().unwrap();
        let query = "SELECT (SELECT count(*) FROM claims) + (SELECT count(*) FROM events) + (SELECT count(*) FROM mentions) + \
             (SELECT count(*) FROM documents) + (SELECT count(*) FROM aliases) + (SELECT count(*) FROM relations) + \
             (SELECT count(*) FROM judgements) + (SELECT count(*) FROM links) + (SELECT count(*) FROM memberships) + \
             (SELECT count(*) FROM keys_of_names) + (SELECT count(*) FROM figures) + (SELECT count(*) FROM signals) AS n";
        assert_eq!(rows(&into, query)[0]["n"], told["n_rows"], "every row that was backed up is there");
        let orphans = "SELECT count(*) AS n FROM claims WHERE mention_id NOT IN (SELECT mention_id FROM mentions)";
        assert_eq!(rows(&into, orphans)[0]["n"], 0, "every claim has its mention");
        let doctor = on(&into).args(["doctor", "--deep"]).output().unwrap();
        assert_eq!(doctor.status.code(), Some(0), "{}", said(&doctor));
        let import = on(&into).arg("import").arg(&whole).output().unwrap();
        assert!(import.status.success(), "{}", said(&import));
        assert_eq!(fingerprint(&into), end, "{place}");
    }
    assert!(made.len() >= 4, "only {} backups were made", made.len());
}

#[test]
fn what_is_there_is_never_written_over_and_what_is_no_backup_is_refused() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let to = folder.path().join("b.zip");
    back_up(&market, &to);
    let fails = |arguments: &[&Path], with: &str| {
        let output = on(&market).args(arguments).output().unwrap();
        let told = said(&output);
        assert!(output.status.code() == Some(1) && told.contains(with) && told.contains("hint: "), "{told}");
    };
    fails(&[Path::new("backup"), &to], "is there already");
    fails(&[Path::new("restore"), &to, &market], "is not empty");
    fails(&[Path::new("restore"), &market, &folder.path().join("new")], "no backup");
    fails(&[Path::new("restore"), &folder.path().join("none"), &folder.path().join("new")], "No such file");
    let below_a_file = on(&market).arg("backup").arg(market.join("crowsnest.toml").join("b")).output().unwrap();
    assert!(below_a_file.status.code() == Some(1) && said(&below_a_file).contains("Not a directory"));
    assert!(!folder.path().join("new").exists());
    let mut bytes = std::fs::read(&to).unwrap();
    // So many that they are not only in a time, which is no content.
    let middle = bytes.len() / 3;
    bytes[middle..middle + 64].iter_mut().for_each(|byte| *byte ^= 1);
    let broken = file(&folder, "broken.zip", &bytes);
    let output = on(&market).arg("restore").arg(&broken).arg("--check").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    // A backup inside of the market holds no backups.
    let inside = market.join("backups/one");
    back_up(&market, &inside);
    assert!(!inside.join("backups").exists());
    let log = rows_of_audit(&market);
    assert!(log.iter().filter(|line| line["action"] == "backup").count() == 2, "{log:?}");
}

fn rows_of_audit(market: &Path) -> Vec<Value> {
    let output = on(market).args(["audit", "--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}
