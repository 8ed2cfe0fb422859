//! A cluster of real processes: a scheduler and executors, asked by the command.
//!
//! Every question of `tests/same_answers/*.json` (lists of arguments) has to get the same rows as without the cluster.
//! To add questions: a file there.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{self, crowsnest, market, on};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A part of a cluster; killed with the test.
struct Part {
    child: Child,
    address: String,
}

impl Part {
    fn start(arguments: &[&str], port: u16, secret: &str) -> Self {
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_crowsnest"));
        command.arg("cluster").args(arguments).args(["--listen", &address]).env("CROWSNEST_CLUSTER_SECRET", secret);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        Self { child, address }
    }

    fn scheduler() -> Self {
        let part = Self::start(&["scheduler", "--threads", "2"], free_port(), SECRET);
        part.wait_until_it_listens();
        part
    }

    fn executor(scheduler: &Self, folder: &TempDir, more: &[&str]) -> Self {
        let port = free_port();
        let work = folder.path().join(format!("executor-{port}"));
        let fixed = ["executor", "--threads", "1", "--scheduler", &scheduler.address, "--work-dir"];
        let arguments = [&fixed[..], &[work.to_str().unwrap()], more].concat();
        let part = Self::start(&arguments, port, SECRET);
        part.wait_until_it_listens();
        part
    }

