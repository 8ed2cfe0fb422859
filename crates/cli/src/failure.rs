//! How a command ends: exit codes, and errors as people read them.
//!
//! `error: …` once with its causes, then `hint: …` where there is something to do.

use std::process::ExitCode;

use crowsnest_collect::ImportError;
use crowsnest_detect::DetectError;
use crowsnest_grow::GrowError;
use crowsnest_identify::CatalogueError;
use crowsnest_identify::matching::MatchError;
use crowsnest_identify::resolving::DecisionError;
use crowsnest_lake::LakeError;
use crowsnest_run::{ReconcileError, RunError};
use crowsnest_serve::ServeError;
use crowsnest_serve::credentials::CredentialError;

use crate::{engine_message, print};

const USERS: u8 = 1;
const REJECTS: u8 = 2;
const OURS: u8 = 3;
/// What shells give for a command that Ctrl-C stopped.
const INTERRUPTED: u8 = 130;

/// A command that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// All of it.
    Well,
    /// Done, but some records were rejected.
    WithRejects,
    /// It looked, and found what the user has to mend.
    WithFaults,
}

impl Done {
    pub(crate) fn exit_code(self) -> ExitCode {
        match self {
            Self::Well => ExitCode::SUCCESS,
            Self::WithRejects => ExitCode::from(REJECTS),
            Self::WithFaults => ExitCode::from(USERS),
        }
    }
}

/// Why a command did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Match(#[from] MatchError),
    #[error(transparent)]
    Grow(#[from] GrowError),
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    #[error(transparent)]
    Detect(#[from] DetectError),
    #[error(transparent)]
    Run(RunError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("{message}")]
    Users { message: String, hint: Option<String> },
    #[error("writing to standard output: {source}")]
    Output { source: std::io::Error },
    #[error("starting threads: {source}")]
    Runtime { source: std::io::Error },
    #[error("{doing}: {message}")]
    Ours { doing: &'static str, message: String },
    #[error("stopped")]
    Interrupted,
}

impl From<DecisionError> for Failure {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::Lake(error) => Self::Lake(error),
            DecisionError::Refused { message, hint } => Self::users(message, hint),
        }
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        let hint = error.hint();
        Self::users(error.to_string(), hint)
    }
}

impl Failure {
    /// Something that the user can mend.
    pub(crate) fn users(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Users { message: message.into(), hint: Some(hint.into()) }
    }

    /// A mistake of this program.
    pub(crate) fn ours(doing: &'static str, message: impl ToString) -> Self {
        Self::Ours { doing, message: message.to_string() }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Lake(error) => engine_message::hint(error),
            Self::Import(ImportError::Lake(error)) => engine_message::hint(error),
            Self::Import(error) => error.hint(),
            Self::Catalogue(error) => catalogue_hint(error),
            Self::Match(MatchError::Lake(error)) => engine_message::hint(error),
            Self::Match(error) => error.hint(),
            Self::Grow(GrowError::Lake(error)) => engine_message::hint(error),
            Self::Grow(error) => error.hint(),
            Self::Reconcile(ReconcileError::Lake(error)) => engine_message::hint(error),
            Self::Reconcile(error) => error.hint(),
            Self::Detect(DetectError::Lake(error)) => engine_message::hint(error),
            Self::Detect(error) => error.hint(),
            Self::Serve(error) => error.hint(),
            Self::Users { hint, .. } => hint.clone(),
            Self::Ours { .. } => Some("this is a mistake of crowsnest: please report it".to_owned()),
            Self::Run(_) | Self::Output { .. } | Self::Runtime { .. } | Self::Interrupted => None,
        }
    }

    fn code(&self) -> u8 {
        let is_users = match self {
            Self::Lake(error) => error.is_users(),
            Self::Import(error) => error.is_users(),
            Self::Catalogue(CatalogueError::Lake(error)) => error.is_users(),
            Self::Serve(ServeError::Lake(error)) => error.is_users(),
            Self::Serve(ServeError::Listen { .. } | ServeError::BadRequest { .. } | ServeError::NotFound(_)) => true,
            Self::Match(MatchError::Lake(error)) | Self::Grow(GrowError::Lake(error)) => error.is_users(),
            Self::Reconcile(ReconcileError::Lake(error)) => error.is_users(),
            Self::Detect(DetectError::Lake(error)) => error.is_users(),
            Self::Catalogue(_)
            | Self::Match(_)
            | Self::Detect(_)
            | Self::Grow(_)
            | Self::Reconcile(_)
            | Self::Users { .. }
            | Self::Output { .. }
            | Self::Runtime { .. } => true,
            Self::Interrupted => return INTERRUPTED,
            Self::Serve(_) | Self::Run(_) | Self::Ours { .. } => false,
        };
        if is_users { USERS } else { OURS }
    }

    /// Tells the user, and gives the exit code. A reader that went away (`| head`) is no failure.
    pub(crate) fn report(&self) -> ExitCode {
        if let Self::Output { source } = self
            && source.kind() == std::io::ErrorKind::BrokenPipe
        {
            return ExitCode::SUCCESS;
        }
        print::error(&with_causes(self));
        if let Some(hint) = self.hint() {
            print::hint(&hint);
        }
        ExitCode::from(self.code())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Import(error) => Self::Import(error),
            RunError::Catalogue(error) => Self::Catalogue(error),
            RunError::Lake(error) => Self::Lake(error),
            #[expect(unreachable_patterns, reason = "steps to come bring errors of their own")]
            other => Self::Run(other),
        }
    }
}

fn catalogue_hint(error: &CatalogueError) -> Option<String> {
    match error {
        CatalogueError::Faults(_) => Some("mend the files of the market's catalogue folder".to_owned()),
        CatalogueError::Lake(error) => engine_message::hint(error),
    }
}

/// The message and those causes that it does not already tell; errors of the lake tell theirs.
fn with_causes(failure: &Failure) -> String {
    if let Failure::Lake(error)
    | Failure::Import(ImportError::Lake(error))
    | Failure::Catalogue(CatalogueError::Lake(error))
    | Failure::Match(MatchError::Lake(error))
    | Failure::Grow(GrowError::Lake(error))
    | Failure::Reconcile(ReconcileError::Lake(error))
    | Failure::Detect(DetectError::Lake(error)) = failure
    {
        return engine_message::message(error);
    }
    let mut text = failure.to_string();
    let mut cause = std::error::Error::source(failure);
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = error.source();
    }
    text
}

/// Tells what is wrong with the arguments, or gives the help that was asked for.
pub(crate) fn of_arguments(error: &clap::Error) -> ExitCode {
    if error.print().is_err() {
        return ExitCode::SUCCESS;
    }
    if error.use_stderr() { ExitCode::from(USERS) } else { ExitCode::SUCCESS }
}
