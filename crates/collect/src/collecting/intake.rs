//! A document's way from bytes to rows, and whether it may go it.

use std::sync::Arc;

use crowsnest_lake::Lake;
use crowsnest_lake::state::collecting::Journalled;

use super::shape::Shape;
use super::sources::Source;
use crate::connector::Parsed;
use crate::import::fingerprint_of;
use crate::mapping::Mapping;
use crate::opened::{self, Chunk};
use crate::pipeline::Counts;
use crate::reading::input::{Input, Origin};
use crate::recipe::Recipe;
use crate::report::Reject;
use crate::rows::columns::COLUMNS_ROWS_MAX;
use crate::rows::mentions::SeenMentions;
use crate::rows::said::ReadingContext;
use crate::worker::{self, Worker};
use crate::{ImportError, Result};

/// Names of fields that are shown when a shape changed, at most.
const CHANGES_MAX: usize = 50;

/// A document as rows.
pub(crate) struct Read {
    pub(crate) rows: worker::Parsed,
    pub(crate) counts: Counts,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) media_type: &'static str,
    pub(crate) shape: Shape,
}

/// Why a document is kept out of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) reason: String,
    pub(crate) diff: String,
}

/// What has to be known to read a document of a source.
pub(crate) fn context_of(lake: &Lake, source: &Source, fetched_at: i64) -> ReadingContext {
    ReadingContext::of(lake.market(), &source.mapping, &source.card.name, fetched_at)
}

/// What decides how a document becomes claims; as an import has it.
pub(crate) fn fingerprint(source: &Source, recipe: &str) -> String {
    fingerprint_of(recipe, &source.card.name, "", "", None)
}

/// A parsed document as rows.
///
/// # Errors
/// What is wrong with the document as a whole.
pub(crate) fn read(
    label: &str,
    file_name: &str,
    body: &[u8],
    parsed: &Parsed,
    mapping: &Mapping,
    context: ReadingContext,
    seen: SeenMentions,
) -> Result<Read> {
    let origin = Origin::Held(Arc::from(Vec::new()));
    let input = Input { label: label.to_owned(), file_name: file_name.to_owned(), origin };
    let body = if parsed.is_body { body.to_vec() } else { Vec::new() };
    let opened = opened::open_parsed(&input, body, parsed, mapping, false)?;
    let shape = match parsed.is_body {
        true => Shape::of_columns(&opened.plan.columns),
        false if mapping.is_lake_names() => Shape::of(&parsed.records, None),
        false => Shape::of(&parsed.records, Some(&opened.plan.names_used())),
    };
    let n_records = if parsed.is_body { COLUMNS_ROWS_MAX } else { parsed.records.len() };
    let room = (n_records * opened.plan.templates.len()).min(COLUMNS_ROWS_MAX);
    let media_type = opened.format.media_type();
    let worker = Worker::new(label, Arc::new(opened.plan), Arc::new(context), seen, room);
    rows_of(worker, opened.chunks, media_type, shape)
}

fn rows_of(
    mut worker: Worker,
    chunks: impl Iterator<Item = Result<Chunk>>,
    media_type: &'static str,
    shape: Shape,
) -> Result<Read> {
    let (mut rows, mut counts) = (worker::Parsed::default(), Counts::default());
    for chunk in chunks {
        let mut more = worker.read(chunk?);
        counts.add(&more);
        rows.mentions.append(&mut more.mentions);
        rows.claims.append(&mut more.claims);
        rows.events.append(&mut more.events);
        rows.rejects.append(&mut more.rejects);
    }
    let rejects = std::mem::take(&mut rows.rejects);
    Ok(Read { rows, counts, rejects, media_type, shape })
}

/// What differs between a document's shape and the last good one, a line each; empty where nothing does that matters.
pub(crate) fn differences(lake: &Lake, source: &Source, kind: &str, shape: &Shape) -> Result<Vec<String>> {
    let last_good = lake.state().shape(&source.card.name, kind)?;
    let known = last_good.and_then(|(shape, _)| Shape::parse(&shape)).unwrap_or_default();
    let mut lines = known.changes(shape);
    if !lines.is_empty() {
        lines.extend(known.additions(shape));
    }
    lines.truncate(CHANGES_MAX);
    Ok(lines)
}

/// Whether a document that was read may go into the tables.
pub(crate) fn judge(lake: &Lake, source: &Source, kind: &str, read: &Read) -> Result<Option<Verdict>> {
    if source.collect.check_shape {
        let lines = differences(lake, source, kind, &read.shape)?;
        if !lines.is_empty() {
            let document =
                lake.state().shape(&source.card.name, kind)?.map(|(_, document)| document).unwrap_or_default();
            let reason = format!(
                "its form is not that of document {}, the last good one",
                document.get(..12).unwrap_or(&document)
            );
            return Ok(Some(Verdict { reason, diff: lines.join("\n") }));
        }
    }
    let n_read = read.counts.n_records - read.counts.n_blank;
    let share = if n_read == 0 { 0.0 } else { read.counts.n_rejects as f64 / n_read as f64 };
    if share <= source.collect.reject_share_max || share == 0.0 {
        return Ok(None);
    }
    let reason = format!("{} of {n_read} records cannot be read", read.counts.n_rejects);
    let lines: Vec<String> = read.rejects.iter().take(CHANGES_MAX).map(reject_line).collect();
    Ok(Some(Verdict { reason, diff: lines.join("\n") }))
}

fn reject_line(reject: &Reject) -> String {
    format!("- {}: found {:?}, expected {}", reject.column, reject.found, reject.expected)
}

/// How a document of the journal is read: as it was to be when it was fetched, but one that somebody accepted by what its
/// source's file says today, which may have been corrected for it.
pub(crate) fn recipe_of(source: &Source, pending: &Journalled) -> String {
    match Recipe::in_text(&pending.recipe) {
        Ok(recipe) if pending.is_accepted && recipe.name == source.entry.spec.name => {
            Recipe { options: source.card.options.clone(), ..recipe }.text_after(&source.mapping.text)
        }
        _ => pending.recipe.clone(),
    }
}

/// A document of the journal, read by the recipe that stands there; its body comes from the archive.
pub(crate) fn read_pending(lake: &Lake, source: &Source, pending: &Journalled) -> Result<Read> {
    let mapping = Mapping::parse(&format!("of document {}", pending.document), &pending.recipe)?;
    let Some(recipe) = &mapping.recipe else {
        let message = "its line in the journal has no [connector]".into();
        return Err(ImportError::Broken { file: pending.name.clone(), message });
    };
    let mut reader = lake.documents().open(&pending.document)?;
    let body = crate::recipe::Recipe::body_of(&mut reader)
        .map_err(|source| ImportError::Read { file: pending.document.clone(), source })?;
    let parsed = recipe.parse(&body).map_err(|message| ImportError::Connector {
        file: pending.origin.clone(),
        connector: recipe.name.clone(),
        message,
    })?;
    let context = context_of(lake, source, pending.fetched_at);
    read(&pending.origin, &pending.name, &body, &parsed, &mapping, context, SeenMentions::default())
}
