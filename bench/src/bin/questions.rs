//! Asks a lake the benchmark's questions in process and prints times and checksums as JSON.
//!
//! Each question is asked once to warm up and then so many times. Forms: `question` is the library's own question, as
//! the command and the pages ask it; `view` is SQL over the lake's own view or function; `raw` is the best SQL we know
//! over the table itself.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{cast, sum};
use arrow::datatypes::{DataType, Float64Type};
use clap::Parser;
use crowsnest_lake::questions::{self, LeagueQuestion, SeriesQuestion, ShareQuestion, parse_as_of};
use crowsnest_lake::{Lake, LakeOptions, Market, sql};
use serde_json::{Map, Value, json};

/// The allocator of the `crowsnest` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn Error>;

/// Asks a lake the benchmark's questions.
#[derive(Debug, Parser)]
struct Arguments {
    /// The market's folder.
    #[arg(long)]
    market: PathBuf,
    /// How often each question is asked after the first time.
    #[arg(long, default_value_t = 7)]
    repeat: usize,
    /// Memory of the engine in MiB; the lake's own default where not said.
    #[arg(long)]
    memory_mib: Option<usize>,
    /// Metric of the league table, the shares and the history.
    #[arg(long, default_value = "mau")]
    metric: String,
    /// Month of the league table.
    #[arg(long, default_value = "2024-06")]
    period: String,
    /// Day of the as-of question.
    #[arg(long, default_value = "2023-06-30")]
    as_of: String,
    /// Product whose history is asked for; the generator's hundredth where not said.
    #[arg(long)]
    subject: Option<String>,
    /// Only this metric of its history; all of them where not said.
    #[arg(long)]
    series_metric: Option<String>,
    /// Entities per month of the shares.
    #[arg(long, default_value_t = 10)]
    limit: usize,
    /// Only these questions, separated by commas: league, latest, as_of, share, series.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let mut options = LakeOptions::default();
    if let Some(mebibytes) = arguments.memory_mib {
        options.memory_bytes = mebibytes << 20;
    }
    let start = Instant::now();
    let lake = Box::pin(Lake::open(Market::open(&arguments.market)?, options)).await?;
    let opened_ms = milliseconds(start);
    let league = LeagueQuestion {
        metric: arguments.metric.clone(),
        period: arguments.period.clone(),
        ..LeagueQuestion::default()
    };
    let share =
        ShareQuestion { metric: arguments.metric.clone(), limit: Some(arguments.limit), ..ShareQuestion::default() };
    let series = SeriesQuestion {
        name: arguments.subject.clone().unwrap_or_else(|| crowsnest_bench::names::of_product(100)),
        metric: arguments.series_metric.clone(),
        ..SeriesQuestion::default()
    };
    let mut asked = Asked { repeat: arguments.repeat, only: arguments.only.clone(), questions: Vec::new() };
    let facts =
        asked.ask("league", "question", LEAGUE_SUMS, async || rows(questions::league(&lake, &league).await)).await?;
    asked.ask_sql(&lake, "latest", "view", &latest_by_view("values_in_force")).await?;
    asked.ask_sql(&lake, "latest", "raw", &latest_raw("TRUE")).await?;
    let as_of = latest_by_view(&format!("values_as_of('{}')", arguments.as_of));
    asked.ask_sql(&lake, "as_of", "view", &as_of).await?;
    asked.ask_sql(&lake, "as_of", "raw", &latest_raw(&known_by(&arguments.as_of)?)).await?;
    asked.ask("share", "question", SHARE_SUMS, async || rows(questions::share(&lake, &share).await)).await?;
    let of_series =
        asked.ask("series", "question", SERIES_SUMS, async || rows(questions::series(&lake, &series).await)).await?;
    let answer = json!({
        "opened_ms": opened_ms,
        "memory_mib": options.memory_bytes >> 20,
        "n_threads": options.n_threads,
        "n_claims": lake.n_rows(&crowsnest_model::tables::CLAIMS),
        "asked_of": {
            "metric": arguments.metric, "period": arguments.period, "as_of": arguments.as_of, "limit": arguments.limit,
            "region": facts.get("region"), "platform": facts.get("platform"), "segment": facts.get("segment"),
            "subject": series.name, "entity": of_series.get("entity"),
        },
        "questions": asked.questions,
    });
    println!("{}", serde_json::to_string_pretty(&answer)?);
    Ok(())
}

