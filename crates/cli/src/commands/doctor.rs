//! `crowsnest doctor`: whether the market is in good order, and what to do where it is not.

use std::path::Path;

use clap::Args;
use crowsnest_identify::{Catalogue, CatalogueError};
use crowsnest_lake::own_rows::{self, Holds};
use crowsnest_lake::{Answer, Lake, LakeError, Market, VIEWS};
use crowsnest_model::tables::TABLES;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::engine_message;
use crate::failure::{Done, Failure};
use crate::number;
use crate::output::Layout;
use crate::table::{Cell, Column, column};

/// Check the market: configuration, tables, archive, catalogue, disk
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest doctor
  crowsnest doctor --deep --format json

Exit code 1 if any check fails.")]
pub(crate) struct Doctor {
    /// Also read every archived document through and check its SHA-256
    #[arg(long)]
    deep: bool,
}

const COLUMNS: &[Column] = &[
    column("state", "", Cell::Text),
    column("check", "check", Cell::Text),
    column("found", "found", Cell::Text),
    column("remedy", "what to do", Cell::Text),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Check {
    state: State,
    check: &'static str,
    found: String,
    remedy: String,
}

fn check(state: State, check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { state, check, found: found.into(), remedy: remedy.into() }
}

fn failed(name: &'static str, error: &LakeError) -> Check {
    check(State::Fail, name, engine_message::message(error), engine_message::hint(error).unwrap_or_default())
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let dir = context.market_dir()?;
        let mut checks = vec![check(State::Ok, "program", concat!("crowsnest ", env!("CARGO_PKG_VERSION")), "")];
        match Market::open(&dir) {
            Ok(market) => self.check_market(context, market, &mut checks).await,
            Err(error @ LakeError::NotAMarket(_)) => return Err(error.into()),
            Err(error) => checks.push(failed("configuration", &error)),
        }
        let is_failed = checks.iter().any(|check| check.state == State::Fail);
        let fields = [("state", Holds::Text), ("check", Holds::Text), ("found", Holds::Text), ("remedy", Holds::Text)];
        context.print(&own_rows::answer(&fields, &checks)?, Layout::of(COLUMNS))?;
        Ok(if is_failed { Done::WithFaults } else { Done::Well })
    }

    async fn check_market(&self, context: &Context, market: Market, checks: &mut Vec<Check>) {
        let found = format!(
            "market {:?}, {} metrics, {} source cards",
            market.config.name,
            market.metrics.iter().count(),
            market.sources.len()
        );
        checks.push(check(State::Ok, "configuration", found, ""));
        checks.extend(disk(&market.dir));
        checks.push(catalogue(&market.dir));
        let lake = match context.lake_of(market).await {
            Ok(lake) => lake,
            Err(failure) => {
                let remedy = "the folder lake/ must be readable and writable";
                checks.push(check(State::Fail, "tables", failure.to_string(), remedy));
                return;
            }
        };
        checks.push(tables(&lake).await);
        checks.push(documents(&lake, self.deep).await);
        checks.push(unknown_metrics(&lake).await);
        checks.push(sources(&lake).await);
        checks.push(runs(&lake));
    }
}

/// Space for what is written next: imports need about what they read.
fn disk(dir: &Path) -> Option<Check> {
    const BYTES_WARN: u64 = 2 << 30;
    const BYTES_FAIL: u64 = 100 << 20;
    let found = rustix::fs::statvfs(dir).ok()?;
    let n_bytes = found.f_bavail.saturating_mul(found.f_frsize);
    let state = match n_bytes {
        0..BYTES_FAIL => State::Fail,
        BYTES_FAIL..BYTES_WARN => State::Warn,
        _ => State::Ok,
    };
    let remedy = if state == State::Ok { "" } else { "free some space; `crowsnest lake vacuum` may help" };
    Some(check(state, "disk", format!("{} free", number::bytes(n_bytes)), remedy))
}

fn catalogue(dir: &Path) -> Check {
    match Catalogue::read(dir) {
        Ok(catalogue) => {
            let found = format!("{} aliases, {} owners", catalogue.aliases.len(), catalogue.owners.len());
            check(State::Ok, "catalogue", found, "")
        }
        Err(CatalogueError::Faults(faults)) => {
            let told: Vec<String> = faults.iter().take(5).map(ToString::to_string).collect();
            let found = format!("{} faults: {}", faults.len(), told.join("; "));
            check(State::Fail, "catalogue", found, "mend the files of the catalogue folder")
        }
        Err(CatalogueError::Lake(error)) => failed("catalogue", &error),
    }
}

