//! `sql`: any read-only question, with limits on rows, time and memory.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use crowsnest_lake::Answer;
use futures::StreamExt as _;

use crate::args::Global;
use crate::failure::Failure;
use crate::print;

/// `sql`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  crowsnest sql \"SHOW TABLES\"\n  \
                        crowsnest sql \"SELECT * FROM league('mau', '2025-03')\"\n  \
                        crowsnest sql \"SELECT source, count(*) FROM claims_as_of('2025-02-01') GROUP BY source\"\n  \
                        crowsnest sql - < question.sql")]
pub(crate) struct Sql {
    /// The query, or - to read it from standard input
    query: String,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 60)]
    timeout: u64,
    /// At most so many rows; 0 for all
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

impl Sql {
    pub(crate) async fn run(self, global: &Global) -> Result<ExitCode, Failure> {
        let query = match self.query.as_str() {
            "-" => std::io::read_to_string(std::io::stdin())
                .map_err(|error| Failure::users(format!("reading standard input: {error}"), None))?,
            query => query.to_owned(),
        };
        let lake = global.lake().await?;
        let limit = if self.limit == 0 { usize::MAX } else { self.limit };
        let work = Box::pin(collect(&lake, &query, limit));
        match tokio::time::timeout(Duration::from_secs(self.timeout), work).await {
            Ok(answer) => print::answer(global, &answer?)?,
            Err(_) => {
                return Err(Failure::users(
                    format!("the query took longer than {} seconds and was stopped", self.timeout),
                    Some("allow more with --timeout, or ask for less".into()),
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn collect(lake: &crowsnest_lake::Lake, query: &str, limit: usize) -> Result<Answer, Failure> {
    let mut stream = lake.stream(query).await?;
    let schema = stream.schema();
    let mut batches = Vec::new();
    let mut n_rows = 0;
    let mut is_cut = false;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(crowsnest_lake::LakeError::from)?;
        let n_kept = batch.num_rows().min(limit - n_rows);
        is_cut = n_kept < batch.num_rows();
        n_rows += n_kept;
        batches.push(batch.slice(0, n_kept));
        if is_cut {
            break;
        }
    }
    let rows = arrow::compute::concat_batches(&schema, &batches).map_err(crowsnest_lake::LakeError::from)?;
    let answer = Answer::of_rows(rows);
    if is_cut {
        print::say(&format!("note: cut after {limit} rows; ask for more with --limit, or 0 for all"));
    }
    Ok(answer)
}
