//! How far an import is, told to whoever draws it.

/// Something that shows how far an import is. Called from one place, a few times a second at most per block read.
pub trait Progress: Send + Sync {
    /// The size of what is read next, in bytes; `None` where it is not known (standard input).
    fn set_total_bytes(&self, n_bytes: Option<u64>);
    /// So many bytes and records more have been read.
    fn advance(&self, n_bytes: u64, n_records: u64);
    /// What is being done now, in a few words.
    fn message(&self, text: &str);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn set_total_bytes(&self, _n_bytes: Option<u64>) {}
    fn advance(&self, _n_bytes: u64, _n_records: u64) {}
    fn message(&self, _text: &str) {}
}
