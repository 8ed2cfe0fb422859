//! One page of a source, fetched and read, and nothing written: what its file would give.

use arrow::compute::concat_batches;
use crowsnest_lake::{Answer, SourceCard, schema};
use crowsnest_model::tables;
use jiff::tz::Offset;

use super::request::{self, Job};
use super::sources::Source;
use super::{CollectRequest, Collector};
use crate::connector::{Via, Window};
use crate::report::Reject;
use crate::rows::columns::{Columns, Repeated};
use crate::{ImportError, Result};

/// What one page would give.
#[derive(Debug)]
pub struct Trial {
    /// What a run would ask for, as `slot` and where; the first is what was asked.
    pub requests: Vec<(String, String)>,
    /// Size of the answer in bytes.
    pub n_bytes: u64,
    /// What it was read as.
    pub n_records: u64,
    /// The claims.
    pub claims: Answer,
    /// The events.
    pub events: Answer,
    /// What could not be read.
    pub rejects: Vec<Reject>,
    /// What would be asked for next.
    pub n_next: usize,
}

impl Collector {
    /// Fetches and reads the first page of a source; nothing is written, and nothing goes to the ledger.
    ///
    /// # Errors
    /// What is wrong with its file, with fetching, or with what came back.
    pub async fn try_out(&self, card: &SourceCard, request: &CollectRequest) -> Result<Trial> {
        let source = Source::of(card, self.lake.market())?;
        let fault = |message: String, hint: &str| ImportError::Source {
            name: card.name.clone(),
            message,
            hint: hint.to_owned(),
        };
        let today = Offset::UTC.to_datetime(self.clock.now()).date();
        let start = source.collect.start.as_deref().and_then(|day| day.parse().ok());
        let window = Window {
            since: request.since.or(start),
            until: request.until.unwrap_or(today).min(today),
            today,
            cursor: None,
            done: std::collections::BTreeSet::new(),
            is_again: true,
        };
        let options = "correct its [options]";
        let requests = source.configured.requests(&window).map_err(|message| fault(message, options))?;
        let shown = requests.iter().map(|request| (request.slot.clone(), place_of(&request.via))).collect();
        let Some(first) = requests.into_iter().next() else {
            return Err(fault("a run would ask for nothing".into(), options));
        };
        let (answer, parsed, read) = request::try_out(self, &source, &Job::first(first))
            .await?
            .map_err(|message| fault(message, "look at what the address gives, and at the connector's options"))?;
        Ok(Trial {
            requests: shown,
            n_bytes: answer.body.len() as u64,
            n_records: read.counts.n_records,
            claims: answer_of(read.rows.claims, &tables::CLAIMS)?,
            events: answer_of(read.rows.events, &tables::EVENTS)?,
            rejects: read.rejects,
            n_next: parsed.next.len(),
        })
    }
}

fn place_of(via: &Via) -> String {
    match via {
        Via::Http(http) => http.url.clone(),
        Via::Files { pattern } => pattern.clone(),
        Via::Sql { database, .. } => database.clone(),
        Via::Table { address, .. } => address.clone(),
    }
}

fn answer_of(columns: Vec<Columns>, table: &'static tables::Table) -> Result<Answer> {
    let mut repeated = Repeated::default();
    let batches: Vec<_> = columns
        .into_iter()
        .map(|columns| columns.into_batch("", &mut repeated))
        .collect::<std::result::Result<_, _>>()?;
    Ok(Answer::of_rows(concat_batches(&schema::arrow_schema(table), &batches)?))
}
