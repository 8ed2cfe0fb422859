//! Appends what all sources bring in, many documents at a time, and settles what was journalled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use crowsnest_lake::Lake;
use crowsnest_lake::state::collecting::{Journalled, Validator};
use crowsnest_model::tables;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::said_again;
use crate::pipeline::Counts;
use crate::rows::columns::{Columns, Repeated, document_batch};
use crate::rows::mentions::MentionsInTable;
use crate::worker::Parsed;
use crate::{ImportError, Result};

/// Rows and documents that are appended at once.
const ROWS_MAX: usize = 250_000;
const DOCUMENTS_MAX: usize = 4_000;
/// How long is waited for more before what is there is appended: while nobody waits for it, and when somebody does.
const PATIENCE: Duration = Duration::from_secs(2);
const PATIENCE_WAITED_FOR: Duration = Duration::from_millis(100);
/// Rows that wait, in KiB.
const WAITING_KIB_MAX: usize = 256 << 10;

/// A document whose rows are ready to be appended.
pub(crate) struct Ready {
    pub(crate) fetched: Journalled,
    pub(crate) fingerprint: String,
    pub(crate) media_type: &'static str,
    pub(crate) counts: Counts,
    pub(crate) rows: Parsed,
    /// Kind and shape, to remember once it is in.
    pub(crate) shape: Option<(String, String)>,
    /// Address and what the answer said of itself, to remember once it is in.
    pub(crate) validator: Option<(String, Validator)>,
    pub(crate) tally: Arc<Tally>,
}

/// What has become of one source's documents.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) n_added: AtomicU64,
    pub(crate) n_events_added: AtomicU64,
}

enum Message {
    Document(Box<Ready>, OwnedSemaphorePermit),
    Flush(oneshot::Sender<std::result::Result<(), Arc<str>>>),
}

/// Takes documents, and tells when those before are in.
#[derive(Clone)]
pub(crate) struct Committer {
    sender: mpsc::Sender<Message>,
    waiting: Arc<Semaphore>,
}

impl Committer {
    /// Begins to take documents; what comes to be in the table of mentions is noted.
    pub(crate) fn start(lake: Lake, mentions: MentionsInTable) -> Self {
        let (sender, receiver) = mpsc::channel(1024);
        tokio::spawn(serve(lake, mentions, receiver));
        Self { sender, waiting: Arc::new(Semaphore::new(WAITING_KIB_MAX)) }
    }

    /// Gives a document over; waits while too much is waiting.
    pub(crate) async fn add(&self, ready: Ready) -> Result<()> {
        let columns = ready.rows.claims.iter().chain(&ready.rows.events).chain(&ready.rows.mentions);
        let n_kib = columns.map(|columns| columns.n_bytes).sum::<usize>() >> 10;
        let n_kib = u32::try_from(n_kib.clamp(1, WAITING_KIB_MAX)).unwrap_or(1);
        let permit = Arc::clone(&self.waiting).acquire_many_owned(n_kib).await.map_err(|_| ended())?;
        self.sender.send(Message::Document(Box::new(ready), permit)).await.map_err(|_| ended())
    }

    /// Waits until all that was given over before is in the tables.
    ///
    /// # Errors
    /// Why it is not; it is in the journal still.
    pub(crate) async fn flush(&self) -> Result<()> {
        let (sender, receiver) = oneshot::channel();
        self.sender.send(Message::Flush(sender)).await.map_err(|_| ended())?;
        let done = receiver.await.map_err(|_| ended())?;
        done.map_err(|message| ImportError::Broken { file: "collected documents".into(), message: message.to_string() })
    }
}

fn ended() -> ImportError {
    ImportError::Broken { file: "collected documents".into(), message: "the task that appends has ended".into() }
}

#[derive(Default)]
struct Batch {
    documents: Vec<Ready>,
    permits: Vec<OwnedSemaphorePermit>,
    waiters: Vec<oneshot::Sender<std::result::Result<(), Arc<str>>>>,
    n_rows: usize,
}

impl Batch {
    fn take(&mut self, message: Message) {
        match message {
            Message::Document(ready, permit) => {
                let columns = ready.rows.claims.iter().chain(&ready.rows.events);
                self.n_rows += columns.map(|columns| columns.n_rows).sum::<usize>();
                self.documents.push(*ready);
                self.permits.push(permit);
            }
            Message::Flush(waiter) => self.waiters.push(waiter),
        }
    }

    fn is_full(&self) -> bool {
        self.n_rows >= ROWS_MAX || self.documents.len() >= DOCUMENTS_MAX
    }
}

async fn serve(lake: Lake, mentions: MentionsInTable, mut receiver: mpsc::Receiver<Message>) {
    let mut repeated = Repeated::default();
    while let Some(first) = receiver.recv().await {
        let began = Instant::now();
        let mut batch = Batch::default();
        batch.take(first);
        while !batch.is_full() {
            let patience = if batch.waiters.is_empty() { PATIENCE } else { PATIENCE_WAITED_FOR };
            match timeout_at(began + patience, receiver.recv()).await {
                Ok(Some(message)) => batch.take(message),
                Ok(None) | Err(_) => break,
            }
        }
        let waiters = std::mem::take(&mut batch.waiters);
        let appended = append(&lake, &mentions, batch, &mut repeated).await;
        let told = appended.map_err(|error| {
            tracing::error!(%error, "collected documents could not be appended; they stay in the journal");
            Arc::from(error.to_string())
        });
        for waiter in waiters {
            // Nobody waits any more where a run was given up.
            let _ = waiter.send(told.clone());
        }
    }
}

