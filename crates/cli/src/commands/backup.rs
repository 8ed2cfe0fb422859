//! `crowsnest backup | restore`: a whole market into a folder or a file while others write, and back.

use std::path::{Path, PathBuf};

use clap::Args;
use crowsnest_lake::state::AuditLine;
use crowsnest_lake::{LakeError, backup, sealed};
use serde::Serialize;

use crate::context::{self, Context};
use crate::failure::{Done, Failure};
use crate::number;
use crate::options::Format;
use crate::print;

/// Copy the whole market as it is now into a folder or a file, while others go on writing
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest backup /backups/ai-2026-11-26.zip
  crowsnest backup /backups/ai-2026-11-26

Holds the configuration, each table at one version, the documents and the state, each file with its SHA-256. The secrets file
and who is logged in are left out; secrets that the market keeps stay encrypted, and their key is left out. A name that ends in .zip makes one file. Needs as much space as the market takes.")]
pub(crate) struct Backup {
    /// What to make: a file where it ends in .zip, else a folder
    #[arg(value_name = "FILE|FOLDER")]
    to: PathBuf,
}

/// Make a market of a backup, in a new folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  crowsnest restore /backups/ai-2026-11-26.zip restored
  crowsnest restore /backups/ai-2026-11-26.zip --check

Every byte is checked before anything is in its place. Put the secrets file back yourself. A market whose tables were in an object store
has them in its folder afterwards.")]
pub(crate) struct Restore {
    /// What `crowsnest backup` made
    #[arg(value_name = "FILE|FOLDER")]
    from: PathBuf,
    /// The market's folder: not there yet, or empty
    #[arg(required_unless_present = "check")]
    into: Option<PathBuf>,
    /// Only see whether every file is what was backed up
    #[arg(long, conflicts_with = "into")]
    check: bool,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let lake = context.lake().await?;
        let now = jiff::Timestamp::now().as_microsecond();
        let done = Box::pin(backup::back_up(&lake, &self.to, now)).await?;
        lake.state().note(&AuditLine {
            at: now,
            who: context::user(),
            action: "backup".into(),
            what: done.to.display().to_string(),
            via: "command".into(),
        })?;
        let words = format!(
            "{}: {} rows, {} documents, {} in {} files",
            done.to.display(),
            number::count(done.n_rows),
            number::count(done.n_documents as u64),
            number::bytes(done.n_bytes),
            number::count(done.n_files as u64)
        );
        tell(context, &done, &words)
    }
}

impl Restore {
    pub(crate) async fn run(self, context: &Context) -> Result<Done, Failure> {
        let restored = match &self.into {
            Some(into) => backup::restore(&self.from, into)?,
            None => backup::verify(&self.from)?,
        };
        if restored.was_in_store {
            context
                .note("its tables were in an object store and are in its folder now: see `storage` in crowsnest.toml");
        }
        if let Some(into) = &self.into {
            tell_of_secrets(context, into);
        }
        let what = self.into.as_ref().map_or("the backup is whole".to_owned(), |into| into.display().to_string());
        let words = format!(
            "{what}: market {:?}, {} rows, {} in {} files",
            restored.market,
            number::count(restored.n_rows),
            number::bytes(restored.n_bytes),
            number::count(restored.n_files as u64)
        );
        tell(context, &restored, &words)
    }
}

/// A backup holds secrets encrypted, and never their key.
fn tell_of_secrets(context: &Context, market: &Path) {
    let locked = sealed::locked(market);
    if let Some(why) = locked.values().next() {
        let names: Vec<&str> = locked.keys().map(String::as_str).collect();
        context.note(&format!("secrets that it keeps cannot be read ({}): {why}", names.join(", ")));
    }
}

fn tell(context: &Context, done: &impl Serialize, words: &str) -> Result<Done, Failure> {
    match context.format() {
        Format::Json | Format::Ndjson => print::line(&serde_json::to_string(done).map_err(LakeError::from)?)?,
        _ => print::line(&print::clean(words))?,
    }
    Ok(Done::Well)
}
