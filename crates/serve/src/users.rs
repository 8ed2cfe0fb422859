//! What admins change of users, by forms of the page `/users`: who there is, what they may do, their passwords and tokens.
//!
//! In: a form. Out: the page again, with a password that was made, shown this once. Everything is noted in the audit log. The only
//! admin is neither removed nor made less, for nobody could let others in any more; the command line may.

use axum::Router;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use crowsnest_lake::state::people::{Change, Role, User};

use crate::account::check_person;
use crate::accounts::now;
use crate::credentials;
use crate::form::{Form, handlers};
use crate::pages::users::{UsersPage, with_password};
use crate::request::PageRequest;
use crate::site::CurrentSite;
use crate::{Result, ServeError};

/// Adds the addresses.
pub(crate) fn add(router: Router<CurrentSite>) -> Router<CurrentSite> {
    router
        .route("/users/add", post(add_user))
        .route("/users/role", post(change_role))
        .route("/users/password", post(reset_password))
        .route("/users/remove", post(remove_user))
        .route("/users/tokens/revoke", post(revoke_token))
}

handlers! {
    add_user => Form::added,
    change_role => Form::role_changed,
    reset_password => Form::password_reset,
    remove_user => Form::removed,
    revoke_token => Form::token_revoked,
}

fn no_user(name: &str) -> ServeError {
    let name = crate::message::cut(name, 64);
    ServeError::bad_request(format!("there is no user {name:?}"), "choose one of the list at /users")
}

fn only_admin(name: &str) -> ServeError {
    ServeError::bad_request(format!("{name} is the only admin"), "make somebody else an admin first")
}

fn done(did: &str) -> Response {
    Redirect::to(&format!("/users?did={did}")).into_response()
}

impl Form {
    /// The name of a user whom the form is about.
    fn user(&self) -> Result<&str> {
        check_person(&self.asker)?;
        Ok(self.posted.get("user"))
    }

    fn role(&self) -> Result<Role> {
        self.posted.get("role").parse().map_err(|error: String| ServeError::bad_request(error, "choose from the list"))
    }

    fn is_about_oneself(&self, name: &str) -> bool {
        self.asker.is_user() && self.by() == name
    }

    async fn added(&self) -> Result<Response> {
        check_person(&self.asker)?;
        let (name, role) = (credentials::user_name(self.posted.get("user"))?, self.role()?);
        let state = self.site.lake.state();
        if role != Role::Admin && !state.has_users()? {
            let message = "the first user must be an admin";
            return Err(ServeError::bad_request(message, "choose admin: nobody else could let others in here"));
        }
        let (password, password_hash) = new_password().await?;
        let user = User { name, role, password_hash, created_at: now(), last_seen_at: None };
        if !state.add_user(&user)? {
            let message = format!("there is a user {} already", user.name);
            return Err(ServeError::bad_request(message, "give another name, or change the one there is"));
        }
        self.note("user.add", &format!("{} is added as {role}", user.name))?;
        self.shown(&user.name, &password)
    }

    async fn role_changed(&self) -> Result<Response> {
        let (name, role) = (self.user()?, self.role()?);
        match self.site.lake.state().change_role(name, role)? {
            Change::Made => self.note("user.role", &format!("{name} is {role} now"))?,
            Change::NoUser => return Err(no_user(name)),
            Change::LastAdmin => return Err(only_admin(name)),
        }
        Ok(done("role"))
    }

    async fn password_reset(&self) -> Result<Response> {
        let name = self.user()?;
        if self.is_about_oneself(name) {
            return Err(ServeError::bad_request("this is your own password", "change it at /account"));
        }
        let (password, hash) = new_password().await?;
        if !self.site.lake.state().set_password(name, &hash)? {
            return Err(no_user(name));
        }
        self.note("user.password", &format!("{name} has another password"))?;
        self.shown(name, &password)
    }

    async fn removed(&self) -> Result<Response> {
        let name = self.user()?;
        match self.site.lake.state().remove_but_the_last_admin(name)? {
            Change::Made => self.note("user.remove", &format!("{name} is removed, with their tokens"))?,
            Change::NoUser => return Err(no_user(name)),
            Change::LastAdmin => return Err(only_admin(name)),
        }
        Ok(done("removed"))
    }

    async fn token_revoked(&self) -> Result<Response> {
        let name = self.user()?;
        let id = self.posted.get("token").parse().unwrap_or(-1);
        if !self.site.lake.state().revoke_token(id, Some(name), now())? {
            return Err(ServeError::bad_request("no such token holds", "see them at /users"));
        }
        self.note("token.revoke", &format!("token {id} of {name}"))?;
        Ok(done("revoked"))
    }

    /// The page with a password that was made.
    fn shown(&self, name: &str, password: &str) -> Result<Response> {
        let (site, uri) = (&self.site, Uri::from_static("/users"));
        let request = PageRequest::read(&site.lake, &site.shared, &uri, &self.headers, None)?.asked_by(&self.asker);
        with_password(&UsersPage, &request, name, password)
    }
}

/// A password that was made, and its hash.
async fn new_password() -> Result<(String, String)> {
    let password = credentials::new_password()?;
    let hash = credentials::hashed(password.clone()).await?;
    Ok((password, hash))
}
