//! `/login/oidc`: logging in by an organisation's own provider (OpenID Connect Core 1.0: authorisation code flow, with PKCE).
//!
//! In: `[login.oidc]` of the market's file, and who comes back from the provider. Out: a session, begun as after a password.
//! Somebody presses the button on `/login`, is led to the provider, logs in there, and is sent back with a code; the server asks
//! the provider for whom the code is, verifies what it says, and finds or makes the user. Invariants:
//! - A login is ended by the browser that began it alone, once, and within ten minutes: its state is bound to a cookie.
//! - Users are found by issuer and subject alone, see [`admitting`].
//! - Connects to the provider that the market's file names, in [`asking`] alone, under its rules. That is the one request of a
//!   visitor's that makes the server connect (decision 29).
//! - It leads to the provider, and after that to our own pages, whatever an address says.
//! - Who is refused reads what to do; the audit log says why.
//!
//! A user links a login to their account on `/account`, by an address that only that page knows.

mod admitting;
mod asking;
mod begun;
mod claims;
mod provider;
mod refusal;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use crowsnest_lake::state::people::digest;

use crate::ServeError;
use crate::accounts::{Way, now};
use crate::caller::is_same;
use crate::credentials;
use crate::guard::{Asker, Guard, set_cookie};
use crate::login::{self, Shown, begin_session, safe_next, value_of_query};
use crate::page::plain_error;
use crate::request::{cookie, push_query};
use crate::security::site_address;
use crate::site::{CurrentSite, Site};
use crate::words::say_with;
use admitting::Sent;
use begun::{Begun, Logins, Purpose, WITHIN_SECS};
use provider::Provider;
use refusal::{Failed, Refusal};

const PATH: &str = "/login/oidc";
const CALLBACK: &str = "/login/oidc/callback";
/// The cookie of a browser that began a login, plainly and under TLS, where its name binds it to this host.
const COOKIES: [&str; 2] = ["crowsnest_login", "__Host-crowsnest_login"];

/// Adds the addresses. Where the market names no provider, there is nothing at them.
pub(crate) fn add(router: Router<CurrentSite>, guard: &Arc<Guard>) -> Router<CurrentSite> {
    let config = guard.site.now().lake.market().config.login.oidc.clone();
    let desk =
        Arc::new(Desk { guard: Arc::clone(guard), provider: config.map(Provider::new), logins: Logins::default() });
    // HEAD begins and ends nothing.
    let nothing = || async { StatusCode::NO_CONTENT };
    router
        .route("/login/oidc", get(begin).head(nothing).with_state(Arc::clone(&desk)))
        .route("/login/oidc/callback", get(end).head(nothing).with_state(desk))
}

/// Where logging in by the provider begins.
pub(crate) fn address(next: &str) -> String {
    let mut address = PATH.to_owned();
    push_query(&mut address, "next", next);
    address
}

/// Where somebody who is logged in begins to link a login to their account; nobody else knows that address.
pub(crate) fn link_address(form_token: &str) -> String {
    let mut address = PATH.to_owned();
    push_query(&mut address, "link", &link_token_of(form_token));
    address
}

fn link_token_of(form_token: &str) -> String {
    digest(&format!("link by {form_token}"))
}

/// What the handlers share.
struct Desk {
    guard: Arc<Guard>,
    provider: Option<Provider>,
    logins: Logins,
}

/// What is known of a login that is being ended, however it ends.
#[derive(Default)]
struct Attempt {
    /// Whom the provider says it is, for the audit log.
    who: String,
    next: String,
    /// Whether the browser's login was found: then its cookie has done its work.
    is_found: bool,
}

