//! Notes of people: the forms of `/notes/…`, and what pages show of notes.
//!
//! In: what editors write. Out: notes, told in the audit log by [`noting`]. They are the team's own words and may tell what a
//! source does not allow to be passed on: whoever sees pages without such sources sees no notes.

use axum::Router;
use axum::response::Redirect;
use axum::routing::post;
use crowsnest_lake::noting::{self, NewNote};
use crowsnest_lake::state::notes::Note;

use crate::form::{Form, handlers};
use crate::reconcile::is_id;
use crate::request::{PageRequest, push_query};
use crate::site::CurrentSite;
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

/// What pages with notes depend on besides the lake; `None` where the state cannot be read now.
pub(crate) fn state(request: &PageRequest) -> Option<String> {
    if request.shared.is_shared {
        return Some(String::new());
    }
    request.lake.state().notes_state().ok().map(|state| format!(" notes {state}"))
}

fn back(form: &Form, did: &str) -> Redirect {
    let entity = form.posted.get("entity");
    let mut address = if is_id(entity) { format!("/notes/{entity}") } else { "/".to_owned() };
    push_query(&mut address, "did", did);
    Redirect::to(&address)
}

handlers! {
    write => written,
    withdraw => withdrawn,
}

async fn written(form: &Form) -> Result<Redirect> {
    let text = |name: &str| form.posted.get(name).to_owned();
    let new = NewNote {
        name: text("entity"),
        metric: text("metric"),
        day: text("day"),
        words: text("words"),
        by: form.by().to_owned(),
        via: form.asker.via().to_owned(),
    };
    noting::add_note(&form.site.lake, &new)?;
    Ok(back(form, "written"))
}

async fn withdrawn(form: &Form) -> Result<Redirect> {
    let text = form.posted.get("note");
    let id = text
        .parse()
        .map_err(|_| ServeError::bad_request(format!("{text:?} is no number of a note"), "look at the notes again"))?;
    noting::withdraw_note(&form.site.lake, id, (form.by(), form.asker.via()))?;
    Ok(back(form, "withdrawn"))
}
