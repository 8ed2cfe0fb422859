//! The rows of a query against a PostgreSQL, MySQL, MariaDB or SQLite database: a company's own figures beside those of others.
//!
//! Rows come as the query names them, so `SELECT app AS subject, …` needs no mapping. With a cursor column the next run
//! asks only for what came later; without one, every run asks for all, and rows that are in already are not added again.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;

use super::json_lines;
use crate::connector::{Class, Connector, Page, Parsed, Request, Spec, Via, Window};

/// The connector.
pub(crate) struct Sql;

/// Which rows of which database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// The database's address, `postgres://`, `mysql://`, `mariadb://` or `sqlite://` and a path, with its password as a
    /// secret: `postgres://reader:{secret:PASSWORD}@db.example.org/warehouse`, or all of it as one, `{secret:WAREHOUSE}`.
    database: String,
    /// The query, one SELECT; it can write nothing. Moments are told in UTC. `{cursor}` stands for where the last run ended, as a text in quotes:
    /// `WHERE updated_at > {cursor} ORDER BY updated_at`.
    query: String,
    /// The column whose largest value is where the next run goes on. The query has to sort by it.
    #[serde(default)]
    cursor_column: Option<String>,
    /// What `{cursor}` is in the first run, for example `1970-01-01`.
    #[serde(default)]
    first_cursor: Option<String>,
    /// Rows of one run, at most.
    #[serde(default = "default_rows_max")]
    rows_max: u64,
}

fn default_rows_max() -> u64 {
    1_000_000
}

const CURSOR: &str = "{cursor}";

impl Connector for Sql {
    const SPEC: Spec = Spec {
        name: "sql",
        title: "Query of a database",
        doc: "The rows of a query against a PostgreSQL, MySQL, MariaDB or SQLite database, all of them or those after the last run's.",
        homepage: "https://www.postgresql.org/docs/current/sql-select.html",
        licence: "that of the source",
        redistribute: true,
        price: "free",
        freshness: "that of the database",
        requests_per_minute: 60.0,
        schedule: "0 6 * * *",
        class: Class::Generic,
        is_crawler: false,
        is_snapshot: false,
        needs_map: false,
        checked: "2026-11-25, against PostgreSQL 15 and MariaDB 10.11 by tests that start them, and SQLite files",
        example: "database = \"{secret:WAREHOUSE}\"\nquery = \"SELECT app AS subject, 'mau' AS metric, month AS period, users AS value FROM usage\"",
    };
    type Options = Options;

    fn requests(options: &Options, window: &Window) -> Result<Vec<Request>, String> {
        check_address(options.database.trim())?;
        let query = options.query.trim().trim_end_matches(';');
        let first_word = query.split_whitespace().next().unwrap_or_default().to_lowercase();
        if !matches!(first_word.as_str(), "select" | "with" | "values" | "table") {
            return Err(format!("query begins with {first_word:?}: write one that only reads, as SELECT or WITH do"));
        }
        let goes_on = query.contains(CURSOR);
        if goes_on && options.cursor_column.is_none() {
            return Err("query has {cursor}: say in cursor_column which column it is compared with".into());
        }
        if options.cursor_column.is_some() && !goes_on {
            return Err("cursor_column is given, but query has no {cursor}: add WHERE … > {cursor}".into());
        }
        let query =
            if goes_on && window.cursor.is_none() { first_query(options, query, window)? } else { query.into() };
        let via = Via::Sql { database: options.database.clone(), query, n_rows_max: options.rows_max };
        Ok(vec![Request { slot: "rows".into(), kind: "rows", via, context: Default::default(), is_once: false }])
    }

    fn parse(options: &Options, page: &Page<'_>) -> Result<Parsed, String> {
        json_lines::rows(page, options.cursor_column.as_deref())
    }
}

/// An address whose password, if it has one, is a secret.
fn check_address(address: &str) -> Result<(), String> {
    if address.is_empty() {
        return Err("say in database where it is: an address, or a secret that holds it, {secret:NAME}".into());
    }
    let Some((_, rest)) = address.split_once("://") else {
        let is_secret = address.starts_with("{secret:") && address.ends_with('}');
        let hint = "no address such as postgres://user@host/name; where a secret holds it, write {secret:NAME}";
        return if is_secret { Ok(()) } else { Err(format!("database {address:?} is {hint}")) };
    };
    let user = rest.split('/').next().unwrap_or_default().rsplit_once('@').map(|(user, _)| user);
    let password = user.and_then(|user| user.split_once(':')).map_or("", |(_, password)| password);
    let is_secret = password.starts_with("{secret:") && password.ends_with('}');
    if !(password.is_empty() || is_secret) || rest.contains("password=") {
        return Err("database has a password in it: write {secret:NAME} in its place".into());
    }
    Ok(())
}

/// The query of the first run or of a back-fill, with where it begins.
fn first_query(options: &Options, query: &str, window: &Window) -> Result<String, String> {
    // The last moment before the day, so that `> {cursor}` has the whole day; databases read it as a day, too.
    let before = |day: Date| day.yesterday().map(|day| format!("{day} 23:59:59.999999")).ok();
    let since = window.since.and_then(before);
    let Some(first) = since.as_ref().or(options.first_cursor.as_ref()) else {
        return Err("query has {cursor}: say in first_cursor what it is in the first run".into());
    };
    Ok(query.replace(CURSOR, &format!("'{}'", first.replace('\'', "''"))))
}
