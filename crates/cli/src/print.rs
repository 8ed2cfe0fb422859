//! The one place where anything is printed: answers to standard output, all else to standard error.
//!
//! A reader that went away is told as [`Failure::Output`]; what cannot be said on standard error is let go, because
//! there is nowhere else to say it.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

/// Writes bytes to standard output.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|source| Failure::Output { source })
}

/// Writes a text and the end of its line to standard output.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Whether standard output is a terminal.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether somebody types on standard input.
pub(crate) fn is_input_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Whether standard error is a terminal.
pub(crate) fn is_error_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Whether standard error is read by a program that expects JSON.
static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Says errors, hints and notes as JSON from now on, as the log is.
pub(crate) fn use_json(is_json: bool) {
    IS_JSON.store(is_json, Ordering::Relaxed);
}

/// An error, on standard error.
pub(crate) fn error(text: &str) {
    tell("error", "ERROR", text);
}

/// What to do about it.
pub(crate) fn hint(text: &str) {
    tell("hint", "INFO", text);
}

/// What the reader should know besides.
pub(crate) fn note(text: &str) {
    tell("note", "INFO", text);
}

fn tell(kind: &str, level: &str, text: &str) {
    if !IS_JSON.load(Ordering::Relaxed) {
        return aside(&format!("{kind}: {text}"));
    }
    let at = jiff::Timestamp::now().to_string();
    let line = serde_json::json!({ "timestamp": at, "level": level, "target": kind, "message": clean(text) });
    aside(&line.to_string());
}

/// A line on standard error.
pub(crate) fn aside(text: &str) {
    if writeln!(std::io::stderr().lock(), "{}", clean(text)).is_err() {
        tracing::trace!("standard error is closed");
    }
}

/// A question on standard error; what is answered stands behind it.
pub(crate) fn question(text: &str) {
    let mut out = std::io::stderr().lock();
    if write!(out, "{}", clean(text)).and_then(|()| out.flush()).is_err() {
        tracing::trace!("standard error is closed");
    }
}

/// Text from strangers without characters that steer a terminal; line ends and tabs become blanks but for `\n`.
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' => '\n',
            // Directional overrides reorder what follows them.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            character if character.is_control() => ' ',
            character => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn terminals_are_not_steered() {
        assert_eq!(super::clean("a\u{1b}[31mb\nc\td"), "a [31mb\nc d");
    }
}
