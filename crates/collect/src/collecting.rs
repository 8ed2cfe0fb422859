//! Collecting: sources to documents to claims, on their own, again and again.
//!
//! In: the market's source files, a [`CollectRequest`]. Out: documents in the archive, rows in the tables, lines in the
//! state ([`crowsnest_lake::state::collecting`]), a [`SourceReport`] for each source.
//!
//! One document goes this way: fetched → parsed → judged (its shape against the last good one) → archived → journalled →
//! appended with others → settled. Killed anywhere, the next run finds it in the journal and brings it to its end, or
//! does not know of it and fetches it again; claims are the same claims then, so none is missing and none there twice.
//!
//! Sources run beside each other and know nothing of each other; one that hangs or fails holds nobody up. One task
//! appends for all, so that many small documents make few commits.

mod budget;
mod commit;
mod intake;
mod request;
mod said_again;
mod schedule;
mod shape;
mod source_run;
mod sources;
mod trial;

use std::sync::Arc;

use crowsnest_lake::state::collecting::SourceRun;
use crowsnest_lake::{Lake, SourceCard};
use futures::FutureExt as _;
use jiff::civil::Date;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use crate::clock::Clock;
use crate::fetch::Fetcher;
use crate::rows::mentions::MentionsInTable;
use crate::{ImportError, Result};

pub use schedule::{Due, due};
pub(crate) use sources::Source;
pub use sources::ready;
pub use trial::Trial;

/// Sources that run at once.
const SOURCES_AT_ONCE: usize = 32;

/// What to collect.
#[derive(Debug, Clone, Default)]
pub struct CollectRequest {
    /// Sources by name, alias or file name; all that have `[collect]` if empty.
    pub sources: Vec<String>,
    /// The first day that is wanted, for a back-fill.
    pub since: Option<Date>,
    /// The last day that is wanted.
    pub until: Option<Date>,
    /// Whether what is done is fetched again.
    pub is_again: bool,
    /// Name of the run; its lines in the state and its files in `reports/` bear it.
    pub run: String,
}

/// How a run of a source ended, or is going.
pub type SourceReport = SourceRun;

/// Something that happened in a run, for those who watch.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchEvent {
    /// A source began.
    Began {
        /// The source.
        source: String,
    },
    /// How far a source is.
    Going(Box<SourceReport>),
    /// How a source ended.
    Ended(Box<SourceReport>),
}

/// Somebody who watches.
pub type Watch = Arc<dyn Fn(WatchEvent) + Send + Sync>;

/// Collects, for one market in one process. Cloning is cheap.
#[derive(Clone)]
pub struct Collector {
    pub(crate) lake: Lake,
    pub(crate) clock: Clock,
    pub(crate) fetcher: Arc<Fetcher>,
    pub(crate) committer: commit::Committer,
    pub(crate) mentions: MentionsInTable,
    pub(crate) watch: Watch,
    owner: Arc<str>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Collector").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl Collector {
    /// Begins to collect; has to be called within a runtime.
    pub fn new(lake: Lake, clock: Clock, watch: Watch) -> Self {
        let owner = format!("{}-{}", std::process::id(), jiff::Timestamp::now().as_microsecond());
        let mentions = MentionsInTable::default();
        let committer = commit::Committer::start(lake.clone(), mentions.clone());
        let fetcher = Arc::new(Fetcher::new(clock));
        Self { lake, clock, fetcher, committer, mentions, watch, owner: owner.into() }
    }

    /// The same for a market whose sources' files were read again; runs under way go on as they began.
    #[must_use]
    pub fn with_lake(self, lake: Lake) -> Self {
        Self { lake, ..self }
    }

    /// Runs sources, beside each other, whatever their schedules say; gives what became of each, by name.
    ///
    /// # Errors
    /// [`ImportError::Source`] for a name that no source file has, or where none can be collected. What goes wrong with
    /// one source is in its report.
    pub async fn collect(&self, request: &CollectRequest) -> Result<Vec<SourceReport>> {
        let request = Arc::new(request.clone());
        let mut reports = Vec::new();
        // Dropped, the set ends what it holds. Each source is a task of its own, so that all cores read documents.
        let mut going = JoinSet::new();
        for card in self.chosen(&request.sources)? {
            if going.len() == SOURCES_AT_ONCE {
                reports.extend(going.join_next().await.map(ended));
            }
            let (collector, request) = (self.clone(), Arc::clone(&request));
            going.spawn(async move { collector.run_source(card, &request).await });
        }
        while let Some(done) = going.join_next().await {
            reports.push(ended(done));
        }
        reports.sort_by(|left, right| left.source.cmp(&right.source));
        Ok(reports)
    }

    fn chosen(&self, names: &[String]) -> Result<Vec<Arc<SourceCard>>> {
        let market = self.lake.market();
        let wrong = |name: &str, message: &str, hint: &str| ImportError::Source {
            name: name.to_owned(),
            message: message.to_owned(),
            hint: hint.to_owned(),
        };
        if names.is_empty() {
            let all: Vec<Arc<SourceCard>> =
                market.sources.iter().filter(|card| card.collect.is_some()).cloned().map(Arc::new).collect();
            if all.is_empty() {
                let hint = "add one with `crowsnest source add`";
                return Err(wrong("*", "no file in sources/ has a [collect] part", hint));
            }
            return Ok(all);
        }
        let mut cards = Vec::new();
        for name in names {
            let Some(card) = market.source_called(name) else {
                return Err(wrong(name, "no file in sources/ has that name", "see `crowsnest sources`"));
            };
            if card.collect.is_none() {
                return Err(wrong(name, "its file has no [collect] part", "add one, or import its files by hand"));
            }
            cards.push(Arc::new(card.clone()));
        }
        Ok(cards)
    }

    /// Runs one source and gives what became of it.
    pub async fn run_source(&self, card: Arc<SourceCard>, request: &CollectRequest) -> SourceReport {
        (self.watch)(WatchEvent::Began { source: card.name.clone() });
        let span = tracing::info_span!("collect", source = %card.name);
        let report = source_run::run(self, &card, request).boxed().instrument(span).await;
        (self.watch)(WatchEvent::Ended(Box::new(report.clone())));
        report
    }
}

/// The outcome of a task, which ends otherwise only by a panic.
fn ended(done: std::result::Result<SourceReport, JoinError>) -> SourceReport {
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
