//! Notes of people: the forms of `/notes/…`, and what pages show of notes.
//!
//! In: what editors write. Out: notes, told in the audit log by [`noting`]. They are the team's own words and may tell what a
//! source does not allow to be passed on: whoever sees pages without such sources sees no notes.

use axum::Router;
use axum::extract::Extension;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::post;
use crowsnest_lake::noting::{self, NewNote};
use crowsnest_lake::state::notes::Note;

use crate::guard::{Asker, Posted};
use crate::request::{PageRequest, push_query};
use crate::router::plain_error;
use crate::site::{CurrentSite, Seen, Site};
use crate::{Result, ServeError};

/// Adds the addresses.
pub(crate) fn add(router: Router<CurrentSite>) -> Router<CurrentSite> {
    router.route("/notes/add", post(write)).route("/notes/withdraw", post(withdraw))
}

/// The notes on an entity that a page may show.
pub(crate) fn of(request: &PageRequest, entity: &str) -> Result<Vec<Note>> {
    if request.shared.is_shared {
        return Ok(Vec::new());
    }
    Ok(noting::notes(&request.lake, Some(entity), request.as_of)?)
}

/// What pages with notes depend on besides the lake.
pub(crate) fn state(request: &PageRequest) -> String {
    if request.shared.is_shared {
        return String::new();
    }
    // Where the state cannot be read now, the page itself says so.
    request.lake.state().notes_state().map(|state| format!(" notes {state}")).unwrap_or_default()
}

fn name_of(asker: &Asker) -> &str {
    asker.caller.as_ref().map_or("", |caller| caller.name.as_str())
}

fn back(posted: &Posted, did: &str) -> Response {
    let entity = posted.get("entity");
    let is_entity = entity.len() == 16 && entity.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut address = if is_entity { format!("/notes/{entity}") } else { "/".to_owned() };
    push_query(&mut address, "did", did);
    Redirect::to(&address).into_response()
}

async fn write(
    Seen(site): Seen,
    Extension(asker): Extension<Asker>,
    Extension(posted): Extension<Posted>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match written(&site, &asker, &posted) {
        Ok(_) => back(&posted, "written"),
        Err(error) => plain_error(&site, &uri, &headers, &error),
    }
}

fn written(site: &Site, asker: &Asker, posted: &Posted) -> Result<Note> {
    let text = |name: &str| posted.get(name).to_owned();
    let new = NewNote {
        name: text("entity"),
        metric: text("metric"),
        day: text("day"),
        words: text("words"),
        by: name_of(asker).to_owned(),
        via: asker.via().to_owned(),
    };
    Ok(noting::add_note(&site.lake, &new)?)
}

async fn withdraw(
    Seen(site): Seen,
    Extension(asker): Extension<Asker>,
    Extension(posted): Extension<Posted>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match withdrawn(&site, &asker, &posted) {
        Ok(_) => back(&posted, "withdrawn"),
        Err(error) => plain_error(&site, &uri, &headers, &error),
    }
}

fn withdrawn(site: &Site, asker: &Asker, posted: &Posted) -> Result<Note> {
    let text = posted.get("note");
    let id = text
        .parse()
        .map_err(|_| ServeError::bad_request(format!("{text:?} is no number of a note"), "look at the notes again"))?;
    Ok(noting::withdraw_note(&site.lake, id, (name_of(asker), asker.via()))?)
}
