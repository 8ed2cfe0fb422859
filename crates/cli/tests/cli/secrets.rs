//! `secret`: kept encrypted, used by who needs it, told of without its value; and what happens without its key.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use assert_cmd::Command;
use tempfile::TempDir;

use crate::support::{empty_market, file, json, on, said};

const VALUE: &str = "four-words-and-more";
/// What a source's server hears last.
const LAST: &str = "that was all";

fn market() -> (TempDir, PathBuf) {
    let folder = empty_market();
    let market = folder.path().join("market");
    (folder, market)
}

/// The command with a home of its own, where the key is made.
fn at_home(market: &Path, folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = on(market);
    command.env_remove("CROWSNEST_KEY").env_remove("CROWSNEST_KEY_FILE");
    command.env("XDG_CONFIG_HOME", folder.path().join("home")).args(arguments);
    command
}

fn set(market: &Path, folder: &TempDir, name: &str, value: &str) -> String {
    let output = at_home(market, folder, &["secret", "set", name]).write_stdin(format!("{value}\n")).output().unwrap();
    said(&output)
}

fn states(market: &Path, folder: &TempDir) -> Vec<(String, String)> {
    let output = at_home(market, folder, &["secret", "list", "--format", "json"]).output().unwrap();
    assert!(output.status.success() && !said(&output).contains(VALUE), "{}", said(&output));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter().map(|row| (text(row, "name"), text(row, "state"))).collect()
}

fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        let is_in = |bytes: Vec<u8>| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        if path.is_dir() { holds(&path, text) } else { is_in(std::fs::read(&path).unwrap()) }
    })
}

#[test]
fn a_secret_is_kept_encrypted_and_told_of_without_its_value() {
    let (folder, market) = market();
    let told = set(&market, &folder, "SLACK_URL", VALUE);
    assert!(told.starts_with("exit code 0") && !told.contains(VALUE), "{told}");
    assert_eq!(states(&market, &folder), [("SLACK_URL".into(), "readable".into())]);
    assert!(!holds(&market, VALUE), "a file of the market holds the secret");
    let key = folder.path().join("home/crowsnest/key");
    assert_eq!(std::fs::read_to_string(&key).unwrap().trim().len(), 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&key), mode(&market.join("state.db")) & 0o007), (0o600, 0));
    }
    let refused = at_home(&market, &folder, &["secret", "set", "not a name"]).write_stdin("x").output().unwrap();
    assert!(refused.status.code() == Some(1) && said(&refused).contains("hint: "), "{}", said(&refused));
    let gone = at_home(&market, &folder, &["secret", "remove", "SLACK_URL"]).output().unwrap();
    assert!(gone.status.success() && states(&market, &folder).is_empty(), "{}", said(&gone));
    let again = at_home(&market, &folder, &["secret", "remove", "SLACK_URL"]).output().unwrap();
    assert!(again.status.code() == Some(1) && said(&again).contains("no secret SLACK_URL is kept"), "{}", said(&again));
    let log = json(&market, &["audit"]);
    let did: Vec<&str> = log.as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(did, ["secret.remove", "secret.set"]);
    assert!(!log.to_string().contains(VALUE));
}

/// A source that shows `FIGURES_TOKEN` to its server, which tells what it was asked and answers nothing that could be read.
struct Closed {
    address: SocketAddr,
    heads: JoinHandle<String>,
}

impl Closed {
    fn begin(market: &Path) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let source = format!(
            "name = \"Closed\"\n[collect]\nconnector = \"http_json\"\nschedule = \"0 6 * * *\"\nallow_private_addresses = true\n\
             [options]\nurl = \"http://{address}/figures.json\"\nheaders = {{ Authorization = \"Bearer {{secret:FIGURES_TOKEN}}\" }}\n\
             [map.columns]\nsubject = \"a\"\n[map.constants]\nmetric = \"mau\"\n"
        );
        std::fs::write(market.join("sources/closed.toml"), source).unwrap();
        let heads = std::thread::spawn(move || {
            let mut heads = String::new();
            while !heads.contains(LAST) {
                let (mut stream, _) = server.accept().unwrap();
                let mut head = [0; 4096];
                let n = stream.read(&mut head).unwrap();
                heads.push_str(&String::from_utf8_lossy(&head[..n]));
                let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                // Whoever said that it was all may be gone.
                let _ = stream.write_all(answer);
            }
            heads
        });
        Self { address, heads }
    }

    /// The values that it was shown, without what is the same as the one before.
    fn shown(self) -> Vec<String> {
        TcpStream::connect(self.address).unwrap().write_all(LAST.as_bytes()).unwrap();
        let heads = self.heads.join().unwrap().to_lowercase();
        let values = heads.lines().filter_map(|line| line.strip_prefix("authorization: bearer "));
        let mut values: Vec<String> = values.map(str::to_owned).collect();
        values.dedup();
        values
    }
}

#[test]
fn a_source_uses_what_is_kept_and_says_what_is_wrong_with_another_key() {
    let (folder, market) = market();
    let closed = Closed::begin(&market);
    let collect = |key: &str| {
        let mut command = at_home(&market, &folder, &["collect", "closed"]);
        if !key.is_empty() {
            command.env("CROWSNEST_KEY", key);
        }
        said(&command.output().unwrap())
    };
    let told = collect("");
    assert!(told.contains("crowsnest secret set FIGURES_TOKEN"), "{told}");
    assert!(set(&market, &folder, "FIGURES_TOKEN", VALUE).starts_with("exit code 0"));
    let told = collect(&"ab".repeat(32));
    assert!(told.contains("was encrypted with key ") && !told.contains(VALUE), "{told}");
    let told = collect("");
    assert!(!told.contains(VALUE), "{told}");
    assert_eq!(closed.shown(), [VALUE], "once it could be read, and never before");
}

