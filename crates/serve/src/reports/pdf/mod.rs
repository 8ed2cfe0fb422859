//! Reports and digests as PDF, typeset in this process by the library of typst.
//!
//! In: a [`Paper`], which is a tree of words. Out: [`Printed`] bytes. Invariants: what comes from outside is data that one template
//! of ours places ([`world`] lets it read nothing else), so that no name or text is ever markup; the same paper and fonts give the
//! same bytes; a paper that is too long is refused before anything is set. To add an element: a [`paper::Node`] and its line in
//! `paper.typ`.

pub(crate) mod paper;
mod reading;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeSet;

use serde::Serialize;
use tokio::sync::Semaphore;
use typst::diag::SourceDiagnostic;
use typst::foundations::Smart;
use typst::layout::{Frame, FrameItem};
use typst_pdf::PdfOptions;

use crate::ServeError;
pub use paper::Paper;
use world::{Family, PaperWorld};

/// What is typeset in one go: some 200 pages of text, which take seconds.
const N_BYTES_MAX: usize = 1 << 20;
/// Characters without a glyph that are named.
const N_MISSING_MAX: usize = 12;

/// Setting type takes a core each: visitors wait for one another rather than slow down all pages.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The file.
    pub bytes: Vec<u8>,
    /// How many pages it has.
    pub n_pages: usize,
    /// Characters for which no font on this machine has a glyph, the first of them; empty boxes stand for them.
    pub missing: String,
}

impl Printed {
    /// What its reader should know and can mend.
    pub fn note(&self) -> Option<String> {
        let missing = &self.missing;
        (!missing.is_empty()).then(|| {
            format!(
                "no font on this machine has {missing}: install one that does (for Chinese the package fonts-noto-cjk), and make the \
                 PDF again"
            )
        })
    }
}

/// What the template reads.
#[derive(Serialize)]
struct Given<'a> {
    #[serde(flatten)]
    paper: &'a Paper,
    fonts: Vec<Family>,
    code_fonts: Vec<Family>,
}

/// Typesets a paper. Takes tens to hundreds of milliseconds of a thread of its own, and longer the first time, when the machine's
/// fonts are looked through.
///
/// # Errors
/// [`ServeError::BadRequest`] where it is too long.
pub async fn print_pdf(paper: Paper) -> Result<Printed, ServeError> {
    let permit = AT_ONCE.acquire().await.map_err(|error| ServeError::Paper(error.to_string()))?;
    let setting = tokio::task::spawn_blocking(move || {
        let printed = printed(&paper);
        drop(permit);
        printed
    });
    setting.await.map_err(|_| ServeError::Panicked)?
}

fn printed(paper: &Paper) -> Result<Printed, ServeError> {
    let (bytes, frames) = typeset(paper)?;
    let mut missing = BTreeSet::new();
    frames.iter().for_each(|frame| find_missing(frame, &mut missing));
    let missing = missing.into_iter().take(N_MISSING_MAX).map(String::from).collect::<Vec<_>>().join(" ");
    Ok(Printed { bytes, n_pages: frames.len(), missing })
}

/// The file, and its pages as they were laid out.
fn typeset(paper: &Paper) -> Result<(Vec<u8>, Vec<Frame>), ServeError> {
    let language = paper.language();
    let given = Given { paper, fonts: world::text_fonts(language), code_fonts: world::code_fonts(language) };
    let given = serde_json::to_vec(&given)?;
    if given.len() > N_BYTES_MAX {
        return Err(ServeError::bad_request(
            "that is too long for a PDF",
            "take it as Markdown or HTML, or make less of it: fewer days, lower limits, two reports",
        ));
    }
    let world = PaperWorld::new(given).map_err(|error| ServeError::Paper(error.to_string()))?;
    let made = typst::compile(&world);
    for warning in &made.warnings {
        tracing::debug!(warning = %warning.message, "typesetting");
    }
    let options = PdfOptions { creator: Smart::Custom(Some("Crowsnest".to_owned())), ..PdfOptions::default() };
    let document = made.output.map_err(|errors| failed(&errors))?;
    let bytes = typst_pdf::pdf(&document, &options).map_err(|errors| failed(&errors))?;
    let frames = document.pages().iter().map(|page| page.frame.clone()).collect();
    // What the compiler remembers of one paper is of no use to the next.
    typst::comemo::evict(0);
    Ok((bytes, frames))
}

fn failed(errors: &[SourceDiagnostic]) -> ServeError {
    ServeError::Paper(errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; "))
}

/// Characters that are shown as an empty box.
fn find_missing(frame: &Frame, missing: &mut BTreeSet<char>) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Group(group) => find_missing(&group.frame, missing),
            FrameItem::Text(run) => {
                for glyph in run.glyphs.iter().filter(|glyph| glyph.id == 0) {
                    let place = usize::from(glyph.range.start)..usize::from(glyph.range.end);
                    let characters = run.text.get(place).unwrap_or_default().chars();
                    missing.extend(characters.filter(|character| !character.is_whitespace()));
                }
            }
            _ => {}
        }
    }
}
