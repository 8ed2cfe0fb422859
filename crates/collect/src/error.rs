//! What stops an import, with what to do about it. What is wrong with one row never does: see [`crate::Reject`].

use std::path::PathBuf;

use crowsnest_lake::LakeError;

/// The result of everything in this crate.
pub type Result<T, E = ImportError> = std::result::Result<T, E>;

/// An error of an import. Messages are one clause; [`ImportError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A path or pattern that nothing matches.
    #[error("no file matches {0:?}")]
    NoFile(String),
    /// A path that is a folder.
    #[error("{} is a folder", .0.display())]
    IsFolder(PathBuf),
    /// A pattern that cannot be read.
    #[error("{pattern:?} is not a pattern: {message}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        message: String,
    },
    /// An address in a store that this build does not reach.
    #[error("cannot read from {0}: files, file://, s3://, gs:// and az:// are supported")]
    UnsupportedAddress(String),
    /// The bytes could not be read.
    #[error("reading {file}: {source}")]
    Read {
        /// The file as named on the command line.
        file: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file ends too early.
    #[error("{file} is cut short: its {format} data ends before its end")]
    Truncated {
        /// The file.
        file: String,
        /// The format that tells.
        format: &'static str,
    },
    /// A connector cannot take a document apart.
    #[error("{file} is not what connector {connector} reads: {message}")]
    Connector {
        /// The document.
        file: String,
        /// The connector.
        connector: String,
        /// What is wrong.
        message: String,
    },
    /// Something in a source's file, or with fetching from it.
    #[error("source {name}: {message}")]
    Source {
        /// The source.
        name: String,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The file contradicts its own format.
    #[error("{file} is not readable as {format}: {message}")]
    Format {
        /// The file.
        file: String,
        /// The format it was read as.
        format: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The text's encoding is unknown, or not the one that was named.
    #[error("{file}: {message}")]
    Encoding {
        /// The file.
        file: String,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The mapping is wrong; all faults are listed.
    #[error("mapping {name}: {}", .faults.join("; "))]
    Mapping {
        /// The mapping file.
        name: String,
        /// Every fault, with its place.
        faults: Vec<String>,
    },
    /// The mapping, or the lake's own names, need columns that the file does not have.
    #[error("{file} has no column {}; it has {}", quoted(.missing), quoted(.present))]
    MissingColumns {
        /// The file.
        file: String,
        /// The columns that are needed.
        missing: Vec<String>,
        /// The columns that there are.
        present: Vec<String>,
        /// Whether a mapping asked for them.
        is_mapped: bool,
    },
    /// Nothing in the file.
    #[error("{0} is empty")]
    Empty(String),
    /// The input is too large for a format that has to be held as a whole.
    #[error("{file} is larger than {limit_mib} MiB, the most that {format} is read at")]
    TooLarge {
        /// The file.
        file: String,
        /// The format.
        format: &'static str,
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// A word of the command is not one of those that can be.
    #[error("{what} {found:?} is not known: expected one of {expected}")]
    UnknownWord {
        /// What the word is for.
        what: &'static str,
        /// The word as given.
        found: String,
        /// The words that would do.
        expected: String,
    },
    /// The lake refused.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// Columns could not be put together.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// A thread of the import broke off.
    #[error("{file}: the import broke off inside: {message}")]
    Broken {
        /// The file.
        file: String,
        /// What is known of it.
        message: String,
    },
}

impl ImportError {
    /// One imperative sentence on what to do, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoFile(_) => Some("check the path; quote patterns so that the shell leaves them alone".into()),
            Self::IsFolder(path) => Some(format!("name its files, for example {}", path.join("*.csv").display())),
            Self::UnsupportedAddress(_) => Some("copy it here first, or pipe it in and name the file `-`".into()),
            Self::Read { source, .. } => read_hint(source),
            Self::Truncated { .. } => Some("fetch the file again; nothing of it was imported".into()),
            Self::Format { .. } => Some("name what it is with --input-format".into()),
            Self::Encoding { hint, .. } => Some(hint.clone()),
            Self::Mapping { .. } => Some("see the reference of mapping files, or start from `--infer`".into()),
            Self::MissingColumns { is_mapped: true, .. } => Some("correct the mapping's [columns]".into()),
            Self::MissingColumns { .. } => {
                Some("write a mapping: `crowsnest import --infer FILE > M.toml`, then --map M.toml".into())
            }
            Self::TooLarge { .. } => Some("save it as CSV, NDJSON or Parquet, which are read in pieces".into()),
            Self::Lake(error) => error.hint(),
            Self::Connector { .. } => {
                Some("look at the document; if the source changed its form, its connector has to follow".into())
            }
            Self::Source { hint, .. } if hint.is_empty() => None,
            Self::Source { hint, .. } => Some(hint.clone()),
            Self::Broken { .. } => Some("report this; what was committed stays, and importing again is safe".into()),
            Self::Pattern { .. } | Self::Empty(_) | Self::UnknownWord { .. } | Self::Arrow(_) => None,
        }
    }

    /// Whether the user's input or set-up is at fault (exit code 1), not the program (exit code 3).
    pub fn is_users(&self) -> bool {
        match self {
            Self::Arrow(_) | Self::Broken { .. } => false,
            Self::Lake(error) => error.is_users(),
            _ => true,
        }
    }
}

fn read_hint(error: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => Some("check the path".into()),
        ErrorKind::PermissionDenied => Some("make the file readable for this user".into()),
        _ => None,
    }
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}
