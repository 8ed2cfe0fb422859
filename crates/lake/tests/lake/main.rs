//! The lake as a whole: appending, upkeep, and the questions.
//!
//! To add one: a function in the file of its kind; `support` makes markets from lines of text.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that meets what it did not expect should stop")]

mod append;
mod distinct;
mod questions;
mod sessions;
mod support;
