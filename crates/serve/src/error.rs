//! What can go wrong in serving, and which HTTP status it is.

use std::sync::Arc;

use axum::http::StatusCode;
use crowsnest_grow::GrowError;
use crowsnest_lake::LakeError;
use crowsnest_lake::state::people::Role;
use crowsnest_run::DecisionError;

use crate::credentials::CredentialError;

/// An error of serving. Messages are one clause; [`ServeError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// There is nothing at that address.
    #[error("nothing is at {0}")]
    NotFound(String),
    /// The address or its query makes no sense.
    #[error("{message}")]
    BadRequest {
        /// What is wrong with it.
        message: String,
        /// What to write instead.
        hint: String,
    },
    /// Nobody is logged in.
    #[error("this is for those who are logged in")]
    NotLoggedIn,
    /// A token that is none, or no longer.
    #[error("that token opens nothing here")]
    WrongToken,
    /// Somebody who may not.
    #[error("this takes the role {needed}")]
    Forbidden {
        /// The least role that may.
        needed: Role,
    },
    /// A form that is not of our own pages, or of another login.
    #[error("the form is not from a page of this login")]
    ForeignForm,
    /// Something else than a form was sent.
    #[error("what was sent is no form")]
    NotAForm,
    /// Something else than JSON was sent.
    #[error("what was sent is no JSON of a program")]
    NotJson,
    /// A body that is larger than what is meant for it.
    #[error("what was sent has more than {n_bytes_max} bytes")]
    TooLarge {
        /// The limit.
        n_bytes_max: usize,
    },
    /// A name, a password or a token that is none.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// A decision that was not taken.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The question took longer than it may.
    #[error("the question took longer than {seconds} seconds and was stopped")]
    TimedOut {
        /// The limit.
        seconds: u64,
    },
    /// A page takes longer than anybody is let wait, and goes on being made.
    #[error("the page takes longer than {seconds} seconds")]
    BeingMade {
        /// The limit.
        seconds: u64,
    },
    /// The address to listen on is taken or not ours.
    #[error("listening on {address}: {source}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The lake could not answer.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A page could not be written.
    #[error("writing the page: {0}")]
    Template(#[from] askama::Error),
    /// A PDF could not be typeset.
    #[error("making the PDF: {0}")]
    Paper(String),
    /// A part of an answer could not be written as JSON.
    #[error("writing JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// How collecting goes could not be told.
    #[error(transparent)]
    Run(#[from] crowsnest_run::RunError),
    /// Rows could not be left out of an answer.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// A document's bytes could not be read.
    #[error("reading document {document}: {source}")]
    Document {
        /// SHA-256 of the document.
        document: String,
        /// The cause.
        source: std::io::Error,
    },
    /// Too many requests wait.
    #[error("too many choices wait to be written")]
    Busy,
    /// What was chosen could not be written down.
    #[error("the choice could not be written down and does not count")]
    NotKept,
    /// A bandit or a plan could not answer.
    #[error(transparent)]
    Grow(#[from] GrowError),
    /// The SQL port could not be made ready.
    #[error("making the SQL port ready: {0}")]
    Sql(String),
    /// An agent could not be served.
    #[error("serving the agent: {0}")]
    Agent(String),
    /// What somebody else was told who asked for the same at the same time.
    #[error(transparent)]
    Told(Arc<ServeError>),
    /// A page panicked; the log has more.
    #[error("the page stopped half-way")]
    Panicked,
}

impl ServeError {
    pub(crate) fn bad_request(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::BadRequest { message: message.into(), hint: hint.into() }
    }

    /// Whether the lake says that the question makes no sense, which to a page may be an answer.
    pub(crate) fn is_bad_question(&self) -> bool {
        match self {
            Self::Told(error) => error.is_bad_question(),
            _ => matches!(self, Self::Lake(LakeError::BadQuestion { .. })),
        }
    }

    /// The HTTP status that fits.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) | Self::Lake(LakeError::UnknownName { .. } | LakeError::NoDocument(_)) => {
                StatusCode::NOT_FOUND
            }
            Self::BadRequest { .. } | Self::Lake(LakeError::UnknownMetric { .. } | LakeError::BadQuestion { .. }) => {
                StatusCode::BAD_REQUEST
            }
            Self::Grow(error) => of_growing(error),
            Self::Told(error) => error.status(),
            Self::NotLoggedIn | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::NotAForm | Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Credential(CredentialError::Failed(_)) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Credential(_)
            | Self::Decision(
                DecisionError::Refused { .. }
                | DecisionError::Lake(LakeError::UnknownName { .. } | LakeError::BadQuestion { .. }),
            ) => StatusCode::BAD_REQUEST,
            Self::TimedOut { .. } | Self::BeingMade { .. } | Self::Busy | Self::NotKept => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What to do, where it is the visitor who can do something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::BadRequest { hint, .. } => Some(hint.clone()),
            Self::Listen { .. } => Some("choose another address with --listen, for example 127.0.0.1:7272".into()),
            Self::Lake(error) | Self::Decision(DecisionError::Lake(error)) if self.status().is_client_error() => {
                error.hint()
            }
            Self::Decision(DecisionError::Refused { hint, .. }) => Some(hint.clone()),
            Self::Credential(error) => Some(error.hint().into()),
            Self::NotLoggedIn => Some("log in at /login, or send a token: Authorization: Bearer …".into()),
            Self::WrongToken => Some("make another with `crowsnest token add`".into()),
            Self::Forbidden { .. } => Some("ask an admin of this market for it".into()),
            Self::ForeignForm => Some("open the page again, and send the form from there".into()),
            Self::NotJson => Some("send application/json, with a token".into()),
            Self::NotAForm => Some("send application/x-www-form-urlencoded".into()),
            Self::Grow(error) if self.status() != StatusCode::INTERNAL_SERVER_ERROR => error.hint(),
            Self::Told(error) => error.hint(),
            Self::BeingMade { .. } | Self::Busy | Self::NotKept => Some("ask again in a moment".into()),
            _ => None,
        }
    }
}

fn of_growing(error: &GrowError) -> StatusCode {
    match error {
        GrowError::NoBandit { .. } => StatusCode::NOT_FOUND,
        GrowError::Bandit { .. } | GrowError::Experiment(_) | GrowError::Plan(_) => StatusCode::BAD_REQUEST,
        GrowError::NotWaiting { .. } => StatusCode::CONFLICT,
        GrowError::BanditTaken(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
