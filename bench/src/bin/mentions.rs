//! Makes a market of noisy mentions, and the same as CSV for a peer, with the entity of each for the judge.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use arrow::datatypes::DataType;
use clap::Parser;
use crowsnest_bench::noisy::{Noisy, mention};
use crowsnest_lake::{Lake, LakeOptions, Market, schema};
use crowsnest_model::tables::MENTIONS;
use crowsnest_model::{entity_id, mention_id, normalise};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to make.
#[derive(Debug, Parser)]
struct Arguments {
    /// Mentions, from the first of them on
    #[arg(long)]
    from: u64,
    /// The mention after the last
    #[arg(long)]
    to: u64,
    /// True entities
    #[arg(long)]
    entities: u64,
    /// Another seed is another market
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the market; made if it is not there
    #[arg(long)]
    market: PathBuf,
    /// Where the same goes as CSV
    #[arg(long)]
    csv: PathBuf,
}

const ROWS_OF_BATCH: u64 = 100_000;
const KNOWN_AT: i64 = 1_700_000_000_000_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let market = match arguments.market.join("crowsnest.toml").is_file() {
        true => Market::open(&arguments.market)?,
        false => Market::create(&arguments.market, "noisy")?,
    };
    let lake = Lake::open(market, LakeOptions::default()).await?;
    let mut csv = std::io::BufWriter::new(std::fs::File::create(&arguments.csv)?);
    writeln!(csv, "mention_id,entity,kind,name,source,native_id,developer,domain")?;
    let mut batches = Vec::new();
    let mut start = arguments.from;
    while start < arguments.to {
        let end = (start + ROWS_OF_BATCH).min(arguments.to);
        let rows: Vec<Noisy> = (start..end).map(|number| mention(arguments.seed, number, arguments.entities)).collect();
        for row in &rows {
            let Noisy { entity, name, source, native_id, developer, domain, .. } = row;
            let (id, kind) = (id_of(row), row.kind.as_str());
            writeln!(csv, "{id},{entity},{kind},\"{name}\",{source},{native_id},{developer},{domain}")?;
        }
        batches.push(batch(&rows, start)?);
        start = end;
    }
    lake.append(&MENTIONS, batches).await?;
    csv.flush()?;
    Ok(())
}

fn id_of(row: &Noisy) -> i64 {
    let native_id = Some(row.native_id.as_str()).filter(|id| !id.is_empty());
    mention_id(row.source, row.kind, native_id, &normalise(&row.name))
}

fn batch(rows: &[Noisy], start: u64) -> Result<RecordBatch, arrow::error::ArrowError> {
    let texts = |of: &dyn Fn(&Noisy) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|row| Some(of(row)).filter(|text| !text.is_empty())).collect::<StringArray>())
    };
    let known = (0..rows.len() as i64).map(|row| KNOWN_AT + start as i64 + row);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(id_of))),
        texts(&|row| row.source.to_owned()),
        texts(&|row| row.kind.as_str().to_owned()),
        texts(&|row| row.name.clone()),
        texts(&|row| row.native_id.clone()),
        texts(&|row| normalise(&row.name)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| entity_id(row.kind, &normalise(&row.name))))),
        new_null_array(&DataType::Utf8, rows.len()),
        new_null_array(&DataType::Utf8, rows.len()),
        Arc::new(TimestampMicrosecondArray::from_iter_values(known).with_timezone("UTC")),
        texts(&|_| "00".to_owned()),
        texts(&|row| row.developer.clone()),
        texts(&|row| row.domain.clone()),
    ];
    RecordBatch::try_new(schema::arrow_schema(&MENTIONS), columns)
}
