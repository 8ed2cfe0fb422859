//! `new` and `demo`: an empty market, and the example one.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use crowsnest_lake::{Lake, Market, files};
use crowsnest_run::RunReport;
use crowsnest_serve::ServeOptions;
use rust_embed::RustEmbed;

use super::{import, serve};
use crate::args::{Format, Global};
use crate::failure::Failure;
use crate::print;
use crate::progress::Bar;
use crate::render::number;

/// `new`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  crowsnest new ~/markets/robots && crowsnest --market ~/markets/robots import figures.csv --source Me")]
pub(crate) struct New {
    /// Folder, made where missing
    dir: PathBuf,
    /// Short name of the market [default: the folder's]
    #[arg(long)]
    name: Option<String>,
}

impl New {
    pub(crate) fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let folder = self.dir.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = self.name.or(folder).unwrap_or_else(|| "market".into());
        let market = Market::create(&self.dir, &name)?;
        if !global.quiet {
            print::out(&format!(
                "{} is a market now; next: crowsnest --market {} import FILE --source NAME",
                market.dir.display(),
                market.dir.display()
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The example market's configuration and data.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../markets/ai"]
#[exclude = "lake/*"]
#[exclude = "raw/*"]
#[exclude = "reports/*"]
#[exclude = "state.db*"]
struct Example;

/// `demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest demo\n  crowsnest demo --once --market /tmp/ai   # build it, print a summary, leave")]
pub(crate) struct Demo {
    /// Build it and leave, without serving
    #[arg(long)]
    once: bool,
    /// Address and port
    #[arg(long, default_value = "127.0.0.1:7171")]
    listen: SocketAddr,
}

impl Demo {
    pub(crate) async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let dir = global.market.clone().unwrap_or_else(|| PathBuf::from("crowsnest-demo"));
        unpack(&dir)?;
        let lake = Box::pin(Lake::open(Market::open(&dir)?, global.options())).await?;
        let bar = Bar::new(global.quiet);
        let reports = Box::pin(crowsnest_run::import_market(&lake, &bar)).await;
        bar.finish();
        let reports = reports?;
        summarise(global, &lake, &reports, self.once)?;
        let n_rejects: u64 = reports.iter().map(|report| report.import.n_rejects).sum();
        if self.once {
            return Ok(if n_rejects > 0 { ExitCode::from(2) } else { ExitCode::SUCCESS });
        }
        serve::until_stopped(lake, ServeOptions { listen: self.listen, ..ServeOptions::default() }).await
    }
}

/// Writes the example's files where they are missing or differ; what else is in the folder stays.
fn unpack(dir: &Path) -> Result<(), Failure> {
    for name in Example::iter() {
        let Some(file) = Example::get(&name) else { continue };
        let path = dir.join(name.as_ref());
        let is_same = path.is_file() && path.metadata().is_ok_and(|found| found.len() == file.data.len() as u64);
        if !is_same || name.ends_with(".toml") || name.ends_with(".csv") {
            files::write_whole(&path, &file.data)?;
        }
    }
    Ok(())
}

fn summarise(global: &Global, lake: &Lake, reports: &[RunReport], is_last: bool) -> Result<(), Failure> {
    let tables = &crowsnest_model::tables::TABLES;
    let n_rows = |name: &str| tables.iter().find(|table| table.name == name).map_or(0, |table| lake.n_rows(table));
    let identity = lake.identity();
    let count = |kind: crowsnest_model::Kind| identity.entities().filter(|entity| entity.kind == kind).count();
    let facts = serde_json::json!({
        "market": lake.market().dir, "claims": n_rows("claims"), "events": n_rows("events"),
        "products": count(crowsnest_model::Kind::Product), "companies": count(crowsnest_model::Kind::Company),
        "documents": n_rows("documents"),
        "rejects": reports.iter().map(|report| report.import.n_rejects).sum::<u64>(),
    });
    if global.format != Format::Table && is_last {
        return print::value(global, &facts, "");
    }
    if global.quiet {
        return Ok(());
    }
    let mut lines = vec![format!("the example market is in {}", lake.market().dir.display())];
    for report in reports {
        for file in &report.import.files {
            lines.push(format!("  {}: {}", short(&file.file), what_became(file)));
        }
        if report.import.n_rejects > 0 {
            lines.push(import::summary(&report.import));
        }
    }
    let said = |key: &str| number(facts[key].as_f64().unwrap_or_default());
    lines.push(format!(
        "{} claims and {} events on {} products and {} companies, from {} documents",
        said("claims"),
        said("events"),
        said("products"),
        said("companies"),
        said("documents")
    ));
    print::out(&lines.join("\n"))
}

fn short(file: &str) -> &str {
    Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file)
}

fn what_became(file: &crowsnest_collect::FileReport) -> String {
    if file.is_known_document {
        return "already there".into();
    }
    let count = |n: u64| number(n as f64);
    format!("{} claims, {} events, {} rejects", count(file.n_claims), count(file.n_events), count(file.n_rejects))
}
