//! `lake`: the tables' files.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use crowsnest_lake::{files, maintain};
use crowsnest_model::tables::TABLES;

use crate::args::Global;
use crate::failure::Failure;
use crate::print;
use crate::render::number;

/// `lake …`.
#[derive(Debug, Subcommand)]
pub(crate) enum LakeCommand {
    /// Tables, rows, versions and bytes
    Status,
    /// Bring small files together, sorted; every row stays
    Optimize,
    /// Remove files that no version of the last hours needs
    Vacuum(Vacuum),
}

/// `lake vacuum`.
#[derive(Debug, Args)]
pub(crate) struct Vacuum {
    /// Keep what versions of the last so many hours need
    #[arg(long, default_value_t = 168)]
    hours: u32,
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
}

impl LakeCommand {
    pub(crate) async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let lake = global.lake().await?;
        match self {
            Self::Status => status(global, &lake)?,
            Self::Optimize => {
                let mut done = Vec::new();
                for table in TABLES {
                    done.push(Box::pin(maintain::optimize(&lake, table)).await?);
                }
                let text: Vec<String> = done
                    .iter()
                    .filter(|table| table.n_files_before > 0)
                    .map(|table| {
                        let (before, after) = (table.n_files_before, table.n_files_after);
                        format!("{}: {before} files into {after} ({} rows)", table.table, number(table.n_rows as f64))
                    })
                    .collect();
                let text = if text.is_empty() { "nothing to bring together".to_owned() } else { text.join("\n") };
                print::value(global, &done, &text)?;
            }
            Self::Vacuum(Vacuum { hours, dry_run }) => {
                let mut done = Vec::new();
                for table in TABLES {
                    done.push(Box::pin(maintain::vacuum(&lake, table, hours, dry_run)).await?);
                }
                let n_files: usize = done.iter().map(|table| table.n_files).sum();
                let text = format!("{n_files} files {}", if dry_run { "would be removed" } else { "removed" });
                print::value(global, &done, &text)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn status(global: &Global, lake: &crowsnest_lake::Lake) -> Result<(), Failure> {
    let dir = &lake.market().dir;
    let tables: Vec<serde_json::Value> = TABLES
        .iter()
        .map(|table| {
            let n_bytes = files::size_of(&dir.join("lake").join(table.name));
            serde_json::json!({"table": table.name, "rows": lake.n_rows(table), "bytes": n_bytes})
        })
        .collect();
    let archive = files::size_of(&dir.join("raw"));
    let mut lines: Vec<String> = tables
        .iter()
        .map(|table| {
            format!(
                "{:<12} {:>14} rows {:>10} KiB",
                table["table"].as_str().unwrap_or_default(),
                number(table["rows"].as_f64().unwrap_or_default()),
                number((table["bytes"].as_f64().unwrap_or_default() / 1024.0).ceil())
            )
        })
        .collect();
    lines.push(format!("{:<12} {:>19} {:>10} KiB", "documents' bodies", "", number((archive as f64 / 1024.0).ceil())));
    print::value(global, &serde_json::json!({"tables": tables, "archive_bytes": archive}), &lines.join("\n"))
}