async fn begin(
    State(desk): State<Arc<Desk>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let site = desk.guard.site.now().seen_by(asker.caller.as_ref());
    let mut response = match desk.begun(&site, &asker, &uri, &headers).await {
        Ok(response) => response,
        Err(failed) => {
            if let Failed::Refused(refusal) = &failed {
                tracing::warn!(why = refusal.why(), "a login by the provider could not begin");
            }
            desk.told(&site, &asker, (&uri, &headers), &value_of_query(&uri, "next"), &failed)
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn end(
    State(desk): State<Arc<Desk>>,
    Extension(asker): Extension<Asker>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let site = desk.guard.site.now().seen_by(asker.caller.as_ref());
    let mut attempt = Attempt::default();
    let mut response = match desk.ended(&site, &asker, (&uri, &headers), &mut attempt).await {
        Ok(response) => response,
        Err(failed) => {
            desk.note(&asker, &attempt, &failed);
            desk.told(&site, &asker, (&uri, &headers), &attempt.next, &failed)
        }
    };
    if let Some(gone) = set_cookie(COOKIES[usize::from(asker.is_secure)], None, 0, asker.is_secure)
        && attempt.is_found
    {
        response.headers_mut().append(header::SET_COOKIE, gone);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Desk {
    fn provider(&self, uri: &Uri) -> Result<&Provider, ServeError> {
        self.provider.as_ref().ok_or_else(|| ServeError::NotFound(uri.path().to_owned()))
    }

    async fn begun(&self, site: &Site, asker: &Asker, uri: &Uri, headers: &HeaderMap) -> Result<Response, Failed> {
        let provider = self.provider(uri)?;
        let (state, secret) = (credentials::new_secret()?, credentials::new_secret()?);
        let begun = Begun {
            cookie: digest(&secret),
            nonce: credentials::new_secret()?,
            verifier: credentials::new_secret()?,
            // Where the provider sends people back to: this server, as the browser knows it.
            redirect: site_address(uri, headers) + CALLBACK,
            next: safe_next(&value_of_query(uri, "next")).to_owned(),
            purpose: purpose(asker, &value_of_query(uri, "link"))?,
            at: now(),
        };
        let address = Box::pin(provider.address(site.lake.market(), &state, &begun)).await?;
        self.logins.put(&state, begun);
        let mut response = Redirect::to(address.as_str()).into_response();
        let cookie = set_cookie(COOKIES[usize::from(asker.is_secure)], Some(&secret), WITHIN_SECS, asker.is_secure);
        response.headers_mut().append(header::SET_COOKIE, cookie.ok_or(ServeError::Panicked)?);
        Ok(response)
    }

    async fn ended(
        &self,
        site: &Site,
        asker: &Asker,
        (uri, headers): (&Uri, &HeaderMap),
        attempt: &mut Attempt,
    ) -> Result<Response, Failed> {
        let provider = self.provider(uri)?;
        let secret = cookie(headers, COOKIES[usize::from(asker.is_secure)]).unwrap_or_default();
        let begun = self.logins.take(&value_of_query(uri, "state"), secret, now()).ok_or(Refusal::Expired)?;
        attempt.is_found = true;
        attempt.next.clone_from(&begun.next);
        let code = code(uri, &provider.config.issuer)?;
        let (subject, claims) = Box::pin(provider.who(site.lake.market(), &begun, code)).await?;
        attempt.who = claims.names().into_iter().next().unwrap_or_default();
        let sent = Sent { config: &provider.config, subject: &subject, claims: &claims };
        if let Purpose::Link(user) = &begun.purpose {
            if session_user(asker) != Some(user.as_str()) {
                return Err(Refusal::Expired.into());
            }
            sent.linked(&site.lake, user)?;
            return Ok(Redirect::to("/account?did=linked").into_response());
        }
        let user = sent.admitted(&site.lake)?;
        let by = format!("by {}, ", provider.config.title());
        let cookie = begin_session(&site.lake, asker, &user.name, &by)?;
        let mut response = Redirect::to(&begun.next).into_response();
        response.headers_mut().append(header::SET_COOKIE, cookie);
        Ok(response)
    }

    /// Tells the audit log of somebody who was refused.
    fn note(&self, asker: &Asker, attempt: &Attempt, failed: &Failed) {
        let (Failed::Refused(refusal), Some(provider)) = (failed, &self.provider) else { return };
        let who = if attempt.who.is_empty() { "unknown" } else { &attempt.who };
        let why = format!("{} {}", provider.config.title(), refusal.why());
        if let Err(error) = self.guard.accounts.refused(who, &why, &asker.place) {
            tracing::error!(%error, "a refused login is not in the audit log");
        }
    }

    /// The page with the form and why it did not work.
    fn told(
        &self,
        site: &Site,
        asker: &Asker,
        (uri, headers): (&Uri, &HeaderMap),
        next: &str,
        failed: &Failed,
    ) -> Response {
        let refusal = match failed {
            Failed::Refused(refusal) => refusal,
            Failed::Serve(error) => return plain_error(site, uri, headers, error),
        };
        let title = self.provider.as_ref().map(|provider| provider.config.title()).unwrap_or_default();
        let problem = say_with(login::language(headers), refusal.phrase(), &title);
        let shown = Shown { name: "", next, problem, status: refusal.status() };
        login::form(site, asker, headers, shown).unwrap_or_else(|error| plain_error(site, uri, headers, &error))
    }
}

fn session_user(asker: &Asker) -> Option<&str> {
    let caller = asker.caller.as_ref().filter(|_| matches!(asker.way, Way::Session(_)));
    caller.map(|caller| caller.name.as_str())
}

/// What a login is begun for: to link it only with the address of somebody's own page.
fn purpose(asker: &Asker, link: &str) -> Result<Purpose, ServeError> {
    if link.is_empty() {
        return Ok(Purpose::LogIn);
    }
    match session_user(asker) {
        Some(user) if is_same(&link_token_of(&asker.form_token), link) => Ok(Purpose::Link(user.to_owned())),
        _ => Err(ServeError::ForeignForm),
    }
}

/// The code that the provider sent somebody back with.
fn code(uri: &Uri, issuer: &str) -> Result<String, Refusal> {
    let by = value_of_query(uri, "iss");
    if !by.is_empty() && by != issuer {
        return Err(Refusal::Untrue("another provider sent them".to_owned()));
    }
    let error = value_of_query(uri, "error");
    if !error.is_empty() {
        let more = value_of_query(uri, "error_description");
        return Err(Refusal::Denied(crate::message::cut(&format!("{error} {more}"), 200)));
    }
    match value_of_query(uri, "code") {
        code if code.is_empty() => Err(Refusal::Untrue("it sent no code".to_owned())),
        code => Ok(code),
    }
}
