//! What can go wrong when a history is read, fitted or planned for.

use std::path::PathBuf;

use crowsnest_lake::LakeError;

/// Why there is no fit or plan.
#[derive(Debug, thiserror::Error)]
pub enum GrowError {
    /// The file that says what to do cannot be read as such.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
    /// The history cannot be used.
    #[error("the history in {place}: {}", faults.join("; "))]
    History {
        /// Where it was read.
        place: String,
        /// All that is wrong with it.
        faults: Vec<String>,
    },
    /// The plan asks for what cannot be.
    #[error("the plan: {0}")]
    Plan(String),
    /// An experiment's numbers cannot be judged.
    #[error("the experiment: {0}")]
    Experiment(String),
    /// No place has a finite density.
    #[error("the history could not be fitted: its numbers are too large or too small to weigh against each other")]
    NoFit,
    /// The lake failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
}

impl GrowError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File { .. } => Some("`crowsnest grow plan --help` shows a whole file".to_owned()),
            Self::History { .. } => Some("mend the table or the columns that the file names".to_owned()),
            Self::Plan(_) => Some("mend the [plan] of the file".to_owned()),
            Self::Experiment(_) => {
                Some("mend the numbers; `crowsnest grow experiment --help` shows examples".to_owned())
            }
            Self::NoFit => Some("bring outcome and spend to units of about the same size".to_owned()),
            Self::Lake(_) => None,
        }
    }
}
