//! What the state of collecting holds, a type for each kind of line; moments are microseconds since 1970-01-01 UTC.

use serde::Serialize;

/// A document that is in the archive and not yet, or not yet surely, in the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Journalled {
    /// Number of the line; 0 before it is written.
    pub id: i64,
    /// The source, by its name.
    pub source: String,
    /// What was asked for, unique within the source.
    pub slot: String,
    /// SHA-256 of the body, hexadecimal.
    pub document: String,
    /// File name, for people and for patterns.
    pub name: String,
    /// Address it came from, without secrets.
    pub origin: String,
    /// How it is read, as TOML.
    pub recipe: String,
    /// Size of the body in bytes.
    pub n_bytes: u64,
    /// When it was fetched, microseconds since 1970-01-01 UTC.
    pub fetched_at: i64,
    /// Whether somebody said that it is right, so that it is not judged again.
    pub is_accepted: bool,
}

/// How far a source is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SourceProgress {
    /// What the connector goes on from.
    pub cursor: Option<String>,
    /// When it is due, microseconds since 1970-01-01 UTC; `None` before it was planned.
    pub next_run_at: Option<i64>,
    /// Not before this moment, whatever the schedule says: its server asked to wait, its budget is spent, or it failed.
    pub not_before: Option<i64>,
    /// Runs that failed since the last one that did not.
    pub n_failures: u32,
    /// When it was last run.
    pub last_run_at: Option<i64>,
    /// When a run last ended well.
    pub last_ok_at: Option<i64>,
    /// Why the last run failed; empty if it did not.
    pub last_error: String,
    /// When it was run for the first time.
    pub first_run_at: Option<i64>,
}

/// One run of one source.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SourceRun {
    /// Id of the run.
    pub run: String,
    /// The source.
    pub source: String,
    /// Microseconds since 1970-01-01 UTC.
    pub started_at: i64,
    /// The same; `None` while it runs, or where it was cut off.
    pub finished_at: Option<i64>,
    /// `running`, `done`, `failed`, `quarantined` or `stopped` (by a budget, or as its process ended).
    pub outcome: String,
    /// What there is to say of it.
    pub message: String,
    /// Requests that were answered.
    pub n_calls: u64,
    /// Documents that came in.
    pub n_documents: u64,
    /// Answers that were the same as before.
    pub n_unchanged: u64,
    /// Documents that went into quarantine.
    pub n_quarantined: u64,
    /// Bytes of the documents.
    pub n_bytes: u64,
    /// Claims read.
    pub n_claims: u64,
    /// Claims that are new.
    pub n_added: u64,
    /// Events that are new.
    pub n_events_added: u64,
    /// Records that could not be read.
    pub n_rejects: u64,
    /// What its calls cost, in the source's currency.
    pub cost: f64,
}

/// A document that was kept out of the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Quarantined {
    /// The document with how it was fetched.
    #[serde(flatten)]
    pub fetched: Journalled,
    /// Why, in a sentence.
    pub reason: String,
    /// What differs from the last good document, a line each with `+` or `-`.
    pub diff: String,
    /// Empty while open; else `accepted` or `dropped`.
    pub resolution: String,
}

/// What was spent on one source over some time.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Spent {
    /// Requests that were answered.
    pub n_calls: u64,
    /// Sum, in the source's currency.
    pub amount: f64,
}

/// What an answer said of itself, to ask only for changes next time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validator {
    /// `ETag`; may be empty.
    pub etag: String,
    /// `Last-Modified`; may be empty.
    pub last_modified: String,
}

/// A line of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LedgerLine {
    /// The source.
    pub source: String,
    /// When, microseconds since 1970-01-01 UTC.
    pub at: i64,
    /// `call`, `month` or `purchase`.
    pub kind: String,
    /// What it was for.
    pub what: String,
    /// Requests that were answered.
    pub n_calls: u64,
    /// The sum, in `currency`.
    pub amount: f64,
    /// ISO 4217 code.
    pub currency: String,
}