#[test]
fn keys_that_are_wrong_missing_or_in_the_market_are_told() {
    let (folder, market) = market();
    assert!(set(&market, &folder, "A_TOKEN", VALUE).starts_with("exit code 0"));
    let with = |name: &str, value: &str, arguments: &[&str]| {
        let output = at_home(&market, &folder, arguments).env(name, value).write_stdin("other").output().unwrap();
        said(&output)
    };
    let told = with("CROWSNEST_KEY", "short", &["secret", "set", "B_TOKEN"]);
    assert!(
        told.starts_with("exit code 1") && told.contains("64 hexadecimal digits") && !told.contains("short"),
        "{told}"
    );
    let told = with("CROWSNEST_KEY", &"cd".repeat(32), &["secret", "set", "B_TOKEN"]);
    assert!(told.starts_with("exit code 1") && told.contains("are encrypted with key"), "{told}");
    let told = with("CROWSNEST_KEY", &"cd".repeat(32), &["secret", "list"]);
    assert!(told.contains("other key"), "{told}");
    let missing = folder.path().join("nowhere");
    let told = with("CROWSNEST_KEY_FILE", missing.to_str().unwrap(), &["secret", "set", "B_TOKEN"]);
    assert!(told.starts_with("exit code 1") && told.contains("there is no key file"), "{told}");
    let inside = market.join("key");
    std::fs::write(&inside, "cd".repeat(32)).unwrap();
    let told = with("CROWSNEST_KEY_FILE", inside.to_str().unwrap(), &["secret", "set", "B_TOKEN"]);
    assert!(told.starts_with("exit code 1") && told.contains("lies in the market"), "{told}");
    // A server must not take a password that cannot be read for no password.
    assert!(set(&market, &folder, "CROWSNEST_SQL_PASSWORD", VALUE).starts_with("exit code 0"));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--sql", "127.0.0.1:0"];
    let told = with("CROWSNEST_KEY", &"cd".repeat(32), &serve);
    assert!(told.starts_with("exit code 1") && told.contains("CROWSNEST_SQL_PASSWORD"), "{told}");
    // Questions that need no secret are answered all the same.
    assert!(with("CROWSNEST_KEY", &"cd".repeat(32), &["metrics"]).starts_with("exit code 0"));
}

#[test]
fn a_row_in_the_place_of_another_is_no_secret() {
    let (folder, market) = market();
    for (name, value) in [("A_TOKEN", VALUE), ("B_TOKEN", "of-something-else")] {
        assert!(set(&market, &folder, name, value).starts_with("exit code 0"));
    }
    let state = market.join("state.db");
    let mut bytes = std::fs::read(&state).unwrap();
    let is_name = |window: &[u8]| window == b"A_TOKEN" || window == b"B_TOKEN";
    let places: Vec<usize> = (0..bytes.len() - 6).filter(|at| is_name(&bytes[*at..at + 7])).collect();
    assert!(places.len() >= 2);
    for at in places {
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    }
    std::fs::write(&state, bytes).unwrap();
    let found = states(&market, &folder);
    assert!(found.len() == 2 && found.iter().all(|(_, state)| state == "damaged"), "{found:?}");
}

#[test]
fn a_backup_holds_secrets_encrypted_and_a_restore_without_their_key_says_so() {
    let (folder, market) = market();
    assert!(set(&market, &folder, "A_TOKEN", VALUE).starts_with("exit code 0"));
    let backup = folder.path().join("backup");
    assert!(at_home(&market, &folder, &["backup"]).arg(&backup).output().unwrap().status.success());
    assert!(!holds(&backup, VALUE));
    let restore = |into: &str, key: Option<&str>| {
        let mut command = at_home(&market, &folder, &["restore"]);
        command.arg(&backup).arg(folder.path().join(into));
        if let Some(key) = key {
            command.env("CROWSNEST_KEY", key);
        }
        said(&command.output().unwrap())
    };
    let told = restore("with", None);
    assert!(told.starts_with("exit code 0") && !told.contains("cannot be read"), "{told}");
    let told = restore("without", Some(&"cd".repeat(32)));
    assert!(told.starts_with("exit code 0") && told.contains("cannot be read (A_TOKEN)"), "{told}");
    assert_eq!(states(&folder.path().join("without"), &folder), [("A_TOKEN".into(), "readable".into())]);
}

#[test]
fn the_environment_goes_before_the_secrets_file_and_that_before_what_is_kept() {
    let (of_file, of_environment) = ("of-the-secrets-file", "of-the-environment");
    for (is_in_file, is_in_environment, used) in
        [(false, false, VALUE), (true, false, of_file), (false, true, of_environment), (true, true, of_environment)]
    {
        let (folder, market) = market();
        assert!(set(&market, &folder, "FIGURES_TOKEN", VALUE).starts_with("exit code 0"));
        if is_in_file {
            let secrets = file(&folder, "secrets.toml", format!("FIGURES_TOKEN = \"{of_file}\"\n"));
            let config = market.join("crowsnest.toml");
            let text = std::fs::read_to_string(&config).unwrap();
            std::fs::write(&config, format!("secrets = {:?}\n{text}", secrets.display())).unwrap();
        }
        let closed = Closed::begin(&market);
        let mut collect = at_home(&market, &folder, &["collect", "closed"]);
        if is_in_environment {
            collect.env("FIGURES_TOKEN", of_environment);
        }
        if used != VALUE {
            // With another key what is kept cannot be read, which matters to nobody who has it from elsewhere.
            collect.env("CROWSNEST_KEY", "ab".repeat(32));
        }
        let told = said(&collect.output().unwrap());
        assert_eq!(closed.shown(), [used], "{told}");
    }
}
