//! `/login` and `/logout`; by a provider it is [`crate::oidc`].
//!
//! A login always begins a session with a secret of its own: one that came along in a cookie is ended, never taken over.
//! Wrong passwords are told neither from wrong names nor by how long they take, slowed down, and noted in the audit log.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use crowsnest_lake::state::AuditLine;
use crowsnest_lake::{Lake, OidcConfig};

use crate::accounts::{Guess, Way, now};
use crate::credentials;
use crate::frame::Frame;
use crate::guard::{Asker, Guard, Posted, form_token_of, session_cookie, visit_cookie};
use crate::page::plain_error;
use crate::request::PageRequest;
use crate::site::{CurrentSite, Seen, Site};
use crate::words::{say, say_with};
use crate::{Result, ServeError, oidc};

/// Adds the addresses.
pub(crate) fn add(router: Router<CurrentSite>, guard: &Arc<Guard>) -> Router<CurrentSite> {
    let log_in = axum::routing::post(log_in).with_state(Arc::clone(guard));
    let router = router.route("/login", get(show).merge(log_in)).route("/logout", axum::routing::post(log_out));
    oidc::add(router, guard)
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginView<'a> {
    page: &'a Frame,
    form_token: &'a str,
    next: &'a str,
    name: &'a str,
    problem: String,
    has_users: bool,
    /// What people call the provider, and where logging in by it begins; empty where there is none.
    provider: String,
    provider_link: String,
}

/// What the form is shown with.
#[derive(Default)]
pub(crate) struct Shown<'a> {
    pub(crate) name: &'a str,
    pub(crate) next: &'a str,
    pub(crate) problem: String,
    pub(crate) status: StatusCode,
}

/// A value of a query; empty where there is none.
pub(crate) fn value_of_query(uri: &Uri, name: &str) -> String {
    let query = uri.query().unwrap_or_default();
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
    found.map_or_else(String::new, |(_, value)| value.into_owned())
}

async fn show(Seen(site): Seen, Extension(asker): Extension<Asker>, uri: Uri, headers: HeaderMap) -> Response {
    let next = value_of_query(&uri, "next");
    let shown = Shown { next: &next, ..Shown::default() };
    form(&site, &asker, &headers, shown).unwrap_or_else(|error| plain_error(&site, &uri, &headers, &error))
}