/// Columns whose sums an answer is compared by.
const LEAGUE_SUMS: &[&str] =
    &["rank", "value", "share", "previous_value", "previous_rank", "n_sources", "lowest", "highest"];
const SHARE_SUMS: &[&str] = &["rank", "value", "share", "total"];
const SERIES_SUMS: &[&str] = &["value", "vintage", "in_force"];
const LATEST_SUMS: &[&str] = &["n", "total"];

/// The questions asked so far, with their times.
struct Asked {
    repeat: usize,
    only: Vec<String>,
    questions: Vec<Value>,
}

/// Rows of an answer, with its facts.
type Rows = (Vec<RecordBatch>, Map<String, Value>);

impl Asked {
    /// Asks once to warm up, then as often as is wanted; gives the answer's facts.
    async fn ask(
        &mut self,
        name: &str,
        form: &str,
        summed: &[&str],
        question: impl AsyncFn() -> Result<Rows, Failure>,
    ) -> Result<Map<String, Value>, Failure> {
        if !self.only.is_empty() && !self.only.iter().any(|wanted| wanted == name) {
            return Ok(Map::new());
        }
        // Where it stops is where it was killed, or where it waits.
        eprintln!("asking {name} ({form})");
        let start = Instant::now();
        let (batches, facts) = Box::pin(question()).await?;
        let first_ms = milliseconds(start);
        let mut times_ms = Vec::new();
        for _ in 0..self.repeat {
            let start = Instant::now();
            Box::pin(question()).await?;
            times_ms.push(milliseconds(start));
        }
        times_ms.sort_by(f64::total_cmp);
        self.questions.push(json!({
            "name": name,
            "form": form,
            "first_ms": first_ms,
            "best_ms": times_ms.first(),
            "median_ms": times_ms.get(times_ms.len() / 2),
            "times_ms": times_ms,
            "n_rows": batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
            "checksum": checksum(&batches, summed)?,
        }));
        Ok(facts)
    }

    async fn ask_sql(&mut self, lake: &Lake, name: &str, form: &str, sql: &str) -> Result<(), Failure> {
        self.ask(name, form, LATEST_SUMS, async || Ok((Box::pin(lake.query(sql)).await?, Map::new()))).await?;
        Ok(())
    }
}

fn rows(answer: crowsnest_lake::Result<crowsnest_lake::Answer>) -> Result<Rows, Failure> {
    let answer = answer?;
    Ok((vec![answer.rows], answer.facts))
}

/// The sum of each of the columns; what is missing in a row adds nothing.
fn checksum(batches: &[RecordBatch], columns: &[&str]) -> Result<Map<String, Value>, Failure> {
    let mut sums = Map::new();
    for name in columns {
        let mut total = 0.0;
        for batch in batches {
            let column = batch.column_by_name(name).ok_or_else(|| format!("the answer has no column {name}"))?;
            let numbers = as_numbers(column)?;
            total += sum(numbers.as_primitive::<Float64Type>()).unwrap_or(0.0);
        }
        sums.insert((*name).to_owned(), json!(total));
    }
    Ok(sums)
}

fn as_numbers(column: &dyn Array) -> Result<arrow::array::ArrayRef, Failure> {
    if *column.data_type() == DataType::Boolean {
        let as_integers = cast(column, &DataType::UInt8)?;
        return Ok(cast(&as_integers, &DataType::Float64)?);
    }
    Ok(cast(column, &DataType::Float64)?)
}

/// How many claims are in force, and their sum, as anybody would ask the view.
fn latest_by_view(view: &str) -> String {
    format!("SELECT count(*) AS n, sum(value) AS total FROM {view}")
}

/// The same grouped by the columns themselves instead of a hash of them.
fn latest_raw(filter: &str) -> String {
    format!(
        "SELECT count(*) AS n, sum(value) AS total FROM ( \
             SELECT latest(CASE WHEN status IN ('denied', 'withdrawn') THEN NULL ELSE value END, known_at, claim_id) AS value \
             FROM claims WHERE {filter} GROUP BY mention_id, metric, period, region, platform, segment) \
         WHERE value IS NOT NULL"
    )
}

fn known_by(day: &str) -> Result<String, Failure> {
    Ok(format!("known_at <= {}", sql::instant(parse_as_of(day)?)))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
