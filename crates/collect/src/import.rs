//! The import of files: what to read, in which order, and what is recorded of it.
//!
//! Order, so that a crash anywhere leaves a lake that importing again completes: the document goes into the archive,
//! then mentions, claims and events are appended segment by segment, then the document's own row says that all of it
//! is in. Rows that are there already are not added again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use crowsnest_lake::documents::hex;
use crowsnest_lake::{Lake, files};
use crowsnest_model::{day_to_string, tables};
use sha2::{Digest as _, Sha256};

use crate::archive::{self, Archived};
use crate::correction::Correction;
use crate::dry_run::WouldAdd;
use crate::mapping::Mapping;
use crate::opened::{self, Opened, Overrides};
use crate::pipeline;
use crate::progress::{NoProgress, Progress};
use crate::reading::format::Format;
use crate::reading::input::{self, Input, Origin};
use crate::rejects::Rejects;
use crate::report::{FileReport, ImportReport, ImportRequest, Reject};
use crate::rows::columns::document_batch;
use crate::rows::constants;
use crate::rows::said::ReadingContext;
use crate::worker::Parsed;
use crate::{ImportError, Result, presets};

/// What the documents table says where each row names its own source.
pub(crate) const SOURCE_OF_ROWS: &str = "as each row says";

/// Standard input of a dry run is held in memory: nothing may be written.
const DRY_STDIN_MIB_MAX: u64 = 1024;

/// Imports files into a lake.
///
/// Records that cannot be read go to `reports/<id>.rejects.csv`, the rest is added, each once. Imports of the same
/// bytes with the same mapping are known and not read again, unless [`ImportRequest::is_again`].
///
/// # Errors
/// [`ImportError`] if an input as a whole cannot be read, the mapping is wrong, or the lake cannot be written. Inputs
/// before the one at fault stay imported.
pub async fn import(lake: &Lake, request: ImportRequest, progress: &dyn Progress) -> Result<ImportReport> {
    let (mapping, vendor) = match (&request.mapping, &request.preset) {
        (Some(path), _) => (Mapping::parse(&path.display().to_string(), &files::read_text(path)?)?, String::new()),
        (None, Some(name)) => of_preset(name)?,
        (None, None) => (Mapping::lake_names(), String::new()),
    };
    let mapping = Arc::new(mapping);
    let source = request.source.clone().unwrap_or(vendor);
    let tasks = input::resolve(&request.inputs, Some(lake.market()))
        .await?
        .into_iter()
        .map(|input| Task { input, source: source.clone(), mapping: Arc::clone(&mapping) })
        .collect();
    import_tasks(lake, request, tasks, progress).await
}

/// The mapping of a preset, and who exports what it reads.
pub(crate) fn of_preset(name: &str) -> Result<(Mapping, String)> {
    let Some(preset) = presets::preset(name) else {
        let names: Vec<&str> = presets::PRESETS.iter().map(|preset| preset.name).collect();
        let faults = vec![format!("there is no such preset: expected one of {}", names.join(", "))];
        return Err(ImportError::Mapping { name: name.to_owned(), faults });
    };
    let content = preset
        .content()
        .map_err(|message| ImportError::Mapping { name: format!("preset {name}"), faults: vec![message] })?;
    Ok((Mapping::parse(&format!("preset {name}"), &content.map)?, content.vendor))
}

/// One input with the source of its rows that name none, and how to read it.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) input: Input,
    pub(crate) source: String,
    pub(crate) mapping: Arc<Mapping>,
}

/// Imports inputs one after another.
pub(crate) async fn import_tasks(
    lake: &Lake,
    request: ImportRequest,
    tasks: Vec<Task>,
    progress: &dyn Progress,
) -> Result<ImportReport> {
    let started = Instant::now();
    let id = id_of(&request, &tasks);
    let folder = lake.market().dir.join("reports");
    let rejects = Rejects::new(folder.join(format!("{id}.rejects.csv")), request.is_dry_run);
    let sizes: Option<u64> = tasks.iter().map(|task| task.input.n_bytes()).sum();
    progress.set_total_bytes(sizes);
    let mut report = ImportReport { id, is_dry_run: request.is_dry_run, ..ImportReport::default() };
    let mut run = Run { lake, request: &request, progress, rejects, would_add: WouldAdd::default() };
    run.check_constants(&tasks)?;
    let is_one_of_many = tasks.len() > 1;
    for task in tasks {
        progress.message(&task.input.label);
        let label = task.input.label.clone();
        let may_be_left = is_one_of_many && matches!(task.input.origin, Origin::Archived(_));
        match run.import_one(task).await {
            Err(error) if may_be_left && error.is_users() => report.add(run.left_as_it_was(label, &error)?),
            file => report.add(file?),
        }
    }
    report.rejects_file = run.rejects.finish()?;
    report.first_rejects = std::mem::take(&mut run.rejects.first);
    report.seconds = started.elapsed().as_secs_f64();
    if !request.is_dry_run {
        write_report(&folder, &report)?;
    }
    Ok(report)
}