    fn wait_until_it_listens(&self) {
        let began = Instant::now();
        while std::net::TcpStream::connect(&self.address).is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing listens at {}", self.address);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it said on standard error until it ended, and its exit code.
    fn ended(mut self) -> (Option<i32>, String) {
        let lines = BufReader::new(self.child.stderr.take().unwrap()).lines().map_while(Result::ok).collect::<Vec<_>>();
        (self.child.wait().unwrap().code(), lines.join("\n"))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Cluster {
    folder: TempDir,
    scheduler: Part,
    executors: Vec<Part>,
}

impl Cluster {
    fn of(n_executors: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scheduler = Part::scheduler();
        let executors = (0..n_executors).map(|_| Part::executor(&scheduler, &folder, &[])).collect();
        Self { folder, scheduler, executors }
    }

    fn ask(&self, market: &Path, arguments: &[&str]) -> std::process::Output {
        ask_at(&self.scheduler.address, SECRET, market, arguments)
    }
}

/// Asks a cluster, however little the question reads.
fn ask_at(address: &str, secret: &str, market: &Path, arguments: &[&str]) -> std::process::Output {
    let mut command = on(market);
    command.args(arguments).args(["--cluster", address, "--cluster-from-rows", "0"]);
    command.env("CROWSNEST_CLUSTER_SECRET", secret).output().unwrap()
}

/// Enough rows in enough files for several stages and tasks.
fn larger_market() -> &'static Path {
    static MARKET: std::sync::OnceLock<(TempDir, PathBuf)> = std::sync::OnceLock::new();
    let (_, path) = MARKET.get_or_init(|| {
        let folder = support::empty_market();
        let market = folder.path().join("market");
        for part in 0..4 {
            let mut text = String::from("subject,metric,period,value,source\n");
            for n in 0..60_000 {
                let (subject, month) = (n % 4_999, n % 24);
                let (year, month, value) = (2023 + month / 12, month % 12 + 1, n * 7 + part);
                text.push_str(&format!("P{subject},downloads,{year}-{month:02},{value},s{part}\n"));
            }
            let path = support::file(&folder, &format!("part-{part}.csv"), text);
            on(&market).args(["import", "--quiet"]).arg(path).assert().success();
        }
        (folder, market)
    });
    path
}

const HEAVY: &str = "SELECT c.source, c.period, count(*) AS n, sum(c.value) AS total, count(DISTINCT c.mention_id) AS p \
     FROM claims c JOIN claims d ON c.mention_id = d.mention_id AND c.metric = d.metric \
     GROUP BY 1, 2 ORDER BY 1, 2";

#[test]
fn every_question_gets_the_same_rows() {
    let cluster = Cluster::of(2);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/same_answers");
    let mut n_asked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let questions: Vec<Vec<String>> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for question in questions {
            let mut arguments: Vec<&str> = question.iter().map(String::as_str).collect();
            arguments.extend(["--format", "csv"]);
            let there = cluster.ask(market(), &arguments);
            let here = on(market()).args(&arguments).output().unwrap();
            assert!(here.status.success(), "{question:?}: {}", support::said(&here));
            assert_eq!(support::said(&there), support::said(&here), "{question:?}");
            n_asked += 1;
        }
    }
    assert!(n_asked >= 25, "only {n_asked} questions were asked");
}

#[test]
fn values_of_a_table_that_was_cut_are_told_month_by_month_on_every_executor() {
    const TOTALS: &str = "SELECT period, count(*) AS n, sum(value) AS total, max(n_vintages) AS n_vintages \
         FROM values_in_force GROUP BY period ORDER BY period";
    let cluster = Cluster::of(2);
    let folder = support::empty_market();
    let market = folder.path().join("market");
    for part in 0..4 {
        let mut text = String::from("subject,metric,period,value,source,said_on\n");
        for n in 0..24_000 {
            let (subject, month, metric) = (n % 997, n % 12 + 1, ["downloads", "mau", "web_visits"][n % 3]);
            text.push_str(&format!("P{subject},{metric},2024-{month:02},{},s1,2025-0{}-01\n", n * 7 + part, part + 1));
        }
        let path = support::file(&folder, &format!("{part}.csv"), text);
        on(&market).args(["import", "--quiet"]).arg(path).assert().success();
    }
    let answers = |market: &Path| {
        let here = on(market).args(["sql", TOTALS, "--format", "csv"]).output().unwrap();
        let there = cluster.ask(market, &["sql", TOTALS, "--format", "csv"]);
        assert!(here.status.success() && there.status.success(), "{}", support::said(&there));
        [support::said(&here), support::said(&there)]
    };
    let before = answers(&market);
    assert_eq!(before[0], before[1]);
    assert_eq!(before[0].matches("2024-").count(), 12, "{}", before[0]);
    let optimize = ["lake", "optimize", "--rows-per-file", "20_000", "--format", "csv"];
    let told = String::from_utf8(on(&market).args(optimize).output().unwrap().stdout).unwrap();
    let claims: Vec<&str> = told.lines().find(|line| line.starts_with("claims,")).unwrap().split(',').collect();
    assert_eq!((claims[1], claims[3]), ("4", "96000"), "{told}");
    assert!(claims[2].parse::<usize>().unwrap() >= 4, "{told}");
    let plan = on(&market).args(["sql", &format!("EXPLAIN {TOTALS}"), "--format", "csv"]).output().unwrap();
    let plan = support::said(&plan);
    assert!(plan.contains("SinglePartitioned") && plan.contains("PartiallySorted"), "{plan}");
    assert_eq!(answers(&market), before);
}

/// The pages of a server, asked one after another.
fn pages(market: &Path, cluster: &[&str], paths: &[&str]) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crowsnest"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--market"]).arg(market).args(cluster);
    command.env("CROWSNEST_CLUSTER_SECRET", SECRET).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().unwrap();
    let mut told = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut told).unwrap();
    let address = told.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let pages = paths.iter().map(|path| support::get(&address, path)).collect();
    server.kill().unwrap();
    server.wait().unwrap();
    pages
}

#[test]
fn pages_show_the_same() {
    const PATHS: [&str; 6] = [
        "/products.csv",
        "/league.csv?metric=mau&period=2024-12",
        "/league?metric=mau&period=2024-12",
        "/?lang=zh-Hans",
        "/events",
        "/sources.json",
    ];
    let cluster = Cluster::of(1);
    let options = ["--cluster", &cluster.scheduler.address, "--cluster-from-rows", "0"];
    let (there, here) = (pages(market(), &options, &PATHS), pages(market(), &[], &PATHS));
    // The way to the page about the cluster is there only where one is.
    let without_link = |page: &str| match page.split_once("<p><a href=\"/cluster") {
        Some((before, after)) => format!("{before}{}", after.split_once("</a></p>").unwrap().1),
        None => page.to_owned(),
    };
    for ((path, there), here) in PATHS.iter().zip(there).zip(here) {
        let there = without_link(&there);
        assert_eq!(body(&there), body(&here), "{path}");
        assert!(here.starts_with("HTTP/1.1 200"), "{path}: {here}");
    }
}

