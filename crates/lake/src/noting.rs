//! Notes of people on products, companies and segments: written, withdrawn, and found again.
//!
//! In: a name, a day and words. Out: rows of [`crate::state::notes`], and a line in the audit log for each. A note stays with
//! whom it was written on: where that entity has become part of another, it is found by its name.

use crowsnest_model::parse_day;

use crate::identity::parse_hex;
use crate::state::AuditLine;
use crate::state::notes::Note;
use crate::{Identity, Lake, LakeError, Result, entity_hex};

/// A note is a sentence or two.
pub const WORDS_MAX: usize = 1_000;

/// A note that somebody wants to write.
#[derive(Debug, Clone, Default)]
pub struct NewNote {
    /// Name of a product, company or segment in any script, or entity id.
    pub name: String,
    /// Id of a metric; empty for all.
    pub metric: String,
    /// The day it is about, `2025-01-20`.
    pub day: String,
    /// What it says, at most [`WORDS_MAX`] characters.
    pub words: String,
    /// Who writes it.
    pub by: String,
    /// `command`, `page` or `token`.
    pub via: String,
}

fn now() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

fn audit(lake: &Lake, (who, via): (&str, &str), action: &str, what: String) -> Result<()> {
    lake.state().note(&AuditLine { at: now(), who: who.into(), action: action.into(), what, via: via.into() })
}

/// Writes a note.
///
/// # Errors
/// An unknown name or metric, something that is no day, no words or too many.
pub fn add_note(lake: &Lake, new: &NewNote) -> Result<Note> {
    let identity = lake.identity();
    let entity = identity.find(&new.name, None)?;
    if !new.metric.is_empty() && lake.market().metrics.get(&new.metric).is_none() {
        let message = format!("{:?} is no metric here", new.metric);
        return Err(LakeError::bad_question(message, "see them with `crowsnest metrics`, or leave the metric out"));
    }
    if parse_day(&new.day).is_none() {
        return Err(LakeError::bad_question(format!("{:?} is no day", new.day), "write it as 2025-01-20"));
    }
    let words: String = new.words.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
    let words = words.trim();
    if words.is_empty() || words.chars().count() > WORDS_MAX {
        let message = format!("a note has 1 to {WORDS_MAX} characters");
        return Err(LakeError::bad_question(message, "write what happened, in a sentence"));
    }
    let mut note = Note {
        id: 0,
        entity: entity.hex(),
        name: entity.name(lake.market().config.language).to_owned(),
        metric: new.metric.clone(),
        day: new.day.clone(),
        words: words.to_owned(),
        by: new.by.clone(),
        at: now(),
    };
    note.id = lake.state().add_note(&note)?;
    let what = format!("note {} on {}, {}: {words}", note.id, note.name, note.day);
    audit(lake, (new.by.as_str(), new.via.as_str()), "note.add", what)?;
    Ok(note)
}

/// Withdraws a note: it is gone from pages of now, and stays on those as of an earlier day.
///
/// # Errors
/// Where no note of that number holds.
pub fn withdraw_note(lake: &Lake, id: i64, (by, via): (&str, &str)) -> Result<Note> {
    let withdrawn = lake.state().withdraw_note(id, by, now())?;
    let Some(note) = withdrawn else {
        return Err(LakeError::bad_question(format!("no note {id} holds"), "see them with `crowsnest note list`"));
    };
    let what = format!("note {id} on {}, {}: {}", note.name, note.day, note.words);
    audit(lake, (by, via), "note.withdraw", what)?;
    Ok(note)
}

/// Whom a note is on, as identities are now; `None` where nobody is called so any more.
fn entity_of(identity: &Identity, note: &Note) -> Option<i64> {
    match parse_hex(&note.entity).filter(|id| identity.entity(*id).is_some()) {
        Some(id) => Some(id),
        None => identity.find(&note.name, None).ok().map(|entity| entity.id),
    }
}

/// The notes that held at a moment (microseconds), or that hold now; of one entity, or of all. By day.
///
/// # Errors
/// Where the state cannot be read.
pub fn notes(lake: &Lake, entity: Option<&str>, as_of: Option<i64>) -> Result<Vec<Note>> {
    let mut notes = lake.state().notes(as_of)?;
    let Some(wanted) = entity else { return Ok(notes) };
    let identity = lake.identity();
    notes.retain(|note| entity_of(&identity, note).is_some_and(|id| entity_hex(id) == wanted));
    Ok(notes)
}
