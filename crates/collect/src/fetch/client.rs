//! One request with all its rules: turns, redirects, limits, retries.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crowsnest_lake::state::collecting::Validator;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, StatusCode};
use url::Url;

use super::addresses::PublicOnly;
use super::masking::Secrets;
use super::pace::Pace;
use super::robots::{self, Robots};
use super::tokens::Tokens;
use super::unpack::{self, UnpackError};
use crate::clock::Clock;
use crate::connector::{HttpRequest, OAuth2};

const REDIRECTS_MAX: usize = 10;
/// What is waited within a run; longer waits end the run, and the source goes on later.
const WAIT_MAX: Duration = Duration::from_secs(120);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
const TOKEN_BYTES_MAX: u64 = 1 << 20;

/// What one source may take.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) allows_private: bool,
    pub(crate) timeout: Duration,
    pub(crate) n_bytes_max: u64,
    pub(crate) retry_max: u32,
    /// Between two requests to one host.
    pub(crate) interval: Duration,
    pub(crate) obeys_robots: bool,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) links: BTreeMap<String, String>,
    pub(crate) validator: Validator,
    /// Where it came from in the end, without secrets.
    pub(crate) url: String,
    /// Whether the server says that nothing changed; then there is no body.
    pub(crate) is_unchanged: bool,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct FetchError {
    pub(crate) message: String,
    /// Whether it may be otherwise later.
    pub(crate) is_temporary: bool,
    /// How long the server asks to be left alone.
    pub(crate) wait: Option<Duration>,
}

impl FetchError {
    pub(crate) fn lasting(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_temporary: false, wait: None }
    }

    fn temporary(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_temporary: true, wait: None }
    }
}

type Fetched<T> = Result<T, FetchError>;

/// Fetches; one for all sources of a process, so that hosts are left in peace.
#[derive(Debug)]
pub(crate) struct Fetcher {
    clock: Clock,
    clients: Mutex<HashMap<bool, Client>>,
    pace: Pace,
    robots: Robots,
    tokens: Tokens,
}

/// One request on its way through redirects.
struct Hop<'a> {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Option<String>,
    secrets: &'a Secrets,
    limits: &'a Limits,
    also_accepts: &'a [u16],
}

enum Step {
    Done(Box<Answer>),
    To(Url, StatusCode),
}

