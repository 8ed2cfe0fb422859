//! The HTTP API, `/v1`: the questions of the pages, for programs.
//!
//! In: a request for one of [`operations::OPERATIONS`], by address (or by POST, for SQL). Out: JSON, CSV, Arrow or Parquet,
//! in parts, with an ETag; errors as problems with their remedy; and at `/v1/openapi.json` the description of all that.
//!
//! Invariants:
//! - One list of questions makes routes, checks, description and agents' tools: none can say something else than another.
//! - What a question takes is checked against its description before anything is asked; what is not described is refused.
//! - Nothing changes anything. Whose rows may not be passed on is decided by who asks ([`crate::caller`]).
//!
//! To add a question: a line in `operations.rs`, and how it is asked in `questions.rs`. The two addresses that steer traffic are
//! answered in [`crate::allocate`], and described here (`steering.rs`).

pub(crate) mod asked;
pub(crate) mod description;
pub(crate) mod form;
pub(crate) mod operations;
mod pace;
pub(crate) mod parameters;
pub(crate) mod problem;
mod questions;
mod steering;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::Value;

use self::asked::{Asked, Part};
use self::form::Form;
use self::operations::{Kind, Operation};
use self::pace::Pace;
use self::parameters::Values;
use self::problem::Problem;
use crate::cache::{self, Cache};
use crate::caller::Callers;
use crate::request::push_query;
use crate::site::{CurrentSite, Seen, Site};

/// Where the description is.
const DESCRIPTION: &str = "openapi.json";
/// A posted question is no larger.
const N_BYTES_MAX: usize = 128 << 10;

/// What the API keeps between requests.
pub(crate) struct Api {
    pub(crate) callers: Arc<dyn Callers>,
    pace: Pace,
    replies: Cache<Result<Reply, Problem>>,
}

impl Api {
    pub(crate) fn new(callers: Arc<dyn Callers>) -> Self {
        Self { callers, pace: Pace::new(), replies: Cache::new() }
    }

    /// Who sent a request, which is counted.
    ///
    /// # Errors
    /// A problem for one who is not known, or asks too fast.
    pub(crate) async fn caller(
        &self,
        headers: &HeaderMap,
        from: Option<IpAddr>,
    ) -> Result<crate::caller::Caller, Refused> {
        let caller = self.callers.of_headers(headers).await.map_err(|error| Problem::of(&error, Kind::Rows))?;
        self.pace.count(&caller, from).map_err(|wait| {
            let seconds = wait.as_secs() + 1;
            let problem = Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many questions at once",
                format!("ask again in {seconds} s, and then not so fast"),
            );
            Refused { problem, headers: vec![(header::RETRY_AFTER, seconds.to_string())] }
        })?;
        Ok(caller)
    }
}

/// A problem, with headers that go with it.
pub(crate) struct Refused {
    problem: Problem,
    headers: Vec<(HeaderName, String)>,
}

impl Refused {
    /// In one sentence, for agents.
    pub(crate) fn in_words(&self) -> String {
        self.problem.in_words()
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, headers: Vec::new() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Adds the API's addresses.
pub(crate) fn add(router: Router<CurrentSite>, api: Arc<Api>) -> Router<CurrentSite> {
    let handler = any(move |Seen(site): Seen, request: Request| {
        let api = Arc::clone(&api);
        async move {
            match Box::pin(answer(&api, site, request)).await {
                Ok(response) => response,
                Err(refused) => refused.into_response(),
            }
        }
    });
    router.route("/v1", handler.clone()).route("/v1/{*name}", handler)
}

async fn answer(api: &Api, site: Site, request: Request) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
    let caller = api.caller(&parts.headers, from).await?;
    let path = parts.uri.path().strip_prefix("/v1").unwrap_or_default().trim_start_matches('/');
    if path == DESCRIPTION {
        check_method(&parts.method, false)?;
        return Ok(describe(&site));
    }
    let (name, ending) = Form::split(path);
    let Some(operation) = operations::called(name) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, format!("nothing is at /v1/{path}"), OVERVIEW).into());
    };
    check_method(&parts.method, operation.kind == Kind::Sql)?;
    let Some(form) = ending.or_else(|| Form::accepted(&parts.headers)) else {
        let forms: Vec<&str> = Form::ALL.iter().map(|(.., media_type)| *media_type).collect();
        let remedy = format!("accept one of {}", forms.join(", "));
        return Err(
            Problem::new(StatusCode::NOT_ACCEPTABLE, "the answer comes in none of the forms accepted", remedy).into()
        );
    };
    let query = parts.uri.query().unwrap_or_default();
    let market = site.lake.market();
    let refused = |error: crate::ServeError| Refused::from(Problem::of(&error, operation.kind));
    let values = if parts.method == Method::POST {
        posted(operation, &parts.headers, query, body, &site).await?
    } else {
        Values::of_query(query, operation.parameters, market).map_err(refused)?
    };
    let asked = Box::pin(Asked::new(operation, site, caller, values)).await.map_err(refused)?;
    let reply = Box::pin(replied(api, asked, form, &parts.headers)).await?;
    Ok(reply.into_response())
}

