//! Why matching could not be done.

use crowsnest_lake::LakeError;

use crate::catalogue::Fault;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// The files are not what they should be; all that was found, each with file, line, column and what to do.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<Fault>),
    /// Nothing can be learned or told from what was given.
    #[error("{message}")]
    Unusable {
        /// What is missing.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The engine, or a file, failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl MatchError {
    pub(crate) fn unusable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Unusable { message: message.into(), hint: hint.into() }
    }

    /// One imperative sentence on what to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Faults(_) => Some("mend the lines named, and run it again".to_owned()),
            Self::Unusable { hint, .. } => Some(hint.clone()),
            Self::Lake(error) => error.hint(),
        }
    }
}
