//! Sources to documents to claims: reading what people send, mapping its columns, importing and replaying it.
//!
//! In: files of any common format, from a path, a pattern, standard input or the archive ([`import`], [`replay`]).
//! Out: rows of the tables `claims`, `events`, `mentions` and `documents`; rejects and a report in `reports/`.
//!
//! Invariants:
//! - A record is a claim, an event, a reject or blank, and counted as exactly one of them; none is lost.
//! - A claim's document is in the archive before the claim is in the lake; the document's row comes last. Importing
//!   again after a crash anywhere ends with the same claims.
//! - Text in an unknown encoding is refused; wrong bytes reject their row. Never mojibake.
//! - Queues are bounded and long records are skipped, so memory does not grow with the file.
//! - Reads no clock but to say how long it took: the caller gives the time. Writes only through the lake.
//!
//! Deliberately absent: judging whether two names are the same product (`identify`), and scheduling (`run`).
//!
//! To add a format: a file in `reading/`, a line in `reading/format.rs`. To add a field: a line in `mapping/field.rs`.
//! To add a case: a folder in `tests/cases/`. To add a mapping for a vendor's export: three files in `presets/`.

mod archive;
pub mod clock;
mod collecting;
pub mod connector;
pub mod connectors;
mod correction;
mod dry_run;
mod error;
mod fetch;
mod import;
mod infer;
mod jq;
mod mapping;
mod opened;
mod pipeline;
pub mod presets;
mod progress;
mod reading;
mod recipe;
mod record;
mod rejects;
mod replay;
mod report;
mod rows;
mod segments;
mod worker;

pub use clock::Clock;
pub use collecting::{CollectRequest, Collector, Due, SourceReport, Trial, Watch, WatchEvent, due, ready};
pub use error::{ImportError, Result};
pub use fetch::{PublicOnly, Secrets};
pub use import::import;
pub use infer::{LookOptions, infer};
pub use progress::{NoProgress, Progress};
pub use record::{Excerpt, ExcerptRecord, ExcerptRequest, read_excerpt};
pub use replay::{Replay, replay};
pub use report::{FileReport, ImportReport, ImportRequest, Reject};

/// This step in the flow.
pub static STEP: crowsnest_lake::Step = crowsnest_lake::Step {
    name: "collect",
    doc: "files and archived documents become claims and events",
    reads: &[],
    writes: &["documents", "mentions", "claims", "events"],
};