impl Fetcher {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            clients: Mutex::default(),
            pace: Pace::new(clock),
            robots: Robots::default(),
            tokens: Tokens::default(),
        }
    }

    /// Asks, again where that may help, and counts what was answered in `n_calls`.
    pub(crate) async fn fetch(
        &self,
        request: &HttpRequest,
        validator: Option<&Validator>,
        secrets: &Secrets,
        limits: &Limits,
        n_calls: &mut u64,
    ) -> Fetched<Answer> {
        let mut attempt = 0;
        loop {
            let found = self.once(request, validator, secrets, limits, n_calls).await;
            let mut error = match found {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            error.message = secrets.mask(&error.message);
            let wait = error.wait.unwrap_or_else(|| self.wait_before(attempt, &request.url));
            if !error.is_temporary || attempt >= limits.retry_max || wait > WAIT_MAX {
                return Err(error);
            }
            attempt += 1;
            tracing::debug!(error = %error.message, attempt, "asking again");
            self.clock.sleep(wait).await;
        }
    }

    /// Twice as long each time, and not all at once (full jitter between a half and all of it).
    fn wait_before(&self, attempt: u32, url: &str) -> Duration {
        let wait = FIRST_WAIT.saturating_mul(1 << attempt.min(6)).min(WAIT_MAX);
        let seed = xxhash_rust::xxh3::xxh3_64_with_seed(url.as_bytes(), self.clock.now_micros().cast_unsigned());
        let share = (seed >> 11) as f64 / (1_u64 << 53) as f64;
        wait.mul_f64(0.5 + share / 2.0)
    }

    async fn once(
        &self,
        request: &HttpRequest,
        validator: Option<&Validator>,
        secrets: &Secrets,
        limits: &Limits,
        n_calls: &mut u64,
    ) -> Fetched<Answer> {
        let url = Url::parse(&secrets.fill(&request.url))
            .map_err(|error| FetchError::lasting(format!("{} is not an address: {error}", request.url)))?;
        let mut headers = headers_of(request, secrets)?;
        if let Some(validator) = validator {
            add_validator(&mut headers, validator);
        }
        let token_key = match &request.oauth2 {
            Some(oauth2) => Some(self.authorise(&mut headers, oauth2, secrets, limits).await?),
            None => None,
        };
        let body = request.body.as_deref().map(|body| secrets.fill(body));
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let also_accepts = request.also_accepts.as_slice();
        let mut hop = Hop { url, method, headers, body, secrets, limits, also_accepts };
        for _ in 0..=REDIRECTS_MAX {
            match self.hop(&hop, n_calls).await {
                Ok(Step::Done(answer)) => return Ok(*answer),
                Ok(Step::To(url, status)) => hop = hop.redirected(url, status)?,
                Err(error) => {
                    if let Some(key) = token_key.as_deref().filter(|_| error.message.contains("401")) {
                        self.tokens.forget(key);
                        return Err(FetchError { is_temporary: true, ..error });
                    }
                    return Err(error);
                }
            }
        }
        Err(FetchError::lasting(format!("{} redirects more than {REDIRECTS_MAX} times", request.url)))
    }

    async fn hop(&self, hop: &Hop<'_>, n_calls: &mut u64) -> Fetched<Step> {
        let shown = shown(&hop.url, hop.secrets);
        if !matches!(hop.url.scheme(), "http" | "https") {
            return Err(FetchError::lasting(format!("{shown} is neither http nor https")));
        }
        let rule = PublicOnly { allows_private: hop.limits.allows_private };
        rule.check(&hop.url).map_err(|message| refused(&shown, &message))?;
        let mut interval = hop.limits.interval;
        if hop.limits.obeys_robots {
            let word = self.robots_word(hop).await?;
            if !word.is_allowed {
                let message = format!("robots.txt of {} asks crawlers to leave {shown} alone", host_of(&hop.url));
                return Err(FetchError::lasting(message));
            }
            interval = interval.max(word.delay.unwrap_or_default());
        }
        let turn = self.pace.turn(&host_of(&hop.url), interval).await;
        let mut sending = self.client(hop.limits.allows_private)?.request(hop.method.clone(), hop.url.clone());
        sending = sending.headers(hop.headers.clone()).timeout(hop.limits.timeout);
        if let Some(body) = &hop.body {
            sending = sending.body(body.clone());
        }
        let response = sending.send().await.map_err(|error| failed(&shown, &error))?;
        *n_calls += 1;
        let step = self.read(hop, response, &shown).await;
        drop(turn);
        step
    }

    async fn read(&self, hop: &Hop<'_>, response: reqwest::Response, shown: &str) -> Fetched<Step> {
        let status = response.status();
        let headers = response.headers().clone();
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            let to = text(header::LOCATION);
            let url = hop.url.join(to).map_err(|_| FetchError::lasting(format!("{shown} redirects to {to:?}")))?;
            return Ok(Step::To(url, status));
        }
        let mut answer = Answer {
            status: status.as_u16(),
            media_type: text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
            links: links_in(text(header::LINK)),
            validator: Validator {
                etag: text(header::ETAG).to_owned(),
                last_modified: text(header::LAST_MODIFIED).to_owned(),
            },
            url: shown.to_owned(),
            is_unchanged: status == StatusCode::NOT_MODIFIED,
            body: Vec::new(),
        };
        if answer.is_unchanged {
            return Ok(Step::Done(Box::new(answer)));
        }
        if status != StatusCode::OK && !hop.also_accepts.contains(&status.as_u16()) {
            let wait = self.retry_after(text(header::RETRY_AFTER));
            if let Some(wait) = wait {
                self.pace.rest(&host_of(&hop.url), wait.min(WAIT_MAX));
            }
            return Err(FetchError {
                message: format!("{shown} answers {status}"),
                is_temporary: is_temporary(status),
                wait,
            });
        }
        let packed = body_of(response, hop.limits.n_bytes_max, shown).await?;
        let codings = text(header::CONTENT_ENCODING).to_owned();
        let n_bytes_max = hop.limits.n_bytes_max;
        answer.body = if codings.is_empty() {
            packed
        } else {
            let unpacking = tokio::task::spawn_blocking(move || unpack::unpack(packed, &codings, n_bytes_max));
            let unpacked = unpacking.await.map_err(|error| FetchError::lasting(format!("{shown}: {error}")))?;
            unpacked.map_err(|error| unpack_failed(shown, error, n_bytes_max))?
        };
        Ok(Step::Done(Box::new(answer)))
    }

    async fn robots_word(&self, hop: &Hop<'_>) -> Fetched<robots::Word> {
        let host = hop.url.origin().ascii_serialization();
        let now = self.clock.now_micros();
        let text = match self.robots.get(&host, now) {
            Some(text) => text,
            None => {
                let text = self.robots_text(hop, &host).await?;
                self.robots.keep(&host, text.clone(), now);
                text
            }
        };
        Ok(robots::word(text.as_deref(), hop.url.as_str()))
    }

    /// The file; none where the host has none. A host that cannot tell is left alone (RFC 9309, section 2.3.1.4).
    async fn robots_text(&self, hop: &Hop<'_>, host: &str) -> Fetched<Option<String>> {
        let limits = Limits { obeys_robots: false, n_bytes_max: robots::BYTES_MAX, ..hop.limits.clone() };
        let request = HttpRequest {
            url: format!("{host}/robots.txt"),
            also_accepts: (400..500).filter(|status| *status != 429).collect(),
            ..HttpRequest::default()
        };
        let mut n_calls = 0;
        let none = Secrets::default();
        match Box::pin(self.once(&request, None, &none, &limits, &mut n_calls)).await {
            Ok(answer) if answer.status == 200 => Ok(Some(String::from_utf8_lossy(&answer.body).into_owned())),
            Ok(_) => Ok(None),
            Err(error) => Err(FetchError { message: format!("robots.txt: {}", error.message), ..error }),
        }
    }

    /// Adds the token to the headers; gives the name it is kept under.
    async fn authorise(
        &self,
        headers: &mut HeaderMap,
        oauth2: &OAuth2,
        secrets: &Secrets,
        limits: &Limits,
    ) -> Fetched<String> {
        let key = format!("{} {} {}", oauth2.token_url, oauth2.client_id, oauth2.scope);
        let token = match self.tokens.get(&key, self.clock.now_micros()) {
            Some(token) => token,
            None => self.token(&key, oauth2, secrets, limits).await?,
        };
        let value = format!("Bearer {token}");
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| FetchError::lasting("the token that was given is not one that can be sent"))?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
        Ok(key)
    }

    async fn token(&self, key: &str, oauth2: &OAuth2, secrets: &Secrets, limits: &Limits) -> Fetched<String> {
        let pair = format!("{{basic:{}:{}}}", secrets.fill(&oauth2.client_id), secrets.fill(&oauth2.client_secret));
        let form = {
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            form.append_pair("grant_type", "client_credentials");
            if !oauth2.scope.is_empty() {
                form.append_pair("scope", &oauth2.scope);
            }
            form.finish()
        };
        let request = HttpRequest {
            url: oauth2.token_url.clone(),
            body: Some(form),
            headers: vec![
                ("authorization".into(), pair),
                ("content-type".into(), "application/x-www-form-urlencoded".into()),
            ],
            ..HttpRequest::default()
        };
        let limits = Limits { n_bytes_max: TOKEN_BYTES_MAX, obeys_robots: false, ..limits.clone() };
        let mut n_calls = 0;
        let answer = Box::pin(self.once(&request, None, secrets, &limits, &mut n_calls))
            .await
            .map_err(|error| FetchError { message: format!("getting a token: {}", error.message), ..error })?;
        let token = self.tokens.keep(key, &answer.body, self.clock.now_micros());
        token.ok_or_else(|| FetchError::lasting(format!("{} gives no access_token", oauth2.token_url)))
    }

    fn client(&self, allows_private: bool) -> Fetched<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&allows_private) {
            return Ok(client.clone());
        }
        let client = Client::builder()
            .user_agent(concat!("crowsnest/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(PublicOnly::shared(allows_private))
            .connect_timeout(CONNECT_TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| FetchError::lasting(error.to_string()))?;
        clients.insert(allows_private, client.clone());
        Ok(client)
    }

    /// `Retry-After` (RFC 9110, section 10.2.3): seconds or a date.
    fn retry_after(&self, text: &str) -> Option<Duration> {
        if let Ok(seconds) = text.trim().parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let at = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
        let micros = at.as_microsecond() - self.clock.now_micros();
        Some(Duration::from_micros(u64::try_from(micros).unwrap_or_default()))
    }
}

