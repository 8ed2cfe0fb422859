//! Errors of the API as RFC 9457 has them (`application/problem+json`), with what to do in `remedy`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use crowsnest_lake::LakeError;
use serde_json::json;

use super::operations::Kind;
use crate::ServeError;

/// The media type of errors.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What is wrong with a request, and what to do.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    detail: String,
    remedy: Option<String>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), remedy: Some(remedy.into()) }
    }

    /// An error of a question. One that is well put but finds nothing is not found; of SQL, the query itself is wrong.
    pub(crate) fn of(error: &ServeError, kind: Kind) -> Self {
        let is_sql = kind == Kind::Sql;
        let status = match error {
            ServeError::Lake(LakeError::BadQuestion { .. }) if !is_sql => StatusCode::NOT_FOUND,
            ServeError::Lake(LakeError::Engine(_) | LakeError::Arrow(_)) if is_sql && is_users(error) => {
                StatusCode::BAD_REQUEST
            }
            _ => error.status(),
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%error, "a question of the API failed");
            return Self::new(status, "the program failed on this question", "the server's log says more");
        }
        let detail = error.to_string();
        let detail = detail.lines().next().unwrap_or_default().to_owned();
        let remedy = error.hint().or_else(|| match error {
            ServeError::Lake(error) => error.hint(),
            ServeError::TimedOut { .. } => Some("ask for less".to_owned()),
            ServeError::NotFound(_) => Some("see what there is in /v1/openapi.json".to_owned()),
            _ => None,
        });
        let remedy = match remedy {
            None if is_sql && status == StatusCode::BAD_REQUEST => {
                Some("ask with one SELECT; SHOW TABLES and SHOW COLUMNS FROM tell what there is".to_owned())
            }
            None if status == StatusCode::NOT_FOUND => {
                Some("search at /v1/products?search= for what there is".to_owned())
            }
            said => said,
        };
        Self { status, detail, remedy }
    }

    /// In one sentence, for agents.
    pub(crate) fn in_words(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{} ({remedy})", self.detail),
            None => self.detail.clone(),
        }
    }
}

fn is_users(error: &ServeError) -> bool {
    matches!(error, ServeError::Lake(error) if error.is_users() || matches!(error, LakeError::Arrow(_)))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "remedy": self.remedy,
        });
        let mut response = (self.status, body.to_string()).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        response
    }
}
