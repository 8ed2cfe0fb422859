//! Collecting, by the whole program: a run whose process is killed, sources that come while the pages are served, and
//! what goes when its time is over.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{self, empty_market, get, json, on, rows, said};

/// A process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(market: &Path, arguments: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crowsnest"));
    command.args(arguments).env("CROWSNEST_MARKET", market).env_remove("CROWSNEST_LOG").env_remove("RUST_LOG");
    Process(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn files_source(name: &str, more: &str) -> String {
    format!(
        "name = \"{name}\"\n{more}\n[collect]\nconnector = \"file\"\nschedule = \"0 6 * * *\"\n[options]\npatterns = [\"{name}/*.csv\"]\n"
    )
}

fn write_source(market: &Path, name: &str, more: &str) {
    std::fs::create_dir_all(market.join(name)).unwrap();
    let figures = format!("subject,metric,period,value\n{name} product,mau,2024-12,5\n");
    std::fs::write(market.join(name).join("figures.csv"), figures).unwrap();
    std::fs::write(market.join("sources").join(format!("{name}.toml")), files_source(name, more)).unwrap();
}

#[test]
fn a_run_whose_process_was_killed_is_told_as_stopped() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let source = format!(
        "name = \"Silent\"\n[collect]\nconnector = \"http_json\"\nschedule = \"0 6 * * *\"\nallow_private_addresses = true\n\
         [options]\nurl = \"{url}\"\n[map.columns]\nsubject = \"a\"\n[map.constants]\nmetric = \"mau\"\n"
    );
    std::fs::write(market.join("sources/silent.toml"), source).unwrap();
    let mut collecting = start(&market, &["collect"]);
    let _asked = silent.accept().unwrap();
    let runs = || json(&market, &["source", "runs"]);
    assert_eq!(runs()[0]["outcome"], "running");
    collecting.0.kill().unwrap();
    collecting.0.wait().unwrap();
    let runs = runs();
    assert_eq!(
        (&runs[0]["outcome"], &runs[0]["message"]),
        (&"stopped".into(), &"the process ended before it was done".into())
    );
    assert_eq!(json(&market, &["sources"])[0]["outcome"], "stopped");
}

#[test]
fn a_source_that_comes_while_the_pages_are_served_is_collected_and_shown() {
    let folder = empty_market();
    let market = folder.path().join("market");
    let mut serving = start(&market, &["serve", "--listen", "127.0.0.1:0"]);
    let mut line = String::new();
    BufReader::new(serving.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
    assert!(!get(&address, "/sources.json").contains("later"));
    write_source(&market, "later", "");
    until("the source is on the pages, with its figures", || {
        let page = get(&address, "/sources.json");
        page.contains("\"source\":\"later\"")
            && page.contains("\"n_claims\":1")
            && page.contains("\"outcome\":\"done\"")
    });
    std::fs::write(market.join("sources/later.toml"), "name = ").unwrap();
    write_source(&market, "later", "licence = \"quoted in part\"");
    until("what changed in its file is on the pages", || get(&address, "/sources.json").contains("quoted in part"));
}

#[test]
fn what_a_source_may_not_keep_goes_with_the_vacuum() {
    let folder = empty_market();
    let market = folder.path().join("market");
    write_source(&market, "brief", "retention_days = 30");
    write_source(&market, "lasting", "");
    let on_day = |day: &str, arguments: &[&str]| {
        let clock = format!("{day}T00:00:00Z@{}*1", jiff::Timestamp::now());
        on(&market).env("CROWSNEST_CLOCK", clock).args(arguments).output().unwrap()
    };
    let collected = on_day("2024-03-01", &["collect"]);
    assert!(collected.status.success(), "{}", said(&collected));
    let sources =
        || rows(&market, "SELECT DISTINCT source FROM claims UNION ALL SELECT source FROM documents ORDER BY 1");
    let before = sources();
    assert_eq!(before.len(), 4);
    support::check_output("vacuum_of_nothing", &on_day("2024-03-30", &["lake", "vacuum"]));
    support::check_output(
        "vacuum_as_a_dry_run",
        &on_day("2024-05-01", &["lake", "vacuum", "--hours", "0", "--dry-run"]),
    );
    assert_eq!(sources(), before);
    support::check_output("vacuum_of_what_is_older", &on_day("2024-05-01", &["lake", "vacuum", "--hours", "0"]));
    let left = sources();
    assert!(left.len() == 2 && left.iter().all(|row| row["source"] == "lasting"), "{left:?}");
}