impl<'a> Hop<'a> {
    fn redirected(self, url: Url, status: StatusCode) -> Fetched<Hop<'a>> {
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Err(FetchError::lasting(format!(
                "{} redirects from https to http",
                shown(&self.url, self.secrets)
            )));
        }
        let keeps_method = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let is_same_host = self.url.origin() == url.origin();
        let (method, body) = match keeps_method && is_same_host {
            true => (self.method, self.body),
            false => (Method::GET, None),
        };
        // What shows who one is was meant for the first host only.
        let headers = if is_same_host { self.headers } else { HeaderMap::new() };
        Ok(Hop { url, method, headers, body, ..self })
    }
}

fn headers_of(request: &HttpRequest, secrets: &Secrets) -> Fetched<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(unpack::ACCEPTED));
    for (name, value) in &request.headers {
        let wrong = || FetchError::lasting(format!("header {name:?} cannot be sent"));
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut filled = HeaderValue::from_str(&secrets.fill(value)).map_err(|_| wrong())?;
        filled.set_sensitive(true);
        headers.insert(parsed, filled);
    }
    Ok(headers)
}

fn add_validator(headers: &mut HeaderMap, validator: &Validator) {
    let pairs = [(header::IF_NONE_MATCH, &validator.etag), (header::IF_MODIFIED_SINCE, &validator.last_modified)];
    for (name, text) in pairs {
        if let Some(value) = HeaderValue::from_str(text).ok().filter(|value| !value.is_empty()) {
            headers.insert(name, value);
        }
    }
}

