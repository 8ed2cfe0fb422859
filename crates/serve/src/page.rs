//! The one mechanism behind every page: a question that has an [`Answer`], shown as HTML, JSON, CSV or Parquet.
//!
//! A page says how its answer is got ([`Page::answer`]) and how it looks ([`Page::html`]); the data formats need
//! nothing more. Errors become a page (or a JSON object) with what happened and what to do. No page may take longer
//! than [`TIME_LIMIT`], and a panic in one is an error page, not the end of the server.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use askama::Template;
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use crowsnest_lake::{Answer, encode};
use futures::FutureExt as _;

use crate::ServeError;
use crate::frame::Frame;
use crate::request::{Format, PageRequest};

/// How long a page may take.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A page: one question and how its answer looks.
#[async_trait]
pub(crate) trait Page: Send + Sync {
    /// The answer that the data formats carry.
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError>;

    /// The page itself. It may ask more than [`Page::answer`] does; what it asks, it asks at once.
    async fn html(&self, request: &PageRequest) -> Result<String, ServeError>;
}

/// Answers a request for a page in the format its address names.
pub(crate) async fn respond(page: &dyn Page, request: PageRequest) -> Response {
    let work = AssertUnwindSafe(produce(page, &request)).catch_unwind();
    let result = match tokio::time::timeout(TIME_LIMIT, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(ServeError::Panicked),
        Err(_) => Err(ServeError::TimedOut { seconds: TIME_LIMIT.as_secs() }),
    };
    result.unwrap_or_else(|error| error_page(&error, &request))
}

async fn produce(page: &dyn Page, request: &PageRequest) -> Result<Response, ServeError> {
    if request.format == Format::Html {
        let html = page.html(request).await?;
        let mut response = html_response(StatusCode::OK, html);
        remember_choices(request, &mut response);
        return Ok(response);
    }
    let answer = page.answer(request).await?;
    let (media_type, body) = match request.format {
        Format::Csv => ("text/csv; charset=utf-8", Body::from(encode::to_csv(&answer.rows)?)),
        Format::Parquet => ("application/vnd.apache.parquet", Body::from(encode::to_parquet(&answer.rows)?)),
        Format::Json | Format::Html => ("application/json; charset=utf-8", Body::from(encode::to_json(&answer)?)),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if request.shared.is_shared && !request.shared.kept_back.is_empty() {
        headers.insert("crowsnest-left-out", HeaderValue::from_static("sources that may not be passed on"));
    }
    Ok(response)
}

/// The page for an error, or for data formats the same as JSON.
pub(crate) fn error_page(error: &ServeError, request: &PageRequest) -> Response {
    let status = error.status();
    if status.is_server_error() {
        tracing::error!(%error, path = request.path, "page failed");
    }
    let message = if status == StatusCode::INTERNAL_SERVER_ERROR {
        crate::words::say(request.language, "error.500").to_owned()
    } else {
        error.to_string()
    };
    if request.format != Format::Html {
        let body = serde_json::json!({ "error": message, "hint": error.hint() }).to_string();
        return (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response();
    }
    let title = match status {
        StatusCode::NOT_FOUND => "error.404",
        StatusCode::SERVICE_UNAVAILABLE => "error.timeout",
        _ => "error.title",
    };
    let page = Frame::new(request, crate::words::say(request.language, title));
    let view = ErrorView { page: &page, message: &message, hint: error.hint().unwrap_or_default() };
    match view.render() {
        Ok(html) => html_response(status, html),
        Err(_) => (status, message).into_response(),
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorView<'a> {
    page: &'a Frame,
    message: &'a str,
    hint: String,
}

fn html_response(status: StatusCode, html: String) -> Response {
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding, accept-language, cookie"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Keeps a language or colours named in the address for the pages to come.
fn remember_choices(request: &PageRequest, response: &mut Response) {
    let mut remember = |name: &str, value: &str| {
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    };
    if request.is_language_explicit {
        remember("lang", request.language.tag());
    }
    if request.get("theme").is_some() && !request.theme.is_empty() {
        remember("theme", request.theme);
    }
}
