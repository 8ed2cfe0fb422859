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
    /// The market's history does not tell what large companies did to others.
    #[error("the threat: {0}")]
    Threat(String),
    /// There is no bandit of that name.
    #[error("there is no bandit {name:?}{}", known_bandits(.known))]
    NoBandit {
        /// The name that was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A bandit cannot do what is asked.
    #[error("bandit {name:?}: {message}")]
    Bandit {
        /// The bandit.
        name: String,
        /// Why not.
        message: String,
    },
    /// The choice was rewarded already, waited too long, or never was.
    #[error("bandit {name:?}: choice {choice} is not waiting for a reward")]
    NotWaiting {
        /// The bandit.
        name: String,
        /// Number of the choice.
        choice: u64,
    },
    /// Another process answers for the bandit.
    #[error("bandit {0:?} is served by another process of this market")]
    BanditTaken(String),
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
            Self::Threat(_) => Some("`crowsnest grow threat --help` says what it needs".to_owned()),
            Self::NoBandit { .. } => Some("write it as bandits/NAME.toml in the market's folder".to_owned()),
            Self::Bandit { .. } => Some("`crowsnest grow bandit --help` shows a whole file".to_owned()),
            Self::NotWaiting { .. } => {
                Some("each choice takes one reward, within the time that its file names".to_owned())
            }
            Self::BanditTaken(_) => Some("send the request there, or stop that process".to_owned()),
            Self::NoFit => Some("bring outcome and spend to units of about the same size".to_owned()),
            Self::Lake(_) => None,
        }
    }
}

fn known_bandits(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(", only {}", known.join(", ")) }
}
