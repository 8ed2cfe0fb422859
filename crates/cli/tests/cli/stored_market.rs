//! A market whose tables and documents are in an object store.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::s3::{self, KEY, SECRET, serve, with_store};
use crate::support::{self, CLAIMS, EVENTS, crowsnest, file, on};

/// A market of its own, in a bucket of a store.
fn stored_market(folder: &TempDir, name: &str) -> (std::path::PathBuf, String) {
    let bucket = folder.path().join("store/radar");
    std::fs::create_dir_all(&bucket).unwrap();
    let endpoint = serve(&folder.path().join("store"));
    let market = folder.path().join(name);
    new_market(&market, &endpoint);
    (market, endpoint)
}

fn new_market(market: &Path, endpoint: &str) {
    let mut command = crowsnest();
    with_store(&mut command, endpoint)
        .args(["new", "--name", "test", "--storage", "s3://radar/markets/ai"])
        .arg(market);
    command.assert().success();
}

fn answer(market: &Path, endpoint: &str, arguments: &[&str]) -> String {
    let output = with_store(&mut on(market), endpoint).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", support::said(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn everything_is_in_the_store_and_answers_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (market, endpoint) = stored_market(&folder, "market");
    let local = folder.path().join("local");
    crowsnest().args(["new", "--name", "test"]).arg(&local).assert().success();
    let claims = file(&folder, "claims.csv", CLAIMS);
    let events = file(&folder, "events.csv", EVENTS);
    for path in [&claims, &events] {
        let path = path.to_str().unwrap();
        answer(&market, &endpoint, &["import", path]);
        on(&local).args(["import", path]).assert().success();
    }
    assert!(!market.join("lake").exists(), "tables are in the store only");
    for question in [
        &["league", "--metric", "mau", "--period", "2024-12", "--format", "csv"][..],
        &["show", "豆包", "--format", "csv"],
        &["sql", "SELECT claim_id, value, known_at IS NULL FROM claims ORDER BY claim_id", "--format", "csv"],
        &["sql", "SELECT document, n_bytes FROM documents ORDER BY document", "--format", "csv"],
    ] {
        let here = String::from_utf8(on(&local).args(question).output().unwrap().stdout).unwrap();
        assert_eq!(answer(&market, &endpoint, question), here, "{question:?}");
    }
    let document = answer(
        &market,
        &endpoint,
        &["sql", "SELECT document FROM documents WHERE name = 'claims.csv'", "--format", "csv"],
    );
    let sha256 = document.lines().nth(1).unwrap();
    assert_eq!(answer(&market, &endpoint, &["document", sha256, "--raw"]), CLAIMS);
    assert!(answer(&market, &endpoint, &["import", claims.to_str().unwrap()]).contains("0 claims added"));
    answer(&market, &endpoint, &["doctor", "--deep"]);
    answer(&market, &endpoint, &["lake", "optimize"]);
    answer(&market, &endpoint, &["lake", "vacuum", "--hours", "0"]);
    assert!(answer(&market, &endpoint, &["lake", "status"]).contains("claims"));
}

#[test]
fn an_address_that_is_none_makes_no_market() {
    let folder = tempfile::tempdir().unwrap();
    for address in ["nonsense", "s3://", "https://example.org/a"] {
        let market = folder.path().join("market");
        let output = crowsnest().args(["new", "--storage", address]).arg(&market).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", support::said(&output));
        assert!(support::said(&output).contains("s3://bucket/folder") && !market.exists(), "{address}");
    }
}

#[test]
fn secrets_may_stand_in_a_file_and_are_never_told() {
    let folder = tempfile::tempdir().unwrap();
    let (market, endpoint) = stored_market(&folder, "market");
    let secrets = folder.path().join("secrets.toml");
    let lines = |secret: &str| {
        format!(
            "AWS_ENDPOINT_URL = \"{endpoint}\"\nAWS_ALLOW_HTTP = \"true\"\nAWS_REGION = \"us-east-1\"\n\
             AWS_ACCESS_KEY_ID = \"{KEY}\"\nAWS_SECRET_ACCESS_KEY = \"{secret}\"\n"
        )
    };
    let config = market.join("crowsnest.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace("# secrets = ", "secrets = ");
    std::fs::write(&config, text).unwrap();
    std::fs::write(&secrets, lines(SECRET)).unwrap();
    let output = on(&market).args(["lake", "status", "-vvv"]).output().unwrap();
    assert!(output.status.success(), "{}", support::said(&output));
    assert!(!support::said(&output).contains(SECRET));
    std::fs::write(&secrets, lines("a-wrong-secret-of-somebody")).unwrap();
    let output = on(&market).args(["lake", "status"]).output().unwrap();
    let said = support::said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("hint: ") && !said.contains("a-wrong-secret"), "{said}");
}

#[test]
fn two_writers_lose_nothing_though_they_are_killed() {
    const FILES: usize = 12;
    let folder = tempfile::tempdir().unwrap();
    let (first, endpoint) = stored_market(&folder, "first");
    let second = folder.path().join("second");
    new_market(&second, &endpoint);
    let writers: Vec<_> = [(first.clone(), "one"), (second, "two")]
        .into_iter()
        .map(|(market, source)| {
            let endpoint = endpoint.clone();
            let folder = folder.path().to_owned();
            std::thread::spawn(move || {
                for n in 0..FILES {
                    let path = folder.join(format!("{source}-{n}.csv"));
                    let own = format!("豆包,mau,2024-{:02},{}\n", n % 12 + 1, n + 1);
                    std::fs::write(&path, format!("subject,metric,period,value\n{own}")).unwrap();
                    import(&market, &endpoint, source, &path, n % 3 == 1);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let counts = answer(
        &first,
        &endpoint,
        &[
            "sql",
            "SELECT source, count(*), count(DISTINCT claim_id) FROM claims GROUP BY 1 ORDER BY 1",
            "--format",
            "csv",
        ],
    );
    let lines: Vec<&str> = counts.lines().skip(1).collect();
    assert_eq!(lines, [format!("one,{FILES},{FILES}"), format!("two,{FILES},{FILES}")]);
}

/// Imports a file; where asked to, a first try is killed on its way.
fn import(market: &Path, endpoint: &str, source: &str, path: &Path, is_killed_first: bool) {
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crowsnest"));
        command.env("CROWSNEST_MARKET", market).args(["import", "--quiet", "--source", source]).arg(path);
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", s3::KEY).env("AWS_SECRET_ACCESS_KEY", s3::SECRET);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    if is_killed_first {
        let mut child = command().spawn().unwrap();
        let moment = 40 + path.to_string_lossy().bytes().map(u64::from).sum::<u64>() % 400;
        std::thread::sleep(std::time::Duration::from_millis(moment));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
    }
    let is_imported = (0..20).any(|_| command().status().unwrap().success());
    assert!(is_imported, "{} could not be imported", path.display());
}
