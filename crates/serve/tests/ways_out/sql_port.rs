//! The SQL port with a client in Rust: what it sees, what it refuses, what it leaves out, and who gets in.

use std::net::SocketAddr;
use std::path::Path;

use crowsnest_lake::Lake;
use crowsnest_serve::{ServeError, SqlLimits, SqlOptions, TlsFiles, serve_sql};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::Small;

struct Port {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Port {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn options(listen: &str) -> SqlOptions {
    SqlOptions { listen: listen.parse().unwrap(), tls: None, limits: SqlLimits::default(), password: None }
}

async fn opened(lake: &Lake, options: SqlOptions) -> Port {
    let (bound, address) = oneshot::channel();
    let serving = serve_sql(lake.clone(), options, bound, std::future::pending());
    let serving = tokio::spawn(async move { serving.await.unwrap() });
    Port { address: address.await.unwrap(), serving }
}

fn client(port: &Port) -> PgConnectOptions {
    PgConnectOptions::new().host("127.0.0.1").port(port.address.port()).username("ann").database("crowsnest")
}

async fn connected(port: &Port) -> PgConnection {
    client(port).ssl_mode(PgSslMode::Disable).connect().await.unwrap()
}

async fn count(connection: &mut PgConnection, query: &str) -> i64 {
    sqlx::query(AssertSqlSafe(query.to_owned())).fetch_one(connection).await.unwrap().get(0)
}

async fn code_of(connection: &mut PgConnection, query: &str) -> String {
    let error = sqlx::raw_sql(AssertSqlSafe(query.to_owned())).fetch_all(connection).await.unwrap_err();
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

#[tokio::test]
async fn a_prepared_question_sees_what_was_committed_since() {
    let small = Small::new().await;
    let port = opened(&small.lake, options("127.0.0.1:0")).await;
    let mut connection = connected(&port).await;
    let prepared = "SELECT count(*) FROM claims WHERE metric = $1";
    let ask = async |connection: &mut PgConnection| -> i64 {
        sqlx::query(prepared).bind("mau").fetch_one(connection).await.unwrap().get(0)
    };
    assert_eq!(ask(&mut connection).await, 5);
    small.grow().await;
    assert_eq!(ask(&mut connection).await, 6);
    sqlx::raw_sql("SET as_of = '2025-01-31'").execute(&mut connection).await.unwrap();
    assert_eq!(ask(&mut connection).await, 3, "what was known by then");
    assert_eq!(count(&mut connection, "SELECT count(*) FROM claims_in_force").await, 3);
    sqlx::raw_sql("RESET as_of").execute(&mut connection).await.unwrap();
    assert_eq!(ask(&mut connection).await, 6);
    let together = code_of(&mut connection, "SET as_of = '2025-01-31'; SELECT count(*) FROM claims").await;
    assert_eq!(together, "0A000", "the moment of that question would not be clear");
}

#[tokio::test]
async fn nothing_but_reading() {
    let small = Small::new().await;
    let port = opened(&small.lake, options("127.0.0.1:0")).await;
    let mut connection = connected(&port).await;
    for (statement, code) in [
        ("CREATE TABLE t AS SELECT 1", "25006"),
        ("INSERT INTO claims SELECT * FROM claims", "25006"),
        ("COPY claims TO '/tmp/claims.csv'", "25006"),
        ("DROP TABLE claims", "25006"),
        ("SET datafusion.execution.batch_size = 1", "42501"),
        ("SET as_of = 'one day'", "22023"),
        ("SELECT nothing FROM claims", "42703"),
        ("SELECT * FROM nothing", "42P01"),
        ("SELEC 1", "42601"),
    ] {
        assert_eq!(code_of(&mut connection, statement).await, code, "{statement}");
    }
    assert_eq!(count(&mut connection, "SELECT count(*) FROM claims").await, 5);
}

#[tokio::test]
async fn time_rows_and_memory_have_limits() {
    let small = Small::new().await;
    let limits = SqlLimits { seconds: 1, memory_bytes: 8 << 20, n_rows: 1000 };
    let port = opened(&small.lake, SqlOptions { limits, ..options("127.0.0.1:0") }).await;
    let mut connection = connected(&port).await;
    assert_eq!(code_of(&mut connection, "SELECT * FROM generate_series(1, 1001)").await, "54000");
    let rows = sqlx::raw_sql("SELECT * FROM generate_series(1, 1000)").fetch_all(&mut connection).await.unwrap();
    assert_eq!(rows.len(), 1000);
    let long =
        "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b WHERE a.value < b.value";
    assert_eq!(code_of(&mut connection, long).await, "57014");
    let large = "SELECT cardinality(array_agg(value)) FROM generate_series(1, 5000000)";
    let refused = code_of(&mut connection, large).await;
    assert!(["53200", "57014"].contains(&refused.as_str()), "{refused}");
    // What would take its memory outside the pool, terabytes of it, and end the program with it.
    for (statement, code) in [
        ("SELECT array_agg(value) OVER () FROM generate_series(1, 2000000)", "54000"),
        ("SELECT cardinality(range(1, 9000000000000))", "42883"),
        ("SELECT cardinality(array_repeat(1, 9000000000000))", "42883"),
    ] {
        assert_eq!(code_of(&mut connection, statement).await, code, "{statement}");
    }
    assert_eq!(count(&mut connection, "SELECT count(*) FROM claims").await, 5, "the connection goes on");
}

fn certificate(folder: &Path) -> TlsFiles {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

#[tokio::test]
async fn beyond_this_machine_there_is_tls_a_password_and_no_restricted_row() {
    let small = Small::new().await;
    let folder = tempfile::tempdir().unwrap();
    let tls = certificate(folder.path());
    let shared = SqlOptions { tls: Some(tls), password: Some("right".to_owned()), ..options("0.0.0.0:0") };
    let port = opened(&small.lake, shared.clone()).await;
    let tls = client(&port).ssl_mode(PgSslMode::Require);
    assert!(client(&port).password("right").ssl_mode(PgSslMode::Disable).connect().await.is_err(), "without TLS");
    assert!(tls.clone().password("wrong").connect().await.is_err());
    assert!(tls.clone().connect().await.is_err(), "without a password");
    let mut connection = tls.password("right").connect().await.unwrap();
    assert_eq!(count(&mut connection, "SELECT count(*) FROM claims").await, 3);
    assert_eq!(count(&mut connection, "SELECT count(*) FROM claims_named WHERE source = 'Secret'").await, 0);
    assert_eq!(count(&mut connection, "SELECT count(*) FROM mentions WHERE source = 'Secret'").await, 0);
    assert_eq!(
        count(&mut connection, "SELECT count(*) FROM league('mau', '2024-12') WHERE source = 'Secret'").await,
        0
    );
    connection.close().await.unwrap();

    let unsafe_ones = [SqlOptions { tls: None, ..shared.clone() }, SqlOptions { password: None, ..shared }];
    for options in unsafe_ones {
        let (bound, _address) = oneshot::channel();
        let refused = serve_sql(small.lake.clone(), options, bound, std::future::pending()).await.unwrap_err();
        assert!(matches!(refused, ServeError::BadRequest { .. }), "{refused}");
    }
}

#[tokio::test]
async fn at_home_a_password_is_asked_for_where_one_is_set() {
    let small = Small::new().await;
    let port = opened(&small.lake, SqlOptions { password: Some("right".to_owned()), ..options("127.0.0.1:0") }).await;
    let home = client(&port).ssl_mode(PgSslMode::Disable);
    assert!(home.clone().password("wrong").connect().await.is_err());
    let mut connection = home.password("right").connect().await.unwrap();
    assert_eq!(count(&mut connection, "SELECT count(*) FROM claims").await, 5, "the owner sees all of it");
}
