//! One request of a source: asked, taken apart, judged, archived and journalled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crowsnest_lake::state::collecting::{Journalled, Validator};

use super::Collector;
use super::intake::{self, Read, Verdict};
use super::shape::Shape;
use super::sources::Source;
use crate::connector::{HttpRequest, Parsed, Request, Via};
use crate::fetch::{Answer, FetchError, Question, SQL_ROWS_MAX, rows_of_query};
use crate::import::{Task, blocking, import_tasks};
use crate::progress::NoProgress;
use crate::reading::input;
use crate::recipe::Recipe;
use crate::report::{ImportReport, ImportRequest};
use crate::rows::mentions::SeenMentions;
use crate::rows::said::ReadingContext;
use crate::{ImportError, Result};

/// A request, and the first one that it follows from.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) root: Arc<Root>,
}

/// What a run began with: done when all that followed from it is.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) slot: String,
    pub(super) is_once: bool,
    n_open: AtomicU32,
    has_failed: AtomicBool,
}

impl Root {
    pub(super) fn note_failure(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Notes that one of its requests came to its end; whether all did, and well.
    pub(super) fn end_one(&self) -> bool {
        self.n_open.fetch_sub(1, Ordering::Relaxed) == 1 && !self.has_failed.load(Ordering::Relaxed)
    }
}

impl Job {
    pub(super) fn first(request: Request) -> Self {
        let root = Root {
            slot: request.slot.clone(),
            is_once: request.is_once,
            n_open: AtomicU32::new(1),
            has_failed: AtomicBool::new(false),
        };
        Self { request, root: Arc::new(root) }
    }

    /// Whether it is what a run began with.
    pub(super) fn is_root(&self) -> bool {
        self.root.slot == self.request.slot
    }

    /// Whether it follows from another and was done once and for all.
    pub(super) fn is_done(&self, done: &BTreeSet<String>) -> bool {
        self.request.is_once && !self.is_root() && done.contains(&self.request.slot)
    }

    /// What follows from it; asked as it was where it does not say otherwise.
    pub(super) fn follow(&self, next: Vec<Request>) -> Vec<Self> {
        let follow = |mut request: Request| {
            if let (Via::Http(here), Via::Http(there)) = (&self.request.via, &mut request.via)
                && is_same_host(&here.url, &there.url)
            {
                if there.headers.is_empty() {
                    there.headers.clone_from(&here.headers);
                }
                if there.oauth2.is_none() {
                    there.oauth2.clone_from(&here.oauth2);
                }
                if there.body.is_none() && self.request.kind == request.kind {
                    there.body.clone_from(&here.body);
                }
            }
            self.root.n_open.fetch_add(1, Ordering::Relaxed);
            Self { request, root: Arc::clone(&self.root) }
        };
        next.into_iter().map(follow).collect()
    }
}

fn is_same_host(left: &str, right: &str) -> bool {
    let origin = |text: &str| url::Url::parse(text).map(|url| url.origin()).ok();
    origin(left).is_some_and(|left| origin(right) == Some(left))
}

/// What became of a request.
pub(super) enum Asked {
    Document(Box<Document>),
    Unchanged,
    Quarantined(Box<Journalled>, Verdict),
    /// Files, imported already.
    Files(Box<ImportReport>),
    Failed(FetchError),
}

/// A document that is in the archive and the journal, with its rows.
pub(super) struct Document {
    pub(super) fetched: Journalled,
    pub(super) read: Read,
    pub(super) validator: Option<(String, Validator)>,
    pub(super) next: Vec<Request>,
    pub(super) cursor: Option<String>,
}

/// Asks; gives the request back with the number of calls that were answered.
pub(super) async fn ask(collector: &Collector, source: &Source, job: Job) -> (Job, u64, Asked) {
    let mut n_calls = 0;
    let asked = attempt(collector, source, &job, &mut n_calls).await;
    let asked = asked.unwrap_or_else(|error| Asked::Failed(FetchError::lasting(error.to_string())));
    (job, n_calls, asked)
}

async fn attempt(collector: &Collector, source: &Source, job: &Job, n_calls: &mut u64) -> Result<Asked> {
    if let Via::Files { pattern } = &job.request.via {
        return files(collector, source, pattern).await;
    }
    let validator = known_validator(collector, source, &job.request)?;
    let mut answer = match fetch(collector, source, &job.request, validator.as_ref(), n_calls).await {
        Ok(answer) => answer,
        Err(error) => return Ok(Asked::Failed(error)),
    };
    if answer.is_unchanged {
        return Ok(Asked::Unchanged);
    }
    let before = remembered(collector, source, &job.request)?;
    let mut taken = take_apart(collector, source, job, &answer, &before).await?;
    if taken.parsed.is_err() && matches!(job.request.via, Via::Http(_)) {
        // Half an answer, or a server's excuse: asked once more before it is held against the source.
        if let Ok(again) = fetch(collector, source, &job.request, None, n_calls).await {
            answer = again;
            taken = take_apart(collector, source, job, &answer, &before).await?;
        }
    }
    settle(collector, source, job, answer, taken).await
}

/// Asks and reads, and keeps nothing.
///
/// # Errors
/// Inside, why the source gives nothing that can be read.
pub(super) async fn try_out(
    collector: &Collector,
    source: &Source,
    job: &Job,
) -> Result<std::result::Result<(Answer, Parsed, Read), String>> {
    let answer = match fetch(collector, source, &job.request, None, &mut 0).await {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(error.message)),
    };
    let taken = take_apart(collector, source, job, &answer, &BTreeMap::new()).await?;
    Ok(match taken.parsed {
        Ok((parsed, Some(read))) => Ok((answer, parsed, read)),
        Ok((_, None)) => Err("the page says the same as before".into()),
        Err(misread) => Err(misread.reason),
    })
}

