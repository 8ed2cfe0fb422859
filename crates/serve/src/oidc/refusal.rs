//! Why somebody was not logged in: what they read, and what the audit log says.

use axum::http::StatusCode;
use crowsnest_lake::LakeError;

use crate::ServeError;
use crate::credentials::CredentialError;

/// Why somebody was not logged in. What is in brackets is for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The provider does not answer, or not as it should.
    Unreachable(String),
    /// What the market's file says of the provider does not work.
    Broken(String),
    /// Nobody began that login here, or too long ago.
    Expired,
    /// The provider says no.
    Denied(String),
    /// What the provider said does not hold.
    Untrue(String),
    /// The market lets in others only.
    NotAllowed(String),
    /// The provider does not say that the mail address is verified.
    Unverified,
    /// They are no user, and do not become one by themselves.
    NoUser,
    /// The login is somebody else's, or they have another already.
    Taken,
}

impl Refusal {
    /// The phrase for whoever was refused; the provider's name is filled in.
    pub(super) fn phrase(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "login.oidc.unreachable",
            Self::Broken(_) => "login.oidc.broken",
            Self::Expired => "login.oidc.expired",
            Self::Denied(_) => "login.oidc.denied",
            Self::Untrue(_) => "login.oidc.untrue",
            Self::NotAllowed(_) => "login.oidc.not_allowed",
            Self::Unverified => "login.oidc.unverified",
            Self::NoUser => "login.oidc.no_user",
            Self::Taken => "login.oidc.taken",
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Unreachable(_) | Self::Broken(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Expired => StatusCode::BAD_REQUEST,
            _ => StatusCode::FORBIDDEN,
        }
    }

    /// For the audit log.
    pub(super) fn why(&self) -> String {
        match self {
            Self::Unreachable(why) => format!("cannot be asked: {why}"),
            Self::Broken(why) => format!("is not set up: {why}"),
            Self::Expired => "a login that nobody began there, or too long ago".to_owned(),
            Self::Denied(why) => format!("says no: {why}"),
            Self::Untrue(why) => format!("said what does not hold: {why}"),
            Self::NotAllowed(why) => format!("knows them, but {why}"),
            Self::Unverified => "does not say that their mail address is verified".to_owned(),
            Self::NoUser => "knows them, but they are no user, and new_users is false".to_owned(),
            Self::Taken => "knows them, but that login is another user's, or the user has another".to_owned(),
        }
    }
}

/// A refusal, or an error of ours.
#[derive(Debug)]
pub(super) enum Failed {
    Refused(Refusal),
    Serve(ServeError),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ServeError> for Failed {
    fn from(error: ServeError) -> Self {
        Self::Serve(error)
    }
}

impl From<LakeError> for Failed {
    fn from(error: LakeError) -> Self {
        Self::Serve(error.into())
    }
}

impl From<CredentialError> for Failed {
    fn from(error: CredentialError) -> Self {
        Self::Serve(error.into())
    }
}
