//! What an import is asked to do, and what it did.

use std::path::PathBuf;

use serde::Serialize;

/// Rejects that the report shows itself; all are in the rejects file.
pub(crate) const FIRST_REJECTS_MAX: usize = 10;

/// What to import, and how.
#[derive(Debug, Clone, Default)]
pub struct ImportRequest {
    /// Paths, patterns, `file://` addresses, or `-` for standard input.
    pub inputs: Vec<String>,
    /// The source of rows that name none.
    pub source: Option<String>,
    /// A mapping file.
    pub mapping: Option<PathBuf>,
    /// A preset's mapping, by its name; its vendor is the source of rows that name none.
    pub preset: Option<String>,
    /// The text's encoding, for example `gb18030`; found by looking if `None`.
    pub encoding: Option<String>,
    /// The format, for example `csv`; found by looking if `None`.
    pub format: Option<String>,
    /// The import's own time, microseconds since 1970-01-01 UTC: what `recorded_at` says.
    pub now: i64,
    /// The day (days since 1970-01-01) that relative periods rest on and that nothing can have been said after; the day
    /// of `now` if `None`.
    pub today: Option<i32>,
    /// Whether everything counts as known only from now on, even if it was said earlier.
    pub is_known_now: bool,
    /// Whether to do everything but write.
    pub is_dry_run: bool,
    /// Whether to read files again that were already imported in full with the same mapping.
    pub is_again: bool,
    /// Whether a replay with another mapping corrects: claims of the document that it does not give are withdrawn.
    pub is_correction: bool,
}

impl ImportRequest {
    /// A request for some inputs at a time (microseconds since 1970-01-01 UTC), all else as usual.
    pub fn new(inputs: impl IntoIterator<Item = impl Into<String>>, now: i64) -> Self {
        Self { inputs: inputs.into_iter().map(Into::into).collect(), now, ..Self::default() }
    }
}

/// What became of an import. Every record is counted once:
/// `n_records = n_claims + n_events + n_rejects + n_blank`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportReport {
    /// Name of the import; its files in `reports/` begin with it.
    pub id: String,
    /// What became of each file.
    pub files: Vec<FileReport>,
    /// Records read; a row of a wide file is one for each of its figures.
    pub n_records: u64,
    /// Records that are claims.
    pub n_claims: u64,
    /// Claims that are new; after a dry run, that would be.
    pub n_added: u64,
    /// Claims that the lake, or an earlier row, had already.
    pub n_known: u64,
    /// Records that are events.
    pub n_events: u64,
    /// Claims that were withdrawn because a corrected mapping does not give them; after a dry run, that would be.
    pub n_withdrawn: u64,
    /// Events that are new; after a dry run, that would be.
    pub n_events_added: u64,
    /// Mentions that are new.
    pub n_mentions_added: u64,
    /// Records that could not be read; they are in the rejects file.
    pub n_rejects: u64,
    /// Records without anything in them, or passed over by the mapping's `[skip]`.
    pub n_blank: u64,
    /// Where the rejects are, if there are any.
    pub rejects_file: Option<PathBuf>,
    /// The first few of them.
    pub first_rejects: Vec<Reject>,
    /// Whether nothing was written.
    pub is_dry_run: bool,
    /// How long it took.
    pub seconds: f64,
}

impl ImportReport {
    pub(crate) fn add(&mut self, file: FileReport) {
        self.n_records += file.n_records;
        self.n_claims += file.n_claims;
        self.n_added += file.n_added;
        self.n_known += file.n_known;
        self.n_withdrawn += file.n_withdrawn;
        self.n_events += file.n_events;
        self.n_events_added += file.n_events_added;
        self.n_mentions_added += file.n_mentions_added;
        self.n_rejects += file.n_rejects;
        self.n_blank += file.n_blank;
        self.files.push(file);
    }
}

/// What became of one file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FileReport {
    /// The file as it was named.
    pub file: String,
    /// Its SHA-256 in the archive; empty after a dry run.
    pub document: String,
    /// Its size in bytes as it arrived.
    pub n_bytes: u64,
    /// Its format.
    pub format: &'static str,
    /// Its packing: plain, gzip or zstd.
    pub compression: &'static str,
    /// Its text's encoding; empty for formats that are not text.
    pub encoding: &'static str,
    /// Whether it had been imported in full with this mapping before, so that no row was read again.
    pub is_known_document: bool,
    /// Records read.
    pub n_records: u64,
    /// Records that are claims.
    pub n_claims: u64,
    /// Claims that are new; after a dry run, that would be.
    pub n_added: u64,
    /// Claims that were there already.
    pub n_known: u64,
    /// Records that are events.
    pub n_events: u64,
    /// Claims that were withdrawn because a corrected mapping does not give them; after a dry run, that would be.
    pub n_withdrawn: u64,
    /// Events that are new; after a dry run, that would be.
    pub n_events_added: u64,
    /// Mentions that are new.
    pub n_mentions_added: u64,
    /// Records that could not be read.
    pub n_rejects: u64,
    /// Records without anything in them, or passed over.
    pub n_blank: u64,
    /// What else there is to know of the file: columns that are not used, names that occur twice, no rows.
    pub notes: Vec<String>,
}

/// A record that could not be read: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The file as it was named.
    pub file: String,
    /// Line, row or element, from 1.
    pub record: u64,
    /// The column, or the field where no column gives it; empty for the whole record.
    pub column: String,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
    /// What to do.
    pub remedy: String,
    /// The whole record.
    pub row: String,
}