fn write_report(folder: &Path, report: &ImportReport) -> Result<()> {
    let text = serde_json::to_vec_pretty(report).map_err(crowsnest_lake::LakeError::from)?;
    files::create_folder(folder)?;
    Ok(files::write_whole(&folder.join(format!("{}.json", report.id)), &text)?)
}

/// A name that sorts by time and that no other import of this moment has.
fn id_of(request: &ImportRequest, tasks: &[Task]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(std::process::id().to_le_bytes());
    hasher.update(request.now.to_le_bytes());
    for task in tasks {
        hasher.update(task.input.label.as_bytes());
        hasher.update(task.source.as_bytes());
    }
    let when = jiff::Timestamp::from_microsecond(request.now).unwrap_or_default();
    let hash = hex(&hasher.finalize());
    format!("import-{}-{}", when.strftime("%Y%m%dT%H%M%SZ"), &hash[..8])
}

struct Run<'a> {
    lake: &'a Lake,
    request: &'a ImportRequest,
    progress: &'a dyn Progress,
    rejects: Rejects,
    would_add: WouldAdd,
}

impl Run<'_> {
    /// What is wrong with a mapping's constants is wrong with every row: it stops before any work.
    fn check_constants(&self, tasks: &[Task]) -> Result<()> {
        let mut checked: Vec<&Mapping> = Vec::new();
        for task in tasks {
            if checked.contains(&&*task.mapping) {
                continue;
            }
            let faults = constants::faults_of(&task.mapping.constants_given(), &self.context(task));
            if !faults.is_empty() {
                return Err(ImportError::Mapping { name: task.mapping.name.clone(), faults });
            }
            checked.push(&task.mapping);
        }
        Ok(())
    }

    /// Of many documents that are read again, one that cannot be does not hold up the others.
    fn left_as_it_was(&mut self, file: String, error: &ImportError) -> Result<FileReport> {
        let remedy = error.hint().unwrap_or_default();
        self.rejects.write(vec![Reject {
            file: file.clone(),
            record: 0,
            column: String::new(),
            found: error.to_string(),
            expected: "a document that can be read; its figures stay as they were".into(),
            remedy,
            row: String::new(),
        }])?;
        let notes = vec![format!("left as it was: {error}")];
        Ok(FileReport { file, n_rejects: 1, notes, ..FileReport::default() })
    }

    async fn import_one(&mut self, mut task: Task) -> Result<FileReport> {
        let fingerprint = self.fingerprint(&task);
        if let Some(report) = self.known_report(&task.input, &fingerprint).await? {
            self.progress.advance(report.n_bytes, 0);
            return Ok(report);
        }
        let (input, archived) = self.rereadable(task.input).await?;
        task.input = input;
        // Of what can be read only once, the content is known only now.
        if archived.is_some()
            && let Some(report) = self.known_report(&task.input, &fingerprint).await?
        {
            return Ok(report);
        }
        let correction = self.correction(&task).await?;
        let mut job = self.job(&task, archived).await?;
        job.correction = correction.clone();
        let (format, compression) = (job.opened.format, job.opened.compression);
        let (encoding, mut notes) = (job.opened.encoding, std::mem::take(&mut job.opened.notes));
        let done = self.run(job).await?;
        let document = done.document.unwrap_or(Archived { sha256: String::new(), n_bytes: done.n_bytes_read });
        let n_withdrawn = match &correction {
            Some(correction) if self.request.is_dry_run => correction.n_gone(),
            Some(correction) => correction.withdraw(self.lake, &document.sha256).await?,
            None => 0,
        };
        let (counts, added) = (done.counts, done.added);
        notes.extend(nothing_in_it(counts, format));
        let report = FileReport {
            file: task.input.label.clone(),
            document: document.sha256,
            n_bytes: document.n_bytes.max(done.n_bytes_read),
            format: format.name(),
            compression: compression.name(),
            encoding,
            is_known_document: false,
            n_records: counts.n_records,
            n_claims: counts.n_claims,
            n_added: added.n_claims,
            n_known: counts.n_claims.saturating_sub(added.n_claims),
            n_withdrawn,
            n_events: counts.n_events,
            n_events_added: added.n_events,
            n_mentions_added: added.n_mentions,
            n_rejects: counts.n_rejects,
            n_blank: counts.n_blank,
            notes,
        };
        if !self.request.is_dry_run {
            self.record_document(&task, &fingerprint, format.media_type(), &report).await?;
        }
        Ok(report)
    }

    /// A file, opened and checked against its mapping.
    async fn job(&self, task: &Task, archived: Option<Archived>) -> Result<pipeline::Job> {
        let opened = self.open(task).await?;
        let context = self.context(task);
        let faults = constants::faults_of(&opened.plan.constants(), &context);
        if !faults.is_empty() {
            return Err(ImportError::Mapping { name: task.mapping.name.clone(), faults });
        }
        let (lake, input) = (self.lake.clone(), task.input.clone());
        Ok(pipeline::Job { lake, input, opened, context: Arc::new(context), archived, correction: None })
    }

    async fn run(&mut self, job: pipeline::Job) -> Result<pipeline::Done> {
        if !self.request.is_dry_run {
            return pipeline::run(job, self.progress, &mut self.rejects, None).await;
        }
        let would_add = &mut self.would_add;
        let mut gather = |parsed: &mut Parsed| would_add.gather(parsed);
        let done = pipeline::run(job, self.progress, &mut self.rejects, Some(&mut gather)).await?;
        let added = self.would_add.settle(self.lake).await?;
        Ok(pipeline::Done { added, ..done })
    }

    /// A first reading of a document that is to be corrected: which of its claims stay.
    async fn correction(&self, task: &Task) -> Result<Option<Arc<Correction>>> {
        let Origin::Archived(document) = &task.input.origin else { return Ok(None) };
        if !self.request.is_correction {
            return Ok(None);
        }
        let mut correction = Correction::of(self.lake, document, self.request.now).await?;
        let job = self.job(task, None).await?;
        let mut look = |parsed: &mut Parsed| correction.look(parsed);
        let mut unwritten = Rejects::new(PathBuf::new(), true);
        let done = pipeline::run(job, &NoProgress, &mut unwritten, Some(&mut look)).await?;
        // A reading that gives nothing at all is a mistake, not a correction.
        let gives_nothing = done.counts.n_claims + done.counts.n_events == 0;
        Ok((!gives_nothing).then(|| Arc::new(correction)))
    }

    /// Standard input can be read once: it goes to the archive first and is read from there.
    async fn rereadable(&self, input: Input) -> Result<(Input, Option<Archived>)> {
        if let Origin::Archived(sha256) = &input.origin {
            let archived = Archived { sha256: sha256.clone(), n_bytes: 0 };
            return Ok((input, Some(archived)));
        }
        if input.is_rereadable() {
            return Ok((input, None));
        }
        if self.request.is_dry_run {
            let lake = self.lake.clone();
            let held = blocking(&input.label.clone(), move || hold(&lake, input)).await?;
            return Ok((held, None));
        }
        let (lake, label, file_name) = (self.lake.clone(), input.label.clone(), input.file_name.clone());
        let archived = blocking(&label, move || archive::archive(&lake, &input, &Arc::default())).await?;
        let origin = Origin::Archived(archived.sha256.clone());
        Ok((Input { label: label.clone(), file_name, origin }, Some(archived)))
    }

    async fn open(&self, task: &Task) -> Result<Opened> {
        let (lake, task) = (self.lake.clone(), task.clone());
        let overrides = Overrides { format: self.request.format.clone(), encoding: self.request.encoding.clone() };
        blocking(&task.input.label.clone(), move || opened::open(&lake, &task.input, &task.mapping, &overrides)).await
    }

    fn context(&self, task: &Task) -> ReadingContext {
        let now = self.request.now;
        let context = ReadingContext::of(self.lake.market(), &task.mapping, &task.source, now);
        let today = self.request.today.unwrap_or(context.today);
        ReadingContext { today, is_known_now: self.request.is_known_now, ..context }
    }

    fn fingerprint(&self, task: &Task) -> String {
        let format = self.request.format.as_deref().unwrap_or_default();
        let encoding = self.request.encoding.as_deref().unwrap_or_default();
        fingerprint_of(&task.mapping.text, &task.source, format, encoding, self.request.today)
    }

    /// The report of a file that is in already, in full and with this mapping. Its bytes are read to be sure.
    async fn known_report(&self, input: &Input, fingerprint: &str) -> Result<Option<FileReport>> {
        if self.request.is_again || self.request.is_dry_run {
            return Ok(None);
        }
        let sha256 = match &input.origin {
            Origin::Archived(sha256) => sha256.clone(),
            _ => {
                let Some(n_bytes) = input.n_bytes() else { return Ok(None) };
                let same = format!("n_bytes = {n_bytes} AND mapping = '{fingerprint}'");
                if self.document_counts(&same).await?.is_none() {
                    return Ok(None);
                }
                let (lake, input) = (self.lake.clone(), input.clone());
                blocking(&input.label.clone(), move || archive::hash(&lake, &input)).await?
            }
        };
        let same = format!("document = '{sha256}' AND mapping = '{fingerprint}'");
        let Some([n_bytes, n_records, n_claims, n_events, n_rejects]) = self.document_counts(&same).await? else {
            return Ok(None);
        };
        Ok(Some(FileReport {
            file: input.label.clone(),
            document: sha256,
            n_bytes,
            is_known_document: true,
            n_records,
            n_claims,
            n_known: n_claims,
            n_events,
            n_rejects,
            n_blank: n_records.saturating_sub(n_claims + n_events + n_rejects),
            ..FileReport::default()
        }))
    }

    async fn document_counts(&self, condition: &str) -> Result<Option<[u64; 5]>> {
        self.lake.refresh().await?;
        let sql = format!(
            "SELECT n_bytes, n_records, n_claims, n_events, n_rejects FROM documents WHERE {condition} LIMIT 1"
        );
        let batches = self.lake.query(&sql).await?;
        let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
        let number = |column: usize| {
            let values = batch.column(column).as_primitive_opt::<Int64Type>();
            values.map_or(0, |values| u64::try_from(values.value(0)).unwrap_or_default())
        };
        Ok(Some([number(0), number(1), number(2), number(3), number(4)]))
    }

    async fn record_document(
        &self,
        task: &Task,
        fingerprint: &str,
        media_type: &str,
        report: &FileReport,
    ) -> Result<()> {
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let texts = [
            ("document", report.document.as_str()),
            ("name", &task.input.file_name),
            ("source", if task.source.is_empty() { SOURCE_OF_ROWS } else { &task.source }),
            ("media_type", media_type),
            ("mapping", fingerprint),
            ("mapping_toml", &task.mapping.text),
            ("origin", &task.input.label),
        ];
        let numbers = [
            ("n_bytes", count(report.n_bytes)),
            ("n_records", count(report.n_records)),
            ("n_claims", count(report.n_claims)),
            ("n_events", count(report.n_events)),
            ("n_rejects", count(report.n_rejects)),
        ];
        let batch = document_batch(&texts, &numbers, self.request.now)?;
        self.lake.append(&tables::DOCUMENTS, vec![batch]).await?;
        Ok(())
    }
}

