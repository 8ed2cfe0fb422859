//! Form `file`: a line of JSON for each message, at the end of a file in the market's folder.

use std::path::{Component, PathBuf};

use async_trait::async_trait;
use crowsnest_lake::files;
use serde::Deserialize;
use serde_json::json;
use toml::Table;

use super::channel::{Channel, Letter, Refusal, Setting, options};

/// The form's options.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfFile {
    /// The file, below the market's folder.
    #[serde(default = "default_path")]
    path: PathBuf,
    #[serde(skip)]
    folder: PathBuf,
}

fn default_path() -> PathBuf {
    "alerts.log".into()
}

pub(super) fn read(table: Table, setting: Setting<'_>) -> Result<Box<dyn Channel>, String> {
    let mut form: OfFile = options(table)?;
    form.folder = setting.folder.to_owned();
    let is_below = form.path.components().all(|part| matches!(part, Component::Normal(_)));
    let is_log = form.path.extension().is_some_and(|ending| ending == "log" || ending == "ndjson");
    if !is_below || !is_log {
        return Err("path is a file below the market's folder that ends in .log or .ndjson".into());
    }
    Ok(Box::new(form))
}

#[async_trait]
impl Channel for OfFile {
    async fn send(&self, letter: &Letter<'_>) -> Result<String, Refusal> {
        let at = jiff::Timestamp::from_second(letter.at_seconds).map(|at| at.to_string()).unwrap_or_default();
        let message = letter.message;
        let line = json!({
            "at": at,
            "id": letter.id,
            "type": message.kind,
            "title": message.title,
            "text": message.plain(),
            "happenings": message.happenings,
        });
        files::append_line(&self.folder.join(&self.path), &line.to_string())
            .map_err(|error| Refusal::of(error.to_string()))?;
        Ok("written".into())
    }
}
