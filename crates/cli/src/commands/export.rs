//! `export`: a table, view or query to a file, as a stream, leaving out what may not be passed on.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crowsnest_lake::{LakeError, encode, files};
use futures::StreamExt as _;

use crate::args::Global;
use crate::failure::Failure;
use crate::print;

/// `export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest export claims --output claims.parquet\n  \
                        crowsnest export \"SELECT * FROM league('mau', '2025-03')\" --output league.csv")]
pub(crate) struct Export {
    /// A table, a view, or a query
    what: String,
    /// File to write; its ending says how: .parquet, .csv, .ndjson
    #[arg(long, short)]
    output: PathBuf,
    /// With rows of sources whose licence does not allow passing them on
    #[arg(long)]
    include_restricted: bool,
}

impl Export {
    pub(crate) async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let lake = global.lake().await?;
        let is_name = self.what.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let query = if is_name { format!("SELECT * FROM {}", self.what) } else { self.what.clone() };
        let restricted: Vec<String> = lake
            .market()
            .sources
            .iter()
            .filter(|card| !card.redistribute)
            .flat_map(|card| std::iter::once(card.name.clone()).chain(card.aliases.clone()))
            .collect();
        let probe = lake.stream(&query).await?;
        let has_source = probe.schema().column_with_name("source").is_some();
        drop(probe);
        let mut left_out = String::new();
        let filtered = if restricted.is_empty() || self.include_restricted || !has_source {
            if !restricted.is_empty() && !self.include_restricted && !has_source {
                left_out = "; no column `source`, so nothing was left out for licences: check before passing it on".into();
            }
            query
        } else {
            left_out = format!("; left out, for their licences: {}", restricted.join(", "));
            let names: Vec<String> = restricted.iter().map(|name| format!("'{}'", name.replace('\'', "''"))).collect();
            format!("SELECT * FROM ({query}) WHERE source IS NULL OR source NOT IN ({})", names.join(", "))
        };
        let n_rows = write(&lake, &filtered, &self.output).await?;
        if !global.quiet {
            print::say(&format!("{n_rows} rows to {}{left_out}", self.output.display()));
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn write(lake: &crowsnest_lake::Lake, query: &str, output: &std::path::Path) -> Result<usize, Failure> {
    let ending = output.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_owned();
    if !["parquet", "csv", "ndjson"].contains(&ending.as_str()) {
        return Err(Failure::users(
            format!("{}: what format?", output.display()),
            Some("end the name in .parquet, .csv or .ndjson".into()),
        ));
    }
    let mut stream = lake.stream(query).await?;
    let schema = stream.schema();
    let failed = |error: std::io::Error| Failure::users(format!("writing {}: {error}", output.display()), None);
    let created = files::create(output)?;
    if ending == "parquet" {
        let mut writer = encode::ParquetFile::new(created, &schema)?;
        let mut n_rows = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(LakeError::from)?;
            writer.write(&batch)?;
            n_rows += batch.num_rows();
        }
        writer.finish()?;
        return Ok(n_rows);
    }
    let mut file = BufWriter::new(created);
    let mut n_rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(LakeError::from)?;
        let text = if ending == "csv" { encode::to_csv(&batch)? } else { encode::to_ndjson(&batch)? };
        let has_second_header = ending == "csv" && n_rows > 0;
        let body = if has_second_header { text.split_once('\n').map_or("", |(_, body)| body) } else { text.as_str() };
        file.write_all(body.as_bytes()).map_err(failed)?;
        n_rows += batch.num_rows();
    }
    file.flush().map_err(failed)?;
    Ok(n_rows)
}