/// What decides how bytes become claims: the mapping, the source, and what the user said of the file and the day.
pub(crate) fn fingerprint_of(mapping: &str, source: &str, format: &str, encoding: &str, today: Option<i32>) -> String {
    let mut hasher = Sha256::new();
    let today = today.map(day_to_string);
    for part in [Some(mapping), Some(source), Some(format), Some(encoding), today.as_deref()].into_iter().flatten() {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hex(&hasher.finalize()[..16])
}

/// What to say of a file in which there was nothing to read.
fn nothing_in_it(counts: pipeline::Counts, format: Format) -> Option<String> {
    let note = match (counts.n_records, format) {
        (0, Format::Json | Format::JsonLines) => "the file has no records",
        (0, _) => "the file has no rows below its column names",
        (n, _) if n == counts.n_blank => "all records of the file are blank or passed over",
        _ => return None,
    };
    Some(note.to_owned())
}

fn hold(lake: &Lake, input: Input) -> Result<Input> {
    use std::io::Read as _;
    let limit = DRY_STDIN_MIB_MAX << 20;
    let mut bytes = Vec::new();
    input
        .open(lake)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| ImportError::Read { file: input.label.clone(), source })?;
    if bytes.len() as u64 > limit {
        let format = "standard input in a dry run";
        return Err(ImportError::TooLarge { file: input.label, format, limit_mib: DRY_STDIN_MIB_MAX });
    }
    Ok(Input { origin: Origin::Held(bytes.into()), ..input })
}

/// Runs what reads files where it does not hold others up.
pub(crate) async fn blocking<T: Send + 'static>(
    file: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ImportError::Broken { file: file.to_owned(), message: error.to_string() }),
    }
}