/// Files are imported as people import them: streamed, whatever their size, and known by their bytes.
async fn files(collector: &Collector, source: &Source, pattern: &str) -> Result<Asked> {
    let market = collector.lake.market();
    let place = if pattern.contains("://") {
        pattern.to_owned()
    } else {
        market.dir.join(pattern).to_string_lossy().into_owned()
    };
    let place =
        if std::path::Path::new(&place).is_dir() { format!("{}/*", place.trim_end_matches('/')) } else { place };
    let inputs = match input::resolve(&[place], Some(market)).await {
        Err(ImportError::NoFile(_)) => Vec::new(),
        inputs => inputs?,
    };
    let mapping = Arc::new(source.mapping.clone());
    let task = |input| Task { input, source: source.card.name.clone(), mapping: Arc::clone(&mapping) };
    let request = ImportRequest::new(Vec::<String>::new(), collector.clock.now_micros());
    let tasks: Vec<Task> = inputs.into_iter().map(task).collect();
    let mut whole = ImportReport::default();
    for task in tasks {
        let label = task.input.label.clone();
        match Box::pin(import_tasks(&collector.lake, request.clone(), vec![task], &NoProgress)).await {
            Ok(report) => report.files.into_iter().for_each(|file| whole.add(file)),
            Err(error) if error.is_users() => {
                return Ok(Asked::Failed(FetchError::lasting(format!("{label}: {error}"))));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Asked::Files(Box::new(whole)))
}

/// Asking only for changes is for what says the same on another day.
fn known_validator(collector: &Collector, source: &Source, request: &Request) -> Result<Option<Validator>> {
    let Via::Http(HttpRequest { url, body: None, .. }) = &request.via else { return Ok(None) };
    if source.configured.is_snapshot() {
        return Ok(None);
    }
    Ok(collector.lake.state().validator(&source.card.name, url)?)
}

async fn fetch(
    collector: &Collector,
    source: &Source,
    request: &Request,
    validator: Option<&Validator>,
    n_calls: &mut u64,
) -> std::result::Result<Answer, FetchError> {
    let market = collector.lake.market();
    let secrets = source.secrets(&request.via, market).map_err(FetchError::lasting)?;
    match &request.via {
        Via::Http(http) => collector.fetcher.fetch(http, validator, &secrets, &source.limits, n_calls).await,
        Via::Sql { database, query, n_rows_max } => {
            *n_calls += 1;
            let cursor = collector.lake.state().progress(&source.card.name).ok().and_then(|known| known.cursor);
            let question = Question {
                address: &secrets.fill_address(database),
                query,
                cursor: cursor.as_deref(),
                folder: &market.dir,
                n_rows_max: (*n_rows_max).min(SQL_ROWS_MAX),
                n_bytes_max: source.limits.n_bytes_max,
                timeout: source.limits.timeout,
            };
            let body = rows_of_query(question).await;
            let body = body.map_err(|message| FetchError::lasting(secrets.mask(&message)))?;
            Ok(Answer {
                status: 200,
                body,
                media_type: "application/x-ndjson".into(),
                url: secrets.mask(database),
                ..Answer::default()
            })
        }
        Via::Table { address, condition, columns, format } => {
            *n_calls += 1;
            let read =
                crowsnest_lake::foreign::read(market, address, format, columns, condition, source.limits.n_bytes_max);
            let body = Box::pin(read).await.map_err(|error| {
                let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
                FetchError::lasting(format!("{error}{hint}"))
            })?;
            Ok(Answer {
                status: 200,
                body,
                media_type: "application/x-ndjson".into(),
                url: address.clone(),
                ..Answer::default()
            })
        }
        Via::Files { .. } => Ok(Answer::default()),
    }
}

/// What was remembered of a part of a page: its digest and its text.
fn remembered(collector: &Collector, source: &Source, request: &Request) -> Result<BTreeMap<String, String>> {
    let known = collector.lake.state().shape(&source.card.name, &memory_of(&request.slot))?;
    Ok(known
        .map(|(text, digest)| BTreeMap::from([("before".to_owned(), text), ("digest".to_owned(), digest)]))
        .unwrap_or_default())
}

fn memory_of(slot: &str) -> String {
    format!("text of {slot}")
}

struct TakenApart {
    at: jiff::Timestamp,
    recipe: Recipe,
    parsed: std::result::Result<(Parsed, Option<Read>), Misread>,
}

/// Why a document could not be read, and the shape of the records that were found in it.
struct Misread {
    reason: String,
    shape: Shape,
}

async fn take_apart(
    collector: &Collector,
    source: &Source,
    job: &Job,
    answer: &Answer,
    before: &BTreeMap<String, String>,
) -> Result<TakenApart> {
    let spec = source.entry.spec;
    let at = collector.clock.now();
    let mut context = job.request.context.clone();
    context.extend(before.clone());
    let recipe = Recipe {
        name: spec.name.to_owned(),
        slot: job.request.slot.clone(),
        kind: job.request.kind.to_owned(),
        url: answer.url.clone(),
        media_type: answer.media_type.clone(),
        status: answer.status,
        fetched_at: if source.configured.is_snapshot() { at.to_string() } else { String::new() },
        links: answer.links.clone(),
        context,
        options: source.card.options.clone(),
    };
    let context = intake::context_of(&collector.lake, source, at.as_microsecond());
    let name = file_name(&answer.url, &job.request.slot);
    // Parsing takes this thread for a while; what else it would do, another does.
    let seen = SeenMentions::beside(collector.mentions.clone());
    let parsed = tokio::task::block_in_place(|| parse(source, &recipe, &name, &answer.body, context, seen))?;
    Ok(TakenApart { at, recipe, parsed })
}

fn parse(
    source: &Source,
    recipe: &Recipe,
    name: &str,
    body: &[u8],
    context: ReadingContext,
    seen: SeenMentions,
) -> Result<std::result::Result<(Parsed, Option<Read>), Misread>> {
    let parsed = match source.configured.parse(&recipe.page(body)) {
        Err(reason) => return Ok(Err(Misread { reason, shape: Shape::default() })),
        Ok(parsed) if parsed.is_unchanged => return Ok(Ok((parsed, None))),
        Ok(parsed) => parsed,
    };
    let mapping = source.mapping.with_recipe(recipe.clone());
    match intake::read(&recipe.url, name, body, &parsed, &mapping, context, seen) {
        Ok(read) => Ok(Ok((parsed, Some(read)))),
        Err(error @ (ImportError::Lake(_) | ImportError::Broken { .. } | ImportError::Arrow(_))) => Err(error),
        Err(error) => {
            let shape = Shape::of(&parsed.records, None);
            Ok(Err(Misread { reason: error.to_string(), shape }))
        }
    }
}

/// Archives, journals and judges.
async fn settle(collector: &Collector, source: &Source, job: &Job, answer: Answer, taken: TakenApart) -> Result<Asked> {
    let now = taken.at.as_microsecond();
    let state = collector.lake.state();
    let Answer { body, url, validator, .. } = answer;
    if let Ok((parsed, None)) = &taken.parsed {
        remember(collector, source, job, parsed, now)?;
        return Ok(Asked::Unchanged);
    }
    let n_bytes = body.len() as u64;
    let lake = collector.lake.clone();
    let document = blocking(&url, move || Ok(lake.documents().put(&body)?)).await?;
    let recipe = taken.recipe.text_after(&source.mapping.text);
    let mut fetched = Journalled {
        id: 0,
        source: source.card.name.clone(),
        slot: job.request.slot.clone(),
        document,
        name: file_name(&url, &job.request.slot),
        origin: url,
        recipe,
        n_bytes,
        fetched_at: now,
        is_accepted: false,
    };
    fetched.id = state.journal(&fetched, None)?;
    let (parsed, read) = match taken.parsed {
        Ok((parsed, Some(read))) => (parsed, read),
        Ok((_, None)) => return Ok(Asked::Unchanged),
        Err(Misread { reason, shape }) => {
            let diff = intake::differences(&collector.lake, source, job.request.kind, &shape)?;
            return Ok(Asked::Quarantined(Box::new(fetched), Verdict { reason, diff: diff.join("\n") }));
        }
    };
    if let Some(verdict) = intake::judge(&collector.lake, source, job.request.kind, &read)? {
        return Ok(Asked::Quarantined(Box::new(fetched), verdict));
    }
    remember(collector, source, job, &parsed, now)?;
    let has_validator = !validator.etag.is_empty() || !validator.last_modified.is_empty();
    let asked_url = match &job.request.via {
        Via::Http(http) => http.url.clone(),
        _ => String::new(),
    };
    // Of a page that others follow, those others would be missed.
    let is_kept = has_validator && parsed.next.is_empty() && !source.configured.is_snapshot();
    let validator = is_kept.then_some((asked_url, validator));
    let (next, cursor) = (parsed.next, parsed.cursor);
    Ok(Asked::Document(Box::new(Document { fetched, read, validator, next, cursor })))
}

fn remember(collector: &Collector, source: &Source, job: &Job, parsed: &Parsed, now: i64) -> Result<()> {
    let (Some(text), Some(digest)) = (&parsed.remembered, &parsed.digest) else { return Ok(()) };
    let of = memory_of(&job.request.slot);
    Ok(collector.lake.state().set_shape(&source.card.name, &of, Some(text), digest, now)?)
}

/// The last part of an address, or the slot, as the name of a file.
fn file_name(url: &str, slot: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    let name = if last.is_empty() || !last.contains('.') { slot } else { last };
    name.chars().map(|letter| if matches!(letter, '/' | '\\' | '\0') { '-' } else { letter }).take(200).collect()
}
