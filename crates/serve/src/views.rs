//! Saved views: a person's own names for pages, kept by the forms of `/views`.
//!
//! In: a name and an address of our own pages. Out: a line in `state.db`, told in the audit log. Whoever has an account has
//! views, and so has the owner on their own machine; visitors have none. Only addresses of pages are kept: what is saved
//! becomes a link, and must lead to no other site and change nothing.

use axum::Router;
use axum::response::Redirect;
use axum::routing::post;
use crowsnest_lake::state::people::Role;
use crowsnest_lake::state::views::SavedView;

use crate::accounts::{Way, now};
use crate::form::{Form, handlers};
use crate::guard::Asker;
use crate::request::PageRequest;
use crate::routes::ROUTES;
use crate::site::CurrentSite;
use crate::{Result, ServeError};

/// A list that nobody reads to its end is none.
const N_VIEWS_MAX: usize = 200;
pub(crate) const NAME_CHARACTERS_MAX: usize = 100;
const ADDRESS_BYTES_MAX: usize = 4_000;

/// Adds the addresses.
pub(crate) fn add(router: Router<CurrentSite>) -> Router<CurrentSite> {
    router.route("/views/save", post(save)).route("/views/remove", post(remove))
}

/// Whether whoever asks can have views.
pub(crate) fn can_keep(request: &PageRequest) -> bool {
    request.has_account || request.caller.role == Role::Admin
}

/// The views of whoever asks.
pub(crate) fn own(request: &PageRequest) -> Result<Vec<SavedView>> {
    if !can_keep(request) {
        return Ok(Vec::new());
    }
    Ok(request.lake.state().views(&request.caller.name)?)
}

/// An address if it is one of our own pages; `None` else.
pub(crate) fn of_our_own(address: &str) -> Option<&str> {
    let is_plain = address.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#'));
    if !is_plain || address.starts_with("//") || address.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    let path = address.split_once('?').map_or(address, |(path, _)| path);
    ROUTES.iter().any(|route| route.is_of(path)).then_some(address)
}

fn owner_of(asker: &Asker) -> Result<&str> {
    let caller = asker.caller.as_ref().filter(|_| asker.is_user() || asker.way == Way::Owner);
    let name = caller.map(|caller| caller.name.as_str());
    name.ok_or_else(|| ServeError::bad_request("visitors keep no views", "log in at /login"))
}

handlers! {
    save => saved,
    remove => removed,
}

async fn saved(form: &Form) -> Result<Redirect> {
    let user = owner_of(&form.asker)?;
    let name = form.posted.get("name");
    if name.is_empty() || name.chars().count() > NAME_CHARACTERS_MAX || name.chars().any(char::is_control) {
        let message = format!("a view's name has 1 to {NAME_CHARACTERS_MAX} characters");
        return Err(ServeError::bad_request(message, "write another name"));
    }
    let address = of_our_own(form.posted.get("address")).ok_or_else(|| {
        ServeError::bad_request("that is no address of a page here", "save a view from the page itself")
    })?;
    let view = SavedView { name: name.to_owned(), address: address.to_owned(), saved_at: now() };
    if !form.site.lake.state().save_view(user, &view, N_VIEWS_MAX)? {
        let message = format!("there are {N_VIEWS_MAX} views already");
        return Err(ServeError::bad_request(message, "remove some that you do not use"));
    }
    form.note("view.save", &format!("{name:?} for {address}"))?;
    Ok(Redirect::to("/views?did=saved"))
}

async fn removed(form: &Form) -> Result<Redirect> {
    let user = owner_of(&form.asker)?;
    let name = form.posted.get("name");
    if !form.site.lake.state().remove_view(user, name)? {
        return Err(ServeError::bad_request("no view of yours has that name", "see them at /views"));
    }
    form.note("view.remove", &format!("{name:?}"))?;
    Ok(Redirect::to("/views?did=removed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_our_own_pages_are_kept() {
        for good in [
            "/",
            "/league?metric=mau&period=2024-12",
            "/product/0123456789abcdef?as_of=2025-02-01",
            "/compare?name=%E8%B1%86%E5%8C%85&name=Kimi",
            "/?lang=en",
        ] {
            assert_eq!(of_our_own(good), Some(good));
        }
        for bad in [
            "",
            "league",
            "//evil.example",
            "//evil.example/league",
            "/\\evil.example",
            "https://evil.example/league",
            "javascript:alert(1)",
            "/league\n",
            "/league?x=豆包",
            "/nothing",
            "/logout",
            "/account/password",
            "/static/app.js",
            "/product/",
            "/product/a/b",
            "/league#x",
        ] {
            assert_eq!(of_our_own(bad), None, "{bad}");
        }
        assert_eq!(of_our_own(&format!("/league?x={}", "a".repeat(5_000))), None);
    }
}