const OVERVIEW: &str = "see what there is in /v1/openapi.json";

fn check_method(method: &Method, is_posted: bool) -> Result<(), Refused> {
    let is_allowed = matches!(*method, Method::GET | Method::HEAD) || (is_posted && *method == Method::POST);
    if is_allowed {
        return Ok(());
    }
    let allowed = if is_posted { "GET, HEAD, POST" } else { "GET, HEAD" };
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for this address"), OVERVIEW);
    Err(Refused { problem, headers: vec![(header::ALLOW, allowed.to_owned())] })
}

/// The values of a posted JSON object. Only JSON: a page elsewhere cannot make a browser send it unasked.
async fn posted(
    operation: &Operation,
    headers: &HeaderMap,
    query: &str,
    body: axum::body::Body,
    site: &Site,
) -> Result<Values, Refused> {
    let wrong = |detail: &str, remedy: &str| Refused::from(Problem::new(StatusCode::BAD_REQUEST, detail, remedy));
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        let remedy = "send the question as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the question is not JSON", remedy).into());
    }
    if !query.is_empty() {
        return Err(wrong("a posted question has its parameters in its body", "leave the address without a query"));
    }
    let bytes = axum::body::to_bytes(body, N_BYTES_MAX).await.map_err(|_| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the question is larger than 128 KiB", "send a shorter one")
    })?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Values::of_json(&object, operation.parameters, site.lake.market(), false)
            .map_err(|error| Problem::of(&error, operation.kind).into()),
        _ => Err(wrong("the body is no JSON object", "send for example {\"query\": \"SELECT 1\"}")),
    }
}

/// A reply, made: what is sent and what is kept for the next who asks the same.
#[derive(Debug, Clone)]
struct Reply {
    headers: HeaderMap,
    body: Bytes,
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        (self.headers, self.body).into_response()
    }
}

/// The reply, made once for all who ask the same at the same time, unless it is of the moment.
async fn replied(api: &Api, asked: Asked, form: Form, headers: &HeaderMap) -> Result<Response, Refused> {
    let kind = asked.operation.kind;
    if kind == Kind::OwnOfNow {
        return Ok(Box::pin(made(&asked, form, None)).await?.into_response());
    }
    let tag = tag_of(&asked, form);
    let is_known =
        |known: &str| known.trim() == "*" || known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag);
    if headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(is_known) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let generation = cache::generation(&asked.site.lake);
    let key = tag.clone();
    let making = async move {
        let reply = made(&asked, form, Some(&tag)).await;
        let n_bytes = reply.as_ref().ok().map(|reply| reply.body.len());
        Ok(cache::Made { value: reply, n_bytes })
    };
    let reply = api.replies.get_or_make(generation, key, Box::pin(making)).await;
    Ok(reply.map_err(|error| Problem::of(&error, kind))??.into_response())
}

/// Asks, and writes the answer; without a tag, nobody can ask whether it changed.
async fn made(asked: &Asked, form: Form, tag: Option<&str>) -> Result<Reply, Problem> {
    let part = Box::pin(asked.part()).await.map_err(|error| Problem::of(&error, asked.operation.kind))?;
    let body = form.write(&part, asked.values.get("as_of")).map_err(|error| {
        let remedy = "ask for application/json or application/vnd.apache.parquet";
        Problem::new(StatusCode::NOT_ACCEPTABLE, format!("these rows cannot be written so: {error}"), remedy)
    })?;
    Ok(Reply { headers: headers_of(asked, &part, form, tag), body: body.into() })
}

/// A tag that changes whenever the answer may have; periods in words (`last month`) change with the day.
fn tag_of(asked: &Asked, form: Form) -> String {
    let mut hasher = DefaultHasher::new();
    let today = jiff::Timestamp::now().as_second() / 86_400;
    (asked.fingerprint(), form, today).hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

fn headers_of(asked: &Asked, part: &Part, form: Form, tag: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding, authorization"));
    let mut insert = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if let Some(tag) = tag {
        insert(header::ETAG, tag);
    }
    if part.has_left_out {
        insert(HeaderName::from_static("crowsnest-left-out"), "sources that may not be passed on");
    }
    if let Some(next) = &part.next {
        let mut address = format!("/v1/{}", asked.operation.name);
        for (name, value) in asked.values.question() {
            push_query(&mut address, name, value);
        }
        for name in ["limit", "cursor"] {
            let value = if name == "cursor" { Some(next.as_str()) } else { asked.values.get(name) };
            if let Some(value) = value {
                push_query(&mut address, name, value);
            }
        }
        insert(header::LINK, &format!("<{address}>; rel=\"next\""));
    }
    headers
}

fn describe(site: &Site) -> Response {
    match description::description(site.lake.market()).to_json() {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => Problem::of(&crate::ServeError::Json(error), Kind::Rows).into_response(),
    }
}
