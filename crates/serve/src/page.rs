//! The one mechanism behind every page: a question that has an [`Answer`], shown as HTML, JSON, CSV or Parquet, and as PDF where it is a document.
//!
//! A page says how its answer is got ([`Page::answer`]) and how it looks ([`Page::html`]); the data formats need
//! nothing more. Errors become a page (or a JSON object) with what happened and what to do. No page may take longer
//! than [`TIME_LIMIT`]; what was made is kept until the lake changes ([`cache`]), and is made once for all who ask at the same
//! time; and a panic in one is an error page, not the end of the server.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use crowsnest_lake::{Answer, encode};

use crate::ServeError;
use crate::cache;
use crate::chart_file::ChartFile;
use crate::frame::Frame;
use crate::packed;
use crate::reports::pdf::{Paper, print_pdf};
use crate::request::{Format, PageRequest};
use crate::security::{DOCUMENT_POLICY, PDF_POLICY};
use crate::site::Site;

/// How long a page may take.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A page: one question and how its answer looks.
#[async_trait]
pub(crate) trait Page: Send + Sync {
    /// The answer that the data formats carry.
    async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError>;

    /// The document that its PDF is made of; `None` where the page is no document.
    async fn paper(&self, _request: &PageRequest) -> Result<Option<Paper>, ServeError> {
        Ok(None)
    }

    /// The chart that its picture shows; `None` where there is none.
    async fn chart_file(&self, _request: &PageRequest) -> Result<Option<ChartFile>, ServeError> {
        Ok(None)
    }

    /// Whether what the page shows changes without the lake: then nothing made of it is kept.
    fn is_of_the_moment(&self) -> bool {
        false
    }

    /// What the page depends on besides the lake, where that is kept somewhere else and may change; `None` where it cannot be
    /// known now: then nothing made of it is kept.
    fn also_depends_on(&self, _request: &PageRequest) -> Option<String> {
        Some(String::new())
    }

    /// The page itself. It may ask more than [`Page::answer`] does; what it asks, it asks at once.
    async fn html(&self, request: &PageRequest) -> Result<String, ServeError>;
}

/// A page or its data, made: what is sent and what is kept for the next visitor.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    headers: HeaderMap,
    body: Bytes,
}

impl Made {
    fn new(media_type: &'static str, vary: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(header::VARY, HeaderValue::from_static(vary));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Self { headers, body: body.into() }
    }

    /// The same as it is kept.
    fn packed(mut self) -> Self {
        self.body = packed::pack(&mut self.headers, self.body);
        self
    }

    fn for_visitor(mut self, request: &PageRequest) -> Response {
        if !request.takes_gzip {
            self.body = packed::unpack(&mut self.headers, self.body);
        }
        self.into_response()
    }
}

impl IntoResponse for Made {
    fn into_response(self) -> Response {
        (self.headers, self.body).into_response()
    }
}

/// Everything that what is made of a page depends on besides the lake; `None` where it is not kept.
fn kept_under(page: &dyn Page, request: &PageRequest) -> Option<String> {
    if page.is_of_the_moment() {
        return None;
    }
    Some(request.cache_key() + &page.also_depends_on(request)?)
}

/// Answers a request for a page in the format its address names.
pub(crate) async fn respond(page: &'static dyn Page, request: PageRequest) -> Response {
    let request = Arc::new(request);
    let Some(key) = kept_under(page, &request) else { return respond_unkept(page, &request).await };
    let making = make_to_keep(page, Arc::clone(&request), key.clone());
    let asked = request.shared.pages.get_or_make(cache::generation(&request.lake), key, making);
    match tokio::time::timeout(TIME_LIMIT, asked).await {
        Ok(Ok(made)) => made.for_visitor(&request),
        Ok(Err(error)) => error_page(&error, &request),
        Err(_) => error_page(&ServeError::BeingMade { seconds: TIME_LIMIT.as_secs() }, &request),
    }
}

