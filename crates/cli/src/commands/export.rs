//! `crowsnest export TABLE|QUERY [--output FILE]`: rows out of the market, within the sources' licences.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use crowsnest_lake::{Lake, LakeError, files};
use futures::StreamExt as _;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::narrowed::{Narrowing, PLANS};
use crate::options::Format;
use crate::output::refuse_terminal;
use crate::query_rows::RowsWriter;
use crate::{number, print};

/// Write a table, a view or a query's rows to a file or standard output
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest export claims --output claims.parquet
  crowsnest export \"SELECT name, period, value FROM claims_named WHERE metric = 'mau'\" --output mau.csv
  crowsnest export claims_in_force --as-of 2025-02-01 --format ndjson | gzip > then.ndjson.gz

The format is that of --format, else the file's ending says it: .csv, .parquet, .ndjson or .json; standard output is
CSV. Rows of sources whose card says redistribute = false, own figures, and plans are left out.")]
pub(crate) struct Export {
    /// A table, a view, or a query
    #[arg(value_name = "TABLE|QUERY")]
    what: String,
    /// The file to write [default: standard output, which is also -]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also rows of sources that may not be passed on, and plans, for your own use
    #[arg(long)]
    include_restricted: bool,
}

impl Export {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let file = self.output.as_deref().filter(|path| *path != Path::new("-"));
        let format = format_of(context, file)?;
        let as_of = context.as_of()?;
        let lake = context.lake().await?;
        let kept_back = if self.include_restricted { Vec::new() } else { lake.market().kept_back() };
        let is_name = is_name(&self.what);
        let query = if is_name { format!("SELECT * FROM {}", self.what) } else { self.what.clone() };
        let narrowing = Narrowing { as_of, kept_back, without_plans: !self.include_restricted };
        let query = narrowing.over(&query)?;
        match file {
            Some(path) => {
                let n_rows = write_file(&lake, &query, format, path).await?;
                print::line(&format!("{} rows written to {}", number::count(n_rows), path.display()))?;
            }
            None => {
                write(&lake, &query, format, BufWriter::new(std::io::stdout())).await?;
            }
        }
        note_plans(context, &lake, &self.what, &narrowing).await?;
        if narrowing.kept_back.is_empty() {
            return Ok(Done::Well);
        }
        let table = if is_name { self.what.as_str() } else { "claims" };
        let n = n_kept_back(&lake, table, &narrowing).await?;
        if n > 0 {
            let of_query = if is_name { "rows" } else { "claims" };
            context.note(&format!(
                "{} {of_query} of sources that may not be passed on ({}) are left out; see --include-restricted",
                number::count(n),
                narrowing.kept_back.join(", ")
            ));
        }
        Ok(Done::Well)
    }
}

fn is_name(what: &str) -> bool {
    !what.is_empty() && what.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
}

/// The format asked for; else that of the file's ending; else CSV.
fn format_of(context: &Context, file: Option<&Path>) -> Result<Format, Failure> {
    let asked = Some(context.format()).filter(|format| *format != Format::Table);
    let Some(path) = file else {
        if asked == Some(Format::Parquet) {
            refuse_terminal("parquet")?;
        }
        return Ok(asked.unwrap_or(Format::Csv));
    };
    if let Some(format) = asked {
        return Ok(format);
    }
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match ending.as_str() {
        "csv" => Ok(Format::Csv),
        "parquet" => Ok(Format::Parquet),
        "ndjson" | "jsonl" => Ok(Format::Ndjson),
        "json" => Ok(Format::Json),
        _ => Err(Failure::users(
            format!("{} does not end in a format", path.display()),
            "end the file's name in .csv, .parquet, .ndjson or .json, or add --format",
        )),
    }
}

/// Writes the rows as they come; gives their number and what was written to.
async fn write<W: Write + Send>(lake: &Lake, query: &str, format: Format, out: W) -> Result<(u64, W), Failure> {
    let mut stream = lake.stream(query).await?;
    let mut writer = RowsWriter::new(format, &stream.schema(), out)?;
    while let Some(batch) = stream.next().await {
        writer.write(&batch.map_err(LakeError::from)?)?;
    }
    Ok((writer.n_rows(), writer.finish()?))
}

/// Writes beside the file and moves it into place, so that a failed export leaves what was there.
async fn write_file(lake: &Lake, query: &str, format: Format, path: &Path) -> Result<u64, Failure> {
    let temporary = path.with_added_extension(format!("tmp-{}", std::process::id()));
    let _removed = RemovedAtEnd(&temporary);
    let file = BufWriter::new(files::create(&temporary)?);
    let (n_rows, file) = write(lake, query, format, file).await.map_err(|failure| named(failure, path))?;
    let written = file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    written.map_err(|source| LakeError::File { doing: "writing", path: path.to_owned(), source })?;
    files::rename(&temporary, path)?;
    Ok(n_rows)
}

/// What could not be written is the file here, not standard output.
fn named(failure: Failure, path: &Path) -> Failure {
    match failure {
        Failure::Output { source } => LakeError::File { doing: "writing", path: path.to_owned(), source }.into(),
        other => other,
    }
}

struct RemovedAtEnd<'a>(&'a Path);

impl Drop for RemovedAtEnd<'_> {
    fn drop(&mut self) {
        files::remove_quietly(self.0);
    }
}

/// Says how many plans are left out, where it was asked for them.
async fn note_plans(context: &Context, lake: &Lake, what: &str, narrowing: &Narrowing) -> Result<(), Failure> {
    if !narrowing.without_plans || !what.to_lowercase().contains(PLANS) {
        return Ok(());
    }
    let with_plans = Narrowing { as_of: narrowing.as_of, ..Narrowing::default() };
    let n = n_rows(lake, PLANS, &with_plans).await?;
    if n > 0 {
        context.note(&format!(
            "{} rows of plans, which are your own, are left out; see --include-restricted",
            number::count(n)
        ));
    }
    Ok(())
}

/// How many rows of a table or view a narrowing leaves out because of their sources.
async fn n_kept_back(lake: &Lake, table: &str, narrowing: &Narrowing) -> Result<u64, Failure> {
    let of_all_sources = Narrowing { kept_back: Vec::new(), ..narrowing.clone() };
    Ok(n_rows(lake, table, &of_all_sources).await?.saturating_sub(n_rows(lake, table, narrowing).await?))
}

async fn n_rows(lake: &Lake, table: &str, narrowing: &Narrowing) -> Result<u64, Failure> {
    #[derive(serde::Deserialize)]
    struct Counted {
        n: u64,
    }
    let query = narrowing.over(&format!("SELECT count(*) AS n FROM {table}"))?;
    let mut n = 0;
    for batch in lake.query(&query).await? {
        n += crowsnest_lake::Answer::of_rows(batch).rows_as::<Counted>()?.iter().map(|counted| counted.n).sum::<u64>();
    }
    Ok(n)
}
