//! Resolving a market's names, what people decide, and taking it back: on markets made of a few lines.

#![expect(clippy::unwrap_used, reason = "a test that cannot make its market should stop")]

#[path = "resolving/support.rs"]
mod support;

#[path = "resolving/bad_input.rs"]
mod bad_input;
#[path = "resolving/decisions.rs"]
mod decisions;
#[path = "resolving/example_names.rs"]
mod example_names;
#[path = "resolving/resolution.rs"]
mod resolution;
