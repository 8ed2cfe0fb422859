//! Why reconciling could not be done.

use crowsnest_lake::LakeError;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// Nothing can be told from what was given.
    #[error("{message}")]
    Unusable {
        /// What is missing.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The lake, or a file, failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl ReconcileError {
    /// One imperative sentence on what to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unusable { hint, .. } => Some(hint.clone()),
            Self::Lake(error) => error.hint(),
        }
    }
}
