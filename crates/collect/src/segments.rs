//! Gathers what workers give into segments and appends each while the next is being read.
//!
//! Nothing is appended before the document is in the archive: what a claim points to is always there. One segment is
//! being appended and one gathered at any time; more waits in the channel, so memory is bounded.

use std::sync::Arc;

use arrow::array::RecordBatch;
use crowsnest_lake::Lake;
use crowsnest_model::tables;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::archive::Archived;
use crate::correction::Correction;
use crate::rows::columns::{Columns, Repeated};
use crate::worker::Parsed;
use crate::{ImportError, Result};

/// How much is gathered before it is appended: few enough commits, little enough memory.
const SEGMENT_BYTES: usize = 250 << 20;
const SEGMENT_ROWS: usize = 2_000_000;

/// How many rows were new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Added {
    pub(crate) n_claims: u64,
    pub(crate) n_events: u64,
    pub(crate) n_mentions: u64,
}

/// The document, once it is in the archive.
pub(crate) enum Document {
    /// On its way.
    Coming(oneshot::Receiver<Result<Archived>>),
    /// There.
    There(Archived),
}

/// Gathers and appends.
pub(crate) struct Segments {
    file: String,
    lake: Lake,
    document: Document,
    correction: Option<Arc<Correction>>,
    claims: Vec<Columns>,
    events: Vec<Columns>,
    mentions: Vec<Columns>,
    n_bytes: usize,
    n_rows: usize,
    appending: Option<JoinHandle<Result<Added>>>,
    added: Added,
}

impl Segments {
    pub(crate) fn new(file: &str, lake: Lake, document: Document, correction: Option<Arc<Correction>>) -> Self {
        Self {
            file: file.to_owned(),
            lake,
            document,
            correction,
            claims: Vec::new(),
            events: Vec::new(),
            mentions: Vec::new(),
            n_bytes: 0,
            n_rows: 0,
            appending: None,
            added: Added::default(),
        }
    }

    /// Takes what a worker gave; waits where the segment is full and the one before is still being appended.
    pub(crate) async fn add(&mut self, parsed: &mut Parsed) -> Result<()> {
        for columns in parsed.claims.iter().chain(&parsed.events).chain(&parsed.mentions) {
            self.n_bytes += columns.n_bytes;
            self.n_rows += columns.n_rows;
        }
        self.claims.append(&mut parsed.claims);
        self.events.append(&mut parsed.events);
        self.mentions.append(&mut parsed.mentions);
        if self.n_bytes >= SEGMENT_BYTES || self.n_rows >= SEGMENT_ROWS {
            self.append().await?;
        }
        Ok(())
    }

    /// Appends what is left and gives the document and what was new.
    pub(crate) async fn finish(mut self) -> Result<(Archived, Added)> {
        self.append().await?;
        self.wait().await?;
        let document = self.document().await?;
        Ok((document, self.added))
    }

    async fn document(&mut self) -> Result<Archived> {
        if let Document::Coming(coming) = &mut self.document {
            let archived = coming.await.map_err(|_| broken(&self.file, "archiving ended without a result"))??;
            self.document = Document::There(archived);
        }
        match &self.document {
            Document::There(archived) => Ok(archived.clone()),
            Document::Coming(_) => Err(broken(&self.file, "the document is not in the archive")),
        }
    }

    async fn append(&mut self) -> Result<()> {
        self.wait().await?;
        let document = self.document().await?;
        let segment = Segment {
            correction: self.correction.clone(),
            mentions: std::mem::take(&mut self.mentions),
            claims: std::mem::take(&mut self.claims),
            events: std::mem::take(&mut self.events),
        };
        (self.n_bytes, self.n_rows) = (0, 0);
        let lake = self.lake.clone();
        self.appending = Some(tokio::spawn(async move { segment.append(&lake, &document.sha256).await }));
        Ok(())
    }

    async fn wait(&mut self) -> Result<()> {
        let Some(appending) = self.appending.take() else { return Ok(()) };
        let added = appending.await.map_err(|error| broken(&self.file, &error.to_string()))??;
        self.added.n_claims += added.n_claims;
        self.added.n_events += added.n_events;
        self.added.n_mentions += added.n_mentions;
        Ok(())
    }
}

fn broken(file: &str, message: &str) -> ImportError {
    ImportError::Broken { file: file.to_owned(), message: message.to_owned() }
}

struct Segment {
    correction: Option<Arc<Correction>>,
    mentions: Vec<Columns>,
    claims: Vec<Columns>,
    events: Vec<Columns>,
}

impl Segment {
    async fn append(self, lake: &Lake, sha256: &str) -> Result<Added> {
        let mut repeated = Repeated::default();
        let is_corrected = self.correction.is_some();
        let mut batches = |columns: Vec<Columns>| -> Result<Vec<RecordBatch>> {
            let mut batches = Vec::with_capacity(columns.len());
            for columns in columns {
                batches.push(match is_corrected {
                    true => columns.into_batch(sha256, &mut repeated)?,
                    false => columns.into_coded_batch(sha256, &mut repeated)?,
                });
            }
            Ok(batches)
        };
        let (mentions, mut claims, events) = (batches(self.mentions)?, batches(self.claims)?, batches(self.events)?);
        if let Some(correction) = &self.correction {
            claims = claims.into_iter().map(|batch| correction.place(batch)).collect::<Result<_>>()?;
        }
        let mut added = Added::default();
        if !mentions.is_empty() {
            added.n_mentions = lake.append(&tables::MENTIONS, mentions).await?.n_added as u64;
        }
        if !claims.is_empty() {
            added.n_claims = lake.append(&tables::CLAIMS, claims).await?.n_added as u64;
        }
        if !events.is_empty() {
            added.n_events = lake.append(&tables::EVENTS, events).await?.n_added as u64;
        }
        Ok(added)
    }
}
