//! What people change of their own accounts: their password and tokens, by forms of the page `/account`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Extension, Router};
use crowsnest_lake::state::people::{Scope, User};

use crate::accounts::{Guess, now};
use crate::credentials;
use crate::form::{Form, handlers};
use crate::guard::{Asker, Guard, Posted, session_cookie};
use crate::login::note;
use crate::page::plain_error;
use crate::pages::account::{AccountPage, with_new_token};
use crate::request::PageRequest;
use crate::site::{CurrentSite, Site};
use crate::{Result, ServeError, users};

/// Days that a token of the page is good for, unless said.
const TOKEN_DAYS: u32 = 90;

/// Adds the addresses.
pub(crate) fn add(router: Router<CurrentSite>, guard: &Arc<Guard>) -> Router<CurrentSite> {
    users::add(router)
        .route("/account/password", post(change_password).with_state(Arc::clone(guard)))
        .route("/account/tokens/add", post(add_token))
        .route("/account/tokens/revoke", post(revoke_token))
}

/// The user who asks; the owner and visitors have no account.
fn user_of(site: &Site, asker: &Asker) -> Result<User> {
    let name = asker.caller.as_ref().filter(|_| asker.is_user()).map(|caller| caller.name.as_str());
    let user = name.map(|name| site.lake.state().user(name)).transpose()?.flatten();
    user.ok_or_else(|| ServeError::bad_request("this is for users", "add one with `crowsnest user add NAME`"))
}

/// A program's token is no reason to make others, or to change a password.
pub(crate) fn check_person(asker: &Asker) -> Result<()> {
    if asker.via() == "page" {
        return Ok(());
    }
    Err(ServeError::bad_request("a token cannot change an account", "log in at /login"))
}

async fn change_password(
    State(guard): State<Arc<Guard>>,
    Extension(asker): Extension<Asker>,
    Extension(posted): Extension<Posted>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let site = guard.site.now().seen_by(asker.caller.as_ref());
    match password_changed(&guard, &site, &asker, &posted).await {
        Ok(response) => response,
        Err(error) => plain_error(&site, &uri, &headers, &error),
    }
}

async fn password_changed(guard: &Guard, site: &Site, asker: &Asker, posted: &Posted) -> Result<Response> {
    check_person(asker)?;
    let user = user_of(site, asker)?;
    let guess = guard.accounts.guess(&user.name, posted.whole("password"), &asker.place).await?;
    if !matches!(guess, Guess::Right(_)) {
        return Err(ServeError::bad_request("the password so far is not that", "type it again, after a moment"));
    }
    let hash = credentials::hashed(posted.whole("new").to_owned()).await?;
    let lake = &site.lake;
    lake.state().set_password(&user.name, &hash)?;
    note(lake, &user.name, "user.password", "has another password")?;
    let secret = credentials::new_secret()?;
    lake.state().begin_session(&secret, &user.name, now())?;
    let mut response = Redirect::to("/account?did=password").into_response();
    if let Some(cookie) = session_cookie(Some(&secret), asker.is_secure) {
        response.headers_mut().append(axum::http::header::SET_COOKIE, cookie);
    }
    Ok(response)
}

handlers! {
    add_token => token_added,
    revoke_token => token_revoked,
}

async fn token_added(form: &Form) -> Result<Response> {
    let Form { site, asker, posted, headers } = form;
    check_person(asker)?;
    let user = user_of(site, asker)?;
    let scopes: std::result::Result<Vec<Scope>, String> = posted.all("scope").map(str::parse).collect();
    let scopes = scopes.map_err(|error| ServeError::bad_request(error, "choose from the list"))?;
    if let Some(scope) = scopes.iter().find(|scope| scope.role() > user.role) {
        return Err(ServeError::Forbidden { needed: scope.role() });
    }
    let days = match posted.get("days") {
        "" => TOKEN_DAYS,
        text => {
            text.parse().map_err(|_| ServeError::bad_request("days: not a whole number", "write days, such as 90"))?
        }
    };
    let (token, secret) = credentials::new_token(&user.name, posted.get("label"), &scopes, days, now())?;
    let id = site.lake.state().add_token(&token, &secret)?;
    note(&site.lake, &user.name, "token.add", &format!("token {id} for {:?}", token.label))?;
    let uri = Uri::from_static("/account");
    let request = PageRequest::read(&site.lake, &site.shared, &uri, headers, None)?.asked_by(asker);
    with_new_token(&AccountPage, &request, &secret)
}

async fn token_revoked(form: &Form) -> Result<Redirect> {
    let Form { site, asker, posted, .. } = form;
    check_person(asker)?;
    let user = user_of(site, asker)?;
    let id = posted.get("token").parse().unwrap_or(-1);
    if !site.lake.state().revoke_token(id, Some(&user.name), now())? {
        return Err(ServeError::bad_request("no such token of yours holds", "see them at /account"));
    }
    note(&site.lake, &user.name, "token.revoke", &format!("token {id}"))?;
    Ok(Redirect::to("/account?did=revoked"))
}
