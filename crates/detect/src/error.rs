//! What can keep detection from saying anything.

use crowsnest_lake::LakeError;

/// An error of this crate; [`DetectError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// There is too little to speak of.
    #[error("not enough to say: {what}")]
    TooLittle {
        /// What is missing.
        what: String,
        /// What to do.
        hint: String,
    },
    /// A question that cannot be asked like this.
    #[error("{message}")]
    BadQuestion {
        /// What is wrong with it.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl DetectError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooLittle { hint, .. } | Self::BadQuestion { hint, .. } => Some(hint.clone()),
            Self::Lake(error) => error.hint(),
        }
    }

    pub(crate) fn too_little(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::TooLittle { what: what.into(), hint: hint.into() }
    }

    pub(crate) fn bad_question(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::BadQuestion { message: message.into(), hint: hint.into() }
    }
}
