//! The connector `sql` against databases that run: PostgreSQL and MariaDB, each asked the same.

use std::time::{Duration, Instant};

use crowsnest_collect::{Clock, CollectRequest, SourceReport};

use crate::database_servers::{Kind, READER_PASSWORD, Server, Servers};
use crate::market::Played;

/// A source over a database, as its reader.
fn source(server: &Server, database: &str, query: &str, options: &str) -> String {
    let address = server.address("reader", "{secret:PASSWORD}", database);
    format!(
        "name = \"Warehouse\"\n[collect]\nconnector = \"sql\"\ntimeout_seconds = 20\n[options]\ndatabase = \"{address}\"\n\
         query = '''{query}'''\n{options}\n"
    )
}

fn market(source: &str, password: &str) -> Played {
    let played = Played::new(&[("warehouse", source)]);
    played.keep_secret("PASSWORD", password);
    played
}

async fn collect(played: &Played) -> SourceReport {
    played.collect().await.remove(0)
}

/// What came of a query that should not work.
async fn refused(server: &Server, database: &str, query: &str, options: &str) -> String {
    let report = collect(&market(&source(server, database, query, options), READER_PASSWORD)).await;
    assert_eq!((report.outcome.as_str(), report.n_documents), ("failed", 0), "{report:?}");
    report.message
}

/// Rows by the lake's names.
const FIGURES: &str = "CREATE TABLE figures (id INTEGER, subject VARCHAR(40), period VARCHAR(10), value INTEGER);
    INSERT INTO figures VALUES (8, '豆包', '2024-10', 1), (9, '豆包', '2024-11', 2), (10, '豆包', '2024-12', 3)";
