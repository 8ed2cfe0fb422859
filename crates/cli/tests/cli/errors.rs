//! What goes wrong, how it is told, and with which exit code.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{self, check, check_output, crowsnest, market, on};

#[test]
fn names_and_metrics_that_are_not_there() {
    check("unknown_metric", &["league", "--metric", "mua", "--period", "2024-12"]);
    check("unknown_name", &["show", "Dubao"]);
    check("bad_period", &["league", "--metric", "mau", "--period", "2024-Q7"]);
    check("no_such_period", &["league", "--metric", "mau", "--period", "2020"]);
    check("bad_moment", &["products", "--as-of", "yesterday-ish"]);
    check("bad_kind", &["products", "--kind", "planet"]);
}

#[test]
fn a_folder_that_is_no_market() {
    let folder = tempfile::tempdir().unwrap();
    check_output("not_a_market", &on(folder.path()).arg("products").output().unwrap());
    check_output("not_in_a_market", &crowsnest().current_dir(folder.path()).arg("products").output().unwrap());
}

#[test]
fn a_configuration_with_faults() {
    let folder = tempfile::tempdir().unwrap();
    let config = "name = \"x\"\ncurrency = \"gold\"\nfiscal_year_start_month = 13\n";
    std::fs::write(folder.path().join("crowsnest.toml"), config).unwrap();
    check_output("bad_configuration", &on(folder.path()).arg("products").output().unwrap());
    std::fs::write(folder.path().join("crowsnest.toml"), "name = \"x\"\ncolour = \"red\"\n").unwrap();
    check_output("unknown_key", &on(folder.path()).arg("products").output().unwrap());
}

#[test]
fn sql_only_reads() {
    check("sql_delete", &["sql", "DELETE FROM claims"]);
    check("sql_drop", &["sql", "DROP TABLE claims"]);
    for write in [
        "INSERT INTO claims SELECT * FROM claims",
        "UPDATE claims SET value = 0",
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "COPY claims TO '/tmp/crowsnest-copied.csv'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
        "SELECT 1; DROP TABLE claims",
    ] {
        let output = on(market()).args(["sql", write]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{write}: {}", support::said(&output));
    }
    assert_eq!(support::rows(market(), "SELECT count(*) AS n FROM claims")[0]["n"], 14);
}

#[test]
fn sql_mistakes_are_told() {
    check("sql_unknown_column", &["sql", "SELECT valeu FROM claims"]);
    check("sql_as_of", &["sql", "SELECT 1", "--as-of", "2025-01-01"]);
}

#[test]
fn sql_stops_in_time() {
    let started = Instant::now();
    let endless = "SELECT count(*) FROM generate_series(1, 100000000000) WHERE value % 7 = 3";
    check("sql_timeout", &["sql", endless, "--timeout", "1"]);
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn arguments_that_make_no_sense() {
    let output = crowsnest().args(["league", "--metric", "mau"]).output().unwrap();
    check_output("missing_argument", &output);
    assert_eq!(crowsnest().arg("nonsense").output().unwrap().status.code(), Some(1));
    assert_eq!(crowsnest().arg("--help").output().unwrap().status.code(), Some(0));
    assert_eq!(crowsnest().arg("--version").output().unwrap().status.code(), Some(0));
}

#[test]
fn every_command_has_help_with_examples() {
    let help = String::from_utf8(crowsnest().arg("--help").output().unwrap().stdout).unwrap();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description that goes on in the next line is indented further than a name.
    let names: Vec<&str> = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let help = String::from_utf8(crowsnest().args([name, "--help"]).output().unwrap().stdout).unwrap();
        assert!(
            help.contains("Examples:\n  crowsnest ") || help.contains(&format!("crowsnest {name}")),
            "{name}: {help}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let query = "SELECT value, repeat('x', 1000) AS text FROM generate_series(1, 100000)";
    let mut child = Command::new(env!("CARGO_BIN_EXE_crowsnest"))
        .args(["sql", query, "--format", "csv", "--market"])
        .arg(market())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 64];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(support::said(&output), "exit code 0\n");
}

#[test]
fn a_market_that_cannot_be_written() {
    // A file where the folder should be stops everybody, root too.
    let folder = tempfile::tempdir().unwrap();
    let file = support::file(&folder, "file", "");
    check_output("new_in_a_file", &crowsnest().arg("new").arg(file.join("market")).output().unwrap());
    check_output("new_read_only", &crowsnest().args(["new", "/proc/crowsnest"]).output().unwrap());
    let broken = support::empty_market();
    let market = broken.path().join("market");
    std::fs::remove_dir_all(market.join("lake")).unwrap();
    std::fs::write(market.join("lake"), "").unwrap();
    check_output("lake_is_a_file", &on(&market).arg("products").output().unwrap());
}

#[test]
fn serving_where_the_port_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = on(market()).args(["serve", "--listen", &address]).output().unwrap();
    let said = support::said(&output).replace(&address, "[address]");
    assert!(said.starts_with("exit code 1\n") && said.contains("hint: choose another address"), "{said}");
}
