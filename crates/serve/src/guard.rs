//! The guard before every page: who asks, whether they may, and whether a form is really theirs.
//!
//! In: a request. Out: the same with an [`Asker`] beside it, and for forms the fields ([`Posted`]); or a refusal. Handlers take
//! both from the request's extensions, and need not ask again.
//!
//! - Somebody is known by a token (`Authorization: Bearer …`), else by the session in their cookie. Whoever runs the server
//!   on this machine may do everything as long as there is no user; a server that says it is public lets anybody look.
//! - A form changes something only if it carries the token that our page put into it, which no other site can read, and comes
//!   from our own pages as far as the browser tells. A program with a token sends no cookie that could be misused.
//! - What is made for somebody is kept by no cache between.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use crowsnest_lake::state::people::{Role, digest};

use crate::access::{Means, Rule, Takes, rule_for};
use crate::accounts::{Accounts, Known, SESSION_COOKIES, Way, is_secure};
use crate::agents;
use crate::api::operations::Kind;
use crate::api::problem::Problem;
use crate::caller::{Caller, is_same};
use crate::credentials;
use crate::page::plain_error;
use crate::request::{Format, cookie, push_query};
use crate::server::ServeOptions;
use crate::site::CurrentSite;
use crate::{Result, ServeError};

/// A form of ours is much smaller.
const FORM_BYTES_MAX: usize = 64 * 1024;
/// An address with its query; the pages' own have some hundred characters, a name to look up ten thousand.
const ADDRESS_BYTES_MAX: usize = 100 * 1024;
/// A session's longest life.
const MONTH_SECS: u32 = 2_592_000;
/// The cookie of somebody who is about to log in, plainly and under TLS, where its name binds it to this host.
const VISIT_COOKIES: [&str; 2] = ["crowsnest_visit", "__Host-crowsnest_visit"];

/// Who asks, beside each request.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub(crate) caller: Option<Caller>,
    pub(crate) way: Way,
    /// What a form of theirs must carry; empty where they can have none.
    pub(crate) form_token: String,
    /// Whether the browser speaks TLS with whoever stands before the server.
    pub(crate) is_secure: bool,
    /// Where they come from, for counting guesses.
    pub(crate) place: String,
}

impl Asker {
    /// Whether they have an account here.
    pub(crate) fn is_user(&self) -> bool {
        matches!(self.way, Way::Session(_) | Way::Token)
    }

    fn is_at_least(&self, role: Role) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.role >= role)
    }

    /// How decisions of theirs came, for the audit log.
    pub(crate) fn via(&self) -> &'static str {
        if self.way == Way::Token { "token" } else { "page" }
    }
}

/// The fields of a form that was sent, and is theirs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Posted(Vec<(String, String)>);

impl Posted {
    /// A field without blanks around it; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.whole(name).trim()
    }

    /// A field as it was sent.
    pub(crate) fn whole(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// All fields of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What the guard knows.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) site: CurrentSite,
    pub(crate) accounts: Arc<Accounts>,
    /// Of this process; empty where the system gives no random numbers: then the owner has no forms.
    secret: String,
}

impl Guard {
    pub(crate) fn new(site: CurrentSite, options: &ServeOptions) -> Self {
        let secret = credentials::new_secret().unwrap_or_else(|error| {
            tracing::error!(%error, "no forms on the pages");
            String::new()
        });
        Self { accounts: Arc::new(Accounts::new(&site.now().lake, options)), site, secret }
    }