/// What follows the headers, line by line.
fn body(response: &str) -> Vec<&str> {
    response.lines().skip_while(|line| !line.is_empty()).collect()
}

/// A copy of a market in which no name was ever resolved.
fn unresolved(market: &Path, folder: &TempDir, name: &str) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let (path, copied) = (entry.path(), to.join(entry.file_name()));
            if path.is_dir() {
                copy(&path, &copied);
            } else {
                std::fs::copy(&path, &copied).unwrap();
            }
        }
    }
    let to = folder.path().join(name);
    copy(market, &to);
    for table in ["memberships", "links", "keys_of_names"] {
        std::fs::remove_dir_all(to.join("lake").join(table)).unwrap();
    }
    to
}

#[test]
fn names_are_resolved_to_the_same_entities() {
    let folder = support::empty_market();
    let mut text = String::from("subject,metric,period,value,source\n");
    for (number, name) in ["豆包", "元宝", "火山引擎", "阅读助手", "天气预报", "健康管家"].iter().enumerate()
    {
        for n in 0..200 {
            text.push_str(&format!("{name}{n},downloads,2024-12,{},s{}\n", number * 1000 + n, n % 3));
            text.push_str(&format!("{name} {n} App,downloads,2024-12,{},t{}\n", number * 1000 + n, n % 3));
        }
    }
    let path = support::file(&folder, "names.csv", text);
    let market = folder.path().join("market");
    on(&market).args(["import", "--quiet"]).arg(path).assert().success();
    let cluster = Cluster::of(1);
    let told = |output: &std::process::Output| {
        assert!(output.status.success(), "{}", support::said(output));
        let mut told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        told.as_object_mut().unwrap().remove("seconds");
        told
    };
    let resolve = ["resolve", "--format", "json", "--quiet"];
    let (ours, theirs) = (unresolved(&market, &folder, "here"), unresolved(&market, &folder, "there"));
    let here = told(&on(&ours).args(resolve).output().unwrap());
    let there = told(&cluster.ask(&theirs, &resolve));
    assert_eq!(here, there);
    assert!(here["n_candidates"].as_u64() > Some(500) && here["n_grouped"].as_u64() > Some(500), "{here}");
    let identities = ["sql", "SELECT mention_id, entity_id FROM identities ORDER BY 1", "--format", "csv"];
    let of = |market: &Path| support::said(&on(market).args(identities).output().unwrap());
    assert_eq!(of(&ours), of(&theirs));
}

