//! The rows of a query in somebody's database, as lines of JSON: Postgres, MySQL and its kin, SQLite files.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use futures::StreamExt as _;
use serde_json::{Map, Number, Value};
use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError};
use sqlx::{AssertSqlSafe, Column as _, ConnectOptions as _, Connection as _, Row as _, TypeInfo as _};

/// Rows that one query may give, at most.
pub(crate) const SQL_ROWS_MAX: u64 = 1_000_000;
/// How much longer a database may work than is waited for it, so that it ends what nobody waits for any more.
const SERVER_GRACE: Duration = Duration::from_secs(1);

/// A query, and what its answer may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The database's address, with its secrets.
    pub(crate) address: &'a str,
    /// One SELECT; `{cursor}` becomes where the last run ended, in quotes.
    pub(crate) query: &'a str,
    /// Where the last run ended.
    pub(crate) cursor: Option<&'a str>,
    /// Where paths of SQLite files begin.
    pub(crate) folder: &'a Path,
    pub(crate) n_rows_max: u64,
    pub(crate) n_bytes_max: u64,
    pub(crate) timeout: Duration,
}

/// Asks a database, which is only read: the query stands in a transaction that may not write, as one statement.
///
/// # Errors
/// What the database says, in a sentence without the password.
pub(crate) async fn rows_of_query(question: Question<'_>) -> Result<Vec<u8>, String> {
    let quoted = format!("'{}'", question.cursor.unwrap_or_default().replace('\'', "''"));
    let query = question.query.replace("{cursor}", &quoted);
    // On lines of its own, so that a comment at its end does not take in what follows.
    let inner = format!("(\n{}\n) AS found LIMIT {}", without_semicolon(&query), question.n_rows_max + 1);
    let asking = async {
        match question.address.split("://").next().unwrap_or_default() {
            "postgres" | "postgresql" => postgres(question, &inner).await,
            "mysql" | "mariadb" => mysql(question, &inner).await,
            "sqlite" => sqlite(question, without_semicolon(&query)).await,
            _ => {
                Err("the database's address begins with none of postgres://, mysql://, mariadb:// and sqlite://".into())
            }
        }
    };
    match tokio::time::timeout(question.timeout, asking).await {
        Ok(rows) => rows.map_err(|message| without_password(message, question.address)),
        Err(_) => {
            let seconds = question.timeout.as_secs();
            Err(format!("the query takes longer than {seconds} s: narrow it, or raise timeout_seconds in [collect]"))
        }
    }
}

fn without_semicolon(query: &str) -> &str {
    query.trim_end_matches(|letter: char| letter == ';' || letter.is_whitespace())
}

/// The database makes the JSON, so that its types are its own.
async fn postgres(question: Question<'_>, inner: &str) -> Result<Vec<u8>, String> {
    let options = PgConnectOptions::from_str(question.address).map_err(in_words)?.disable_statement_logging();
    let mut connection = options.connect().await.map_err(in_words)?;
    let most = (question.timeout + SERVER_GRACE).as_millis();
    let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {most}");
    sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await.map_err(in_words)?;
    let sql = format!("SELECT row_to_json(found.*)::text FROM {inner}");
    let mut lines = Lines::new(question);
    {
        // A prepared statement is one statement; unnamed, it also passes through a pooler.
        let mut rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch(&mut connection);
        while let Some(row) = rows.next().await {
            let line: String = row.map_err(in_words)?.try_get(0).map_err(in_words)?;
            lines.push(line.as_bytes())?;
        }
    }
    // What was read is here, however the connection ends.
    let _ = connection.close().await;
    Ok(lines.bytes)
}

/// Asked as text, the database writes every value itself; prepared by name, since only that is one statement for sure.
async fn mysql(question: Question<'_>, inner: &str) -> Result<Vec<u8>, String> {
    let address = question.address.replacen("mariadb://", "mysql://", 1);
    let options = MySqlConnectOptions::from_str(&address).map_err(in_words)?.disable_statement_logging();
    let mut connection = options.connect().await.map_err(in_words)?;
    let most = question.timeout + SERVER_GRACE;
    // MariaDB reads the first comment, MySQL the second.
    let begin = format!(
        "SET /*M!100101 max_statement_time = {}, */ /*!50708 max_execution_time = {}, */
             @asked = CONVERT(0x{} USING utf8mb4);
         PREPARE asked FROM @asked;
         START TRANSACTION READ ONLY",
        most.as_secs(),
        most.as_millis(),
        hex(format!("SELECT * FROM {inner}").as_bytes()),
    );
    sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut connection).await.map_err(in_words)?;
    let mut lines = Lines::new(question);
    {
        let mut rows = sqlx::raw_sql("EXECUTE asked").fetch(&mut connection);
        while let Some(row) = rows.next().await {
            let record = record_of(&row.map_err(in_words)?).map_err(in_words)?;
            lines.push(Value::Object(record).to_string().as_bytes())?;
        }
    }
    // What was read is here, however the connection ends.
    let _ = connection.close().await;
    Ok(lines.bytes)
}