/// The page with the form, and what there is to say.
pub(crate) fn form(site: &Site, asker: &Asker, headers: &HeaderMap, shown: Shown<'_>) -> Result<Response> {
    let request = PageRequest::read(&site.lake, &site.shared, &Uri::from_static("/login"), headers, None)?;
    let (mut form_token, mut cookie) = (asker.form_token.clone(), None);
    if form_token.is_empty() {
        let secret = credentials::new_secret()?;
        form_token = form_token_of(&secret);
        cookie = visit_cookie(&secret, asker.is_secure);
    }
    let page = Frame::new(&request, say(request.language, "login.title")).without_data();
    let next = safe_next(shown.next);
    let provider = site.lake.market().config.login.oidc.as_ref().map(OidcConfig::title);
    let view = LoginView {
        page: &page,
        form_token: &form_token,
        next,
        name: shown.name,
        problem: shown.problem,
        has_users: site.lake.state().has_users()?,
        provider: provider.unwrap_or_default(),
        provider_link: oidc::address(next),
    };
    let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    let mut response = (shown.status, html, view.render()?).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// An address of our own to go on to; whatever else, the overview.
pub(crate) fn safe_next(next: &str) -> &str {
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_ours = next.starts_with('/') && !next.starts_with("//") && !next.starts_with("/log");
    if is_plain && is_ours && next.len() < 4_096 { next } else { "/" }
}

async fn log_in(
    State(guard): State<Arc<Guard>>,
    Extension(asker): Extension<Asker>,
    Extension(posted): Extension<Posted>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let site = guard.site.now().seen_by(None);
    match tried(&guard, &site.lake, &asker, &posted).await {
        Ok(Tried::In(cookie)) => {
            let mut response = Redirect::to(safe_next(posted.get("next"))).into_response();
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Ok(Tried::Out { status, problem }) => {
            let shown =
                Shown { name: posted.get("name"), next: posted.get("next"), problem: problem(&headers), status };
            form(&site, &asker, &headers, shown).unwrap_or_else(|error| plain_error(&site, &uri, &headers, &error))
        }
        Err(error) => plain_error(&site, &uri, &headers, &error),
    }
}

/// What is said, in the visitor's language.
type Problem = Box<dyn FnOnce(&HeaderMap) -> String + Send>;

enum Tried {
    In(HeaderValue),
    Out { status: StatusCode, problem: Problem },
}

pub(crate) fn language(headers: &HeaderMap) -> crowsnest_lake::Language {
    let of_cookie = crate::request::cookie(headers, "lang").and_then(crowsnest_lake::Language::parse);
    let accepted =
        || headers.get(header::ACCEPT_LANGUAGE).and_then(|value| crate::words::accepted(value.to_str().ok()?));
    of_cookie.or_else(accepted).unwrap_or_default()
}

async fn tried(guard: &Guard, lake: &Lake, asker: &Asker, posted: &Posted) -> Result<Tried> {
    let user = match guard.accounts.guess(posted.get("name"), posted.whole("password"), &asker.place).await? {
        Guess::Right(user) => user,
        Guess::Wait(secs) => {
            let problem: Problem =
                Box::new(move |headers| say_with(language(headers), "login.wait", &secs.to_string()));
            return Ok(Tried::Out { status: StatusCode::TOO_MANY_REQUESTS, problem });
        }
        Guess::Wrong => {
            let problem: Problem = Box::new(|headers| say(language(headers), "login.wrong").to_owned());
            return Ok(Tried::Out { status: StatusCode::FORBIDDEN, problem });
        }
    };
    Ok(Tried::In(begin_session(lake, asker, &user.name, "")?))
}

/// Begins a session of a user, who proved to be that: gives its cookie. `by` is what they proved it with, if no password.
pub(crate) fn begin_session(lake: &Lake, asker: &Asker, user: &str, by: &str) -> Result<HeaderValue> {
    if let Way::Session(before) = &asker.way {
        lake.state().end_session(before)?;
    }
    let secret = credentials::new_secret()?;
    lake.state().begin_session(&secret, user, now())?;
    note(lake, user, "login", &format!("{by}from {}", asker.place))?;
    session_cookie(Some(&secret), asker.is_secure).ok_or(ServeError::Panicked)
}

async fn log_out(Seen(site): Seen, Extension(asker): Extension<Asker>, uri: Uri, headers: HeaderMap) -> Response {
    let Way::Session(secret) = &asker.way else { return Redirect::to("/login").into_response() };
    if let Err(error) = site.lake.state().end_session(secret) {
        return plain_error(&site, &uri, &headers, &error.into());
    }
    let mut response = Redirect::to("/login").into_response();
    if let Some(cookie) = session_cookie(None, asker.is_secure) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    let forget = HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert("clear-site-data", forget);
    response
}

/// Adds a line to the audit log: what somebody did on a page. Of forms that programs may send too, `Form::note` tells.
pub(crate) fn note(lake: &Lake, who: &str, action: &str, what: &str) -> Result<()> {
    lake.state().note(&AuditLine {
        at: now(),
        who: who.to_owned(),
        action: action.to_owned(),
        what: what.to_owned(),
        via: "page".to_owned(),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_leads_to_our_own_pages_only() {
        for good in ["/", "/league?metric=mau&period=2024-12", "/product/0123456789abcdef"] {
            assert_eq!(safe_next(good), good);
        }
        for bad in
            ["", "//evil.example", "/\\evil.example", "https://evil.example", "evil", "/a\r\nSet-Cookie: x", "/logout"]
        {
            assert_eq!(safe_next(bad), "/", "{bad}");
        }
    }
}