/// Reads a row of every table and view, whatever version wrote them.
async fn tables(lake: &Lake) -> Check {
    let views = VIEWS.iter().map(|(name, ..)| *name);
    for name in TABLES.iter().map(|table| table.name).chain(views) {
        if let Err(error) = lake.query(&format!("SELECT * FROM {name} LIMIT 1")).await {
            let remedy = "restore the folder lake/ from a backup; without one, move it away and import the files again";
            return check(State::Fail, "tables", format!("{name}: {}", engine_message::message(&error)), remedy);
        }
    }
    let n_rows: usize = TABLES.iter().map(|table| lake.n_rows(table)).sum();
    check(State::Ok, "tables", format!("{} tables open, {} rows", TABLES.len(), number::count(n_rows as u64)), "")
}

async fn rows<T: serde::de::DeserializeOwned>(lake: &Lake, sql: &str) -> Result<Vec<T>, LakeError> {
    let mut rows = Vec::new();
    for batch in lake.query(sql).await? {
        rows.extend(Answer::of_rows(batch).rows_as()?);
    }
    Ok(rows)
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
    #[serde(default)]
    n: u64,
}

fn some_of(names: &[String]) -> String {
    const SHOWN_MAX: usize = 5;
    let more = if names.len() > SHOWN_MAX { " …" } else { "" };
    format!("{}{more}", names.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", "))
}

async fn documents(lake: &Lake, is_deep: bool) -> Check {
    let named: Vec<Named> = match rows(lake, "SELECT DISTINCT document AS name FROM documents").await {
        Ok(named) => named,
        Err(error) => return failed("archive", &error),
    };
    let is_damaged = |sha256: &str| {
        if is_deep { lake.documents().verify(sha256).is_err() } else { !lake.documents().contains(sha256) }
    };
    let bad: Vec<String> = named.iter().map(|row| row.name.clone()).filter(|sha256| is_damaged(sha256)).collect();
    let how = if is_deep { "with their SHA-256" } else { "in the archive" };
    if bad.is_empty() {
        return check(State::Ok, "archive", format!("{} documents, all {how}", named.len()), "");
    }
    let found = format!("{} of {} documents are not {how}: {}", bad.len(), named.len(), some_of(&bad));
    check(State::Fail, "archive", found, "restore the folder raw/ from a backup; claims are not touched by this")
}

async fn unknown_metrics(lake: &Lake) -> Check {
    let sql = "SELECT metric AS name, count(*) AS n FROM claims GROUP BY metric ORDER BY metric";
    let found: Vec<Named> = match rows(lake, sql).await {
        Ok(found) => found,
        Err(error) => return failed("metrics", &error),
    };
    let metrics = &lake.market().metrics;
    let unknown: Vec<String> = found
        .iter()
        .filter(|row| metrics.get(&row.name).is_none())
        .map(|row| format!("{} ({} claims)", row.name, number::count(row.n)))
        .collect();
    if unknown.is_empty() {
        return check(State::Ok, "metrics", format!("{} in use, all described", found.len()), "");
    }
    check(State::Warn, "metrics", format!("not described: {}", some_of(&unknown)), "describe them in metrics.toml")
}

async fn sources(lake: &Lake) -> Check {
    let sql = "SELECT source AS name, count(*) AS n FROM claims GROUP BY source ORDER BY source";
    let found: Vec<Named> = match rows(lake, sql).await {
        Ok(found) => found,
        Err(error) => return failed("sources", &error),
    };
    let unknown: Vec<String> =
        found.iter().map(|row| row.name.clone()).filter(|name| lake.market().source(name).is_none()).collect();
    if unknown.is_empty() {
        return check(State::Ok, "sources", format!("{} in use, all with a card", found.len()), "");
    }
    let remedy = "say in sources/NAME.toml under which licence they are, and whether rows may be passed on";
    check(
        State::Warn,
        "sources",
        format!("{} of {} have no card: {}", unknown.len(), found.len(), some_of(&unknown)),
        remedy,
    )
}

fn runs(lake: &Lake) -> Check {
    let runs = match lake.state().runs(20) {
        Ok(runs) => runs,
        Err(error) => return failed("runs", &error),
    };
    match runs.first() {
        Some(run) if run.finished_at.is_none() => {
            let remedy = "if it is not under way now, run it again: what was added stays and is not added twice";
            check(State::Warn, "runs", format!("the latest, {}, has no end", run.run), remedy)
        }
        Some(run) => check(State::Ok, "runs", format!("the latest: {}", run.summary), ""),
        None => check(State::Ok, "runs", "none yet", ""),
    }
}