async fn respond_unkept(page: &dyn Page, request: &PageRequest) -> Response {
    match tokio::time::timeout(TIME_LIMIT, cache::caught(produce(page, request))).await {
        Ok(Ok(made)) => made.into_response(),
        Ok(Err(error)) => error_page(&error, request),
        Err(_) => error_page(&ServeError::TimedOut { seconds: TIME_LIMIT.as_secs() }, request),
    }
}

async fn make_to_keep(
    page: &'static dyn Page,
    request: Arc<PageRequest>,
    key: String,
) -> Result<cache::Made<Made>, ServeError> {
    let made = produce(page, &request).await?.packed();
    // What it depends on may have changed while it was made.
    let is_same = kept_under(page, &request).as_ref() == Some(&key);
    let n_bytes = is_same.then_some(made.body.len());
    Ok(cache::Made { value: made, n_bytes })
}

async fn produce(page: &dyn Page, request: &PageRequest) -> Result<Made, ServeError> {
    if request.format == Format::Html {
        let html = page.html(request).await?;
        let mut made = Made::new("text/html; charset=utf-8", "accept-encoding, accept-language, cookie", html);
        remember_choices(request, &mut made.headers);
        return Ok(made);
    }
    if request.format == Format::Pdf {
        return produce_pdf(page, request).await;
    }
    if request.format == Format::Svg {
        return produce_svg(page, request).await;
    }
    let answer = page.answer(request).await?;
    let (media_type, body) = match request.format {
        Format::Csv => ("text/csv; charset=utf-8", encode::to_csv(&answer.rows)?.into_bytes()),
        Format::Parquet => ("application/vnd.apache.parquet", encode::to_parquet(&answer.rows)?),
        Format::Json | Format::Html | Format::Pdf | Format::Svg => {
            ("application/json; charset=utf-8", encode::to_json(&answer)?.into_bytes())
        }
    };
    let mut made = Made::new(media_type, "accept-encoding", body);
    if request.shared.is_shared && !request.shared.kept_back.is_empty() {
        let told = HeaderValue::from_static("sources that may not be passed on");
        made.headers.insert("crowsnest-left-out", told);
    }
    Ok(made)
}

async fn produce_svg(page: &dyn Page, request: &PageRequest) -> Result<Made, ServeError> {
    let nowhere = || ServeError::NotFound(format!("{}{}", request.path, Format::SVG));
    let file = page.chart_file(request).await?.ok_or_else(nowhere)?;
    let mut made = Made::new("image/svg+xml", "accept-language, cookie", file.svg(request)?);
    // Opened by itself it is a document, in which nothing has to load or run.
    made.headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCUMENT_POLICY));
    Ok(made)
}

