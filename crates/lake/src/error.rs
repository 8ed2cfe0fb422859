//! What can go wrong in the lake, with what to do about it.

use std::path::PathBuf;

/// An error of the lake. Messages are one clause; [`LakeError::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LakeError {
    /// The folder has no `crowsnest.toml`.
    #[error("{} is not a market: it has no crowsnest.toml", .0.display())]
    NotAMarket(PathBuf),
    /// The folder already holds a market.
    #[error("{} already holds a market", .0.display())]
    MarketExists(PathBuf),
    /// A configuration file of the market is wrong.
    #[error("{}: {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// All faults found in it.
        message: String,
    },
    /// A file could not be read or written.
    #[error("{doing} {}: {source}", path.display())]
    File {
        /// What was being done, for example "writing".
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A document is not in the archive.
    #[error("no document {0} in the archive")]
    NoDocument(String),
    /// The archive's copy no longer matches its name.
    #[error("document {0} is damaged: its bytes no longer have that SHA-256")]
    DamagedDocument(String),
    /// A name that nothing in the market has.
    #[error("nothing here is called {name:?}")]
    UnknownName {
        /// The name as asked.
        name: String,
        /// Close names that exist.
        close: Vec<String>,
    },
    /// A metric the registry does not have.
    #[error("no metric is called {name:?}")]
    UnknownMetric {
        /// The name as asked.
        name: String,
        /// The closest that exists.
        close: Option<String>,
    },
    /// A question that cannot be asked like this.
    #[error("{message}")]
    BadQuestion {
        /// What is wrong with it.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Other writers kept committing first.
    #[error("table {table}: gave up after {attempts} attempts, other writers kept committing first")]
    TooBusy {
        /// The table.
        table: &'static str,
        /// How often it was tried.
        attempts: usize,
    },
    /// The engine refused or failed a query.
    #[error(transparent)]
    Engine(#[from] datafusion::error::DataFusionError),
    /// The table's log could not be read or written.
    #[error(transparent)]
    Delta(#[from] deltalake::DeltaTableError),
    /// Reading or writing columns failed.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
    /// Reading or writing a Parquet file failed.
    #[error(transparent)]
    Parquet(#[from] parquet::errors::ParquetError),
    /// An object of a store could not be read.
    #[error("cannot read {address}: {message}")]
    Address {
        /// The address, without secrets: they are never part of it.
        address: String,
        /// What the store says.
        message: String,
    },
    /// The cluster could not be used, or failed.
    #[error("{message}")]
    Cluster {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The object store failed.
    #[error(transparent)]
    Store(#[from] object_store::Error),
    /// The state database failed.
    #[error("state.db: {0}")]
    State(#[from] rusqlite::Error),
    /// Making or reading JSON failed.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl LakeError {
    /// One imperative sentence on what to do, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAMarket(path) => {
                Some(format!("make one with `crowsnest new {}`, or name another with --market DIR", path.display()))
            }
            Self::MarketExists(_) => Some("choose an empty folder".into()),
            Self::UnknownName { close, .. } if !close.is_empty() => Some(format!("did you mean {}", close.join(", "))),
            Self::UnknownName { .. } => Some("list what there is with `crowsnest products --search TEXT`".into()),
            Self::UnknownMetric { close: Some(close), .. } => Some(format!("did you mean {close}")),
            Self::UnknownMetric { .. } => Some("list them with `crowsnest metrics`".into()),
            Self::BadQuestion { hint, .. } | Self::Cluster { hint, .. } => Some(hint.clone()),
            Self::NoDocument(_) => Some("list them with `crowsnest sql \"SELECT * FROM documents\"`".into()),
            Self::DamagedDocument(_) => {
                Some("restore the file below raw/ from a backup; the claims themselves are not touched".into())
            }
            Self::TooBusy { .. } => Some("run the command again; what was added already stays".into()),
            Self::Address { .. } => Some(
                "check the address; credentials, region and endpoint come from AWS_…, GOOGLE_… or AZURE_… variables"
                    .into(),
            ),
            Self::File { source, .. } => file_hint(source),
            Self::Engine(error) => engine_hint(&error.to_string()),
            Self::State(error) => state_hint(error),
            Self::Delta(error) => store_hint(&error.to_string()),
            Self::Store(error) => store_hint(&error.to_string()),
            _ => None,
        }
    }

    /// Whether the user's input or set-up is at fault (exit code 1), not the program (exit code 3).
    pub fn is_users(&self) -> bool {
        match self {
            Self::Arrow(_) | Self::Parquet(_) | Self::Json(_) | Self::DamagedDocument(_) => false,
            Self::State(error) => state_hint(error).is_some(),
            Self::Engine(error) => !matches!(error, datafusion::error::DataFusionError::Internal(_)),
            _ => true,
        }
    }

    pub(crate) fn bad_question(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::BadQuestion { message: message.into(), hint: hint.into() }
    }
}

fn file_hint(error: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind;
    let hint = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::FileTooLarge => NO_SPACE,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => NOT_WRITABLE,
        ErrorKind::NotFound => "check the path",
        ErrorKind::NotADirectory => "check the path: a part of it is a file, not a folder",
        _ => return None,
    };
    Some(hint.into())
}

const NO_SPACE: &str = "free some space and run it again; nothing half-written was kept";
const NOT_WRITABLE: &str = "make the folder writable, or use another with --market DIR";

/// What the state database cannot help: a disk that is full, or a folder that cannot be written.
fn state_hint(error: &rusqlite::Error) -> Option<String> {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code()? {
        ErrorCode::DiskFull | ErrorCode::SystemIoFailure => Some(NO_SPACE.into()),
        ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Some(NOT_WRITABLE.into()),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            Some("wait for the other command and run it again".into())
        }
        _ => None,
    }
}

/// The stores give the system's own words only as text.
fn store_hint(message: &str) -> Option<String> {
    if message.contains("No space left") || message.contains("File too large") {
        return Some(NO_SPACE.into());
    }
    if ["403 Forbidden", "401 Unauthorized", "SignatureDoesNotMatch", "AccessDenied", "InvalidAccessKeyId"]
        .iter()
        .any(|sign| message.contains(sign))
    {
        return Some("the store refused: check the credentials in AWS_…, GOOGLE_… or AZURE_… variables".into());
    }
    if message.contains("NoSuchBucket") || message.contains("ContainerNotFound") {
        return Some("make the bucket first, or mend `storage` in crowsnest.toml".into());
    }
    if message.contains("error sending request") || message.contains("Error performing") {
        return Some("check that the store can be reached, and its endpoint in AWS_ENDPOINT_URL".into());
    }
    if message.contains("Read-only file system") || message.contains("Permission denied") {
        return Some(NOT_WRITABLE.into());
    }
    None
}

fn engine_hint(message: &str) -> Option<String> {
    if message.contains("No function matches") || message.contains("call it as ") {
        return Some(
            "see what functions take with `crowsnest sql \"SHOW FUNCTIONS\"`, or convert: CAST(x AS VARCHAR)".into(),
        );
    }
    if message.contains("Resources exhausted") || message.contains("Not enough memory") {
        return Some("give it more with --memory, or ask for less".into());
    }
    if message.contains("No space left") {
        return Some(
            "free some space where questions are put aside (TMPDIR), or give it more memory with --memory".into(),
        );
    }
    if message.contains("No such file") || message.contains("Object at location") {
        return Some("restore the missing file below lake/ from a backup; see `crowsnest doctor`".into());
    }
    if message.contains("No field named") || message.contains("not found") {
        return Some("see the tables and columns with `crowsnest sql \"SHOW COLUMNS FROM claims\"`".into());
    }
    None
}
