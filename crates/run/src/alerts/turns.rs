//! Rules of kind `rumour`: what was denied, confirmed or taken back.
//!
//! A confirmation is an event with that status, or an official one of something that had been rumoured of the same entity.
//! Several who say the same count once.

use std::collections::BTreeSet;

use crowsnest_lake::LakeError;
use crowsnest_lake::questions::{EventsQuestion, events};
use serde::Deserialize;

use super::{Found, Look, RuleState};
use crate::happening::{Happening, What, id_of, micros};

const N_EVENTS_MAX: usize = 5000;

#[derive(Debug, Clone, Deserialize)]
struct Row {
    entity: String,
    name: String,
    kind: String,
    event: String,
    happened_on: Option<String>,
    counterparty: Option<String>,
    status: String,
    source: String,
    said_at: Option<String>,
    known_at: String,
    url: Option<String>,
    note: Option<String>,
}

pub(super) async fn look_for(look: &Look<'_>, becomes: &[String], kinds: &[String]) -> Result<Found, LakeError> {
    let mut happenings = turns_since(look, becomes, look.fresh_after).await?;
    happenings.retain(|one| kinds.is_empty() || one.event.as_ref().is_some_and(|event| kinds.contains(event)));
    let state = RuleState { basis: format!("each that is {}", becomes.join(" or ")), ..RuleState::default() };
    Ok(Found { happenings, state })
}

/// What turned out true or false and became known after a moment, the latest first.
pub(crate) async fn turns_since(
    look: &Look<'_>,
    becomes: &[String],
    known_after: i64,
) -> Result<Vec<Happening>, LakeError> {
    let mut rows = Vec::new();
    for status in becomes {
        rows.extend(of_status(look, status).await?);
    }
    if becomes.iter().any(|status| status == "confirmed") {
        let rumoured = of_status(look, "rumoured").await?;
        let first: BTreeSet<(String, String)> =
            rumoured.iter().map(|row| (row.entity.clone(), row.event.clone())).collect();
        let official = of_status(look, "official").await?;
        rows.extend(official.into_iter().filter(|row| {
            let is_rumoured = first.contains(&(row.entity.clone(), row.event.clone()));
            let is_later = |rumour: &&Row| {
                rumour.entity == row.entity && rumour.event == row.event && rumour.known_at <= row.known_at
            };
            is_rumoured && rumoured.iter().any(|rumour| is_later(&rumour))
        }));
    }
    rows.retain(|row| row.said_at.is_some() && micros(&row.known_at) > known_after);
    rows.sort_by(|left, right| right.known_at.cmp(&left.known_at).then(left.entity.cmp(&right.entity)));
    let mut told = BTreeSet::new();
    let happenings = rows.into_iter().map(happening).filter(|one| told.insert(one.id.clone()));
    Ok(happenings.collect())
}

async fn of_status(look: &Look<'_>, status: &str) -> Result<Vec<Row>, LakeError> {
    let question = EventsQuestion {
        status: Some(status.to_owned()),
        limit: Some(N_EVENTS_MAX),
        as_of: look.as_of,
        language: look.language,
        ..EventsQuestion::default()
    };
    events(look.lake, &question).await?.rows_as()
}

fn happening(row: Row) -> Happening {
    let word = if row.status == "official" { "confirmed" } else { &row.status };
    let when = row.happened_on.as_deref().unwrap_or_else(|| row.known_at.get(..7).unwrap_or_default());
    Happening {
        id: id_of(&["turn", &row.entity, &row.event, word, when]),
        what: What::Turn,
        name: row.name,
        entity: Some(row.entity),
        kind: Some(row.kind),
        period: row.happened_on,
        event: Some(row.event),
        status: Some(row.status),
        counterparty: row.counterparty,
        notes: row.note.into_iter().filter(|note| !note.is_empty()).collect(),
        sources: vec![row.source],
        url: row.url,
        known_at: micros(&row.known_at),
        ..Happening::default()
    }
}
