//! `crowsnest document SHA`: what is known of one payload, or its bytes.

use std::collections::BTreeSet;
use std::io::Read as _;

use clap::Args;
use crowsnest_lake::questions::{self, DocumentQuestion};
use crowsnest_lake::state::collecting::Journalled;
use crowsnest_lake::{Lake, LakeError};
use serde_json::Value;

use crate::context::Context;
use crate::failure::{Done, Failure};
use crate::output::Layout;
use crate::print;
use crate::table::{Cell, Column, Row, column, plain};

/// Show what is known of a document, or its bytes as they arrived
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest document 4f3c2a1b
  crowsnest document 4f3c2a1b --raw > original.csv")]
pub(crate) struct Document {
    /// SHA-256 of the document, or the beginning of it
    sha256: String,
    /// Write its bytes to standard output
    #[arg(long)]
    raw: bool,
}

const COLUMNS: &[Column] = &[
    column("document", "document", Cell::Text),
    column("name", "name", Cell::Text),
    column("source", "source", Cell::Text),
    column("media_type", "type", Cell::Text),
    column("n_bytes", "size", Cell::Bytes),
    column("n_records", "records", Cell::Figure),
    column("n_claims", "claims", Cell::Figure),
    column("n_events", "events", Cell::Figure),
    column("n_rejects", "rejects", Cell::Figure),
    column("known_at", "imported", Cell::Day),
    column("origin", "from", Cell::Text),
];

impl Document {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let document = whole_hash(&lake, &self.sha256).await?;
        if self.raw {
            write_raw(&lake, &document)?;
            return Ok(Done::Well);
        }
        let mut answer = questions::document(&lake, &DocumentQuestion { document: document.clone() }).await?;
        let held = lake.state().quarantined(None, true)?.into_iter().find(|held| held.fetched.document == document);
        if let Some(held) = held {
            let Journalled { id, source, origin, .. } = held.fetched;
            answer.notes.push(format!("it is in quarantine as number {id}, from {source} ({origin}): {}", held.reason));
        }
        context.print(&answer, Layout::of(COLUMNS))?;
        Ok(Done::Well)
    }
}

/// The one document whose SHA-256 begins like this.
async fn whole_hash(lake: &Lake, beginning: &str) -> Result<String, Failure> {
    let beginning = beginning.to_ascii_lowercase();
    let is_hexadecimal = !beginning.is_empty() && beginning.bytes().all(|byte| byte.is_ascii_hexdigit());
    if beginning.len() == 64 || !is_hexadecimal {
        return Ok(beginning);
    }
    let sql = format!("SELECT DISTINCT document FROM documents WHERE document LIKE '{beginning}%' ORDER BY 1 LIMIT 3");
    let held = lake.state().quarantined(None, false)?.into_iter().map(|held| held.fetched.document);
    let mut found: BTreeSet<String> = held.filter(|document| document.starts_with(&beginning)).collect();
    for batch in lake.query(&sql).await? {
        let rows: Vec<Row> = crowsnest_lake::Answer::of_rows(batch).rows_as()?;
        found.extend(rows.iter().map(|row| plain(row.get("document").filter(|value| *value != &Value::Null))));
    }
    match (found.len(), found.pop_first()) {
        (1, Some(only)) => Ok(only),
        (0, _) => Err(LakeError::NoDocument(beginning).into()),
        _ => Err(Failure::users(format!("several documents begin with {beginning}"), "write more of it")),
    }
}

fn write_raw(lake: &Lake, document: &str) -> Result<(), Failure> {
    let mut reader = lake.documents().open(document)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = reader.read(&mut buffer).map_err(|_| LakeError::DamagedDocument(document.to_owned()))?;
        if n == 0 {
            return Ok(());
        }
        print::bytes(&buffer[..n])?;
    }
}