async fn produce_pdf(page: &dyn Page, request: &PageRequest) -> Result<Made, ServeError> {
    let nowhere = || ServeError::NotFound(format!("{}{}", request.path, Format::PDF));
    let paper = page.paper(request).await?.ok_or_else(nowhere)?;
    let printed = print_pdf(paper).await?;
    if let Some(note) = printed.note() {
        tracing::warn!(path = request.path, note, "a PDF has empty boxes");
    }
    let mut made = Made::new("application/pdf", "accept-language, cookie", printed.bytes);
    // Viewers of browsers bring styles of their own; nothing else may load or run.
    made.headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PDF_POLICY));
    let name = request.path.rsplit('/').next().unwrap_or_default();
    if let Ok(named) = HeaderValue::from_str(&format!("inline; filename*=UTF-8''{name}.pdf")) {
        made.headers.insert(header::CONTENT_DISPOSITION, named);
    }
    Ok(made)
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
        crate::words::say_note(request.language, &error.to_string())
    };
    let hint = error.hint().map(|hint| crate::words::say_note(request.language, &hint));
    if !request.format.is_for_people() {
        let body = serde_json::json!({ "error": message, "hint": hint }).to_string();
        return (status, [(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response();
    }
    let title = match status {
        StatusCode::NOT_FOUND => "error.404",
        StatusCode::UNAUTHORIZED => "error.401",
        StatusCode::FORBIDDEN => "error.403",
        StatusCode::SERVICE_UNAVAILABLE => "error.timeout",
        _ => "error.title",
    };
    let page = Frame::new(request, crate::words::say(request.language, title));
    let view = ErrorView { page: &page, message: &message, hint: hint.unwrap_or_default() };
    match view.render() {
        Ok(html) => {
            let made = Made::new("text/html; charset=utf-8", "accept-encoding, accept-language, cookie", html);
            (status, made).into_response()
        }
        Err(_) => (status, message).into_response(),
    }
}

/// An error page for a request whose query could not be read: the page is made without the query.
pub(crate) fn plain_error(site: &Site, uri: &Uri, headers: &HeaderMap, error: &ServeError) -> Response {
    let bare: Uri = uri.path().parse().unwrap_or_default();
    match PageRequest::read(&site.lake, &site.shared, &bare, headers, None) {
        Ok(request) => error_page(error, &request),
        Err(_) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorView<'a> {
    page: &'a Frame,
    message: &'a str,
    hint: String,
}

/// Keeps a language or colours named in the address for the pages to come.
fn remember_choices(request: &PageRequest, headers: &mut HeaderMap) {
    let mut remember = |name: &str, value: &str| {
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    };
    if request.is_language_explicit {
        remember("lang", request.language.tag());
    }
    if request.get("theme").is_some() && !request.theme.is_empty() {
        remember("theme", request.theme);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::to_bytes;
    use axum::http::Uri;
    use crowsnest_lake::{Lake, LakeOptions, Market};

    use super::*;
    use crate::site::{CurrentSite, Site};

    /// A page that depends on a word, which may be another one by the time that it is made; it counts how often that was.
    #[derive(Default)]
    struct OfWord {
        word: Mutex<Option<&'static str>>,
        next: Mutex<Option<&'static str>>,
        n_made: AtomicUsize,
    }

    #[async_trait]
    impl Page for OfWord {
        async fn answer(&self, request: &PageRequest) -> Result<Answer, ServeError> {
            Err(ServeError::NotFound(request.path.clone()))
        }

        fn also_depends_on(&self, _request: &PageRequest) -> Option<String> {
            self.word.lock().unwrap().map(str::to_owned)
        }

        async fn html(&self, _request: &PageRequest) -> Result<String, ServeError> {
            let next = self.next.lock().unwrap().take();
            if next.is_some() {
                *self.word.lock().unwrap() = next;
            }
            Ok((self.n_made.fetch_add(1, Ordering::Relaxed) + 1).to_string())
        }
    }

    async fn shown(page: &'static OfWord, site: &Site, word: Option<&'static str>) -> String {
        *page.word.lock().unwrap() = word;
        let uri: Uri = "/word".parse().unwrap();
        let request = PageRequest::read(&site.lake, &site.shared, &uri, &HeaderMap::new(), None).unwrap();
        let body = respond(page, request).await.into_body();
        String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_is_kept_is_shown_only_while_all_that_it_depends_on_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("m"), "m").unwrap();
        let site = CurrentSite::new(Lake::open(market, LakeOptions::default()).await.unwrap()).now();
        let page: &'static OfWord = Box::leak(Box::default());
        assert_eq!(shown(page, &site, Some("a")).await, "1");
        assert_eq!(shown(page, &site, Some("a")).await, "1");
        assert_eq!(shown(page, &site, Some("b")).await, "2");
        assert_eq!(shown(page, &site, Some("a")).await, "1");
        // What cannot be known keeps nothing.
        assert_eq!(shown(page, &site, None).await, "3");
        assert_eq!(shown(page, &site, None).await, "4");
        // Nor what changed while the page was made.
        *page.next.lock().unwrap() = Some("d");
        assert_eq!(shown(page, &site, Some("c")).await, "5");
        assert_eq!(shown(page, &site, Some("c")).await, "6");
        assert_eq!(shown(page, &site, Some("c")).await, "6");
    }
}
