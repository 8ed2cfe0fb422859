//! Run: the flow as data, and the order in which its steps follow each other.
//!
//! In: requests to import or replay. Out: the steps' reports, and a note of each run in the lake's state.
//! Invariants: steps know nothing of each other; only this crate puts them in order. A table is written by one step
//! only, and read by later ones only.
//!
//! Sources are collected here on their schedules ([`keep_collecting`]), and told of ([`source_states`]).
//!
//! What people want to be told of is looked for here ([`alerts`], [`digest`], [`watch`]), because it takes figures, signals
//! and the state of sources together; it writes no table, and telling them is for those who serve.
//!
//! To add a step: its crate exports `STEP`; one line in [`FLOW`], and a call where it belongs below.

pub mod alerts;
mod collecting;
mod deciding;
pub mod digest;
pub mod happening;
mod source_states;
pub mod watch;

pub use collecting::{collect, keep_collecting, try_out};
pub use crowsnest_collect::{
    Clock, CollectRequest, SourceReport, Trial, Watch, WatchEvent, connector, connectors, presets, ready,
};
/// What all that goes outward keeps to: public addresses, and secrets that no message holds.
pub use crowsnest_collect::{PublicOnly, Secrets};
pub use deciding::{Decider, Decision, decide, undo};
pub use source_states::{RUN_FIELDS, SOURCE_FIELDS, SourceState, collecting_states, source_states, source_states_of};

/// Records of archived documents, for those who show where a claim was read.
pub use crowsnest_collect::{Excerpt, ExcerptRecord, ExcerptRequest, read_excerpt};
use crowsnest_collect::{ImportError, ImportReport, ImportRequest, Progress};
/// How good calls were, drawn; for those who show it.
pub use crowsnest_detect::diagrams;
pub use crowsnest_detect::measures::Bin;
/// Whose name a name is, for those who serve it.
pub use crowsnest_identify::naming::{FoundName, MATCH_FIELDS, NameIndex, NameMatch, known_names, name_matches};
pub use crowsnest_identify::resolving::{Change, DecisionError, Evidence, Related, Side, Undone, open_questions};
use crowsnest_identify::resolving::{ResolveOptions, Resolved, n_unresolved};
pub use crowsnest_identify::sync_catalogue;
use crowsnest_identify::{CatalogueError, Synced};
pub use crowsnest_lake::Step;
use crowsnest_lake::{Lake, LakeError};
pub use crowsnest_reconcile::{ReconcileError, ReconcileRequest, Reconciled, Revision, Worth, revisions, worth};

/// The steps, in order.
pub static FLOW: &[&Step] = &[
    &crowsnest_collect::STEP,
    &crowsnest_identify::STEP,
    &crowsnest_reconcile::STEP,
    &crowsnest_detect::STEP,
    &crowsnest_grow::STEP,
];

/// What went wrong in a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Importing failed.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The catalogue could not be taken over.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

/// Reconciles claims into figures; of metrics on which nothing new is known, nothing is done.
///
/// # Errors
/// Those of the step.
#[tracing::instrument(name = "reconcile", skip_all)]
pub async fn reconcile(lake: &Lake, request: &ReconcileRequest) -> Result<Reconciled, ReconcileError> {
    let run = format!("reconcile-{}", jiff::Timestamp::now().as_microsecond());
    lake.state().begin_run(&run, "reconcile")?;
    let reconciled = Box::pin(crowsnest_reconcile::reconcile(lake, request)).await?;
    let summary = format!("{} figures added, {} as they were", reconciled.n_added, reconciled.n_unchanged);
    lake.state().end_run(&run, &summary)?;
    Ok(reconciled)
}

/// What a run of the flow did.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RunReport {
    /// What came in.
    pub import: ImportReport,
    /// What changed in the catalogue.
    pub catalogue: Synced,
    /// What was resolved; `None` where more names are new than are resolved beside an import.
    pub resolved: Option<Resolved>,
}

/// So many new names are resolved beside an import; more wait for `crowsnest resolve`.
pub const RESOLVED_BESIDE_MAX: usize = 50_000;

/// Takes over the catalogue, and resolves the market's names.
///
/// # Errors
/// Those of the step.
#[tracing::instrument(name = "resolve", skip_all)]
pub async fn resolve(lake: &Lake, options: &ResolveOptions) -> Result<(Synced, Resolved), RunError> {
    let catalogue = sync_catalogue(lake).await?;
    let run = format!("resolve-{}", jiff::Timestamp::now().as_microsecond());
    if !options.is_dry_run {
        lake.state().begin_run(&run, "resolve")?;
    }
    let resolved = Box::pin(crowsnest_identify::resolving::resolve(lake, options)).await?;
    if !options.is_dry_run {
        let summary =
            format!("{} names, {} moved, {} pairs unsure", resolved.n_names, resolved.n_moved, resolved.n_unsure);
        lake.state().end_run(&run, &summary)?;
    }
    Ok((catalogue, resolved))
}

#[tracing::instrument(name = "resolve", skip_all)]
async fn resolve_beside(lake: &Lake) -> Result<Option<Resolved>, RunError> {
    if n_unresolved(lake).await? > RESOLVED_BESIDE_MAX {
        return Ok(None);
    }
    Ok(Some(Box::pin(crowsnest_identify::resolving::resolve(lake, &ResolveOptions::default())).await?))
}

/// Imports files and runs the steps after it.
///
/// # Errors
/// Those of the steps. What one step committed before another failed stays, and the next run goes on from there.
#[tracing::instrument(name = "import", skip_all)]
pub async fn import(lake: &Lake, request: ImportRequest, progress: &dyn Progress) -> Result<RunReport, RunError> {
    let is_dry_run = request.is_dry_run;
    let run = format!("import-{}", jiff::Timestamp::now().as_microsecond());
    if !is_dry_run {
        lake.state().begin_run(&run, "import")?;
    }
    let import = Box::pin(crowsnest_collect::import(lake, request, progress)).await?;
    if is_dry_run {
        return Ok(RunReport { import, catalogue: Synced::default(), resolved: None });
    }
    let catalogue = sync_catalogue(lake).await?;
    // Where nothing came in and nothing was said, nobody is new.
    let is_anything_new = import.n_mentions_added > 0 || catalogue != Synced::default();
    let resolved = if is_anything_new { resolve_beside(lake).await? } else { Some(Resolved::default()) };
    let summary = format!(
        "{} claims and {} events added, {} known already, {} rejects",
        import.n_added, import.n_events_added, import.n_known, import.n_rejects
    );
    lake.state().end_run(&run, &summary)?;
    Ok(RunReport { import, catalogue, resolved })
}

/// Imports the files that the market's own configuration names, in order.
///
/// # Errors
/// Those of [`import`]; a mapping that cannot be read.
pub async fn import_market(lake: &Lake, progress: &dyn Progress) -> Result<Vec<RunReport>, RunError> {
    let market = lake.market().clone();
    let mut reports = Vec::new();
    for entry in &market.config.imports {
        let input = market.dir.join(&entry.file).to_string_lossy().into_owned();
        let request = ImportRequest {
            source: entry.source.clone(),
            mapping: entry.map.as_ref().map(|map| market.dir.join(map)),
            ..ImportRequest::new([input], jiff::Timestamp::now().as_microsecond())
        };
        reports.push(Box::pin(import(lake, request, progress)).await?);
    }
    if reports.is_empty() {
        sync_catalogue(lake).await?;
    }
    Ok(reports)
}