#[test]
fn questions_really_run_on_the_executors() {
    let cluster = Cluster::of(1);
    let explained = cluster.ask(larger_market(), &["sql", "--explain", HEAVY]);
    assert!(support::said(&explained).contains("runs on the cluster at 127.0.0.1:"), "{}", support::said(&explained));
    let asked = cluster.ask(larger_market(), &["sql", HEAVY, "--format", "csv"]);
    assert!(asked.status.success(), "{}", support::said(&asked));
    let work = std::fs::read_dir(cluster.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let n_jobs: usize = work.map(|folder| std::fs::read_dir(folder).unwrap().count()).sum();
    assert!(n_jobs > 0, "no executor kept an outcome");
    let small = on(larger_market())
        .args([
            "sql",
            "--explain",
            "SELECT count(*) FROM claims WHERE value < 3",
            "--cluster",
            &cluster.scheduler.address,
        ])
        .env("CROWSNEST_CLUSTER_SECRET", SECRET)
        .output()
        .unwrap();
    assert!(support::said(&small).contains("runs in this process: it reads about"), "{}", support::said(&small));
}

#[test]
fn an_executor_that_is_killed_changes_no_answer() {
    let expected = on(larger_market()).args(["sql", HEAVY, "--format", "csv"]).output().unwrap();
    assert!(expected.status.success(), "{}", support::said(&expected));
    let mut cluster = Cluster::of(2);
    for moment in [300, 900] {
        let (address, market) = (cluster.scheduler.address.clone(), larger_market().to_owned());
        let asking = std::thread::spawn(move || ask_at(&address, SECRET, &market, &["sql", HEAVY, "--format", "csv"]));
        std::thread::sleep(Duration::from_millis(moment));
        cluster.executors.remove(0).kill();
        let another = Part::executor(&cluster.scheduler, &cluster.folder, &[]);
        cluster.executors.push(another);
        let answer = asking.join().unwrap();
        let told = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(answer.stdout == expected.stdout, "killed after {moment} ms: {told}");
    }
}

#[test]
fn a_scheduler_that_is_gone_is_told_and_a_new_one_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (mut scheduler, port) = (Part::scheduler(), 0);
    assert_eq!(port, 0);
    let address = scheduler.address.clone();
    scheduler.kill();
    let question = ["sql", "SELECT count(*) AS n FROM claims", "--format", "csv"];
    let output = ask_at(&address, SECRET, market(), &question);
    let said = support::said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be reached") && said.contains("hint: "), "{said}");
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let again = Part::start(&["scheduler"], port, SECRET);
    again.wait_until_it_listens();
    let _executor = Part::executor(&again, &folder, &[]);
    let output = ask_at(&address, SECRET, market(), &question);
    assert!(output.status.success(), "{}", support::said(&output));
}

#[test]
fn only_parts_with_the_secret_are_heard() {
    let cluster = Cluster::of(1);
    let other = "another-secret-that-is-long-enough-to-be-one";
    let output = ask_at(&cluster.scheduler.address, other, market(), &["sql", "SELECT count(*) FROM claims"]);
    let said = support::said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("hint: ") && !said.contains(other), "{said}");
    let fixed = ["executor", "--scheduler", &cluster.scheduler.address];
    let (code, said) = Part::start(&fixed, free_port(), other).ended();
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = Part::start(&["scheduler"], free_port(), "short").ended();
    assert!(code == Some(1) && said.contains("shorter than 32") && !said.contains("\"short\""), "{said}");
    let made = crowsnest().args(["cluster", "secret"]).output().unwrap();
    assert_eq!(made.stdout.len(), 65, "{}", support::said(&made));
}

#[test]
fn an_executor_with_little_memory_spills_or_says_so_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let scheduler = Part::scheduler();
    let _executor = Part::executor(&scheduler, &folder, &["--memory", "32MiB"]);
    let sorted = ["sql", "SELECT claim_id, value FROM claims ORDER BY value, claim_id", "--format", "csv"];
    let expected = on(larger_market()).args(sorted).output().unwrap();
    let output = ask_at(&scheduler.address, SECRET, larger_market(), &sorted);
    let said = support::said(&output);
    assert!(
        output.stdout == expected.stdout || said.contains("too little memory"),
        "{}",
        &said[..said.len().min(2000)]
    );
    let output = ask_at(&scheduler.address, SECRET, market(), &["sql", "SELECT count(*) FROM claims"]);
    assert!(output.status.success(), "{}", support::said(&output));
}

#[test]
fn nothing_listens_beyond_loopback_unless_told_and_metrics_are_served() {
    let port = free_port();
    let metrics = format!("127.0.0.1:{port}");
    let scheduler = Part::start(&["scheduler", "--metrics", &metrics], free_port(), SECRET);
    scheduler.wait_until_it_listens();
    let text = support::get(&metrics, "/metrics");
    assert!(text.contains("crowsnest_memory_bytes "), "{text}");
    let help = support::said(&crowsnest().args(["cluster", "scheduler", "--help"]).output().unwrap());
    assert!(help.contains("loopback unless you say otherwise"), "{help}");
}
