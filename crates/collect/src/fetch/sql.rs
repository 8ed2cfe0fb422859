//! The rows of a query in somebody's database, as lines of JSON: Postgres, MySQL and its kin, SQLite files.

use std::str::FromStr as _;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Map, Value};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Column as _, ConnectOptions as _, Connection as _, Row as _};

/// Rows that one query may give, at most.
pub(crate) const SQL_ROWS_MAX: u64 = 1_000_000;

/// Asks a database; `{cursor}` in the query becomes where the last run ended, in quotes.
///
/// # Errors
/// What the database says, in a sentence.
pub(crate) async fn rows_of_query(
    address: &str,
    query: &str,
    cursor: Option<&str>,
    n_rows_max: u64,
    timeout: Duration,
) -> Result<Vec<u8>, String> {
    let quoted = format!("'{}'", cursor.unwrap_or_default().replace('\'', "''"));
    let query = query.replace("{cursor}", &quoted);
    let query = query.trim().trim_end_matches(';').to_owned();
    let asking = async {
        match address.split("://").next().unwrap_or_default() {
            "postgres" | "postgresql" => postgres(address, &query, n_rows_max).await,
            "mysql" | "mariadb" => mysql(address, &query, n_rows_max).await,
            "sqlite" => sqlite(address, &query, n_rows_max).await,
            other => Err(format!("database begins with {other}://: expected postgres, mysql or sqlite")),
        }
    };
    match tokio::time::timeout(timeout, asking).await {
        Ok(rows) => rows,
        Err(_) => Err("the query takes longer than timeout_seconds allows".into()),
    }
}

/// The database makes the JSON, so that its types are its own.
async fn postgres(address: &str, query: &str, n_rows_max: u64) -> Result<Vec<u8>, String> {
    let options = PgConnectOptions::from_str(address).map_err(in_words)?.disable_statement_logging();
    let mut connection = options.connect().await.map_err(in_words)?;
    let sql = format!("SELECT row_to_json(found)::text FROM ({query}) AS found LIMIT {}", n_rows_max + 1);
    let mut lines = Lines::new(n_rows_max);
    {
        let mut rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).fetch(&mut connection);
        while let Some(row) = rows.next().await {
            let line: String = row.map_err(in_words)?.try_get(0).map_err(in_words)?;
            lines.push(line.as_bytes())?;
        }
    }
    let _ = connection.close().await;
    Ok(lines.bytes)
}

/// Asked as text, the database writes every value itself.
async fn mysql(address: &str, query: &str, n_rows_max: u64) -> Result<Vec<u8>, String> {
    let address = address.replacen("mariadb://", "mysql://", 1);
    let options = MySqlConnectOptions::from_str(&address).map_err(in_words)?.disable_statement_logging();
    let mut connection = options.connect().await.map_err(in_words)?;
    let sql = format!("SELECT * FROM ({query}) AS found LIMIT {}", n_rows_max + 1);
    let mut lines = Lines::new(n_rows_max);
    {
        let mut rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).fetch(&mut connection);
        while let Some(row) = rows.next().await {
            let row = row.map_err(in_words)?;
            let mut record = Map::new();
            for column in row.columns() {
                let text: Option<String> = row.try_get_unchecked(column.ordinal()).map_err(in_words)?;
                record.insert(column.name().to_owned(), text.map_or(Value::Null, Value::String));
            }
            lines.push(Value::Object(record).to_string().as_bytes())?;
        }
    }
    let _ = connection.close().await;
    Ok(lines.bytes)
}

async fn sqlite(address: &str, query: &str, n_rows_max: u64) -> Result<Vec<u8>, String> {
    let path = address.trim_start_matches("sqlite://").to_owned();
    let query = query.to_owned();
    let asking = tokio::task::spawn_blocking(move || {
        let mut lines = Lines::new(n_rows_max);
        let mut failed = None;
        crowsnest_lake::foreign::sqlite_rows(path.as_ref(), &query, &mut |record| {
            failed = lines.push(Value::Object(record).to_string().as_bytes()).err();
            failed.is_none()
        })
        .map_err(|error| error.to_string())?;
        failed.map_or(Ok(lines.bytes), Err)
    });
    asking.await.map_err(|error| error.to_string())?
}

struct Lines {
    bytes: Vec<u8>,
    n_left: u64,
    n_rows_max: u64,
}

impl Lines {
    fn new(n_rows_max: u64) -> Self {
        Self { bytes: Vec::new(), n_left: n_rows_max, n_rows_max }
    }

    fn push(&mut self, line: &[u8]) -> Result<(), String> {
        if self.n_left == 0 {
            return Err(format!("the query gives more than {} rows: narrow it, or go on by a cursor", self.n_rows_max));
        }
        self.n_left -= 1;
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        Ok(())
    }
}

fn in_words(error: sqlx::Error) -> String {
    format!("the database says: {error}")
}