async fn append(lake: &Lake, in_table: &MentionsInTable, batch: Batch, repeated: &mut Repeated) -> Result<()> {
    let Batch { mut documents, permits, .. } = batch;
    if documents.is_empty() {
        return Ok(());
    }
    let (mut mentions, mut claims, mut events) = (Owned::default(), Owned::default(), Owned::default());
    for (place, document) in documents.iter_mut().enumerate() {
        let rows = std::mem::take(&mut document.rows);
        let sha256 = &document.fetched.document;
        mentions.take(rows.mentions, place, sha256, repeated)?;
        claims.take(rows.claims, place, sha256, repeated)?;
        events.take(rows.events, place, sha256, repeated)?;
    }
    if !mentions.batches.is_empty() {
        let ids: Vec<ArrayRef> =
            mentions.batches.iter().filter_map(|batch| batch.column_by_name("mention_id").cloned()).collect();
        lake.append(&tables::MENTIONS, mentions.batches).await?;
        in_table.add(ids.iter().flat_map(|ids| ids.as_primitive::<Int64Type>().values().iter().copied()));
    }
    if !claims.batches.is_empty() {
        let again = claims.batches.clone();
        let appended = lake.append(&tables::CLAIMS, claims.batches).await?;
        for (place, n_added) in claims.owners.iter().zip(&appended.n_added_of_batches) {
            documents[*place].tally.n_added.fetch_add(*n_added as u64, Ordering::Relaxed);
        }
        if appended.n_known > 0 {
            let known = again.into_iter().zip(&appended.n_added_of_batches).zip(claims.owners);
            let known = known.filter(|((batch, n_added), _)| **n_added < batch.num_rows());
            let (batches, owners): (Vec<_>, Vec<_>) = known.map(|((batch, _), owner)| (batch, owner)).unzip();
            for (owner, n_added) in said_again::append(lake, batches, owners).await? {
                documents[owner].tally.n_added.fetch_add(n_added, Ordering::Relaxed);
            }
        }
    }
    if !events.batches.is_empty() {
        let appended = lake.append(&tables::EVENTS, events.batches).await?;
        for (place, n_added) in events.owners.iter().zip(&appended.n_added_of_batches) {
            documents[*place].tally.n_events_added.fetch_add(*n_added as u64, Ordering::Relaxed);
        }
    }
    let rows: Vec<RecordBatch> = documents.iter().map(document_row).collect::<Result<_>>()?;
    lake.append(&tables::DOCUMENTS, rows).await?;
    settle(lake, &documents)?;
    drop(permits);
    Ok(())
}

/// Batches, and which document each is of.
#[derive(Default)]
struct Owned {
    batches: Vec<RecordBatch>,
    owners: Vec<usize>,
}

impl Owned {
    fn take(&mut self, columns: Vec<Columns>, place: usize, sha256: &str, repeated: &mut Repeated) -> Result<()> {
        for columns in columns {
            self.batches.push(columns.into_coded_batch(sha256, repeated)?);
            self.owners.push(place);
        }
        Ok(())
    }
}

fn document_row(document: &Ready) -> Result<RecordBatch> {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let Ready { fetched, counts, .. } = document;
    let texts = [
        ("document", fetched.document.as_str()),
        ("name", &fetched.name),
        ("source", &fetched.source),
        ("media_type", document.media_type),
        ("mapping", &document.fingerprint),
        ("mapping_toml", &fetched.recipe),
        ("origin", &fetched.origin),
    ];
    let numbers = [
        ("n_bytes", count(fetched.n_bytes)),
        ("n_records", count(counts.n_records)),
        ("n_claims", count(counts.n_claims)),
        ("n_events", count(counts.n_events)),
        ("n_rejects", count(counts.n_rejects)),
    ];
    Ok(document_batch(&texts, &numbers, fetched.fetched_at)?)
}

/// What is in the tables needs no journal any more; only now does a later run build on it.
fn settle(lake: &Lake, documents: &[Ready]) -> Result<()> {
    let state = lake.state();
    // The last of each is what is remembered.
    let (mut shapes, mut validators) = (BTreeMap::new(), BTreeMap::new());
    for Ready { fetched, shape, validator, .. } in documents {
        if let Some((kind, shape)) = shape {
            shapes.insert((&fetched.source, kind), (shape, fetched));
        }
        if let Some((url, validator)) = validator {
            validators.insert((&fetched.source, url), (validator, fetched));
        }
    }
    for ((source, kind), (shape, fetched)) in shapes {
        state.set_shape(source, kind, Some(shape), &fetched.document, fetched.fetched_at)?;
    }
    for ((source, url), (validator, fetched)) in validators {
        state.set_validator(source, url, validator, fetched.fetched_at)?;
    }
    let ids: Vec<i64> = documents.iter().map(|document| document.fetched.id).collect();
    Ok(state.settle(&ids)?)
}
