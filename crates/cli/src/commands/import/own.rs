//! `crowsnest import --own`: the card of a source says that its figures are the team's own.
//!
//! In: a market and a source's name, before the import. Out: a card in `sources/` that says `own = true`, so that its
//! rows are kept back wherever a card is asked. A card that is there keeps every line that it has.

use std::path::PathBuf;

use crowsnest_collect::ImportReport;
use crowsnest_lake::questions::{DocumentQuestion, document_sources};
use crowsnest_lake::{Lake, Market, SourceCard, files};

use crate::context::Context;
use crate::failure::Failure;

/// Sees to it that a source's card says that its figures are the team's own.
///
/// # Errors
/// For a source without a name, a card that says otherwise, and where the card cannot be written.
pub(super) fn mark(context: &Context, source: &str) -> Result<(), Failure> {
    let market = context.market()?;
    if source.trim().is_empty() {
        return Err(Failure::users("own figures need a source with a name", "name it with --source"));
    }
    // By the name that claims will bear: a card that only has this name for its file would not speak of them.
    let (path, text) = match market.source(source) {
        Some(card) if card.own => return Ok(()),
        Some(card) => {
            let path = market.dir.join(&card.path);
            let text = files::read_text(&path)?;
            (path, format!("own = true\n{text}"))
        }
        None => (free_path(&market, source), new_card(source)),
    };
    let shown = path.strip_prefix(&market.dir).unwrap_or(&path).display().to_string();
    if let Err(error) = toml::from_str::<SourceCard>(&text) {
        let message = format!("{shown} cannot be made to say own = true: {}", error.message());
        return Err(Failure::users(message, "write own = true into it, or import without --own"));
    }
    files::write_whole(&path, text.as_bytes())?;
    context.note(&format!(
        "{shown} says own = true now: figures of {source:?} stay here unless it says redistribute = true"
    ));
    Ok(())
}

fn new_card(source: &str) -> String {
    format!(
        "# Own figures: not passed on, unless redistribute = true stands here.\nname = {}\nown = true\n",
        toml::Value::from(source)
    )
}

/// A file for a card that no other card has.
fn free_path(market: &Market, source: &str) -> PathBuf {
    let folder = market.dir.join("sources");
    let letters = source.to_lowercase();
    let words: Vec<&str> =
        letters.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let stem = if words.is_empty() { "own".to_owned() } else { words.join("-") };
    let mut path = folder.join(format!("{stem}.toml"));
    let mut n = 2;
    while path.exists() {
        path = folder.join(format!("{stem}-{n}.toml"));
        n += 1;
    }
    path
}

/// Says which other sources the files have rows of: those are not marked.
///
/// # Errors
/// Where the tables cannot be read.
pub(super) async fn note_others(context: &Context, lake: &Lake, report: &ImportReport) -> Result<(), Failure> {
    lake.refresh().await?;
    for file in report.files.iter().filter(|file| !file.document.is_empty()) {
        let question = DocumentQuestion { document: file.document.clone() };
        let answer = Box::pin(document_sources(lake, &question)).await?;
        let named: Vec<Named> = answer.rows_as()?;
        let others: Vec<String> = named
            .into_iter()
            .map(|row| row.source)
            .filter(|source| lake.market().source(source).is_none_or(|card| !card.own))
            .collect();
        if !others.is_empty() {
            context.note(&format!(
                "rows of {} are of {}, which --own does not mark: where they are yours too, write own = true into its \
                 card",
                file.file,
                others.join(", ")
            ));
        }
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Named {
    source: String,
}
