//! One file through the threads of an import.
//!
//! A reader cuts chunks, as many workers as there are cores parse them, this task gathers segments and appends them,
//! and another thread archives the document meanwhile. All queues are bounded, so memory is too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crowsnest_lake::Lake;
use tokio::sync::{mpsc, oneshot};

use crate::archive::{self, Archived};
use crate::correction::Correction;
use crate::opened::{Chunk, Opened};
use crate::progress::Progress;
use crate::reading::input::Input;
use crate::rejects::Rejects;
use crate::report::Reject;
use crate::rows::columns::COLUMNS_ROWS_MAX;
use crate::rows::mentions::SeenMentions;
use crate::rows::said::ReadingContext;
use crate::segments::{Added, Document, Segments};
use crate::worker::{Parsed, Worker};
use crate::{ImportError, Result};

/// How many parsed chunks of each worker may wait while a segment is appended, so that workers go on meanwhile.
const CHUNKS_WAITING_PER_WORKER: usize = 6;

/// One file to import.
pub(crate) struct Job {
    pub(crate) lake: Lake,
    pub(crate) input: Input,
    pub(crate) opened: Opened,
    pub(crate) context: Arc<ReadingContext>,
    /// The document, if it is in the archive already.
    pub(crate) archived: Option<Archived>,
    /// What the document's claims are that this reading corrects.
    pub(crate) correction: Option<Arc<Correction>>,
}

/// How many records became what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) n_records: u64,
    pub(crate) n_claims: u64,
    pub(crate) n_events: u64,
    pub(crate) n_rejects: u64,
    pub(crate) n_blank: u64,
}

/// What became of a file.
pub(crate) struct Done {
    pub(crate) counts: Counts,
    pub(crate) added: Added,
    /// `None` after a look.
    pub(crate) document: Option<Archived>,
    pub(crate) n_bytes_read: u64,
}

struct Work {
    order: u64,
    chunk: Chunk,
    n_bytes: u64,
}

struct Finished {
    order: u64,
    parsed: Parsed,
    n_bytes: u64,
}

/// Tells the other threads to stop when the import ends, however it ends.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What to do with parsed rows that are not to be written.
pub(crate) type Look<'a> = &'a mut (dyn FnMut(&mut Parsed) -> Result<()> + Send);

/// Imports one file; with `look`, its rows are only shown.
pub(crate) async fn run(
    job: Job,
    progress: &dyn Progress,
    rejects: &mut Rejects,
    mut look: Option<Look<'_>>,
) -> Result<Done> {
    let label = job.input.label.clone();
    let stop = StopOnDrop(Arc::default());
    let document = match (&look, job.archived) {
        (Some(_), _) => None,
        (None, Some(archived)) => Some(Document::There(archived)),
        (None, None) => Some(Document::Coming(archive_beside(job.lake.clone(), job.input, &stop.0))),
    };
    let mut segments = document.map(|document| Segments::new(&label, job.lake, document, job.correction));
    let (mut finished, threads) = start(&label, job.opened, job.context, &stop.0);
    let mut counts = Counts::default();
    let mut n_bytes_read = 0;
    let mut in_order = InOrder::default();
    while let Some(Finished { order, mut parsed, n_bytes }) = finished.recv().await {
        n_bytes_read += n_bytes;
        counts.add(&parsed);
        progress.advance(n_bytes, parsed.n_records);
        for earlier in in_order.next(order, std::mem::take(&mut parsed.rejects)) {
            rejects.write(earlier)?;
        }
        if let Some(look) = &mut look {
            look(&mut parsed)?;
        }
        if let Some(segments) = &mut segments {
            segments.add(&mut parsed).await?;
        }
    }
    for thread in threads {
        // All have ended: their end of the channel is closed.
        thread
            .join()
            .map_err(|_| ImportError::Broken { file: label.clone(), message: "a thread panicked".into() })??;
    }
    let (document, added) = match segments {
        Some(segments) => {
            let (document, added) = segments.finish().await?;
            (Some(document), added)
        }
        None => (None, Added::default()),
    };
    Ok(Done { counts, added, document, n_bytes_read })
}

impl Counts {
    /// Counts what a chunk became; before its rejects are taken away.
    pub(crate) fn add(&mut self, parsed: &Parsed) {
        self.n_records += parsed.n_records;
        self.n_claims += parsed.n_claims;
        self.n_events += parsed.n_events;
        self.n_rejects += parsed.rejects.len() as u64;
        self.n_blank += parsed.n_blank;
    }
}

/// Gives rejects in the order of the file, though chunks are finished in any order.
#[derive(Default)]
struct InOrder {
    next: u64,
    waiting: BTreeMap<u64, Vec<Reject>>,
}

impl InOrder {
    fn next(&mut self, order: u64, rejects: Vec<Reject>) -> Vec<Vec<Reject>> {
        self.waiting.insert(order, rejects);
        let mut ready = Vec::new();
        while let Some(rejects) = self.waiting.remove(&self.next) {
            self.next += 1;
            ready.push(rejects);
        }
        ready
    }
}

fn archive_beside(lake: Lake, input: Input, stop: &Arc<AtomicBool>) -> oneshot::Receiver<Result<Archived>> {
    let (sender, receiver) = oneshot::channel();
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        // Nobody waits any more if the import was given up.
        let _ = sender.send(archive::archive(&lake, &input, &stop));
    });
    receiver
}

type Threads = Vec<JoinHandle<Result<()>>>;

fn start(
    label: &str,
    opened: Opened,
    context: Arc<ReadingContext>,
    stop: &Arc<AtomicBool>,
) -> (mpsc::Receiver<Finished>, Threads) {
    let n_workers = std::thread::available_parallelism().map_or(2, usize::from);
    let (work_sender, work_receiver) = sync_channel(n_workers);
    let (finished_sender, finished_receiver) = mpsc::channel(n_workers * CHUNKS_WAITING_PER_WORKER);
    let work_receiver = Arc::new(Mutex::new(work_receiver));
    let plan = Arc::new(opened.plan);
    let seen = SeenMentions::default();
    let mut threads = Vec::with_capacity(n_workers + 1);
    for _ in 0..n_workers {
        let worker = Worker::new(label, Arc::clone(&plan), Arc::clone(&context), seen.clone(), COLUMNS_ROWS_MAX);
        let (work, finished) = (Arc::clone(&work_receiver), finished_sender.clone());
        threads.push(std::thread::spawn(move || {
            parse(worker, &work, &finished);
            Ok(())
        }));
    }
    let (n_bytes_read, stop) = (opened.n_bytes_read, Arc::clone(stop));
    let chunks = opened.chunks;
    threads.push(std::thread::spawn(move || {
        let mut n_told = 0;
        for (order, chunk) in (0..).zip(chunks) {
            let n_read = n_bytes_read.load(Ordering::Relaxed);
            let work = Work { order, chunk: chunk?, n_bytes: n_read.saturating_sub(n_told) };
            n_told = n_read;
            if stop.load(Ordering::Relaxed) || !sent(&work_sender, work) {
                return Ok(());
            }
        }
        Ok(())
    }));
    (finished_receiver, threads)
}

/// Whether somebody still takes it.
fn sent(sender: &SyncSender<Work>, work: Work) -> bool {
    sender.send(work).is_ok()
}

fn parse(mut worker: Worker, work: &Mutex<Receiver<Work>>, finished: &mpsc::Sender<Finished>) {
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Work { order, chunk, n_bytes }) = next else { return };
        let parsed = worker.read(chunk);
        if finished.blocking_send(Finished { order, parsed, n_bytes }).is_err() {
            return;
        }
    }
}