const ALL: &str = "SELECT subject, 'mau' AS metric, period, value FROM figures";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_come_with_their_types() {
    let columns = "app VARCHAR(40), month DATE, users NUMERIC(22,2), n BIGINT, share DOUBLE PRECISION, paid BOOLEAN";
    let rows = "('豆包 \"x\"', '2024-12-01', 71160000.25, 9007199254740993, 0.5, TRUE, '2024-12-05 10:00:00.25', '{\"a\": [1, null]}', NULL),
        ('Kimi; --', '2024-11-01', 12820000, NULL, NULL, FALSE, '2024-12-05 10:00:00', NULL, '长')";
    let servers = Servers::running().await;
    for server in &servers.both {
        let (seen, month) = match server.kind {
            Kind::Postgres => ("TIMESTAMPTZ", "to_char(month, 'YYYY-MM')"),
            Kind::MariaDb => ("TIMESTAMP(6) NULL", "date_format(month, '%Y-%m')"),
        };
        let make = format!(
            "CREATE TABLE apps ({columns}, seen {seen}, extra JSON, note TEXT); INSERT INTO apps VALUES {rows}"
        );
        server.make("types", &make).await;
        // A column by the name of the query within, a semicolon in a text and one at the end, a comment.
        let query = format!(
            "SELECT app AS subject, 'mau' AS metric, {month} AS period, users AS value, month, n, share, paid, seen, extra,
                note, 'a;b' AS found FROM apps ORDER BY app DESC -- all of them;"
        );
        let played = market(&source(server, "types", &query, ""), READER_PASSWORD);
        let report = collect(&played).await;
        assert_eq!((report.outcome.as_str(), report.n_added, report.n_rejects), ("done", 2, 0), "{report:?}");
        let in_force = ["Kimi; -- mau 2024-11 12820000.0", "豆包 \"x\" mau 2024-12 71160000.25"];
        assert_eq!(played.in_force().await, in_force);
        let document = played.rows("SELECT document FROM documents").await.remove(0);
        let (bytes, _) = played.lake().await.documents().read_up_to(&document, 10_000).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let mut lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines.sort_by_key(|line| line["n"].is_null());
        let told = |name: &str| [lines[0][name].to_string(), lines[1][name].to_string()];
        let is_postgres = server.kind == Kind::Postgres;
        assert_eq!(told("n"), ["9007199254740993", "null"]);
        assert_eq!(told("share"), ["0.5", "null"]);
        assert_eq!(told("month"), ["\"2024-12-01\"", "\"2024-11-01\""]);
        assert_eq!(told("note"), ["null", "\"长\""]);
        assert_eq!(told("found"), ["\"a;b\"", "\"a;b\""]);
        assert_eq!(told("paid"), if is_postgres { ["true", "false"] } else { ["1", "0"] });
        if is_postgres {
            assert_eq!(told("seen"), ["\"2024-12-05T10:00:00.25+00:00\"", "\"2024-12-05T10:00:00+00:00\""]);
            assert_eq!(told("extra"), ["{\"a\":[1,null]}", "null"]);
        } else {
            assert_eq!(told("seen"), ["\"2024-12-05 10:00:00.250000\"", "\"2024-12-05 10:00:00.000000\""]);
            assert_eq!(told("extra"), ["\"{\\\"a\\\": [1, null]}\"", "null"], "its JSON is text");
        }
        let origin = played.rows("SELECT origin FROM documents").await.remove(0);
        assert_eq!(origin, server.address("reader", "{secret:PASSWORD}", "types"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_goes_on_where_the_last_run_ended() {
    let servers = Servers::running().await;
    for server in &servers.both {
        let moments =
            "ALTER TABLE figures ADD COLUMN seen TIMESTAMP(6) NULL; ALTER TABLE figures ADD COLUMN size NUMERIC(9,1);
            UPDATE figures SET size = id";
        server.make("going_on", &format!("{FIGURES}; {moments}")).await;
        let seen = |id: u32, at: &str| format!("UPDATE figures SET seen = '{at}' WHERE id = {id}");
        for (id, moment) in [(8, "2024-11-05 10:00:00"), (9, "2024-12-05 10:00:00"), (10, "2024-12-05 10:00:00.5")] {
            server.execute("going_on", &seen(id, moment)).await;
        }
        let mut markets = Vec::new();
        for (column, first) in [("id", "0"), ("seen", "1970-01-01"), ("size", "8.5")] {
            let query = format!(
                "SELECT subject, 'mau' AS metric, period, value, {column} FROM figures WHERE {column} > {{cursor}} ORDER BY {column}"
            );
            let options = format!("cursor_column = \"{column}\"\nfirst_cursor = \"{first}\"");
            let played = market(&source(server, "going_on", &query, &options), READER_PASSWORD);
            let report = collect(&played).await;
            let n = if column == "size" { 2 } else { 3 };
            assert_eq!((report.outcome.as_str(), report.n_added), ("done", n), "{column}: {report:?}");
            let again = collect(&played).await;
            assert_eq!((again.outcome.as_str(), again.n_claims), ("done", 0), "{column}: {again:?}");
            markets.push((column, played));
        }
        let more = "INSERT INTO figures VALUES (11, '豆包', '2025-01', 4, '2024-12-05 10:00:00.500001', 11), \
             (100, '豆包', '2025-02', 5, '2025-03-01 00:00:00', 100)";
        server.execute("going_on", more).await;
        for (column, played) in &markets {
            let report = collect(played).await;
            assert_eq!((report.n_claims, report.n_added), (2, 2), "{column}: {report:?}");
            assert_eq!(collect(played).await.n_claims, 0, "{column}");
            let since = CollectRequest { since: Some("2024-12-05".parse().unwrap()), ..CollectRequest::default() };
            if *column == "seen" {
                let report = played.collect_with(since, Clock::default()).await.remove(0);
                assert_eq!((report.n_claims, report.n_added), (4, 0), "{report:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_refuses_is_told_in_its_words() {
    let servers = Servers::running().await;
    for server in &servers.both {
        server.make("refusing", FIGURES).await;
        let played = market(&source(server, "refusing", ALL, ""), "wr0ng/pass:w%rd");
        let report = collect(&played).await;
        assert_eq!(report.outcome, "failed", "{report:?}");
        assert!(report.message.contains("reader") && !report.message.contains("wr0ng"), "{report:?}");
        for hidden in [READER_PASSWORD, "wr0ng"] {
            let state = std::fs::read(played.dir().join("state.db")).unwrap();
            assert!(!state.windows(hidden.len()).any(|window| window == hidden.as_bytes()));
        }
        let told = refused(server, "refusing", &ALL.replace("value", "valeu"), "").await;
        assert!(told.starts_with("the database says: ") && told.contains("valeu"), "{told}");
        let told = refused(server, "refusing", &format!("{ALL}; SELECT 1"), "").await;
        assert!(told.starts_with("the database says: "), "{told}");
        let told = refused(server, "not_there", ALL, "").await;
        assert!(told.starts_with("the database says: ") && told.contains("not_there"), "{told}");
        let told = refused(server, "refusing", ALL, "rows_max = 2").await;
        assert!(told.contains("more than 2 rows") && told.contains("rows_max"), "{told}");
    }
    let nobody = "name = \"Nobody\"\n[collect]\nconnector = \"sql\"\n[options]\n\
        database = \"postgres://reader:{secret:PASSWORD}@127.0.0.1:9/a\"\nquery = \"SELECT 1\"\n";
    let report = collect(&market(nobody, READER_PASSWORD)).await;
    assert!(report.message.starts_with("the database cannot be reached: "), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_query_is_stopped_here_and_there() {
    let servers = Servers::running().await;
    for server in &servers.both {
        let (slow, n_running) = match server.kind {
            Kind::Postgres => (
                "SELECT 'a' AS subject, 'mau' AS metric, '2024-12' AS period, 1 AS value FROM pg_sleep(60)",
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'reader' AND datname = 'slow' AND state <> 'idle'",
            ),
            Kind::MariaDb => (
                "SELECT 'a' AS subject, 'mau' AS metric, '2024-12' AS period, sleep(60) AS value",
                "SELECT count(*) FROM information_schema.processlist WHERE user = 'reader' AND db = 'slow'",
            ),
        };
        server.make("slow", FIGURES).await;
        let text = source(server, "slow", slow, "").replace("timeout_seconds = 20", "timeout_seconds = 1");
        let began = Instant::now();
        let report = collect(&market(&text, READER_PASSWORD)).await;
        assert_eq!(report.outcome, "failed", "{report:?}");
        assert!(report.message.contains("takes longer than 1 s") && report.message.contains("timeout_seconds"));
        assert!(began.elapsed() < Duration::from_secs(20));
        while server.number("slow", n_running).await > 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "{:?} still works on it", server.kind);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_writes_nothing_though_its_user_may() {
    let servers = Servers::running().await;
    for server in &servers.both {
        let wipe = match server.kind {
            Kind::Postgres => {
                "CREATE FUNCTION wipe() RETURNS INTEGER LANGUAGE sql AS 'DELETE FROM figures RETURNING id'; CREATE SEQUENCE s"
            }
            Kind::MariaDb => {
                "CREATE FUNCTION wipe() RETURNS INTEGER MODIFIES SQL DATA BEGIN DELETE FROM figures; RETURN 1; END"
            }
        };
        server.make("writing", &format!("{FIGURES}; {wipe}")).await;
        let row = "'a' AS subject, 'mau' AS metric, '2024-12' AS period";
        let told = refused(server, "writing", &format!("SELECT {row}, wipe() AS value"), "").await;
        let is_told = told.contains("read-only") || told.contains("READ ONLY");
        assert!(is_told, "{told}");
        for query in [
            "WITH gone AS (DELETE FROM figures RETURNING id) SELECT * FROM gone",
            "SELECT 1 AS a) AS found; DELETE FROM figures; SELECT * FROM (SELECT 1 AS a",
            "SELECT 1 AS a) AS found; COMMIT; DELETE FROM figures; SELECT * FROM (SELECT 1 AS a",
        ] {
            refused(server, "writing", query, "").await;
        }
        assert_eq!(server.number("writing", "SELECT count(*) FROM figures").await, 3, "{:?}", server.kind);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sqlite_file_is_found_from_the_markets_folder() {
    let text = "name = \"Theirs\"\n[collect]\nconnector = \"sql\"\n[options]\ndatabase = \"sqlite://state.db\"\n\
        query = \"SELECT source AS subject, 'mau' AS metric, '2024-12' AS period, n_calls AS value FROM source_runs\"\n";
    let played = Played::new(&[("theirs", text)]);
    let report = collect(&played).await;
    assert_eq!(report.outcome, "done", "a market's own state is a SQLite file, too: {report:?}");
    assert_eq!(played.in_force().await, ["Theirs mau 2024-12 0.0"]);
    played.write("theirs", &text.replace("source_runs", "nowhere"));
    let report = collect(&played).await;
    assert!(report.message.starts_with("the database says: no such table: nowhere"), "{report:?}");
}