    fn who_asks(&self, parts: &Parts) -> Result<Asker> {
        let headers = &parts.headers;
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address);
        let Known { caller, way } = self.accounts.known(headers, peer)?;
        let is_secure = is_secure(headers);
        let secret = match &way {
            Way::Session(secret) => secret.as_str(),
            Way::Owner => self.secret.as_str(),
            Way::Visitor | Way::Nobody => cookie(headers, VISIT_COOKIES[usize::from(is_secure)]).unwrap_or_default(),
            Way::Token => "",
        };
        let form_token = form_token_of(secret);
        Ok(Asker { caller, way, form_token, is_secure, place: place(headers, peer) })
    }

    /// What is said to somebody who may not.
    fn refuse(&self, parts: &Parts, asker: &Asker, needed: Role) -> Response {
        if asker.caller.is_some() {
            return self.error(parts, Some(asker), &ServeError::Forbidden { needed });
        }
        let (path, format) = Format::split(parts.uri.path());
        let is_looking = matches!(parts.method, Method::GET | Method::HEAD);
        let accepts = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        if is_looking && format.is_for_people() && accepts.contains("text/html") {
            let here = parts.uri.path_and_query().map_or(path, |whole| whole.as_str());
            let mut address = "/login".to_owned();
            push_query(&mut address, "next", here);
            return Redirect::to(&address).into_response();
        }
        self.error(parts, None, &ServeError::NotLoggedIn)
    }

    fn error(&self, parts: &Parts, asker: Option<&Asker>, error: &ServeError) -> Response {
        let caller = asker.and_then(|asker| asker.caller.as_ref());
        let mut response = if is_for_programs(parts.uri.path()) {
            Problem::of(error, Kind::Rows).into_response()
        } else {
            plain_error(&self.site.now().seen_by(caller), &parts.uri, &parts.headers, error)
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"crowsnest\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Whether programs ask there, to whom problems are told as the API does.
fn is_for_programs(path: &str) -> bool {
    path == agents::PATH || path.starts_with("/v1/")
}

/// Lets through who may, and tells the handler who it is.
pub(crate) async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if n_bytes(&parts.uri) > ADDRESS_BYTES_MAX {
        return (StatusCode::URI_TOO_LONG, "the address is too long\n").into_response();
    }
    let Some(rule) = rule_for(&parts.method, parts.uri.path()) else {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")], "only GET and HEAD\n").into_response();
    };
    let asker = match guard.who_asks(&parts) {
        Ok(asker) => asker,
        Err(error) => return guard.error(&parts, None, &error),
    };
    if let Takes::Role(role) = rule.takes
        && !asker.is_at_least(role)
    {
        return guard.refuse(&parts, &asker, role);
    }
    let body = match read_form(rule, &asker, &parts, body).await {
        Ok((posted, body)) => {
            parts.extensions.insert(posted);
            body
        }
        Err(error) => return guard.error(&parts, Some(&asker), &error),
    };
    let is_for_all = rule.takes == Takes::Nothing && rule.means == Means::Look;
    let is_secure = asker.is_secure;
    parts.extensions.insert(asker);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if !is_for_all {
        keep_out_of_caches(response.headers_mut());
    }
    if is_secure {
        let for_a_year = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, for_a_year);
    }
    response
}

/// The fields of a form that changes something, if it is theirs; every other body stays as it is.
async fn read_form(rule: Rule, asker: &Asker, parts: &Parts, body: Body) -> Result<(Posted, Body)> {
    if matches!(rule.means, Means::Look | Means::Ask | Means::AskAnyhow) {
        return Ok((Posted::default(), body));
    }
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if rule.means == Means::Tell {
        if asker.way != Way::Token && !is_from_us(&parts.headers) {
            return Err(ServeError::ForeignForm);
        }
        let is_json = is_json(media_type);
        return if is_json { Ok((Posted::default(), body)) } else { Err(ServeError::NotJson) };
    }
    if !media_type.starts_with("application/x-www-form-urlencoded") {
        return Err(ServeError::NotAForm);
    }
    let bytes =
        to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| ServeError::TooLarge { n_bytes_max: FORM_BYTES_MAX })?;
    let posted = Posted(url::form_urlencoded::parse(&bytes).into_owned().collect());
    if asker.way != Way::Token && !is_own_form(asker, &parts.headers, &posted) {
        return Err(ServeError::ForeignForm);
    }
    Ok((posted, Body::empty()))
}

