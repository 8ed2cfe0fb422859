//! `doctor`: is everything in order, and if not, what to do.

use std::process::ExitCode;

use arrow::array::{Array as _, AsArray as _};
use clap::Args;
use crowsnest_identify::Catalogue;
use crowsnest_lake::{Lake, files};

use crate::args::Global;
use crate::failure::Failure;
use crate::print;

/// `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest doctor\n  crowsnest doctor --deep   # reads every document through")]
pub(crate) struct Doctor {
    /// Read every archived document through and check its SHA-256
    #[arg(long)]
    deep: bool,
}

/// How a check went.
#[derive(Debug, serde::Serialize)]
struct Check {
    check: &'static str,
    state: &'static str,
    message: String,
}

fn check(check: &'static str, state: &'static str, message: impl Into<String>) -> Check {
    Check { check, state, message: message.into() }
}

impl Doctor {
    pub(crate) async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let lake = global.lake().await?;
        let mut checks = vec![check("market", "ok", format!("{} in {}", lake.market().config.name, lake.market().dir.display()))];
        checks.push(writable(&lake));
        checks.push(catalogue(&lake));
        checks.push(metrics(&lake).await?);
        checks.push(orphans(&lake).await?);
        checks.push(self.documents(&lake).await?);
        checks.push(unfinished(&lake)?);
        let text: Vec<String> =
            checks.iter().map(|found| format!("{:<5} {:<10} {}", found.state, found.check, found.message)).collect();
        print::value(global, &checks, &text.join("\n"))?;
        let has_failed = checks.iter().any(|found| found.state == "fail");
        Ok(if has_failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
    }

    async fn documents(&self, lake: &Lake) -> Result<Check, Failure> {
        let mut n_documents = 0;
        let mut faults = Vec::new();
        for batch in lake.query("SELECT DISTINCT document FROM documents").await? {
            for document in batch.column(0).as_string_view().iter().flatten() {
                n_documents += 1;
                if !lake.documents().contains(document) {
                    faults.push(format!("{document} is missing"));
                } else if self.deep && lake.documents().verify(document).is_err() {
                    faults.push(format!("{document} is damaged"));
                }
            }
        }
        if faults.is_empty() {
            return Ok(check("documents", "ok", format!("{n_documents} in the archive")));
        }
        Ok(check("documents", "fail", format!("{}: restore them below raw/ from a backup", faults.join(", "))))
    }
}

fn writable(lake: &Lake) -> Check {
    let probe = lake.market().dir.join("reports/.probe");
    match files::write_whole(&probe, b"") {
        Ok(()) => {
            files::remove_quietly(&probe);
            check("disk", "ok", "the folder can be written")
        }
        Err(error) => check("disk", "fail", format!("{error}: nothing can be imported")),
    }
}

fn catalogue(lake: &Lake) -> Check {
    match Catalogue::read(&lake.market().dir) {
        Ok(found) => {
            check("catalogue", "ok", format!("{} aliases, {} owners", found.aliases.len(), found.owners.len()))
        }
        Err(error) => check("catalogue", "fail", error.to_string()),
    }
}

async fn metrics(lake: &Lake) -> Result<Check, Failure> {
    let mut unknown = Vec::new();
    for batch in lake.query("SELECT DISTINCT metric FROM claims ORDER BY metric").await? {
        let names = batch.column(0).as_string_view();
        unknown.extend(names.iter().flatten().filter(|name| lake.market().metrics.get(name).is_none()).map(str::to_owned));
    }
    if unknown.is_empty() {
        return Ok(check("metrics", "ok", "all are in the registry"));
    }
    Ok(check("metrics", "warn", format!("not in the registry: {}; describe them in metrics.toml", unknown.join(", "))))
}

async fn orphans(lake: &Lake) -> Result<Check, Failure> {
    let sql = "SELECT count(*) FROM claims c LEFT ANTI JOIN identities i ON c.mention_id = i.mention_id";
    let batches = lake.query(sql).await?;
    let n_orphans = batches[0].column(0).as_primitive::<arrow::datatypes::Int64Type>().value(0);
    Ok(match n_orphans {
        0 => check("mentions", "ok", "every claim's mention is known"),
        n => check("mentions", "fail", format!("{n} claims without their mention: run `crowsnest replay --all`")),
    })
}

fn unfinished(lake: &Lake) -> Result<Check, Failure> {
    let runs = lake.state().runs(50)?;
    let n_open = runs.iter().filter(|run| run.finished_at.is_none()).count();
    Ok(match n_open {
        0 => check("runs", "ok", format!("{} noted, all finished", runs.len())),
        n => check("runs", "warn", format!("{n} imports were cut off or are under way: import the files again to complete them")),
    })
}