fn record_of(row: &MySqlRow) -> sqlx::Result<Map<String, Value>> {
    let mut record = Map::new();
    for column in row.columns() {
        let bytes: Option<Vec<u8>> = row.try_get_unchecked(column.ordinal())?;
        let value = bytes.map_or(Value::Null, |bytes| value_of(column.type_info().name(), bytes));
        record.insert(column.name().to_owned(), value);
    }
    Ok(record)
}

/// What MySQL wrote, by the type of its column. Decimals stay text, as all their digits count.
fn value_of(kind: &str, bytes: Vec<u8>) -> Value {
    if kind == "BIT" {
        return bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)).into();
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return hex(error.as_bytes()).into(),
    };
    match kind.trim_end_matches(" UNSIGNED") {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "YEAR" | "FLOAT" | "DOUBLE" => {
            Number::from_str(&text).map_or(Value::String(text), Value::Number)
        }
        "JSON" => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        _ => Value::String(text),
    }
}

async fn sqlite(question: Question<'_>, query: &str) -> Result<Vec<u8>, String> {
    let path = question.folder.join(question.address.trim_start_matches("sqlite://"));
    let (query, timeout, mut lines) = (query.to_owned(), question.timeout, Lines::new(question));
    let asking = tokio::task::spawn_blocking(move || {
        let mut failed = None;
        crowsnest_lake::foreign::sqlite_rows(&path, &query, timeout, &mut |record| {
            failed = lines.push(Value::Object(record).to_string().as_bytes()).err();
            failed.is_none()
        })
        .map_err(|error| format!("the database says: {error}"))?;
        failed.map_or(Ok(lines.bytes), Err)
    });
    asking.await.map_err(|error| error.to_string())?
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Lines {
    bytes: Vec<u8>,
    n_left: u64,
    n_rows_max: u64,
    n_bytes_max: u64,
}

impl Lines {
    fn new(question: Question<'_>) -> Self {
        let Question { n_rows_max, n_bytes_max, .. } = question;
        Self { bytes: Vec::new(), n_left: n_rows_max, n_rows_max, n_bytes_max }
    }

    fn push(&mut self, line: &[u8]) -> Result<(), String> {
        if self.n_left == 0 {
            let n = self.n_rows_max;
            return Err(format!("the query gives more than {n} rows: narrow it, go on by a cursor, or raise rows_max"));
        }
        self.n_left -= 1;
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        if self.bytes.len() as u64 > self.n_bytes_max {
            let mib = self.n_bytes_max >> 20;
            return Err(format!(
                "the query gives more than {mib} MiB: narrow it, go on by a cursor, or raise response_mib_max in [collect]"
            ));
        }
        Ok(())
    }
}

/// What the database or the way to it says, without the words that the client puts before it.
fn in_words(error: sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(said) => {
            let hint = said.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::hint);
            let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("the database says: {}{hint}", said.message())
        }
        sqlx::Error::Io(error) => format!("the database cannot be reached: {error}"),
        sqlx::Error::Tls(error) => format!("the database cannot be reached over TLS: {error}"),
        sqlx::Error::Configuration(error) => {
            format!(
                "the database's address cannot be read: {error} (in a password, write : / ? # @ % as %3A %2F %3F %23 %40 %25)"
            )
        }
        error => format!("the database's answer cannot be read: {error}"),
    }
}

/// A message in which the password of an address does not stand, as it is or escaped.
fn without_password(message: String, address: &str) -> String {
    let Ok(url) = url::Url::parse(address) else { return message };
    let Some(escaped) = url.password().filter(|password| !password.is_empty()) else { return message };
    let plain = url::form_urlencoded::parse(format!("p={}", escaped.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default();
    message.replace(&plain, "[password]").replace(escaped, "[password]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_holds_the_password() {
        let address = "postgres://reader:p%40ss+w@db.example.org/usage";
        let told = without_password("no: p@ss+w and p%40ss+w".into(), address);
        assert_eq!(told, "no: [password] and [password]");
        assert_eq!(without_password("as it was".into(), "sqlite://a.db"), "as it was");
    }

    #[test]
    fn values_of_mysql_keep_their_types() {
        let value = |kind: &str, text: &[u8]| value_of(kind, text.to_vec()).to_string();
        assert_eq!(value("BIGINT UNSIGNED", b"18446744073709551615"), "18446744073709551615");
        assert_eq!(value("DECIMAL", b"12345678901234567.89"), "\"12345678901234567.89\"");
        assert_eq!(value("DOUBLE", b"-1.5e3"), "-1500.0");
        assert_eq!(value("JSON", b"{\"a\":[1]}"), "{\"a\":[1]}");
        assert_eq!(value("BIT", &[1, 2]), "258");
        assert_eq!(value("BLOB", &[0xff, 0x00]), "\"ff00\"");
        assert_eq!(value("VARCHAR", "豆包".as_bytes()), "\"豆包\"");
        assert_eq!(value("INT", b"00042"), "\"00042\"");
    }
}