fn is_json(media_type: &str) -> bool {
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn is_own_form(asker: &Asker, headers: &HeaderMap, posted: &Posted) -> bool {
    is_from_us(headers) && !asker.form_token.is_empty() && is_same(posted.whole("form"), &asker.form_token)
}

/// Whether nothing that the browser says speaks against its coming from our own pages.
fn is_from_us(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    let host = text("host").unwrap_or_default();
    let is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(host));
    text("origin").is_none_or(is_ours)
}

/// What the forms of whoever has that secret carry.
pub(crate) fn form_token_of(secret: &str) -> String {
    if secret.is_empty() { String::new() } else { digest(&format!("form of {secret}")) }
}

fn keep_out_of_caches(headers: &mut HeaderMap) {
    let kept = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or("no-cache");
    if kept.contains("private") || kept.contains("no-store") {
        return;
    }
    let private = format!("private, {}", kept.replace("public, ", ""));
    if let Ok(value) = HeaderValue::from_str(&private) {
        headers.insert(header::CACHE_CONTROL, value);
    }
}

fn n_bytes(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |whole| whole.as_str().len())
}

/// Where a request comes from: the other end, or, where that is a proxy on this machine, what it says last.
fn place(headers: &HeaderMap, peer: Option<SocketAddr>) -> String {
    let forwarded = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|value| value.rsplit(',').next()).map(str::trim);
    match (peer, last) {
        (Some(peer), Some(last)) if peer.ip().is_loopback() => last.chars().take(64).collect(),
        (Some(peer), _) => peer.ip().to_string(),
        (None, _) => "unknown".to_owned(),
    }
}

/// A cookie of the session, to be set; or, without a secret, to be taken away.
pub(crate) fn session_cookie(secret: Option<&str>, is_secure: bool) -> Option<HeaderValue> {
    set_cookie(SESSION_COOKIES[usize::from(is_secure)], secret, MONTH_SECS, is_secure)
}

/// A cookie of somebody who is about to log in.
pub(crate) fn visit_cookie(secret: &str, is_secure: bool) -> Option<HeaderValue> {
    set_cookie(VISIT_COOKIES[usize::from(is_secure)], Some(secret), MONTH_SECS, is_secure)
}

/// A cookie that the server alone reads, for some seconds; or, without a secret, taken away.
pub(crate) fn set_cookie(name: &str, secret: Option<&str>, secs: u32, is_secure: bool) -> Option<HeaderValue> {
    let secure = if is_secure { "; Secure" } else { "" };
    let (value, secs) = secret.map_or(("", 0), |secret| (secret, secs));
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Max-Age={secs}; HttpOnly; SameSite=Lax{secure}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_for_the_server_alone() {
        let plain = session_cookie(Some("abc"), false).unwrap();
        assert_eq!(plain, "crowsnest_session=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
        let secure = session_cookie(None, true).unwrap();
        assert_eq!(secure, "__Host-crowsnest_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
    }

    #[test]
    fn a_proxy_of_this_machine_says_where_a_request_comes_from_and_nobody_else() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("1.2.3.4, 5.6.7.8"));
        let here: SocketAddr = "127.0.0.1:5".parse().unwrap();
        let there: SocketAddr = "9.9.9.9:5".parse().unwrap();
        assert_eq!(place(&headers, Some(here)), "5.6.7.8");
        assert_eq!(place(&headers, Some(there)), "9.9.9.9");
        assert_eq!(place(&HeaderMap::new(), Some(here)), "127.0.0.1");
    }

    #[test]
    fn texts_are_compared_whole() {
        assert!(is_same("abc", "abc") && !is_same("abc", "abd") && !is_same("abc", "ab") && !is_same("", "a"));
        assert!(form_token_of("").is_empty() && form_token_of("a") != form_token_of("b"));
    }

    #[test]
    fn what_was_public_becomes_private() {
        let mut headers = HeaderMap::new();
        keep_out_of_caches(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "private, no-cache");
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=5"));
        keep_out_of_caches(&mut headers);
        assert_eq!(headers[header::CACHE_CONTROL], "private, max-age=5");
    }
}
