//! `crowsnest sql QUERY`: any question, in SQL; it only reads.

use std::io::Read as _;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use clap::Args;
use crowsnest_lake::{Answer, Lake};
use futures::StreamExt as _;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::narrowed::Narrowing;
use crate::options::Format;
use crate::query_rows::RowsWriter;
use crate::table::{self, Row};
use crate::{output, print};

/// Ask in SQL: all tables and views, and the functions claims_as_of, values_as_of, league and series
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest sql \"SELECT metric, count(*) AS n FROM claims GROUP BY metric ORDER BY n DESC\"
  crowsnest sql \"SELECT * FROM league('mau', '2024-12') ORDER BY rank\"
  crowsnest sql \"SELECT period, value, source FROM series('豆包', 'mau')\" --format csv
  crowsnest sql \"SELECT count(*) FROM claims_in_force\" --as-of 2025-02-01
  crowsnest sql - < question.sql
  crowsnest sql \"SHOW TABLES\"
  crowsnest sql --explain \"SELECT count(*) FROM claims\"

Questions only read. With --as-of, tables and views hold what was known by then; functions take the day themselves.

Tables: claims, events, mentions, documents, aliases, relations, judgements, links, memberships, figures, signals.
Views: claims_named, claims_in_force, events_named, entities, identities.")]
pub(crate) struct Sql {
    /// The query, or - to read it from standard input
    query: String,
    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u64,
    /// Only say where the query would run, why there, and its steps
    #[arg(long)]
    explain: bool,
    /// At most so many rows [default: 1000 in a table, all in other formats]
    #[arg(long, value_name = "ROWS")]
    limit: Option<usize>,
}

const TABLE_ROWS: usize = 1000;

impl Sql {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let narrowing = Narrowing { as_of: context.as_of()?, ..Narrowing::default() };
        let query = narrowing.over(&read_query(&self.query)?)?;
        if context.format() == Format::Parquet {
            output::refuse_terminal("parquet")?;
        }
        let lake = context.lake().await?;
        if self.explain {
            print::line(&lake.explain(&query).await?)?;
            return Ok(Done::Well);
        }
        let limit = self.limit.unwrap_or(if context.is_table() { TABLE_ROWS } else { usize::MAX });
        let asking = Box::pin(ask(context, &lake, &query, limit));
        match tokio::time::timeout(Duration::from_secs(self.timeout), asking).await {
            Ok(result) => result.map(|()| Done::Well),
            Err(_) => Err(Failure::users(
                format!("the query took longer than {} s and was stopped", self.timeout),
                "give it more with --timeout SECONDS, or ask for less",
            )),
        }
    }
}

pub(super) fn read_query(query: &str) -> Result<String, Failure> {
    if query != "-" {
        return Ok(query.to_owned());
    }
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::users(format!("reading standard input: {error}"), "send the query as UTF-8 text"))?;
    Ok(text)
}

async fn ask(context: &Context, lake: &Lake, query: &str, limit: usize) -> Result<(), Failure> {
    let mut stream = lake.stream(query).await?;
    let schema = stream.schema();
    let mut n_left = limit;
    let mut is_cut = false;
    let mut next = async || -> Result<Option<RecordBatch>, Failure> {
        if is_cut {
            return Ok(None);
        }
        let Some(batch) = stream.next().await else { return Ok(None) };
        let batch = batch.map_err(crowsnest_lake::LakeError::from)?;
        is_cut = batch.num_rows() > n_left;
        let kept = batch.num_rows().min(n_left);
        n_left -= kept;
        Ok(Some(batch.slice(0, kept)))
    };
    if context.is_table() {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut rows: Vec<Row> = Vec::new();
        while let Some(batch) = next().await? {
            rows.extend(Answer::of_rows(batch).rows_as::<Row>()?);
        }
        print::line(&table::draw_raw(&names, &rows, context.is_colored()))?;
    } else {
        let mut writer = RowsWriter::new(context.format(), &schema, std::io::stdout())?;
        while let Some(batch) = next().await? {
            writer.write(&batch)?;
        }
        writer.finish()?;
    }
    if is_cut {
        context.note(&format!("only the first {limit} rows are shown; see more with --limit"));
    }
    Ok(())
}
