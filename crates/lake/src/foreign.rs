//! Tables that others write and this market only reads: Parquet files, Delta tables, SQLite files.
//!
//! In: an address and what of it is wanted. Out: its rows as lines of JSON. Invariant: nothing is written there.

use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use datafusion::prelude::{ParquetReadOptions, SessionContext};
use futures::StreamExt as _;
use serde_json::{Map, Value};

use crate::engine::{self, LakeOptions};
use crate::stores::{self, Settings};
use crate::{LakeError, Market, Result, objects};

/// The name that a foreign table has in its query.
const NAME: &str = "foreign_table";
const MEMORY_BYTES: usize = 1 << 30;

/// Rows of Parquet files (`parquet`: a file, a folder or a pattern) or of a Delta table (`delta`), as lines of JSON; only
/// some columns where any are named, only some rows where there is a condition.
///
/// # Errors
/// What the engine or the store says; [`LakeError::BadQuestion`] where the rows are more than so many bytes.
pub async fn read(
    market: &Market,
    address: &str,
    format: &str,
    columns: &[String],
    condition: &str,
    n_bytes_max: u64,
) -> Result<Vec<u8>> {
    let place = if objects::is_address(address) || address.contains("://") {
        address.to_owned()
    } else {
        market.dir.join(address).to_string_lossy().into_owned()
    };
    let options = LakeOptions { memory_bytes: MEMORY_BYTES, ..LakeOptions::default() };
    let runtime = engine::runtime(options, &market.secrets)?;
    let context = SessionContext::new_with_config_rt(engine::session_config(options.n_threads), runtime);
    match format {
        "delta" => register_delta(&context, &place, &market.secrets).await.map_err(|error| {
            LakeError::bad_question(format!("{address} cannot be read as a Delta table: {error}"), "check the address")
        })?,
        _ => register_parquet(&context, &place, address).await?,
    }
    let quoted: Vec<String> = columns.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let wanted = if quoted.is_empty() { "*".to_owned() } else { quoted.join(", ") };
    let condition = if condition.trim().is_empty() { String::new() } else { format!(" WHERE {condition}") };
    let sql = format!("SELECT {wanted} FROM {NAME}{condition}");
    let read_only = datafusion::execution::context::SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    let asked = context.sql_with_options(&sql, read_only).await.map_err(|error| {
        let message = format!("{address} cannot be asked like this: {}", error.strip_backtrace());
        LakeError::bad_question(message, "correct columns, condition or cursor_column")
    })?;
    let mut stream = asked.execute_stream().await?;
    let mut lines = Vec::new();
    while let Some(batch) = stream.next().await {
        let mut writer = arrow::json::LineDelimitedWriter::new(&mut lines);
        writer.write(&batch?)?;
        writer.finish()?;
        if lines.len() as u64 > n_bytes_max {
            return Err(LakeError::bad_question(
                format!("{address} gives more than {} MiB", n_bytes_max >> 20),
                "narrow it by columns, a condition or a cursor, or raise response_mib_max",
            ));
        }
    }
    Ok(lines)
}

async fn register_parquet(context: &SessionContext, place: &str, address: &str) -> Result<()> {
    let unreadable = |why: &str| {
        let hint = "check the address: a file, a folder or a pattern of files that end in .parquet";
        LakeError::bad_question(format!("{address} cannot be read as Parquet: {why}"), hint)
    };
    context
        .register_parquet(NAME, place, ParquetReadOptions::default())
        .await
        .map_err(|error| unreadable(&error.strip_backtrace()))?;
    // Where there are no files, it is a table without columns.
    if context.table_provider(NAME).await?.schema().fields().is_empty() {
        return Err(unreadable("no such file is there"));
    }
    Ok(())
}

async fn register_delta(context: &SessionContext, place: &str, settings: &Settings) -> Result<()> {
    stores::register_for_tables();
    let url = match url::Url::parse(place) {
        Ok(url) => url,
        Err(_) => {
            let absolute = Path::new(place).canonicalize().map_err(|source| LakeError::File {
                doing: "opening",
                path: place.into(),
                source,
            })?;
            url::Url::from_directory_path(&absolute).map_err(|()| LakeError::File {
                doing: "opening",
                path: place.into(),
                source: std::io::Error::other("the path cannot be written as an address"),
            })?
        }
    };
    let storage = settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let table = deltalake::open_table_with_storage_options(url, storage).await?;
    context.register_table(NAME, table.table_provider().await?)?;
    Ok(())
}

/// The rows of a query over a SQLite file that is only read, one by one, until `visit` says `false`.
///
/// # Errors
/// What SQLite says; that it was interrupted, where the time is over.
pub fn sqlite_rows(
    path: &Path,
    query: &str,
    timeout: Duration,
    visit: &mut dyn FnMut(Map<String, Value>) -> bool,
) -> Result<()> {
    let theirs = |error: rusqlite::Error| {
        LakeError::bad_question(error.to_string(), "check the path and the query; only one SELECT is asked")
    };
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(theirs)?;
    let interrupt = connection.get_interrupt_handle();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let visited = visit_rows(&connection, query, visit);
        drop(done);
        visited.map_err(theirs)
    })
}

fn visit_rows(
    connection: &rusqlite::Connection,
    query: &str,
    visit: &mut dyn FnMut(Map<String, Value>) -> bool,
) -> rusqlite::Result<()> {
    use rusqlite::types::ValueRef;
    let mut statement = connection.prepare(query)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut record = Map::new();
        for (place, name) in names.iter().enumerate() {
            let value = match row.get_ref(place)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => number.into(),
                ValueRef::Real(number) => number.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
                ValueRef::Blob(bytes) => crate::documents::hex(bytes).into(),
            };
            record.insert(name.clone(), value);
        }
        if !visit(record) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_sqlite_file_come_with_their_types_and_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs.db");
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, '豆包'), (2.5, NULL)").unwrap();
        let mut found = Vec::new();
        let minute = Duration::from_secs(60);
        sqlite_rows(&path, "SELECT * FROM t", minute, &mut |record| {
            found.push(Value::Object(record).to_string());
            true
        })
        .unwrap();
        assert_eq!(found, [r#"{"a":1,"b":"豆包"}"#, r#"{"a":2.5,"b":null}"#]);
        assert!(sqlite_rows(&path, "DELETE FROM t", minute, &mut |_| true).is_err());
        let two = sqlite_rows(&path, "SELECT 1; SELECT 2", minute, &mut |_| true);
        assert!(two.unwrap_err().to_string().contains("Multiple statements"), "only one is asked");
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let stopped = sqlite_rows(&path, endless, Duration::from_millis(50), &mut |_| true);
        assert!(stopped.unwrap_err().to_string().contains("interrupted"));
    }
}