async fn body_of(mut response: reqwest::Response, n_bytes_max: u64, shown: &str) -> Fetched<Vec<u8>> {
    let too_large = || FetchError::lasting(too_large(shown, n_bytes_max));
    let told = response.content_length();
    if told.is_some_and(|n_bytes| n_bytes > n_bytes_max) {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(usize::try_from(told.unwrap_or(0).min(1 << 20)).unwrap_or_default());
    while let Some(piece) = response.chunk().await.map_err(|error| failed(shown, &error))? {
        if body.len() as u64 + piece.len() as u64 > n_bytes_max {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn too_large(shown: &str, n_bytes_max: u64) -> String {
    format!("{shown} is larger than response_mib_max allows ({} MiB)", n_bytes_max >> 20)
}

fn unpack_failed(shown: &str, error: UnpackError, n_bytes_max: u64) -> FetchError {
    match error {
        UnpackError::TooLarge => FetchError::lasting(too_large(shown, n_bytes_max)),
        UnpackError::Damaged(message) => FetchError::temporary(format!("{shown} is damaged: {message}")),
        UnpackError::Unknown(coding) => FetchError::lasting(format!("{shown} is packed as {coding}")),
    }
}

/// A request that got no answer, with the innermost cause, and without its address, which may hold secrets.
fn failed(shown: &str, error: &reqwest::Error) -> FetchError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
        if cause.is::<super::addresses::NotPublic>() {
            return refused(shown, &cause.to_string());
        }
    }
    let what = match error {
        error if error.is_timeout() => "takes longer than timeout_seconds allows".to_owned(),
        error if error.is_connect() => format!("cannot be reached: {cause}"),
        _ => format!("breaks off: {cause}"),
    };
    FetchError::temporary(format!("{shown} {what}"))
}

fn refused(shown: &str, message: &str) -> FetchError {
    let hint = "if it is meant, set allow_private_addresses = true in the source's [collect]";
    FetchError::lasting(format!("{shown} is not asked: {message}; {hint}"))
}

fn is_temporary(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS)
}

fn host_of(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// An address for people: without secrets, user and password.
fn shown(url: &Url, secrets: &Secrets) -> String {
    let mut url = url.clone();
    let _ = url.set_password(None);
    let _ = url.set_username("");
    secrets.mask(url.as_str())
}

/// `Link` (RFC 8288): addresses by relation.
fn links_in(text: &str) -> BTreeMap<String, String> {
    let mut links = BTreeMap::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((address, parameters)) = after.split_once('>') else { break };
        let end = parameters.find('<').unwrap_or(parameters.len());
        for parameter in parameters[..end].split(';') {
            if let Some(relation) = parameter.trim().trim_end_matches(',').trim().strip_prefix("rel=") {
                for word in relation.trim_matches('"').split_whitespace() {
                    links.entry(word.to_owned()).or_insert_with(|| address.to_owned());
                }
            }
        }
        rest = &parameters[end..];
    }
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_by_relation() {
        let text = "<https://a.org/?page=2>; rel=\"next\", <https://a.org/?page=9,1>; rel=\"last\"";
        let links = links_in(text);
        assert_eq!(links["next"], "https://a.org/?page=2");
        assert_eq!(links["last"], "https://a.org/?page=9,1");
        assert!(links_in("nonsense").is_empty());
    }

    #[test]
    fn waits_are_read_in_both_writings() {
        let fetcher = Fetcher::new(Clock::parse("2026-01-01T00:00:00Z@2026-01-01T00:00:00Z*1").unwrap());
        assert_eq!(fetcher.retry_after("7"), Some(Duration::from_secs(7)));
        assert!(fetcher.retry_after("Sat, 21 Oct 2045 07:28:00 GMT").unwrap() > Duration::from_secs(1000));
        assert_eq!(fetcher.retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(fetcher.retry_after(""), None);
    }

    #[test]
    fn a_redirect_to_another_host_loses_what_shows_who_one_is() {
        let limits = Limits {
            allows_private: false,
            timeout: CONNECT_TIMEOUT,
            n_bytes_max: 1,
            retry_max: 0,
            interval: Duration::ZERO,
            obeys_robots: false,
        };
        let secrets = Secrets::default();
        let hop = |url: &str| Hop {
            url: url.parse().unwrap(),
            method: Method::POST,
            headers: HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static("x"))]),
            body: Some("b".into()),
            secrets: &secrets,
            limits: &limits,
            also_accepts: &[],
        };
        let to = |url: &str| url.parse::<Url>().unwrap();
        let status = StatusCode::TEMPORARY_REDIRECT;
        let same = hop("https://a.org/1").redirected(to("https://a.org/2"), status).unwrap();
        assert!(same.headers.len() == 1 && same.body.is_some() && same.method == Method::POST);
        let other = hop("https://a.org/1").redirected(to("https://b.org/2"), status).unwrap();
        assert!(other.headers.is_empty() && other.body.is_none() && other.method == Method::GET);
        assert!(hop("https://a.org/1").redirected(to("http://a.org/2"), status).is_err());
        let see_other = hop("https://a.org/1").redirected(to("https://a.org/2"), StatusCode::SEE_OTHER).unwrap();
        assert!(see_other.method == Method::GET && see_other.body.is_none());
    }
}
