//! Whole-program tests of the `crowsnest` command: exit code, standard output and standard error.
//!
//! To add one: a function in the file of its kind; `support` makes the market and takes the snapshot.

#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect should stop")]

mod alerting;
mod answers;
mod backup;
mod bad_input;
#[cfg(feature = "cluster")]
mod cluster;
mod collecting;
mod crash;
mod deciding;
mod detecting;
mod errors;
mod example_market;
mod growing;
mod growing_experiments;
mod growing_kept;
mod matching;
mod names;
mod object_store;
mod own_figures;
mod people;
mod reconciling;
mod s3;
mod secrets;
mod stored_market;
mod support;
mod telling;
