//! Forms that people send: who sends what, and the answer.
//!
//! In: a request that the guard let through. Out: what the form's own function answers, or the reason as a page. To add a
//! form: an async function from `&Form` to a response or redirect, and a line in its module's [`handlers`].

use axum::http::HeaderMap;
use crowsnest_lake::state::AuditLine;

use crate::Result;
use crate::accounts::now;
use crate::guard::{Asker, Posted};
use crate::site::Site;

/// Everything about a form, whichever it is.
pub(crate) struct Form {
    pub(crate) site: Site,
    pub(crate) asker: Asker,
    pub(crate) posted: Posted,
    pub(crate) headers: HeaderMap,
}

impl Form {
    /// Who sends it; empty where nobody is known.
    pub(crate) fn by(&self) -> &str {
        self.asker.caller.as_ref().map_or("", |caller| caller.name.as_str())
    }

    /// Adds a line to the audit log: what they did, on a page or by a program with their token.
    pub(crate) fn note(&self, action: &str, what: &str) -> Result<()> {
        self.site.lake.state().note(&AuditLine {
            at: now(),
            who: self.by().to_owned(),
            action: action.to_owned(),
            what: what.to_owned(),
            via: self.asker.via().to_owned(),
        })?;
        Ok(())
    }
}

/// Handlers of forms, each with what it does.
macro_rules! handlers {
    ($($handler:ident => $does:path,)*) => {
        $(async fn $handler(
            $crate::site::Seen(site): $crate::site::Seen,
            axum::Extension(asker): axum::Extension<$crate::guard::Asker>,
            axum::Extension(posted): axum::Extension<$crate::guard::Posted>,
            uri: axum::http::Uri,
            headers: axum::http::HeaderMap,
        ) -> axum::response::Response {
            let form = $crate::form::Form { site, asker, posted, headers };
            match $does(&form).await {
                Ok(answer) => axum::response::IntoResponse::into_response(answer),
                Err(error) => $crate::page::plain_error(&form.site, &uri, &form.headers, &error),
            }
        })*
    };
}

pub(crate) use handlers;
